"""LLaMA-Factory v1: messages whose content is a list of typed values."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

from instructdiv.schemas._base import beside, first_turns, has_turns
from instructdiv.schemas.conversation import Conversation, Message, Row, is_shown, written_calls
from instructdiv.schemas.messages import Messages


class LlamaFactoryV1(Messages):
    """Column ``messages``, whose content is a list of ``type`` and ``value``; ``tools`` as JSON.

    A value is a text, a reasoning, a call of a tool as JSON, or a place of an image, sound or
    video. A message may have a ``loss_weight``.

    Examples
    --------
    >>> said = [{"type": "reasoning", "value": "2 and 2"}, {"type": "text", "value": "4"}]
    >>> LlamaFactoryV1().read({"messages": [{"role": "assistant", "content": said}]}).messages
    [{'role': 'assistant', 'content': '4', 'reasoning_content': '2 and 2'}]
    """

    rank = 9

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return has_turns(rows, self.column, "role") and _has_values(rows, self.column)

    def write(self, conversation: Conversation) -> dict[str, Any]:
        turns = [_written(said) for said in conversation.messages]
        written = json.dumps(conversation.tools, ensure_ascii=False)
        callable_ = {self.tools_column: written} if conversation.tools else {}
        return {self.column: turns} | callable_ | beside(conversation)

    @classmethod
    def of_columns(cls, named: Mapping[str, str]) -> Self | None:
        return None  # columns alone do not tell: that is messages, which reads values too


def _has_values(rows: Sequence[Row], column: str) -> bool:
    """Whether the first content of most rows is a list of parts with a value."""
    first = [said for said in first_turns(rows, column) if isinstance(said, Mapping)]
    return has_turns(first, "content", "value")


def _written(said: Message) -> dict[str, Any]:
    parts = []
    if said.get("reasoning_content"):
        parts.append({"type": "reasoning", "value": said["reasoning_content"]})
    if "parts" in said:
        parts += [_valued(part) for part in said["parts"]]
    elif said["content"]:
        parts.append({"type": "text", "value": said["content"]})
    calls = said.get("tool_calls", [])
    parts += [{"type": "tool_call", "value": written_calls([call])} for call in calls]
    weight = {"loss_weight": said["weight"]} if "weight" in said else {}
    empty = [{"type": "text", "value": ""}]
    return {"role": said["role"], "content": parts or empty} | weight


def _valued(part: Any) -> Any:
    """A part with its text as a value; what shows something stays as it is."""
    if not isinstance(part, Mapping):
        return {"type": "text", "value": part}
    if is_shown(part) or part.get("value") is not None:
        return part
    return {"type": "text", "value": part.get("text")}
