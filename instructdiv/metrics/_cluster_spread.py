"""Metrics of how a subset is spread over the clusters of the target."""

from abc import abstractmethod

import numpy as np

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.metrics._base import Metric, Score
from instructdiv.metrics._remembered import remembered
from instructdiv.pool import Pool


class ClusterSpread(Metric):
    """A number made of how many rows of the subset lie in each cluster of the target.

    The target is clustered once, and each row of the subset counts for the cluster whose
    middle, the mean of its target rows, is most similar to it. Time that of the clusterer,
    and O(n * clusters * d) for a subset of n rows.
    """

    clusterer: Clusterer = KMeans()
    """What finds the clusters of the target."""

    @abstractmethod
    def value_of(self, counts: Rows) -> float:
        """The metric of the rows of the subset in each cluster, (c,)."""

    def against(self, target: Pool) -> Score:
        middles = _middles(target, self.clusterer)
        return lambda subset: self.value_of(_counts(subset.space, middles))

    def clusters(self, pool: Pool, target: Pool) -> Rows:
        """Cluster of the target that each row of a pool lies in, (n,) int64."""
        return _middles(target, self.clusterer).nearest(pool.space, 1)[1][:, 0]


@remembered
def clusters_of(pool: Pool, clusterer: Clusterer) -> Rows:
    """Number of the cluster of each row, (n,) int64, found once for all who ask."""
    return clusterer.cluster(pool.space, pool.groups)


@remembered
def _middles(target: Pool, clusterer: Clusterer) -> Space:
    """The mean of the target rows of each cluster; rows that are noise, below 0, have none."""
    labels = clusters_of(target, clusterer)
    rows = np.flatnonzero(labels >= 0) if labels.max() >= 0 else np.arange(len(labels))
    _, firsts, labels = np.unique(labels[rows], return_index=True, return_inverse=True)
    sums = np.zeros((len(firsts), target.space.n_dimensions))
    np.add.at(sums, labels.ravel(), target.space.vectors[rows])
    # Rows that cancel out have no middle: the first stands for it.
    lost = np.linalg.norm(sums, axis=1) < 1e-6
    sums[lost] = target.space.vectors[rows[firsts[lost]]]
    return Space.of(sums)


@remembered
def _counts(subset: Space, middles: Space) -> Rows:
    nearest = middles.nearest(subset, 1)[1][:, 0]
    return np.bincount(nearest, minlength=len(middles)).astype(np.int64)
