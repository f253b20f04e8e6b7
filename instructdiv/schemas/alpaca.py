"""Alpaca: instruction, input and output in columns."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from instructdiv.schemas._base import (
    Schema,
    exchange,
    in_columns,
    joined,
    label_of,
)
from instructdiv.schemas.conversation import Conversation, Row, text

_NO_INPUT = {"", "<noinput>", "n/a", "none", "no input", "<no input>"}


class Alpaca(Schema):
    """Columns ``instruction``, ``input`` (may be missing) and ``output`` or ``response``.

    Columns ``system`` and ``history``, a list of [question, answer], come before.

    Examples
    --------
    >>> Alpaca().messages({"instruction": "Add.", "input": "1 + 1", "output": "2"})[0]
    {'role': 'user', 'content': 'Add.\\n\\n1 + 1'}
    """

    rank = 50
    optional: ClassVar[frozenset[str]] = frozenset({"input_column"})

    instruction_column: str = "instruction"
    """Column of the instruction."""

    input_column: str = "input"
    """Column of what the instruction is about."""

    output_columns: tuple[str, ...] = ("output", "response")
    """Columns of the answer; the first that a record has is read."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return self.instruction_column in columns and any(c in columns for c in self.output_columns)

    def read(self, row: Row) -> Conversation:
        asked, answered = row.get(self.instruction_column), row.get(self._output(row))
        messages = exchange(asked, self._about(row), answered, row)
        return Conversation(messages, label=label_of(row), asked=len(messages) - 1)

    def columns(self, row: Row) -> set[str]:
        read = {self.instruction_column, self.input_column, self._output(row), "system", "history"}
        return read & row.keys()

    def like(self, row: Row) -> Self:
        return self.model_copy(update={"output_columns": (self._output(row),)})

    def write(self, conversation: Conversation) -> dict[str, Any]:
        columns = self.instruction_column, self.input_column, self.output_columns[0]
        return in_columns(conversation, self.name, *columns)

    def prompt(self, row: Row) -> str:
        return joined(row.get(self.instruction_column), self._about(row)) or super().prompt(row)

    def instruction(self, row: Row) -> str:
        asked = text(row.get(self.instruction_column))
        return asked if asked.strip() else super().instruction(row)

    def _output(self, row: Row) -> str:
        answers = (column for column in self.output_columns if row.get(column) is not None)
        return next(answers, self.output_columns[0])

    def _about(self, row: Row) -> str:
        about = text(row.get(self.input_column))
        return "" if about.strip().lower() in _NO_INPUT else about

    def _asked_in(self) -> str:
        return f"{self.instruction_column!r} and {self.input_column!r}"
