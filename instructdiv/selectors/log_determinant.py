"""Log-determinant: chosen vectors that span a large volume."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._maximizer import Maximizer

_NEAREST = 3
_FEW = 96


class LogDeterminant(Maximizer):
    """Choose records that span the largest volume (greedy MAP of a determinantal point process).

    Maximizes log det(I + Q S Q / noise) of the similarities S of the chosen records and their
    quality Q, a diagonal matrix [1]_ [2]_, greedily. The quality of a record here is how typical it
    is: its mean similarity to its three nearest, to the power `typicality_power`; volume alone
    collects outliers. Monotone and submodular, so at least 1 - 1/e of the best value. It is exact,
    since the vectors have d dimensions: the variance that a record has left beside the chosen ones
    comes from one d x d matrix, whatever the budget. Time O(n^2 * d) for the nearest records, O(n *
    d^2), and O(d^2) for each bound that is recomputed; memory O(d^2 + n).

    References
    ----------
    .. [1] L. Chen, G. Zhang, E. Zhou, "Fast greedy MAP inference for determinantal point
       process to improve recommendation diversity", NeurIPS 2018.
    .. [2] A. Kulesza, B. Taskar, "Determinantal point processes for machine learning",
       Foundations and Trends in Machine Learning 5, 2012.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> LogDeterminant().select(pool, 2).indices.tolist()
    [1, 2]
    """

    noise: float = Field(default=0.1, gt=0)
    """Variance that similarity does not explain: near 0 a record between chosen ones adds nothing;
    large values make records count alike."""

    typicality_power: float = Field(default=0.25, ge=0)
    """How much typical records are preferred: 0 is volume alone, which takes outliers first."""

    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        if not self.typicality_power:
            return _Volume(pool.space, np.ones(len(pool)), self.noise)
        typical = np.maximum(pool.space.local_similarity(_NEAREST).astype(np.float64), 1e-3)
        return _Volume(pool.space, typical**self.typicality_power, self.noise)


class _Volume(Objective):
    """Variance of each row that the chosen ones leave, recomputed when asked for.

    Each choice takes from a row the square of its product with one direction. A row that was
    computed a few choices ago needs those directions only; for an older one, the remaining
    covariance gives the variance at once.
    """

    block: ClassVar[int] = 512

    def __init__(self, space: Space, quality: NDArray[np.float64], noise: float) -> None:
        self._space, self._quality, self._noise = space, quality, noise
        self.clear()

    def clear(self) -> None:
        self._covariance = np.eye(self._space.n_dimensions)
        self._directions = np.empty((_FEW, self._space.n_dimensions), np.float32)
        self._n_chosen = 0
        self._variance = self._quality**2
        self._seen = np.zeros(len(self._space), np.int64)
        self._value = 0.0

    @property
    def value(self) -> float:
        return self._value

    def gains(self, rows: Rows) -> NDArray[np.float64]:
        age = self._n_chosen - self._seen[rows]
        self._recall(rows[(age > 0) & (age <= _FEW)])
        self._recompute(rows[age > _FEW])
        self._seen[rows] = self._n_chosen
        # Rounded to float32, so that equal rows tie however they came to their variance.
        variance = np.maximum(self._variance[rows], 0)
        gains: NDArray[np.float32] = np.log1p(variance / self._noise).astype(np.float32)
        return gains.astype(np.float64)

    def add(self, row: int) -> None:
        self._value += float(self.gains(np.array([row]))[0])
        vector = self._vectors(np.array([row]))[0]
        direction = self._covariance @ vector
        direction /= np.sqrt(self._noise + float(vector @ direction))
        self._covariance -= np.outer(direction, direction)
        self._directions[self._n_chosen % _FEW] = direction
        self._n_chosen += 1

    def _recall(self, rows: Rows) -> None:
        """Subtract the variance taken by the choices since each row was last computed."""
        if not len(rows):
            return
        first = int(self._seen[rows].min())
        since = np.arange(first, self._n_chosen)
        taken = self._space.vectors[rows] @ self._directions[since % _FEW].T
        taken[since < self._seen[rows, None]] = 0
        lost = np.einsum("ij,ij->i", taken, taken, dtype=np.float64)
        self._variance[rows] -= self._quality[rows] ** 2 * lost

    def _recompute(self, rows: Rows) -> None:
        vectors = self._vectors(rows)
        self._variance[rows] = np.einsum("ij,ij->i", vectors @ self._covariance, vectors)

    def _vectors(self, rows: Rows) -> NDArray[np.float64]:
        vectors: NDArray[np.float64] = self._space.vectors[rows] * self._quality[rows, None]
        return vectors
