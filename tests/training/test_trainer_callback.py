"""The callback of the loss monitor, driven by hand and in a real Trainer."""

import json
import logging
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from instructdiv.errors import ShapeError
from instructdiv.training import LossMonitor, LossPoint, instance_losses
from tests.training.tiny_model import model_of, plain_losses, rows_of

NAN = math.nan


class Drive:
    """The events of a run, through the handler of transformers itself."""

    def __init__(self, callback: Any, n: int = 40, batch_size: int = 4, sampler: Any = None):
        from torch.utils.data import DataLoader
        from transformers import TrainerControl, TrainerState
        from transformers.trainer_callback import CallbackHandler, DefaultFlowCallback

        self.args = SimpleNamespace(
            train_batch_size=batch_size,
            gradient_accumulation_steps=1,
            world_size=1,
            logging_first_step=False,
            logging_strategy="no",
            eval_strategy="no",
            save_strategy="no",
            eval_delay=0,
        )
        self.state, self.control = TrainerState(max_steps=10**6), TrainerControl()
        callbacks = [DefaultFlowCallback(), callback]
        self.handler = CallbackHandler(callbacks, object(), None, None, None)  # type: ignore[no-untyped-call]
        data: Any = list(range(n))
        self.handler.train_dataloader = DataLoader(data, batch_size, sampler=sampler)

    def event(self, name: str, **more: Any) -> None:
        getattr(self.handler, name)(self.args, self.state, self.control, **more)

    def steps(self, n: int) -> None:
        for _ in range(n):
            self.state.global_step += 1
            self.event("on_step_end")

    def evaluate(self, losses: dict[str, float], prefix: str = "eval") -> None:
        """As the Trainer does with a mapping of data sets: one event for each."""
        for task, loss in losses.items():
            name = f"{prefix}_{task}" if task else prefix
            metrics = {f"{name}_loss": loss, f"{name}_rouge_loss": 7.0, f"{name}_runtime": 1.0}
            self.event("on_evaluate", metrics=metrics)


def test_the_evaluations_of_a_trainer_are_recorded_by_task():
    monitor = LossMonitor()
    drive = Drive(monitor.callback())
    drive.event("on_train_begin")
    drive.evaluate({"sum": 4.0, "sort": 2.0})
    drive.steps(5)
    drive.evaluate({"sum": 2.0, "sort": NAN})
    drive.evaluate({"": 9.0}, prefix="test")
    drive.event("on_train_end")
    drive.evaluate({"sum": 0.0, "sort": 0.0})
    assert [(p.step, p.examples, p.macro, p.nan) for p in monitor.curve] == [
        (0, 0, 3.0, 0),
        (5, 20, 2.0, 1),
    ]
    assert monitor.curve[0].by_group == {"sort": 2.0, "sum": 4.0}


def test_a_single_data_set_is_one_group():
    monitor = LossMonitor()
    drive = Drive(monitor.callback())
    drive.event("on_train_begin")
    drive.evaluate({"": 4.0})
    assert monitor.curve[0].by_group == {"target": 4.0}


def test_a_stop_waits_for_all_tasks_of_an_evaluation():
    monitor = LossMonitor()
    drive = Drive(monitor.callback(stop=True, patience=1))
    drive.event("on_train_begin")
    drive.evaluate({"easy": 1.0, "hard": 5.0})
    drive.steps(1)
    # The hard task, which comes first here, is above the mean of both before.
    drive.evaluate({"hard": 4.0, "easy": 1.0})
    assert not drive.control.should_training_stop
    drive.steps(1)
    drive.evaluate({"easy": 1.0, "hard": 4.0})
    assert drive.control.should_training_stop


def test_a_stop_of_a_resumed_run_waits_for_all_tasks_too():
    monitor = LossMonitor()
    monitor.record(0, {"easy": 1.0, "hard": 5.0})
    drive = Drive(monitor.callback(stop=True, patience=1))
    drive.state.global_step = 5
    drive.event("on_train_begin")
    drive.evaluate({"hard": 4.0, "easy": 1.0})
    assert not drive.control.should_training_stop


