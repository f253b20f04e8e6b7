"""What selectors share that set quotas first, and then choose within each part."""

from abc import abstractmethod
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.apportion import apportion_order
from instructdiv.core.greedy import Picks
from instructdiv.errors import BudgetError
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector
from instructdiv.selectors.facility_location import FacilityLocation


class Balanced(Selector):
    """Shares the budget out over the parts of a pool and chooses within each."""

    within: Selector = FacilityLocation()
    """What chooses within a part."""

    balance: float = Field(default=1.0, ge=0, le=1)
    """How far sizes are evened out: 1 gives every part the same quota, as far as it has
    records, 0 a quota in proportion to its size."""

    @abstractmethod
    def parts(self, pool: Pool) -> NDArray[np.int64]:
        """Part of each row, (n,) int64, 0..p-1."""

    def weights(self, pool: Pool, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the quotas of the parts, of these sizes (p,), are in proportion to, (p,)."""
        return np.asarray(sizes ** (1 - self.balance), np.float64)

    def turns(
        self, n: int, weights: NDArray[np.float64], capacities: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Which part has each of n turns, (n,) int64; a smaller n gives a prefix."""
        return apportion_order(n, weights, capacities)

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        parts = self.parts(pool)
        weights = self.weights(pool, np.bincount(parts))
        # Of a part without a weight nothing is chosen.
        weighty = weights[parts] > 0
        n_free = len(allowance.rows)
        allowance = replace(allowance, rows=allowance.rows[weighty[allowance.rows]])
        given = given[weighty[given]]
        free = np.bincount(parts[allowance.rows], minlength=len(weights))
        held = np.bincount(parts[given], minlength=len(weights))
        if allowance.counts_records and allowance.groups is None:
            turns = self.turns(allowance.limit + len(given), weights, free + held)
            turns = _after(turns, held)[: allowance.limit]
            quotas = np.bincount(turns, minlength=len(weights))
            ranked = [
                self._rank(pool, parts == part, part, quota, allowance, given)
                for part, quota in enumerate(quotas)
            ]
            return _dealt(turns, ranked)
        ranked = [
            self._rank(pool, parts == part, part, None, allowance, given)
            for part in range(len(weights))
        ]
        spent = np.zeros(len(weights))
        np.add.at(spent, parts[given], allowance.costs[given])
        picks = _dealt_by_cost(spent, weights, ranked, allowance)
        if len(allowance.rows) < n_free:
            _check_spent(picks[0], allowance)
        return picks

    def _rank(
        self,
        pool: Pool,
        inside: NDArray[np.bool_],
        number: int,
        quota: int | None,
        allowance: Allowance,
        given: NDArray[np.int64],
    ) -> Picks:
        """The best rows of one part: as many as its quota, or every one of them."""
        rows = np.flatnonzero(inside)
        free = np.flatnonzero(np.isin(rows, allowance.rows, assume_unique=True))
        quota = len(free) if quota is None else quota
        if not quota:
            return np.empty(0, np.int64), np.empty(0)
        part = pool.take(rows)
        inner = Allowance(np.ones(len(rows), np.int64), quota, free)
        held = np.flatnonzero(np.isin(rows, given, assume_unique=True))
        within = _reseeded(self.within, number)
        indices, gains = within.pick(part, inner, part, held)
        return rows[indices], gains


def _check_spent(rows: NDArray[np.int64], allowance: Allowance) -> None:
    """Raise if floors or caps are not met by the parts that have a weight."""
    left = allowance.after(rows)
    if left.floors is not None and (left.floors > 0).any():
        short = np.flatnonzero(left.floors > 0)
        raise BudgetError(
            f"the floor of {allowance.names[short[0]]!r} is not met by the parts that have a "
            "weight; give it a share, or no floor"
        )
    if allowance.counts_records and left.limit:
        raise BudgetError(
            f"the caps leave {len(rows):,} of {allowance.limit:,} records to the parts that have "
            "a weight; raise a cap, or give others a share"
        )


def _reseeded(part: Selector, number: int) -> Selector:
    """Another seed for each part of the pool, or all would draw the same places."""
    changes: dict[str, object] = {
        name: _reseeded(value, number)
        for name in type(part).model_fields
        if isinstance(value := getattr(part, name), Selector)
    }
    if "seed" in type(part).model_fields:
        seeds = np.random.SeedSequence((getattr(part, "seed"), number))  # noqa: B009
        changes["seed"] = int(seeds.generate_state(1)[0]) >> 2  # it fits everywhere
    return part.model_copy(update=changes) if changes else part


def _after(turns: NDArray[np.int64], held: NDArray[np.int64]) -> NDArray[np.int64]:
    """The turns that are left when each part has had as many as it holds already."""
    left = np.ones(len(turns), np.bool_)
    for part, n in enumerate(held):
        left[np.flatnonzero(turns == part)[:n]] = False
    return turns[left]


def _dealt(turns: NDArray[np.int64], ranked: list[Picks]) -> Picks:
    """One row after another, from the part whose turn it is."""
    place = np.empty(len(turns), np.int64)
    for part, (rows, _) in enumerate(ranked):
        place[turns == part] = np.arange(len(rows))
    indices = [ranked[part][0][i] for part, i in zip(turns, place, strict=True)]
    gains = [ranked[part][1][i] for part, i in zip(turns, place, strict=True)]
    return np.array(indices, np.int64), np.array(gains, np.float64)


def _dealt_by_cost(
    spent: NDArray[np.float64],
    weights: NDArray[np.float64],
    ranked: list[Picks],
    allowance: Allowance,
) -> Picks:
    """One row after another, from the part that has spent least for its weight.

    Half of what its next row costs counts as spent: with equal costs, that is how
    :func:`instructdiv.core.apportion.apportion` shares out.
    """
    place = [0] * len(weights)
    order: list[int] = []
    gains: list[float] = []
    ledger = allowance.ledger()
    passed_over: list[int] = []
    share = np.full(len(weights), np.inf)

    def look_ahead(part: int) -> None:
        rows, next_place = ranked[part][0], place[part]
        share[part] = np.inf
        if next_place < len(rows):
            share[part] = (spent[part] + allowance.costs[rows[next_place]] / 2) / weights[part]

    for part in range(len(weights)):
        look_ahead(part)
    while True:
        part = int(share.argmin())
        if share[part] == np.inf:
            break
        row, gain = int(ranked[part][0][place[part]]), float(ranked[part][1][place[part]])
        if ledger.fits(row):
            ledger.take(row)
            order.append(row)
            gains.append(gain)
            spent[part] += allowance.costs[row]
        else:
            passed_over.append(row)
        place[part] += 1
        look_ahead(part)
    rest = allowance.after(np.array(order, np.int64)).fill(passed_over)
    return (
        np.concatenate([np.array(order, np.int64), rest]),
        np.concatenate([gains, np.zeros(len(rest))]),
    )
