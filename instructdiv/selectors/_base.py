"""Selector: chooses rows of a pool under a budget."""

import math
from abc import abstractmethod
from collections import Counter
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.budget import Budget
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows, row_numbers
from instructdiv.errors import BudgetError, ShapeError
from instructdiv.part import Part
from instructdiv.pool import Pool
from instructdiv.pool_input import Target, as_target, check_pool
from instructdiv.selection import Change, Origin, Selection


class Selector(Part):
    """Chooses distinct rows of a pool under a budget, best first.

    A budget of records is spent exactly. A budget of tokens is spent until no row that may be
    chosen fits into what is left. A smaller budget of records gives a prefix of the larger
    selection, unless the selector states otherwise or groups have floors or caps. Ties go to the
    lowest row.
    """

    family = "selector"
    usage = "the budget goes to {}().select(pool, budget)"
    covers_target: ClassVar[bool] = False
    """Whether `target` may be another set than the pool itself."""

    needs_target: ClassVar[bool] = False
    """Whether `target` is required."""

    nested: ClassVar[bool] = True
    """Whether a smaller budget of records gives a prefix of a larger selection."""

    needs: ClassVar[tuple[str, ...]] = ()
    """What it cannot do without beside the vectors: group, quality or target_group."""

    def select(
        self,
        pool: Pool,
        budget: Budget | int,
        *,
        target: "Target | None" = None,
        given: "ArrayLike | None" = None,
        must_keep: "ArrayLike | None" = None,
        never_keep: "ArrayLike | None" = None,
        keep: Selection | None = None,
        stability: float = 0.9,
    ) -> Selection:
        """Choose rows of the pool.

        Parameters
        ----------
        pool
            Records to choose from.
        budget
            Number of records to choose, or a :class:`instructdiv.Budget`.
        target
            Records to cover: a pool, vectors, or a mapping of names to pools or vectors, whose
            names become the groups of the target. The pool itself if not given.
        given
            Rows that are already in the training set: they count as chosen, and are not
            chosen again.
        must_keep
            Rows to choose before all others, whatever their gain. The budget counts them.
        never_keep
            Rows not to choose. They still count as rows to cover.
        keep
            Earlier selection to change little, of this pool or of one that shares records
            with it.
        stability
            Share of the earlier selection to keep, counted over its rows that are still in the
            pool, best rows first. The other rows compete again. ``change`` of the result
            lists what changed.

        Raises
        ------
        BudgetError
            The pool holds less than the budget; floors and caps cannot be met; rows of
            `must_keep` cost more than the budget.
        ShapeError
            The target is missing, is not taken by this selector, or has other dimensions or
            another embedder than the pool; a row is not one of the pool, or is in two of
            `given`, `must_keep` and `never_keep`; stability is outside 0..1.
        """
        check_pool(pool)
        budget = Budget.of(budget)
        if not 0 <= stability <= 1:
            raise ShapeError(f"stability must be a share from 0 to 1, got {stability!r}")
        aim = self._target(target, pool)
        rows = {
            "given": _distinct_rows(given, "given", len(pool)),
            "must_keep": _distinct_rows(must_keep, "must_keep", len(pool)),
            "never_keep": _distinct_rows(never_keep, "never_keep", len(pool)),
        }
        _check_disjoint(rows)
        earlier, missing = (None, ()) if keep is None else keep.rows_in(pool)
        if earlier is not None:
            barred = np.union1d(rows["given"], rows["never_keep"])
            stable = _stable(earlier, stability, barred)
            rows["must_keep"] = np.union1d(rows["must_keep"], stable)
        free = np.ones(len(pool), np.bool_)
        free[rows["given"]] = free[rows["never_keep"]] = False
        if not free.any():
            raise BudgetError(
                f"no row is left to choose: all {len(pool):,} are in given or never_keep"
            )
        allowance = self._allowance(pool, budget, np.flatnonzero(free))
        allowance.check(rows["must_keep"])
        indices, gains = self._choose(pool, allowance, aim, rows["given"], rows["must_keep"])

        def go_on(n_records: int) -> Selection:
            return self.select(
                pool,
                n_records,
                target=target,
                given=rows["given"],
                must_keep=rows["must_keep"],
                never_keep=rows["never_keep"],
            )

        change = None
        if keep is not None and earlier is not None:
            change = _change(earlier, indices, keep.keys, missing, pool)
        return Selection(
            indices,
            gains,
            self.to_mapping(),
            budget,
            change=change,
            pool=pool,
            origin=Origin(go_on, **rows),
        )

    @staticmethod
    def _allowance(pool: Pool, budget: Budget, rows: Rows) -> Allowance:
        groups = None
        if budget.constrained:
            groups = pool.groups_by(budget.group_by)
            budget.check_groups(groups)  # before tokens are counted
        return budget.allowance(pool.costs_under(budget), rows, groups)

    def _target(self, target: "Target | None", pool: Pool) -> Pool:
        if target is None:
            if self.needs_target:
                raise ShapeError(f"{self.name} needs a target to choose for; give one with target=")
            return pool
        if not self.covers_target:
            able = ", ".join(n for n, s in Selector.known().items() if s.covers_target)
            raise ShapeError(f"{self.name} covers the pool itself; for a target use {able}")
        aim = as_target(target)
        pool.check_comparable(aim)
        return aim

    def _choose(
        self, pool: Pool, allowance: Allowance, target: Pool, given: Rows, must_keep: Rows
    ) -> Picks:
        """Rows of `must_keep` in row order with gain 0, then rows picked with the rest."""
        if not len(must_keep):
            return self.pick(pool, allowance, target, given)
        left = allowance.after(must_keep)
        indices, gains = np.empty(0, np.int64), np.empty(0)
        if left.ledger().fitting(left.rows).any():
            indices, gains = self.pick(pool, left, target, np.union1d(given, must_keep))
        return (
            np.concatenate([must_keep, indices]),
            np.concatenate([np.zeros(len(must_keep)), gains]),
        )

    @abstractmethod
    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        """Rows (b,) int64, best first, and their gains (b,) float64; arguments are checked."""


