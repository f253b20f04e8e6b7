"""Greedy: the one lazy loop that maximizes every submodular objective."""

import heapq
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.allowance import Allowance
from instructdiv.core.rows import Rows

Picks = tuple[Rows, NDArray[np.float64]]

_NONE = np.empty(0, np.int64)


class Objective(ABC):
    """A submodular set function over the rows of a pool, grown a row at a time."""

    block: ClassVar[int] = 16
    """Number of outdated gains to compute at a time."""

    @abstractmethod
    def gains(self, rows: Rows) -> NDArray[np.float64]:
        """Gain of each of these rows (m,) if added alone to the set, (m,) float64.

        The gain of a row must not depend on the other rows asked for with it, and must not
        rise as the set grows.
        """

    @abstractmethod
    def add(self, row: int) -> None:
        """Add a row to the set."""

    @abstractmethod
    def clear(self) -> None:
        """Go back to the empty set."""

    @property
    @abstractmethod
    def value(self) -> float:
        """Value of the current set; 0 for the empty set."""

    def evaluate(self, rows: Rows) -> float:
        """Value of any set of rows, which becomes the current set."""
        self.clear()
        for row in rows.tolist():
            self.add(row)
        return self.value


def maximize(
    objective: Objective,
    allowance: Allowance,
    given: Rows = _NONE,
    must_keep: Rows = _NONE,
) -> Picks:
    """Choose rows greedily until the allowance is spent.

    Each step adds the row of highest gain, ties to the lowest row. Because gains only
    fall, an old gain is an upper bound, and only rows whose bound is highest are looked at
    again [1]_. The result is that of plain greedy: for a monotone objective at least
    1 - 1/e of the best value for a budget of records [2]_, and 1/2 where groups have floors
    or caps [3]_. With unequal costs it runs twice, by gain and by gain per cost, and keeps
    the better: at least (1 - 1/e) / 2 of the best value [4]_.

    Parameters
    ----------
    objective
        What to maximize; its current set is then the chosen rows.
    allowance
        Rows that may be chosen, their costs, the limit, and floors and caps of groups.
    given
        Rows that are in the set already: they count, but are not chosen.
    must_keep
        Rows of the allowance that are chosen before all others.

    Returns
    -------
    indices
        (b,) int64: rows of `must_keep`, then the others best first.
    gains
        (b,) float64.

    References
    ----------
    .. [1] M. Minoux, "Accelerated greedy algorithms for maximizing submodular set
       functions", 1978.
    .. [2] G. Nemhauser, L. Wolsey, M. Fisher, "An analysis of approximations for
       maximizing submodular set functions", Mathematical Programming 14, 1978.
    .. [3] M. Fisher, G. Nemhauser, L. Wolsey, "An analysis of approximations for
       maximizing submodular set functions II", Mathematical Programming Study 8, 1978.
    .. [4] J. Leskovec et al., "Cost-effective outbreak detection in networks", KDD 2007.
    """
    if allowance.counts_records:
        return _grow(objective, allowance, given, must_keep, "gain")
    by_gain = _grow(objective, allowance, given, must_keep, "gain")
    value = objective.value
    by_cost = _grow(objective, allowance, given, must_keep, "gain per cost")
    if objective.value > value:
        return by_cost
    objective.evaluate(np.concatenate([given, by_gain[0]]))
    return by_gain


def _grow(
    objective: Objective,
    allowance: Allowance,
    given: Rows,
    must_keep: Rows,
    order: Literal["gain", "gain per cost"],
) -> Picks:
    objective.evaluate(given)
    kept = Allowance(allowance.costs, int(allowance.costs[must_keep].sum()), must_keep)
    first, first_gains = _stage(objective, kept, order)
    rest, gains = _stage(objective, allowance.after(must_keep), order)
    return np.concatenate([first, rest]), np.concatenate([first_gains, gains])


def _stage(
    objective: Objective, allowance: Allowance, order: Literal["gain", "gain per cost"]
) -> Picks:
    costs = allowance.costs
    worth = np.ones(len(costs)) if order == "gain" else 1.0 / costs
    gain = np.zeros(len(costs))
    ledger = allowance.ledger()
    if ledger.left:
        for start in range(0, len(allowance.rows), 1024):
            block = allowance.rows[start : start + 1024]
            gain[block] = objective.gains(block)
    bounds = (-gain * worth)[allowance.rows]
    heap = list(zip(bounds.tolist(), allowance.rows.tolist(), strict=True))
    heapq.heapify(heap)
    fresh_at = np.zeros(len(costs), np.int64).tolist()
    passed_over: list[tuple[float, int]] = []
    chosen: list[int] = []
    gains: list[float] = []
    while heap and ledger.left:
        bound, row = heap[0]
        if not ledger.fits(row):
            passed_over.append(heapq.heappop(heap))
        elif fresh_at[row] == len(chosen):
            heapq.heappop(heap)
            objective.add(row)
            chosen.append(row)
            gains.append(gain[row])
            if ledger.take(row):
                heap += passed_over
                passed_over.clear()
                heapq.heapify(heap)
        else:
            stale: list[int] = []
            while heap and len(stale) < objective.block and fresh_at[heap[0][1]] != len(chosen):
                stale.append(heapq.heappop(heap)[1])
            rows = np.array(stale, np.int64)
            gain[rows] = objective.gains(rows)
            for bound, row in zip((-gain[rows] * worth[rows]).tolist(), stale, strict=True):
                fresh_at[row] = len(chosen)
                heapq.heappush(heap, (bound, row))
    return np.array(chosen, np.int64), np.array(gains, np.float64)
