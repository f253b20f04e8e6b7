"""Coverage: how similar the target is to the subset on average."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.metrics._nearest import Nearest


class MeanNearestSimilarity(Nearest):
    """Coverage: mean over the target of the similarity to the nearest row of the subset.

    mean_t max_s cos(t, s), which is one minus the mean quantization error under cosine [1]_. Higher
    is better, -1 to 1. Time O(n * t * d).

    References
    ----------
    .. [1] A. Gersho, "Asymptotically optimal block quantization", IEEE Transactions on
       Information Theory 25, 1979.

    Examples
    --------
    >>> target = [[1.0, 0.0], [-1.0, 0.0]]
    >>> MeanNearestSimilarity().score(target[:1], target)
    0.0
    """

    def value_of(self, similarities: NDArray[np.floating[Any]]) -> float:
        return float(similarities.mean(dtype=np.float64))
