"""Loss curve: the loss on a target, evaluation by evaluation, and when it stopped falling."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BeforeValidator

from instructdiv.core.checks import whole_number
from instructdiv.errors import InputError, ParameterError, ShapeError, UsageError
from instructdiv.results import Facts

_log = logging.getLogger("instructdiv")

Mean = Literal["macro", "micro"]
Losses = ArrayLike | Mapping[str, ArrayLike]
_HUGE = 1e300  # losses up to it have a finite sum
_Loss = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


class Turns(Protocol):
    """An order with turns, such as an :class:`instructdiv.Arrangement`."""

    @property
    def turn(self) -> NDArray[np.int64]:
        """Turn of each example, (b,) int64."""


class LossPoint(Facts):
    """One evaluation of the target."""

    step: int
    """Optimizer step of the evaluation; 0 is the model before training."""

    examples: int | None
    """Number of examples trained on so far, where known."""

    macro: _Loss
    """Mean over groups of the mean of each; NaN without a usable loss."""

    micro: _Loss
    """Mean over instances; NaN without a usable loss."""

    counted: int
    """Number of losses in the means."""

    nan: int
    """Number of losses left out as NaN: usually instances whose answer was cut off."""

    infinite: int
    """Number of losses left out as infinite, or beyond 1e300, whose sum would be."""

    by_group: dict[str, float]
    """Mean of each group with a usable loss."""


class Stop(Facts):
    """Where training could have stopped."""

    step: int
    """Step after which the loss no longer fell enough."""

    examples: int | None
    """Number of examples trained on by then, where known."""

    turn: int | None
    """Turn of the arrangement that the last of these examples is in, where there is one."""

    reason: str
    """Reason, in words."""

    def __str__(self) -> str:
        place = f"step {self.step}"
        if self.examples is not None:
            place += f", {self.examples:,} examples"
        if self.turn is not None:
            place += f", turn {self.turn}"
        return f"stop at {place}: {self.reason}"


class LossCurve:
    """The loss on a target, evaluation by evaluation; see :class:`LossMonitor`."""

    def __init__(
        self,
        mean: Mean = "macro",
        *,
        groups: Sequence[str] | None = None,
        arrangement: Turns | None = None,
        batch_size: int | None = None,
    ) -> None:
        if mean not in ("macro", "micro"):
            raise ParameterError(f"the mean is macro or micro, got {mean!r}")
        self.mean: Mean = mean
        self.groups = None if groups is None else [str(group) for group in groups]
        if batch_size is not None:
            batch_size = whole_number("batch_size", batch_size, least=1)
        self.batch_size = batch_size
        self.turns = None if arrangement is None else turns_of(arrangement)
        self._points: list[LossPoint] = []
        self._warned = False

    def record(
        self,
        step: int,
        losses: "Losses",
        groups: Sequence[str] | None = None,
        examples: int | None = None,
    ) -> LossPoint:
        """Add an evaluation.

        Parameters
        ----------
        step
            Optimizer step of the evaluation, from 0.
        losses
            One loss for each instance of the target (M,); or a loss, or several, by group.
        groups
            Group of each loss; the groups of the monitor if not given.
        examples
            Number of examples trained on so far.

        Raises
        ------
        ShapeError
            There is no loss, or the number of groups differs from that of losses.
        ParameterError
            The step or the number of examples is no whole number from 0.
        """
        step = whole_number("step", step)
        if examples is not None:
            examples = whole_number("number of examples", examples)
        elif self.batch_size is not None:
            examples = step * self.batch_size
        values, labels = self._grouped(losses, groups)
        point = _point(step, examples, values, labels)
        if point.nan + point.infinite and not self._warned:
            self._warned = True
            _log.warning(
                "step %d: of %d losses %d are NaN and %d infinite; they are left out",
                *(step, len(values), point.nan, point.infinite),
            )
        self._points = [earlier for earlier in self._points if earlier.step < step] + [point]
        return point

    @property
    def curve(self) -> tuple[LossPoint, ...]:
        """Every evaluation, in order of steps."""
        return tuple(self._points)

    @property
    def usable(self) -> tuple[LossPoint, ...]:
        """The evaluations with a loss."""
        return tuple(point for point in self._points if math.isfinite(getattr(point, self.mean)))

    @property
    def losses(self) -> NDArray[np.float64]:
        """Loss of each evaluation that has one, (n,) float64."""
        return np.array([getattr(point, self.mean) for point in self.usable], np.float64)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Step of each evaluation that has a loss, (n,) int64, ascending."""
        return np.array([point.step for point in self.usable], np.int64)

    def only(self, group: str) -> Self:
        """The curve of one group alone, as a monitor of its own.

        Raises
        ------
        InputError
            No evaluation has such a group.
        """
        known = sorted({name for point in self._points for name in point.by_group})
        if group not in known:
            raise InputError(f"no group is named {group!r}; known: {', '.join(known) or 'none'}")
        alone = type(self)(self.mean, batch_size=self.batch_size)
        alone.turns = self.turns
        for point in self._points:
            loss = point.by_group.get(group, math.nan)
            alone.record(point.step, {group: loss}, examples=point.examples)
        return alone

    def area_under_curve(self, *, normalized: bool = True) -> float:
        """Area under the loss over steps, by the trapezoid rule; lower means faster learning.

        Normalized, it is divided by the number of steps: the mean loss over training. For a
        single evaluation that is its loss.

        Raises
        ------
        UsageError
            No evaluation has a loss.
        """
        losses, steps = self._checked(), self.steps
        span = int(steps[-1] - steps[0])
        area = float(np.diff(steps) @ (losses[:-1] + losses[1:])) / 2
        if not normalized:
            return area
        return area / span if span else float(losses[0])

    def steps_to(self, threshold: float) -> int | None:
        """First evaluated step with a loss of at most the threshold; None without one."""
        reached = np.flatnonzero(self.losses <= threshold)
        return int(self.steps[reached[0]]) if len(reached) else None

    def drop_step(self, share: float = 0.9) -> int | None:
        """First evaluated step by which the loss has fallen by a share of its total fall.

        The total fall is from the first evaluation to the lowest; None if the loss never fell.

        Raises
        ------
        ParameterError
            The share is not above 0 and at most 1.
        """
        if not 0 < share <= 1:
            raise ParameterError(f"a share lies above 0 and is at most 1, got {share}")
        losses = self.losses
        if not len(losses) or losses.min() >= losses[0]:
            return None
        lowest = float(losses.min())
        # A share of 1 must be reached by the lowest loss itself, whatever the rounding.
        return self.steps_to(max(lowest, float(losses[0]) - share * (float(losses[0]) - lowest)))

    def plateau(self, min_delta: float = 0.01, patience: int = 3) -> int | None:
        """First step after which the loss did not fall for `patience` evaluations.

        That is: none of them is lower than the loss at that step by `min_delta` or more, so that
        small falls add up. None as long as there is no such step.

        Raises
        ------
        ParameterError
            `min_delta` is below 0, or `patience` is no whole number from 1.
        """
        found = self._stalled(min_delta, patience)
        return None if found is None else self.usable[found[0]].step

    def regression(self) -> float:
        """Last loss minus the lowest; 0 at the lowest.

        Raises
        ------
        UsageError
            No evaluation has a loss.
        """
        losses = self._checked()
        return float(losses[-1] - losses.min())

    def recommend_stop(self, *, min_delta: float = 0.01, patience: int = 3) -> Stop | None:
        """Where early stopping would have stopped; None as long as it would go on.

        The step of :meth:`plateau`, known `patience` evaluations later. A loss that has stopped
        falling may fall again later.

        Raises
        ------
        ParameterError
            `min_delta` is below 0, or `patience` is no whole number from 1.
        """
        found = self._stalled(min_delta, patience)
        if found is None:
            return None
        best, now = found
        point, losses = self.usable[best], self.losses
        reason = (
            f"in {patience} evaluation{'s' * (patience > 1)} after it the loss fell by less than "
            f"{min_delta:g}; it was {losses[best]:.4f} and is {losses[now]:.4f}"
        )
        return Stop(
            step=point.step,
            examples=point.examples,
            turn=self._turn(point.examples),
            reason=reason,
        )

    def _grouped(
        self, losses: Losses, groups: Sequence[str] | None
    ) -> tuple[NDArray[np.float64], list[str]]:
        """One loss (M,) and one group a loss."""
        if isinstance(losses, Mapping):
            parts = {name: np.atleast_1d(_numbers(part)) for name, part in losses.items()}
            labels = [str(name) for name, part in parts.items() for _ in range(len(part))]
            values = np.concatenate(list(parts.values())) if parts else np.empty(0)
        else:
            values = _numbers(losses)
            given = self.groups if groups is None else groups
            labels = ["target"] * values.size if given is None else list(map(str, given))
        if values.ndim != 1 or not len(values):
            raise ShapeError(f"losses must be of shape (M,), M at least 1, got {values.shape}")
        if len(labels) != len(values):
            raise ShapeError(f"{len(labels)} groups do not fit {len(values)} losses")
        return values, labels

    def _checked(self) -> NDArray[np.float64]:
        losses = self.losses
        if not len(losses):
            raise UsageError("no evaluation with a loss was recorded")
        return losses

    def _stalled(self, min_delta: float, patience: int) -> tuple[int, int] | None:
        """Places of the last fall and of the evaluation that showed it; None while it falls."""
        check_patience(min_delta, patience)
        losses = self.losses.tolist()
        best = 0
        for now in range(1, len(losses)):
            fall = losses[best] - losses[now]
            if fall > 0 and fall >= min_delta:
                best = now
            elif now - best >= patience:
                return best, now
        return None

    def _turn(self, examples: int | None) -> int | None:
        if self.turns is None or not examples:
            return None
        return int(self.turns[(examples - 1) % len(self.turns)])