def test_a_measure_is_taken_before_on_the_way_and_after():
    monitor = LossMonitor()
    drive = Drive(monitor.callback(lambda _: [float(drive.state.global_step)], every=3), n=10)
    drive.state.max_steps = 7
    drive.event("on_train_begin")
    drive.steps(7)
    assert monitor.steps.tolist() == monitor.losses.tolist() == [0, 3, 6, 7]
    # Ten examples in batches of four: the third step of each pass has two.
    assert [point.examples for point in monitor.curve] == [0, 10, 20, 24]
    drive.evaluate({"": 9.0})
    assert len(monitor.curve) == 4


def test_a_stream_without_a_length_is_counted_in_full_batches():
    monitor = LossMonitor()
    drive = Drive(monitor.callback(lambda _: [1.0], every=3))
    drive.handler.train_dataloader = None
    drive.event("on_train_begin")
    drive.steps(6)
    assert [point.examples for point in monitor.curve] == [0, 12, 24]


def test_the_monitor_is_kept_after_each_evaluation(tmp_path: Path):
    path = tmp_path / "run" / "monitor.json"
    drive = Drive(LossMonitor().callback(lambda _: [1.0], every=1, save_to=path))
    drive.state.is_world_process_zero = False
    drive.event("on_train_begin")
    assert not path.exists()
    drive.state.is_world_process_zero = True
    drive.steps(2)
    assert LossMonitor.load(path).steps.tolist() == [0, 1, 2]


def test_an_arrangement_of_another_length_is_refused_before_training():
    order = SimpleNamespace(turn=np.zeros(39, np.int64))
    drive = Drive(LossMonitor(arrangement=order).callback())
    with pytest.raises(ShapeError, match="the arrangement has 39 examples, the trainer 40"):
        drive.event("on_train_begin")


def test_a_trainer_that_shuffles_an_arrangement_is_warned(caplog: pytest.LogCaptureFixture):
    from torch.utils.data import RandomSampler

    order = SimpleNamespace(turn=np.zeros(40, np.int64))
    with caplog.at_level(logging.WARNING, "instructdiv"):
        Drive(LossMonitor(arrangement=order).callback()).event("on_train_begin")
        Drive(LossMonitor().callback(), sampler=RandomSampler(range(40))).event("on_train_begin")
        assert not caplog.messages
        shuffled = LossMonitor(arrangement=order).callback()
        Drive(shuffled, sampler=RandomSampler(range(40))).event("on_train_begin")
    assert "RandomSampler" in caplog.text


def test_one_of_several_processes_that_shuffle_is_warned_too(caplog: pytest.LogCaptureFixture):
    from torch.utils.data import BatchSampler, RandomSampler

    drive = Drive(LossMonitor(arrangement=SimpleNamespace(turn=np.zeros(40, np.int64))).callback())
    # As accelerate shares out batches.
    shard = SimpleNamespace(batch_sampler=BatchSampler(RandomSampler(range(40)), 4, False))
    drive.handler.train_dataloader = SimpleNamespace(dataset=range(40), batch_sampler=shard)
    with caplog.at_level(logging.WARNING, "instructdiv"):
        drive.event("on_train_begin")
    assert "RandomSampler" in caplog.text


def test_an_evaluation_without_a_loss_is_no_point(caplog: pytest.LogCaptureFixture):
    monitor = LossMonitor()
    drive = Drive(monitor.callback())
    drive.event("on_train_begin")
    drive.event("on_evaluate", metrics={"eval_runtime": 1.0})
    drive.event("on_evaluate", metrics={})
    assert monitor.curve == ()
    assert "no eval_loss" in caplog.text


@pytest.fixture
def trainer(tmp_path: Path, one_torch_thread: None) -> Any:
    """Builds a Trainer of a tiny model on ten examples, two a step, in their order."""
    pytest.importorskip("accelerate", reason="transformers has no Trainer without accelerate")
    from transformers import Trainer, TrainingArguments

    def build(callback: Any, data: Any = None, **more: Any) -> Any:
        settings: dict[str, Any] = {
            "output_dir": str(tmp_path / "run"),
            "use_cpu": True,
            "report_to": "none",
            "per_device_train_batch_size": 2,
            "num_train_epochs": 1,
            "learning_rate": 0.02,
            "save_strategy": "no",
            "logging_strategy": "no",
            "disable_tqdm": True,
            "train_sampling_strategy": "sequential",
        }
        evaluated = more.pop("eval_dataset", None)
        return Trainer(
            model_of(),
            TrainingArguments(**(settings | more)),
            train_dataset=rows_of(10, length=8) if data is None else data,
            eval_dataset=evaluated,
            callbacks=[] if callback is None else [callback],
        )

    return build


