"""Prototypes: the record nearest the center of each cluster."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from instructdiv.clusterers import KMeans
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.k_means import means_of
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class Prototypes(Selector):
    """Cluster the pool, one cluster for each record of the budget, and choose the centers.

    Spherical k-means; of each cluster the record most similar to its centroid is taken [1]_, the
    largest clusters first. Where the budget has more, the second of each cluster follows, and so
    on. Clusters that hold a given record come after the others. A smaller budget finds other
    clusters, so it gives no prefix. No guarantee. The gain of a record is its similarity to the
    centroid. Time O(min(n, 256 * budget) * budget * d), memory O(n + budget * d).

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
    """Number of k-means iterations."""

    seed: int = Field(default=0, ge=0)
    """Seed of the initial centroids."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        costs = allowance.costs[allowance.rows]
        affordable = int(np.searchsorted(np.cumsum(np.sort(costs)), allowance.limit, "right"))
        typical = max(1, round(allowance.limit / float(costs.mean())))
        n_clusters = min(len(given) + min(affordable, typical), pool.space.n_distinct)
        k_means = KMeans(n_clusters=n_clusters, n_iterations=self.n_iterations, seed=self.seed)
        clusters = k_means.cluster(pool.space)
        centers = means_of(pool.space, clusters)
        nearness = np.einsum("ij,ij->i", pool.space.vectors, centers.vectors[clusters])
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
