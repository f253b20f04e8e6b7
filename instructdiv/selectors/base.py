"""Selector: chooses rows of a pool under a budget."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.budget import Allowance, Budget
from instructdiv.errors import BudgetError, ShapeError
from instructdiv.part import Part
from instructdiv.pool import Pool, as_space
from instructdiv.selection import Selection
from instructdiv.space import Space

Picks = tuple[NDArray[np.int64], NDArray[np.float64]]


class Selector(Part):
    """Chooses distinct rows of a pool, best first, and spends the budget.

    A budget of records is spent exactly; a budget of tokens leaves less than the shortest
    record that was not chosen. With a budget of records a smaller budget gives a prefix,
    unless the selector says otherwise. Ties go to the lowest row.
    """

    family = "selector"
    covers_target: ClassVar[bool] = False
    """Whether it can cover another target than the pool itself."""

    def select(
        self,
        pool: Pool,
        budget: Budget | int,
        *,
        target: Pool | Space | ArrayLike | None = None,
        given: ArrayLike | None = None,
    ) -> Selection:
        """Choose rows of the pool.

        Parameters
        ----------
        pool
            Everything that may be chosen.
        budget
            What may be spent; a whole number counts records.
        target
            What should be covered; the pool itself if not given.
        given
            Rows that are already in the training set: they count as chosen, and are not
            chosen again.

        Raises
        ------
        BudgetError
            The pool holds less than the budget asks for.
        ShapeError
            The target has another dimension, or is not taken by this selector; a given row
            is not one of the pool.
        """
        budget = Budget.of(budget)
        space = as_space(target, pool.space)
        if target is not None:
            if not self.covers_target:
                able = ", ".join(n for n, s in Selector.known().items() if s.covers_target)
                raise ShapeError(f"{self.name} covers the pool itself; for a target use {able}")
            if space.dimension != pool.space.dimension:
                raise ShapeError(
                    f"a target of {space.dimension} dimensions cannot be covered by a pool of "
                    f"{pool.space.dimension}"
                )
        rows = _given(given, len(pool))
        free = np.ones(len(pool), np.bool_)
        free[rows] = False
        if not free.any():
            raise BudgetError("every row of the pool is given: nothing is left to choose")
        costs = pool.costs if budget.tokens else np.ones(len(pool), np.int64)
        allowance = budget.allowance(costs, np.flatnonzero(free))
        indices, gains = self.pick(pool, allowance, space, rows)
        return Selection(indices, gains, self.to_mapping(), budget)

    @abstractmethod
    def pick(
        self, pool: Pool, allowance: Allowance, target: Space, given: NDArray[np.int64]
    ) -> Picks:
        """Rows (b,) int64, best first, and their gains (b,) float64, with checked arguments."""


def _given(given: ArrayLike | None, n: int) -> NDArray[np.int64]:
    if given is None:
        return np.empty(0, np.int64)
    rows = np.unique(np.asarray(given))
    if rows.size == 0:
        return np.empty(0, np.int64)
    if rows.dtype.kind not in "iu" or rows[0] < 0 or rows[-1] >= n:
        raise ShapeError(f"given must be rows 0..{n - 1} of the pool, got {rows[0]}..{rows[-1]}")
    return rows.astype(np.int64)
