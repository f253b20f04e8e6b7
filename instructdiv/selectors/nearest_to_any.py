"""Nearest to any: the records that are most similar to some record of the target."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from instructdiv.allowance import Allowance
from instructdiv.greedy import Picks
from instructdiv.pool import Pool
from instructdiv.selectors.base import Selector, Work, target_work


class NearestToAny(Selector):
    """Take the records whose nearest target is nearest.

    The simplest choice for a target, and the least even: records of the target in a dense
    part of the pool win everything, and others may get nothing [1]_. The gain of a record is
    its similarity to the target nearest to it. Time O(n * targets * d), memory O(n).

    References
    ----------
    .. [1] H. Ivison et al., "Large-scale data selection for instruction tuning",
       arXiv 2503.01807, 2025.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]])
    >>> NearestToAny().select(pool, 2, target=[[1.0, 0.1], [0.3, 1.0]]).indices.tolist()
    [1, 0]
    """

    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    direction: Literal["near", "far"] = "near"
    """Whether the nearest records come first, or those that are far from every target."""

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        similarity = target.space.nearest_similarity(pool.space).astype(np.float64)
        worth = similarity if self.direction == "near" else -similarity
        rows = allowance.rows
        indices = allowance.fill(rows[np.argsort(-worth[rows], kind="stable")])
        return indices, similarity[indices]

    def work(self, n_rows: int, dimension: int, n_chosen: int) -> Work:
        return target_work(n_rows, dimension)
