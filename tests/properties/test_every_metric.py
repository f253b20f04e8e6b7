"""What every metric promises, checked for every metric there is."""

import numpy as np
import pytest

from instructdiv import KCenter, Pool, Random, Selection, Space
from instructdiv.errors import InputError, ParameterError, ShapeError
from instructdiv.metrics import (
    Assessment,
    CoverageRadius,
    GroupCoverage,
    MeanNearestSimilarity,
    Metric,
    Nearest,
    RandomBaseline,
)
from instructdiv.metrics import random_baseline as draws_module
from tests import pools
from tests.pools import TINY, clustered, readable

POOLS = {name: readable(pool) for name, pool in pools.POOLS.items()}
DISTINCT = POOLS["distinct"]
METRICS = [m() for m in Metric.known().values() if m.__module__.startswith("instructdiv.")]
OF_VECTORS = [m for m in METRICS if m.looks_at == "vectors"]
COVERING = [m for m in METRICS if isinstance(m, Nearest | GroupCoverage)]


def assessed(metric, selection, pool, *, target=None, **more) -> Assessment:
    return RandomBaseline(pool, target, **more).assess([metric], selection)[0]


every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
of_vectors = pytest.mark.parametrize("metric", OF_VECTORS, ids=lambda m: m.name)
covering = pytest.mark.parametrize("metric", COVERING, ids=lambda m: m.name)


def test_the_metrics_that_come_with_the_library_are_found():
    assert {m.name: m.looks_at for m in METRICS} == {
        "cluster_entropy": "vectors",
        "compression_ratio": "texts",
        "coverage_at": "vectors",
        "coverage_radius": "vectors",
        "distinct_n": "texts",
        "effective_clusters": "vectors",
        "facility_location": "vectors",
        "group_balance": "groups",
        "group_coverage": "groups",
        "log_determinant": "vectors",
        "mean_nearest_similarity": "vectors",
        "nearest_distance_summary": "vectors",
        "novel_sum": "vectors",
        "self_repetition": "texts",
        "vendi": "vectors",
    }


@every_metric
@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())
def test_is_a_finite_number_for_any_subset(metric, pool):
    for n in {1, len(pool)}:
        found = metric.score(pool.take(np.arange(n)), pool)
        assert isinstance(found, float)
        assert np.isfinite(found)


@every_metric
def test_the_order_of_the_subset_does_not_count(metric):
    rows = np.random.default_rng(0).permutation(40)
    forth = metric.score(DISTINCT.take(rows), DISTINCT)
    back = metric.score(DISTINCT.take(rows[::-1]), DISTINCT)
    assert forth == pytest.approx(back, rel=1e-6)


@every_metric
def test_one_function_serves_many_subsets(metric):
    score = metric.against(DISTINCT)
    for n in (40, 3, 40):
        subset = DISTINCT.take(np.arange(n))
        assert score(subset) == pytest.approx(metric.score(subset, DISTINCT), rel=1e-6)


@of_vectors
def test_vectors_in_any_form_give_the_same(metric):
    rows = np.arange(9)
    of_pools = metric.score(DISTINCT.take(rows), DISTINCT)
    assert metric.score(DISTINCT.space.take(rows), DISTINCT.space) == of_pools
    arrays = metric.score(DISTINCT.space.vectors[rows], DISTINCT.space.vectors)
    assert arrays == pytest.approx(of_pools, rel=1e-5)


@covering
def test_one_more_row_never_covers_less(metric):
    scores = [metric.score(DISTINCT.take(np.arange(n)), DISTINCT) for n in (1, 5, 50)]
    scores.append(metric.score(DISTINCT, DISTINCT))
    better = np.diff(scores) if metric.higher_is_better else -np.diff(scores)
    assert (better >= 0).all()
    assert better.any()


@covering
def test_a_copy_adds_no_coverage(metric):
    once = metric.score(DISTINCT.take([3, 9]), DISTINCT)
    twice = metric.score(DISTINCT.take([3, 9, 9, 3]), DISTINCT)
    assert once == twice


