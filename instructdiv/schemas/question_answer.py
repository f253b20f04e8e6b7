"""Question and answer in columns."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any, Self

from instructdiv.errors import RowError
from instructdiv.schemas._base import Schema, exchange, has, in_columns, label_of
from instructdiv.schemas.conversation import Conversation, Row, is_empty, text


class QuestionAnswer(Schema):
    """Columns ``question`` and ``answer``, or ``problem`` and ``solution``, or another pair.

    A column ``system`` comes before, and the question with its ``context`` or ``passage``. Where
    there are ``choices`` the question shows them, unless it does so itself, and an answer that
    is the number or the letter of one is told in full.

    Examples
    --------
    >>> QuestionAnswer().messages({"problem": "1 + 1?", "solution": "2"})[1]
    {'role': 'assistant', 'content': '2'}
    >>> chosen = QuestionAnswer().messages({"question": "2?", "choices": ["1", "2"], "answer": 1})
    >>> chosen[0]["content"], chosen[1]["content"]
    ('2?\\nA. 1\\nB. 2', 'B. 2')
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
        ("query", "answer"),
        ("question", "generated_solution"),
        ("problem", "generated_solution"),
        ("question", "best_answer"),
        ("question", "answerKey"),
        ("question", "answers"),
        ("dialogue", "summary"),
        ("prompt", "canonical_solution"),
    )
    """Columns of the question and of its answer; the first pair that a record has is read."""

    context_columns: tuple[str, ...] = ("context", "passage")
    """Columns of what is asked about, where there is one; the first that says something is read."""

    choices_columns: tuple[str, ...] = ("choices", "options")
    """Columns of the answer choices: texts, a mapping of letters to texts, or ``text`` and
    ``label``."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return any(a in columns and has(rows, q, str) for q, a in self.pairs)

    def read(self, row: Row) -> Conversation:
        question, answer = self._pair(row)
        context = self._context(row)
        about = None if context is None else row[context]
        asked, answered = row.get(question), _first(row.get(answer), answer)
        if choices := self._choices(row):
            asked, answered = _chosen(text(asked), answered, choices)
        messages = exchange(asked, about, answered, row)
        return Conversation(messages, label=label_of(row), asked=len(messages) - 1)

    def columns(self, row: Row) -> set[str]:
        question, answer = self._pair(row)
        context = self._context(row) or question
        chosen = self.choices_columns if self._choices(row) else ()
        return {question, context, answer, "system", "history", *chosen} & row.keys()

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

    def _choices(self, row: Row) -> dict[str, str]:
        """What may be chosen, by letter or as it is labelled."""
        held = next((row[c] for c in self.choices_columns if not is_empty(row.get(c))), None)
        if isinstance(held, Mapping) and {"text", "label"} <= held.keys():
            labels, texts = held["label"], held["text"]
        elif isinstance(held, Mapping):
            labels, texts = list(held), list(held.values())
        else:
            labels, texts = ascii_uppercase, held
        both = isinstance(labels, str | list | tuple) and isinstance(texts, list | tuple)
        if not both or len(texts) > len(labels) or not all(isinstance(t, str) for t in texts):
            return {}
        return dict(zip(map(str, labels), texts, strict=False))

    def _asked_in(self) -> str:
        return " or ".join(dict.fromkeys(repr(question) for question, _ in self.pairs))


def _first(answer: Any, column: str) -> Any:
    """An answer; of several texts that are all right the first.

    Raises
    ------
    RowError
        There are several, of which some may be wrong.
    """
    held = answer.get("text") if isinstance(answer, Mapping) else answer
    if not isinstance(held, list | tuple):
        return answer
    if not all(isinstance(one, str) for one in held):
        raise RowError(f"{column!r} holds answers that are no texts: {answer!r:.80}")
    return held[0] if held else None


def _chosen(asked: str, answer: Any, choices: Mapping[str, str]) -> tuple[str, Any]:
    """The question with its choices, and the answer in full."""
    is_shown = all(choice in asked for choice in choices.values())
    label = answer
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        label = list(choices)[answer]
    if isinstance(label, str) and label.strip() in choices:
        label = label.strip()
        answer = choices[label] if is_shown else f"{label}. {choices[label]}"
    if is_shown:
        return asked, answer
    lines = [f"{label}. {choice}" for label, choice in choices.items()]
    return "\n".join([asked, *lines]), answer