def _point(
    step: int, examples: int | None, values: NDArray[np.float64], labels: list[str]
) -> LossPoint:
    usable = np.abs(values) <= _HUGE
    names, number = np.unique(np.array(labels, np.str_)[usable], return_inverse=True)
    means = np.bincount(number, values[usable]) / np.bincount(number)
    return LossPoint(
        step=step,
        examples=examples,
        macro=float(means.mean()) if len(means) else math.nan,
        micro=float(values[usable].mean()) if len(means) else math.nan,
        counted=int(usable.sum()),
        nan=int(np.isnan(values).sum()),
        infinite=int((np.abs(values) > _HUGE).sum()),
        by_group=dict(zip(names.tolist(), means.tolist(), strict=True)),
    )


def _numbers(losses: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.asarray(losses, np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"losses must be numbers: {error}") from None


def turns_of(arrangement: Turns) -> NDArray[np.int64]:
    """The turn of each example of an arrangement, (b,) int64.

    Raises
    ------
    ShapeError
        The arrangement has no turns.
    """
    turns = np.asarray(getattr(arrangement, "turn", None))
    if turns.ndim != 1 or not len(turns) or turns.dtype.kind not in "iu":
        raise ShapeError("an arrangement needs a turn, a whole number, for each example")
    return turns.astype(np.int64)


def check_patience(min_delta: float, patience: int) -> None:
    """Raise unless the parameters of early stopping are in their ranges.

    Raises
    ------
    ParameterError
        `min_delta` is below 0, or `patience` is no whole number from 1.
    """
    if not 0 <= min_delta < math.inf:
        raise ParameterError(f"min_delta must be at least 0, got {min_delta}")
    whole_number("patience", patience, least=1)
