"""Clustered: one task after another."""

import numpy as np

from instructdiv.arrangers._base import ArrangedRows, Arranger, Rows, parts_of
from instructdiv.clusterers import ByLabel, Clusterer
from instructdiv.pool import Pool


class Clustered(Arranger):
    """Train on one part after another, a turn each, in the order of their first rows.

    The order that files often come in, and the one to avoid: what was learned of the first
    parts fades while the last are trained on. Within a part the rows keep their order. Time
    that of the clusterer.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["code", "chat", "code", "chat"])
    >>> Clustered().arrange(pool).indices.tolist()
    [0, 2, 1, 3]
    """

    clusterer: Clusterer = ByLabel()
    """What the parts are: the groups of the pool, or clusters."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        part = parts_of(pool, rows, self.clusterer)
        places = np.argsort(part, kind="stable")
        return ArrangedRows.of(rows[places], part[places])
