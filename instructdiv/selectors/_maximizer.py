"""Maximizer: what the selectors share that grow a submodular objective by greedy choice."""

from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.budget import Budget
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective, Picks, Rows, maximize
from instructdiv.core.rows import row_numbers
from instructdiv.core.space import Space
from instructdiv.pool import Pool, Target
from instructdiv.selection import Selection
from instructdiv.selectors._base import Selector


class Maximizer(Selector):
    """Maximizes an objective greedily; any other choice can be measured by it too."""

    @abstractmethod
    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        """The set function; some depend on how much may be spent."""

    def evaluate(
        self,
        pool: Pool,
        rows: Selection | ArrayLike,
        *,
        target: Target | None = None,
        budget: Budget | int | None = None,
    ) -> float:
        """Value of the objective for any rows of a pool, wherever they came from.

        Parameters
        ----------
        pool
            Everything that could be chosen.
        rows
            What was chosen.
        target
            What should be covered; the pool itself if not given.
        budget
            What could be spent, for the objectives that depend on it; as many records as
            there are rows if not given.

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

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        return maximize(self.objective(pool, target.space, allowance), allowance, given)

    def _choose(
        self, pool: Pool, allowance: Allowance, target: Pool, given: Rows, must_keep: Rows
    ) -> Picks:
        return maximize(self.objective(pool, target.space, allowance), allowance, given, must_keep)
