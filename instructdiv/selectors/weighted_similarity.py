"""Weighted similarity: nearness to the nearest target and to all of them, in one number."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from instructdiv.allowance import Allowance
from instructdiv.greedy import Picks
from instructdiv.pool import Pool
from instructdiv.selectors.base import Selector, Work, target_work
from instructdiv.space import Space


class WeightedSimilarity(Selector):
    """Take the records that are most similar to the target by the weighted similarity distance.

    A record's similarity to the nearest target, plus its mean similarity to all of them, the
    second scaled to the mean of the first over the pool [1]_. The number prefers the middle
    of the target, so that whole tasks may be left out: prefer ``test_centric``. The gain
    of a record is the sum. Time O(n * targets * d), memory O(n).

    References
    ----------
    .. [1] H. He et al., "The right time matters: data arrangement affects zero-shot
       generalization in instruction tuning", Findings of ACL 2025, section 3.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.7, 0.7], [0.1, 0.9], [-1.0, 0.2]])
    >>> WeightedSimilarity().select(pool, 2, target=[[1.0, 0.1], [0.3, 1.0]]).indices.tolist()
    [1, 0]
    """

    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    direction: Literal["near", "far"] = "near"
    """Whether the most similar records come first, or the least."""

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        similarity = weighted_similarities(pool.space, target.space)
        worth = similarity if self.direction == "near" else -similarity
        rows = allowance.rows
        indices = allowance.fill(rows[np.argsort(-worth[rows], kind="stable")])
        return indices, similarity[indices]

    def work(self, n_rows: int, dimension: int, n_chosen: int) -> Work:
        return target_work(n_rows, dimension)


def weighted_similarities(space: Space, target: Space) -> NDArray[np.float64]:
    """Similarity of each row to the nearest target plus that to all, on one scale, (n,) float64.

    The negative of the weighted similarity distance. The scale is the ratio of the means, or
    1 where that says nothing: where a mean is not above zero.
    """
    nearest = target.nearest_similarity(space).astype(np.float64)
    mean = space.products(target.mean()).astype(np.float64)
    usual = nearest.mean() > 0 and mean.mean() > 1e-6
    return nearest + (nearest.mean() / mean.mean() if usual else 1.0) * mean
