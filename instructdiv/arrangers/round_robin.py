"""Round robin: one row of each task, again and again."""

import numpy as np

from instructdiv.arrangers._base import ArrangedRows, Arranger, labels_of
from instructdiv.clusterers import ByLabel, Clusterer
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool


class RoundRobin(Arranger):
    """Take one row of each group or cluster in turn, until all are used.

    Every stretch of training mixes all groups, until the small ones are used up. Within a group the
    rows keep their order. Time: the clusterer.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["code", "code", "code", "chat"])
    >>> RoundRobin().arrange(pool).indices.tolist()
    [0, 3, 1, 2]
    """

    clusterer: Clusterer = ByLabel()
    """What takes turns: the groups of the pool (by_label), or clusters (k_means)."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        label = labels_of(pool, rows, self.clusterer)
        by_label = np.argsort(label, kind="stable")
        starts = np.searchsorted(label[by_label], label)
        turn = np.empty(len(rows), np.int64)
        turn[by_label] = np.arange(len(rows))
        turn -= starts
        places = np.lexsort((label, turn))
        return ArrangedRows.of(rows[places], turn[places])
