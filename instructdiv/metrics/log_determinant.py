"""The volume that the subset spans."""

import numpy as np
from pydantic import Field

from instructdiv.metrics._base import Metric, Score
from instructdiv.metrics._spectrum import eigenvalues
from instructdiv.pool import Pool


class LogDeterminant(Metric):
    """Logarithm of the volume that the subset spans, relative to noise [1]_ [2]_.

    log det(I + X X^T / noise) = sum_i log(1 + l_i / noise) of the eigenvalues l of X X^T, in nats:
    the objective of the selector of this name at typicality_power 0, and twice the information that
    the rows give about a Gaussian process. Measures the subset alone, and grows with its size.
    Higher is better: log(1 + n / noise) when all n rows are equal, n log(1 + 1 / noise) when all
    are orthogonal. Time O(n * d * min(n, d)), shared with the Vendi score; memory O(min(n, d)^2).

    References
    ----------
    .. [1] A. Kulesza, B. Taskar, "Determinantal point processes for machine learning",
       Foundations and Trends in Machine Learning 5, 2012.
    .. [2] L. Chen, G. Zhang, E. Zhou, "Fast greedy MAP inference for determinantal point
       process to improve recommendation diversity", NeurIPS 2018.

    Examples
    --------
    >>> two = [[1.0, 0.0], [0.0, 1.0]]
    >>> round(LogDeterminant(noise=1).score(two, two), 4)
    1.3863
    """

    noise: float = Field(default=0.1, gt=0)
    """Variance that similarity does not explain: near 0 near-duplicates add nothing; large values
    make rows count alike."""

    def against(self, target: Pool) -> Score:
        return lambda subset: float(np.log1p(eigenvalues(subset.space) / self.noise).sum())
