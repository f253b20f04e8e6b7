"""LossMonitor: the loss on a target while a model learns, and when it has stopped falling."""

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.errors import InputError, ParameterError, ShapeError, UsageError
from instructdiv.training.curves import figure, save

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from instructdiv.training.trainer_callback import MonitorCallback

_log = logging.getLogger("instructdiv")

Mean = Literal["macro", "micro"]
Losses = ArrayLike | Mapping[str, ArrayLike]
_HUGE = 1e300  # losses up to it have a finite sum


@dataclass(frozen=True)
class LossPoint:
    """One evaluation of the target."""

    step: int
    """Optimizer step it was made after; 0 is the model before training."""

    examples: int | None
    """Examples trained on so far, where that is known."""

    macro: float
    """Mean over groups of the mean of each; NaN if no loss can be used."""

    micro: float
    """Mean over instances; NaN if no loss can be used."""

    counted: int
    """Losses that the means are made of."""

    nan: int
    """Losses that were NaN and left out: as a rule instances whose answer was cut off."""

    infinite: int
    """Losses that were infinite, or beyond 1e300, whose sum would be, and left out."""

    by_group: Mapping[str, float]
    """Mean of each group that has a loss that can be used."""


@dataclass(frozen=True)
class Stop:
    """Where training could have stopped."""

    step: int
    """The step after which the loss no longer fell enough."""

    examples: int | None
    """Examples trained on by then, where that is known."""

    turn: int | None
    """Turn of the arrangement that the last of these examples is in, where there is one."""

    reason: str
    """What was seen, in words."""

    def __str__(self) -> str:
        place = f"step {self.step}"
        if self.examples is not None:
            place += f", {self.examples:,} examples"
        if self.turn is not None:
            place += f", turn {self.turn}"
        return f"stop at {place}: {self.reason}"


