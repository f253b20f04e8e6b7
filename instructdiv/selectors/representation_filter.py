"""Representation filter: the best quality scores, without near-duplicates."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector, quality_of
from instructdiv.selectors._deduplicate import deduplicate


class RepresentationFilter(Selector):
    """Choose the best quality scores, and skip records too similar to a chosen one (DEITA).

    Goes through the records from the best score down, and keeps each whose similarity to all kept
    before is below `similarity_threshold` [1]_. A skipped record excludes no other, so the result
    does not depend on how many are compared at once, which in the paper's code it does. Where too
    few records pass to fill the budget, the best of the others follow. The gain of a record is its
    score. No guarantee. Time O(n * budget * d) at most, memory O(n).

    Raises
    ------
    ShapeError
        The pool has no quality.

    References
    ----------
    .. [1] W. Liu et al., "What makes good data for alignment? A comprehensive study of
       automatic data selection in instruction tuning", ICLR 2024.

    Examples
    --------
    >>> vectors = [[1.0, 0.0], [0.99, 0.01], [0.0, 1.0]]
    >>> pool = Pool.from_embeddings(vectors, quality=[3, 2, 1])
    >>> RepresentationFilter().select(pool, 2).indices.tolist()
    [0, 2]
    """

    needs: ClassVar[tuple[str, ...]] = ("quality",)
    similarity_threshold: float = Field(default=0.9, gt=-1, le=1)
    """Records at least this similar to a kept one are near-duplicates, and skipped."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        quality = quality_of(pool, self)
        order = allowance.rows[np.argsort(-quality[allowance.rows], kind="stable")]
        kept, left, _ = deduplicate(
            pool.space, order, self.similarity_threshold, given, allowance.ledger()
        )
        indices = np.concatenate([kept, allowance.after(kept).fill(left)])
        return indices, quality[indices]
