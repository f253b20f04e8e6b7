"""Round robin by rank: in round r each target record offers its r-th nearest record."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.nearest_first import nearest_first, rows_of, similarities_of
from instructdiv.core.nearest_queue import likely_depth
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector

# Ranked rows of all target records together that are in memory at a time.
_RANKED = 16_000_000


class RoundRobinByRank(Selector):
    """Choose records by the best rank that any target record gives them (RDS+).

    In each round every target record offers the next record of its own ranking; if another has
    taken it before, the turn is lost [1]_. So target records whose nearest records are wanted by
    others get fewer. Of records with the same best rank, the one offered by the lower target row
    comes first. The gain of a record is its similarity to the target record that took it. Time O(n
    * targets * d), memory O(n + targets * depth), where depth is the rank of the last record taken.

    References
    ----------
    .. [1] H. Ivison et al., "Large-scale data selection for instruction tuning",
       arXiv 2503.01807, 2025: RDS+.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]])
    >>> selector = RoundRobinByRank()
    >>> selector.select(pool, 3, target=[[1.0, 0.1], [0.9, 0.2], [0.3, 1.0]]).indices.tolist()
    [1, 2, 0]
    """

    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        rows = np.union1d(allowance.rows, given)
        may_be_chosen = np.zeros(len(pool), np.bool_)
        may_be_chosen[allowance.rows] = True
        n_rows = len(rows)
        depth = min(n_rows, likely_depth(allowance.limit + len(given), len(target)))
        while True:
            order, similarities = _by_best_rank(pool, target, rows, depth)
            indices = allowance.fill(order[may_be_chosen[order]])
            left = allowance.after(indices)
            if depth == n_rows or not left.ledger().fitting(left.rows).any():
                gain = np.zeros(len(pool))
                gain[order] = similarities
                return indices, gain[indices]
            depth = min(n_rows, 4 * depth)


def _by_best_rank(
    pool: Pool, target: Pool, rows: Rows, depth: int
) -> tuple[Rows, NDArray[np.float64]]:
    """Rows by the best rank of each, then by who gave it; as far as ranks are surely known."""
    m = len(target)
    never = np.iinfo(np.int64).max
    best = np.full(len(pool), never, np.int64)
    similarity = np.zeros(len(pool))
    known = len(rows)
    height = max(1, _RANKED // depth)
    for start in range(0, m, height):
        some = np.arange(start, min(start + height, m))
        lists = nearest_first(pool.space, target.space.take(some), rows, depth)
        for j, keys in zip(some.tolist(), lists, strict=True):
            ranked = rows_of(keys)
            place = np.arange(len(ranked)) * m + j
            better = place < best[ranked]
            best[ranked[better]] = place[better]
            similarity[ranked[better]] = similarities_of(keys[better])
            known = min(known, len(ranked))
    order = np.flatnonzero(best < known * m)
    order = order[np.argsort(best[order], kind="stable")]
    return order, similarity[order]
