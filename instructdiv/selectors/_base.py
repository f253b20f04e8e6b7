"""Selector: chooses rows of a pool under a budget."""

import math
from abc import abstractmethod
from collections import Counter
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.budget import Budget
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks, Rows
from instructdiv.errors import BudgetError, ShapeError
from instructdiv.part import Part
from instructdiv.pool import Pool, Target, as_target
from instructdiv.selection import Change, Origin, Selection


class Selector(Part):
    """Chooses distinct rows of a pool, best first, and spends the budget.

    A budget of records is spent exactly; a budget of tokens leaves less than the shortest
    record that may still be chosen. With a budget of records a smaller budget gives a
    prefix, unless the selector says otherwise or groups have floors or caps. Ties go to the
    lowest row.
    """

    family = "selector"
    covers_target: ClassVar[bool] = False
    """Whether it can cover another target than the pool itself."""

    needs_target: ClassVar[bool] = False
    """Whether it chooses for a target only."""

    nested: ClassVar[bool] = True
    """Whether a smaller budget of records gives a prefix."""

    def select(
        self,
        pool: Pool,
        budget: Budget | int,
        *,
        target: Target | None = None,
        given: ArrayLike | None = None,
        must_keep: ArrayLike | None = None,
        never_keep: ArrayLike | None = None,
        keep: Selection | None = None,
        stability: float = 0.9,
    ) -> Selection:
        """Choose rows of the pool.

        Parameters
        ----------
        pool
            Everything that may be chosen.
        budget
            What may be spent; a whole number counts records.
        target
            What should be covered: a pool, vectors, or several pools by name, whose names are
            then the groups of the target; the pool itself if not given.
        given
            Rows that are already in the training set: they count as chosen, and are not
            chosen again.
        must_keep
            Rows that are chosen before all others, whatever they add; they cost what they cost.
        never_keep
            Rows that are not chosen; what they hold still has to be covered.
        keep
            An earlier selection, of this pool or of one that shares records with it.
        stability
            Share of the earlier selection that is kept, of what is still in the pool: its
            best rows first. The others have to earn their place again. What changed stands
            in ``change`` of the result.

        Raises
        ------
        BudgetError
            The pool holds less than the budget asks for; floors and caps cannot be met;
            what must be kept costs more than the budget.
        ShapeError
            The target has another dimension, or comes from another embedder, or is not
            taken by this selector, or is missing; a row is not one of the pool, or is asked
            for in two ways; stability is not a share.
        """
        budget = Budget.of(budget)
        if not 0 <= stability <= 1:
            raise ShapeError(f"stability is a share, 0 to 1, got {stability!r}")
        aim = self._target(target, pool)
        rows = {
            "given": _rows_of(given, "given", len(pool)),
            "must_keep": _rows_of(must_keep, "must_keep", len(pool)),
            "never_keep": _rows_of(never_keep, "never_keep", len(pool)),
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
                "every row of the pool is given or never to be kept: nothing is left to choose"
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

    def _target(self, target: Target | None, pool: Pool) -> Pool:
        if target is None:
            if self.needs_target:
                raise ShapeError(f"{self.name} chooses for a target; give one with target=")
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
        """Rows that must be kept, in row order and without a gain; then what they leave to pick."""
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
    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        """Rows (b,) int64, best first, and their gains (b,) float64, with checked arguments."""


def quality_of(pool: Pool, selector: Selector) -> NDArray[np.float64]:
    """The scores of a pool, or an error that says who needs them."""
    if pool.quality is None:
        raise ShapeError(
            f"{selector.name} needs a score for each row; give the pool its quality, "
            "a column or numbers"
        )
    return pool.quality


def scaled(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores moved to 0..1, the worst at 0; all 1 where they are all the same."""
    low, high = float(quality.min()), float(quality.max())
    if high == low:
        return np.ones(len(quality))
    quality = quality / max(abs(low), abs(high)) / 2  # so that nothing over- or underflows
    low, high = float(quality.min()), float(quality.max())
    return (quality - low) / (high - low)


def _rows_of(rows: ArrayLike | None, name: str, n: int) -> Rows:
    found = np.asarray([] if rows is None else rows)
    if found.size == 0:
        return np.empty(0, np.int64)
    if found.dtype == np.bool_ and found.shape == (n,):
        return np.flatnonzero(found)
    if found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= n:
        numbers = found.dtype.kind in "iuf"
        shown = f"{found.min()}..{found.max()}" if numbers else repr(found.ravel()[0])
        raise ShapeError(f"{name} must be rows 0..{n - 1} of the pool, got {shown}")
    return np.unique(found).astype(np.int64)


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
    """The best of an earlier selection, so many that its share is kept."""
    wanted = math.ceil(stability * len(earlier) - 1e-9)
    open_rows = earlier[~np.isin(earlier, barred)]
    if wanted > len(open_rows):
        raise ShapeError(
            f"{wanted:,} of {len(earlier):,} earlier rows are to be kept, but "
            f"{len(earlier) - len(open_rows):,} of them are given or never to be kept"
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
