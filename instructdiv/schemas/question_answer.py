"""Question and answer in columns."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from instructdiv.schemas.base import Schema, beside, exchange, has, label_of, pairs_of
from instructdiv.schemas.conversation import Conversation, Row


class QuestionAnswer(Schema):
    """Columns ``question`` and ``answer``, or ``problem`` and ``solution``, or another pair.

    A column ``system`` comes before.

    Examples
    --------
    >>> QuestionAnswer().messages({"problem": "1 + 1?", "solution": "2"})[1]
    {'role': 'assistant', 'content': '2'}
    """

    rank = 70

    pairs: tuple[tuple[str, str], ...] = (
        ("question", "answer"),
        ("problem", "solution"),
        ("query", "response"),
        ("article", "summary"),
        ("input", "output"),
    )
    """Columns of the question and of its answer; the first pair that a record has is read."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return any(a in columns and has(rows, q, str) for q, a in self.pairs)

    def read(self, row: Row) -> Conversation:
        question, answer = self._pair(row)
        messages = exchange(row.get(question), None, row.get(answer), row)
        return Conversation(messages, label=label_of(row), asked=len(messages) - 1)

    def columns(self, row: Row) -> set[str]:
        return {*self._pair(row), "system", "history"} & row.keys()

    def like(self, row: Row) -> Self:
        return self.model_copy(update={"pairs": (self._pair(row),)})

    def write(self, conversation: Conversation) -> dict[str, Any]:
        system, rounds = pairs_of(conversation, self.name)
        *history, (asked, answered) = rounds
        question, answer = self.pairs[0]
        return (
            ({"system": system} if system else {})
            | {question: asked, answer: answered}
            | ({"history": [list(one) for one in history]} if history else {})
            | beside(conversation)
        )

    def prompt(self, row: Row) -> str:
        asked = self.read(row).prompt[-1]["content"]
        return asked if asked.strip() else super().prompt(row)

    @classmethod
    def of_columns(cls, named: Mapping[str, str]) -> Self | None:
        pairs: Sequence[tuple[str, str]] = cls.model_fields["pairs"].default
        fit = (pair for pair in pairs if set(pair) == set(named))
        found = next(fit, None)
        return None if found is None else cls(pairs=((named[found[0]], named[found[1]]),))

    def _pair(self, row: Row) -> tuple[str, str]:
        """The columns of a row; of a row that has none of them, those of the first pair."""
        fit = (pair for pair in self.pairs if all(row.get(column) is not None for column in pair))
        some = (pair for pair in self.pairs if set(pair) <= row.keys())
        return next(fit, next(some, self.pairs[0]))

    def _asked_in(self) -> str:
        return " or ".join(repr(question) for question, _ in self.pairs)
