"""By cost: short records first, or long ones."""

from typing import Literal

import numpy as np

from instructdiv.arrangers._base import ArrangedRows, Arranger
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool


class ByCost(Arranger):
    """Order rows by their number of tokens, in one turn; rows of equal length keep their order.

    Time O(n log n), once the tokens are counted.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(3), costs=[30, 10, 20])
    >>> ByCost().arrange(pool).indices.tolist()
    [1, 2, 0]
    """

    first: Literal["short", "long"] = "short"
    """Whether short records come first, or long ones."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        costs = pool.costs[rows]
        worth = costs if self.first == "short" else -costs
        return ArrangedRows.of(rows[np.argsort(worth, kind="stable")])