class LossMonitor:
    """Keeps the loss on a target, evaluation by evaluation, and reads it.

    A loss that is NaN, as that of an instance whose answer was cut off, is left out and
    counted; so is an infinite one, or one beyond 1e300. (Counting NaN as 0 understates the
    loss.) An evaluation of which nothing is left is kept as NaN, and what reads the curve passes
    over it. When an evaluation comes for a step that is not after the last, training was resumed
    from an earlier checkpoint: it replaces that step and all later ones.

    Steps are never interpolated: an answer is a step that was evaluated.

    Parameters
    ----------
    mean
        Which mean is the loss: over groups (macro) or over instances (micro). Without groups
        they are the same.
    groups
        Group of each loss, as a rule the task, (M,), if the same for all evaluations.
    arrangement
        The order of training, if its turns are asked for: anything with a `turn` for each
        example, (b,) int64. In a second pass over the data it starts anew.
    batch_size
        Examples of a step, for evaluations that do not tell how many examples there were.

    Raises
    ------
    ParameterError
        There is no such mean, or the batch size is no whole number from 1.
    ShapeError
        The arrangement has no turns.

    Examples
    --------
    >>> monitor = LossMonitor(groups=["sum", "sum", "sort"], batch_size=16)
    >>> _ = monitor.record(0, [4.0, 2.0, 5.0])
    >>> monitor.record(10, [2.0, float("nan"), 3.0]).macro
    2.5
    >>> for step, loss in [(20, 2.0), (30, 2.0), (40, 2.1)]:
    ...     _ = monitor.record(step, [loss, loss, loss])
    >>> monitor.steps_to(2.5), monitor.drop_step(0.9)
    (10, 20)
    >>> print(monitor.recommend_stop(min_delta=0.01, patience=2))
    stop at step 20, 320 examples: in 2 evaluations after it the loss fell by less than 0.01; it
    was 2.0000 and is 2.1000
    """

    def __init__(
        self,
        mean: Mean = "macro",
        *,
        groups: Sequence[str] | None = None,
        arrangement: Any = None,
        batch_size: int | None = None,
    ) -> None:
        if mean not in ("macro", "micro"):
            raise ParameterError(f"the mean is macro or micro, got {mean!r}")
        self.mean: Mean = mean
        self.groups = None if groups is None else [str(group) for group in groups]
        self.batch_size = None if batch_size is None else whole("batch_size", batch_size, least=1)
        self.turns = None if arrangement is None else _turns(arrangement)
        self._points: list[LossPoint] = []
        self._warned = False

    def record(
        self,
        step: int,
        losses: Losses,
        groups: Sequence[str] | None = None,
        examples: int | None = None,
    ) -> LossPoint:
        """Take in an evaluation.

        Parameters
        ----------
        step
            Optimizer step it was made after, from 0.
        losses
            One loss for each instance of the target (M,), or a loss, or several, by group.
        groups
            Group of each loss; those of the monitor if not given.
        examples
            Examples trained on so far.

        Raises
        ------
        ShapeError
            There is no loss, or there are not as many groups as losses.
        ParameterError
            The step or the number of examples is below 0, or no whole number.
        """
        step = whole("step", step)
        if examples is not None:
            examples = whole("number of examples", examples)
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
        """The evaluations that have a loss."""
        return tuple(point for point in self._points if math.isfinite(getattr(point, self.mean)))

    @property
    def losses(self) -> NDArray[np.float64]:
        """The loss at each evaluation that has one, (n,) float64."""
        return np.array([getattr(point, self.mean) for point in self.usable], np.float64)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Step of each evaluation that has a loss, (n,) int64, ascending."""
        return np.array([point.step for point in self.usable], np.int64)

    def only(self, group: str) -> "LossMonitor":
        """The curve of one group alone, as a monitor of its own.

        Raises
        ------
        InputError
            No evaluation has such a group.
        """
        known = sorted({name for point in self._points for name in point.by_group})
        if group not in known:
            raise InputError(f"no group is named {group!r}; known: {', '.join(known) or 'none'}")
        alone = LossMonitor(self.mean, batch_size=self.batch_size)
        alone.turns = self.turns
        for point in self._points:
            loss = point.by_group.get(group, math.nan)
            alone.record(point.step, {group: loss}, examples=point.examples)
        return alone

    def area_under_curve(self, *, normalized: bool = True) -> float:
        """Area under the loss over steps, by the trapezoid rule; lower is learning faster.

        Normalized it is divided by the steps it spans: the mean loss on the way. Of a single
        evaluation that is its loss.

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
        """The first evaluated step with a loss of at most this; none if there is none."""
        reached = np.flatnonzero(self.losses <= threshold)
        return int(self.steps[reached[0]]) if len(reached) else None

    def drop_step(self, share: float = 0.9) -> int | None:
        """The first evaluated step by which the loss has fallen by this share of its total fall.

        The total fall is from the first evaluation to the lowest; none if it never fell.

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
        # Whole shares must be reached by the lowest loss itself, whatever the rounding.
        return self.steps_to(max(lowest, float(losses[0]) - share * (float(losses[0]) - lowest)))

    def plateau(self, min_delta: float = 0.01, patience: int = 3) -> int | None:
        """The step after which the loss first fell no more for `patience` evaluations.

        That is: none of them is lower than it by `min_delta` or more.

        It is compared with the loss at that step, so that small falls add up. None as long as
        there is no such step.

        Raises
        ------
        ParameterError
            `min_delta` is below 0, or `patience` is no whole number from 1.
        """
        found = self._stalled(min_delta, patience)
        return None if found is None else self.usable[found[0]].step

    def regression(self) -> float:
        """How far the loss is now above the lowest it was; 0 at the lowest.

        Raises
        ------
        UsageError
            No evaluation has a loss.
        """
        losses = self._checked()
        return float(losses[-1] - losses.min())

    def recommend_stop(self, *, min_delta: float = 0.01, patience: int = 3) -> Stop | None:
        """Where to stop, as early stopping would have said; none as long as it says nothing.

        It is the step of :meth:`plateau`, known `patience` evaluations later. That a loss has
        stopped falling does not say that it would not fall again.

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
        return Stop(point.step, point.examples, self._turn(point.examples), reason)

    def callback(
        self,
        measure: Callable[[Any], Losses] | None = None,
        *,
        every: int = 10,
        stop: bool = False,
        min_delta: float = 0.01,
        patience: int = 3,
        save_to: str | Path | None = None,
    ) -> "MonitorCallback":
        """A callback for `transformers.Trainer` that fills this monitor.

        Parameters
        ----------
        measure
            Gives the losses of the target for a model, as :meth:`record` takes them:
            :func:`instance_losses`, or a function of your own. Without it the evaluations of
            the Trainer are read: `eval_dataset` as a mapping of tasks gives a loss for each
            task, but the Trainer means over the tokens of a batch, not over instances, and
            one batch without an answer makes the loss of its task NaN.
        every
            Steps between two measurements, the first before training and the last after it;
            without `measure` the Trainer says when it evaluates.
        stop
            End training when :meth:`recommend_stop` says so. The model then is that of the
            last step, `patience` evaluations after the one to stop at: save checkpoints as
            often as you measure to go back to it.
        min_delta, patience
            Those of :meth:`recommend_stop`.
        save_to
            File to keep the monitor in, as :meth:`save` writes it, after each evaluation.

        Raises
        ------
        ParameterError
            A number is out of its range.
        """
        _check_patience(min_delta, patience)
        every = whole("every", every, least=1)
        if save_to is not None and Path(save_to).suffix.lower() != ".json":
            raise ParameterError(f"a monitor is kept as .json, not as {str(save_to)!r}")
        from instructdiv.training.trainer_callback import MonitorCallback

        return MonitorCallback(self, measure, every, stop, min_delta, patience, save_to)

    def table(self) -> dict[str, list[Any]]:
        """One column for each number, with one value for each evaluation."""
        names = ("step", "examples", "macro", "micro", "counted", "nan", "infinite")
        return {name: [getattr(point, name) for point in self._points] for name in names}

    def plot(self) -> "Figure":
        """Both means over the steps, as a plotly figure."""
        table = self.table()
        lines = {name: table[name] for name in ("macro", "micro")}
        return figure(table["step"], "optimizer steps", {"loss on the target": lines})

    def save(self, path: str | Path) -> Path:
        """Write it as .json, which :meth:`load` reads, as .csv, or as .html (the figure).

        Raises
        ------
        InputError
            The name ends otherwise.
        OutputError
            The file cannot be written.
        """
        document = {
            "mean": self.mean,
            "groups": self.groups,
            "batch_size": self.batch_size,
            "points": [_finite(asdict(point)) for point in self._points],
        }
        return save(path, "loss monitor", document, self.table(), self.plot)

    @classmethod
    def load(cls, path: str | Path, arrangement: Any = None) -> "LossMonitor":
        """Read what :meth:`save` wrote as JSON; the arrangement is not in it.

        Raises
        ------
        InputError
            The file cannot be read, or is not a monitor.
        ShapeError
            The arrangement has no turns.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            monitor = cls(
                content["mean"],
                groups=content["groups"],
                batch_size=content["batch_size"],
            )
            monitor._points = [_read(point) for point in content["points"]]
        except (OSError, ValueError, KeyError, TypeError, ParameterError) as error:
            raise InputError(f"{path} does not hold a loss monitor: {error!r}") from error
        monitor.turns = None if arrangement is None else _turns(arrangement)
        return monitor

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
        """Where the loss last fell, and where that became known, if it has stopped."""
        _check_patience(min_delta, patience)
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
        step,
        examples,
        float(means.mean()) if len(means) else math.nan,
        float(values[usable].mean()) if len(means) else math.nan,
        int(usable.sum()),
        int(np.isnan(values).sum()),
        int((np.abs(values) > _HUGE).sum()),
        dict(zip(names.tolist(), means.tolist(), strict=True)),
    )


def whole(name: str, value: Any, least: int = 0) -> int:
    """The value as an int, if it is a whole number and not below the least one.

    Raises
    ------
    ParameterError
        It is something else.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ParameterError(f"{name} must be a whole number from {least}, got {value!r}")
    return int(value)


def _numbers(losses: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.asarray(losses, np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"losses must be numbers: {error}") from None


def _turns(arrangement: Any) -> NDArray[np.int64]:
    turns = np.asarray(getattr(arrangement, "turn", None))
    if turns.ndim != 1 or not len(turns) or turns.dtype.kind not in "iu":
        raise ShapeError("an arrangement needs a turn, a whole number, for each example")
    return turns.astype(np.int64)


def _check_patience(min_delta: float, patience: int) -> None:
    if not 0 <= min_delta < math.inf:
        raise ParameterError(f"min_delta must be at least 0, got {min_delta}")
    whole("patience", patience, least=1)


def _finite(point: dict[str, Any]) -> dict[str, Any]:
    """A point as JSON holds it, which has no NaN."""
    missing = {name: None for name in ("macro", "micro") if math.isnan(point[name])}
    return point | missing


def _read(point: dict[str, Any]) -> LossPoint:
    missing = {name: math.nan for name in ("macro", "micro") if point[name] is None}
    return LossPoint(**(point | missing))
