"""Schema: recognizes one layout of records, reads it as a conversation, and writes it."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

from instructdiv.errors import ParameterError, RowError, UnknownSchema
from instructdiv.part import Part
from instructdiv.schemas.conversation import (
    Conversation,
    Message,
    Row,
    asks,
    message,
    spoken,
    text,
)

_LOOK = 100


class Schema(Part):
    """One layout of instruction records.

    A schema is tried in the order of its ``rank``, lowest first, so that a layout with
    more columns is recognized before one that makes do with fewer of them.
    """

    family = "schema"
    rank: ClassVar[int] = 0

    unfolds: ClassVar[bool] = False
    """Whether one record may hold several conversations, or several records one."""

    optional: ClassVar[frozenset[str]] = frozenset()
    """Fields whose columns a record may lack."""

    @abstractmethod
    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        """Whether records with these columns, of which a few rows are shown, have this layout."""

    @abstractmethod
    def read(self, row: Row) -> Conversation:
        """The conversation of a row, whatever it holds.

        Raises
        ------
        RowError
            Something is of a form that the layout does not have.
        """

    @abstractmethod
    def columns(self, row: Row) -> set[str]:
        """Those columns of a row from which its conversation is read."""

    def write(self, conversation: Conversation) -> dict[str, Any]:
        """A conversation in this layout; its messages whole, or not at all.

        Raises
        ------
        RowError
            The layout has no place for a message, or is one that is only read.
        """
        raise RowError(f"the layout {self.name} is read, but not written")

    def like(self, row: Row) -> Self:
        """The schema that writes the columns of a row, where it may have one or another."""
        return self

    def unfold(self, rows: Sequence[Row]) -> Iterable[tuple[int, Row]]:
        """One row for each conversation, and which of the rows it is from."""
        return enumerate(rows)

    def conversation(self, row: Row) -> Conversation:
        """The conversation of a row, in which something is asked.

        Raises
        ------
        RowError
            The row has no instruction, or a message of an unknown form.
        """
        conversation = self.read(row)
        if not any(map(asks, conversation.messages)):
            raise RowError(f"no instruction: nothing is asked in {self._asked_in()}")
        return conversation

    def messages(self, row: Row) -> list[Message]:
        """The conversation of a row as OpenAI-style messages.

        Each has a ``role`` (system, user, assistant or tool) and a text ``content``; see
        :class:`instructdiv.schemas.Conversation`.

        Raises
        ------
        RowError
            The row has no instruction, or a message of an unknown form.
        """
        return self.conversation(row).messages

    def prompt(self, row: Row) -> str:
        """What is asked, with the input it is asked about."""
        asked = (m["content"] for m in self.messages(row) if m["role"] == "user")
        return next((str(content) for content in asked if content.strip()), "")

    def instruction(self, row: Row) -> str:
        """What is asked, without the input it is asked about, where the layout tells them apart."""
        return self.prompt(row)

    @classmethod
    def of_columns(cls, named: Mapping[str, str]) -> Self | None:
        """The layout with columns of other names, if these are all that it needs; else None."""
        found: dict[str, Any] = {}
        held = 0
        for name, field in cls.model_fields.items():
            default = field.default
            if not name.endswith(("column", "columns")):
                continue
            given = [c for c in ([default] if isinstance(default, str) else default) if c in named]
            if given:
                own = tuple(named[column] for column in given)
                found[name] = own[0] if isinstance(default, str) else own
                held += len(given)
            elif name not in cls.optional:
                return None
        return cls(**found) if held == len(named) else None

    def _asked_in(self) -> str:
        return ", ".join(map(repr, self.to_mapping().values()))


def schema_of(given: Schema | str | Mapping[str, Any]) -> Schema:
    """A schema from itself, its name, a mapping of its name and parameters, or one of columns.

    A mapping without ``name`` says which columns stand for those of a layout.

    Raises
    ------
    ParameterError
        No layout has such columns.
    UnknownPart
        No schema has the name.

    Examples
    --------
    >>> schema_of({"instruction": "task", "output": "gold"}).instruction_column
    'task'
    """
    if not isinstance(given, Mapping) or "name" in given:
        return Schema.from_mapping(given)  # type: ignore[arg-type]
    named = {str(column): str(own) for column, own in given.items()}
    for schema in _by_rank():
        found = schema.of_columns(named) if named else None
        if found is not None:
            return found
    raise ParameterError(
        f"no layout has the columns {', '.join(named) or '(none)'}; name those of one, as in "
        "{'instruction': 'your column', 'output': 'another'}"
    )


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
    for schema in _by_rank():
        if schema().matches(columns, rows):
            return schema()
    raise UnknownSchema(
        f"no schema fits the columns {', '.join(map(str, columns)) or '(none)'}; "
        f"known schemas: {', '.join(s.name for s in _by_rank())}. Name the columns, as in "
        '--schema \'{"instruction": "your column", "output": "another"}\''
    )


def _by_rank() -> list[type[Schema]]:
    return sorted(Schema.known().values(), key=lambda schema: schema.rank)


def has(rows: Sequence[Row], column: str, kind: type | tuple[type, ...]) -> bool:
    """Whether at least half of the rows that have a value in a column have one of this kind."""
    values = [row[column] for row in rows if row.get(column) is not None]
    return bool(values) and 2 * sum(isinstance(v, kind) for v in values) >= len(values)


def has_turns(rows: Sequence[Row], column: str, *keys: str) -> bool:
    """Whether at least half of the rows with turns in a column have these keys in the first."""
    first = [
        row[column][0] for row in rows if isinstance(row.get(column), list) and len(row[column])
    ]
    fit = [turn for turn in first if isinstance(turn, Mapping) and all(k in turn for k in keys)]
    return bool(first) and 2 * len(fit) >= len(first)


def turns_of(row: Row, column: str, called: str = "turns") -> list[Mapping[str, Any]]:
    """The turns of a column.

    Raises
    ------
    RowError
        It does not hold a list of mappings.
    """
    turns = row.get(column)
    if not isinstance(turns, list | tuple) or not all(isinstance(t, Mapping) for t in turns):
        raise RowError(f"{column!r} is not a list of {called}")
    return list(turns)


def exchange(asked: Any, about: Any, answered: Any, row: Row) -> list[Message]:
    """The conversation of a layout of columns: system and history, where there are any, too."""
    messages = [message("system", row["system"])] if row.get("system") else []
    for turn in _history(row.get("history")):
        messages += [message("user", turn[0]), message("assistant", turn[1])]
    return [*messages, message("user", joined(asked, about)), message("assistant", answered)]


def joined(asked: Any, about: Any) -> str:
    """What is asked and what it is about, as one prompt."""
    parts = text(asked), text(about)
    said = [part for part in parts if part.strip()]
    return "\n\n".join(said) if said else max(parts, key=len)


def _history(turns: Any) -> list[Sequence[Any]]:
    if not turns:
        return []
    pairs = isinstance(turns, list | tuple) and all(
        isinstance(turn, list | tuple) and len(turn) == 2 for turn in turns
    )
    if not pairs:
        raise RowError(f"'history' is not a list of [question, answer]: {turns!r:.80}")
    return list(turns)


def pairs_of(conversation: Conversation, layout: str) -> tuple[str, list[tuple[str, str]]]:
    """System text, and the question and answer of each round, as texts.

    Raises
    ------
    RowError
        They do not alternate, or hold more than text.
    """
    messages = conversation.messages
    system = ""
    if messages and messages[0]["role"] == "system":
        system, messages = messages[0]["content"], messages[1:]
    texts = [only_text(said, layout) for said in messages]
    roles = [said["role"] for said in messages]
    if len(roles) % 2:
        texts, roles = [*texts, ""], [*roles, "assistant"]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise RowError(f"the layout {layout} has no place for roles that do not alternate")
    return system, list(zip(texts[::2], texts[1::2], strict=True))


def only_text(said: Message, layout: str) -> str:
    """What a message says, for a layout that has no place for more than a text.

    Raises
    ------
    RowError
        It is of a tool or calls one, shows something, or is not to be trained on.
    """
    if said["role"] == "tool" or said.get("tool_calls"):
        raise RowError(f"the layout {layout} has no place for calls of tools")
    if said.get("parts"):
        raise RowError(f"the layout {layout} has no place for images, sounds or videos")
    if said["role"] == "assistant" and not said.get("weight", 1):
        raise RowError(f"the layout {layout} has no place for answers that are not trained on")
    return spoken(said)


def one_round(conversation: Conversation, layout: str) -> tuple[str, str, str]:
    """System text, question and answer of a conversation that has no more than these.

    Raises
    ------
    RowError
        It has several rounds, or more than text.
    """
    system, rounds = pairs_of(conversation, layout)
    if len(rounds) > 1:
        raise RowError(f"the layout {layout} has no place for {len(rounds)} rounds, but for one")
    return (system, *rounds[0])


def only_round(conversation: Conversation, layout: str) -> tuple[str, str]:
    """Question and answer of a conversation that has no more than these, no system text either.

    Raises
    ------
    RowError
        It has several rounds, a system text, or more than text.
    """
    system, asked, answered = one_round(conversation, layout)
    if system:
        raise RowError(f"the layout {layout} has no place for a system text")
    return asked, answered


def beside(conversation: Conversation) -> dict[str, Any]:
    """What stands in columns of its own in every layout: the label of an answer."""
    return {} if conversation.label is None else {"label": conversation.label}


def label_of(row: Row) -> bool | None:
    """Whether an answer is a wanted one, by column ``label`` or ``kto_tag``, if one says so."""
    for column in ("label", "kto_tag"):
        if isinstance(row.get(column), bool):
            return bool(row[column])
    return None
