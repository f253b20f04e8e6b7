"""The effective number of clusters in a subset."""

import numpy as np
from numpy.typing import ArrayLike

from instructdiv.core.rows import Rows
from instructdiv.metrics._cluster_spread import ClusterSpread
from instructdiv.metrics.cluster_entropy import entropy


def effective_number(counts: ArrayLike) -> float:
    """Effective number of groups of these counts (c,): exponential of their entropy [1]_.

    References
    ----------
    .. [1] L. Jost, "Entropy and diversity", Oikos 113, 2006.

    Examples
    --------
    >>> effective_number([5, 5, 0])
    2.0
    """
    return float(np.exp(entropy(counts)))


class EffectiveClusters(ClusterSpread):
    """Effective number of clusters of the target that a subset is spread over.

    exp(-sum_c p_c log p_c) of the shares p of the subset's rows in each cluster: the number of
    clusters of equal size with the same entropy [1]_. Higher is better, 1 to the number of
    clusters. Time is that of the clusterer and O(n * clusters * d).

    References
    ----------
    .. [1] L. Jost, "Entropy and diversity", Oikos 113, 2006.

    Examples
    --------
    >>> from instructdiv.clusterers import KMeans
    >>> target = [[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]]
    >>> metric = EffectiveClusters(clusterer=KMeans(n_clusters=2))
    >>> metric.score(target[:2], target)
    2.0
    """

    def value_of(self, counts: Rows) -> float:
        return effective_number(counts)
