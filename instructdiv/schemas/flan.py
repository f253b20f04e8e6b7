"""FLAN: inputs and targets in columns."""

from collections.abc import Sequence
from typing import Any

from instructdiv.schemas._base import Schema, beside, exchange, has, label_of, only_round
from instructdiv.schemas.conversation import Conversation, Row


class Flan(Schema):
    """Columns ``inputs`` and ``targets``, texts that are taken as they are.

    Examples
    --------
    >>> Flan().messages({"inputs": "2 + 2 =\\n", "targets": "4"})[0]
    {'role': 'user', 'content': '2 + 2 =\\n'}
    """

    rank = 40

    inputs_column: str = "inputs"
    """Column of the prompt."""

    targets_column: str = "targets"
    """Column of the answer."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return self.targets_column in columns and has(rows, self.inputs_column, str)

    def read(self, row: Row) -> Conversation:
        messages = exchange(row.get(self.inputs_column), None, row.get(self.targets_column), {})
        return Conversation(messages, label=label_of(row), asked=1)

    def columns(self, row: Row) -> set[str]:
        return {self.inputs_column, self.targets_column} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        asked, answered = only_round(conversation, self.name)
        row = {self.inputs_column: asked, self.targets_column: answered}
        return row | beside(conversation)

    def _asked_in(self) -> str:
        return repr(self.inputs_column)
