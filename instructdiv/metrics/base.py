"""Metric: one number for how well a subset covers a target, and what chance would give."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from instructdiv.errors import ShapeError
from instructdiv.part import Part
from instructdiv.pool import Pool, as_space
from instructdiv.selection import Selection
from instructdiv.space import Space

Score = Callable[[Space], float]

# A band costs one measurement a draw: above this many rows it is taken on a sample of them.
SAMPLE = 20_000


class Assessment(BaseModel):
    """A metric of a selection beside what random draws of the same size give."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    metric: str
    """Name of the metric."""

    higher_is_better: bool
    """Direction of the metric."""

    value: float
    """Of the selection."""

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

    draws: int
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
    ) -> "Assessment":
        """Place a value among those of random draws (r,)."""
        low, median, high = np.percentile(drawn, [5, 50, 95])
        better = value > drawn if higher_is_better else value < drawn
        return cls(
            metric=metric,
            higher_is_better=higher_is_better,
            value=value,
            pool_value=pool_value,
            random_low=low,
            random_median=median,
            random_high=high,
            percentile=100 * (better + 0.5 * (drawn == value)).mean(),
            draws=len(drawn),
            measured_on=measured_on,
        )

    @property
    def verdict(self) -> str:
        """The place of the value in the random band, in words."""
        if self.random_low <= self.value <= self.random_high:
            return "like random"
        above = self.value > self.random_high
        return "better than random" if above == self.higher_is_better else "worse than random"


class Metric(Part):
    """How well a subset covers a target; both are spaces."""

    family = "metric"
    higher_is_better: ClassVar[bool] = True

    @abstractmethod
    def against(self, target: Space) -> Score:
        """A function from a subset to its score, with all that depends on the target done."""

    def score(self, subset: Space, target: Space) -> float:
        """The metric of one subset against a target.

        Raises
        ------
        ShapeError
            The two have different dimensions.
        """
        if subset.dimension != target.dimension:
            raise ShapeError(
                f"a subset of {subset.dimension} dimensions cannot cover a target of "
                f"{target.dimension}"
            )
        return self.against(target)(subset)

    def assess(
        self,
        selection: Selection,
        pool: Pool,
        *,
        target: Pool | Space | ArrayLike | None = None,
        draws: int = 32,
        seed: int = 0,
    ) -> Assessment:
        """Measure a selection beside random draws of as many records from the pool."""
        return assess([self], selection, pool, target=target, draws=draws, seed=seed)[0]


def assess(
    metrics: list[Metric],
    selection: Selection,
    pool: Pool,
    *,
    target: Pool | Space | ArrayLike | None = None,
    draws: int = 32,
    seed: int = 0,
) -> list[Assessment]:
    """Measure a selection by several metrics, all beside the same random draws.

    Against more than 20,000 target rows, value and band are both measured on a random
    20,000 of them, which the assessment says.
    """
    if draws < 1:
        raise ShapeError(f"a random band needs at least 1 draw, got {draws}")
    if not 1 <= len(selection) <= len(pool) or selection.indices.max() >= len(pool):
        raise ShapeError("the selection is empty, or not of this pool")
    space = as_space(target, pool.space)
    random = np.random.default_rng(seed)
    if len(space) > SAMPLE:
        space = space.take(np.sort(random.choice(len(space), SAMPLE, replace=False)))
    scores = [metric.against(space) for metric in metrics]

    def measure(subset: Space) -> list[float]:
        return [score(subset) for score in scores]

    value = measure(pool.space.take(selection.indices))
    whole = measure(pool.space)
    drawn = np.array(
        [
            measure(
                pool.space.take(np.sort(random.choice(len(pool), len(selection), replace=False)))
            )
            for _ in range(draws)
        ]
    )
    return [
        Assessment.of(
            metric.name,
            value[i],
            whole[i],
            drawn[:, i],
            higher_is_better=metric.higher_is_better,
            measured_on=len(space),
        )
        for i, metric in enumerate(metrics)
    ]
