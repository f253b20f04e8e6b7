"""Clustered: one task after another."""

import numpy as np

from instructdiv.arrangers._base import ArrangedRows, Arranger, labels_of
from instructdiv.clusterers import ByLabel, Clusterer
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool


class Clustered(Arranger):
    """Train on one group or cluster after another, a turn each, in order of their first rows.

    The order that files often come in, and the one to avoid: what was learned from the first groups
    fades while the last are trained on. Within a group the rows keep their order. Time: the
    clusterer.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["code", "chat", "code", "chat"])
    >>> Clustered().arrange(pool).indices.tolist()
    [0, 2, 1, 3]
    """

    clusterer: Clusterer = ByLabel()
    """What is kept together: the groups of the pool (by_label), or clusters (k_means)."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        label = labels_of(pool, rows, self.clusterer)
        places = np.argsort(label, kind="stable")
        return ArrangedRows.of(rows[places], label[places])
