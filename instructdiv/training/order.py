"""Order: compares the ids that were seen with the expected order."""

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from instructdiv.errors import InputError

_UNKNOWN = -1


@dataclass(frozen=True)
class OrderComparison:
    """Comparison of a sequence of ids with the expected order. Made by :func:`compare_order`."""

    n_expected: int
    """Number of ids that were expected."""

    n_seen: int
    """Number of ids that were seen."""

    broken_at: int | None
    """First place, counted from 0, that is out of order; None if all are in order."""

    broken_by: str
    """The fault at that place; empty if all are in order."""

    correlation: float | None
    """Spearman's rank correlation with the expected order, each id where it was first seen.

    1 is the same order, 0 is none, -1 the reverse; None for fewer than two ids.
    """

    furthest: int
    """Largest displacement of an id among those that were seen, in places."""

    streams: int
    """Smallest number of ordered sequences that the seen ids interleave."""

    dropped: tuple[Hashable, ...]
    """Expected ids that were not seen, though a later one was."""

    unreached: tuple[Hashable, ...]
    """Expected ids that were not seen, after the last one that was."""

    repeated: tuple[Hashable, ...]
    """Ids that were seen again after others."""

    unknown: tuple[Hashable, ...]
    """Ids that were seen, but not expected."""

    @property
    def held(self) -> bool:
        """Whether ids were seen, all of them expected and in order."""
        return self.n_seen > 0 and self.broken_at is None


def compare_order(expected: Iterable[Hashable], seen: Iterable[Hashable]) -> OrderComparison:
    """Compare the ids seen in one epoch with the expected order.

    The order holds if no id comes after one that was expected later. Ids may be left out, since
    trainers drop records that are too long. An id may come twice in a row, since packing splits
    records. Time O(n log n).

    Raises
    ------
    InputError
        An id is expected twice.

    Examples
    --------
    >>> compare_order("abcde", "abde").held
    True
    >>> order = compare_order("abcde", "acbde")
    >>> order.held, order.broken_at, order.broken_by
    (False, 2, "'b' came after 'c'")
    """
    expected, seen = list(expected), list(seen)
    place_of = places(expected)
    at = np.array([place_of.get(id_, _UNKNOWN) for id_ in seen], np.int64)
    broken_at, broken_by = _first_break(at, seen)
    known = at[at != _UNKNOWN]
    turns = known[np.flatnonzero(np.diff(known, prepend=_UNKNOWN))]  # twice running counts once
    distinct, first, times = np.unique(turns, return_index=True, return_counts=True)
    in_turn = turns[np.sort(first)]
    away = np.argsort(np.argsort(in_turn)) - np.arange(len(in_turn))
    missing = np.setdiff1d(np.arange(len(expected)), distinct)
    last = distinct.max(initial=-1)
    return OrderComparison(
        n_expected=len(expected),
        n_seen=len(seen),
        broken_at=broken_at,
        broken_by=broken_by,
        correlation=_correlation(away),
        furthest=int(np.abs(away).max(initial=0)),
        streams=_streams(in_turn.tolist()),
        dropped=tuple(expected[i] for i in missing[missing < last].tolist()),
        unreached=tuple(expected[i] for i in missing[missing > last].tolist()),
        repeated=tuple(expected[i] for i in distinct[times > 1].tolist()),
        unknown=tuple(id_ for id_ in dict.fromkeys(seen) if id_ not in place_of),
    )


def places(ids: Sequence[Hashable], start: int = 0) -> dict[Hashable, int]:
    """The place of each id, counted from `start`.

    Raises
    ------
    InputError
        An id comes twice.
    """
    place_of = {id_: place for place, id_ in enumerate(ids, start)}
    if len(place_of) < len(ids):
        twice = next(id_ for place, id_ in enumerate(ids, start) if place_of[id_] != place)
        raise InputError(f"the id {twice!r} comes twice; an order needs ids that are distinct")
    return place_of


def _first_break(at: np.ndarray, seen: Sequence[Hashable]) -> tuple[int | None, str]:
    """First place that falls or is unknown, and the fault in words."""
    falls = np.flatnonzero(np.diff(at, prepend=_UNKNOWN) < 0)
    unknown = np.flatnonzero(at == _UNKNOWN)
    if len(unknown) and (not len(falls) or unknown[0] <= falls[0]):
        return int(unknown[0]), f"{seen[unknown[0]]!r} was not expected"
    if len(falls):
        return int(falls[0]), f"{seen[falls[0]]!r} came after {seen[falls[0] - 1]!r}"
    return None, ""


def _correlation(away: np.ndarray) -> float | None:
    """Spearman's rank correlation, from how far each of n distinct ids is from its place."""
    n = len(away)
    return 1 - 6 * float(np.sum(away.astype(float) ** 2)) / (n * (n**2 - 1.0)) if n > 1 else None


def _streams(in_turn: Iterable[int]) -> int:
    """Smallest number of ascending sequences that make up another, by patience sorting."""
    ends: list[int] = []  # the last place of each stream, negated so that they ascend
    for place in in_turn:
        stream = bisect_left(ends, -place)
        ends[stream : stream + 1] = [-place]
    return len(ends)