def test_a_real_trainer_is_measured_instance_by_instance(trainer: Any):
    order = SimpleNamespace(turn=np.repeat(np.arange(5), 2))
    target = rows_of(6, seed=5)
    monitor = LossMonitor(groups=["a", "b"] * 3, arrangement=order)
    run = trainer(monitor.callback(instance_losses(target), every=2), data=rows_of(9, length=8)[:9])
    with pytest.raises(ShapeError, match="10 examples, the trainer 9"):
        run.train()
    monitor.turns = monitor.turns[:9] if monitor.turns is not None else None
    run.train()
    assert [(p.step, p.examples) for p in monitor.curve] == [(0, 0), (2, 4), (4, 8), (5, 9)]
    assert monitor.curve[-1].micro == pytest.approx(
        np.mean(plain_losses(run.model, target)), rel=1e-5
    )
    assert monitor.losses[-1] < monitor.losses[0]


def test_measuring_does_not_change_the_training(trainer: Any):
    import torch

    weights = []
    for callback in (None, LossMonitor().callback(instance_losses(rows_of(5)), every=1)):
        run = trainer(callback)
        run.train()
        weights.append(torch.cat([p.detach().ravel() for p in run.model.parameters()]))
    assert torch.equal(*weights)


def test_a_real_trainer_that_evaluates_tasks_is_recorded(trainer: Any):
    tasks = {"sum": rows_of(4, 8, seed=1), "sort": rows_of(2, 8, seed=2)}
    monitor = LossMonitor()
    run = trainer(
        monitor.callback(),
        eval_dataset=tasks,
        eval_strategy="steps",
        eval_steps=2,
        eval_on_start=True,
    )
    run.train()
    # The Trainer evaluates after the last step too.
    assert [(p.step, p.examples) for p in monitor.curve] == [(0, 0), (2, 4), (4, 8), (5, 10)]
    final = run.evaluate()
    assert len(monitor.curve) == 4
    assert set(monitor.curve[-1].by_group) == {"sum", "sort"}
    assert monitor.curve[-1].macro == pytest.approx(
        np.mean(list(monitor.curve[-1].by_group.values()))
    )
    assert "eval_sum_loss" in final


def test_a_real_trainer_stops_when_it_is_asked_to(trainer: Any):
    monitor = LossMonitor()
    run = trainer(monitor.callback(lambda _: [1.0], every=1, stop=True, patience=2))
    run.train()
    assert run.state.global_step == 2
    goes_on = trainer(LossMonitor().callback(lambda _: [1.0], every=1, patience=2))
    goes_on.train()
    assert goes_on.state.global_step == 5


def test_a_real_trainer_goes_on_from_a_checkpoint(trainer: Any, tmp_path: Path):
    path, target = tmp_path / "monitor.json", rows_of(6, seed=5)
    every_step = {"save_strategy": "steps", "save_steps": 1}

    def callback(monitor: LossMonitor) -> Any:
        return monitor.callback(instance_losses(target), every=1, save_to=path)

    trainer(callback(LossMonitor()), **every_step).train()
    whole = LossMonitor.load(path)
    resumed = trainer(callback(LossMonitor.load(path)), **every_step)
    resumed.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-2"))
    again = LossMonitor.load(path)
    assert again.steps.tolist() == whole.steps.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(again.losses, whole.losses, rtol=1e-5)
    assert [p.examples for p in again.curve] == [0, 2, 4, 6, 8, 10]


def test_a_real_trainer_that_shuffles_is_warned(trainer: Any, caplog: pytest.LogCaptureFixture):
    order = SimpleNamespace(turn=np.zeros(10, np.int64))
    for sampling in ("sequential", "random"):
        assert "Sampler" not in caplog.text
        monitor = LossMonitor(arrangement=order)
        run = trainer(monitor.callback(lambda _: [1.0]), train_sampling_strategy=sampling)
        with caplog.at_level(logging.WARNING, "instructdiv"):
            run.train()
    assert "RandomSampler" in caplog.text


def test_a_point_can_be_written_as_json():
    point = LossMonitor().record(np.int64(3), np.array([1.0]), examples=np.int64(48))  # type: ignore[arg-type]
    assert isinstance(point, LossPoint)
    assert json.loads(json.dumps(point.__dict__))["examples"] == 48
