"""ClusterSpread: base of the metrics of how a subset is spread over clusters."""

from abc import abstractmethod

import numpy as np

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.core.k_means import means_of
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.metrics._base import Metric, Score
from instructdiv.metrics._remembered import remembered
from instructdiv.pool import Pool


class ClusterSpread(Metric):
    """A number computed from how many rows of the subset belong to each cluster of the target.

    The target is clustered once; each row of the subset counts for the cluster whose center, the
    mean of its target rows, is most similar to it. Time: the clusterer, and O(n * clusters * d) for
    a subset of n rows.
    """

    clusterer: Clusterer = KMeans()
    """Clusterer that finds the clusters of the target."""

    @abstractmethod
    def value_of(self, counts: Rows) -> float:
        """Value of the metric for the number of rows of the subset in each cluster, (c,)."""

    def against(self, target: Pool) -> Score:
        centers = _centers(target, self.clusterer)
        return lambda subset: self.value_of(_counts(subset.space, centers))

    def clusters(self, pool: Pool, target: Pool) -> Rows:
        """Cluster of the target that each row of a pool lies in, (n,) int64."""
        return _centers(target, self.clusterer).nearest(pool.space, 1)[1][:, 0]


@remembered
def clusters_of(pool: Pool, clusterer: Clusterer) -> Rows:
    """Cluster of each row, (n,) int64; computed once and kept."""
    return clusterer.cluster(pool.space, pool.groups)


@remembered
def _centers(target: Pool, clusterer: Clusterer) -> Space:
    """Mean of the target rows of each cluster; noise, below 0, belongs to none."""
    labels = clusters_of(target, clusterer)
    rows = np.flatnonzero(labels >= 0) if labels.max() >= 0 else np.arange(len(labels))
    labels = np.unique(labels[rows], return_inverse=True)[1]
    return means_of(target.space.take(rows), labels)


@remembered
def _counts(subset: Space, centers: Space) -> Rows:
    nearest = centers.nearest(subset, 1)[1][:, 0]
    return np.bincount(nearest, minlength=len(centers)).astype(np.int64)
