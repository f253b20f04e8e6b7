"""Target balanced: a quota for each group of the target."""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.apportion import apportion_order
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.errors import ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector
from instructdiv.selectors.test_centric import TestCentric


class TargetBalanced(Selector):
    """Give each group of the target (task, skill, benchmark) a quota, and choose for each.

    Each group has a ranking of the whole pool; turn by turn the group that has spent least of its
    share takes its next record that is left. A record that two groups want is charged to the group
    that takes it first; quotas hold exactly in records, and to within a record in tokens. Groups
    are those of the target, or the names of several targets. Time and memory: the inner selector,
    once for each group.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]])
    >>> targets = {"code": [[1.0, 0.1]], "maths": [[0.0, 1.0]]}
    >>> selector = TargetBalanced(shares={"code": 0.7, "maths": 0.3})
    >>> selector.select(pool, 3, target=targets).indices.tolist()
    [1, 3, 0]
    """

    needs: ClassVar[tuple[str, ...]] = ("target_group",)
    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    within: Selector = TestCentric()
    """Selector that chooses for each group of the target; a smaller budget must give a prefix."""

    shares: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Share of the budget for each group of the target, or weights in proportion to it; equal if
    not given."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        if getattr(self.within, "weights", None) is not None:
            raise ShapeError(
                f"weights of {self.within.name} have no effect within {self.name}, which calls it "
                "for one group at a time; give shares"
            )
        if not (self.within.covers_target and self.within.nested):
            raise ShapeError(
                f"{self.within.name} cannot choose within {self.name}: it takes no target, or a "
                "smaller budget gives no prefix; take test_centric or another"
            )
        names, number = self._groups(target)
        weights = self._weights(names)
        aims = [target.take(number == g) for g in range(len(names))]
        n_rows = len(allowance.rows)

        def ranked(n_ranked: int) -> list[Picks]:
            inner = Allowance(np.ones(len(pool), np.int64), n_ranked, allowance.rows)
            nothing = np.empty(0, np.int64), np.empty(0)
            return [
                self.within.pick(pool, inner, aim, given) if weight else nothing
                for aim, weight in zip(aims, weights.tolist(), strict=True)
            ]

        if allowance.counts_records and allowance.groups is None:
            turns = apportion_order(allowance.limit, weights)
            return _in_turns(turns, ranked(allowance.limit), len(pool))
        usual = int(allowance.limit / allowance.costs[allowance.rows].mean()) + 1
        n_ranked = min(2 * usual, n_rows)
        while (found := _by_cost(weights, ranked(n_ranked), allowance)) is None:
            n_ranked = min(4 * n_ranked, n_rows)
        return found

    def _groups(self, target: Pool) -> tuple[list[str], Rows]:
        if target.groups is None:
            raise ShapeError(
                f"{self.name} needs groups of the target: give several targets by name, or a "
                "target with groups"
            )
        names, number = np.unique(target.groups, return_inverse=True)
        return names.tolist(), number

    def _weights(self, names: list[str]) -> NDArray[np.float64]:
        if self.shares is None:
            return np.ones(len(names))
        missing = sorted(set(names) ^ self.shares.keys())
        if missing or not any(self.shares.values()):
            raise ShapeError(
                f"{self.name} needs a share for each group of the target, one above 0: the groups "
                f"are {', '.join(names)}, but shares names {', '.join(self.shares) or 'none'}"
            )
        return np.array([self.shares[name] for name in names])


def _in_turns(turns: Rows, ranked: list[Picks], n_rows: int) -> Picks:
    """Rows one by one, from the ranking whose turn it is."""
    taken = np.zeros(n_rows, np.bool_)
    place = [0] * len(ranked)
    indices, gains = np.empty(len(turns), np.int64), np.empty(len(turns))
    for i, g in enumerate(turns.tolist()):
        rows, worth = ranked[g]
        while taken[rows[place[g]]]:
            place[g] += 1
        indices[i], gains[i] = rows[place[g]], worth[place[g]]
        taken[indices[i]] = True
    return indices, gains


def _by_cost(
    weights: NDArray[np.float64], ranked: list[Picks], allowance: Allowance
) -> Picks | None:
    """Rows one by one, from the group that has spent least for its weight.

    None if a ranking ends while records that are not in it would fit.
    """
    ledger = allowance.ledger()
    seen = np.zeros(len(allowance.costs), np.bool_)
    place = np.zeros(len(weights), np.int64)
    spent = np.zeros(len(weights))
    indices: list[int] = []
    gains: list[float] = []
    passed_over: list[int] = []
    waiting = np.flatnonzero(weights)
    while len(waiting):
        g = waiting[(spent[waiting] / weights[waiting]).argmin()]
        rows, worth = ranked[g]
        while place[g] < len(rows) and seen[rows[place[g]]]:
            place[g] += 1
        if place[g] == len(rows):
            unseen = allowance.rows[~seen[allowance.rows]]
            if len(rows) < len(allowance.rows) and ledger.fitting(unseen).any():
                return None
            waiting = waiting[waiting != g]
            continue
        row = int(rows[place[g]])
        seen[row] = True
        if ledger.fits(row):
            ledger.take(row)
            indices.append(row)
            gains.append(float(worth[place[g]]))
            spent[g] += allowance.costs[row]
        else:
            passed_over.append(row)
    # Room grows where the floor of a group turns out to be out of reach.
    rest = allowance.after(np.array(indices, np.int64)).fill(passed_over)
    return np.append(np.array(indices, np.int64), rest), np.append(gains, np.zeros(len(rest)))
