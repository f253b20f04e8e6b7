"""Prototypes: the record in the middle of each cluster."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.clusterers import KMeans
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class Prototypes(Selector):
    """Cluster the pool into as many clusters as records are wanted, and take their middles.

    k-means with one cluster for each record that the budget buys, on the sphere; of each
    cluster the record most similar to its centroid [1]_, the largest clusters first. Then,
    where the budget has more, the second of each cluster, and so on. Clusters in which
    a record is given come after the others. A smaller budget finds other clusters, so it
    gives no prefix. No guarantee. The gain of a record is its similarity to the centroid.
    Time O(min(n, 256 * budget) * budget * d), memory O(n + budget * d).

    References
    ----------
    .. [1] B. Sorscher et al., "Beyond neural scaling laws: beating power law scaling via
       data pruning", NeurIPS 2022 (prototypes of clusters).

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.0, 1.0]])
    >>> Prototypes().select(pool, 2).indices.tolist()
    [1, 3]
    """

    nested: ClassVar[bool] = False

    n_iterations: int = Field(default=20, ge=1)
    """Rounds of assigning rows and moving centroids."""

    seed: int = Field(default=0, ge=0)
    """Seed of the centroids to start with."""

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        costs = allowance.costs[allowance.rows]
        affordable = int(np.searchsorted(np.cumsum(np.sort(costs)), allowance.limit, "right"))
        typical = max(1, round(allowance.limit / float(costs.mean())))
        n_clusters = min(len(given) + min(affordable, typical), pool.space.n_distinct)
        k_means = KMeans(n_clusters=n_clusters, n_iterations=self.n_iterations, seed=self.seed)
        clusters = k_means.cluster(pool.space)
        middles = Space.of(_means(pool.space, clusters))
        nearness = np.einsum("ij,ij->i", pool.space.vectors, middles.vectors[clusters])
        sizes = np.bincount(clusters)
        held = np.bincount(clusters[given], minlength=len(sizes)) > 0
        rows = allowance.rows
        by_nearness = rows[np.lexsort((rows, -nearness[rows], clusters[rows]))]
        starts = np.flatnonzero(np.diff(clusters[by_nearness], prepend=-1))
        place = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
        of = clusters[by_nearness]
        order = by_nearness[np.lexsort((by_nearness, -sizes[of], held[of], place))]
        indices = allowance.fill(order)
        return indices, nearness[indices].astype(np.float64)


def _means(space: Space, clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of the rows of each cluster, (c, d); where rows cancel out, its first row."""
    sums = np.zeros((int(clusters.max()) + 1, space.n_dimensions))
    np.add.at(sums, clusters, space.vectors)
    lost = np.flatnonzero(np.linalg.norm(sums, axis=1) < 1e-6)
    for cluster in lost.tolist():
        sums[cluster] = space.vectors[np.flatnonzero(clusters == cluster)[0]]
    return sums
