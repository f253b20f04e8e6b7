"""k-means on the sphere."""

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.clusterers._base import Clusterer
from instructdiv.core.k_means import centroids_of
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space


class KMeans(Clusterer):
    """Spherical k-means [1]_: each row belongs to the centroid most similar to it.

    The result does not depend on the order of the rows or the number of threads. Time O(n *
    clusters * d) an iteration, on at most 256 rows a cluster.

    References
    ----------
    .. [1] I. Dhillon, D. Modha, "Concept decompositions for large sparse text data using
       clustering", Machine Learning 42, 2001.

    Examples
    --------
    >>> space = Space.of([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    >>> labels = KMeans(n_clusters=2).cluster(space)
    >>> bool(labels[1] == labels[2] != labels[0])
    True
    """

    n_clusters: int | None = Field(default=None, ge=1)
    """Number of clusters, at most the number of distinct rows; unset: `resolution` times the square
    root of the number of rows."""

    resolution: float = Field(default=1.0, gt=0)
    """Number of clusters divided by the square root of the number of rows, where `n_clusters` is
    unset."""

    n_iterations: int = Field(default=20, ge=1)
    """Largest number of iterations; it stops earlier once the centroids have settled."""

    seed: int = Field(default=0, ge=0)
    """Seed of the initial centroids."""

    def cluster(self, space: Space, groups: NDArray[np.str_] | None = None) -> Rows:
        return np.unique(self.extend(space, space), return_inverse=True)[1].astype(np.int64)

    def extend(self, space: Space, others: Space) -> Rows:
        """Cluster of `space` that each row of `others` belongs to, (n,) int64."""
        wanted = self.n_clusters or math.ceil(self.resolution * math.sqrt(len(space)))
        n_clusters = min(wanted, space.n_distinct)
        centroids = Space.of(centroids_of(space, n_clusters, self.n_iterations, self.seed))
        return centroids.nearest(others, 1)[1][:, 0]
