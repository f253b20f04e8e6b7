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
    """One layout of instruction records: which columns hold the conversation, and how.

    Schemas are tried in the order of their ``rank``, lowest first, so that a layout with more
    columns is recognized before one with fewer.
    """

    family = "schema"
    rank: ClassVar[int] = 0

    unfolds: ClassVar[bool] = False
    """Whether a record may hold several conversations, or several records one."""

    optional: ClassVar[frozenset[str]] = frozenset()
    """Fields whose columns a record may lack."""

    sparse: ClassVar[frozenset[str]] = frozenset()
    """Columns that identify the layout of a record even where they are empty."""

    @abstractmethod
    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        """Whether records with these columns, of which some rows are given, have this layout."""

    def fits(self, row: Row) -> bool:
        """Whether a single record has this layout, by its columns that are not empty."""
        columns = [c for c, cell in row.items() if c in self.sparse or not is_missing(cell)]
        return self.matches(columns, [row])

    @abstractmethod
    def read(self, row: Row) -> Conversation:
        """Conversation of a row, even where nothing is asked.

        Raises
        ------
        RowError
            A value has a form that the layout does not know.
        """

    @abstractmethod
    def columns(self, row: Row) -> set[str]:
        """Columns of a row from which its conversation is read."""

    def write(self, conversation: Conversation) -> dict[str, Any]:
        """Row of a conversation in this layout, with all of its messages.

        Raises
        ------
        RowError
            The layout cannot hold a message, or can only be read.
        """
        raise RowError(f"the layout {self.name} can be read, but not written")

    def like(self, row: Row) -> Self:
        """The schema that writes the columns of a row, where several are possible."""
        return self

    def unfold(self, rows: Sequence[Row]) -> Iterable[tuple[int, Row]]:
        """One row for each conversation, with the number of the row that it comes from."""
        return enumerate(rows)

    def conversation(self, row: Row) -> Conversation:
        """Conversation of a row with at least one user message.

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
        """Conversation of a row as OpenAI-style messages.

        Raises
        ------
        RowError
            The row has no instruction, or a message of an unknown form.
        """
        return self.conversation(row).messages

    def prompt(self, row: Row) -> str:
        """Instruction of a row with its input."""
        asked = (m["content"] for m in self.messages(row) if m["role"] == "user")
        return next((str(content) for content in asked if content.strip()), "")

    def instruction(self, row: Row) -> str:
        """Instruction of a row without its input, where the layout separates them."""
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
        """The layout with other column names, if it needs exactly these columns; else None."""
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
    """Find the schema of records from their columns and their first 100 rows.

    It is the first schema that fits at least half of the rows, or else the one that fits most.

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
    """Whether at least half of the values in a column, missing ones aside, are of this kind."""
    values = [row[column] for row in rows if not is_missing(row.get(column))]
    return bool(values) and 2 * sum(isinstance(v, kind) for v in values) >= len(values)


def has_turns(rows: Sequence[Row], column: str, *keys: str) -> bool:
    """Whether in at least half of the rows with turns the first turn has these keys."""
    first = first_turns(rows, column)
    fit = [turn for turn in first if isinstance(turn, Mapping) and all(k in turn for k in keys)]
    return bool(first) and 2 * len(fit) >= len(first)


def first_turns(rows: Sequence[Row], column: str) -> list[Any]:
    """First turn of each row that has turns in a column."""
    held = [listed(row.get(column)) for row in rows]
    return [turns[0] for turns in held if isinstance(turns, list) and turns]


def turns_of(row: Row, column: str, called: str = "turns") -> list[Mapping[str, Any]]:
    """Turns in a column of a row.

    Raises
    ------
    RowError
        The column does not hold a list of mappings.
    """
    turns = listed(row.get(column))
    if not isinstance(turns, list | tuple) or not all(isinstance(t, Mapping) for t in turns):
        raise RowError(f"{column!r} is not a list of {called}")
    return list(turns)


def exchange(asked: Any, about: Any, answered: Any, row: Row) -> list[Message]:
    """Conversation of a layout of columns, after the system text and history, if any."""
    messages = system_of(row)
    for turn in _history(row.get("history")):
        messages += [message("user", turn[0]), message("assistant", turn[1])]
    return [*messages, message("user", joined(asked, about)), message("assistant", answered)]


def system_of(row: Row, column: str = "system") -> list[Message]:
    """Message of a column of system text; none where it is empty."""
    return [] if is_empty(row.get(column)) else [message("system", row[column])]


def with_system(row: Row, said: list[Message]) -> list[Message]:
    """Messages after the system text in a column beside them, if any."""
    for column in SYSTEM_COLUMNS:
        if isinstance(row.get(column), str | list | tuple) and (told := system_of(row, column)):
            return said if said[:1] == told else told + said
    return said


def joined(asked: Any, about: Any) -> str:
    """Instruction and input as one prompt."""
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
    """System text, and question and answer of each round, as texts.

    Raises
    ------
    RowError
        Roles do not alternate, or a message holds more than text.
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
        raise RowError(f"the layout {layout} cannot hold roles that do not alternate")
    return system, list(zip(texts[::2], texts[1::2], strict=True))


def only_text(said: Message, layout: str) -> str:
    """Text of a message, for a layout that can hold only text.

    Raises
    ------
    RowError
        The message has tool calls or results, images, audio or video, or weight 0.
    """
    if said["role"] == "tool" or said.get("tool_calls"):
        raise RowError(f"the layout {layout} has no field for tool calls")
    if said.get("parts"):
        raise RowError(f"the layout {layout} has no field for images, audio or video")
    if said["role"] == "assistant" and not said.get("weight", 1):
        raise RowError(f"the layout {layout} has no field for answers excluded from training")
    return spoken(said)


def one_round(conversation: Conversation, layout: str) -> tuple[str, str, str]:
    """System text, question and answer of a conversation of one round.

    Raises
    ------
    RowError
        The conversation has several rounds, or more than text.
    """
    system, rounds = pairs_of(conversation, layout)
    if len(rounds) > 1:
        raise RowError(f"the layout {layout} holds one round, not {len(rounds)}")
    return (system, *rounds[0])


def only_round(conversation: Conversation, layout: str) -> tuple[str, str]:
    """Question and answer of a conversation of one round without system text.

    Raises
    ------
    RowError
        The conversation has several rounds, a system text, or more than text.
    """
    system, asked, answered = one_round(conversation, layout)
    if system:
        raise RowError(f"the layout {layout} has no field for a system text")
    return asked, answered


def in_columns(
    conversation: Conversation, layout: str, question: str, about: str | None, answer: str
) -> dict[str, Any]:
    """Row of a conversation with its last round in columns, as :func:`exchange` reads it.

    The whole prompt is in the column of the question; the column of the input is empty.

    Raises
    ------
    RowError
        Roles do not alternate, or a message holds more than text.
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
    """Columns that every layout has: the label of an answer, if any."""
    return {} if conversation.label is None else {"label": conversation.label}


def label_of(row: Row) -> bool | None:
    """Whether an answer is wanted, by column ``label`` or ``kto_tag``; None where it is unknown.

    A number in ``label`` may be the number of a class, so it is ignored.
    """
    for column, known in _WANTED.items():
        value = row.get(column)
        told = known.get(str(value).strip().lower()) if isinstance(value, int | str) else None
        if told is not None:
            return told
    return None
