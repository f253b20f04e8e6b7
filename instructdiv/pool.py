"""Pool: everything that may be chosen, row by row; one long class, since its columns are one."""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.budget import Budget
from instructdiv.clusterers import KMeans
from instructdiv.core.described import Described
from instructdiv.core.rows import row_numbers
from instructdiv.core.space import Space
from instructdiv.data.columns import as_costs, as_groups, as_quality
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.data.records import Records
from instructdiv.data.usable import Usable, text_of
from instructdiv.data.views import View
from instructdiv.embedders import Embedder
from instructdiv.embedders.sentence_transformer import tokenizer_folder
from instructdiv.embedders.tokenizer import count_tokens
from instructdiv.errors import InputError, ShapeError
from instructdiv.schemas import Conversation, Schema

CLUSTER = "cluster"
"""Stands for the clusters of a pool where a column of groups is named."""


@dataclass(frozen=True, eq=False, repr=False)
class Pool(Described):
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
        cls, data: Any, reading: Reading | None = None, **options: Unpack[ReadingOptions]
    ) -> "Pool":
        """Read, view and embed records; warn if some cannot be used and are left out.

        Parameters
        ----------
        data
            Whatever :func:`instructdiv.load` reads.
        reading
            How the data are read and embedded.
        **options
            Parameters of :class:`instructdiv.Reading`, as keywords: embedder, view, group,
            costs, quality, schema, encoding, strict, seed, progress.

        Raises
        ------
        InputError
            The data cannot be read, no record can be used, or a column is missing.

        Examples
        --------
        >>> rows = [{"instruction": f"Count to {n}.", "output": "1, 2"} for n in range(2, 9)]
        >>> len(Pool.of(rows, embedder="lexical"))
        7
        """
        reading = Reading.of(reading, **options)
        part = reading.read(data)
        part.warn()
        return cls._embedded([part], reading)[0]

    @classmethod
    def together(
        cls,
        sets: Mapping[str, Any],
        reading: Reading | None = None,
        *,
        each: Mapping[str, ReadingOptions] | None = None,
        **options: Unpack[ReadingOptions],
    ) -> dict[str, "Pool"]:
        """Pools of several data sets, by name, embedded in one call and so in one space.

        Some embedders learn their axes from the texts they are given; only vectors of one
        call can then be compared.

        Parameters
        ----------
        sets
            Data sets by name: whatever :func:`instructdiv.load` reads.
        reading
            How they are read and embedded. Columns are those of the data sets that have them.
        each
            Options of single data sets, by name, in place of those of all, as in
            ``{"target": {"group": "task"}}``.
        **options
            Parameters of :class:`instructdiv.Reading`, as keywords.

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
        reading = Reading.of(reading, **options)
        parts = reading.read_several(sets, each or {})
        for name, part in parts.items():
            part.warn(name)
        return dict(zip(parts, cls._embedded(list(parts.values()), reading), strict=True))

    @classmethod
    def _embedded(cls, parts: list[Usable], reading: Reading) -> "list[Pool]":
        """What was read, as pools in one space."""
        embedder = reading.embedder
        if "seed" in reading.model_fields_set:
            embedder = embedder.seeded(reading.seed)
        texts = [text for part in parts for text in part.texts]
        firsts = np.cumsum([0, *(part.n_read for part in parts)])
        kept = np.concatenate([part.kept + n for part, n in zip(parts, firsts, strict=False)])
        vectors = embedder.embed_kept(texts, kept, int(firsts[-1]), reading.progress)
        space = Space.of(vectors)
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
        vectors: "ArrayLike | Space",
        groups: "ArrayLike | None" = None,
        costs: "ArrayLike | None" = None,
        quality: "ArrayLike | None" = None,
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
            as_groups(groups, len(space)),
            known_costs=as_costs(costs, len(space)),
            quality=as_quality(quality, len(space)),
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
            as_groups([name for name, pool in named.items() for _ in range(len(pool))], None),
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

    def _facts(self) -> dict[str, object]:
        return {
            "records" if self.records is not None else "vectors": len(self),
            "dimensions": self.space.n_dimensions,
            "embedder": None if self.embedder is None else self.embedder.title,
            "view": None if self.records is None else self.view,
            "groups": None if self.groups is None else len(np.unique(self.groups)),
            "left out": (self.records and len(self.records.quarantine)) or None,
        }

    def take(self, indices: "ArrayLike") -> "Pool":
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
            costs = as_costs(self._records.column(budget.column), len(self))
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
            labels = as_groups(self.clusters.tolist(), len(self))
        elif column is not None:
            labels = as_groups(self._records.labels(column), len(self))
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

    def keys(self, rows: "ArrayLike") -> list[str]:
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
        """Id of each row as text; empty where the record has no id."""
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
    def source_rows(self) -> NDArray[np.int64]:
        """Row of each record in the data that were given, (n,) int64.

        Records that cannot be used are left out of a pool, so that row 7 of the pool need not
        be row 7 of the data; see :attr:`Records.source_rows`. Of vectors alone it is the row
        of the pool.
        """
        return np.arange(len(self)) if self.records is None else self.records.source_rows

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
        return [text_of(self._schema(row), rows[row], self.view) for row in range(len(self))]

    def text(self, row: int) -> str:
        """What was embedded of a row."""
        if self.known_texts is not None:
            return self.known_texts[row]
        return text_of(self._schema(row), self._records.rows[row], self.view)

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


def _all_of(columns: "list[NDArray[Any] | None]") -> "NDArray[Any] | None":
    """Columns end to end, if there are all of them."""
    found = [column for column in columns if column is not None]
    if len(found) < len(columns):
        return None
    joined = np.concatenate(found)
    joined.flags.writeable = False
    return joined
