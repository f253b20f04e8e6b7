"""Loss monitor: records the loss on a target while a model learns, and saves it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instructdiv.core.checks import whole_number
from instructdiv.errors import InputError, ParameterError
from instructdiv.results import Facts
from instructdiv.training.curves import figure, save
from instructdiv.training.loss_curve import (
    LossCurve,
    Losses,
    LossPoint,
    Mean,
    Turns,
    check_patience,
    turns_of,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from instructdiv.training.trainer_callback import MonitorCallback


class _Saved(Facts):
    """A monitor as a file holds it."""

    mean: Mean
    groups: list[str] | None
    batch_size: int | None
    points: list[LossPoint]


class LossMonitor(LossCurve):
    """Records the loss on a target during training, and tells when it has stopped falling.

    A loss that is NaN, as that of an instance whose answer was cut off, is left out and
    counted; so is a loss that is infinite or beyond 1e300. (Counting NaN as 0 understates the
    loss.) An evaluation without a usable loss is kept as NaN and left out of every answer. An
    evaluation of a step that is not after the last means that training was resumed from an
    earlier checkpoint: it replaces that step and all later ones.

    Steps are never interpolated: every answer is an evaluated step.

    Parameters
    ----------
    mean
        The mean that counts as the loss: over groups (macro) or over instances (micro). Without
        groups they are the same.
    groups
        Group of each loss, usually its task, (M,), if the same for all evaluations.
    arrangement
        The order of training, if turns should be reported: anything with a `turn` for each
        example, (b,) int64. Every epoch starts it anew.
    batch_size
        Examples of a step, for evaluations recorded without a number of examples.

    Raises
    ------
    ParameterError
        The mean is unknown, or the batch size is no whole number from 1.
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

    def callback(
        self,
        measure: "Callable[[Any], Losses] | None" = None,
        *,
        every: int = 10,
        stop: bool = False,
        min_delta: float = 0.01,
        patience: int = 3,
        save_to: str | Path | None = None,
    ) -> "MonitorCallback":
        """Make a callback for `transformers.Trainer` that records into this monitor.

        Parameters
        ----------
        measure
            Function from a model to the losses of the target, as :meth:`record` takes them:
            :func:`instance_losses` or your own. Without it the evaluations of the Trainer are
            recorded: with `eval_dataset` as a mapping of tasks there is a loss for each task,
            but the Trainer averages over the tokens of a batch, not over instances, and one
            batch without an answer makes the loss of its task NaN.
        every
            Steps between two measurements, the first before training and the last after it;
            without `measure` the Trainer decides when to evaluate.
        stop
            End training when :meth:`recommend_stop` recommends it. The model then is that of
            the last step, `patience` evaluations after the recommended one: save checkpoints as
            often as you measure to go back.
        min_delta, patience
            As of :meth:`recommend_stop`.
        save_to
            JSON file to save the monitor to, as :meth:`save` writes it, after each evaluation.

        Raises
        ------
        ParameterError
            A number is out of its range.
        """
        check_patience(min_delta, patience)
        every = whole_number("every", every, least=1)
        if save_to is not None and Path(save_to).suffix.lower() != ".json":
            raise ParameterError(f"a monitor is saved as .json, not as {str(save_to)!r}")
        from instructdiv.training.trainer_callback import MonitorCallback

        def keep() -> None:
            if save_to is not None:
                self.save(save_to)

        patient = (min_delta, patience) if stop else None
        return MonitorCallback(self, measure, every, patient, keep)

    def table(self) -> dict[str, list[Any]]:
        """A column for each number, with a value for each evaluation."""
        names = ("step", "examples", "macro", "micro", "counted", "nan", "infinite")
        return {name: [getattr(point, name) for point in self._points] for name in names}

    def plot(self) -> "Figure":
        """Both means over the steps, as a plotly figure."""
        table = self.table()
        lines = {name: table[name] for name in ("macro", "micro")}
        return figure(table["step"], "optimizer steps", {"loss on the target": lines})

    def save(self, path: str | Path) -> Path:
        """Write the monitor as .json, which :meth:`load` reads, as .csv, or as .html (the figure).

        Raises
        ------
        InputError
            The name has another ending.
        OutputError
            The file cannot be written.
        """
        document = _Saved(
            mean=self.mean, groups=self.groups, batch_size=self.batch_size, points=self._points
        )
        return save(path, "loss monitor", document, self.table(), self.plot)

    @classmethod
    def load(cls, path: str | Path, arrangement: Turns | None = None) -> "LossMonitor":
        """Read a monitor that :meth:`save` wrote as JSON; the arrangement is not in the file.

        Raises
        ------
        InputError
            The file cannot be read, or holds no monitor.
        ShapeError
            The arrangement has no turns.
        """
        try:
            saved = _Saved.model_validate_json(Path(path).read_bytes())
            monitor = cls(saved.mean, groups=saved.groups, batch_size=saved.batch_size)
        except (OSError, ValueError, ParameterError) as error:
            raise InputError(f"{path} does not hold a loss monitor: {error!r}") from error
        monitor._points = saved.points
        monitor.turns = None if arrangement is None else turns_of(arrangement)
        return monitor
