"""Question and answer in columns."""

from collections.abc import Sequence

from instructdiv.schemas.base import Message, Row, Schema, message


class QuestionAnswer(Schema):
    """Columns ``question`` and ``answer``, or ``problem`` and ``solution``, or another pair.

    Examples
    --------
    >>> QuestionAnswer().messages({"problem": "1 + 1?", "solution": "2"})[1]
    {'role': 'assistant', 'content': '2'}
    """

    rank = 50

    pairs: tuple[tuple[str, str], ...] = (
        ("question", "answer"),
        ("problem", "solution"),
        ("query", "response"),
    )
    """Columns of the question and of its answer; the first pair that a record has is read."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return any(set(pair) <= set(columns) for pair in self.pairs)

    def turns(self, row: Row) -> list[Message]:
        question, answer = next((p for p in self.pairs if set(p) <= row.keys()), self.pairs[0])
        return [message("user", row.get(question)), message("assistant", row.get(answer))]

    def _asked_in(self) -> str:
        return " or ".join(repr(question) for question, _ in self.pairs)
