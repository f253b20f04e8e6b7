"""Messages: the chat layout of OpenAI and TRL."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from instructdiv.errors import RowError
from instructdiv.schemas.base import Schema, beside, has_turns, label_of, turns_of
from instructdiv.schemas.conversation import (
    Conversation,
    Message,
    Row,
    is_empty,
    message,
    read_calls,
    text,
    tool_calls,
    tools,
    weight_of,
)

_REASONING = ("reasoning_content", "reasoning", "thinking")


class Messages(Schema):
    """Column ``messages``: a list of mappings with ``role`` and ``content``; ``tools`` beside.

    Content is text, or a list of parts with ``text`` or ``value``. Tool calls stay, and so do
    images, sounds and videos, as ``parts``.

    Examples
    --------
    >>> row = {"messages": [{"role": "user", "content": [{"type": "text", "value": "Hi"}]}]}
    >>> Messages().messages(row)
    [{'role': 'user', 'content': 'Hi'}]
    """

    rank = 10
    optional: ClassVar[frozenset[str]] = frozenset({"tools_column"})

    column: str = "messages"
    """Column of the conversation."""

    tools_column: str = "tools"
    """Column of what the assistant may call: a list, or JSON of one."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return has_turns(rows, self.column, "role")

    def read(self, row: Row) -> Conversation:
        turns = turns_of(row, self.column, "messages")
        held = (row.get(column) for column in (self.tools_column, "functions"))
        callable_ = next((cell for cell in held if not is_empty(cell)), None)
        return Conversation(
            [read_turn(turn) for turn in turns], tools(callable_), None, label_of(row)
        )

    def columns(self, row: Row) -> set[str]:
        return {self.column, self.tools_column, "functions"} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        callable_ = {self.tools_column: conversation.tools} if conversation.tools else {}
        turns = [written_turn(said) for said in conversation.messages]
        return {self.column: turns} | callable_ | beside(conversation)

    def _asked_in(self) -> str:
        return f"a user turn of {self.column!r}"


def read_turn(turn: Mapping[str, Any]) -> Message:
    """One message, without the keys that say nothing here.

    Raises
    ------
    RowError
        Its role, its calls or its weight are of no known form.
    """
    shown, thought, called = _divided(turn.get("content"))
    calls = read_calls(turn.get("tool_calls")) + called
    if not calls:  # as it was before there were several
        calls = read_calls(turn.get("function_call"))
    return message(
        turn.get("role"),
        shown,
        tool_calls=calls,
        tool_call_id=turn.get("tool_call_id"),
        name=turn.get("name"),
        reasoning_content=next((text(turn[key]) for key in _REASONING if turn.get(key)), thought),
        weight=weight_of(turn),
    )


def _divided(content: Any) -> tuple[Any, str, list[dict[str, Any]]]:
    """What is said or shown, what is thought, and what is called, of a content of parts."""
    if not isinstance(content, list | tuple):
        return content, "", []
    said, thought, called = [], [], []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else "text"
        if kind == "reasoning":
            thought.append(part)
        elif kind == "tool_call":
            called += _calls_in(part)
        else:
            said.append(part)
    return said, text(thought), called


def _calls_in(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    calls = tool_calls(part.get("value"))
    if calls is None:
        raise RowError(
            f"a tool_call is not JSON of a name and arguments: {part.get('value')!r:.80}"
        )
    return calls


def plain_text(messages: Sequence[Message], role: str) -> str | None:
    """The text of messages that are one of this role, and no more than text; else None."""
    plain = len(messages) == 1 and messages[0].keys() == {"role", "content"}
    return str(messages[0]["content"]) if plain and messages[0]["role"] == role else None


def written_turn(said: Message) -> dict[str, Any]:
    """A message as it is written: its content with images, where there are any."""
    turn = {key: value for key, value in said.items() if key != "parts"}
    return turn | ({"content": said["parts"]} if "parts" in said else {})
