"""Vendi score: the effective number of different rows."""

import numpy as np
from pydantic import Field

from instructdiv.metrics.base import Metric, Score
from instructdiv.space import Space
from instructdiv.threads import one_thread

_TILE = 8192


class Vendi(Metric):
    """Exponential of the Renyi entropy of the eigenvalues of the similarity matrix / n [1]_ [2]_.

    The effective number of different rows: 1 when all are equal, n when all are at right
    angles. It looks at the subset alone, not at the target. The eigenvalues are those of
    the d x d dual, so time is O(n * d^2 + d^3) and memory O(d^2). Higher is better.

    References
    ----------
    .. [1] D. Friedman, A. Dieng, "The Vendi Score", TMLR 2023.
    .. [2] A. Pasarkar, A. Dieng, "Cousins of the Vendi Score", AISTATS 2024.

    Examples
    --------
    >>> two = Space.of([[1.0, 0.0], [0.0, 1.0]])
    >>> round(Vendi().score(two, two), 6)
    2.0
    """

    order: float = Field(default=1.0, ge=0)
    """Order q of the entropy: 1 is Shannon's, larger ones look at the common kinds more;
    infinity at the most common alone."""

    def against(self, target: Space) -> Score:
        def score(subset: Space) -> float:
            with one_thread():
                return _hill_number(_eigenvalues(subset), self.order)

        return score


def _eigenvalues(space: Space) -> np.ndarray:
    """Eigenvalues of the similarity matrix / n that are not zero by shape, adding up to 1."""
    n, d = space.vectors.shape
    if n <= d:
        vectors = space.vectors.astype(np.float64)
        gram = vectors @ vectors.T
    else:
        gram = np.zeros((d, d))
        for start in range(0, n, _TILE):
            tile = space.vectors[start : start + _TILE]
            gram += tile.T @ tile
    eigenvalues = np.linalg.eigvalsh(gram).clip(0)
    return np.asarray(eigenvalues / eigenvalues.sum())


def _hill_number(shares: np.ndarray, order: float) -> float:
    # Rounding leaves dust where an eigenvalue is zero; order 0 counts all that are not.
    shares = shares[shares > 1e-7]
    if abs(order - 1) < 1e-8:
        return float(np.exp(-(shares * np.log(shares)).sum()))
    if np.isinf(order):
        return float(1 / shares.max())
    powers = order * np.log(shares)
    peak = powers.max()  # powers of small shares would underflow
    return float(np.exp((peak + np.log(np.exp(powers - peak).sum())) / (1 - order)))
