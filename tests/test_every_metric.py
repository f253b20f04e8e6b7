"""What every metric promises, checked for every metric there is."""

import numpy as np
import pytest

from instructdiv import KCenter, Pool, Random, Selection, Space
from instructdiv.errors import ParameterError, ShapeError
from instructdiv.metrics import Assessment, CoverageRadius, Metric
from instructdiv.metrics import base as metrics_base
from tests.pools import DISTINCT, POOLS, TINY, clustered

METRICS = [m() for m in Metric.known().values() if m.__module__.startswith("instructdiv.")]
COVERING = [m for m in METRICS if m.name not in ("vendi", "effective_clusters")]

every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
covering = pytest.mark.parametrize("metric", COVERING, ids=lambda m: m.name)


def test_the_metrics_of_part_one_are_found():
    assert {m.name for m in METRICS} >= {
        "coverage_radius",
        "facility_location",
        "vendi",
        "effective_clusters",
        "mean_nearest_similarity",
    }


@every_metric
@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())
def test_is_a_finite_number_for_any_subset(metric, pool):
    for n in {1, len(pool)}:
        assert np.isfinite(metric.score(pool.space.take(np.arange(n)), pool.space))


@every_metric
def test_the_order_of_the_subset_does_not_count(metric):
    rows = np.random.default_rng(0).permutation(40)
    forth = metric.score(DISTINCT.space.take(rows), DISTINCT.space)
    back = metric.score(DISTINCT.space.take(rows[::-1]), DISTINCT.space)
    assert forth == pytest.approx(back, rel=1e-6)


@covering
def test_one_more_row_never_covers_less(metric):
    scores = [metric.score(DISTINCT.space.take(np.arange(n)), DISTINCT.space) for n in (1, 5, 50)]
    scores.append(metric.score(DISTINCT.space, DISTINCT.space))
    better = np.diff(scores) if metric.higher_is_better else -np.diff(scores)
    assert (better >= 0).all()


@covering
def test_a_copy_adds_no_coverage(metric):
    once = metric.score(DISTINCT.space.take([3, 9]), DISTINCT.space)
    twice = metric.score(DISTINCT.space.take([3, 9, 9, 3]), DISTINCT.space)
    assert once == twice


@covering
def test_covers_a_target_other_than_the_pool(metric):
    near, far = DISTINCT.space.take(np.arange(20)), Space.of(-DISTINCT.space.vectors[:20])
    a, b = metric.score(near, near), metric.score(far, near)
    assert a > b if metric.higher_is_better else a < b


@every_metric
def test_refuses_a_target_of_another_dimension(metric):
    with pytest.raises(ShapeError, match="16 dimensions .* 4"):
        metric.score(DISTINCT.space, TINY.space)


@every_metric
def test_stands_beside_the_band_of_random_draws_of_its_size(metric):
    found = metric.assess(Random(seed=3).select(DISTINCT, 30), DISTINCT, draws=40, seed=1)
    assert found.random_low <= found.random_median <= found.random_high
    assert 0 <= found.percentile <= 100
    assert (found.draws, found.measured_on, found.metric) == (40, len(DISTINCT), metric.name)
    assert found.pool_value == pytest.approx(metric.score(DISTINCT.space, DISTINCT.space))
    assert found == metric.assess(Random(seed=3).select(DISTINCT, 30), DISTINCT, draws=40, seed=1)


@every_metric
def test_says_what_it_is_and_comes_back_from_its_mapping(metric):
    assert "Examples" in (type(metric).__doc__ or "")
    assert Metric.from_mapping(metric.to_mapping()) == metric


def test_the_verdict_follows_the_direction_of_the_metric():
    selection = KCenter(ignored_share=0).select(DISTINCT, 30)
    assert CoverageRadius().assess(selection, DISTINCT).verdict == "better than random"
    worst = Selection(np.flatnonzero(DISTINCT.groups == "group 0")[:30], np.zeros(30))
    assert CoverageRadius(share=0.9).assess(worst, DISTINCT).verdict == "worse than random"


def test_a_tie_with_every_draw_is_the_middle_of_the_band():
    found = Assessment.of("m", 2.0, 2.0, np.full(8, 2.0), higher_is_better=True, measured_on=1)
    assert (found.percentile, found.verdict) == (50, "like random")


def test_a_large_target_is_measured_on_a_stated_sample(monkeypatch):
    monkeypatch.setattr(metrics_base, "SAMPLE", 50)
    pool = clustered(200, 8, 4)
    found = metrics_base.assess(METRICS, Random().select(pool, 20), pool, draws=3)
    assert {m.measured_on for m in found} == {50}
    nearest = next(m for m in found if m.metric == "mean_nearest_similarity")
    assert nearest.pool_value == 1


@pytest.mark.parametrize("rows", [[], [200], list(range(121))])
def test_a_selection_of_another_pool_is_refused(rows):
    selection = Selection(np.array(rows, np.int64), np.zeros(len(rows)))
    with pytest.raises(ShapeError, match="empty, or not of this pool"):
        CoverageRadius().assess(selection, DISTINCT)


@pytest.mark.parametrize("share", [0, 1.1, float("nan"), "all"])
def test_a_share_out_of_range_is_shown(share):
    with pytest.raises(ParameterError, match="coverage_radius: share = "):
        CoverageRadius(share=share)


def test_the_share_that_is_ignored_is_the_farthest():
    pool = Pool.from_embeddings(np.array([[1, 0], [1, 0.01], [1, 0.02], [0, 1]]))
    subset = pool.space.take([0])
    assert CoverageRadius(share=0.75).score(subset, pool.space) < 0.001
    assert CoverageRadius(share=0.76).score(subset, pool.space) == 1
