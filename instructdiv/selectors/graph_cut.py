"""Graph cut: similar to many records, and little to one another."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._maximizer import Maximizer
from instructdiv.selectors._sparse_rows import SparseRows
from instructdiv.selectors.facility_location import nearest_graph


class GraphCut(Maximizer):
    """Choose records that are similar to many records, and little to each other.

    Maximizes the sum over the target i and chosen j of s_ij, less `redundancy_weight` times the sum
    over ordered pairs of different chosen j, k of s_jk [1]_ [2]_. Similarity counts between nearest
    neighbors only. Submodular, and monotone up to a weight of 0.5 where the target is the pool:
    there greedy reaches 1 - 1/e of the best value. Above 0.5 it has no such guarantee, and gains
    may be negative; but small weights choose many similar records from dense regions first. Time
    O(n^2 * d) for the neighbors and about O(budget * neighbors) after; memory O(n * neighbors).

    References
    ----------
    .. [1] H. Lin, J. Bilmes, S. Xie, "Graph-based submodular selection for extractive
       summarization", ASRU 2009.
    .. [2] R. Iyer, J. Bilmes, "Submodular optimization with submodular cover and submodular
       knapsack constraints", NIPS 2013.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.0, 1.0]])
    >>> GraphCut(redundancy_weight=1).select(pool, 2).indices.tolist()
    [2, 1]
    """

    covers_target: ClassVar[bool] = True

    redundancy_weight: float = Field(default=30.0, ge=0)
    """Weight of the similarity between chosen records, which counts against them: 0 ignores it; up
    to 0.5 greedy keeps its guarantee, and takes many records from dense regions."""

    n_neighbors: int = Field(default=128, ge=1)
    """Number of nearest records that a record is compared with; all of them where there are
    fewer."""

    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        return _Cut(target, pool.space, self.n_neighbors, self.redundancy_weight)


class _Cut(Objective):
    def __init__(self, target: Space, space: Space, n_neighbors: int, weight: float) -> None:
        k = min(n_neighbors, len(space))
        graph = space.neighbors(k)
        graph = graph.maximum(
            graph.T.tocsr()
        ).tocsr()  # a neighbor in one direction is a neighbor in both
        self._entries, self._near = SparseRows(graph.indptr), graph.indices
        self._similarities = np.maximum(graph.data, 0)
        self._weight = weight
        if target is space:
            self._mass = np.bincount(self._near, self._similarities, minlength=len(space))
        else:
            near = nearest_graph(target, space, k)
            similarities = np.maximum(near.data, 0)
            self._mass = np.bincount(near.indices, similarities, minlength=len(space))
        self.clear()

    def clear(self) -> None:
        self._redundancy = np.zeros(len(self._mass))
        self._value = 0.0

    @property
    def value(self) -> float:
        return self._value

    def gains(self, rows: Rows) -> NDArray[np.float64]:
        gains: NDArray[np.float64] = self._mass[rows] - 2 * self._weight * self._redundancy[rows]
        return gains

    def add(self, row: int) -> None:
        self._value += float(self._mass[row] - 2 * self._weight * self._redundancy[row])
        places = self._entries.of(row)
        self._redundancy[self._near[places]] += self._similarities[places]
