"""Dolly: instruction, context and response in columns."""

from collections.abc import Sequence
from typing import Any

from instructdiv.schemas.base import Schema, beside, exchange, joined, label_of, pairs_of
from instructdiv.schemas.conversation import Conversation, Row, text


class Dolly(Schema):
    """Columns ``instruction``, ``context`` and ``response``.

    Examples
    --------
    >>> row = {"instruction": "Who wrote it?", "context": "By Ada.", "response": "Ada"}
    >>> Dolly().messages(row)[0]["content"]
    'Who wrote it?\\n\\nBy Ada.'
    """

    rank = 49

    instruction_column: str = "instruction"
    """Column of the instruction."""

    context_column: str = "context"
    """Column of the passage that the instruction is about."""

    response_column: str = "response"
    """Column of the answer."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        wanted = {self.instruction_column, self.context_column, self.response_column}
        return wanted <= set(columns)

    def read(self, row: Row) -> Conversation:
        asked, about = row.get(self.instruction_column), row.get(self.context_column)
        messages = exchange(asked, about, row.get(self.response_column), row)
        return Conversation(messages, label=label_of(row), asked=len(messages) - 1)

    def columns(self, row: Row) -> set[str]:
        columns = {self.instruction_column, self.context_column, self.response_column}
        return (columns | {"system", "history"}) & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        system, rounds = pairs_of(conversation, self.name)
        *history, (asked, answered) = rounds
        return (
            ({"system": system} if system else {})
            | {self.instruction_column: asked, self.context_column: ""}
            | {self.response_column: answered}
            | ({"history": [list(one) for one in history]} if history else {})
            | beside(conversation)
        )

    def prompt(self, row: Row) -> str:
        asked = joined(row.get(self.instruction_column), row.get(self.context_column))
        return asked or super().prompt(row)

    def instruction(self, row: Row) -> str:
        asked = text(row.get(self.instruction_column))
        return asked if asked.strip() else super().instruction(row)

    def _asked_in(self) -> str:
        return f"{self.instruction_column!r} and {self.context_column!r}"
