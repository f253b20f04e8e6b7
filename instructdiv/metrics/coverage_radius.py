"""How far the target is from the subset."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from instructdiv.metrics.base import Metric, Score
from instructdiv.space import Space


class CoverageRadius(Metric):
    """Smallest distance within which a share of the target has a row of the subset.

    The k-center objective [1]_ at share 1: one minus the similarity of the target row that
    is covered worst. Lower is better, 0 to 2.

    References
    ----------
    .. [1] T. Gonzalez, "Clustering to minimize the maximum intercluster distance",
       Theoretical Computer Science 38, 1985.

    Examples
    --------
    >>> target = Space.of([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> CoverageRadius().score(target.take([0]), target)
    1.0
    >>> CoverageRadius(share=0.6).score(target.take([0]), target)
    0.0
    """

    higher_is_better: ClassVar[bool] = False

    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the target to cover; 0.95 ignores the farthest twentieth."""

    def against(self, target: Space) -> Score:
        def score(subset: Space) -> float:
            distances = 1 - subset.nearest_similarity(target)
            return float(np.quantile(distances, self.share, method="inverted_cdf"))

        return score
