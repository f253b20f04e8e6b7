"""Diverse coverage: facility location with a reward for spreading over clusters of three sizes."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.clusterers import KMeans
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._maximizer import Maximizer
from instructdiv.selectors.facility_location import Coverage

_RESOLUTIONS = (0.5, 1.0, 2.0)


class DiverseCoverage(Maximizer):
    """Represent every record, and reward every cluster that is served for the first times.

    Maximizes F(S) + diversity_weight * n * mean over three clusterings of the mean over their
    clusters c of ln(1 + number chosen in c): F is facility location, the clusterings are k-means
    with half, once and twice the square root of n clusters, and n is the size of the target. It
    is the coverage with diversity rewards at several resolutions of [1]_. Where kinds of
    records are told apart F alone finds them at tight budgets; beyond, it goes on where a
    kind is varied, and the reward leads it back to kinds that have few. Monotone and
    submodular: greedy reaches 1 - 1/e of the best value on the neighbor graph. Time and
    memory as facility location, and the clusterings.

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
    """Weight of the reward: 0 is plain facility location; 0.3 spreads more evenly at budgets
    of several records a kind, and finds fewer kinds at one record each."""

    n_neighbors: int = Field(default=128, ge=1)
    """Nearest records that can represent a record; all of them where there are fewer."""

    n_iterations: int = Field(default=20, ge=1)
    """Rounds of assigning rows and moving centroids in each clustering."""

    seed: int = Field(default=0, ge=0)
    """Seed of the centroids to start with."""

    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        # Clusters first: k-means needs a copy of the vectors, which is gone before the graph is.
        clusterings = [
            self._clusters(target, pool.space, resolution) for resolution in _RESOLUTIONS
        ]
        coverage = Coverage(target, pool.space, self.n_neighbors)
        return _Rewarded(coverage, clusterings, self.diversity_weight * len(target), len(pool))

    def _clusters(self, target: Space, space: Space, resolution: float) -> NDArray[np.int64]:
        """Cluster of the target that each row of the pool lies in, (n,)."""
        k_means = KMeans(resolution=resolution, n_iterations=self.n_iterations, seed=self.seed)
        return k_means.cluster(target) if target is space else k_means.extend(target, space)


class _Rewarded(Objective):
    def __init__(
        self, coverage: Coverage, clusterings: list[NDArray[np.int64]], weight: float, n_rows: int
    ) -> None:
        self._coverage = coverage
        starts = np.cumsum([0, *(int(c.max()) + 1 for c in clusterings)])
        sizes = np.diff(starts)
        self._places = np.stack([c + s for c, s in zip(clusterings, starts, strict=False)], axis=1)
        self._worth = weight / len(clusterings) / np.repeat(sizes, sizes)
        # A row that no row of the target is near to is no answer to what it asks for.
        self._counts_for = coverage.reaches(np.arange(n_rows))
        self.clear()

    def clear(self) -> None:
        self._coverage.clear()
        self._counts = np.zeros(len(self._worth))

    @property
    def value(self) -> float:
        return self._coverage.value + float((self._worth * np.log1p(self._counts)).sum())

    def gains(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        places = self._places[rows]
        reward = (self._worth[places] * np.log1p(1 / (1 + self._counts[places]))).sum(axis=1)
        gains: NDArray[np.float64] = self._coverage.gains(rows) + reward * self._counts_for[rows]
        return gains

    def add(self, row: int) -> None:
        self._coverage.add(row)
        if self._counts_for[row]:
            self._counts[self._places[row]] += 1
