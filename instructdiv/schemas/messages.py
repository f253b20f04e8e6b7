"""Messages: the chat layout of OpenAI and TRL."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from instructdiv.errors import RowError
from instructdiv.schemas._base import (
    SYSTEM_COLUMNS,
    Schema,
    beside,
    has_turns,
    label_of,
    turns_of,
    with_system,
)
from instructdiv.schemas.conversation import (
    Conversation,
    Message,
    Row,
    is_empty,
    listed,
    message,
    read_calls,
    text,
    tool_call,
    tool_calls,
    tools,
    weight_of,
)

_REASONING = ("reasoning_content", "reasoning", "thinking")
_WORSE = ("rejected_messages", "rejected_response")


class Messages(Schema):
    """Column ``messages``: a list of mappings with ``role`` and ``content`` (OpenAI, TRL).

    Content is text, or a list of parts with ``text`` or ``value``. Tool calls are kept, also those
    in Anthropic's format, and so are images, audio and video, as ``parts``. Columns ``tools``,
    ``system``, and ``rejected_messages`` or ``rejected_response`` (ms-swift) are read too.

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
    """Column of the tools: a list, or JSON of one."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return has_turns(rows, self.column, "role")

    def read(self, row: Row) -> Conversation:
        said = with_system(row, read_turns(turns_of(row, self.column, "messages")))
        held = (row.get(column) for column in (self.tools_column, "functions"))
        callable_ = next((cell for cell in held if not is_empty(cell)), None)
        rejected, asked = _worse(row, said)
        return Conversation(said, tools(callable_), rejected, label_of(row), asked)

    def columns(self, row: Row) -> set[str]:
        beside = {self.tools_column, "functions", *SYSTEM_COLUMNS, *_WORSE}
        return {self.column, *beside} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        callable_ = {self.tools_column: conversation.tools} if conversation.tools else {}
        turns = [written_turn(said) for said in conversation.messages]
        return {self.column: turns} | callable_ | beside(conversation)

    def _asked_in(self) -> str:
        return f"a user turn of {self.column!r}"


def _worse(row: Row, said: list[Message]) -> tuple[list[Message] | None, int | None]:
    """Worse answer, and number of messages before both answers; None where unknown."""
    column = next((column for column in _WORSE if not is_empty(row.get(column))), None)
    if column is None:
        return None, None
    cell = listed(row[column])
    if isinstance(cell, str):
        return [message("assistant", cell)], None
    if not isinstance(cell, list | tuple) or not all(isinstance(t, Mapping) for t in cell):
        raise RowError(f"{column!r} is neither a text nor a list of messages: {cell!r:.80}")
    if column == "rejected_response":
        return read_turns(cell), None
    worse = with_system(row, read_turns(cell))
    alike = (one == other for one, other in zip(said[:-1], worse[:-1], strict=False))
    n_asked = sum(itertools.takewhile(bool, alike))
    return worse[n_asked:], n_asked


def read_turns(turns: Iterable[Mapping[str, Any]]) -> list[Message]:
    """Messages of turns; tool results inside a turn become messages.

    Raises
    ------
    RowError
        A role, a tool call or a weight has an unknown form.
    """
    said = []
    for turn in turns:
        content = turn.get("content")
        parts = content if isinstance(content, list | tuple) else []
        results = [part for part in parts if _is_result(part)]
        said += [
            message("tool", part.get("content"), tool_call_id=part.get("tool_use_id"))
            for part in results
        ]
        rest = [part for part in parts if not _is_result(part)]
        if rest or not results:
            said.append(read_turn({**turn, "content": rest} if results else turn))
    return said


def _is_result(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "tool_result"


def read_turn(turn: Mapping[str, Any]) -> Message:
    """One message of a turn; unknown keys are left out.

    Raises
    ------
    RowError
        Its role, tool calls or weight have an unknown form.
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
    """Content, reasoning and tool calls of a content of parts."""
    if not isinstance(content, list | tuple):
        return content, "", []
    said, thought, called = [], [], []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else "text"
        if kind in ("reasoning", "thinking"):
            thought.append(part.get("thinking", part))
        elif kind == "tool_use":
            called.append(tool_call(part.get("name"), part.get("input"), part.get("id")))
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
    """Text of messages that are a single message of this role with text only; else None."""
    plain = len(messages) == 1 and messages[0].keys() == {"role", "content"}
    return str(messages[0]["content"]) if plain and messages[0]["role"] == role else None


def written_turn(said: Message) -> dict[str, Any]:
    """A message as it is written: with images in its content, if any."""
    turn = {key: value for key, value in said.items() if key != "parts"}
    return turn | ({"content": said["parts"]} if "parts" in said else {})
