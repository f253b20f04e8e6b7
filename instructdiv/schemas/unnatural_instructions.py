"""Unnatural Instructions: an instruction, and instances with constraints."""

from collections.abc import Sequence
from typing import Any

from instructdiv.schemas._base import beside, has_turns, joined, only_round
from instructdiv.schemas.conversation import Conversation, Row, text
from instructdiv.schemas.self_instruct import SelfInstruct

_NO_CONSTRAINTS = {"", "none", "none."}


class UnnaturalInstructions(SelfInstruct):
    """Columns ``instruction`` and ``instances``, each with ``constraints`` on the output too.

    An instance's ``instruction_with_input`` is what is asked, where it has one. Constraints
    that are none say nothing.

    Examples
    --------
    >>> given = {"input": "1 + 1", "constraints": "Use a word.", "output": "two"}
    >>> row = {"instruction": "Add.", "instances": [given]}
    >>> UnnaturalInstructions().messages(row)[0]["content"]
    'Add.\\n\\n1 + 1\\n\\nUse a word.'
    """

    rank = 31

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        told = has_turns(rows, self.instances_column, "constraints")
        return told and super().matches(columns, rows)

    def write(self, conversation: Conversation) -> dict[str, Any]:
        asked, answered = only_round(conversation, self.name)
        instance = {
            "instruction_with_input": asked,
            "input": "",
            "constraints": "None.",
            "output": answered,
        }
        row = {self.instruction_column: asked, self.instances_column: [instance]}
        return row | beside(conversation)

    def prompt(self, row: Row) -> str:
        instance = self._instance(row)
        whole = text(instance.get("instruction_with_input"))
        constraints = text(instance.get("constraints"))
        told = "" if constraints.strip().lower() in _NO_CONSTRAINTS else constraints
        return joined(whole if whole.strip() else super().prompt(row), told)
