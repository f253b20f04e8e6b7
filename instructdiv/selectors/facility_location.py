"""Facility location: every record well represented by a chosen one."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective
from instructdiv.core.neighbors import neighbor_graph
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._maximizer import Maximizer
from instructdiv.selectors._sparse_rows import SparseRows

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class FacilityLocation(Maximizer):
    """Choose the records that cover the target best: high similarity to the nearest chosen one.

    Maximizes the sum over the target of the similarity to the nearest chosen record, by lazy greedy
    on the graph of nearest neighbors: at least 1 - 1/e of the best value on that graph [1]_ [2]_,
    where similarity to rows beyond the neighbors counts as zero. Time O(n^2 * d) for the neighbors
    and about O(budget * neighbors) after; memory O(n * neighbors).

    References
    ----------
    .. [1] G. Cornuejols, M. Fisher, G. Nemhauser, "Location of bank accounts to optimize
       float", Management Science 23, 1977.
    .. [2] K. Wei, R. Iyer, J. Bilmes, "Fast multi-stage submodular maximization",
       ICML 2014 (on neighbor graphs).

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))
    >>> FacilityLocation().select(pool, 2).indices.tolist()
    [1, 2]
    """

    covers_target: ClassVar[bool] = True

    n_neighbors: int = Field(default=128, ge=1)
    """Number of nearest records that can represent a record; all of them where there are fewer."""

    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        return Coverage(target, pool.space, self.n_neighbors)


class Coverage(Objective):
    """Sum over clusters of ( sum over its rows of the highest similarity to the set ) ^ power.

    With one cluster and power 1 this is facility location.

    Parameters
    ----------
    target
        The rows to cover.
    space
        The rows that may cover them.
    n_neighbors
        Number of nearest rows that can cover a target row; similarity to others counts as 0.
    clusters
        (t,) int64 cluster of each target row, 0..c-1.
    power
        Above 0, at most 1.
    covered
        (t,) similarity of each target row to records that are there already; only similarity
        above it counts. None where there are no such records.
    """

    def __init__(
        self,
        target: Space,
        space: Space,
        n_neighbors: int,
        clusters: Rows | None = None,
        power: float = 1.0,
        covered: NDArray[np.float32] | None = None,
    ) -> None:
        before = np.zeros(len(target)) if covered is None else np.maximum(covered, 0)
        self._clusters = np.zeros(len(target), np.int64) if clusters is None else clusters
        self._power = power
        graph = nearest_graph(target, space, min(n_neighbors, len(space)))
        if power < 1:
            # Sorted by cluster, so that each column holds the rows of a cluster side by side.
            order = np.argsort(self._clusters, kind="stable")
            graph, self._clusters, before = graph[order], self._clusters[order], before[order]
        self._covered = before.astype(np.float64)
        by_column = graph.tocsc()
        self._entries = SparseRows(by_column.indptr)
        self._rows = by_column.indices
        self._similarities = np.maximum(by_column.data, 0, out=by_column.data)
        self.clear()

    @property
    def most(self) -> float:
        """Value of the set of all rows, for one cluster and power 1."""
        best = np.zeros(len(self._clusters), np.float32)
        np.maximum.at(best, self._rows, self._similarities)
        return float(best.sum(dtype=np.float64))

    def reaches(self, rows: Rows) -> NDArray[np.bool_]:
        """Whether each of these rows (m,) is a neighbor of any target row, (m,) bool."""
        return self._entries.lengths(rows) > 0

    def clear(self) -> None:
        self._best = self._covered.copy()
        self._mass = np.zeros(int(self._clusters.max()) + 1)

    @property
    def value(self) -> float:
        return float((self._mass**self._power).sum())

    def gains(self, rows: Rows) -> NDArray[np.float64]:
        gains = np.zeros(len(rows))
        filled, places, firsts = self._entries.places(rows)
        if not len(places):
            return gains
        covered = self._rows[places]
        excess = np.maximum(self._similarities[places] - self._best[covered], 0)
        if self._power == 1:
            gains[filled] = np.add.reduceat(excess, firsts)
            return gains
        clusters = self._clusters[covered]
        change = np.empty(len(clusters), np.bool_)
        change[1:] = clusters[1:] != clusters[:-1]
        change[firsts] = True
        pieces = np.flatnonzero(change)
        mass = self._mass[clusters[pieces]]
        more = (mass + np.add.reduceat(excess, pieces)) ** self._power - mass**self._power
        gains[filled] = np.add.reduceat(more, np.searchsorted(pieces, firsts))
        return gains

    def add(self, row: int) -> None:
        places = self._entries.of(row)
        covered = self._rows[places]
        excess = np.maximum(self._similarities[places] - self._best[covered], 0)
        self._best[covered] += excess
        np.add.at(self._mass, self._clusters[covered], excess)


def nearest_graph(
    target: Space, space: Space, n_neighbors: int
) -> "csr_array[Any, tuple[int, int]]":
    """Similarity of each target row to its nearest rows of a space, (t, n) CSR."""
    if target is space:
        return space.neighbors(n_neighbors)
    similarities, indices = space.nearest(target, n_neighbors)
    return neighbor_graph(similarities, indices, len(space))
