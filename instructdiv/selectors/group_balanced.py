"""Equal quotas for the known groups of a pool."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.clusterers import ByLabel
from instructdiv.pool import Pool
from instructdiv.selectors.balanced import Balanced


class GroupBalanced(Balanced):
    """Share the budget out evenly over the known groups, and choose within each.

    Records are dealt out in turns, so every prefix is balanced. A group with fewer
    records than its quota gives all it has, and the others share the rest. Time of the
    inner selector on each group.

    Raises
    ------
    ShapeError
        The pool has no groups.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["a", "a", "a", "b"])
    >>> GroupBalanced().select(pool, 2).indices.tolist()
    [0, 3]
    """

    def parts(self, pool: Pool) -> NDArray[np.int64]:
        return ByLabel().cluster(pool.space, pool.groups)
