"""Prompt and completion, as texts or as messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from instructdiv.schemas.base import Message, Row, Schema, message


class PromptCompletion(Schema):
    """Columns ``prompt`` and ``completion``, each a text or a list of messages.

    Examples
    --------
    >>> PromptCompletion().messages({"prompt": "2 + 2 =", "completion": " 4"})
    [{'role': 'user', 'content': '2 + 2 ='}, {'role': 'assistant', 'content': ' 4'}]
    """

    rank = 40

    prompt_column: str = "prompt"
    """Column of the prompt."""

    completion_column: str = "completion"
    """Column of the completion."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return {self.prompt_column, self.completion_column} <= set(columns)

    def turns(self, row: Row) -> list[Message]:
        asked = _messages(row.get(self.prompt_column), "user")
        return asked + _messages(row.get(self.completion_column), "assistant")

    def _asked_in(self) -> str:
        return repr(self.prompt_column)


def _messages(cell: Any, role: str) -> list[Message]:
    if isinstance(cell, list) and all(isinstance(turn, Mapping) for turn in cell):
        return [message(turn.get("role"), turn.get("content")) for turn in cell]
    return [message(role, cell)]
