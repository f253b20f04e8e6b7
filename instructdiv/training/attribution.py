"""Attribution: which records were trained on while the loss fell most."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.core.space import Space
from instructdiv.errors import ShapeError, UsageError
from instructdiv.pool import Pool, Target
from instructdiv.training.loss_monitor import LossMonitor, whole
from instructdiv.training.similarity_tracker import SimilarityTracker, order_rows, track

Doubles = NDArray[np.float64]
_LEAST_INTERVALS = 3
_SHOWN = 3


@dataclass(frozen=True)
class Contribution:
    """One record of the window."""

    row: int
    """Its row of the pool."""

    example: int
    """Its place in the order of training, from 0."""

    gain: float | None
    """What it added to the coverage of the target when its turn came, where that is known;
    the first of all examples adds all there is by then."""

    similarity: float | None
    """How near it is to the target record nearest to it, where that is known."""


@dataclass(frozen=True)
class Attribution:
    """Where the loss fell most, and what was trained on there.

    It tells what coincided, not what caused it: with near records first both the loss and
    the coverage change most at the start, whatever the records are.
    """

    from_step: int
    """Step of the evaluation before the fall."""

    to_step: int
    """Step of the evaluation after it."""

    examples: tuple[int, int]
    """Places in the order of training, the first of the window and the first after it."""

    loss_before: float
    """Loss at the first of the two evaluations."""

    loss_after: float
    """Loss at the second."""

    coverage_before: float | None
    """Coverage of the target before the window, where it is known; 0 before the first example."""

    coverage_after: float | None
    """Coverage of the target after it."""

    records: tuple[Contribution, ...]
    """Records of the window, those that added most coverage first, then the most similar."""

    correlation: float | None
    """Spearman rank correlation of the change of loss and that of coverage in the same
    interval between evaluations; negative where the loss falls as coverage grows. None with
    fewer than 3 intervals, or where one of the two changes evenly."""

    lagged_correlation: float | None
    """The same, with the change of loss in the interval after that of coverage."""

    intervals: int
    """Intervals between evaluations that were looked at."""

    def __str__(self) -> str:
        start, end = self.examples
        text = (
            f"the loss fell most between steps {self.from_step} and {self.to_step}, from "
            f"{self.loss_before:.4f} to {self.loss_after:.4f}, on examples {start:,} to {end - 1:,}"
        )
        if self.coverage_before is not None:
            text += f"; coverage went from {self.coverage_before:.4f} to {self.coverage_after:.4f}"
        text += f"; first of them: {', '.join(map(_shown, self.records[:_SHOWN]))}"
        if self.correlation is not None:
            text += (
                f"; change of loss against change of coverage over {self.intervals} intervals: "
                f"rank correlation {self.correlation:.2f}"
            )
            if self.lagged_correlation is not None:
                text += f", {self.lagged_correlation:.2f} one interval later"
        return text


def attribute_drop(
    monitor: LossMonitor,
    order: Any,
    tracker: SimilarityTracker | None = None,
    *,
    pool: Pool | Space | ArrayLike | None = None,
    target: Target | None = None,
    from_step: int = 0,
    top: int | None = 10,
) -> Attribution:
    """Find between which two evaluations the loss fell most, and rank the records trained there.

    The records are those only if the trainer kept the order, without shuffling or packing.

    Parameters
    ----------
    monitor
        The losses, each with the examples seen by then; `monitor.only(task)` for one task.
    order
        An arrangement, a selection, or rows of the pool (b,) in the order of training: one
        pass over the data.
    tracker
        What has consumed the order, as :func:`track` does. Without it, pool and target make
        one; without these the similarities of the arrangement are used, if it has any.
    pool, target
        To make a tracker of; both, or neither. An arrangement must be one of this pool.
    from_step
        Evaluations before this step are not looked at: the first steps have the largest fall
        as a rule.
    top
        Records to give at most; all if none.

    Raises
    ------
    UsageError
        There are fewer than two evaluations with a loss and a number of examples, or the loss
        never fell between two; or one of pool and target is given without the other.
    ShapeError
        The order or the tracker has fewer examples than were trained on, or the arrangement
        is one of another pool.
    ParameterError
        `top` is no whole number from 1.

    Examples
    --------
    >>> monitor = LossMonitor(batch_size=2)
    >>> for step, loss in [(0, 3.0), (1, 2.9), (2, 1.0)]:
    ...     _ = monitor.record(step, [loss])
    >>> pool = Pool.from_embeddings([[0.0, 1.0], [0.6, 0.8], [1.0, 0.0], [0.96, 0.28]])
    >>> found = attribute_drop(monitor, [0, 1, 3, 2], pool=pool, target=[[1.0, 0.0]], top=1)
    >>> found.records[0].row, round(found.records[0].gain, 3)
    (3, 0.36)
    """
    if top is not None:
        top = whole("top", top, least=1)
    if (pool is None) != (target is None):
        raise UsageError("pool and target make a tracker together: give both, or neither")
    if isinstance(pool, Pool) and hasattr(order, "check"):  # an arrangement knows its pool
        order.check(pool)
    points = [point for point in monitor.usable if point.step >= from_step]
    if len(points) < 2:
        raise UsageError("a fall needs two evaluations with a loss, each with its step")
    if any(point.examples is None for point in points):
        raise UsageError(
            "the evaluations do not tell how many examples there were; record them with "
            "examples=, or give the monitor a batch_size"
        )
    seen = np.array([point.examples for point in points], np.int64)
    losses = np.array([getattr(point, monitor.mean) for point in points], np.float64)
    # What is between two evaluations after equally many examples has no records.
    falls = np.where(np.diff(seen) > 0, losses[:-1] - losses[1:], -np.inf)
    place = int(falls.argmax())
    if falls[place] <= 0:
        raise UsageError(f"the loss never fell after step {points[0].step}")
    rows = order_rows(order)
    most = int(seen.max())
    if most > len(rows):
        raise ShapeError(
            f"{most:,} examples were trained on, but the order has {len(rows):,}; "
            "give that of one pass"
        )
    if tracker is None and pool is not None and target is not None:
        tracker = track(pool, rows[:most], target)
    if tracker is not None and tracker.examples < most:
        raise ShapeError(
            f"{most:,} examples were trained on, but the tracker has {tracker.examples:,}"
        )
    start, end = int(seen[place]), int(seen[place + 1])
    coverage = None if tracker is None else np.concatenate([[0.0], tracker.coverage_after])
    same, later = (None, None) if coverage is None else _correlations(losses, coverage[seen])
    return Attribution(
        from_step=points[place].step,
        to_step=points[place + 1].step,
        examples=(start, end),
        loss_before=float(losses[place]),
        loss_after=float(losses[place + 1]),
        coverage_before=None if coverage is None else float(coverage[start]),
        coverage_after=None if coverage is None else float(coverage[end]),
        records=_ranked(rows, slice(start, end), coverage, _similarities(order, tracker))[:top],
        correlation=same,
        lagged_correlation=later,
        intervals=len(points) - 1,
    )


def _similarities(order: Any, tracker: SimilarityTracker | None) -> Doubles | None:
    if tracker is not None:
        return tracker.similarities
    known = np.asarray(getattr(order, "similarity", np.nan), np.float64)
    return None if np.isnan(known).all() else known


def _ranked(
    rows: NDArray[np.int64], window: slice, coverage: Doubles | None, similarities: Doubles | None
) -> tuple[Contribution, ...]:
    """The records of the window, best first."""
    examples = np.arange(window.start, window.stop)
    gains = None if coverage is None else np.diff(coverage)[window]
    near = None if similarities is None else similarities[window]
    # What is not known comes last.
    keys = [-np.nan_to_num(key, nan=-2.0) for key in (near, gains) if key is not None]
    best = np.lexsort(keys) if keys else np.arange(len(examples))
    return tuple(
        Contribution(
            int(rows[examples[i]]),
            int(examples[i]),
            None if gains is None else float(gains[i]),
            None if near is None or np.isnan(near[i]) else float(near[i]),
        )
        for i in best.tolist()
    )


def _correlations(losses: Doubles, coverage: Doubles) -> tuple[float | None, float | None]:
    change, growth = np.diff(losses), np.diff(coverage)
    return _spearman(change, growth), _spearman(change[1:], growth[:-1])


def _spearman(a: Doubles, b: Doubles) -> float | None:
    if len(a) < _LEAST_INTERVALS or not np.ptp(a) or not np.ptp(b):
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def _shown(record: Contribution) -> str:
    known = {"gain": record.gain, "similarity": record.similarity}
    numbers = ", ".join(f"{name} {v:.4f}" for name, v in known.items() if v is not None)
    return f"row {record.row}" + (f" ({numbers})" if numbers else "")
