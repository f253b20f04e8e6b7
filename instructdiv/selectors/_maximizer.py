"""Maximizer: base of the selectors that maximize a submodular objective greedily."""

from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from instructdiv.budget import Budget
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective, Picks, maximize
from instructdiv.core.rows import Rows, row_numbers
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.pool_input import Target
from instructdiv.selection import Selection
from instructdiv.selectors._base import Selector


class Maximizer(Selector):
    """Maximizes an objective greedily; `evaluate` measures any choice by the same objective."""

    @abstractmethod
    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        """The set function to maximize; some depend on the limit of the allowance."""

    def evaluate(
        self,
        pool: Pool,
        rows: "Selection | ArrayLike",
        *,
        target: "Target | None" = None,
        budget: Budget | int | None = None,
    ) -> float:
        """Value of the objective for any rows of a pool, however they were chosen.

        Parameters
        ----------
        pool
            Pool of the rows.
        rows
            A selection, or row numbers.
        target
            Records to cover; the pool itself if not given.
        budget
            Budget, for objectives that depend on it; as many records as there are rows if not
            given.

        Raises
        ------
        ShapeError
            A row is not one of the pool, or the target does not fit.
        """
        rows = row_numbers(rows.indices if isinstance(rows, Selection) else rows, len(pool))
        rows = np.unique(rows)
        every = np.arange(len(pool))
        if budget is None:
            allowance = Allowance(np.ones(len(pool), np.int64), len(rows), every)
        else:
            allowance = self._allowance(pool, Budget.of(budget), every)
        return self.objective(pool, self._target(target, pool).space, allowance).evaluate(rows)

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        return maximize(self.objective(pool, target.space, allowance), allowance, given)

    def _choose(
        self, pool: Pool, allowance: Allowance, target: Pool, given: Rows, must_keep: Rows
    ) -> Picks:
        return maximize(self.objective(pool, target.space, allowance), allowance, given, must_keep)
