"""GroupSpread: base of the metrics of how a subset is spread over known groups."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from instructdiv.core.rows import Rows
from instructdiv.metrics._base import Metric, Score
from instructdiv.pool import Pool


class GroupSpread(Metric):
    """A number computed from how many rows of the subset belong to each group of the target.

    Rows of other groups do not count. Time O(n log groups) for a subset of n rows.
    """

    looks_at: ClassVar[Literal["vectors", "groups", "texts"]] = "groups"

    @abstractmethod
    def value_of(self, counts: Rows) -> float:
        """Value of the metric for the number of rows of the subset in each group, (g,)."""

    def against(self, target: Pool) -> Score:
        groups = np.unique(target.groups_by(None))

        def score(subset: Pool) -> float:
            own = subset.groups_by(None)
            place = np.searchsorted(groups, own).clip(max=len(groups) - 1)
            known = place[groups[place] == own]
            return self.value_of(np.bincount(known, minlength=len(groups)).astype(np.int64))

        return score
