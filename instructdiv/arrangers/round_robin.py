"""Round robin: one row of each task, again and again."""

import numpy as np

from instructdiv.arrangers._base import ArrangedRows, Arranger, Rows, parts_of
from instructdiv.clusterers import ByLabel, Clusterer
from instructdiv.pool import Pool


class RoundRobin(Arranger):
    """Take one row of each part in turn, as long as it has any.

    Every stretch of training sees all parts, until the small ones are used up. Within a part
    the rows keep their order. Time that of the clusterer.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["code", "code", "code", "chat"])
    >>> RoundRobin().arrange(pool).indices.tolist()
    [0, 3, 1, 2]
    """

    clusterer: Clusterer = ByLabel()
    """What the parts are: the groups of the pool, or clusters."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        part = parts_of(pool, rows, self.clusterer)
        by_part = np.argsort(part, kind="stable")
        starts = np.searchsorted(part[by_part], part)
        turn = np.empty(len(rows), np.int64)
        turn[by_part] = np.arange(len(rows))
        turn -= starts
        places = np.lexsort((part, turn))
        return ArrangedRows.of(rows[places], turn[places])
