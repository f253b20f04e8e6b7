"""Alpaca: instruction, input and output in columns."""

from collections.abc import Sequence

from instructdiv.schemas.base import Message, Row, Schema, exchange, text

_NO_INPUT = {"", "<noinput>", "n/a", "none", "no input", "<no input>"}


class Alpaca(Schema):
    """Columns ``instruction``, ``input`` (may be missing) and ``output`` or ``response``.

    Columns ``system`` and ``history``, a list of [question, answer], come before.

    Examples
    --------
    >>> Alpaca().messages({"instruction": "Add.", "input": "1 + 1", "output": "2"})[0]
    {'role': 'user', 'content': 'Add.\\n\\n1 + 1'}
    """

    rank = 30

    instruction_column: str = "instruction"
    """Column of the instruction."""

    input_column: str = "input"
    """Column of what the instruction is about."""

    output_columns: tuple[str, ...] = ("output", "response")
    """Columns of the answer; the first that a record has is read."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return self.instruction_column in columns and any(c in columns for c in self.output_columns)

    def turns(self, row: Row) -> list[Message]:
        about = text(row.get(self.input_column))
        answers = (row[column] for column in self.output_columns if row.get(column) is not None)
        return exchange(
            row.get(self.instruction_column),
            "" if about.strip().lower() in _NO_INPUT else about,
            next(answers, ""),
            row,
        )

    def instruction(self, row: Row) -> str:
        asked = text(row.get(self.instruction_column))
        return asked if asked.strip() else super().instruction(row)

    def _asked_in(self) -> str:
        return f"{self.instruction_column!r} and {self.input_column!r}"
