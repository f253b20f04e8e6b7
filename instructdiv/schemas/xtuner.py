"""XTuner: rounds of an input and an output."""

from collections.abc import Sequence
from typing import Any

from instructdiv.schemas._base import (
    SYSTEM_COLUMNS,
    Schema,
    beside,
    has_turns,
    label_of,
    pairs_of,
    system_of,
    turns_of,
    with_system,
)
from instructdiv.schemas.conversation import Conversation, Message, Row, message


class Xtuner(Schema):
    """Column ``conversation``: a list of rounds with ``input`` and ``output``, and ``system``.

    Examples
    --------
    >>> Xtuner().messages({"conversation": [{"input": "Hi", "output": "Hello"}]})
    [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Hello'}]
    """

    rank = 15

    column: str = "conversation"
    """Column of the rounds."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return has_turns(rows, self.column, "input", "output")

    def read(self, row: Row) -> Conversation:
        said: list[Message] = []
        for turn in turns_of(row, self.column, "rounds"):
            asked = message("user", turn.get("input")), message("assistant", turn.get("output"))
            said += [*system_of(turn), *asked]
        return Conversation(with_system(row, said), label=label_of(row))

    def columns(self, row: Row) -> set[str]:
        return {self.column, *SYSTEM_COLUMNS} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        system, pairs = pairs_of(conversation, self.name)
        rounds = [{"input": asked, "output": answered} for asked, answered in pairs]
        if system:
            rounds[0] = {"system": system} | rounds[0]
        return {self.column: rounds} | beside(conversation)

    def _asked_in(self) -> str:
        return f"an input of {self.column!r}"
