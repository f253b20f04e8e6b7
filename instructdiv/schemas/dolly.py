"""Dolly: instruction, context and response in columns."""

from collections.abc import Sequence
from typing import Any, ClassVar

from instructdiv.schemas._base import Schema, exchange, has, in_columns, joined, label_of
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
    sparse: ClassVar[frozenset[str]] = frozenset({"context"})

    instruction_column: str = "instruction"
    """Column of the instruction."""

    context_column: str = "context"
    """Column of the passage that the instruction is about."""

    response_column: str = "response"
    """Column of the answer."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        wanted = {self.instruction_column, self.context_column, self.response_column}
        # Where nothing is in the context, another layout may have an input instead.
        about = "input" not in columns or has(rows, self.context_column, object)
        return about and wanted <= set(columns)

    def read(self, row: Row) -> Conversation:
        asked, about = row.get(self.instruction_column), row.get(self.context_column)
        messages = exchange(asked, about, row.get(self.response_column), row)
        return Conversation(messages, label=label_of(row), asked=len(messages) - 1)

    def columns(self, row: Row) -> set[str]:
        columns = {self.instruction_column, self.context_column, self.response_column}
        return (columns | {"system", "history"}) & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        columns = self.instruction_column, self.context_column, self.response_column
        return in_columns(conversation, self.name, *columns)

    def prompt(self, row: Row) -> str:
        asked = joined(row.get(self.instruction_column), row.get(self.context_column))
        return asked or super().prompt(row)

    def instruction(self, row: Row) -> str:
        asked = text(row.get(self.instruction_column))
        return asked if asked.strip() else super().instruction(row)

    def _asked_in(self) -> str:
        return f"{self.instruction_column!r} and {self.context_column!r}"
