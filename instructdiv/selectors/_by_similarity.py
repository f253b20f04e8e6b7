"""What nearest_to_any and weighted_similarity share: one number a record, sorted."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class BySimilarity(Selector):
    """Takes the records that are most like a target as a whole."""

    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    direction: Literal["near", "far"] = "near"
    """Whether the records most like the target come first, or the least."""

    @abstractmethod
    def likeness(self, space: Space, target: Space) -> NDArray[np.float64]:
        """How like the target each row is, (n,) float64, higher is liker."""

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        likeness = self.likeness(pool.space, target.space)
        worth = likeness if self.direction == "near" else -likeness
        rows = allowance.rows
        indices = allowance.fill(rows[np.argsort(-worth[rows], kind="stable")])
        return indices, likeness[indices]
