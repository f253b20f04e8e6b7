"""Prompts alone: what is asked, with no answer in any column."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from instructdiv.schemas._base import Schema, has
from instructdiv.schemas.conversation import Conversation, Row, is_empty, listed, message
from instructdiv.schemas.messages import read_turns

_ANSWER = re.compile(
    "answer|respon|repl|output|complet|target|label|gold|solution|chosen|reject|reference|choice"
    "|option|summar|highlight|text|code|translat",
    re.IGNORECASE,
)


class PromptOnly(Schema):
    """A column of prompts: texts, lists of messages, or lists of what is asked in turn.

    It is the layout of many evaluations, which are targets, and of what is trained on by
    reinforcement. It is only recognized where no other column may be an answer, by its name or
    because it holds more than three words; else say that it is, as in ``{"prompt": "question"}``.

    Examples
    --------
    >>> PromptOnly().messages({"turns": ["Name a river.", "And another?"], "category": "writing"})
    [{'role': 'user', 'content': 'Name a river.'}, {'role': 'user', 'content': 'And another?'}]
    """

    rank = 90

    prompt_columns: tuple[str, ...] = (
        "prompt",
        "question",
        "instruction",
        "query",
        "problem",
        "turns",
    )
    """Columns of the prompt; the first that a record has is read."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        asked = next((c for c in self.prompt_columns if has(rows, c, (str, list, tuple))), None)
        others = (held for row in rows for held in row.items() if held[0] != asked)
        return asked is not None and not any(_may_answer(*held) for held in others)

    def read(self, row: Row) -> Conversation:
        asked = listed(row.get(self._column(row)))
        if not isinstance(asked, list | tuple) or is_empty(asked):
            said = [message("user", asked)]
        elif all(isinstance(turn, Mapping) and "role" in turn for turn in asked):
            said = read_turns(asked)
        elif all(isinstance(turn, str) for turn in asked):
            said = [message("user", turn) for turn in asked]
        else:
            said = [message("user", asked)]
        return Conversation(said)

    def columns(self, row: Row) -> set[str]:
        return {self._column(row)} & row.keys()

    def _column(self, row: Row) -> str:
        held = (c for c in self.prompt_columns if not is_empty(row.get(c)))
        return next(held, self.prompt_columns[0])

    def _asked_in(self) -> str:
        return " or ".join(map(repr, self.prompt_columns))


def _may_answer(column: str, cell: Any) -> bool:
    is_held = isinstance(cell, str | list | tuple | Mapping) and not is_empty(cell)
    return is_held and (bool(_ANSWER.search(str(column))) or _says_much(cell))


def _says_much(cell: Any) -> bool:
    if isinstance(cell, str):
        return len(cell.split()) > 3
    held = cell.values() if isinstance(cell, Mapping) else cell
    return isinstance(cell, list | tuple | Mapping) and any(map(_says_much, held))
