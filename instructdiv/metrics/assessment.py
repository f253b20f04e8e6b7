"""Assessment: a metric of a selection, and what chance would give."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from instructdiv.core.space import Space
from instructdiv.errors import ShapeError
from instructdiv.metrics._base import Metric
from instructdiv.metrics._nearest import Nearest
from instructdiv.metrics.draws import Draws, measured_on
from instructdiv.pool import Pool, as_pool
from instructdiv.selection import Selection

# Nearer than this is a tie: the same rows in another order round otherwise.
_ROUNDING = 1e-6


class Assessment(BaseModel):
    """A metric of a selection beside what random draws of the same size give."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    metric: str
    """Name of the metric, with the parameters that are not at their defaults."""

    higher_is_better: bool
    """Direction of the metric."""

    value: float
    """Of the selection."""

    standard_error: float
    """Of the value, from measuring a sample of the target; 0 where all rows were measured."""

    pool_value: float
    """Of the whole pool."""

    random_low: float
    """Of size-matched random draws: the 5th percentile."""

    random_median: float
    """Of size-matched random draws: the median."""

    random_high: float
    """Of size-matched random draws: the 95th percentile."""

    percentile: float
    """Share of the random draws, in percent, that the selection is better than; a tie is half."""

    n_draws: int
    """Number of random draws."""

    measured_on: int
    """Rows of the target that were measured: all, or a random sample of them."""

    @classmethod
    def of(
        cls,
        metric: str,
        value: float,
        pool_value: float,
        drawn: NDArray[np.float64],
        *,
        higher_is_better: bool,
        measured_on: int,
        standard_error: float = 0.0,
    ) -> "Assessment":
        """Place a value among those of random draws (r,)."""
        low, median, high = np.percentile(drawn, [5, 50, 95])
        tied = np.abs(drawn - value) <= _rounding(value)
        better = (value > drawn if higher_is_better else value < drawn) & ~tied
        return cls(
            metric=metric,
            higher_is_better=higher_is_better,
            value=value,
            standard_error=standard_error,
            pool_value=pool_value,
            random_low=low,
            random_median=median,
            random_high=high,
            percentile=100 * (better + 0.5 * tied).mean(),
            n_draws=len(drawn),
            measured_on=measured_on,
        )

    @property
    def verdict(self) -> str:
        """The place of the value in the random band, in words."""
        slack = _rounding(self.value)
        if self.random_low - slack <= self.value <= self.random_high + slack:
            return "like random"
        above = self.value > self.random_high
        return "better than random" if above == self.higher_is_better else "worse than random"


def _rounding(value: float) -> float:
    return _ROUNDING * max(1.0, abs(value))


def assess(
    metrics: Sequence[Metric],
    selection: Selection,
    pool: Pool,
    *,
    target: Pool | Space | ArrayLike | None = None,
    n_draws: int = 64,
    seed: int = 0,
) -> list[Assessment]:
    """Measure a selection by several metrics, all beside the same random draws.

    Where the target is large, metrics of vectors measure value and band on a random sample
    of it, of 1,000 to 20,000 rows, which the assessment says.

    Raises
    ------
    ShapeError
        The selection is empty or not of this pool, there is not one draw, the target has
        another dimension, or groups that a metric looks at are missing.
    InputError
        Texts that a metric looks at are missing.
    """
    size = len(selection)
    if not 1 <= size <= len(pool) or selection.indices.max() >= len(pool):
        raise ShapeError("the selection is empty, or not of this pool")
    whole_target = pool if target is None or target is pool.space else as_pool(target)
    for metric in metrics:
        metric.check(pool, whole_target)
    sample = measured_on(whole_target, pool, size, n_draws, seed)
    random = Draws(pool, sample, n_draws, seed)
    # A sample would lack rare groups, and counting all of them costs nothing.
    targets = [sample if metric.looks_at == "vectors" else whole_target for metric in metrics]
    scores = [metric.against(target) for metric, target in zip(metrics, targets, strict=True)]
    drawn = np.empty((n_draws, len(metrics)))
    whole = np.empty(len(metrics))
    nearest = {i: metric for i, metric in enumerate(metrics) if isinstance(metric, Nearest)}
    others = [i for i in range(len(metrics)) if i not in nearest]
    if nearest:
        similarities, of_pool = random.nearest_similarity(size), random.of_pool()
        for i, metric in nearest.items():
            drawn[:, i] = [metric.value_of(of_draw) for of_draw in similarities]
            whole[i] = metric.value_of(of_pool)
    if others:
        for i in others:
            whole[i] = scores[i](pool)
        for draw, rows in enumerate(random.rows(size)):
            subset = pool.take(rows)
            for i in others:
                drawn[draw, i] = scores[i](subset)
    chosen = pool.take(selection.indices)
    return [
        Assessment.of(
            metric.title,
            scores[i](chosen),
            float(whole[i]),
            drawn[:, i],
            higher_is_better=metric.higher_is_better,
            measured_on=len(targets[i]),
            standard_error=metric.standard_error(chosen, targets[i], len(whole_target)),
        )
        for i, metric in enumerate(metrics)
    ]
