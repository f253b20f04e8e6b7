"""Vendi score: the effective number of different rows."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.metrics._base import Metric, Score
from instructdiv.metrics._spectrum import eigenvalues
from instructdiv.pool import Pool

# Rounding leaves dust where an eigenvalue is zero; order 0 counts all that are not.
_DUST = 1e-7


class Vendi(Metric):
    """Vendi score: effective number of different rows of the subset [1]_ [2]_.

    (sum_i p_i^q)^(1 / (1 - q)) of the eigenvalues p of the similarity matrix X X^T / n; at q = 1
    the limit exp(-sum_i p_i log p_i). Measures the subset alone, not the target. Higher is better,
    1 when all rows are equal, min(n, d) at most. Time O(n * d * min(n, d)), once for all orders;
    memory O(min(n, d)^2).

    References
    ----------
    .. [1] D. Friedman, A. Dieng, "The Vendi Score", TMLR 2023.
    .. [2] A. Pasarkar, A. Dieng, "Cousins of the Vendi Score", AISTATS 2024.

    Examples
    --------
    >>> two = [[1.0, 0.0], [0.0, 1.0]]
    >>> round(Vendi().score(two, two), 6)
    2.0
    """

    order: float = Field(default=1.0, ge=0)
    """Order q of the entropy: 1 is Shannon's; higher orders count common kinds more, infinity the
    most common only."""

    def against(self, target: Pool) -> Score:
        def score(subset: Pool) -> float:
            found = eigenvalues(subset.space)
            return _hill_number(found / found.sum(), self.order)

        return score


def _hill_number(shares: NDArray[np.float64], order: float) -> float:
    shares = shares[shares > _DUST]
    if abs(order - 1) < 1e-8:
        return float(np.exp(-(shares * np.log(shares)).sum()))
    if np.isinf(order):
        return float(1 / shares.max())
    powers = order * np.log(shares)
    peak = powers.max()  # powers of small shares would underflow
    return float(np.exp((peak + np.log(np.exp(powers - peak).sum())) / (1 - order)))
