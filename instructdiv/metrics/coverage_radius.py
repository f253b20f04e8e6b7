"""The distance within which the target is covered."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.metrics._nearest import Nearest


class CoverageRadius(Nearest):
    """Smallest distance within which a share of the target has a row of the subset.

    The k-center objective [1]_ at share 1: the distance of the target row that is covered worst,
    max_t min_s (1 - cos(t, s)); below 1 that quantile of these distances. Lower is better, 0 to 2.
    Time O(n * t * d).

    References
    ----------
    .. [1] T. Gonzalez, "Clustering to minimize the maximum intercluster distance",
       Theoretical Computer Science 38, 1985.

    Examples
    --------
    >>> target = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    >>> CoverageRadius().score(target[:1], target)
    1.0
    >>> CoverageRadius(share=0.6).score(target[:1], target)
    0.0
    """

    higher_is_better: ClassVar[bool] = False

    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the target to cover; 0.95 ignores the farthest twentieth."""

    def value_of(self, similarities: NDArray[np.floating[Any]]) -> float:
        return float(np.quantile(1 - similarities, self.share, method="inverted_cdf"))
