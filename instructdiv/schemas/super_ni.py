"""Super-NaturalInstructions: a definition of the task, and its instances."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from instructdiv.errors import RowError
from instructdiv.schemas._base import (
    Schema,
    beside,
    exchange,
    has,
    has_turns,
    joined,
    label_of,
    only_round,
)
from instructdiv.schemas.conversation import Conversation, Row, listed, text

_INSTANCES = "Instances"


class SuperNi(Schema):
    """Columns of the definition, the input and the output, or the object of a whole task.

    The answer is the first of several outputs. A task's file gives one record for each of its
    ``Instances``, with all that is said of the task.

    Examples
    --------
    >>> row = {"definition": ["Add."], "input": "1 + 1", "output": ["2", "two"]}
    >>> SuperNi().messages(row)
    [{'role': 'user', 'content': 'Add.\\n\\n1 + 1'}, {'role': 'assistant', 'content': '2'}]
    >>> task = {"Definition": ["Add."], "Instances": [{"input": "1 + 1", "output": ["2"]}]}
    >>> list(SuperNi().unfold([task]))
    [(0, {'Definition': ['Add.'], 'input': '1 + 1', 'output': ['2']})]
    """

    rank = 30
    unfolds = True

    definition_columns: tuple[str, ...] = ("definition", "Definition")
    """Columns of what is to be done, a text or a list of these."""

    input_columns: tuple[str, ...] = ("input", "inputs")
    """Columns of what it is to be done with."""

    output_columns: tuple[str, ...] = ("output", "outputs", "target", "targets")
    """Columns of the answer, a text or a list of these; the first that a record has is read."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        def some(names: Sequence[str]) -> bool:
            return any(name in columns for name in names)

        if not any(has(rows, column, (str, list)) for column in self.definition_columns):
            return False
        is_file = any(has_turns(rows, _INSTANCES, "input", name) for name in self.output_columns)
        return is_file or (some(self.input_columns) and some(self.output_columns))

    def read(self, row: Row) -> Conversation:
        if _INSTANCES in row and _first(row, self.input_columns) not in row:
            found = (one for _, one in self.unfold([row]) if _INSTANCES not in one)
            row = next(found, {})
            if not row:
                raise RowError(f"{_INSTANCES!r} holds no instance with an input")
        definition, about, output = self._names(row)
        answers = row.get(output)
        if isinstance(answers, list | tuple):
            answers = answers[0] if answers else None
        messages = exchange(row.get(definition), row.get(about), answers, {})
        return Conversation(messages, label=label_of(row), asked=1)

    def columns(self, row: Row) -> set[str]:
        return {*self._names(row), _INSTANCES} & row.keys()

    def like(self, row: Row) -> Self:
        fields = "definition_columns", "input_columns", "output_columns"
        named = zip(fields, self._names(row), strict=True)
        return self.model_copy(update={field: (column,) for field, column in named})

    def write(self, conversation: Conversation) -> dict[str, Any]:
        asked, answered = only_round(conversation, self.name)
        row = {
            self.definition_columns[0]: [asked],
            self.input_columns[0]: "",
            self.output_columns[0]: [answered],
        }
        return row | beside(conversation)

    def unfold(self, rows: Sequence[Row]) -> Iterable[tuple[int, Row]]:
        for place, row in enumerate(rows):
            instances = listed(row.get(_INSTANCES))
            if not isinstance(instances, list | tuple) or not instances:
                yield place, row
                continue
            task = {key: value for key, value in row.items() if key != _INSTANCES}
            for instance in instances:
                fit = isinstance(instance, Mapping)
                yield place, task | (instance if fit else {_INSTANCES: [instance]})

    def prompt(self, row: Row) -> str:
        definition, about, _ = self._names(row)
        return joined(row.get(definition), row.get(about)) or super().prompt(row)

    def instruction(self, row: Row) -> str:
        definition = text(row.get(self._names(row)[0]))
        return definition if definition.strip() else super().instruction(row)

    def _names(self, row: Row) -> tuple[str, str, str]:
        """The columns of a row for the definition, the input and the output."""
        return (
            _first(row, self.definition_columns),
            _first(row, self.input_columns),
            _first(row, self.output_columns),
        )

    def _asked_in(self) -> str:
        return f"{self.definition_columns[0]!r} and {self.input_columns[0]!r}"


def _first(row: Row, columns: Sequence[str]) -> str:
    return next((column for column in columns if row.get(column) is not None), columns[0])
