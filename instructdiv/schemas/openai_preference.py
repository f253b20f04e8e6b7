"""OpenAI's preference layout: an input, a preferred output and another."""

from collections.abc import Mapping, Sequence
from typing import Any

from instructdiv.errors import RowError
from instructdiv.schemas._base import Schema, has, turns_of
from instructdiv.schemas.conversation import Conversation, Row, tools
from instructdiv.schemas.messages import read_turns, written_turn
from instructdiv.schemas.preference import written_preference


class OpenaiPreference(Schema):
    """Columns ``input``, with ``messages`` and ``tools``, and two outputs, lists of messages.

    Examples
    --------
    >>> row = {
    ...     "input": {"messages": [{"role": "user", "content": "2 + 2?"}]},
    ...     "preferred_output": [{"role": "assistant", "content": "4"}],
    ...     "non_preferred_output": [{"role": "assistant", "content": "5"}],
    ... }
    >>> OpenaiPreference().messages(row)[-1]
    {'role': 'assistant', 'content': '4'}
    """

    rank = 1

    input_column: str = "input"
    """Column of what comes before the answers."""

    preferred_column: str = "preferred_output"
    """Column of the better answer."""

    non_preferred_column: str = "non_preferred_output"
    """Column of the worse answer."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        wanted = {self.preferred_column, self.non_preferred_column}
        return wanted <= set(columns) and has(rows, self.input_column, Mapping)

    def read(self, row: Row) -> Conversation:
        given = row.get(self.input_column)
        if not isinstance(given, Mapping):
            raise RowError(f"{self.input_column!r} is not a mapping of messages: {given!r:.80}")
        asked, chosen, rejected = (
            read_turns(turns_of(held, column, "messages"))
            for held, column in (
                (given, "messages"),
                (row, self.preferred_column),
                (row, self.non_preferred_column),
            )
        )
        callable_ = tools(given.get("tools"))
        return Conversation(asked + chosen, callable_, rejected, asked=len(asked))

    def columns(self, row: Row) -> set[str]:
        read = {self.input_column, self.preferred_column, self.non_preferred_column}
        return read & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        asked, chosen, rejected = (
            [written_turn(said) for said in part]
            for part in written_preference(conversation, self.name)
        )
        callable_ = {"tools": conversation.tools} if conversation.tools else {}
        return {
            self.input_column: {"messages": asked} | callable_,
            self.preferred_column: chosen,
            self.non_preferred_column: rejected,
        }

    def _asked_in(self) -> str:
        return f"the messages of {self.input_column!r}"
