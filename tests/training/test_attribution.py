"""Attribution: the steps in which a loss fell most, and the records that were read there."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from instructdiv.errors import ParameterError, ShapeError, UsageError
from instructdiv.training import LossMonitor, attribute_drop, track
from tests.pools import NINETY, TARGETS
from tests.training.monitored import monitored

LOSSES = [3.0, 2.8, 2.7, 1.5, 1.4, 1.45, 1.3]


def test_the_window_is_where_the_loss_fell_most():
    order = np.random.default_rng(3).permutation(len(NINETY))
    found = attribute_drop(
        monitored(LOSSES), order, track(NINETY, order, TARGETS["apart"]), top=None
    )
    assert (found.from_step, found.to_step, found.examples) == (2, 3, (20, 30))
    assert (found.loss_before, found.loss_after) == (2.7, 1.5)
    assert {r.row for r in found.records} == set(order[20:30].tolist())
    assert all(order[r.example] == r.row for r in found.records)
    assert "steps 2 and 3, from 2.7000 to 1.5000, on examples 20 to 29" in str(found)


def test_records_are_ranked_by_what_each_added():
    order = np.random.default_rng(4).permutation(len(NINETY))
    target = TARGETS["apart"]
    found = attribute_drop(monitored(LOSSES), order, track(NINETY, order, target), top=None)
    covered = [
        NINETY.space.take(order[:n]).nearest_similarity(target.space).astype(np.float64).mean()
        for n in range(20, 31)
    ]
    gains = dict(zip(order[20:30].tolist(), np.diff(covered), strict=True))
    for record in found.records:
        assert record.gain == pytest.approx(gains[record.row], abs=1e-6)
    ranks = [(record.gain or 0, record.similarity or 0) for record in found.records]
    assert ranks == sorted(ranks, reverse=True)
    assert found.coverage_before == pytest.approx(covered[0], abs=1e-6)
    assert found.coverage_after == pytest.approx(covered[-1], abs=1e-6)
    again = attribute_drop(monitored(LOSSES), order, track(NINETY, order[:60], target), top=3)
    assert again.records == found.records[:3]


def test_the_correlations_are_those_of_scipy():
    from scipy.stats import spearmanr

    order = np.random.default_rng(5).permutation(len(NINETY))
    tracker = track(NINETY, order, TARGETS["apart"])
    found = attribute_drop(monitored(LOSSES), order, tracker)
    at = np.concatenate([[0], tracker.coverage_after])[np.arange(7) * 10]
    change, growth = np.diff(LOSSES), np.diff(at)
    assert found.correlation == pytest.approx(spearmanr(change, growth).statistic)
    assert found.lagged_correlation == pytest.approx(spearmanr(change[1:], growth[:-1]).statistic)
    assert found.intervals == 6
    assert f"{found.correlation:.2f}" in str(found)


def test_a_loss_that_follows_coverage_is_correlated_with_it():
    order = np.random.default_rng(6).permutation(len(NINETY))
    tracker = track(NINETY, order, TARGETS["apart"])
    covered = np.concatenate([[0], tracker.coverage_after])[::10]
    same = attribute_drop(monitored((3 - covered).tolist()), order, tracker)
    assert same.correlation == pytest.approx(-1)
    later = monitored([3.0, *(3 - covered).tolist()[:-1]])
    assert attribute_drop(later, order, tracker).lagged_correlation == pytest.approx(-1)


def test_few_or_even_changes_have_no_correlation():
    found = attribute_drop(
        monitored([3.0, 2.0, 1.0]), range(20), track(NINETY, range(20), TARGETS["one"])
    )
    assert found.correlation is None
    assert found.lagged_correlation is None
    even = attribute_drop(
        monitored([5.0, 4.0, 3.0, 2.0, 1.0]), range(40), track(NINETY, range(40), TARGETS["one"])
    )
    assert even.correlation is None
    assert "rank correlation" not in str(even)


def test_one_task_and_later_steps_can_be_looked_at():
    monitor = LossMonitor(groups=["sum", "sort"], batch_size=10)
    for step, (one, other) in enumerate([(5.0, 2.0), (1.0, 2.0), (1.0, 1.0), (0.9, 0.9)]):
        monitor.record(step, [one, other])
    assert attribute_drop(monitor, range(40)).to_step == 1
    assert attribute_drop(monitor.only("sort"), range(40)).to_step == 2
    assert attribute_drop(monitor, range(40), from_step=2).to_step == 3


def test_without_a_tracker_the_similarities_of_the_arrangement_rank():
    similarity = np.array([0.1, np.nan, 0.9, 0.3])
    order = SimpleNamespace(indices=np.array([7, 5, 3, 1]), similarity=similarity)
    records = attribute_drop(monitored([3.0, 1.0], 4), order).records
    assert [(r.row, r.similarity, r.gain) for r in records] == [
        (3, 0.9, None),
        (1, 0.3, None),
        (7, 0.1, None),
        (5, None, None),
    ]
    plain = attribute_drop(monitored([3.0, 1.0], 4), [7, 5, 3, 1])
    assert [r.row for r in plain.records] == [7, 5, 3, 1]
    assert plain.coverage_before is None
    assert [line.split() for line in str(plain).splitlines()[-4:-1]] == [
        ["7", "0"], ["5", "1"], ["3", "2"],
    ]  # fmt: skip


def test_attribution_refuses_what_does_not_fit():
    with pytest.raises(UsageError, match="two evaluations"):
        attribute_drop(monitored([1.0]), range(9))
    with pytest.raises(UsageError, match="two evaluations"):
        attribute_drop(monitored([math.nan, 1.0, math.nan]), range(90))
    with pytest.raises(UsageError, match="never fell"):
        attribute_drop(monitored([1.0, 1.0, 2.0]), range(90))
    with pytest.raises(ShapeError, match="60 examples were trained on, but the order has 50"):
        attribute_drop(monitored(LOSSES), range(50))
    with pytest.raises(ShapeError, match="but the tracker has 59"):
        attribute_drop(monitored(LOSSES), range(90), track(NINETY, range(59), TARGETS["one"]))
    unknown = LossMonitor()
    for step, loss in enumerate(LOSSES):
        unknown.record(step, [loss])
    with pytest.raises(UsageError, match="batch_size"):
        attribute_drop(unknown, range(90))


def test_attribution_sees_whose_arrangement_it_is():
    from instructdiv.arrangement import Arrangement

    order = Arrangement(np.arange(9), np.zeros(9, np.int64), fingerprint=NINETY.fingerprint)
    monitor, target = monitored([3.0, 1.0], 4), TARGETS["one"]
    attribute_drop(monitor, order, track(NINETY, order, target))
    with pytest.raises(ShapeError, match="another pool"):
        track(NINETY.take(range(50)), order, target)


def test_top_is_a_whole_number():
    monitor = monitored(LOSSES)
    for top in (0, -1, 1.5, True):
        with pytest.raises(ParameterError, match="top"):
            attribute_drop(monitor, range(90), top=top)  # type: ignore[arg-type]
