"""Results: what a verb reports, as data, text, Markdown, JSON and tables made from its fields."""

import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, NamedTuple, Union, get_args, get_origin

import pydantic_core
from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from instructdiv.core.files import write_text
from instructdiv.core.wording import (
    encodable,
    escaped,
    markdown_table,
    number,
    printable,
    start_of,
)
from instructdiv.errors import InputError

_ROWS = 20
_WIDTH = 60
_REPR = 100


class Number(NamedTuple):
    """A number as it is written, and the value it is sorted by."""

    text: str
    value: float


Cell = str | Number

BLANK = Number("", -1e9)
"""An empty cell among numbers, sorted below them."""


def count(value: float) -> Number:
    """A number of things."""
    return Number(f"{value:,.0f}", value)


def share(value: float) -> Number:
    """A share, in percent."""
    return Number(f"{value:.1%}", value)


def three(value: float) -> Number:
    """A similarity or a distance, with three digits."""
    return Number(f"{value:.3f}", value)


def rounded(value: float) -> Number:
    """Any number, with as many digits as can be read."""
    return Number(number(value), value)


@dataclass(frozen=True)
class Shown:
    """How a field is shown in tables: stands in the ``Annotated`` type of the field."""

    write: Callable[[Any], Cell]
    """Writes a value."""

    up_to: str | None = None
    """Field that holds the other end of a range, of which this field holds the lower end."""

    def range(self, low: Any, high: Any) -> Cell | None:
        """Two values as a range, sorted by the lower."""
        if low is None or high is None:
            return None
        ends = [self.write(low), self.write(high)]
        texts = [end.text if isinstance(end, Number) else end for end in ends]
        return Number(" - ".join(texts), low)


@dataclass(frozen=True)
class Pairs:
    """Heads of the two columns that a mapping is shown with: stands in ``Annotated`` too."""

    key: str
    value: str


class Place(Enum):
    """Where facts within facts are shown: stands in ``Annotated`` too."""

    NOWHERE = "nowhere"
    INLINE = "inline"
    EACH = "each"


HIDDEN = Place.NOWHERE
"""The field is in no table."""

INLINE = Place.INLINE
"""The fields of the :class:`Facts` in this field are columns of the table around it."""

EACH = Place.EACH
"""Each of the :class:`Facts` in this list has a table of its own, under its `title`."""

Share = Annotated[float, Shown(share)]
"""A share, shown in percent."""

Similarity = Annotated[float, Shown(three)]
"""A similarity or a distance, shown with three digits."""


