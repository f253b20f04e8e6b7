"""Diverse coverage: facility location plus a reward for spreading over clusters."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.clusterers import KMeans
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._maximizer import Maximizer
from instructdiv.selectors.facility_location import Coverage

_RESOLUTIONS = (0.5, 1.0, 2.0)


class DiverseCoverage(Maximizer):
    """Cover every record, and spread the choice over clusters; the default selector.

    Maximizes F(S) + diversity_weight * n * mean over three clusterings of the mean over their
    clusters c of ln(1 + number chosen in c): F is facility location, the clusterings are k-means
    with half, once and twice the square root of n clusters, and n is the size of the target. It is
    the coverage with diversity rewards at several resolutions of [1]_. At tight budgets F alone
    finds the kinds of records that the embedding tells apart; with larger budgets F prefers kinds
    that vary inside, and the reward gives more records to the other kinds. Monotone and submodular:
    greedy reaches 1 - 1/e of the best value on the neighbor graph. Time and memory as facility
    location, and the clusterings.

    References
    ----------
    .. [1] H. Lin, J. Bilmes, "A class of submodular functions for document
       summarization", ACL 2011.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> DiverseCoverage().select(pool, 2).indices.tolist()
    [1, 2]
    """

    covers_target: ClassVar[bool] = True

    diversity_weight: float = Field(default=0.08, ge=0)
    """Weight of the reward for diversity: 0 is plain facility location; 0.3 spreads more evenly at
    budgets of several records a kind, and finds fewer kinds at one record each."""

    n_neighbors: int = Field(default=128, ge=1)
    """Number of nearest records that can represent a record; all of them where there are fewer."""

    n_iterations: int = Field(default=20, ge=1)
    """Number of k-means iterations in each clustering."""

    seed: int = Field(default=0, ge=0)
    """Seed of the initial centroids."""

    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        # Clusters first: k-means needs a copy of the vectors, which is gone before the graph is.
        clusterings = [
            self._clusters(target, pool.space, resolution) for resolution in _RESOLUTIONS
        ]
        coverage = Coverage(target, pool.space, self.n_neighbors)
        return _Rewarded(coverage, clusterings, self.diversity_weight * len(target), len(pool))

    def _clusters(self, target: Space, space: Space, resolution: float) -> Rows:
        """Cluster of the target that each row of the pool belongs to, (n,)."""
        k_means = KMeans(resolution=resolution, n_iterations=self.n_iterations, seed=self.seed)
        return k_means.cluster(target) if target is space else k_means.extend(target, space)


class _Rewarded(Objective):
    def __init__(
        self, coverage: Coverage, clusterings: list[Rows], weight: float, n_rows: int
    ) -> None:
        self._coverage = coverage
        starts = np.cumsum([0, *(int(c.max()) + 1 for c in clusterings)])
        sizes = np.diff(starts)
        self._places = np.stack([c + s for c, s in zip(clusterings, starts, strict=False)], axis=1)
        self._worth = weight / len(clusterings) / np.repeat(sizes, sizes)
        # A row among the neighbors of no target row covers nothing, and earns no reward.
        self._counts_for = coverage.reaches(np.arange(n_rows))
        self.clear()

    def clear(self) -> None:
        self._coverage.clear()
        self._counts = np.zeros(len(self._worth))

    @property
    def value(self) -> float:
        return self._coverage.value + float((self._worth * np.log1p(self._counts)).sum())

    def gains(self, rows: Rows) -> NDArray[np.float64]:
        places = self._places[rows]
        reward = (self._worth[places] * np.log1p(1 / (1 + self._counts[places]))).sum(axis=1)
        gains: NDArray[np.float64] = self._coverage.gains(rows) + reward * self._counts_for[rows]
        return gains

    def add(self, row: int) -> None:
        self._coverage.add(row)
        if self._counts_for[row]:
            self._counts[self._places[row]] += 1
