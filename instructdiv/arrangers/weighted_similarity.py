"""Weighted similarity: by similarity to the nearest target record and to all of them."""

from typing import ClassVar, Literal

import numpy as np

from instructdiv.arrangers._base import ArrangedRows, Arranger, labels_of
from instructdiv.clusterers import Clusterer
from instructdiv.core.k_means import means_of
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors.weighted_similarity import weighted_similarities


class WeightedSimilarity(Arranger):
    """Order rows, or whole clusters, by the weighted similarity distance to the target.

    The distance of a row is -cos to the nearest target record plus the mean -cos to all of them,
    the second scaled to the mean of the first over the rows [1]_; far first is exactly near first
    reversed. A cluster has the distance of the mean of its rows; its rows stay together, keep their
    order, and form a turn. The query of a row is the target record nearest to it. The start of the
    order lies near the center of the target and may leave whole tasks out: prefer ``test_centric``.
    Time O(n * targets * d), memory O(n).

    References
    ----------
    .. [1] H. He et al., "The right time matters: data arrangement affects zero-shot
       generalization in instruction tuning", Findings of ACL 2025, section 3.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[-1.0, 0.2], [0.1, 0.9], [0.7, 0.7], [1.0, 0.0]])
    >>> WeightedSimilarity().arrange(pool, None, [[1.0, 0.1], [0.3, 1.0]]).indices.tolist()
    [2, 3, 1, 0]
    """

    needs_target: ClassVar[bool] = True

    direction: Literal["near", "far"] = "near"
    """Whether the nearest rows come first, or the farthest."""

    clusterer: Clusterer | None = None
    """Keeps the rows of a group (by_label) or cluster (k_means) together; if not given, each row is
    ordered by itself."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        assert target is not None  # noqa: S101
        space = pool.space.take(rows)
        label = (
            np.arange(len(rows))
            if self.clusterer is None
            else labels_of(pool, rows, self.clusterer)
        )
        centers = space if self.clusterer is None else means_of(space, label)
        worth = weighted_similarities(centers, target.space)
        near_first = np.lexsort((np.arange(len(worth)), -worth))
        if self.direction == "far":
            near_first = near_first[::-1]
        rank = np.empty(len(worth), np.int64)
        rank[near_first] = np.arange(len(worth))
        places = np.argsort(rank[label], kind="stable")
        similarities, query = target.space.nearest(space, 1)
        turn = np.zeros(len(rows), np.int64) if self.clusterer is None else rank[label][places]
        return ArrangedRows(rows[places], turn, query[places, 0], similarities[places, 0])
