"""ShareGPT: conversations of from and value."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

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
    message,
    spoken,
    tool_calls,
    tools,
    weight_of,
    written_calls,
)

_ROLES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


class Sharegpt(Schema):
    """Column ``conversations``: a list of mappings with ``from`` and ``value``.

    Columns ``system`` or ``system_prompt``, and ``tools``, a list or JSON of one, may stand beside.

    Examples
    --------
    >>> Sharegpt().messages({"conversations": [{"from": "human", "value": "Hi"}]})
    [{'role': 'user', 'content': 'Hi'}]
    """

    rank = 12

    column: str = "conversations"
    """Column of the conversation."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return self.column in columns and has_turns(rows, self.column, "from")

    def read(self, row: Row) -> Conversation:
        said = with_system(row, [read_turn(turn) for turn in turns_of(row, self.column)])
        return Conversation(said, tools(row.get("tools")), None, label_of(row))

    def columns(self, row: Row) -> set[str]:
        return {self.column, "tools", *SYSTEM_COLUMNS} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        turns = [turn for said in conversation.messages for turn in written_turns(said)]
        callable_ = [tool.get("function", tool) for tool in conversation.tools]
        written = {"tools": json.dumps(callable_, ensure_ascii=False)} if callable_ else {}
        return {self.column: turns} | written | beside(conversation)

    def _asked_in(self) -> str:
        return f"a human turn of {self.column!r}"


def read_turn(turn: Mapping[str, Any]) -> Message:
    """One turn as a message; a call of a tool as such, if it is written as one."""
    role, value = turn.get("from"), turn.get("value")
    if role == "function_call" and (calls := tool_calls(value)) is not None:
        return message("assistant", "", tool_calls=calls, weight=weight_of(turn))
    return message(role, value, weight=weight_of(turn))


def written_turns(said: Message) -> list[dict[str, Any]]:
    """A message as a turn, or two: what it says, and what it calls.

    Raises
    ------
    RowError
        It shows more than text.
    """
    if said.get("parts"):
        raise RowError("the layout sharegpt has no field for images, audio or video")
    if said["role"] == "assistant" and not said.get("weight", 1):
        raise RowError("the layout sharegpt has no field for answers excluded from training")
    calls = said.get("tool_calls")
    plain = {key: value for key, value in said.items() if key != "tool_calls"}
    turns = [{"from": _ROLES[said["role"]], "value": spoken(plain)}]
    if not calls:
        return turns
    call = {"from": "function_call", "value": written_calls(calls)}
    return [call] if not turns[0]["value"] else [*turns, call]
