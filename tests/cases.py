"""Budgets with floors, caps, and rows that must or must never be kept, which can be spent."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from instructdiv import Budget, Pool
from instructdiv.core.allowance import Allowance
from instructdiv.selectors import GraphCut
from tests.pools import GREEDY, clustered, labels

POOL = clustered(40, 6, 4)


GROUPS = np.unique(labels(POOL)).tolist()


MATHS = Pool.from_embeddings(
    clustered(10, 4, 2).space, ["maths"] * 6 + ["code"] * 3 + ["chat"], [10] * 10, range(10)
)


NONE = np.empty(0, np.int64)


MONOTONE = [GraphCut(redundancy_weight=0.5), *(s for s in GREEDY if s.name != "graph_cut")]


@dataclass(frozen=True)
class Case:
    """A budget that can be spent, and rows that can be asked for with it."""

    pool: Pool
    budget: Budget
    must_keep: np.ndarray
    never_keep: np.ndarray
    given: np.ndarray

    @property
    def rows(self) -> dict[str, Any]:
        return {"must_keep": self.must_keep, "never_keep": self.never_keep, "given": self.given}

    @property
    def allowance(self) -> Allowance:
        free = np.setdiff1d(np.arange(len(self.pool)), [*self.never_keep, *self.given])
        costs = self.pool.costs_under(self.budget)
        return self.budget.allowance(costs, free, labels(self.pool))


def _rows(values: list[int]) -> np.ndarray:
    return np.array(sorted(values), np.int64)


@st.composite
def cases(draw, unit: str, pools: tuple[Pool, ...] = (POOL,)):
    """Shares are set around rows that would fit, so that there is always a way."""
    pool = draw(st.sampled_from(pools))
    order = draw(st.permutations(range(len(pool))))
    n_given, n_never = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    free = order[n_given + n_never :]
    n_fitting = draw(st.integers(1, len(free)))
    fitting = np.array(free[:n_fitting])
    must_keep = free[: draw(st.integers(0, n_fitting - 1))]
    costs = pool.costs if unit == "tokens" else np.ones(len(pool), np.int64)
    limit = int(costs[fitting].sum())
    floors, caps = {}, {}
    for group in draw(st.lists(st.sampled_from(GROUPS), unique=True)):
        spent = costs[fitting[labels(pool)[fitting] == group]].sum() / limit
        floors[group] = spent * draw(st.sampled_from([0, 0.3, 0.8, 1]))
        caps[group] = spent + (1 - spent) * draw(st.sampled_from([0, 0, 0.2, 1]))
        if draw(st.booleans()):
            draw(st.sampled_from([floors, caps])).pop(group)
    budget = Budget.model_validate({unit: limit, "floors": floors, "caps": caps})
    given_rows, never_keep = order[:n_given], order[n_given : n_given + n_never]
    return Case(pool, budget, _rows(must_keep), _rows(never_keep), _rows(given_rows))


def few(n: int) -> settings:
    slow = [HealthCheck.too_slow]
    return settings(max_examples=n, deadline=None, suppress_health_check=slow)


def fitting(allowance: Allowance, chosen: Any, missed: set[int]) -> Any:
    costs, left = allowance.costs, allowance.limit - int(allowance.costs[chosen].sum())
    waiting = np.setdiff1d(allowance.rows, chosen)
    if allowance.groups is None or allowance.floors is None or allowance.caps is None:
        return waiting[costs[waiting] <= left]
    n_groups = len(allowance.names)
    while True:
        room, due = np.empty(n_groups, np.int64), np.empty(n_groups, np.int64)
        for g in range(n_groups):
            spent = costs[chosen[allowance.groups[chosen] == g]].sum()
            due[g] = 0 if g in missed else max(0, allowance.floors[g] - spent)
            room[g] = allowance.caps[g] - spent
        for g in range(n_groups):
            room[g] = min(room[g], left - (due.sum() - due[g]))
        fits = costs[waiting] <= room[allowance.groups[waiting]]
        reached = set(allowance.groups[waiting[fits]].tolist())
        lost = {g for g in range(n_groups) if due[g] and g not in reached}
        if not lost:
            return waiting[fits]
        missed |= lost