def quality_of(pool: Pool, selector: Selector) -> NDArray[np.float64]:
    """Quality score of each row of a pool, (n,) float64, which the selector cannot do without."""
    if pool.quality is None:
        raise ShapeError(
            f"{selector.name} needs a score for each row; give the pool its quality, "
            "a column or numbers"
        )
    return pool.quality


def scaled(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores rescaled to 0..1, the lowest at 0; all 1 where all are equal."""
    low, high = float(quality.min()), float(quality.max())
    if high == low:
        return np.ones(len(quality))
    quality = quality / max(abs(low), abs(high)) / 2  # so that nothing over- or underflows
    low, high = float(quality.min()), float(quality.max())
    return (quality - low) / (high - low)


def _distinct_rows(rows: "ArrayLike | None", called: str, n_rows: int) -> Rows:
    return np.unique(row_numbers([] if rows is None else rows, n_rows, called))


def _check_disjoint(rows: dict[str, Rows]) -> None:
    names = list(rows)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            both = np.intersect1d(rows[one], rows[other], assume_unique=True)
            if len(both):
                raise ShapeError(
                    f"row {both[0]} is in both {one} and {other}; a row can be in one of them"
                )


def _stable(earlier: Rows, stability: float, barred: Rows) -> Rows:
    """Best rows of an earlier selection, as many as `stability` keeps, ascending."""
    wanted = math.ceil(stability * len(earlier) - 1e-9)
    open_rows = earlier[~np.isin(earlier, barred)]
    if wanted > len(open_rows):
        raise ShapeError(
            f"stability {stability:g} keeps {wanted:,} of {len(earlier):,} earlier rows, but "
            f"{len(earlier) - len(open_rows):,} of them are in given or never_keep; lower stability"
        )
    return np.sort(open_rows[:wanted])


def _change(
    earlier: Rows, indices: Rows, keys: tuple[str, ...], missing: tuple[str, ...], pool: Pool
) -> Change:
    before = Counter(keys) - Counter(missing)  # records that are equal count as one another
    kept: list[int] = []
    added: list[int] = []
    for row, key in zip(indices.tolist(), pool.keys(indices), strict=True):
        (kept if before[key] > 0 else added).append(row)
        before[key] -= 1
    return Change(tuple(kept), tuple(added), (*(+before).elements(), *missing), missing)
