"""The loss monitor: its means, its answers, and what fills it inside a real Trainer.

The tests with a real Trainer need accelerate, without which transformers has none.
"""

import csv
import json
import logging
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv.errors import InputError, ParameterError, ShapeError, UsageError
from instructdiv.training import LossMonitor, Stop

NAN, INF = math.nan, math.inf


def monitored(losses: list[float], every: int = 10, **more: Any) -> LossMonitor:
    monitor = LossMonitor(**more)
    for number, loss in enumerate(losses):
        monitor.record(number * every, [loss])
    return monitor


LOSS = st.floats(0, 10) | st.sampled_from([NAN, INF, -INF])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), LOSS), min_size=1, max_size=12))
def test_means_are_over_what_can_be_used(rows: list[tuple[str, float]]):
    groups, losses = [group for group, _ in rows], [loss for _, loss in rows]
    point = LossMonitor().record(0, losses, groups)
    usable = [(group, loss) for group, loss in rows if math.isfinite(loss)]
    by_group = {
        name: np.mean([loss for group, loss in usable if group == name])
        for name in sorted({group for group, _ in usable})
    }
    assert point.by_group == pytest.approx(by_group)
    assert point.counted == len(usable)
    assert point.nan == sum(map(math.isnan, losses))
    assert point.infinite == sum(map(math.isinf, losses))
    if usable:
        assert point.micro == pytest.approx(np.mean([loss for _, loss in usable]))
        assert point.macro == pytest.approx(np.mean(list(by_group.values())))
    else:
        assert math.isnan(point.micro)
        assert math.isnan(point.macro)


def test_a_loss_that_is_nan_is_not_counted_as_zero():
    assert LossMonitor().record(0, [2.0, NAN]).micro == 2.0


def test_losses_too_large_for_a_sum_count_as_infinite(tmp_path: Path):
    monitor = LossMonitor(batch_size=np.int64(4))  # type: ignore[arg-type]
    for losses in ([1e308, 1e308], [-1e308, 2.0], [1e300, 1e300]):
        monitor.record(len(monitor.curve), losses)
    assert [point.infinite for point in monitor.curve] == [2, 1, 0]
    assert [point.counted for point in monitor.curve] == [0, 1, 2]
    assert monitor.losses.tolist() == [2.0, 1e300]
    back = LossMonitor.load(monitor.save(tmp_path / "monitor.json"))
    assert back.losses.tolist() == [2.0, 1e300]
    assert json.loads((tmp_path / "monitor.json").read_text())["points"][0]["macro"] is None


def test_without_groups_both_means_are_the_same():
    point = LossMonitor().record(0, [1.0, 2.0, 6.0])
    assert point.macro == point.micro == 3.0


def test_the_mean_asked_for_is_the_loss():
    for mean, expected in (("macro", 3.0), ("micro", 2.0)):
        monitor = LossMonitor(mean, groups=["a", "a", "b"])  # type: ignore[arg-type]
        monitor.record(0, [1.0, 0.0, 5.5])
        assert monitor.losses.tolist() == pytest.approx([expected if mean == "macro" else 6.5 / 3])


def test_losses_may_come_by_group():
    point = LossMonitor().record(0, {"sum": 1.0, "sort": [2.0, 4.0]})
    assert point.macro == 2.0
    assert point.micro == pytest.approx(7 / 3)


def test_evaluations_of_which_nothing_is_left_are_kept_and_passed_over(
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.WARNING, "instructdiv"):
        monitor = monitored([4.0, NAN, 3.0, INF, 2.0])
    assert caplog.messages == ["step 10: of 1 losses 1 are NaN and 0 infinite; they are left out"]
    assert len(monitor.curve) == 5
    assert monitor.steps.tolist() == [0, 20, 40]
    assert monitor.losses.tolist() == [4.0, 3.0, 2.0]
    assert monitor.area_under_curve() == 3.0
    assert monitor.plateau(0.01, patience=1) is None


def test_without_any_loss_the_questions_that_need_one_are_errors():
    for monitor in (LossMonitor(), monitored([NAN, NAN])):
        with pytest.raises(UsageError, match="no evaluation"):
            monitor.area_under_curve()
        with pytest.raises(UsageError, match="no evaluation"):
            monitor.regression()
        assert monitor.steps_to(9.0) is None
        assert monitor.drop_step() is None
        assert monitor.recommend_stop() is None


CURVES = st.lists(st.floats(0, 9), min_size=1, max_size=15)


