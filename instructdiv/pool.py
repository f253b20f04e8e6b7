"""Pool: everything that may be chosen, aligned row by row."""

import hashlib
import json
import logging
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.budget import Budget
from instructdiv.clusterers import KMeans
from instructdiv.core.rows import row_numbers
from instructdiv.core.space import Space
from instructdiv.data.layouts import Layout, layouts, unfolded
from instructdiv.data.load import read
from instructdiv.data.records import Records
from instructdiv.data.views import VIEWS, View, view_text
from instructdiv.embedders import Embedder, Progress
from instructdiv.embedders.sentence_transformer import SentenceTransformer, tokenizer_folder
from instructdiv.embedders.tokenizer import count_tokens
from instructdiv.errors import InputError, RowError, ShapeError
from instructdiv.schemas import Conversation, Schema

_log = logging.getLogger("instructdiv")

LONGEST_NAME = 200
"""Characters of the name of a group; of a longer one the start."""

CLUSTER = "cluster"
"""Stands for the clusters of a pool where a column of groups is named."""

_DEAREST = 2**40


@dataclass(frozen=True, eq=False)
class Pool:
    """Records with their vectors, groups, costs and quality, row by row; read-only.

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

    quality: NDArray[np.float64] | None = None
    """(n,) score of each row, higher is better, if any."""

    known_texts: tuple[str, ...] | None = field(default=None, repr=False)
    """Text of each row that was embedded, where it is at hand."""

    call: str | None = None
    """Names the call of the embedder that the vectors are from."""

    @classmethod
    def of(
        cls,
        data: Any,
        embedder: Embedder | str | None = None,
        view: View = "prompt",
        group: str | Sequence[str] | None = None,
        *,
        costs: str | ArrayLike | None = None,
        quality: str | ArrayLike | None = None,
        schema: Layout | None = None,
        strict: bool = False,
        encoding: str = "utf-8",
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
            What of a record is embedded: see :data:`instructdiv.data.views.VIEWS`.
        group
            Column of the known groups, or one group a row.
        costs
            Column of the tokens of each record, or one number a row; if not given, the
            embedder's tokenizer counts them when a budget asks for it.
        quality
            Column of the score of each record, or one number a row; higher is better.
        schema
            Layout of the records, its name, or a mapping of its columns to those that are
            there; recognized if not given.
        strict
            Raise on the first record that cannot be used, rather than leave it out.
        encoding
            How text files are encoded, as Python names it.
        progress
            Called with a stage, how much of it is done, and how much there is.

        Raises
        ------
        InputError
            The data cannot be read, no record can be used, or a column is missing.
        """
        records = read(data, strict=strict, encoding=encoding)
        part = _Reading.of(records, view, group, costs, quality, schema, strict)
        return cls._embedded([part], embedder, progress)[0]

    @classmethod
    def together(
        cls,
        sets: Mapping[str, Any],
        embedder: Embedder | str | None = None,
        view: View = "prompt",
        group: str | None = None,
        *,
        groups: Mapping[str, str | Sequence[str] | None] | None = None,
        costs: Mapping[str, str | ArrayLike | None] | None = None,
        quality: Mapping[str, str | ArrayLike | None] | None = None,
        schema: Layout | None = None,
        schemas: Mapping[str, Layout | Sequence[Schema | None] | None] | None = None,
        strict: bool = False,
        encoding: str = "utf-8",
        progress: Progress | None = None,
    ) -> dict[str, "Pool"]:
        """Pools of several data sets, by name, embedded in one call and so in one space.

        Some embedders learn their axes from the texts they are given; only so can what they
        give for two data sets be compared. Parameters are those of :meth:`of`, where `groups`,
        `costs`, `quality` and `schemas` are those of single data sets by name; `group` is the
        column of all others that have it, and `schema` the layout of all others.

        Raises
        ------
        InputError
            There is no data set, or one cannot be read; the one that a column was named for
            lacks it, or all do.

        Examples
        --------
        >>> rows = [{"instruction": f"Count to {n}.", "output": "1, 2"} for n in range(2, 9)]
        >>> pools = Pool.together({"data": rows[2:], "target": rows[:2]}, embedder="lexical")
        >>> len(pools["data"]), len(pools["target"])
        (5, 2)
        """
        if not sets:
            raise InputError("there is no data set to embed; give at least one")
        costs, quality = costs or {}, quality or {}
        groups, schemas = groups or {}, schemas or {}
        for name in (*groups, *costs, *quality, *schemas):
            if name not in sets:
                raise InputError(f"no data set is named {name!r}; known: {', '.join(sets)}")
        records = {
            name: read(data, strict=strict, encoding=encoding) for name, data in sets.items()
        }
        columns = _having(group, records) | dict(groups)
        parts = [
            _Reading.of(
                found,
                view,
                columns.get(name),
                costs.get(name),
                quality.get(name),
                schemas.get(name, schema),
                strict,
            )
            for name, found in records.items()
        ]
        return dict(zip(sets, cls._embedded(parts, embedder, progress), strict=True))

    @classmethod
    def _embedded(
        cls,
        parts: "list[_Reading]",
        embedder: Embedder | str | None,
        progress: Progress | None,
    ) -> "list[Pool]":
        """What was read, as pools in one space."""
        embedder = Embedder.from_mapping(embedder) if embedder else SentenceTransformer()  # type: ignore[arg-type]
        texts = [text for part in parts for text in part.texts]
        space = Space.of(embedder.embed(texts, progress))
        ends = np.cumsum([len(part.texts) for part in parts])
        call = uuid.uuid4().hex
        return [
            cls(
                space if len(parts) == 1 else space.take(np.arange(end - len(part.texts), end)),
                part.groups,
                part.records,
                part.schemas,
                part.view,
                embedder,
                part.costs,
                part.quality,
                part.texts,
                call,
            )
            for part, end in zip(parts, ends.tolist(), strict=True)
        ]

    @classmethod
    def from_embeddings(
        cls,
        vectors: ArrayLike | Space,
        groups: ArrayLike | None = None,
        costs: ArrayLike | None = None,
        quality: ArrayLike | None = None,
    ) -> "Pool":
        """A pool of vectors (n, d) from anywhere; a group, a cost and a score (n,), if any.

        Raises
        ------
        ShapeError
            The vectors cannot be normalized, the lengths differ, or a cost or a score is
            not a usable number; the row is named.
        """
        space = Space.of(vectors)
        return cls(
            space,
            _labels(groups, len(space)),
            known_costs=_costs(costs, len(space)),
            quality=_quality(quality, len(space)),
        )

    @classmethod
    def joined(cls, named: "Mapping[str, Pool]") -> "Pool":
        """Several pools as one, one after another; their names are its groups.

        Records, texts, costs and quality are kept where all have them.

        Raises
        ------
        ShapeError
            There is none, or what they hold cannot be compared.

        Examples
        --------
        >>> pools = {name: Pool.from_embeddings(np.eye(2)) for name in ("code", "law")}
        >>> Pool.joined(pools).groups.tolist()
        ['code', 'code', 'law', 'law']
        """
        if not named:
            raise ShapeError("there is no pool to join; give at least one")
        pools = list(named.values())
        first, *others = pools
        for other in others:
            first.check_comparable(other)
        records = [pool.records for pool in pools if pool.records is not None]
        have_records = len(records) == len(pools)
        texts = None
        if all(pool.has_texts for pool in pools):
            texts = tuple(text for pool in pools for text in pool.texts)
        return cls(
            Space(np.concatenate([pool.space.vectors for pool in pools])),
            _labels([name for name, pool in named.items() for _ in range(len(pool))], None),
            Records.joined(records) if have_records else None,
            tuple(schema for pool in pools for schema in pool.schemas) if have_records else (),
            first.view,
            first.embedder,
            _all_of([pool.known_costs for pool in pools]),
            _all_of([pool.quality for pool in pools]),
            texts,
            first.call,
        )

    def __len__(self) -> int:
        return len(self.space)

    def take(self, indices: ArrayLike) -> "Pool":
        """The pool of these rows, in this order."""
        indices = row_numbers(indices, len(self))
        texts = self.__dict__.get("texts", self.known_texts)
        return replace(
            self,
            space=self.space.take(indices),
            groups=None if self.groups is None else self.groups[indices],
            records=None if self.records is None else self.records.take(indices),
            known_costs=None if self.known_costs is None else self.known_costs[indices],
            known_texts=None if texts is None else tuple(texts[i] for i in indices.tolist()),
            quality=None if self.quality is None else self.quality[indices],
        )

    def check_comparable(self, other: "Pool") -> None:
        """Raise unless the vectors of another pool can be compared with these.

        Raises
        ------
        ShapeError
            They have another dimension, or come from another embedder, or from another call
            of one that learns its axes from the texts.
        """
        if self.space.n_dimensions != other.space.n_dimensions:
            raise ShapeError(
                f"vectors of {other.space.n_dimensions} dimensions do not fit a pool of "
                f"{self.space.n_dimensions}; embed both alike"
            )
        a, b = self.embedder, other.embedder
        if a is None or b is None or self.call == other.call:
            return
        if not (a.shares_space(b) or b.shares_space(a)):
            calls = f"{a.title} and {b.title}" if a != b else f"two calls of {a.title}"
            raise ShapeError(
                f"vectors of {calls} cannot be compared; embed both data sets in one call, "
                "with Pool.together"
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
        return self.embedder.count_tokens(self._trained_on)

    def costs_under(self, budget: Budget) -> NDArray[np.int64]:
        """What each row costs under a budget, (n,) int64: 1 record, or its tokens.

        Raises
        ------
        ShapeError
            The tokens of a row are not a whole number above 0; the row is named.
        InputError
            There is no such column.
        ModelNotFound
            There is no such tokenizer.
        """
        if budget.tokens is None:
            return np.ones(len(self), np.int64)
        if budget.column:
            costs = _costs(self._records.column(budget.column), len(self))
            assert costs is not None  # noqa: S101
            return costs
        if budget.tokenizer:
            return count_tokens(tokenizer_folder(budget.tokenizer), self._trained_on)
        return self.costs

    def groups_by(self, column: str | None) -> NDArray[np.str_]:
        """Group of each row by a column of the records, or the known groups, (n,).

        ``source`` is the file of each row, and ``cluster`` the number of its cluster, if no
        column has that name.

        Raises
        ------
        ShapeError
            No column is named, and the pool has no groups.
        InputError
            There is no such column.
        """
        if column == CLUSTER and CLUSTER not in self._columns:
            labels = _labels(self.clusters.tolist(), len(self))
        elif column is not None:
            labels = _labels(self._records.labels(column), len(self))
        else:
            labels = self.groups
        if labels is None:
            raise ShapeError("the pool has no groups; name the column that holds them")
        return labels

    @cached_property
    def fingerprint(self) -> str:
        """What tells this pool from others, by its vectors and their order, as hexadecimal text.

        Vectors of one model can differ in their last digits between machines: it is that of
        the pool here, not of its texts.
        """
        digests = self.space.digests.tobytes()
        return hashlib.blake2b(digests, digest_size=12).hexdigest()

    @cached_property
    def clusters(self) -> NDArray[np.int64]:
        """Cluster of each row by k-means, as many as the square root of n, (n,) int64."""
        return KMeans().cluster(self.space)

    def keys(self, rows: ArrayLike) -> list[str]:
        """What tells these rows apart in another pool too, as text.

        The id of a record, if no other has it, else a digest of the record; for vectors
        alone the number of the row.
        """
        numbers = row_numbers(rows, len(self)).tolist()
        if self.records is None:
            return list(map(str, numbers))
        found, own = self.records.rows, self._own_ids
        return [own[row] or _content_key(found[row]) for row in numbers]

    @cached_property
    def _own_ids(self) -> list[str]:
        """Id of each row as text, empty where it has none of its own."""
        if self.records is None or "id" not in self.records.columns:
            return [""] * len(self)
        ids = [
            str(i) if isinstance(i, str | int) and not isinstance(i, bool) else ""
            for i in self.records.column("id")
        ]
        often = Counter(ids)
        return [i if often[i] == 1 else "" for i in ids]

    @cached_property
    def ids(self) -> list[Any]:
        """Key of each row: column ``id`` where every row has one of its own, else its number."""
        if self.records is not None and all(self._own_ids):
            return self.records.column("id")
        return list(range(len(self)))

    @property
    def _trained_on(self) -> list[str]:
        """Everything a trainer sees of each conversation: system text and tool calls too."""
        return [_trained_text(self.messages(row)) for row in range(len(self))]

    def messages(self, row: int) -> list[dict[str, Any]]:
        """The conversation of a row as OpenAI-style messages."""
        return self.conversation(row).messages

    def conversation(self, row: int) -> Conversation:
        """What a row says, with tools and the worse of two answers where there are any."""
        return self._schema(row).conversation(self._records.rows[row])

    @property
    def has_texts(self) -> bool:
        """Whether there is more than vectors."""
        return self.known_texts is not None or self.records is not None

    @cached_property
    def texts(self) -> Sequence[str]:
        """What was embedded of each row."""
        if self.known_texts is not None:
            return self.known_texts
        rows = self._records.rows
        return [_view(self._schema(row), rows[row], self.view) for row in range(len(self))]

    def text(self, row: int) -> str:
        """What was embedded of a row."""
        if self.known_texts is not None:
            return self.known_texts[row]
        return _view(self._schema(row), self._records.rows[row], self.view)

    @property
    def instructions(self) -> list[str]:
        """What is asked in each record, without its input where the layout tells them apart."""
        return [self.instruction(row) for row in range(len(self))]

    def instruction(self, row: int) -> str:
        """What is asked in a record; see :attr:`instructions`."""
        return self._schema(row).instruction(self._records.rows[row])

    @property
    def _columns(self) -> tuple[str, ...]:
        return () if self.records is None else self.records.columns

    @property
    def _records(self) -> Records:
        if self.records is None:
            raise InputError("a pool of vectors alone has no records to show")
        return self.records

    def _schema(self, row: int) -> Schema:
        return self.schemas[int(self._records.source_of[row])]


# What should be covered: a pool, vectors, or several of them by name.
Target: TypeAlias = Pool | Space | ArrayLike | Mapping[str, Pool | Space | ArrayLike]


@dataclass(frozen=True)
class _Reading:
    """Records that can be used, with the text of each that is to be embedded."""

    records: Records
    schemas: tuple[Schema, ...]
    view: View
    texts: tuple[str, ...]
    groups: NDArray[np.str_] | None
    costs: NDArray[np.int64] | None
    quality: NDArray[np.float64] | None

    @classmethod
    def of(
        cls,
        records: Records,
        view: View,
        group: Any,
        costs: Any,
        quality: Any,
        schema: Any,
        strict: bool,
    ) -> "_Reading":
        if view not in VIEWS:
            raise InputError(f"no view is named {view!r}; known: {', '.join(VIEWS)}")
        schemas = layouts(records, schema)
        records = unfolded(records, schemas)
        n_read = len(records)
        records, texts, kept = _usable(records, schemas, view, strict)
        n = len(texts)
        return cls(
            records,
            schemas,
            view,
            tuple(texts),
            _labels(_values(group, "groups", records, kept, n_read), n),
            _costs(_values(costs, "costs", records, kept, n_read), n),
            _quality(_values(quality, "quality scores", records, kept, n_read), n),
        )


def _having(column: str | None, records: Mapping[str, Records]) -> dict[str, str]:
    """The column for each of several data sets that has it."""
    found = {}
    for name, one in records.items():
        if column is not None and (column in one.columns or column == "source"):
            found[name] = column
    if column is not None and not found:
        next(iter(records.values())).column(column)  # says which columns there are
    return found


def _view(schema: Schema, row: Any, view: View) -> str:
    messages = schema.messages(row)  # what has no instruction is refused, whatever the view
    if view == "prompt":
        return schema.prompt(row)
    return schema.instruction(row) if view == "instruction" else view_text(messages, view)


def _trained_text(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        for message in messages
        for key, value in message.items()
        if key != "role"
    )


def _content_key(row: Mapping[str, Any]) -> str:
    given = {key: value for key, value in row.items() if value is not None}
    text = json.dumps(given, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def as_pool(given: Pool | Space | ArrayLike) -> Pool:
    """A pool, or vectors in any of their forms as a pool of vectors alone."""
    return given if isinstance(given, Pool) else Pool.from_embeddings(given)


def as_target(given: Target) -> Pool:
    """A target in any of its forms as one pool; the names of several are its groups.

    Raises
    ------
    ShapeError
        There is no record in it, or what several hold cannot be compared.
    """
    named = given if isinstance(given, Mapping) else {"": given}
    pools = {str(name): _some(one, str(name)) for name, one in named.items()}
    if len(pools) < len(named):
        raise ShapeError(f"two targets have the same name: {', '.join(map(str, named))}")
    if not pools:
        raise ShapeError("the target has no record; give at least one")
    if not isinstance(given, Mapping):
        return pools[""]
    return Pool.joined(pools)


def _some(given: Pool | Space | ArrayLike, name: str) -> Pool:
    rows = isinstance(given, list | tuple) and any(isinstance(one, Mapping) for one in given)
    if isinstance(given, str | Path | Records) or rows:
        raise ShapeError(
            "a target is a pool or vectors; embed its records with the others, with Pool.together"
        )
    empty = not len(given) if isinstance(given, Pool | Space) else not np.size(given)
    if empty:
        called = f"the target {name!r}" if name else "the target"
        raise ShapeError(f"{called} has no record; give at least one")
    return as_pool(given)


def _all_of(columns: "list[NDArray[Any] | None]") -> "NDArray[Any] | None":
    """Columns end to end, if there are all of them."""
    found = [column for column in columns if column is not None]
    if len(found) < len(columns):
        return None
    joined = np.concatenate(found)
    joined.flags.writeable = False
    return joined


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
        return records.labels(values)
    values = list(values)
    if len(values) != n_read:
        raise ShapeError(f"{len(values)} {name} do not fit {n_read} records")
    return [values[i] for i in kept.tolist()]


def _labels(groups: Any, n: int | None) -> NDArray[np.str_] | None:
    if groups is None:
        return None
    labels = np.array([_label(group) for group in groups], np.str_)
    labels.flags.writeable = False
    if n is not None and len(labels) != n:
        raise ShapeError(f"{len(labels)} groups do not fit {n} rows")
    return labels


def _label(group: Any) -> str:
    if group is None:
        return "(none)"
    if isinstance(group, list | tuple):
        return ", ".join(map(str, group)) or "(none)"
    # Rows of text arrays are as wide as the widest: a name is not that long.
    return str(group)[:LONGEST_NAME]


def _costs(costs: Any, n: int) -> NDArray[np.int64] | None:
    if costs is None:
        return None
    try:
        array = np.asarray(costs, np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"costs must be numbers{_culprit(costs)}: {error}") from None
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


def _culprit(values: Any) -> str:
    """Which row has what is no number."""
    for row, value in enumerate(values):
        try:
            if np.asarray(value, np.float64).ndim:
                raise TypeError
        except (TypeError, ValueError):
            return f", but row {row} has {value!r}"
    return ""


def _quality(quality: Any, n: int) -> NDArray[np.float64] | None:
    if quality is None:
        return None
    try:
        scores = np.array(quality, np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"quality scores must be numbers{_culprit(quality)}: {error}") from None
    if scores.shape != (n,):
        raise ShapeError(f"quality scores of shape {scores.shape} do not fit {n} rows")
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ShapeError(f"quality scores must be finite, but row {row} has {scores[row]}")
    scores.flags.writeable = False
    return scores