class Facts(BaseModel):
    """Base of what a result says: frozen, with every field described.

    In a table a field is a column. Its head is the ``title`` of the field, or the name; its
    type says how values are written: :data:`Share`, :data:`Similarity`, or ``Annotated`` with
    :class:`Shown`. Other numbers and texts are written as they are, other values not at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def tables(self) -> dict[str, "Table"]:
        """Each field that is a list of facts as a table, by the title of the field."""
        found: dict[str, Table] = {}
        for name, field in type(self).model_fields.items():
            value, how, head = getattr(self, name), _shown(field), _head(name, field)
            title = head[:1].upper() + head[1:]
            if how is HIDDEN or value is None:
                continue
            if how is EACH:
                found |= {one.title: table for one in value for table in one.tables().values()}
            elif isinstance(how, Pairs):
                rows = [[_cell(key), _cell(told)] for key, told in value.items()]
                found[title] = Table([how.key, how.value], rows)
            elif isinstance(value, Facts):
                found |= value.tables()
            elif _listed(value, BaseModel):
                found[title] = Table.of(value)
            elif _listed(value, str) and isinstance(self, Result):
                found[title] = Table([head.lower().removesuffix("s")], [[one] for one in value])
        return found


@dataclass(frozen=True)
class Table:
    """Columns and rows of texts and numbers."""

    columns: list[str]
    """Heads of the columns."""

    rows: list[list[Cell]]
    """The cells, row by row."""

    @classmethod
    def of(cls, rows: Sequence[BaseModel]) -> "Table":
        """A table with a row for each of several facts of one kind.

        A column all of whose values are None is left out.

        Examples
        --------
        >>> class Language(Facts):
        ...     language: str
        ...     records: int
        ...     of_all: Share
        ...     chosen: int | None = None
        >>> print(Table.of([Language(language="de", records=1200, of_all=0.25)]).to_markdown())
        | language | records | of all |
        | --- | --- | --- |
        | de | 1,200 | 25.0% |
        """
        return cls.of_columns(dict(_columns(rows)))

    @classmethod
    def of_columns(cls, columns: Mapping[str, Sequence[Cell]]) -> "Table":
        """A table of columns by their heads."""
        return cls([*columns], [list(row) for row in zip(*columns.values(), strict=True)])

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers."""
        first = self.rows[0] if self.rows else [""] * len(self.columns)
        return [isinstance(cell, Number) for cell in first]

    @property
    def texts(self) -> list[list[str]]:
        """The cells as they are written."""
        return [[c.text if isinstance(c, Number) else printable(c) for c in r] for r in self.rows]

    def first(self, n_rows: int) -> "Table":
        """The table with its first rows alone."""
        return Table(self.columns, self.rows[:n_rows])

    def to_markdown(self) -> str:
        """The table in Markdown."""
        return markdown_table(self.columns, self.texts)

    def to_html(self) -> str:
        """The table in HTML, with numbers to the right."""
        side = ["right" if numeric else "left" for numeric in self.numeric]

        def line(tag: str, cells: Sequence[str]) -> str:
            written = (
                f'<{tag} style="text-align: {at}">{html.escape(cell)}</{tag}>'
                for cell, at in zip(cells, side, strict=True)
            )
            return f"<tr>{''.join(written)}</tr>"

        body = "".join(line("td", row) for row in self.texts)
        return f"<table><thead>{line('th', self.columns)}</thead><tbody>{body}</tbody></table>"

    def __str__(self) -> str:
        lines = [[start_of(cell, _WIDTH) for cell in line] for line in (self.columns, *self.texts)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        right = self.numeric
        return "\n".join(
            "  ".join(
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(line, widths, right, strict=True)
            ).rstrip()
            for line in lines
        )


class Result(Facts):
    """What a verb reports: a headline and facts, with a table for each list of facts.

    ``print`` shows the headline and the first rows of each table; a notebook the same as
    HTML; :meth:`save` writes everything.

    Examples
    --------
    >>> class Language(Facts):
    ...     language: str
    ...     records: int
    >>> class Survey(Result):
    ...     languages: list[Language]
    >>> survey = Survey(
    ...     headline="Two languages.",
    ...     languages=[Language(language="de", records=1200), Language(language="en", records=30)],
    ... )
    >>> survey
    Survey('Two languages.')
    >>> print(survey)
    Two languages.
    <BLANKLINE>
    Languages
    language  records
    de          1,200
    en             30
    """

    title: ClassVar[str] = "Result"
    """Heading of the Markdown."""

    legend: ClassVar[str] = ""
    """How to read the tables."""

    headline: str
    """The result in a few sentences."""

    def main_tables(self) -> dict[str, Table]:
        """The tables that a terminal and a notebook show: all, unless a result has many."""
        return self.tables()

    def __str__(self) -> str:
        blocks = [self.headline]
        for title, table in _filled(self.main_tables()):
            rest = len(table.rows) - _ROWS
            more = [f"... and {rest:,} more"] if rest > 0 else []
            blocks.append("\n".join([title, str(table.first(_ROWS)), *more]))
        return "\n\n".join(blocks)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({start_of(self.headline, _REPR)!r})"

    def _repr_html_(self) -> str:
        blocks = [f"<p>{html.escape(self.headline)}</p>"]
        for title, table in _filled(self.main_tables()):
            rest = len(table.rows) - _ROWS
            blocks.append(f"<h4>{html.escape(title)}</h4>{table.first(_ROWS).to_html()}")
            if rest > 0:
                blocks.append(f"<p>... and {rest:,} more</p>")
        return f"<div>{''.join(blocks)}</div>"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; what is not a number is None."""
        found: dict[str, Any] = json.loads(self.to_json())
        return found

    def to_json(self) -> str:
        """Everything as one JSON object."""
        found = encodable(self.model_dump())
        return pydantic_core.to_json(found, indent=2, inf_nan_mode="null").decode()

    def to_markdown(self) -> str:
        """The headline and every table, as Markdown."""
        blocks = [f"# {self.title}", escaped(self.headline), *filter(None, [self.legend])]
        for title, table in _filled(self.tables()):
            blocks += [f"## {escaped(title)}", table.to_markdown()]
        return "\n\n".join(blocks) + "\n"

    def save(self, path: str | Path) -> Path:
        """Write everything; the ending of the name says how, .json or .md.

        Raises
        ------
        InputError
            The ending is another.
        OutputError
            The file cannot be written.
        """
        return self._save_as(path, {".json": self.to_json, ".md": self.to_markdown})

    def _save_as(self, path: str | Path, forms: dict[str, Callable[[], str]]) -> Path:
        form = forms.get(Path(path).suffix.lower())
        if form is None:
            *most, last = forms
            raise InputError(
                f"{type(self).__name__} is written as {', '.join(most)} or {last}, "
                f"not as {str(path)!r}"
            )
        return write_text(path, form().rstrip("\n") + "\n")


def _filled(tables: dict[str, Table]) -> list[tuple[str, Table]]:
    """Tables that have rows."""
    return [(title, table) for title, table in tables.items() if table.rows]


def _columns(rows: Sequence[BaseModel]) -> Iterator[tuple[str, list[Cell]]]:
    """Head and cells of each column of a table of these rows."""
    for name, field in (type(rows[0]).model_fields if rows else {}).items():
        how, values = _shown(field), [getattr(row, name) for row in rows]
        if how is INLINE:
            yield from _columns(values)
        elif isinstance(how, Shown) and how.up_to:
            ends = [getattr(row, how.up_to) for row in rows]
            yield from _column(_head(name, field), list(map(how.range, values, ends)))
        elif isinstance(how, Shown):
            cells = [None if value is None else how.write(value) for value in values]
            yield from _column(_head(name, field), cells)
        elif how is None and all(isinstance(v, str | int | float | None) for v in values):
            cells = [None if value is None else _cell(value) for value in values]
            yield from _column(_head(name, field), cells)


def _column(head: str, cells: list[Cell | None]) -> Iterator[tuple[str, list[Cell]]]:
    """A column, unless all its cells are None."""
    told = next((cell for cell in cells if cell is not None), None)
    if told is not None:
        blank: Cell = BLANK if isinstance(told, Number) else ""
        yield head, [blank if cell is None else cell for cell in cells]


def _cell(value: str | float) -> Cell:
    """A value whose field does not say how it is written."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return count(value) if isinstance(value, int) else rounded(value)


def _head(name: str, field: FieldInfo) -> str:
    return field.title or name.replace("_", " ")


def _listed(value: Any, kind: type) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], kind)


def _shown(field: FieldInfo) -> Shown | Pairs | Place | None:
    """How a field is shown, if its type says so."""
    found = [*field.metadata, *_metadata(field.annotation)]
    return next((one for one in found if isinstance(one, Shown | Pairs | Place)), None)


def _metadata(annotation: Any) -> Iterator[Any]:
    """What stands in an ``Annotated`` within a union."""
    yield from getattr(annotation, "__metadata__", ())
    if isinstance(annotation, UnionType) or get_origin(annotation) is Union:
        for inner in get_args(annotation):
            yield from _metadata(inner)
