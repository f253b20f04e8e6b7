"""Equal quotas for the clusters of a pool."""

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._balanced import Balanced


class ClusterBalanced(Balanced):
    """Cluster the pool, give each cluster a quota, and choose within each cluster.

    Common practice, here for comparison: choosing over the whole pool covers more at tight budgets.
    Clusters take turns, so every prefix is balanced. Time: the clusterer, and the inner selector on
    each cluster.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0]])
    >>> selector = ClusterBalanced(clusterer=KMeans(n_clusters=2))
    >>> 3 in selector.select(pool, 2).indices
    True
    """

    clusterer: Clusterer = KMeans()
    """Clusterer that finds the clusters."""

    def labels(self, pool: Pool) -> Rows:
        return self.clusterer.cluster(pool.space, pool.groups)
