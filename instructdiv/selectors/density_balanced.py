"""Density balanced: a random draw that prefers records in sparse regions."""

import numpy as np
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class DensityBalanced(Selector):
    """Draw records at random, those in sparse regions with higher probability.

    The weight of a record is its mean distance to its nearest records to the power
    `sparsity_power`, the inverse of a local density; records are drawn one by one without
    replacement, by exponential keys [1]_. Density-dependent sampling of this kind is used to thin
    crowded regions [2]_. No guarantee, and outliers are drawn most: at high powers it finds fewer
    kinds of records than a uniform draw. Time O(n^2 * d) for the neighbors, memory O(n *
    neighbors).

    References
    ----------
    .. [1] P. Efraimidis, P. Spirakis, "Weighted random sampling with a reservoir",
       Information Processing Letters 97, 2006.
    .. [2] P. Qiu et al., "Extracting a cellular hierarchy from high-dimensional cytometry
       data with SPADE", Nature Biotechnology 29, 2011.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0]] * 9 + [[0.0, 1.0]])
    >>> 9 in DensityBalanced(n_neighbors=2).select(pool, 2).indices
    True
    """

    sparsity_power: float = Field(default=0.25, ge=0)
    """Power of the mean distance: 0 draws uniformly, higher values prefer sparse regions more."""

    n_neighbors: int = Field(default=16, ge=1)
    """Number of nearest other records whose distances are averaged."""

    seed: int = Field(default=0, ge=0)
    """Seed of the draw."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        distance = 1 - pool.space.local_similarity(self.n_neighbors).astype(np.float64)
        weights = np.maximum(distance, 1e-12) ** self.sparsity_power
        keys = np.random.default_rng(self.seed).exponential(size=len(pool)) / weights
        order = allowance.rows[np.argsort(keys[allowance.rows], kind="stable")]
        indices = allowance.fill(order)
        return indices, weights[indices]
