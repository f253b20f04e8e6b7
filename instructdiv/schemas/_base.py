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
    is_empty,
    is_missing,
    listed,
    message,
    spoken,
    text,
)

SYSTEM_COLUMNS = ("system", "system_prompt")
"""Columns of system text beside a conversation."""

_LOOK = 100
_TRUTHS = {"true": True, "false": False}
_WANTED = {"label": _TRUTHS, "kto_tag": _TRUTHS | {"1": True, "0": False}}


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

    sparse: ClassVar[frozenset[str]] = frozenset()
    """Columns that tell the layout of a record though nothing is in them."""

    @abstractmethod
    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        """Whether records with these columns, of which a few rows are shown, have this layout."""

    def fits(self, row: Row) -> bool:
        """Whether a record alone has this layout, by the columns that hold something."""
        columns = [c for c, cell in row.items() if c in self.sparse or not is_missing(cell)]
        return self.matches(columns, [row])

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
    def of(cls, value: "Self | str | Mapping[str, Any]") -> Self:
        """A layout from itself, its name, a mapping of its name and parameters, or of columns.

        A mapping without ``name`` is a column mapping: which columns stand for those of a
        layout.

        Raises
        ------
        ParameterError
            No layout has such columns, or the value is none of these.
        UnknownPart
            No layout has the name.

        Examples
        --------
        >>> Schema.of({"instruction": "task", "output": "gold"}).instruction_column
        'task'
        """
        return super().of(value)

    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        if not isinstance(value, str | Mapping):
            raise ParameterError(
                f"a schema is the name of a layout or a mapping of its columns, got {value!r:.80}"
            )
        if isinstance(value, str) or "name" in value:
            return value
        named = {str(column): str(own) for column, own in value.items()}
        for schema in _by_rank():
            if named and (found := schema.of_columns(named)) is not None:
                return found.to_mapping()
        raise ParameterError(
            f"no layout has the columns {', '.join(named) or '(none)'}; name those of one, as in "
            "{'instruction': 'your column', 'output': 'another'}"
        )

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


def recognize(data: Any) -> Schema:
    """Find the schema of records by their columns and a look at the first 100 rows.

    It is the first that at least half of the rows have, or else that which most have.

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
    schemas = [schema() for schema in _by_rank()]
    n_fit = {schema.name: sum(map(schema.fits, rows)) for schema in schemas}
    most = max(schemas, key=lambda schema: min(2 * n_fit[schema.name], len(rows)))
    if n_fit[most.name]:
        return most
    for schema in schemas:  # columns alone may tell, where no row holds all that it should
        if schema.matches(columns, rows):
            return schema
    raise UnknownSchema(
        f"no schema fits the columns {', '.join(map(str, columns)) or '(none)'}; "
        f"known schemas: {', '.join(n_fit)}. Name the columns, as in "
        '--schema \'{"instruction": "your column", "output": "another"}\', or '
        '\'{"prompt": "your column"}\' where nothing is answered'
    )


def _by_rank() -> list[type[Schema]]:
    return sorted(Schema.known().values(), key=lambda schema: schema.rank)


def has(rows: Sequence[Row], column: str, kind: type | tuple[type, ...]) -> bool:
    """Whether at least half of the rows that have a value in a column have one of this kind."""
    values = [row[column] for row in rows if not is_missing(row.get(column))]
    return bool(values) and 2 * sum(isinstance(v, kind) for v in values) >= len(values)


def has_turns(rows: Sequence[Row], column: str, *keys: str) -> bool:
    """Whether at least half of the rows with turns in a column have these keys in the first."""
    first = first_turns(rows, column)
    fit = [turn for turn in first if isinstance(turn, Mapping) and all(k in turn for k in keys)]
    return bool(first) and 2 * len(fit) >= len(first)


def first_turns(rows: Sequence[Row], column: str) -> list[Any]:
    """The first turn of each row that has turns in a column."""
    held = [listed(row.get(column)) for row in rows]
    return [turns[0] for turns in held if isinstance(turns, list) and turns]


def turns_of(row: Row, column: str, called: str = "turns") -> list[Mapping[str, Any]]:
    """The turns of a column.

    Raises
    ------
    RowError
        It does not hold a list of mappings.
    """
    turns = listed(row.get(column))
    if not isinstance(turns, list | tuple) or not all(isinstance(t, Mapping) for t in turns):
        raise RowError(f"{column!r} is not a list of {called}")
    return list(turns)


def exchange(asked: Any, about: Any, answered: Any, row: Row) -> list[Message]:
    """The conversation of a layout of columns: system and history, where there are any, too."""
    messages = system_of(row)
    for turn in _history(row.get("history")):
        messages += [message("user", turn[0]), message("assistant", turn[1])]
    return [*messages, message("user", joined(asked, about)), message("assistant", answered)]


def system_of(row: Row, column: str = "system") -> list[Message]:
    """The message of a column of system text, if there is any."""
    return [] if is_empty(row.get(column)) else [message("system", row[column])]


def with_system(row: Row, said: list[Message]) -> list[Message]:
    """Messages with the system text that stands beside them, if there is one."""
    for column in SYSTEM_COLUMNS:
        if isinstance(row.get(column), str | list | tuple) and (told := system_of(row, column)):
            return said if said[:1] == told else told + said
    return said


def joined(asked: Any, about: Any) -> str:
    """What is asked and what it is about, as one prompt."""
    parts = text(asked), text(about)
    said = [part for part in parts if part.strip()]
    return "\n\n".join(said) if said else max(parts, key=len)


def _history(cell: Any) -> list[Sequence[Any]]:
    turns = listed(cell)
    if is_empty(turns):
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


def in_columns(
    conversation: Conversation, layout: str, question: str, about: str | None, answer: str
) -> dict[str, Any]:
    """The row of a conversation whose last round has columns of its own, as :func:`exchange` reads.

    All that is asked is in the question, and nothing in the column of what it is about.

    Raises
    ------
    RowError
        Its roles do not alternate, or it holds more than text.
    """
    system, rounds = pairs_of(conversation, layout)
    *history, (asked, answered) = rounds
    return (
        ({"system": system} if system else {})
        | {question: asked}
        | ({about: ""} if about else {})
        | {answer: answered}
        | ({"history": [list(one) for one in history]} if history else {})
        | beside(conversation)
    )


def beside(conversation: Conversation) -> dict[str, Any]:
    """What stands in columns of its own in every layout: the label of an answer."""
    return {} if conversation.label is None else {"label": conversation.label}


def label_of(row: Row) -> bool | None:
    """Whether an answer is a wanted one, by column ``label`` or ``kto_tag``, if one says so.

    A number in ``label`` may be that of a class, so it says nothing.
    """
    for column, known in _WANTED.items():
        value = row.get(column)
        told = known.get(str(value).strip().lower()) if isinstance(value, int | str) else None
        if told is not None:
            return told
    return None
