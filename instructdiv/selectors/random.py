"""The baseline: rows drawn at random."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class Random(Selector):
    """Draw rows uniformly, without replacement.

    The floor that every other selector has to beat. Time O(n).

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4))
    >>> len(Random(seed=1).select(pool, 3))
    3
    """

    seed: int = Field(default=0, ge=0)
    """Seed of the draw."""

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        indices = allowance.fill(np.random.default_rng(self.seed).permutation(allowance.rows))
        return indices, np.zeros(len(indices))
