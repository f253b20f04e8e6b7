"""Nearest to any: the records most similar to any record of the target."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.space import Space
from instructdiv.selectors._by_similarity import BySimilarity


class NearestToAny(BySimilarity):
    """Choose the records most similar to any record of the target.

    The simplest choice for a target, and the least even: target records in a dense part of the pool
    take the whole budget, and others may get nothing [1]_. The gain of a record is its similarity
    to the nearest target record. Time O(n * targets * d), memory O(n).

    References
    ----------
    .. [1] H. Ivison et al., "Large-scale data selection for instruction tuning",
       arXiv 2503.01807, 2025.

    Examples
    --------
    >>> from instructdiv import Pool
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]])
    >>> NearestToAny().select(pool, 2, target=[[1.0, 0.1], [0.3, 1.0]]).indices.tolist()
    [1, 0]
    """

    def similarity(self, space: Space, target: Space) -> NDArray[np.float64]:
        return target.nearest_similarity(space).astype(np.float64)
