"""BySimilarity: base of the selectors that sort records by one similarity to the target."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class BySimilarity(Selector):
    """Takes the records of highest, or lowest, similarity to a target as a whole."""

    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    direction: Literal["near", "far"] = "near"
    """Whether the records most similar to the target come first, or the least similar."""

    @abstractmethod
    def similarity(self, space: Space, target: Space) -> NDArray[np.float64]:
        """Similarity of each row to the target, (n,) float64, higher is closer."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        similarity = self.similarity(pool.space, target.space)
        worth = similarity if self.direction == "near" else -similarity
        rows = allowance.rows
        indices = allowance.fill(rows[np.argsort(-worth[rows], kind="stable")])
        return indices, similarity[indices]
