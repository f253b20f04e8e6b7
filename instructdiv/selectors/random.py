"""Random: the baseline, rows drawn at random."""

import numpy as np
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class Random(Selector):
    """Draw records uniformly at random, without replacement: the baseline for every selector.

    Time O(n).

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4))
    >>> len(Random(seed=1).select(pool, 3))
    3
    """

    seed: int = Field(default=0, ge=0)
    """Seed of the draw."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        indices = allowance.fill(np.random.default_rng(self.seed).permutation(allowance.rows))
        return indices, np.zeros(len(indices))
