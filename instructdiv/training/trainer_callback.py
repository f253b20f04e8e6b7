"""Trainer callback: records into a loss monitor from inside transformers.Trainer.

Imports transformers, and is itself imported when a callback is made.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from instructdiv.errors import ShapeError
from instructdiv.training.loss_curve import LossCurve, Losses

_log = logging.getLogger("instructdiv")

_PREFIX, _TIMED = "eval", "_runtime"


class MonitorCallback(TrainerCallback):
    """Records the loss on the target; see :meth:`LossMonitor.callback`.

    Examples seen are counted as the Trainer counts them: with packing, one is a packed
    sequence. Evaluations outside of training are not recorded.
    """

    def __init__(
        self,
        monitor: LossCurve,
        measure: Callable[[Any], Losses] | None,
        every: int,
        stop: tuple[float, int] | None,
        save: Callable[[], None],
    ) -> None:
        self.monitor = monitor
        self._measure, self._every = measure, every
        self._stop = stop  # min_delta and patience
        self._save = save
        self._training = False
        self._tasks: dict[str, float] = {}
        self._known: set[str] = set()
        self._step = -1

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        self._training = True
        self._tasks, self._step = {}, -1
        if self.monitor.turns is not None:
            _check_order(kwargs.get("train_dataloader"), len(self.monitor.turns))
        self._take(args, state, control, kwargs)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        if state.global_step % self._every == 0 or state.global_step == state.max_steps:
            self._take(args, state, control, kwargs)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        task = _task(metrics or {})
        if self._measure is not None or not self._training or task is None:
            return
        loss = (metrics or {}).get(f"{task[0]}_loss")
        if loss is None:
            _log.warning("the Trainer's evaluation has no %s_loss: nothing to record", task[0])
            return
        if state.global_step != self._step:
            curve = self.monitor.curve
            self._known = set(self._tasks or (curve[-1].by_group if curve else ()))
            self._tasks, self._step = {}, state.global_step
        self._tasks[task[1]] = loss
        examples = _examples(args, state, kwargs.get("train_dataloader"))
        self.monitor.record(state.global_step, self._tasks, examples=examples)
        if self._known <= set(self._tasks):  # each task of a mapping is evaluated by itself
            self._after(state, control)

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        self._training = False

    def _take(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        given: Mapping[str, Any],
    ) -> None:
        if self._measure is None:
            return
        losses = self._measure(given["model"])
        examples = _examples(args, state, given.get("train_dataloader"))
        self.monitor.record(state.global_step, losses, examples=examples)
        self._after(state, control)

    def _after(self, state: TrainerState, control: TrainerControl) -> None:
        if state.is_world_process_zero:
            self._save()
        if self._stop is not None:
            min_delta, patience = self._stop
            found = self.monitor.recommend_stop(min_delta=min_delta, patience=patience)
            if found is not None:
                _log.info("%s", found)
                control.should_training_stop = True


def _task(metrics: Mapping[str, float]) -> tuple[str, str] | None:
    """Prefix of the names of the metrics, and the task that they belong to."""
    for name in metrics:
        start = name.removesuffix(_TIMED)
        if name.endswith(_TIMED) and (start == _PREFIX or start.startswith(f"{_PREFIX}_")):
            return start, start[len(_PREFIX) + 1 :] or "target"
    return None


def _examples(args: TrainingArguments, state: TrainerState, loader: Any) -> int:
    """Number of examples trained on so far; the last batch of an epoch may be smaller."""
    of_step = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
    try:
        n = len(loader.dataset)
        steps = -(-len(loader) // args.gradient_accumulation_steps)
    except (AttributeError, TypeError):  # a stream has no length
        return int(state.global_step * of_step)
    passes, left = divmod(state.global_step, max(1, steps))
    return int(passes * min(n, steps * of_step) + min(n, left * of_step))


def _check_order(loader: Any, n_turns: int) -> None:
    """Raise or warn where the turns do not match the training set."""
    from torch.utils.data import SequentialSampler

    dataset: Any = getattr(loader, "dataset", None)
    if hasattr(dataset, "__len__") and len(dataset) != n_turns:
        raise ShapeError(
            f"the arrangement has {n_turns:,} examples, the trainer {len(dataset):,}: train on "
            "the arranged records alone and without packing, or give the monitor no arrangement"
        )
    batches = loader
    while hasattr(batches, "batch_sampler"):  # in one of several processes there are two
        batches = batches.batch_sampler
    sampler = getattr(batches, "sampler", None)
    if sampler is not None and not isinstance(sampler, SequentialSampler):
        _log.warning(
            "the Trainer samples with a %s, so that turns may be wrong; keep the order with "
            'TrainingArguments(train_sampling_strategy="sequential")',
            type(sampler).__name__,
        )
