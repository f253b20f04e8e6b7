"""Nearest: base of the metrics of how near each target row is to the subset."""

import math
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.metrics._base import Metric, Score
from instructdiv.pool import Pool

_RESAMPLES = 200


class Nearest(Metric):
    """A number computed from the similarity of each target row to its nearest row of the subset.

    Time O(n * t * d) for a subset of n and a target of t rows, shared by all such metrics of one
    subset; memory O(t).
    """

    @abstractmethod
    def value_of(self, similarities: NDArray[np.floating[Any]]) -> float:
        """Value of the metric for the similarities to the nearest row of the subset, (t,)."""

    def against(self, target: Pool) -> Score:
        return lambda subset: self.value_of(subset.space.nearest_similarity(target.space))

    def standard_error(self, subset: Pool, target: Pool, n_target: int | None = None) -> float:
        """By bootstrap over the measured rows, with finite population correction."""
        n_measured = len(target)
        if n_target is None or n_target <= n_measured:
            return 0.0
        similarities = subset.space.nearest_similarity(target.space)
        random = np.random.default_rng(0)
        resampled = [
            self.value_of(similarities[random.integers(n_measured, size=n_measured)])
            for _ in range(_RESAMPLES)
        ]
        return float(np.std(resampled, ddof=1) * math.sqrt(1 - n_measured / n_target))
