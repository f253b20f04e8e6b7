"""Pairwise deduplication: drop one of the two most similar records, until enough are left."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.budget import Budget
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selection import Selection
from instructdiv.selectors._base import Selector, quality_of

_PART = 65_536


class PairwiseDedup(Selector):
    """Deduplicate to exactly the budget, without a similarity threshold.

    Of the two most similar records that are left, the less preferred is dropped, again and again,
    until the budget holds the rest. It is single elimination, as in agglomerative clustering [1]_
    with one record representing each cluster, and exact: the order of the pool matters for ties
    only. Records keep the order of the pool; a smaller budget gives a subset, not a prefix. The
    gain of a record is 0; where dropped records come back to fill the budget, it is their distance
    to the record they were dropped for. Time O(n^2 * d), and again for the rest once all neighbors
    of a record are gone; memory O(n * neighbors).

    References
    ----------
    .. [1] F. Murtagh, P. Contreras, "Algorithms for hierarchical clustering: an overview",
       WIREs Data Mining and Knowledge Discovery 2, 2012.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.99, 0.01], [0.0, 1.0], [0.2, 1.0]])
    >>> PairwiseDedup().select(pool, 3).indices.tolist()
    [0, 2, 3]
    """

    nested: ClassVar[bool] = False

    survivor: Literal["first", "quality"] = "first"
    """Which of two similar records is kept: the lower row, or the better quality score (on a tie
    the lower row)."""

    n_neighbors: int = Field(default=32, ge=1)
    """Number of neighbors that are found at a time; the result does not depend on it."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        preferred = allowance.rows
        if self.survivor == "quality":
            quality = quality_of(pool, self)
            preferred = preferred[np.argsort(-quality[preferred], kind="stable")]
        rank = np.full(len(pool), len(pool), np.int64)
        rank[given] = -1  # a given record is never dropped for another
        rank[preferred] = np.arange(len(preferred))
        excess = int(allowance.costs[allowance.rows].sum()) - allowance.limit
        dropped, distances = self._drop(pool.space, given, rank, allowance, excess)
        left = np.setdiff1d(allowance.rows, dropped)
        gain = np.zeros(len(pool))
        gain[dropped] = distances
        indices = allowance.fill(np.concatenate([left, dropped[::-1]]))
        return indices, gain[indices]

    def _drop(
        self,
        space: Space,
        given: Rows,
        rank: Rows,
        allowance: Allowance,
        excess: int,
    ) -> tuple[Rows, NDArray[np.float64]]:
        """Rows to drop, the most similar to another first, until their costs reach the excess."""
        alive = np.zeros(len(space), np.bool_)
        alive[allowance.rows] = alive[given] = True
        dropped: list[int] = []
        distances: list[float] = []
        while excess > 0 and np.count_nonzero(alive) > 1:
            rows = np.flatnonzero(alive)
            part = space if len(rows) == len(space) else space.take(rows)
            graph = part.neighbors(min(self.n_neighbors + 1, len(rows)))
            similarities = graph.data.reshape(len(rows), -1)
            near = rows[graph.indices].reshape(len(rows), -1)
            # Rows beyond the end of a list may be as similar as the last row of it.
            ends = np.where(rank[rows] >= 0, similarities[:, -1], np.float32(-2))
            if near.shape[1] == len(rows):
                ends[:] = -2
            by_end = np.argsort(-ends, kind="stable")
            reach = iter(zip(rows[by_end].tolist(), ends[by_end].tolist(), strict=True))
            holder, end = next(reach)
            for kept, other, similarity in _pairs(rows, near, similarities, rank):
                while not alive[holder]:
                    holder, end = next(reach)
                if similarity < end or excess <= 0:
                    break
                if alive[kept] and alive[other]:
                    alive[other] = False
                    dropped.append(other)
                    distances.append(1 - similarity)
                    excess -= int(allowance.costs[other])
        return np.array(dropped, np.int64), np.array(distances)


def _pairs(
    rows: Rows,
    near: Rows,
    similarities: NDArray[np.float32],
    rank: Rows,
) -> Iterator[tuple[int, int, float]]:
    """Row to keep and row to drop of each pair, and their similarity, highest first."""
    one, other = np.repeat(rows, near.shape[1]), near.ravel()
    kept = np.where(rank[one] < rank[other], one, other)
    lost = np.where(rank[one] < rank[other], other, one)
    able = (one != other) & (rank[lost] >= 0)
    kept, lost, similar = kept[able], lost[able], similarities.ravel()[able]
    order = np.lexsort((rank[lost], rank[kept], -similar))
    for start in range(0, len(order), _PART):
        part = order[start : start + _PART]
        yield from zip(
            kept[part].tolist(), lost[part].tolist(), similar[part].tolist(), strict=True
        )


def dedupe_to(
    pool: Pool, budget: Budget | int, *, survivor: Literal["first", "quality"] = "first"
) -> Selection:
    """Drop near-duplicates until exactly the budget is left, in the order of the pool.

    Parameters
    ----------
    pool
        Records to deduplicate.
    budget
        Number of records to keep, or a :class:`instructdiv.Budget`.
    survivor
        Which of two similar records is kept: the lower row, or the better quality score.

    Raises
    ------
    BudgetError
        The pool holds less than the budget asks for.
    ShapeError
        `survivor` is quality, and the pool has no scores.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.99, 0.01], [0.0, 1.0], [0.2, 1.0]])
    >>> dedupe_to(pool, 2).indices.tolist()
    [0, 2]
    """
    return PairwiseDedup(survivor=survivor).select(pool, budget)
