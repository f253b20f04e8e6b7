"""Leakage: records of a target that are in the pool as well."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import SerializerFunctionWrapHandler, model_serializer

from instructdiv.core.space import Space
from instructdiv.core.threads import products
from instructdiv.data.normalize import normalize
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.errors import ParameterError, ShapeError
from instructdiv.pool import Pool
from instructdiv.pool_input import as_target, read_together
from instructdiv.results import Facts, Result, Similarity

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Kind = Literal["exact", "normalized", "near"]

_KINDS: tuple[Kind, ...] = ("exact", "normalized", "near")
_EXACT, _NORMALIZED, _NEAR, _NONE = range(4)
_ROWS = 4096
_TARGETS = 1024
# Equal vectors have a similarity of 1, and rounding leaves it a little beside.
_NEAR_ONE = 1 - 1e-5


class Leak(Facts):
    """A record of the pool and one of the target that are the same, or nearly."""

    pool_row: int
    """Row of the pool."""

    target_row: int
    """Row of the target."""

    kind: Kind
    """exact: the same text; normalized: the same but for case, white space, forms of letters,
    quotes and dashes, and sentence punctuation (full stops, commas, colons, question and
    exclamation marks, quotes) at the beginning or end of a word, while operators, signs,
    brackets and what stands within a word count; near: another text with a similar vector.
    Of vectors alone: exact where they are equal."""

    similarity: Similarity
    """Their cosine similarity."""


class Leaks(Result):
    """Records of a target that are in a pool too (contamination).

    `never_keep=leaks.rows` keeps them out of a selection.
    """

    title: ClassVar[str] = "Leakage"

    pairs: tuple[Leak, ...]
    """Each record that leaks, of the pool and of the target, with its strongest partner on the
    other side: exact before normalized before near; of near ones the most similar, else the
    lowest row. By row of the pool, then of the target."""

    counts: dict[Kind, int]
    """Records of the pool by the strongest kind of leak each has."""

    n_pool: int
    """Records of the pool."""

    n_target: int
    """Records of the target."""

    similarity_threshold: float
    """Similarity from which two records are near."""

    by_text: bool
    """Whether texts were compared, and not vectors alone."""

    @property
    def rows(self) -> Rows:
        """Rows of the pool to leave out, ascending (m,) int64."""
        return np.unique(np.array([pair.pool_row for pair in self.pairs], np.int64))

    @property
    def target_rows(self) -> Rows:
        """Rows of the target that are in the pool, ascending (m,) int64."""
        return np.unique(np.array([pair.target_row for pair in self.pairs], np.int64))

    def __len__(self) -> int:
        return sum(self.counts.values())

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        rows = {"rows": self.rows.tolist(), "target_rows": self.target_rows.tolist()}
        found: dict[str, Any] = handler(self)
        return found | rows


def leak_check(
    pool: Any,
    target: Any,
    *,
    similarity_threshold: float = 0.95,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> Leaks:
    """Find records of the target that are in the pool as well, before any claim is made on it.

    Compared is what was embedded. With the usual view, the prompt, that is the question
    without its answer: the answers of a target are only compared if pool and target were
    embedded with ``view="conversation"`` or ``"response"``. What an embedder does not read of
    a long text, similarity does not see. Time O(n * t * d), memory O(n + t) and one tile.

    Parameters
    ----------
    pool
        A pool, or vectors.
    target
        A pool in the same space, vectors, or several of these by name. The rows of several are
        numbered in their order.
    similarity_threshold
        Cosine similarity from which two records count as near copies. What is near depends
        on the embedder: look at the pairs.

    Raises
    ------
    ShapeError
        Pool and target cannot be compared, are of two views, or one is empty.
    ParameterError
        `similarity_threshold` is no number above 0 and at most 1.

    Examples
    --------
    >>> rows = [{"instruction": f"Count to {n}.", "output": "1, 2"} for n in range(2, 9)]
    >>> sets = {"data": rows, "test": [{"instruction": "count to 4", "output": "1, 2, 3, 4"}]}
    >>> pools = Pool.together(sets, embedder="lexical")
    >>> leaks = leak_check(pools["data"], pools["test"], similarity_threshold=0.99)
    >>> print(leaks.headline)
    1 of 1 target records are in the pool: 1 of its 7 records, 0 exact, 1 normalized, 0 near
    (similarity 0.99 or more)
    >>> leaks.rows.tolist()
    [2]
    """
    if (
        not isinstance(similarity_threshold, int | float | np.floating)
        or not 0 < similarity_threshold <= 1
    ):
        raise ParameterError(
            "similarity_threshold must be a number above 0 and at most 1, "
            f"got {similarity_threshold!r}"
        )
    reading = Reading.of(reading, **options)
    pool, target = read_together(reading, pool, target=target)
    target = as_target(target)
    if not len(pool):
        raise ShapeError("a pool needs at least one record")
    by_text = pool.has_texts and target.has_texts
    if by_text and pool.view != target.view:
        raise ShapeError(
            f"the pool is of the view {pool.view!r}, the target of {target.view!r}; embed both "
            "alike"
        )
    pool.check_comparable(target)
    of_pool, of_target = _Partners(len(pool)), _Partners(len(target))
    if by_text:
        ours, theirs = pool.texts, target.texts
        _compare_texts(ours, theirs, _EXACT, of_pool, of_target)
        ours, theirs = list(map(normalize, ours)), list(map(normalize, theirs))
        _compare_texts(ours, theirs, _NORMALIZED, of_pool, of_target)
    _compare_vectors(pool.space, target.space, similarity_threshold, by_text, of_pool, of_target)
    counted = np.bincount(of_pool.kind, minlength=_NONE + 1).tolist()
    pairs = _pairs(pool.space, target.space, of_pool, of_target)
    counts = dict(zip(_KINDS, counted[:_NONE], strict=True))
    n_leaked = len({pair.target_row for pair in pairs})
    return Leaks(
        headline=_headline(n_leaked, counts, pool, target, similarity_threshold, by_text),
        pairs=pairs,
        counts=counts,
        n_pool=len(pool),
        n_target=len(target),
        similarity_threshold=similarity_threshold,
        by_text=by_text,
    )


def _headline(
    n_leaked: int,
    counts: dict[Kind, int],
    pool: Pool,
    target: Pool,
    similarity_threshold: float,
    by_text: bool,
) -> str:
    if not n_leaked:
        return (
            f"none of {len(target):,} target records is among the {len(pool):,} of the "
            f"pool, up to a similarity of {similarity_threshold:g}"
        )
    kinds = [
        f"{counts['exact']:,} exact",
        *([f"{counts['normalized']:,} normalized"] if by_text else []),
        f"{counts['near']:,} near (similarity {similarity_threshold:g} or more)",
    ]
    return (
        f"{n_leaked:,} of {len(target):,} target records are in the pool: "
        f"{sum(counts.values()):,} of its {len(pool):,} records, {', '.join(kinds)}"
    )


class _Partners:
    """The strongest partner found so far of each of n records."""

    def __init__(self, n: int) -> None:
        self.row = np.zeros(n, np.int64)
        self.kind = np.full(n, _NONE, np.int64)
        self.similarity = np.full(n, -2, np.float32)

    def offer(self, own: Rows, other: Rows, kind: int, similarity: Floats) -> None:
        """Take a partner for each of some distinct records, if it is stronger.

        Of equally strong ones the first offered stays.
        """
        better = kind < self.kind[own]
        better |= (kind == self.kind[own]) & (similarity > self.similarity[own])
        own = own[better]
        self.row[own], self.kind[own] = other[better], kind
        self.similarity[own] = similarity[better]


def _compare_texts(
    pool: Sequence[str], target: Sequence[str], kind: int, of_pool: _Partners, of_target: _Partners
) -> None:
    for own, other, partners in ((pool, target, of_pool), (target, pool, of_target)):
        first: dict[str, int] = {}
        for row, text in enumerate(other):
            first.setdefault(text, row)
        first.pop("", None)  # what is all punctuation says nothing
        rows = np.array([row for row, text in enumerate(own) if text in first], np.int64)
        found = np.array([first[own[row]] for row in rows.tolist()], np.int64)
        partners.offer(rows, found, kind, np.ones(len(rows), np.float32))


def _compare_vectors(
    pool: Space,
    target: Space,
    similarity_threshold: float,
    by_text: bool,
    of_pool: _Partners,
    of_target: _Partners,
) -> None:
    # Of copies the first stands for all, however their similarities round.
    pool_first, target_first = pool.first_copies, target.first_copies
    for first in range(0, len(target), _TARGETS):
        for start in range(0, len(pool), _ROWS):
            tile = products(
                pool.vectors[start : start + _ROWS], target.vectors[first : first + _TARGETS]
            )
            row, column = np.nonzero(tile > _NEAR_ONE)
            equal = pool.digests[start + row] == target.digests[first + column]
            row, column = row[equal], column[equal]
            np.minimum(tile, 1, out=tile)
            tile[row, column] = 1
            if not by_text:
                ones = np.ones(len(row), np.float32)
                for several, other, partners, firsts in (
                    (start + row, first + column, of_pool, target_first),
                    (first + column, start + row, of_target, pool_first),
                ):
                    own, at = np.unique(several, return_index=True)
                    partners.offer(own, firsts[other[at]], _EXACT, ones[: len(own)])
            for axis, own_start, other_start, partners, firsts in (
                (1, start, first, of_pool, target_first),
                (0, first, start, of_target, pool_first),
            ):
                best = tile.argmax(axis=axis)
                similarity = tile.max(axis=axis)
                own = np.flatnonzero(similarity >= similarity_threshold)
                found = firsts[other_start + best[own]]
                partners.offer(own_start + own, found, _NEAR, similarity[own])


def _pairs(
    pool: Space, target: Space, of_pool: _Partners, of_target: _Partners
) -> tuple[Leak, ...]:
    ours = np.flatnonzero(of_pool.kind < _NONE)
    theirs = np.flatnonzero(of_target.kind < _NONE)
    rows = np.concatenate([ours, of_target.row[theirs]])
    targets = np.concatenate([of_pool.row[ours], theirs])
    kinds = np.concatenate([of_pool.kind[ours], of_target.kind[theirs]])
    _, once = np.unique(rows * len(target) + targets, return_index=True)
    rows, targets, kinds = rows[once], targets[once], kinds[once]
    similarities = np.empty(len(rows))
    for start in range(0, len(rows), _ROWS):
        a, b = rows[start : start + _ROWS], targets[start : start + _ROWS]
        found = np.einsum("ij,ij->i", pool.vectors[a], target.vectors[b], dtype=np.float64)
        equal = pool.digests[a] == target.digests[b]
        similarities[start : start + _ROWS] = np.where(equal, 1, np.clip(found, -1, 1))
    return tuple(
        Leak(pool_row=row, target_row=other, kind=_KINDS[kind], similarity=similarity)
        for row, other, kind, similarity in zip(
            rows.tolist(), targets.tolist(), kinds.tolist(), similarities.tolist(), strict=True
        )
    )