@pytest.mark.parametrize("metric", [m for m in COVERING if m in OF_VECTORS], ids=lambda m: m.name)
def test_covers_a_target_other_than_the_pool(metric):
    near, far = DISTINCT.space.take(np.arange(20)), Space.of(-DISTINCT.space.vectors[:20])
    a, b = metric.score(near, near), metric.score(far, near)
    assert a > b if metric.higher_is_better else a < b


@of_vectors
def test_refuses_a_target_of_another_dimension(metric):
    with pytest.raises(ShapeError, match="16 dimensions .* 4"):
        metric.score(DISTINCT.space, TINY.space)
    with pytest.raises(ShapeError, match="dimensions"):
        assessed(metric, Random().select(DISTINCT, 3), DISTINCT, target=TINY)


@every_metric
def test_says_what_a_pool_lacks(metric):
    bare = Pool.from_embeddings(DISTINCT.space)
    selection = Random().select(bare, 3)
    if metric.looks_at == "vectors":
        assert assessed(metric, selection, bare, n_draws=2).n_draws == 2
        return
    kind, said = {
        "groups": (ShapeError, f"{metric.name} looks at groups, and the .* has none"),
        "texts": (InputError, f"{metric.name} looks at texts, and .* vectors alone has none"),
    }[metric.looks_at]
    with pytest.raises(kind, match=said):
        metric.score(bare, DISTINCT)
    with pytest.raises(kind, match=said):
        metric.score(bare.space.take([0]), bare.space)
    with pytest.raises(kind, match=said):
        assessed(metric, selection, bare)


@every_metric
def test_stands_beside_the_band_of_random_draws_of_its_size(metric):
    selection = Random(seed=3).select(DISTINCT, 30)
    found = assessed(metric, selection, DISTINCT, n_draws=40, seed=1)
    assert found.random_low <= found.random_median <= found.random_high
    assert 0 <= found.percentile <= 100
    assert (found.n_draws, found.measured_on, found.metric) == (40, len(DISTINCT), metric.name)
    assert found.standard_error == 0
    assert found.higher_is_better == metric.higher_is_better
    seeded, chosen = metric.seeded(1), DISTINCT.take(selection.indices)
    assert found.pool_value == pytest.approx(seeded.score(DISTINCT, DISTINCT), rel=1e-6)
    assert found.value == pytest.approx(seeded.score(chosen, DISTINCT), rel=1e-6)
    assert found == assessed(metric, selection, DISTINCT, n_draws=40, seed=1)


@every_metric
def test_the_band_is_that_of_the_draws(metric):
    drawn = RandomBaseline(DISTINCT, n_draws=5, seed=7)
    seeded = metric.seeded(7)
    scores = [seeded.score(DISTINCT.take(rows), DISTINCT) for rows in drawn.rows(30)]
    found = assessed(metric, Random().select(DISTINCT, 30), DISTINCT, n_draws=5, seed=7)
    expected = np.percentile(scores, [5, 50, 95])
    band = [found.random_low, found.random_median, found.random_high]
    assert band == pytest.approx(expected, rel=1e-5, abs=1e-7)


@every_metric
def test_says_what_it_is_and_comes_back_from_its_mapping(metric):
    said = " ".join((type(metric).__doc__ or "").split())
    assert all(part in said for part in ("Examples", "References", "er is better", "Time"))
    assert Metric.of(metric.to_mapping()) == metric


def test_several_metrics_together_give_what_each_gives_alone():
    selection = KCenter().select(DISTINCT, 20)
    together = RandomBaseline(DISTINCT, n_draws=6, seed=2).assess(METRICS, selection)
    assert together == [assessed(m, selection, DISTINCT, n_draws=6, seed=2) for m in METRICS]


