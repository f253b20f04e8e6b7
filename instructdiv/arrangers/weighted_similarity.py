"""Weighted similarity: by how near rows, or whole tasks, are to the target altogether."""

from typing import ClassVar, Literal

import numpy as np

from instructdiv.arrangers._base import ArrangedRows, Arranger, Rows, parts_of
from instructdiv.clusterers import Clusterer
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors.weighted_similarity import weighted_similarities


class WeightedSimilarity(Arranger):
    """Order rows, or whole parts, by the weighted similarity distance to the target.

    The distance of a row is -cos to the nearest target plus -cos to all of them on average,
    the second scaled to the mean of the first over the rows [1]_; far first is exactly near
    first turned around. A part has the distance of the mean of its rows, its rows stay
    together, in their order, and are a turn. The query of a row is the target nearest to it.
    The start of the order lies near the middle of the target and may leave whole tasks out:
    prefer ``test_centric``. Time O(n * targets * d), memory O(n).

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
    """What comes first."""

    clusterer: Clusterer | None = None
    """What is kept together: the groups of the pool (by_label), or clusters (k_means); if
    unset each row is ordered by itself."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        assert target is not None  # noqa: S101
        space = pool.space.take(rows)
        part = (
            np.arange(len(rows)) if self.clusterer is None else parts_of(pool, rows, self.clusterer)
        )
        middles = space if self.clusterer is None else _means(space, part)
        worth = weighted_similarities(middles, target.space)
        near_first = np.lexsort((np.arange(len(worth)), -worth))
        if self.direction == "far":
            near_first = near_first[::-1]
        rank = np.empty(len(worth), np.int64)
        rank[near_first] = np.arange(len(worth))
        places = np.argsort(rank[part], kind="stable")
        similarities, query = target.space.nearest(space, 1)
        turn = np.zeros(len(rows), np.int64) if self.clusterer is None else rank[part][places]
        return ArrangedRows(rows[places], turn, query[places, 0], similarities[places, 0])


def _means(space: Space, part: Rows) -> Space:
    """The mean of each part, as a space; where rows cancel out, the first of them stands for it."""
    sums = np.zeros((part.max() + 1, space.n_dimensions))
    np.add.at(sums, part, space.vectors)
    lost = np.linalg.norm(sums, axis=1) < 1e-6
    first = np.unique(part, return_index=True)[1]
    sums[lost] = space.vectors[first[lost]]
    return Space.of(sums)
