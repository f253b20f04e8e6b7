"""Nearest queue: each target's nearest rows that are left, streamed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.nearest_first import Keys, nearest_first, rows_of, similarities_of
from instructdiv.core.rows import Floats, Rows
from instructdiv.core.space import Space
from instructdiv.errors import ShapeError

Weight = Annotated[float, Field(gt=0, le=1)]

# Rows that are found for all targets together: as many cost little beside the comparison.
_FOUND = 2_000_000
_MOST_FOUND = 16_000_000
_LOOK_AHEAD = (8, 64, 512)


@dataclass(frozen=True)
class Turn:
    """Rows that the target records choose in one turn, the nearest first."""

    rows: Rows
    """(t,) int64: distinct rows."""

    targets: Rows
    """(t,) int64: the target that chose each; of several the nearest to it, then the first."""

    similarities: Floats
    """(t,) float32: how similar the two are."""


class NearestQueue:
    """Gives, for each target record, its nearest row among the rows that are left.

    Exact up to the rounding of float32: similarities that differ by less may come in another order.

    The matrix of all similarities is never in memory. For each target record the nearest rows are
    kept sorted, about as many as will be asked for; a target record that reaches the end of its
    list gets more in another sweep over the rows that are left. Time of a sweep O(n * targets * d),
    memory O(targets * depth).

    Parameters
    ----------
    space
        Vectors of the rows.
    target
        Vectors of the target records.
    rows
        (m,) int64, ascending: the rows in the queue.
    n_expected
        Expected number of rows to take; affects speed and memory, not the result.
    farthest
        Whether the farthest rows come first.

    Examples
    --------
    >>> space = Space.of([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> queue = NearestQueue(space, Space.of([[1.0, 0.0], [0.8, 0.2]]), np.arange(3), 3)
    >>> next(queue.turns([np.array([0, 1])])).rows.tolist()
    [0, 1]
    >>> queue.nearest()[0].tolist()
    [2, 2]
    """

    def __init__(
        self, space: Space, target: Space, rows: Rows, n_expected: int, *, farthest: bool = False
    ) -> None:
        self._space, self._target, self._farthest = space, target, farthest
        self.left: NDArray[np.bool_] = np.zeros(len(space), np.bool_)
        """Whether each row is left, (n,)."""
        self.left[rows] = True
        self._n_left = len(rows)
        m = len(target)
        self._all = np.arange(m)
        self._depth = np.full(m, likely_depth(n_expected, m), np.int64)
        # The lists stand one behind another, each target's from its place to its end.
        self._keys = np.empty(0, np.uint64)
        self._n_keys = 0
        self._begin, self._place, self._end = (np.zeros(m, np.int64) for _ in range(3))
        self._passed = np.zeros(m, np.uint64)
        self._n_swept = 0

    def __len__(self) -> int:
        """Number of rows that are left."""
        return self._n_left

    def nearest(self, targets: Rows | None = None) -> tuple[Rows, Floats]:
        """Nearest row that is left for each of these target records, and its similarity, (t,).

        There must be a row left.

        Parameters
        ----------
        targets
            (t,) int64 rows of the target; all of them if not given.
        """
        keys = self._nearest(self._all if targets is None else targets)
        return rows_of(keys), similarities_of(keys, farthest=self._farthest)

    def turns(self, voters: Iterable[Rows]) -> Iterator[Turn]:
        """Turns, as long as a row is left: voters choose their nearest rows, which then leave.

        No row leaves before all voters of a turn have chosen.

        Parameters
        ----------
        voters
            For each turn the rows of the target that choose, (t,) int64, ascending.
        """
        for targets in voters:
            if not self._n_left:
                return
            keys = self._nearest(targets)
            order = np.argsort(keys, kind="stable")
            _, first = np.unique(rows_of(keys[order]), return_index=True)
            chosen = order[np.sort(first)]
            keys = keys[chosen]
            rows = rows_of(keys)
            self.take(rows)
            yield Turn(rows, targets[chosen], similarities_of(keys, farthest=self._farthest))

    def take(self, rows: Rows) -> None:
        """Remove rows from the queue; each must be in it."""
        self.left[rows] = False
        self._n_left -= len(rows)

    def _nearest(self, targets: Rows) -> Keys:
        """Keys of the nearest row that is left for each of these targets, (t,)."""
        self._advance(targets)
        while (ended := self._place[targets] == self._end[targets]).any():
            self._refill(targets[ended])
            self._advance(targets)
        return self._keys[self._place[targets]]

    def _advance(self, targets: Rows) -> None:
        """Move the places of these targets past rows that are gone."""
        waiting = targets[self._place[targets] < self._end[targets]]
        for n_ahead in _LOOK_AHEAD:
            while len(waiting):
                ahead = self._place[waiting, None] + np.arange(n_ahead)
                inside = ahead < self._end[waiting, None]
                rows = rows_of(self._keys[np.where(inside, ahead, 0)])
                stop = self.left[rows] | ~inside
                stops = stop.any(axis=1)
                self._place[waiting] += np.where(stops, stop.argmax(axis=1), n_ahead)
                waiting = waiting[~stops]
                if n_ahead != _LOOK_AHEAD[-1]:
                    break

    def _refill(self, ended: Rows) -> None:
        """Sweep the rows that are left for these targets, and for those that soon want more.

        Once half of the rows are gone, so is much of every list: then all are made anew.
        """
        wanting = self._end - self._place <= (self._end - self._begin) // 2
        wanting[ended] = True
        if self._n_left <= self._n_swept // 2:
            wanting[:] = True
        if wanting.all():
            self._n_swept = self._n_left
        targets = np.flatnonzero(wanting)
        self._note_passed()
        self._end[targets] = self._place[targets]
        depth = int(self._depth[targets].max())
        self._depth[targets] = min(2 * depth, len(self.left))
        lists = nearest_first(
            self._space,
            self._target.take(targets),
            np.flatnonzero(self.left),
            max(64, min(depth, _MOST_FOUND // len(targets))),
            farthest=self._farthest,
        )
        self._make_room(sum(map(len, lists)))
        for j, keys in zip(targets.tolist(), lists, strict=True):
            self._begin[j] = self._place[j] = self._n_keys
            self._n_keys += len(keys)
            self._end[j] = self._n_keys
            self._keys[self._place[j] : self._end[j]] = _not_before(keys, self._passed[j])

    def _note_passed(self) -> None:
        moved = np.flatnonzero(self._place > self._begin)
        self._passed[moved] = self._keys[self._place[moved] - 1]
        self._begin[moved] = self._place[moved]

    def _make_room(self, n_keys: int) -> None:
        """Make room for more keys behind the lists, which are moved together if needed."""
        if self._n_keys + n_keys <= len(self._keys):
            return
        lists = [self._keys[a:b] for a, b in zip(self._place, self._end, strict=True)]
        lengths = np.array([len(keys) for keys in lists])
        self._n_keys = int(lengths.sum())
        roomy = np.empty(2 * (self._n_keys + n_keys), np.uint64)
        np.concatenate(lists, out=roomy[: self._n_keys])
        self._keys = roomy
        self._end = np.cumsum(lengths)
        self._place = self._end - lengths
        self._begin = self._place.copy()


def likely_depth(n_expected: int, n_targets: int) -> int:
    """Number of nearest rows to find at a time for each target record.

    Fewer would save nothing: the threshold for the first few needs a sample of most rows.
    """
    return max(64 + 4 * n_expected // n_targets, _FOUND // n_targets)


def voters(
    groups: NDArray[np.str_] | None,
    n_targets: int,
    weights: Mapping[str, float] | Literal["equal"] | None,
) -> Iterator[Rows]:
    """Target records that vote in each turn, without end: (t,) int64 rows, at least one.

    Parameters
    ----------
    groups
        (n_targets,) group of each target, where weights name them.
    n_targets
        Number of target records.
    weights
        How often each group votes: the group of highest weight in every turn, the others in
        proportion; 1 for groups that are not named. equal: weights in inverse proportion to
        the size of the group.

    Raises
    ------
    ShapeError
        There are weights, but no groups, or a weight names no group.

    Examples
    --------
    >>> turns = voters(np.array(["code", "chat", "code"]), 3, {"code": 0.5})
    >>> [next(turns).tolist() for _ in range(3)]
    [[0, 1, 2], [1], [0, 1, 2]]
    """
    if weights is None:
        weight = np.ones(n_targets)
    elif groups is None:
        raise ShapeError("weights are those of groups of the target; give the target its groups")
    else:
        names, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        known = names.tolist()
        if weights == "equal":
            of_group = sizes.min() / sizes
        else:
            for name in weights:
                if name not in known:
                    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
                    raise ShapeError(f"no group of the target is named {name!r}; known: {shown}")
            of_group = np.array([weights.get(name, 1.0) for name in known])
        weight = (of_group / of_group.max())[number]
    everyone = np.arange(n_targets)
    if weight.min() == 1:
        while True:
            yield everyone
    for turn in count():
        votes = np.ceil((turn + 1) * weight - 1e-9) > np.ceil(turn * weight - 1e-9)
        yield everyone[votes]


def _not_before(keys: Keys, passed: np.uint64) -> Keys:
    """Keys of another sweep, which may round otherwise: nearer than what was passed none can be."""
    least = passed >> np.uint64(32)
    if not len(keys) or keys[0] >> np.uint64(32) >= least:
        return keys
    moved = np.maximum(keys >> np.uint64(32), least) << np.uint64(32)
    return np.sort(moved | keys & np.uint64(0xFFFFFFFF))
