"""Assessment: a metric of a selection, and what chance would give."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.results import HIDDEN, Facts, Shown, rounded

# Nearer than this is a tie: the same rows in another order round otherwise.
_ROUNDING = 1e-6


Verdict = Literal["better than random", "like random", "worse than random"]


class Assessment(Facts):
    """A metric of a selection beside what random draws of the same size give."""

    metric: str
    """Name of the metric, with the parameters that are not at their defaults."""

    higher_is_better: Annotated[bool, Shown(lambda higher: "higher" if higher else "lower")] = (
        Field(title="better")
    )
    """Direction of the metric."""

    value: float = Field(title="selection")
    """Of the selection."""

    standard_error: Annotated[float, HIDDEN]
    """Of the value, from measuring a sample of the target; 0 where all rows were measured."""

    random_low: Annotated[float, Shown(rounded, up_to="random_high")] = Field(title="random 5-95 %")
    """Of size-matched random draws: the 5th percentile."""

    random_median: Annotated[float, HIDDEN]
    """Of size-matched random draws: the median."""

    random_high: Annotated[float, HIDDEN]
    """Of size-matched random draws: the 95th percentile."""

    pool_value: float = Field(title="pool")
    """Of the whole pool."""

    verdict: Verdict
    """Place of the value in the random band."""

    percentile: Annotated[float, HIDDEN]
    """Share of the random draws, in percent, that the selection is better than; a tie is half."""

    n_draws: Annotated[int, HIDDEN]
    """Number of random draws."""

    measured_on: Annotated[int, HIDDEN]
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
        low, median, high = np.percentile(drawn, [5, 50, 95]).tolist()
        slack = _rounding(value)
        tied = np.abs(drawn - value) <= slack
        better = (value > drawn if higher_is_better else value < drawn) & ~tied
        verdict: Verdict = "like random"
        if not low - slack <= value <= high + slack:
            above = value > high
            verdict = "better than random" if above == higher_is_better else "worse than random"
        return cls(
            metric=metric,
            higher_is_better=higher_is_better,
            value=value,
            standard_error=standard_error,
            random_low=low,
            random_median=median,
            random_high=high,
            pool_value=pool_value,
            verdict=verdict,
            percentile=100 * (better + 0.5 * tied).mean(),
            n_draws=len(drawn),
            measured_on=measured_on,
        )


def _rounding(value: float) -> float:
    return _ROUNDING * max(1.0, abs(value))
