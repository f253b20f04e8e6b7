"""Herding: a selection whose mean follows the mean of the target."""

from typing import ClassVar

import numpy as np

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class Herding(Selector):
    """Choose records whose mean vector matches the mean of the target.

    Each step adds the record most similar to the difference between the two means [1]_; the error
    of the mean falls as 1 / budget where the mean lies well inside the span of the records [2]_. It
    matches one point, and so keeps the proportions of the pool: it does not help against imbalance.
    The gain of a record is its similarity to that difference. Time O(n * budget * d), memory O(n).

    References
    ----------
    .. [1] M. Welling, "Herding dynamical weights to learn", ICML 2009.
    .. [2] Y. Chen, M. Welling, A. Smola, "Super-samples from kernel herding", UAI 2010.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.7, 0.7], [0.0, 1.0]])
    >>> Herding().select(pool, 2).indices.tolist()
    [1, 0]
    """

    covers_target: ClassVar[bool] = True

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        space, rows, ledger = pool.space, allowance.rows, allowance.ledger()
        candidates = space if len(rows) == len(space) else space.take(rows)
        mean = target.space.mean().astype(np.float64)
        lacking = (len(given) + 1) * mean - space.vectors[given].sum(axis=0, dtype=np.float64)
        free = np.ones(len(rows), np.bool_)
        indices: list[int] = []
        gains: list[float] = []
        while ledger.left and (open_places := free & ledger.fitting(rows)).any():
            worth = np.where(open_places, candidates.products(lacking), -np.inf)
            place = int(worth.argmax())
            row = int(rows[place])
            free[place] = False
            indices.append(row)
            gains.append(float(worth[place]))
            ledger.take(row)
            lacking += mean - space.vectors[row]
        return np.array(indices, np.int64), np.array(gains, np.float64)
