"""Quality and diversity in one objective."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._base import quality_of, scaled
from instructdiv.selectors._maximizer import Maximizer
from instructdiv.selectors.facility_location import Coverage


class QualityDiversity(Maximizer):
    """Choose records that cover the target and have high quality scores (QDIT).

    Maximizes (1 - w) * F(S) / F(all) + w * Q(S) / Q(best) [1]_: F is facility location, Q the sum
    of the scores, scaled to 0..1 over the pool, and Q(best) that of the best records within the
    budget. So each term is a share of what it could reach alone. Monotone and submodular: greedy
    reaches 1 - 1/e of the best value on the neighbor graph. A smaller budget gives no prefix, as
    Q(best) depends on the budget. Time and memory as facility location.

    References
    ----------
    .. [1] A. Bukharin, T. Zhao, "Data diversity matters for robust instruction tuning",
       arXiv 2311.14736, 2023.

    Examples
    --------
    >>> vectors = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]
    >>> pool = Pool.from_embeddings(vectors, quality=[5, 1, 1])
    >>> QualityDiversity(quality_weight=0.5).select(pool, 2).indices.tolist()
    [0, 2]
    """

    needs: ClassVar[tuple[str, ...]] = ("quality",)
    covers_target: ClassVar[bool] = True
    nested: ClassVar[bool] = False

    quality_weight: float = Field(default=0.5, ge=0, le=1)
    """0 is facility location alone, 1 the best scores alone."""

    n_neighbors: int = Field(default=128, ge=1)
    """Number of nearest records that can represent a record; all of them where there are fewer."""

    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        quality = scaled(quality_of(pool, self))
        by_score = allowance.rows[np.argsort(-quality[allowance.rows], kind="stable")]
        best = float(quality[allowance.fill(by_score)].sum()) or 1.0
        coverage = Coverage(target, pool.space, self.n_neighbors)
        return _Weighted(coverage, quality / best, self.quality_weight)


class _Weighted(Objective):
    def __init__(self, coverage: Coverage, worth: NDArray[np.float64], weight: float) -> None:
        self._coverage = coverage
        self._share = (1 - weight) / (coverage.most or 1.0)
        self._worth = weight * worth
        self.clear()

    def clear(self) -> None:
        self._coverage.clear()
        self._added = 0.0

    @property
    def value(self) -> float:
        return self._share * self._coverage.value + self._added

    def gains(self, rows: Rows) -> NDArray[np.float64]:
        return self._share * self._coverage.gains(rows) + self._worth[rows]

    def add(self, row: int) -> None:
        self._coverage.add(row)
        self._added += float(self._worth[row])
