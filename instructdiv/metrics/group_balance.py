"""How evenly a subset is spread over the known groups."""

from instructdiv.core.rows import Rows
from instructdiv.metrics._group_spread import GroupSpread
from instructdiv.metrics.effective_clusters import effective_number


class GroupBalance(GroupSpread):
    """Effective number of groups of the subset divided by the number of groups of the target.

    exp(-sum_g p_g log p_g) / |G(target)| of the shares p of the subset's rows in each group [1]_.
    Higher is better: 1 with equally many rows in every group, 1 over the number of groups with all
    rows in one, 0 with none in any. Time O(n log groups).

    References
    ----------
    .. [1] L. Jost, "Entropy and diversity", Oikos 113, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from instructdiv import Pool
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["code", "code", "law", "law"])
    >>> GroupBalance().score(pool.take([0, 2]), pool)
    1.0
    >>> GroupBalance().score(pool.take([0, 1]), pool)
    0.5
    """

    def value_of(self, counts: Rows) -> float:
        return effective_number(counts) / len(counts) if counts.any() else 0.0
