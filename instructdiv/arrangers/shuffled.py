"""Shuffled: a random order, the baseline."""

import numpy as np
from pydantic import Field

from instructdiv.arrangers._base import ArrangedRows, Arranger
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool


class Shuffled(Arranger):
    """Put the rows in a random order, in one turn: the baseline for every arranger. Time O(n).

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4))
    >>> sorted(Shuffled(seed=1).arrange(pool).indices.tolist())
    [0, 1, 2, 3]
    """

    seed: int = Field(default=0, ge=0)
    """Seed of the order."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        return ArrangedRows.of(np.random.default_rng(self.seed).permutation(rows))
