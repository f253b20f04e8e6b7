"""The effective number of clusters that a subset touches."""

import numpy as np
from numpy.typing import ArrayLike

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.metrics.base import Metric, Score
from instructdiv.space import Space


def effective_number(counts: ArrayLike) -> float:
    """Exponential of the Shannon entropy of counts (c,): how many equal ones they are worth [1]_.

    References
    ----------
    .. [1] L. Jost, "Entropy and diversity", Oikos 113, 2006.

    Examples
    --------
    >>> effective_number([5, 5, 0])
    2.0
    """
    counts = np.asarray(counts, np.float64)
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


class EffectiveClusters(Metric):
    """Exponential of the entropy of how a subset is spread over the clusters of the target.

    The target is clustered, and each row of the subset counts for the cluster of the
    target row nearest to it. Higher is better, 1 to the number of clusters.

    Examples
    --------
    >>> target = Space.of([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    >>> metric = EffectiveClusters(clusterer=KMeans(n_clusters=2))
    >>> metric.score(target.take([0, 1]), target)
    2.0
    """

    clusterer: Clusterer = KMeans()
    """What finds the clusters of the target."""

    def against(self, target: Space) -> Score:
        labels = self.clusterer.cluster(target)

        def score(subset: Space) -> float:
            nearest = target.nearest(subset, 1)[1][:, 0]
            return effective_number(np.bincount(labels[nearest]))

        return score
