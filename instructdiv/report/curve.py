"""Curve: how much random draws, and a selection, cover at each budget."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.space import Space
from instructdiv.metrics import MeanNearestSimilarity, RandomBaseline
from instructdiv.report.facts import Curve
from instructdiv.selection import Selection

_ENOUGH = 0.9
# The same rows, summed in another order, differ by less.
_ROUNDING = 1e-6


def coverage_curve(baseline: RandomBaseline, selection: Selection | None) -> Curve:
    """Coverage by the first records of a selection, and by as many random ones."""
    n_chosen = 0 if selection is None else len(selection)
    pool = baseline.pool
    budgets = _budgets(len(pool), n_chosen)
    values = baseline.values_by_size(MeanNearestSimilarity(), budgets)
    low, middle, high = np.percentile(values, [5, 50, 95], axis=0)
    chosen = None
    if selection is not None:
        chosen = _prefixes(pool.space, baseline.target.space, selection, budgets)
    equivalent = None
    if chosen:
        last = max(value for value in chosen if value is not None)
        equivalent = reached(budgets, middle, last)
    enough = reached(budgets, middle, middle[0] + _ENOUGH * (middle[-1] - middle[0]))
    assert enough is not None, "the whole pool reaches it"  # noqa: S101
    return Curve(
        budgets=budgets,
        random_low=low.tolist(),
        random_median=middle.tolist(),
        random_high=high.tolist(),
        selection=chosen,
        measured_on=len(baseline.target),
        flattens_at=enough,
        random_equivalent=equivalent,
    )


def _budgets(n_rows: int, n_chosen: int) -> list[int]:
    """1, 2, 5, 10, ... up to the pool, and the size of the selection."""
    steps = {step * 10**power for power in range(9) for step in (1, 2, 5)}
    return sorted({b for b in steps if b < n_rows} | {n_rows} | ({n_chosen} - {0}))


def _prefixes(
    pool: Space, target: Space, selection: Selection, budgets: list[int]
) -> list[float | None]:
    best = np.full(len(target), -1, np.float32)
    values: list[float | None] = []
    done = 0
    for budget in budgets:
        if budget > len(selection):
            values.append(None)
            continue
        rows = np.sort(selection.indices[done:budget])
        best = np.maximum(best, pool.take(rows).nearest_similarity(target))
        values.append(float(best.mean(dtype=np.float64)))
        done = budget
    return values


def reached(budgets: list[int], values: NDArray[np.float64], level: float) -> int | None:
    """The budget at which a rising curve comes to a level, between two by its logarithm."""
    above = np.flatnonzero(values >= level - _ROUNDING)
    if not len(above):
        return None
    after = int(above[0])
    if after == 0:
        return budgets[0]
    low, high = float(values[after - 1]), float(values[after])
    share = min(1.0, (level - low) / (high - low))
    reached: float = budgets[after - 1] * (budgets[after] / budgets[after - 1]) ** share
    return round(reached)