def test_the_verdict_follows_the_direction_of_the_metric():
    selection = KCenter(ignored_share=0).select(DISTINCT, 30)
    assert assessed(CoverageRadius(), selection, DISTINCT).verdict == "better than random"
    worst = Selection(np.flatnonzero(DISTINCT.groups == "group 0")[:30], np.zeros(30))
    assert assessed(CoverageRadius(share=0.9), worst, DISTINCT).verdict == "worse than random"


def test_a_tie_with_every_draw_is_the_middle_of_the_band():
    found = Assessment.of("m", 2.0, 2.0, np.full(8, 2.0), higher_is_better=True, measured_on=1)
    assert (found.percentile, found.verdict, found.standard_error) == (50, "like random", 0)


def test_two_settings_of_one_metric_are_told_apart():
    metrics = [CoverageRadius(), CoverageRadius(share=0.95)]
    found = RandomBaseline(DISTINCT, n_draws=2).assess(metrics, Random().select(DISTINCT, 9))
    assert [one.metric for one in found] == ["coverage_radius", "coverage_radius(share=0.95)"]


def test_a_large_target_is_measured_on_a_stated_sample(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(draws_module, "SAMPLE", 50)
    pool = readable(clustered(200, 8, 4))
    found = RandomBaseline(pool, n_draws=3).assess(METRICS, Random().select(pool, 20))
    for metric, one in zip(METRICS, found, strict=True):
        assert one.measured_on == (50 if metric.looks_at == "vectors" else 200)
        assert (one.standard_error > 0) == isinstance(metric, Nearest)
    assert next(one for one in found if one.metric == "mean_nearest_similarity").pool_value == 1


def test_a_pool_that_would_take_long_is_measured_on_fewer_rows(monkeypatch: pytest.MonkeyPatch):
    pool = clustered(3000, 8, 4)
    kept = Random().select(pool, 1500)
    metric = MeanNearestSimilarity()
    assert assessed(metric, kept, pool, n_draws=4).measured_on == 3000
    monkeypatch.setattr(draws_module, "_WORK", 2000 * 3000 * 8)
    for size in (1500, 500, 3):
        kept = Random().select(pool, size)
        assert assessed(metric, kept, pool, n_draws=4).measured_on == 2000, "whatever the budget"
    monkeypatch.setattr(draws_module, "_WORK", 1)
    assert assessed(metric, kept, pool, n_draws=4).measured_on == 1000


def test_the_standard_error_is_how_far_other_samples_lie(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(draws_module, "SAMPLE", 700)
    pool = clustered(900, 8, 4)
    kept, metric = Random().select(pool, 40), MeanNearestSimilarity()
    found = [assessed(metric, kept, pool, n_draws=1, seed=seed) for seed in range(60)]
    truth = metric.score(pool.take(kept.indices), pool)
    spread = np.sqrt(np.mean([(one.value - truth) ** 2 for one in found]))
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.3)


@pytest.mark.parametrize("rows", [[], [200], list(range(121))])
def test_a_selection_of_another_pool_is_refused(rows):
    selection = Selection(np.array(rows, np.int64), np.zeros(len(rows)))
    with pytest.raises(ShapeError, match="empty, or not of this pool"):
        assessed(CoverageRadius(), selection, DISTINCT)


def test_no_draw_at_all_is_refused():
    with pytest.raises(ShapeError, match="at least 1 draw, got 0"):
        assessed(CoverageRadius(), Random().select(DISTINCT, 3), DISTINCT, n_draws=0)


@pytest.mark.parametrize("share", [0, 1.1, float("nan"), "all"])
def test_a_share_out_of_range_is_shown(share):
    with pytest.raises(ParameterError, match="coverage_radius: share = "):
        CoverageRadius(share=share)


def test_the_share_that_is_ignored_is_the_farthest():
    pool = Pool.from_embeddings(np.array([[1, 0], [1, 0.01], [1, 0.02], [0, 1]]))
    subset = pool.space.take([0])
    assert CoverageRadius(share=0.75).score(subset, pool.space) < 0.001
    assert CoverageRadius(share=0.76).score(subset, pool.space) == 1
