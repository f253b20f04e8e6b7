"""Nemotron post-training data: messages as input, a text as output."""

from collections.abc import Sequence
from typing import Any, ClassVar

from instructdiv.errors import RowError
from instructdiv.schemas._base import Schema, beside, has_turns, label_of, only_text, system_of
from instructdiv.schemas.conversation import Conversation, Row, message
from instructdiv.schemas.messages import written_turn
from instructdiv.schemas.preference import read_messages


class Nemotron(Schema):
    """Columns ``input``, messages or a text, ``output``, a text, and ``system_prompt``.

    What is thought stands in the output, between ``<think>`` and ``</think>``, and stays there.

    Examples
    --------
    >>> row = {"input": [{"role": "user", "content": "2 + 2?"}], "output": "<think></think>4"}
    >>> Nemotron().messages(row)[1]
    {'role': 'assistant', 'content': '<think></think>4'}
    """

    rank = 33
    sparse: ClassVar[frozenset[str]] = frozenset({"system_prompt"})

    input_column: str = "input"
    """Column of the messages before the answer."""

    output_column: str = "output"
    """Column of the answer."""

    system_column: str = "system_prompt"
    """Column of the system text."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        if "instruction" in columns or not {self.input_column, self.output_column} <= set(columns):
            return False
        return self.system_column in columns or has_turns(rows, self.input_column, "role")

    def read(self, row: Row) -> Conversation:
        asked = read_messages(row.get(self.input_column), "user")
        if [said["role"] for said in asked[:1]] != ["system"]:
            asked = system_of(row, self.system_column) + asked
        answer = message("assistant", row.get(self.output_column))
        return Conversation([*asked, answer], label=label_of(row), asked=len(asked))

    def columns(self, row: Row) -> set[str]:
        return {self.input_column, self.output_column, self.system_column} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        asked, answered = conversation.prompt, conversation.completion
        if len(answered) != 1 or answered[0]["role"] != "assistant":
            raise RowError(
                f"the layout {self.name} has a place for one answer, not {len(answered)}"
            )
        system = ""
        begun = [said["role"] for said in asked[:2]]
        if begun[:1] == ["system"] and begun[1:] != ["system"]:
            system, asked = only_text(asked[0], self.name), asked[1:]
        row = {
            self.input_column: [written_turn(said) for said in asked],
            self.output_column: only_text(answered[0], self.name),
            self.system_column: system,
        }
        return row | beside(conversation)

    def _asked_in(self) -> str:
        return repr(self.input_column)
