"""Dolly: instruction, context and response in columns."""

from collections.abc import Sequence

from instructdiv.schemas.base import Message, Row, Schema, exchange, text


class Dolly(Schema):
    """Columns ``instruction``, ``context`` and ``response``.

    Examples
    --------
    >>> row = {"instruction": "Who wrote it?", "context": "By Ada.", "response": "Ada"}
    >>> Dolly().messages(row)[0]["content"]
    'Who wrote it?\\n\\nBy Ada.'
    """

    rank = 20

    instruction_column: str = "instruction"
    """Column of the instruction."""

    context_column: str = "context"
    """Column of the passage that the instruction is about."""

    response_column: str = "response"
    """Column of the answer."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        wanted = {self.instruction_column, self.context_column, self.response_column}
        return wanted <= set(columns)

    def turns(self, row: Row) -> list[Message]:
        return exchange(
            row.get(self.instruction_column),
            row.get(self.context_column),
            row.get(self.response_column),
            row,
        )

    def instruction(self, row: Row) -> str:
        asked = text(row.get(self.instruction_column))
        return asked if asked.strip() else super().instruction(row)

    def _asked_in(self) -> str:
        return f"{self.instruction_column!r} and {self.context_column!r}"
