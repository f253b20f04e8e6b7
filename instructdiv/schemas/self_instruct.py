"""Self-Instruct: an instruction and its instances."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from instructdiv.errors import RowError
from instructdiv.schemas._base import (
    Schema,
    beside,
    exchange,
    has_turns,
    joined,
    label_of,
    only_round,
)
from instructdiv.schemas.conversation import Conversation, Row, listed, text


class SelfInstruct(Schema):
    """Columns ``instruction`` and ``instances``: a list of mappings of ``input`` and ``output``.

    A record with several instances is as many conversations.

    Examples
    --------
    >>> row = {"instruction": "Add.", "instances": [{"input": "1 + 1", "output": "2"}]}
    >>> SelfInstruct().messages(row)[0]
    {'role': 'user', 'content': 'Add.\\n\\n1 + 1'}
    """

    rank = 32
    unfolds = True

    instruction_column: str = "instruction"
    """Column of the instruction."""

    instances_column: str = "instances"
    """Column of what it is about, and of the answers."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        held = has_turns(rows, self.instances_column, "input", "output")
        return held and self.instruction_column in columns

    def read(self, row: Row) -> Conversation:
        instance = self._instance(row)
        messages = exchange(self.prompt(row), None, instance.get("output"), {})
        return Conversation(messages, label=label_of(row), asked=1)

    def columns(self, row: Row) -> set[str]:
        return {self.instruction_column, self.instances_column} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        asked, answered = only_round(conversation, self.name)
        instance = {"input": "", "output": answered}
        row = {self.instruction_column: asked, self.instances_column: [instance]}
        return row | beside(conversation)

    def unfold(self, rows: Sequence[Row]) -> Iterable[tuple[int, Row]]:
        for place, row in enumerate(rows):
            instances = listed(row.get(self.instances_column))
            if not isinstance(instances, list | tuple) or len(instances) < 2:
                yield place, row
                continue
            for instance in instances:
                yield place, {**row, self.instances_column: [instance]}

    def prompt(self, row: Row) -> str:
        return joined(row.get(self.instruction_column), self._instance(row).get("input"))

    def instruction(self, row: Row) -> str:
        asked = text(row.get(self.instruction_column))
        return asked if asked.strip() else self.prompt(row)

    def _instance(self, row: Row) -> Mapping[str, Any]:
        """The first instance of a row."""
        instances = listed(row.get(self.instances_column))
        first = instances[0] if isinstance(instances, list | tuple) and instances else None
        if not isinstance(first, Mapping):
            raise RowError(f"{self.instances_column!r} holds no instance: {instances!r:.80}")
        return first

    def _asked_in(self) -> str:
        return f"{self.instruction_column!r} and the input of {self.instances_column!r}"
