"""NovelSum: mean novelty of each row beside the others, weighted by density."""

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.core.threads import products
from instructdiv.metrics._base import Metric, Score
from instructdiv.pool import Pool

Numbers = NDArray[np.float64]

# Numbers that a tile of distances may hold.
_TILE = 2**24


class NovelSum(Metric):
    """Mean novelty of the rows of the subset: distance to the others times local density [1]_.

    mean_i rho_i^a sum_k w_k d_i(k), where d_i(k) is the k-th least distance 1 - cosine of
    row i to the rows of the subset, w_k = k^-b / sum_j j^-b, and the density rho_i is one
    over the mean squared Euclidean distance, 2 - 2 cosine, of row i to its nearest rows of
    the target, held to at most 1,000; a and b are `density_power` and `rank_power`.
    Higher is better, from 0; above 2 only by density.

    The authors' code always drops the nearest row of the target as the row itself. Here a row
    equal to it is dropped; nothing is dropped where no row is equal, as in a subset that is not of
    the target, or a target that is a sample. A row without others to measure by has density 1, and
    a lone row has no novelty. Time O(n_sampled * (n + t) * d), memory O(n + t): above
    `n_sampled` rows the mean is over a sample, drawn by content and not by position;
    :meth:`standard_error` gives its error.

    References
    ----------
    .. [1] Y. Yang et al., "Measuring data diversity for instruction tuning: a systematic
       analysis and a reliable metric", arXiv 2502.17184, 2025.

    Examples
    --------
    >>> space = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    >>> round(NovelSum(density_power=0).score(space, space), 4)
    0.5758
    """

    n_neighbors: int = Field(default=10, ge=1)
    """Number of nearest rows of the target that the density is computed from."""

    density_power: float = Field(default=0.5, ge=0)
    """How much the density of the target around a row counts: 0 not at all."""

    rank_power: float = Field(default=1.0, ge=0)
    """How fast farther rows count less: 0 counts all alike, large values count the nearest only."""

    include_self: bool = True
    """Whether the distance of a row to itself, 0, counts as its smallest, as in the authors'
    code."""

    n_sampled: int = Field(default=500, ge=2)
    """Number of rows to measure where the subset has more."""

    seed: int = Field(default=0, ge=0)
    """Seed of the sample."""

    def against(self, target: Pool) -> Score:
        known: dict[int, float] = {}
        return lambda subset: float(self._novelties(subset.space, target.space, known).mean())

    def standard_error(self, subset: Pool, target: Pool, n_target: int | None = None) -> float:
        """Standard error from the sample of the subset; a sample of the target is not counted."""
        if len(subset) <= self.n_sampled:
            return 0.0
        novelties = self._novelties(subset.space, target.space, {})
        left = 1 - self.n_sampled / len(subset)
        return float(novelties.std(ddof=1) * math.sqrt(left / self.n_sampled))

    def _novelties(self, subset: Space, target: Space, known: dict[int, float]) -> Numbers:
        """Novelty of each measured row of the subset, (s,); densities by digest are kept."""
        rows = self._measured(subset)
        novelties = self._distances(subset, rows)
        if self.density_power:
            digests = subset.digests[rows].tolist()
            new = rows[[digest not in known for digest in digests]]
            if len(new):
                found = self._densities(subset, new, target)
                known |= zip(subset.digests[new].tolist(), found.tolist(), strict=True)
            novelties *= np.array([known[digest] for digest in digests]) ** self.density_power
        return novelties

    def _measured(self, subset: Space) -> Rows:
        if len(subset) <= self.n_sampled:
            return np.arange(len(subset))
        # Rows are drawn by a hash of their content: in any order it is the same sample.
        odd, shift = np.random.default_rng(self.seed).integers(0, 2**63, 2, np.uint64)
        lots = (subset.digests ^ shift) * (odd | np.uint64(1))
        return np.sort(np.argsort(lots, kind="stable")[: self.n_sampled])

    def _distances(self, subset: Space, rows: Rows) -> Numbers:
        """Weighted mean distance of each row to the rows of the subset, (s,)."""
        n_ranks = len(subset) if self.include_self else len(subset) - 1
        if not n_ranks:
            return np.zeros(len(rows))
        weights = np.arange(1, n_ranks + 1, dtype=np.float64) ** -self.rank_power
        weights = (weights / weights.sum()).astype(np.float32)
        means = np.empty(len(rows))
        height = max(1, _TILE // len(subset))
        for start in range(0, len(rows), height):
            own = rows[start : start + height]
            distances = products(subset.vectors[own], subset.vectors)
            np.clip(np.subtract(1, distances, out=distances), 0, 2, out=distances)
            distances.sort(axis=1)
            distances[:, 0] = 0  # its own
            means[start : start + height] = products(
                distances[:, len(subset) - n_ranks :], weights[None]
            )[:, 0]
        return means

    def _densities(self, subset: Space, rows: Rows, target: Space) -> Numbers:
        """One over the mean squared distance to the nearest others of the target, (s,)."""
        held = np.isin(subset.digests[rows], target.digests)
        measured = Space(subset.vectors[rows])
        similarities, _ = target.nearest(measured, min(self.n_neighbors + 1, len(target)))
        spread = (2 - 2 * similarities.astype(np.float64)).clip(0)
        # Equal rows come first: a row that is in the target is one of them.
        sums = spread[:, : self.n_neighbors].sum(axis=1)
        counts = np.full(len(rows), min(self.n_neighbors, spread.shape[1]), np.float64)
        sums[held] = spread[held, 1:].sum(axis=1)
        counts[held] = spread.shape[1] - 1
        means: Numbers = np.ones(len(rows))
        np.divide(sums, counts, out=means, where=counts > 0)
        return np.maximum(means, 1e-3) ** -1
