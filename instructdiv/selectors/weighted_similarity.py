"""Weighted similarity: to the nearest target record and to all of them, in one number."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.space import Space
from instructdiv.selectors._by_similarity import BySimilarity


class WeightedSimilarity(BySimilarity):
    """Choose the records most similar to the target by the weighted similarity distance.

    A record's similarity to the nearest target record, plus its mean similarity to all of them, the
    second scaled to the mean of the first over the pool [1]_. The number prefers the center of the
    target, so that whole tasks may be left out: prefer ``test_centric``. The gain of a record is
    the sum. Time O(n * targets * d), memory O(n).

    References
    ----------
    .. [1] H. He et al., "The right time matters: data arrangement affects zero-shot
       generalization in instruction tuning", Findings of ACL 2025, section 3.

    Examples
    --------
    >>> from instructdiv import Pool
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.7, 0.7], [0.1, 0.9], [-1.0, 0.2]])
    >>> WeightedSimilarity().select(pool, 2, target=[[1.0, 0.1], [0.3, 1.0]]).indices.tolist()
    [1, 0]
    """

    def similarity(self, space: Space, target: Space) -> NDArray[np.float64]:
        return weighted_similarities(space, target)


def weighted_similarities(space: Space, target: Space) -> NDArray[np.float64]:
    """Similarity to the nearest target record plus that to all, of each row, (n,) float64.

    The negative of the weighted similarity distance. The mean similarity is scaled by the ratio of
    the two means, or by 1 where a mean is not above zero.
    """
    nearest = target.nearest_similarity(space).astype(np.float64)
    mean = space.products(target.mean()).astype(np.float64)
    usual = nearest.mean() > 0 and mean.mean() > 1e-6
    return nearest + (nearest.mean() / mean.mean() if usual else 1.0) * mean
