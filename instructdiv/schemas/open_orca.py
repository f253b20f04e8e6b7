"""OpenOrca: system prompt, question and response in columns."""

from collections.abc import Sequence
from typing import Any, ClassVar

from instructdiv.schemas._base import Schema, beside, exchange, has, label_of, one_round
from instructdiv.schemas.conversation import Conversation, Row


class OpenOrca(Schema):
    """Columns ``system_prompt`` (may be missing), ``question`` and ``response``.

    Examples
    --------
    >>> row = {"system_prompt": "Be brief.", "question": "2 + 2?", "response": "4"}
    >>> OpenOrca().messages(row)[0]
    {'role': 'system', 'content': 'Be brief.'}
    """

    rank = 45
    optional: ClassVar[frozenset[str]] = frozenset({"system_column"})

    system_column: str = "system_prompt"
    """Column of the system text."""

    question_column: str = "question"
    """Column of the question."""

    response_column: str = "response"
    """Column of the answer."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        # Beside an answer, a response is that of some model, unless a system prompt says more.
        alone = "answer" not in columns or has(rows, self.system_column, str)
        asked = has(rows, self.question_column, str)
        return alone and asked and self.response_column in columns

    def read(self, row: Row) -> Conversation:
        before = {"system": row.get(self.system_column)}
        asked, answered = row.get(self.question_column), row.get(self.response_column)
        messages = exchange(asked, None, answered, before)
        return Conversation(messages, label=label_of(row), asked=len(messages) - 1)

    def columns(self, row: Row) -> set[str]:
        return {self.system_column, self.question_column, self.response_column} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        system, asked, answered = one_round(conversation, self.name)
        row = {
            self.system_column: system,
            self.question_column: asked,
            self.response_column: answered,
        }
        return row | beside(conversation)

    def _asked_in(self) -> str:
        return repr(self.question_column)
