"""The share of the target within a radius of the subset."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.metrics._nearest import Nearest

# Tolerance for distances that rounding leaves just beyond the radius.
_ROUNDING = 1e-6


class CoverageAt(Nearest):
    """Share of the target rows that have a row of the subset within a radius.

    |{t : min_s (1 - cos(t, s)) <= radius}| / |target|, the counterpart of the coverage radius, from
    the maximum coverage problem [1]_. Higher is better, 0 to 1. Which radius means similar depends
    on the embedder. Time O(n * t * d).

    References
    ----------
    .. [1] G. Nemhauser, L. Wolsey, M. Fisher, "An analysis of approximations for maximizing
       submodular set functions", Mathematical Programming 14, 1978.

    Examples
    --------
    >>> target = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.8, 0.6]]
    >>> CoverageAt().score(target[:1], target)
    0.75
    """

    radius: float = Field(default=0.3, ge=0, le=2)
    """Distance (1 - cosine similarity) within which a record counts as covered."""

    def value_of(self, similarities: NDArray[np.floating[Any]]) -> float:
        return float((similarities >= 1 - self.radius - _ROUNDING).mean())
