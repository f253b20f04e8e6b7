"""Allowance: which rows may be chosen, and how much may still be spent on them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.core.rows import Rows
from instructdiv.errors import BudgetError


@dataclass(frozen=True, eq=False)
class Allowance:
    """What a selection may choose: rows, their costs, and limits in all and for each group."""

    costs: Rows
    """(n,) int64, above 0: cost of each row of the pool."""

    limit: int
    """Largest total cost, in the unit of the costs."""

    rows: Rows
    """(m,) int64, ascending: the rows that may be chosen."""

    groups: Rows | None = None
    """(n,) int64: number of the group of each row; None without floors and caps."""

    floors: Rows | None = None
    """(g,) int64: least cost to spend on each group."""

    caps: Rows | None = None
    """(g,) int64: largest cost to spend on each group."""

    names: tuple[str, ...] = ()
    """Names of the groups."""

    @property
    def counts_records(self) -> bool:
        """Whether each row costs 1, so that the limit can be met exactly."""
        return bool((self.costs == 1).all())

    def ledger(self) -> "Ledger":
        """Account of what is left while rows are taken one by one."""
        return Ledger(self)

    def after(self, taken: Rows) -> "Allowance":
        """Allowance that is left once these rows have been taken."""
        rows = np.setdiff1d(self.rows, taken, assume_unique=True)
        left = self.limit - int(self.costs[taken].sum())
        if self.groups is None or self.floors is None or self.caps is None:
            return replace(self, rows=rows, limit=left)
        spent = self._spent_on_groups(taken)
        floors = np.maximum(self.floors - spent, 0)
        return replace(self, rows=rows, limit=left, floors=floors, caps=self.caps - spent)

    def check(self, must_keep: Rows) -> None:
        """Raise if these rows cannot be taken before all others.

        Raises
        ------
        BudgetError
            The rows cost more than the limit or than the cap of a group, or leave too little
            for the floors of other groups.
        """
        cost = int(self.costs[must_keep].sum())
        kept = f"the {len(must_keep):,} rows that must be kept cost {cost:,}"
        if cost > self.limit:
            raise BudgetError(
                f"{kept}, but the budget is {self.limit:,}; keep fewer or take a larger budget"
            )
        if self.groups is None or self.floors is None or self.caps is None:
            return
        spent = self._spent_on_groups(must_keep)
        over = np.flatnonzero(spent > self.caps)
        if len(over):
            g = over[0]
            raise BudgetError(
                f"rows that must be kept cost {spent[g]:,} in {self.names[g]!r}, whose cap is "
                f"{self.caps[g]:,}; keep fewer or raise the cap"
            )
        due = int(np.maximum(self.floors - spent, 0).sum())
        if due > self.limit - cost:
            raise BudgetError(
                f"{kept} of {self.limit:,}, and the floors still ask for {due:,} where "
                f"{self.limit - cost:,} are left; keep fewer or lower a floor"
            )

    def _spent_on_groups(self, rows: Rows) -> Rows:
        assert self.groups is not None  # noqa: S101
        spent = np.bincount(self.groups[rows], self.costs[rows], len(self.names))
        return spent.astype(np.int64)

    def fill(self, order: ArrayLike) -> Rows:
        """Take rows in this order, and skip those that do not fit.

        Examples
        --------
        >>> allowance = Allowance(np.array([4, 3, 2]), limit=6, rows=np.arange(3))
        >>> allowance.fill([0, 1, 2]).tolist()
        [0, 2]
        """
        waiting = np.asarray(order, np.int64)
        if self.groups is not None:
            return self._fill_by_ledger(waiting)
        if self.counts_records:
            return waiting[: self.limit]
        taken: list[int] = []
        left = self.limit
        while len(waiting):
            spent = np.cumsum(self.costs[waiting])
            fitting = int(np.searchsorted(spent, left, side="right"))
            taken += waiting[:fitting].tolist()
            left -= int(spent[fitting - 1]) if fitting else 0
            waiting = waiting[fitting:]
            waiting = waiting[self.costs[waiting] <= left]
        return np.array(taken, np.int64)

    def _fill_by_ledger(self, waiting: Rows) -> Rows:
        ledger = self.ledger()
        taken: list[int] = []
        while True:
            passed_over = []
            for row in waiting.tolist():
                if ledger.fits(row):
                    ledger.take(row)
                    taken.append(row)
                else:
                    passed_over.append(row)
            # Room grows only where a floor turns out to be out of reach.
            if not any(ledger.fits(row) for row in passed_over):
                return np.array(taken, np.int64)
            waiting = np.array(passed_over, np.int64)


class Ledger:
    """What is left of an allowance while rows are taken one by one.

    The room of a group is its cap, or the limit less the floors of all other groups, whichever is
    less. A row fits when it costs no more than the room of its group. In records, a row that did
    not fit never fits later. In tokens it may: the amount reserved for a floor is released when no
    row of that group fits any more.
    """

    def __init__(self, allowance: Allowance) -> None:
        self._costs = allowance.costs
        self._groups = allowance.groups
        self.left = allowance.limit
        """Cost that may still be spent on all groups together."""
        if self._groups is None:
            return
        assert allowance.floors is not None and allowance.caps is not None  # noqa: S101, PT018
        self._due = allowance.floors.copy()
        self._open = allowance.caps.copy()
        self._may_miss = bool(allowance.floors.any()) and not allowance.counts_records
        if self._may_miss:
            by_cost = allowance.rows[np.lexsort((allowance.rows, self._costs[allowance.rows]))]
            of = self._groups[by_cost]
            self._waiting = [by_cost[of == g].tolist()[::-1] for g in range(len(self._due))]
            self._taken = np.zeros(len(self._costs), np.bool_)
        self._settle()

    def fits(self, row: int) -> bool:
        """Whether this row may be taken now."""
        cost = self._costs[row]
        if self._groups is None:
            return bool(cost <= self.left)
        return bool(cost <= self._room[self._groups[row]])

    def fitting(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of these rows (m,) may be taken now, each by itself, (m,) bool."""
        room = self.left if self._groups is None else self._room[self._groups[rows]]
        fits: NDArray[np.bool_] = self._costs[rows] <= room
        return fits

    def take(self, row: int) -> bool:
        """Spend what a row costs; tells whether rows that did not fit before may fit now."""
        cost = int(self._costs[row])
        self.left -= cost
        if self._groups is None:
            return False
        group = self._groups[row]
        self._due[group] = max(0, self._due[group] - cost)
        self._open[group] -= cost
        if self._may_miss:
            self._taken[row] = True
        return self._settle()

    def _settle(self) -> bool:
        freed = False
        while True:
            set_aside = self._due.sum() - self._due
            self._room = np.minimum(self._open, self.left - set_aside)
            missed = [g for g in np.flatnonzero(self._due) if self._out_of_reach(int(g))]
            if not missed:
                return freed
            self._due[missed] = 0
            freed = True

    def _out_of_reach(self, group: int) -> bool:
        if not self._may_miss:
            return False
        waiting = self._waiting[group]
        while waiting and self._taken[waiting[-1]]:
            waiting.pop()
        return not waiting or bool(self._costs[waiting[-1]] > self._room[group])
