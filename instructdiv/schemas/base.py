"""Schema: recognizes one layout of records and reads it as messages."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from instructdiv.errors import RowError, UnknownSchema
from instructdiv.part import Part

Row = Mapping[str, Any]
Message = dict[str, Any]

_LOOK = 100

_ROLES = {
    "user": "user human prompter input",
    "assistant": "assistant gpt chatgpt bard model output bot function_call",
    "system": "system developer bing",
    "tool": "tool function observation ipython environment",
}
_ROLE_OF = {alias: role for role, aliases in _ROLES.items() for alias in aliases.split()}


class Schema(Part):
    """One layout of instruction records.

    A schema is tried in the order of its ``rank``, lowest first, so that a layout with
    more columns is recognized before one that makes do with fewer of them.
    """

    family = "schema"
    rank: ClassVar[int] = 0

    @abstractmethod
    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        """Whether records with these columns, of which a few rows are shown, have this layout."""

    @abstractmethod
    def turns(self, row: Row) -> list[Message]:
        """The conversation of a row as messages, whatever it holds."""

    def messages(self, row: Row) -> list[Message]:
        """The conversation of a row as OpenAI-style messages.

        Each has a ``role`` (system, user, assistant or tool) and a text ``content``.

        Raises
        ------
        RowError
            The row has no instruction, or a message of an unknown form.
        """
        messages = self.turns(row)
        if not any(m["role"] == "user" and m["content"].strip() for m in messages):
            raise RowError(f"no instruction: nothing is asked in {self._asked_in()}")
        return messages

    def instruction(self, row: Row) -> str:
        """What is asked, without the input it is asked about, where the layout tells them apart."""
        asked = (m["content"] for m in self.messages(row) if m["role"] == "user")
        return next(str(content) for content in asked if content.strip())

    def _asked_in(self) -> str:
        return ", ".join(map(repr, self.to_mapping().values()))


def recognize(data: Any) -> Schema:
    """Find the schema of records by their columns and a look at the first 100 rows.

    Parameters
    ----------
    data
        A ``datasets.Dataset``, or a sequence of mappings.

    Raises
    ------
    UnknownSchema
        No schema matches.

    Examples
    --------
    >>> recognize([{"instruction": "Name a color.", "input": "", "output": "Blue"}]).name
    'alpaca'
    """
    rows = [data[i] for i in range(min(_LOOK, len(data)))]
    columns = getattr(data, "column_names", None) or list(dict.fromkeys(k for r in rows for k in r))
    schemas = sorted(Schema.known().values(), key=lambda schema: schema.rank)
    for schema in schemas:
        if schema().matches(columns, rows):
            return schema()
    raise UnknownSchema(
        f"no schema fits the columns {', '.join(map(str, columns)) or '(none)'}; "
        f"known schemas: {', '.join(s.name for s in schemas)}"
    )


def has(rows: Sequence[Row], column: str, kind: type | tuple[type, ...]) -> bool:
    """Whether at least half of the rows that have a value in a column have one of this kind."""
    values = [row[column] for row in rows if row.get(column) is not None]
    return bool(values) and 2 * sum(isinstance(v, kind) for v in values) >= len(values)


def text(value: Any) -> str:
    """The text of a cell or a message's content: a string, or the texts of a list of parts."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "\n".join(part for part in map(_part_text, value) if part)
    return json.dumps(value, ensure_ascii=False, default=str)


def _part_text(part: Any) -> str:
    if not isinstance(part, Mapping):
        return text(part)
    held = part.get("text")
    return text(part.get("value") if held is None else held)


def message(role: Any, content: Any, **others: Any) -> Message:
    """One message, with its role under the one name it has here."""
    known = _ROLE_OF.get(role.strip().lower()) if isinstance(role, str) else None
    if known is None:
        raise RowError(f"unknown role {role!r}; known: {', '.join(_ROLE_OF)}")
    return {"role": known, "content": text(content), **others}


def exchange(asked: Any, about: Any, answered: Any, row: Row) -> list[Message]:
    """The conversation of a layout of columns: system and history, where there are any, too."""
    messages = [message("system", row["system"])] if row.get("system") else []
    for turn in _history(row.get("history")):
        messages += [message("user", turn[0]), message("assistant", turn[1])]
    asked = "\n\n".join(part for part in (text(asked), text(about)) if part.strip())
    return [*messages, message("user", asked), message("assistant", answered)]


def _history(turns: Any) -> list[Sequence[Any]]:
    if not turns:
        return []
    pairs = isinstance(turns, list | tuple) and all(
        isinstance(turn, list | tuple) and len(turn) == 2 for turn in turns
    )
    if not pairs:
        raise RowError(f"'history' is not a list of [question, answer]: {turns!r:.80}")
    return list(turns)
