"""Question and answer in columns."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from instructdiv.schemas.base import Schema, exchange, has, in_columns, label_of
from instructdiv.schemas.conversation import Conversation, Row, is_empty, text


class QuestionAnswer(Schema):
    """Columns ``question`` and ``answer``, or ``problem`` and ``solution``, or another pair.

    A column ``system`` comes before, and the question with its ``context`` or ``passage``.

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
        ("question", "solution"),
        ("problem", "answer"),
        ("prompt", "response"),
        ("input", "target"),
        ("article", "highlights"),
        ("instruction", "completion"),
    )
    """Columns of the question and of its answer; the first pair that a record has is read."""

    context_columns: tuple[str, ...] = ("context", "passage")
    """Columns of what is asked about, where there is one; the first that says something is read."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return any(a in columns and has(rows, q, str) for q, a in self.pairs)

    def read(self, row: Row) -> Conversation:
        question, answer = self._pair(row)
        context = self._context(row)
        about = None if context is None else row[context]
        messages = exchange(row.get(question), about, row.get(answer), row)
        return Conversation(messages, label=label_of(row), asked=len(messages) - 1)

    def columns(self, row: Row) -> set[str]:
        question, answer = self._pair(row)
        context = self._context(row) or question
        return {question, context, answer, "system", "history"} & row.keys()

    def like(self, row: Row) -> Self:
        return self.model_copy(update={"pairs": (self._pair(row),)})

    def write(self, conversation: Conversation) -> dict[str, Any]:
        question, answer = self.pairs[0]
        return in_columns(conversation, self.name, question, None, answer)

    def prompt(self, row: Row) -> str:
        asked = self.read(row).prompt[-1]["content"]
        return asked if asked.strip() else super().prompt(row)

    def instruction(self, row: Row) -> str:
        asked = text(row.get(self._pair(row)[0]))
        return asked if asked.strip() else super().instruction(row)

    @classmethod
    def of_columns(cls, named: Mapping[str, str]) -> Self | None:
        pairs: Sequence[tuple[str, str]] = cls.model_fields["pairs"].default
        about: Sequence[str] = cls.model_fields["context_columns"].default
        for question, answer in pairs:
            if {question, answer} <= named.keys() <= {question, answer, *about}:
                own = tuple(named[column] for column in about if column in named)
                return cls(pairs=((named[question], named[answer]),), context_columns=own or about)
        return None

    def _pair(self, row: Row) -> tuple[str, str]:
        """The columns of a row; of a row that has none of them, those of the first pair."""
        fit = (pair for pair in self.pairs if all(row.get(column) is not None for column in pair))
        some = (pair for pair in self.pairs if set(pair) <= row.keys())
        return next(fit, next(some, self.pairs[0]))

    def _context(self, row: Row) -> str | None:
        """The column of what is asked about, if there is any."""
        return next((c for c in self.context_columns if not is_empty(row.get(c))), None)

    def _asked_in(self) -> str:
        return " or ".join(dict.fromkeys(repr(question) for question, _ in self.pairs))
