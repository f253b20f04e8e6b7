"""Attribution: the records trained on while the loss fell most."""

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.checks import whole_number
from instructdiv.errors import ShapeError, UsageError
from instructdiv.results import Facts, Number, Result, Shown
from instructdiv.training.loss_monitor import LossMonitor
from instructdiv.training.similarity_tracker import SimilarityTracker, TrainingOrder, order_rows

Doubles = NDArray[np.float64]
_LEAST_INTERVALS = 3

_Four = Annotated[float | None, Shown(lambda value: Number(f"{value:.4f}", value))]


class Contribution(Facts):
    """One record of the window."""

    row: int
    """Row of the pool."""

    example: int
    """Place in the order of training, from 0."""

    gain: _Four
    """Gain in coverage of the target by this example, None where unknown. The first example of
    all gains the whole coverage at that point."""

    similarity: _Four
    """Similarity to the nearest target record, None where unknown."""


class Attribution(Result):
    """The interval in which the loss fell most, and the records trained on in it.

    The two coincide; one need not cause the other. With near records first, both the loss and
    the coverage change most at the start, whatever the records are.
    """

    title: ClassVar[str] = "Attribution"

    from_step: int
    """Step of the evaluation before the fall."""

    to_step: int
    """Step of the evaluation after it."""

    examples: tuple[int, int]
    """Places in the order of training: the first of the window, and the first after it."""

    loss_before: float
    """Loss at the first of the two evaluations."""

    loss_after: float
    """Loss at the second."""

    coverage_before: float | None
    """Coverage of the target before the window, None where unknown; 0 before any example."""

    coverage_after: float | None
    """Coverage of the target after it."""

    records: list[Contribution]
    """Records of the window, largest gain in coverage first, then highest similarity."""

    correlation: float | None
    """Spearman rank correlation of the change of loss and that of coverage in the same
    interval between evaluations; negative where the loss falls as coverage grows. None with
    fewer than 3 intervals, or where one of the two changes evenly."""

    lagged_correlation: float | None
    """The same, with the change of loss in the interval after that of coverage."""

    intervals: int
    """Number of intervals between evaluations."""

    def _said(self) -> str:
        start, end = self.examples
        text = (
            f"the loss fell most between steps {self.from_step} and {self.to_step}, from "
            f"{self.loss_before:.4f} to {self.loss_after:.4f}, on examples {start:,} to {end - 1:,}"
        )
        if self.coverage_before is not None:
            text += f"; coverage went from {self.coverage_before:.4f} to {self.coverage_after:.4f}"
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
    order: "TrainingOrder",
    tracker: SimilarityTracker | None = None,
    *,
    from_step: int = 0,
    top: int | None = 10,
) -> Attribution:
    """Find the interval in which the loss fell most, and rank the records trained on in it.

    The trainer must have kept the order, without shuffling or packing.

    Parameters
    ----------
    monitor
        The losses, each with the number of examples by then; `monitor.only(task)` for one task.
    order
        An arrangement, a selection, or rows of the pool (b,) in the order of training, for one
        epoch.
    tracker
        Coverage of the target along the order: ``track(pool, order, target)``. Without it the
        similarities of the arrangement are used, if it has any.
    from_step
        Ignore evaluations before this step: the largest fall is usually in the first steps.
    top
        Largest number of records; None gives all.

    Raises
    ------
    UsageError
        Fewer than two evaluations have a loss and a number of examples, or the loss never fell
        between two.
    ShapeError
        The order or the tracker has fewer examples than were trained on.
    ParameterError
        `top` is no whole number from 1.

    Examples
    --------
    >>> from instructdiv import Pool
    >>> from instructdiv.training import LossMonitor, track
    >>> monitor = LossMonitor(batch_size=2)
    >>> for step, loss in [(0, 3.0), (1, 2.9), (2, 1.0)]:
    ...     _ = monitor.record(step, [loss])
    >>> pool = Pool.from_embeddings([[0.0, 1.0], [0.6, 0.8], [1.0, 0.0], [0.96, 0.28]])
    >>> order = [0, 1, 3, 2]
    >>> found = attribute_drop(monitor, order, track(pool, order, [[1.0, 0.0]]), top=1)
    >>> found.records[0].row, round(found.records[0].gain, 3)
    (3, 0.36)
    """
    if top is not None:
        top = whole_number("top", top, least=1)
    points = [point for point in monitor.usable if point.step >= from_step]
    if len(points) < 2:
        raise UsageError("a fall needs two evaluations with a loss")
    if any(point.examples is None for point in points):
        raise UsageError(
            "the evaluations have no number of examples; record them with "
            "examples=, or give the monitor a batch_size"
        )
    seen = np.array([point.examples for point in points], np.int64)
    losses = np.array([getattr(point, monitor.mean) for point in points], np.float64)
    # No record lies between two evaluations after the same number of examples.
    falls = np.where(np.diff(seen) > 0, losses[:-1] - losses[1:], -np.inf)
    place = int(falls.argmax())
    if falls[place] <= 0:
        raise UsageError(f"the loss never fell after step {points[0].step}")
    rows = order_rows(order)
    most = int(seen.max())
    if most > len(rows):
        raise ShapeError(
            f"{most:,} examples were trained on, but the order has {len(rows):,}; "
            "give the order of one epoch, and evaluations within it"
        )
    if tracker is not None and tracker.examples < most:
        raise ShapeError(
            f"{most:,} examples were trained on, but the tracker has {tracker.examples:,}"
        )
    start, end = int(seen[place]), int(seen[place + 1])
    coverage = None if tracker is None else np.concatenate([[0.0], tracker.coverage_after])
    same, later = (None, None) if coverage is None else _correlations(losses, coverage[seen])
    found = Attribution(
        headline="",
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
    return found.model_copy(update={"headline": found._said()})


def _similarities(order: Any, tracker: SimilarityTracker | None) -> Doubles | None:
    if tracker is not None:
        return tracker.similarities
    known = np.asarray(getattr(order, "similarity", np.nan), np.float64)
    return None if np.isnan(known).all() else known


def _ranked(
    rows: NDArray[np.int64], window: slice, coverage: Doubles | None, similarities: Doubles | None
) -> list[Contribution]:
    """The records of the window, best first."""
    examples = np.arange(window.start, window.stop)
    gains = None if coverage is None else np.diff(coverage)[window]
    near = None if similarities is None else similarities[window]
    # Unknown values come last.
    keys = [-np.nan_to_num(key, nan=-2.0) for key in (near, gains) if key is not None]
    best = np.lexsort(keys) if keys else np.arange(len(examples))
    return [
        Contribution(
            row=int(rows[examples[i]]),
            example=int(examples[i]),
            gain=None if gains is None else float(gains[i]),
            similarity=None if near is None or np.isnan(near[i]) else float(near[i]),
        )
        for i in best.tolist()
    ]


def _correlations(losses: Doubles, coverage: Doubles) -> tuple[float | None, float | None]:
    change, growth = np.diff(losses), np.diff(coverage)
    return _spearman(change, growth), _spearman(change[1:], growth[:-1])


def _spearman(a: Doubles, b: Doubles) -> float | None:
    if len(a) < _LEAST_INTERVALS or not np.ptp(a) or not np.ptp(b):
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)