@settings(deadline=None)
@given(CURVES)
def test_the_area_is_that_of_the_trapezoids(losses: list[float]):
    steps = np.cumsum(np.arange(len(losses)))
    monitor = LossMonitor()
    for step, loss in zip(steps.tolist(), losses, strict=True):
        monitor.record(step + 5, [loss])
    area = sum(
        (losses[i] + losses[i + 1]) / 2 * (steps[i + 1] - steps[i]) for i in range(len(losses) - 1)
    )
    assert monitor.area_under_curve(normalized=False) == pytest.approx(area)
    span = steps[-1]
    assert monitor.area_under_curve() == pytest.approx(area / span if span else losses[0])


@settings(deadline=None)
@given(CURVES, st.floats(0, 9))
def test_the_step_to_a_threshold_is_the_first_that_reaches_it(
    losses: list[float], threshold: float
):
    monitor = monitored(losses)
    step = monitor.steps_to(threshold)
    if step is None:
        assert min(losses) > threshold
    else:
        assert losses[step // 10] <= threshold
        assert all(loss > threshold for loss in losses[: step // 10])


@settings(deadline=None)
@given(CURVES, st.floats(0.01, 1))
def test_the_drop_step_is_the_first_that_has_fallen_so_far(losses: list[float], share: float):
    step = monitored(losses).drop_step(share)
    total = losses[0] - min(losses)
    if total == 0:
        assert step is None
        return
    assert step is not None
    place = step // 10
    assert losses[0] - losses[place] >= share * total - 1e-9
    assert all(losses[0] - loss < share * total + 1e-9 for loss in losses[:place])


def test_the_whole_drop_is_reached_at_the_lowest_loss():
    assert monitored([4.4, 1.1, 0.9, 0.8, 1.0]).drop_step(1) == 30
    assert monitored([1.0, 2.0]).drop_step() is None


def plain_stop(losses: list[float], min_delta: float, patience: int) -> int | None:
    """As early stopping is usually written."""
    best, at, waited = INF, -1, 0
    for place, loss in enumerate(losses):
        if loss < best and best - loss >= min_delta:
            best, at, waited = loss, place, 0
        else:
            waited += 1
            if waited >= patience:
                return at * 10
    return None


@settings(deadline=None)
@given(CURVES, st.sampled_from([0, 0.01, 0.5, 2.0]), st.integers(1, 4))
def test_a_stop_is_that_of_early_stopping(losses: list[float], min_delta: float, patience: int):
    monitor = monitored(losses)
    expected = plain_stop(losses, min_delta, patience)
    assert monitor.plateau(min_delta, patience) == expected
    stop = monitor.recommend_stop(min_delta=min_delta, patience=patience)
    assert (None if stop is None else stop.step) == expected


def test_small_falls_add_up():
    monitor = monitored([3.0, 2.996, 2.992, 2.988, 2.984, 2.98, 2.976])
    assert monitor.plateau(0.01, patience=3) is None
    assert monitor.plateau(0.01, patience=2) == 0


def test_an_early_stop_stays_whatever_comes_after():
    monitor = monitored([3.0, 2.0, 2.0, 2.0])
    early = monitor.recommend_stop(patience=2)
    monitor.record(40, [0.1])
    assert monitor.recommend_stop(patience=2) == early


def test_a_stop_tells_examples_and_turn():
    order = SimpleNamespace(turn=np.repeat(np.arange(4), 8))
    monitor = monitored([3.0, 2.0, 2.5, 2.5], every=1, arrangement=order, batch_size=8)
    stop = monitor.recommend_stop(patience=2)
    assert isinstance(stop, Stop)
    assert (stop.step, stop.examples, stop.turn) == (1, 8, 0)
    assert str(stop) == (
        "stop at step 1, 8 examples, turn 0: in 2 evaluations after it the loss fell by less "
        "than 0.01; it was 2.0000 and is 2.5000"
    )
    later = monitored([3.0, 2.0, 1.0, 2.5], every=1, arrangement=order, batch_size=8)
    assert (found := later.recommend_stop(patience=1)) is not None
    assert found.turn == 1
    second_pass = monitored([9.0, 8, 7, 6, 5, 4, 4], every=1, arrangement=order, batch_size=8)
    assert (found := second_pass.recommend_stop(patience=1)) is not None
    assert (found.examples, found.turn) == (40, 0)


def test_before_training_and_without_an_arrangement_there_is_no_turn():
    order = SimpleNamespace(turn=np.arange(4))
    rising = monitored([1.0, 2.0], arrangement=order, batch_size=4)
    assert (stop := rising.recommend_stop(patience=1)) is not None
    assert (stop.step, stop.examples, stop.turn) == (0, 0, None)
    assert (stop := monitored([1.0, 2.0]).recommend_stop(patience=1)) is not None
    assert (stop.examples, stop.turn) == (None, None)
    assert str(stop).startswith("stop at step 0: in 1 evaluation after it")


def test_regression_is_how_far_it_is_above_the_lowest():
    assert monitored([3.0, 0.5, 0.75]).regression() == 0.25
    assert monitored([3.0, 0.5]).regression() == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=20))
def test_a_resumed_run_replaces_what_came_after_its_checkpoint(steps: list[int]):
    monitor, expected = LossMonitor(), dict[int, float]()
    for number, step in enumerate(steps):
        monitor.record(step, [float(number)])
        expected = {s: loss for s, loss in expected.items() if s < step} | {step: float(number)}
    assert {point.step: point.macro for point in monitor.curve} == expected
    assert monitor.steps.tolist() == sorted(expected)


def test_one_group_alone():
    monitor = LossMonitor(groups=["sum", "sort", "sort"], batch_size=4)
    monitor.record(0, [3.0, 1.0, 2.0])
    monitor.record(1, [NAN, 1.0, NAN])
    alone = monitor.only("sort")
    assert alone.losses.tolist() == [1.5, 1.0]
    assert [point.examples for point in alone.curve] == [0, 4]
    assert monitor.only("sum").steps.tolist() == [0]
    with pytest.raises(InputError, match="no group is named 'other'; known: sort, sum"):
        monitor.only("other")


def test_a_monitor_survives_being_saved(tmp_path: Path):
    order = SimpleNamespace(turn=np.zeros(90, np.int64))
    monitor = LossMonitor("micro", groups=["a", "b"], arrangement=order, batch_size=3)
    for step, losses in enumerate([[3.0, 1.0], [NAN, NAN], [INF, 0.5], [2.0, 0.6]]):
        monitor.record(step, losses)
    text = monitor.save(tmp_path / "monitor.json").read_text()
    assert "NaN" not in text
    loaded = LossMonitor.load(tmp_path / "monitor.json", order)
    assert repr(loaded.curve) == repr(monitor.curve)
    assert (loaded.mean, loaded.groups, loaded.batch_size) == ("micro", ["a", "b"], 3)
    assert loaded.recommend_stop(patience=1) == monitor.recommend_stop(patience=1)
    assert loaded.record(9, [1.0, 1.0]).examples == 27
    with monitor.save(tmp_path / "monitor.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["micro"] for row in rows] == ["2.0", "", "0.5", "1.3"]
    assert "Plotly.newPlot" in monitor.save(tmp_path / "monitor.html").read_text()
    assert {line.name for line in monitor.plot().data} == {"macro", "micro"}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"mean": "median", "points": []}'])
def test_a_file_that_is_no_monitor_is_refused(content: str, tmp_path: Path):
    (tmp_path / "monitor.json").write_text(content)
    with pytest.raises(InputError, match="does not hold a loss monitor"):
        LossMonitor.load(tmp_path / "monitor.json")
    with pytest.raises(InputError, match="does not hold a loss monitor"):
        LossMonitor.load(tmp_path / "missing.json")


def test_wrong_arguments_are_named():
    monitor = LossMonitor(groups=["a", "b"])
    shapes: list[Any] = [[], [[1.0, 2.0]], 3.0, {}]
    for losses in shapes:
        with pytest.raises(ShapeError, match="shape"):
            monitor.record(0, losses)
    with pytest.raises(ShapeError, match="2 groups do not fit 3 losses"):
        monitor.record(0, [1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="numbers"):
        monitor.record(0, ["low", "high"])
    for step in (-1, 0.5, True):
        with pytest.raises(ParameterError, match="step"):
            monitor.record(step, [1.0, 2.0])  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="examples"):
        monitor.record(0, [1.0, 2.0], examples=-4)
    with pytest.raises(ParameterError, match="median"):
        LossMonitor("median")  # type: ignore[arg-type]
    wrong: list[Any] = [0, -1, 1.5, True, "3"]
    for number in wrong:
        with pytest.raises(ParameterError, match="batch_size must be a whole number from 1"):
            LossMonitor(batch_size=number)
        with pytest.raises(ParameterError, match="every must be"):
            monitor.callback(every=number)
        for ask in (monitor.recommend_stop, monitor.plateau, monitor.callback):
            with pytest.raises(ParameterError, match="patience must be"):
                ask(patience=number)
    for order in (SimpleNamespace(), SimpleNamespace(turn=[]), SimpleNamespace(turn=[0.5])):
        with pytest.raises(ShapeError, match="turn"):
            LossMonitor(arrangement=order)
    with pytest.raises(ParameterError, match="share"):
        monitor.drop_step(0)
    with pytest.raises(ParameterError, match="min_delta"):
        monitor.plateau(-0.1)
    with pytest.raises(ParameterError, match="json"):
        monitor.callback(save_to="curve.csv")
    assert monitor.curve == ()
