"""k-center: no record far from a chosen one."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.core.threads import products
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector

_N_NEAREST = 3
_HELD = 1024
_TILE = 512
_FARTHEST = 2.0
_SETTLED = -1.0


class KCenter(Selector):
    """Keep the distance from every record to its nearest chosen record small (k-center).

    Starts at the record nearest the mean, then adds the record farthest from all chosen so far. The
    coverage radius is at most twice the best possible for the same budget [1]_, and every prefix is
    itself such a selection. The farthest record is often an outlier, so the most isolated share of
    the pool is chosen last, though the coverage radius still counts it; `ignored_share` 0 is the
    plain algorithm with its guarantee, and needs no neighbors. The gain of a record is its distance
    to the records chosen before it; that of the first is 2, the largest distance.

    Time O(n^2 * d) to find isolated records, and at most O(n * budget * d); memory O(n). Distances
    only shrink, so old ones are upper bounds, and only the rows of largest bound are recomputed.

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
    """First record: the one nearest the mean, or row 0."""

    ignored_share: float = Field(default=0.1, ge=0, lt=1)
    """Share of the records, those least similar to their three nearest, that are chosen last."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        space, ledger = pool.space, allowance.ledger()
        # Copies are at distance 0 from each other: the cheapest represents them.
        rows = self._without_isolated(space, allowance.rows)
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

    def _without_isolated(self, space: Space, rows: Rows) -> Rows:
        n_ignored = int(self.ignored_share * len(space))
        if not n_ignored:
            return rows
        isolated = np.argsort(space.local_similarity(_N_NEAREST), kind="stable")[:n_ignored]
        return np.setdiff1d(rows, isolated, assume_unique=True)

    def _first(self, space: Space, rows: Rows) -> int:
        if self.start == "first":
            return int(rows[0])
        return int(rows[space.products(space.mean())[rows].argmax()])


class _Frontier:
    """The rows that may be farthest from the chosen ones.

    A bound is the distance to some of the chosen rows, so at least the distance to all of them. The
    rows of largest bound are held side by side and kept exact; as long as one of them is at least
    as far as every other bound, no other row has to be recomputed.
    """

    def __init__(
        self, space: Space, rows: Rows, bounds: NDArray[np.float32], chosen: list[int]
    ) -> None:
        self._space, self._rows, self._chosen = space, rows, chosen
        self._bounds = bounds
        self._bounds[np.isin(rows, chosen)] = _SETTLED
        self._exact_at = np.full(len(rows), len(chosen))
        self._held = np.empty(0, np.int64)
        self._beyond = np.inf

    def farthest(self) -> tuple[int, float] | None:
        """The row farthest from the chosen ones and its distance; None when all are settled."""
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
        """Take a row out; if it was chosen, lower the bounds by the distance to it."""
        self._bounds[np.searchsorted(self._rows, row)] = _SETTLED
        if chosen:
            self._chosen.append(row)
            near = 1 - products(self._vectors, self._space.vectors[row : row + 1])[:, 0]
            self._bounds[self._held] = np.minimum(self._bounds[self._held], near)
            self._exact_at[self._held] = len(self._chosen)

    def _hold(self) -> None:
        """Hold the rows of largest bound, ties included, and make their bounds exact."""
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
