"""Replay: some rows of another kind, spread evenly through an order."""

from typing import Literal

import numpy as np
from pydantic import Field

from instructdiv.arrangers._base import ArrangedRows, Arranger
from instructdiv.arrangers.test_centric import TestCentric
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool


class Replay(Arranger):
    """Spread a share of the rows evenly through the order of the others, against forgetting.

    Among the near rows at the start there are then random rows, or far ones, from the beginning. A
    spread row is in the turn of the row before it. Time and memory as the arranger inside.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.0, 1.0]])
    >>> replay = Replay(replayed="last", share=0.25)
    >>> replay.arrange(pool, None, target=[[1.0, 0.0]]).indices.tolist()
    [0, 1, 3, 2]
    """

    within: Arranger = TestCentric()
    """Arranger that orders the rows."""

    share: float = Field(default=0.1, gt=0, lt=1)
    """Share of the rows to spread."""

    replayed: Literal["random", "last"] = "random"
    """Which rows are spread: random ones, or the last of the order (the far ones where it begins
    with the near)."""

    seed: int = Field(default=0, ge=0)
    """Seed of the random rows."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        order = self.within.order(pool, rows, target)
        b = len(rows)
        n_spread = min(round(self.share * b), b - 1)
        if self.replayed == "last":
            spread = np.arange(b - n_spread, b)
        else:
            spread = np.random.default_rng(self.seed).choice(b, n_spread, replace=False)
        others = np.setdiff1d(np.arange(b), spread)
        at = (np.arange(n_spread) * 2 + 1) * b // (2 * max(n_spread, 1))
        places = np.empty(b, np.int64)
        elsewhere = np.setdiff1d(np.arange(b), at)
        places[at], places[elsewhere] = spread, others
        turn = order.turn[places]
        turn[at] = np.where(at > 0, 0, order.turn[others[0]])
        return ArrangedRows(
            order.rows[places],
            np.unique(np.maximum.accumulate(turn), return_inverse=True)[1],
            order.query[places],
            order.similarity[places],
        )
