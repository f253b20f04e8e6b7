"""Pool: everything that may be chosen, aligned row by row."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.embedders.base import Embedder, Progress
from instructdiv.embedders.sentence_transformer import SentenceTransformer
from instructdiv.errors import InputError, RowError, ShapeError
from instructdiv.records import Records, read
from instructdiv.rows import row_numbers
from instructdiv.schemas.base import Schema, recognize
from instructdiv.space import Space
from instructdiv.views import VIEWS, View, view_text

_log = logging.getLogger("instructdiv")

_LONGEST_NAME = 200
_DEAREST = 2**40


@dataclass(frozen=True, eq=False)
class Pool:
    """Records with their vectors, groups and costs, row by row; read-only.

    Build one with :meth:`of` from records or :meth:`from_embeddings` from vectors.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.0, 1.0]], groups=["code", "maths"])
    >>> len(pool), pool.groups.tolist()
    (2, ['code', 'maths'])
    """

    space: Space
    """Unit vectors of the rows."""

    groups: NDArray[np.str_] | None = None
    """(n,) known group of each row, if any."""

    records: Records | None = None
    """The rows themselves, if there are any."""

    schemas: tuple[Schema, ...] = ()
    """Layout of each source of the records."""

    view: View = "prompt"
    """What of a record was embedded."""

    embedder: Embedder | None = None
    """What embedded it, and counts its tokens."""

    known_costs: NDArray[np.int64] | None = None
    """(n,) tokens of each row, where they came with the data."""

    @classmethod
    def of(
        cls,
        data: Any,
        embedder: Embedder | str | None = None,
        view: View = "prompt",
        group: str | Sequence[str] | None = None,
        *,
        costs: str | ArrayLike | None = None,
        schema: Schema | str | None = None,
        strict: bool = False,
        progress: Progress | None = None,
    ) -> "Pool":
        """Read, view and embed records.

        Parameters
        ----------
        data
            Whatever :func:`instructdiv.load` reads.
        embedder
            What turns texts into vectors, or its name; all-MiniLM-L6-v2 if not given.
        view
            What of a record is embedded: prompt, instruction, response or conversation.
        group
            Column of the known groups, or one group a row.
        costs
            Column of the tokens of each record, or one number a row; if not given, the
            embedder's tokenizer counts them when a budget asks for it.
        schema
            Layout of the records; recognized if not given.
        strict
            Raise on the first record that cannot be used, rather than leave it out.
        progress
            Called with a stage, how much of it is done, and how much there is.

        Raises
        ------
        InputError
            The data cannot be read, no record can be used, or a column is missing.
        """
        if view not in VIEWS:
            raise InputError(f"no view is named {view!r}; known: {', '.join(VIEWS)}")
        records = read(data, strict=strict)
        schemas = _schemas(records, schema)
        n_read = len(records)
        records, texts, kept = _usable(records, schemas, view, strict)
        groups = _values(group, "groups", records, kept, n_read)
        given = _values(costs, "costs", records, kept, n_read)
        embedder = Embedder.from_mapping(embedder) if embedder else SentenceTransformer()  # type: ignore[arg-type]
        vectors = embedder.embed(texts, progress)
        return cls(
            Space.of(vectors),
            _labels(groups, len(texts)),
            records,
            schemas,
            view,
            embedder,
            _costs(given, len(texts)),
        )

    @classmethod
    def from_embeddings(
        cls,
        vectors: ArrayLike | Space,
        groups: ArrayLike | None = None,
        costs: ArrayLike | None = None,
    ) -> "Pool":
        """A pool of vectors (n, d) from anywhere, with a group and a cost (n,) each, if any.

        Raises
        ------
        ShapeError
            The vectors cannot be normalized, or the lengths differ.
        """
        space = Space.of(vectors)
        return cls(space, _labels(groups, len(space)), known_costs=_costs(costs, len(space)))

    def __len__(self) -> int:
        return len(self.space)

    def take(self, indices: ArrayLike) -> "Pool":
        """The pool of these rows, in this order."""
        indices = row_numbers(indices, len(self))
        return replace(
            self,
            space=self.space.take(indices),
            groups=None if self.groups is None else self.groups[indices],
            records=None if self.records is None else self.records.take(indices),
            known_costs=None if self.known_costs is None else self.known_costs[indices],
        )

    @cached_property
    def costs(self) -> NDArray[np.int64]:
        """Tokens of each row, (n,) int64.

        Raises
        ------
        ShapeError
            A pool of vectors alone was built without costs.
        """
        if self.known_costs is not None:
            return self.known_costs
        if self.records is None or self.embedder is None:
            raise ShapeError("a budget of tokens needs costs; give the pool the tokens of each row")
        texts = [_trained_on(self.messages(row)) for row in range(len(self))]
        return self.embedder.count_tokens(texts)

    @cached_property
    def ids(self) -> list[Any]:
        """Key of each row: column ``id`` where every row has one of its own, else its number."""
        if self.records is not None and "id" in self.records.columns:
            ids = self.records.column("id")
            usable = all(isinstance(i, str | int) and not isinstance(i, bool) for i in ids)
            if usable and len(set(ids)) == len(ids):
                return ids
        return list(range(len(self)))

    def messages(self, row: int) -> list[dict[str, Any]]:
        """The conversation of a row as OpenAI-style messages."""
        return self._schema(row).messages(self._records.rows[row])

    def text(self, row: int) -> str:
        """What was embedded of a row."""
        return _view(self._schema(row), self._records.rows[row], self.view)

    @property
    def _records(self) -> Records:
        if self.records is None:
            raise InputError("a pool of vectors alone has no records to show")
        return self.records

    def _schema(self, row: int) -> Schema:
        return self.schemas[int(self._records.source_of[row])]


def _schemas(records: Records, schema: Schema | str | None) -> tuple[Schema, ...]:
    if schema is not None:
        return (Schema.from_mapping(schema),) * len(records.sources)  # type: ignore[arg-type]
    found = []
    for number, name in enumerate(records.sources):
        rows = np.flatnonzero(records.source_of == number)
        part = records if len(rows) == len(records) else records.take(rows)
        found.append(recognize(part.rows))
        _log.info("%s: %d records of schema %s", name, len(rows), found[-1].name)
    return tuple(found)


def _view(schema: Schema, row: Any, view: View) -> str:
    messages = schema.messages(row)  # what has no instruction is refused, whatever the view
    return schema.instruction(row) if view == "instruction" else view_text(messages, view)


def _trained_on(messages: Sequence[Mapping[str, Any]]) -> str:
    """Everything a trainer sees of a conversation: system text and tool calls too."""
    return "\n".join(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        for message in messages
        for key, value in message.items()
        if key != "role"
    )


def as_space(target: Pool | Space | ArrayLike | None, default: Space) -> Space:
    """The space of a target in any of its forms, or the default."""
    if target is None:
        return default
    return target.space if isinstance(target, Pool) else Space.of(target)


def _usable(
    records: Records, schemas: tuple[Schema, ...], view: View, strict: bool
) -> tuple[Records, list[str], NDArray[np.int64]]:
    """Keep the rows that have an instruction, with their texts; quarantine the others."""
    texts, kept, bad = [], [], list(records.quarantine)
    for i, row in enumerate(records.rows):
        try:
            texts.append(_view(schemas[records.source_of[i]], row, view))
            kept.append(i)
        except RowError as error:
            bad.append(records.quarantined(i, str(error)))
            if strict:
                raise InputError(str(bad[-1])) from None
    if not kept:
        raise InputError(f"no record can be used; {bad[-1]}")
    rows = np.array(kept, np.int64)
    records = replace(records, quarantine=tuple(bad))
    return records if len(rows) == len(records) else records.take(rows), texts, rows


def _values(
    values: Any, name: str, records: Records, kept: NDArray[np.int64], n_read: int
) -> list[Any] | None:
    """Groups or costs of the kept rows, from a column or from one value for each row read."""
    if values is None:
        return None
    if isinstance(values, str):
        return records.column(values)
    values = list(values)
    if len(values) != n_read:
        raise ShapeError(f"{len(values)} {name} do not fit {n_read} records")
    return [values[i] for i in kept.tolist()]


def _labels(groups: Any, n: int) -> NDArray[np.str_] | None:
    if groups is None:
        return None
    labels = np.array([_label(group) for group in groups], np.str_)
    labels.flags.writeable = False
    if len(labels) != n:
        raise ShapeError(f"{len(labels)} groups do not fit {n} rows")
    return labels


def _label(group: Any) -> str:
    if group is None:
        return "(none)"
    if isinstance(group, list | tuple):
        return ", ".join(map(str, group)) or "(none)"
    # Rows of text arrays are as wide as the widest: a name is not that long.
    return str(group)[:_LONGEST_NAME]


def _costs(costs: Any, n: int) -> NDArray[np.int64] | None:
    if costs is None:
        return None
    try:
        array = np.asarray(costs, np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"costs must be numbers: {error}") from None
    if array.shape != (n,):
        raise ShapeError(f"costs of shape {array.shape} do not fit {n} rows")
    fine = (array >= 1) & (array <= _DEAREST) & (array == np.floor(array))
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        raise ShapeError(
            f"costs must be whole numbers from 1 to {_DEAREST:,}, but row {row} has {array[row]:g}"
        )
    checked = array.astype(np.int64)
    checked.flags.writeable = False
    return checked
