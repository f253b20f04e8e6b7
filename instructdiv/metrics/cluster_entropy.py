"""The entropy of how a subset is spread over clusters."""

import numpy as np
from numpy.typing import ArrayLike

from instructdiv.core.rows import Rows
from instructdiv.metrics._cluster_spread import ClusterSpread


def entropy(counts: ArrayLike) -> float:
    """Shannon entropy of counts (c,) in nats; 0 where nothing was counted.

    Examples
    --------
    >>> round(entropy([5, 5, 0]), 4)
    0.6931
    """
    counts = np.asarray(counts, np.float64)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(np.abs((shares * np.log(shares)).sum()))


class ClusterEntropy(ClusterSpread):
    """Shannon entropy of how a subset is spread over the clusters of the target, in nats [1]_.

    -sum_c p_c log p_c of the shares p of the subset's rows in each cluster. Higher is better: 0
    with all rows in one cluster, the logarithm of the number of clusters with equally many in each.
    Time is that of the clusterer and O(n * clusters * d).

    References
    ----------
    .. [1] C. Shannon, "A mathematical theory of communication", Bell System Technical
       Journal 27, 1948.

    Examples
    --------
    >>> from instructdiv.clusterers import KMeans
    >>> target = [[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]]
    >>> metric = ClusterEntropy(clusterer=KMeans(n_clusters=2))
    >>> round(metric.score(target[:2], target), 3)
    0.693
    """

    def value_of(self, counts: Rows) -> float:
        return entropy(counts)
