"""NovelSelect: the record farthest from the chosen ones, where the pool is dense."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.core.threads import products
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class NovelSelect(Selector):
    """Choose records far from those already chosen, in dense parts of the pool (NovelSelect).

    The novelty of a record is the mean of its distances to the chosen records, the r-th nearest
    weighted by r ^ -`rank_power`, times its local density ^ `density_power`; the density is the
    inverse of the mean squared distance between it and its nearest records [1]_. Starts at the
    densest record. Only the nearest `n_ranks` chosen records count, which is exact for budgets up
    to that. With the paper's powers, 1 and 0.5, it collects near-duplicates on vectors of
    all-MiniLM-L6-v2, so the defaults differ. The objective is not submodular, and greedy has no
    guarantee. Time O(n^2 * d) for the density and O(n * budget * (d + n_ranks)), memory O(n *
    n_ranks).

    References
    ----------
    .. [1] Y. Yang et al., "Measuring data diversity for instruction tuning: a systematic
       analysis and a reliable metric", arXiv 2502.17184, 2025.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.0, 1.0]])
    >>> NovelSelect(n_neighbors=2).select(pool, 2).indices.tolist()
    [1, 3]
    """

    rank_power: float = Field(default=2.0, ge=0)
    """How fast farther chosen records count less: 0 counts all alike, large values count the
    nearest only."""

    density_power: float = Field(default=0.25, ge=0)
    """How much the density around a record counts: 0 not at all."""

    n_neighbors: int = Field(default=10, ge=1)
    """Number of nearest other records that the density is computed from."""

    n_ranks: int = Field(default=32, ge=1)
    """Number of nearest chosen records that count."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        space, rows, ledger = pool.space, allowance.rows, allowance.ledger()
        # The squared distance of unit vectors is 2 - 2 s. The density of exact copies is bounded.
        spread = 2 - 2 * space.local_similarity(self.n_neighbors)[rows].astype(np.float64)
        density = np.maximum(spread, 1e-3) ** -self.density_power
        candidates = space if len(rows) == len(space) else space.take(rows)
        weights = np.arange(1, self.n_ranks + 1) ** -self.rank_power
        nearest = np.full((len(rows), self.n_ranks), np.inf, np.float32)
        for row in given.tolist():
            _insert(nearest, 1 - candidates.products(space.vectors[row]))
        n_chosen = len(given)
        free = np.ones(len(rows), np.bool_)
        indices: list[int] = []
        gains: list[float] = []
        while ledger.left and (open_places := free & ledger.fitting(rows)).any():
            held = min(n_chosen, self.n_ranks)
            novelty = density
            if held:
                some = weights[:held].astype(np.float32)
                mean = products(nearest[:, :held], some[None])[:, 0] / some.sum()
                novelty = density * np.maximum(mean, 0)
            novelty = np.where(open_places, novelty.astype(np.float32), -np.inf)
            place = int(novelty.argmax())
            row = int(rows[place])
            free[place] = False
            indices.append(row)
            gains.append(float(novelty[place]))
            ledger.take(row)
            _insert(nearest, 1 - candidates.products(space.vectors[row]))
            n_chosen += 1
        return np.array(indices, np.int64), np.array(gains, np.float64)


def _insert(nearest: NDArray[np.float32], distances: NDArray[np.float32]) -> None:
    """Insert a new distance of each row (n,) into its sorted nearest distances (n, r)."""
    late = np.flatnonzero(distances < nearest[:, -1])
    inserted = nearest[late]
    inserted[:, -1] = distances[late]
    inserted.sort(axis=1)
    nearest[late] = inserted
