"""Balanced: base of the selectors that set quotas first, then choose within each group."""

from abc import abstractmethod
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.apportion import apportion_order
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.errors import BudgetError
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector
from instructdiv.selectors.facility_location import FacilityLocation


class Balanced(Selector):
    """Gives each cluster or group of a pool a quota, and chooses within each."""

    within: Selector = FacilityLocation()
    """Selector that chooses within each cluster or group."""

    balance: float = Field(default=1.0, ge=0, le=1)
    """1: equal quotas for all clusters or groups, as far as they have records; 0: quotas in
    proportion to their size."""

    @abstractmethod
    def labels(self, pool: Pool) -> Rows:
        """Cluster or group of each row, (n,) int64, 0..c-1."""

    def weights(self, pool: Pool, sizes: Rows) -> NDArray[np.float64]:
        """Weight of each label, by its size (c,); quotas are in proportion to it, (c,)."""
        return np.asarray(sizes ** (1 - self.balance), np.float64)

    def turns(self, n: int, weights: NDArray[np.float64], capacities: Rows) -> Rows:
        """Label that each of n turns goes to, (n,) int64; a smaller n gives a prefix."""
        return apportion_order(n, weights, capacities)

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        labels = self.labels(pool)
        weights = self.weights(pool, np.bincount(labels))
        # Nothing is chosen from a label of weight 0.
        weighty = weights[labels] > 0
        n_free = len(allowance.rows)
        allowance = replace(allowance, rows=allowance.rows[weighty[allowance.rows]])
        given = given[weighty[given]]
        free = np.bincount(labels[allowance.rows], minlength=len(weights))
        held = np.bincount(labels[given], minlength=len(weights))
        if allowance.counts_records and allowance.groups is None:
            turns = self.turns(allowance.limit + len(given), weights, free + held)
            turns = _after(turns, held)[: allowance.limit]
            quotas = np.bincount(turns, minlength=len(weights))
            ranked = [
                self._ranked(pool, labels == label, label, quota, allowance, given)
                for label, quota in enumerate(quotas)
            ]
            return _in_turns(turns, ranked)
        ranked = [
            self._ranked(pool, labels == label, label, None, allowance, given)
            for label in range(len(weights))
        ]
        spent = np.zeros(len(weights))
        np.add.at(spent, labels[given], allowance.costs[given])
        picks = _in_turns_by_cost(spent, weights, ranked, allowance)
        if len(allowance.rows) < n_free:
            _check_spent(picks[0], allowance)
        return picks

    def _ranked(
        self,
        pool: Pool,
        inside: NDArray[np.bool_],
        label: int,
        quota: int | None,
        allowance: Allowance,
        given: Rows,
    ) -> Picks:
        """Best rows of one label: as many as its quota, or all where that is None."""
        rows = np.flatnonzero(inside)
        free = np.flatnonzero(np.isin(rows, allowance.rows, assume_unique=True))
        quota = len(free) if quota is None else quota
        if not quota:
            return np.empty(0, np.int64), np.empty(0)
        inner_pool = pool.take(rows)
        inner = Allowance(np.ones(len(rows), np.int64), quota, free)
        held = np.flatnonzero(np.isin(rows, given, assume_unique=True))
        within = _reseeded(self.within, label)
        indices, gains = within.pick(inner_pool, inner, inner_pool, held)
        return rows[indices], gains


def _check_spent(rows: Rows, allowance: Allowance) -> None:
    """Raise if rows of labels with a weight above 0 cannot meet floors or caps."""
    left = allowance.after(rows)
    if left.floors is not None and (left.floors > 0).any():
        short = np.flatnonzero(left.floors > 0)
        raise BudgetError(
            f"the floor of {allowance.names[short[0]]!r} cannot be met from clusters or groups "
            "with a share above 0; give it a share, or no floor"
        )
    if allowance.counts_records and left.limit:
        raise BudgetError(
            f"the caps leave {len(rows):,} of {allowance.limit:,} records to clusters or groups "
            "with a share above 0; raise a cap, or give others a share"
        )


def _reseeded(selector: Selector, number: int) -> Selector:
    """The selector with a seed of its own for each label, so that their draws differ."""
    changes: dict[str, object] = {
        name: _reseeded(value, number)
        for name in type(selector).model_fields
        if isinstance(value := getattr(selector, name), Selector)
    }
    if "seed" in type(selector).model_fields:
        seeds = np.random.SeedSequence((getattr(selector, "seed"), number))  # noqa: B009
        changes["seed"] = int(seeds.generate_state(1)[0]) >> 2  # it fits everywhere
    return selector.model_copy(update=changes) if changes else selector


def _after(turns: Rows, held: Rows) -> Rows:
    """Turns left once each label has had as many as it holds already."""
    left = np.ones(len(turns), np.bool_)
    for label, n in enumerate(held):
        left[np.flatnonzero(turns == label)[:n]] = False
    return turns[left]


def _in_turns(turns: Rows, ranked: list[Picks]) -> Picks:
    """Rows one by one, from the label whose turn it is."""
    place = np.empty(len(turns), np.int64)
    for label, (rows, _) in enumerate(ranked):
        place[turns == label] = np.arange(len(rows))
    indices = [ranked[label][0][i] for label, i in zip(turns, place, strict=True)]
    gains = [ranked[label][1][i] for label, i in zip(turns, place, strict=True)]
    return np.array(indices, np.int64), np.array(gains, np.float64)


def _in_turns_by_cost(
    spent: NDArray[np.float64],
    weights: NDArray[np.float64],
    ranked: list[Picks],
    allowance: Allowance,
) -> Picks:
    """Rows one by one, from the label that has spent least for its weight.

    Half of the cost of its next row counts as spent: with equal costs, quotas are then those
    of :func:`instructdiv.core.apportion.apportion`.
    """
    place = [0] * len(weights)
    order: list[int] = []
    gains: list[float] = []
    ledger = allowance.ledger()
    passed_over: list[int] = []
    share = np.full(len(weights), np.inf)

    def look_ahead(label: int) -> None:
        rows, next_place = ranked[label][0], place[label]
        share[label] = np.inf
        if next_place < len(rows):
            share[label] = (spent[label] + allowance.costs[rows[next_place]] / 2) / weights[label]

    for label in range(len(weights)):
        look_ahead(label)
    while True:
        label = int(share.argmin())
        if share[label] == np.inf:
            break
        row, gain = int(ranked[label][0][place[label]]), float(ranked[label][1][place[label]])
        if ledger.fits(row):
            ledger.take(row)
            order.append(row)
            gains.append(gain)
            spent[label] += allowance.costs[row]
        else:
            passed_over.append(row)
        place[label] += 1
        look_ahead(label)
    rest = allowance.after(np.array(order, np.int64)).fill(passed_over)
    return (
        np.concatenate([np.array(order, np.int64), rest]),
        np.concatenate([gains, np.zeros(len(rest))]),
    )
