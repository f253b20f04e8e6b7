"""The share of the known groups that a subset holds."""

import numpy as np

from instructdiv.core.rows import Rows
from instructdiv.metrics._group_spread import GroupSpread


class GroupCoverage(GroupSpread):
    """Share of the groups of the target that have a row in the subset.

    |G(subset) & G(target)| / |G(target)| of the sets of groups G, known as S-recall where
    groups are subtopics [1]_. Higher is better, 0 to 1. Time O(n log groups).

    References
    ----------
    .. [1] C. Zhai, W. Cohen, J. Lafferty, "Beyond independent relevance: methods and
       evaluation metrics for subtopic retrieval", SIGIR 2003.

    Examples
    --------
    >>> from instructdiv import Pool
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["code", "code", "law", "maths"])
    >>> GroupCoverage().score(pool.take([0, 1]), pool)
    0.3333333333333333
    """

    def value_of(self, counts: Rows) -> float:
        return float(np.count_nonzero(counts) / len(counts))
