"""k-means on the sphere."""

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.clusterers._base import Clusterer
from instructdiv.core.k_means import centroids_of
from instructdiv.core.space import Space


class KMeans(Clusterer):
    """Spherical k-means [1]_: each row goes to the centroid most similar to it.

    Does not depend on the order of the rows or the number of threads. Time
    O(n * clusters * d) an iteration, on at most 256 rows a cluster.

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
    """Number of clusters, at most the number of distinct rows; unset: `resolution` times the
    square root of the number of rows."""

    resolution: float = Field(default=1.0, gt=0)
    """Clusters for each square root of the number of rows, where their number is unset."""

    n_iterations: int = Field(default=20, ge=1)
    """Most rounds of assigning rows and moving centroids; it ends before when they are at rest."""

    seed: int = Field(default=0, ge=0)
    """Seed of the centroids to start with."""

    def cluster(self, space: Space, groups: NDArray[np.str_] | None = None) -> NDArray[np.int64]:
        return np.unique(self.extend(space, space), return_inverse=True)[1].astype(np.int64)

    def extend(self, space: Space, others: Space) -> NDArray[np.int64]:
        """Cluster of a space that each row of another lies in, (n,) int64; some may be unused."""
        wanted = self.n_clusters or math.ceil(self.resolution * math.sqrt(len(space)))
        n_clusters = min(wanted, space.n_distinct)
        centroids = Space.of(centroids_of(space, n_clusters, self.n_iterations, self.seed))
        return centroids.nearest(others, 1)[1][:, 0]
