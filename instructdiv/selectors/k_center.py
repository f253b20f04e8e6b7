"""k-center: no record far from a chosen one."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.space import Space
from instructdiv.core.threads import products
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector

_FRIENDS = 3
_HELD = 1024
_TILE = 512
_FARTHEST = 2.0
_SETTLED = -1.0


class KCenter(Selector):
    """Keep every record as near as can be to a chosen one.

    Starts at the record nearest the mean, then adds the record farthest from all chosen
    so far. The coverage radius is at most twice the best possible for the same budget
    [1]_ and every prefix is itself such a selection. The farthest record is often an
    outlier, so the loneliest share of the pool is not chosen before all else is, though it
    still counts as to be covered no further than may be; `ignored_share` 0 is the plain
    algorithm with its guarantee, and needs no neighbors. Time O(n^2 * d) to tell who is
    lonely, and O(n * budget * d) at most, memory O(n): distances
    only shrink, so old ones are upper bounds, and only the rows whose bound is largest are
    brought up to date. The gain of a record is its distance
    to the ones chosen before it; the first has none before it, and gains 2, the largest
    distance there is.

    References
    ----------
    .. [1] T. Gonzalez, "Clustering to minimize the maximum intercluster distance",
       Theoretical Computer Science 38, 1985.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))
    >>> KCenter().select(pool, 2).indices.tolist()
    [1, 2]
    """

    start: Literal["mean", "first"] = "mean"
    """Where the traversal starts: the record nearest the mean, or the first."""

    ignored_share: float = Field(default=0.1, ge=0, lt=1)
    """Share of the records, those least similar to their three nearest, that come last."""

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        space, ledger = pool.space, allowance.ledger()
        # Copies are at distance 0 from each other: the cheapest stands for all of them.
        rows = self._sociable(space, allowance.rows)
        rows = rows[ledger.fitting(rows)]
        if not len(rows):
            rows = allowance.rows[ledger.fitting(allowance.rows)]
        rows = rows[np.argsort(allowance.costs[rows], kind="stable")]
        rows = np.sort(rows[np.unique(space.first_copies[rows], return_index=True)[1]])
        indices: list[int] = []
        gains: list[float] = []
        chosen = given.tolist()
        if not chosen:
            first = self._first(space, rows)
            chosen, indices, gains = [first], [first], [_FARTHEST]
            ledger.take(first)
        candidates = space if len(rows) == len(space) else space.take(rows)
        bounds = 1 - space.take(chosen).nearest_similarity(candidates)
        frontier = _Frontier(space, rows, bounds, chosen)
        while ledger.left and (farthest := frontier.farthest()):
            row, distance = farthest
            fits = ledger.fits(row)
            frontier.settle(row, chosen=fits)
            if fits:
                indices.append(row)
                gains.append(distance)
                ledger.take(row)
        left = allowance.after(np.array(indices, np.int64))
        rest = left.fill(left.rows)
        return np.append(indices, rest).astype(np.int64), np.append(gains, np.zeros(len(rest)))

    def _sociable(self, space: Space, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        n_ignored = int(self.ignored_share * len(space))
        if not n_ignored:
            return rows
        lonely = np.argsort(space.local_similarity(_FRIENDS), kind="stable")[:n_ignored]
        return np.setdiff1d(rows, lonely, assume_unique=True)

    def _first(self, space: Space, rows: NDArray[np.int64]) -> int:
        if self.start == "first":
            return int(rows[0])
        return int(rows[space.products(space.mean())[rows].argmax()])


class _Frontier:
    """The rows that may be farthest from the chosen ones.

    A bound is a distance to some of the chosen rows, so at least the distance to all. The
    rows of largest bound are held side by side and kept exact; as long as one of them is
    at least as far as every other bound, no other row has to be looked at.
    """

    def __init__(
        self, space: Space, rows: NDArray[np.int64], bounds: NDArray[np.float32], chosen: list[int]
    ) -> None:
        self._space, self._rows, self._chosen = space, rows, chosen
        self._bounds = bounds
        self._bounds[np.isin(rows, chosen)] = _SETTLED
        self._exact_at = np.full(len(rows), len(chosen))
        self._held = np.empty(0, np.int64)
        self._beyond = np.inf

    def farthest(self) -> tuple[int, float] | None:
        """The row farthest from the chosen ones and its distance; none when all are settled."""
        while True:
            if len(self._held):
                place = self._held[self._bounds[self._held].argmax()]
                # On a tie with a row that is not held, the lower of them is next.
                if self._bounds[place] > self._beyond or self._beyond == _SETTLED:
                    distance = float(self._bounds[place])
                    return (
                        None
                        if distance == _SETTLED
                        else (int(self._rows[place]), max(distance, 0.0))
                    )
            self._hold()

    def settle(self, row: int, *, chosen: bool) -> None:
        """Take a row out; if it was chosen, the others are at most as far as from it."""
        self._bounds[np.searchsorted(self._rows, row)] = _SETTLED
        if chosen:
            self._chosen.append(row)
            near = 1 - products(self._vectors, self._space.vectors[row : row + 1])[:, 0]
            self._bounds[self._held] = np.minimum(self._bounds[self._held], near)
            self._exact_at[self._held] = len(self._chosen)

    def _hold(self) -> None:
        """Hold the rows of largest bound, ties and all, and make them exact."""
        kept = min(_HELD, len(self._rows))
        least = np.partition(self._bounds, len(self._rows) - kept)[len(self._rows) - kept]
        self._held = np.flatnonzero(self._bounds >= least)
        outside = self._bounds[self._bounds < least]
        self._beyond = float(outside.max()) if len(outside) else _SETTLED
        self._vectors = self._space.vectors[self._rows[self._held]]
        late = self._held[self._exact_at[self._held] < len(self._chosen)]
        late = late[np.argsort(self._exact_at[late], kind="stable")]
        for start in range(0, len(late), _TILE):
            tile = late[start : start + _TILE]
            since = int(self._exact_at[tile[0]])
            near = self._space.similarity(self._rows[tile], self._chosen[since:]).max(axis=1)
            self._bounds[tile] = np.minimum(self._bounds[tile], 1 - near)
        self._exact_at[late] = len(self._chosen)
