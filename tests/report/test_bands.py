"""One band: the same pool, selection, metric, draws and seed are measured alike everywhere."""

import numpy as np
import pytest

from instructdiv import Budget, FacilityLocation, Pool, compare, coverage
from instructdiv.metrics import Metric, RandomBaseline
from instructdiv.metrics import random_baseline as baseline_module
from tests.pools import clustered, readable, target_of

POOL = readable(clustered(150, 12, 5))
METRICS = [m() for m in Metric.known().values() if m.__module__.startswith("instructdiv.")]


def band(assessment) -> tuple[float, ...]:
    return tuple(
        getattr(assessment, name)
        for name in ("value", "random_low", "random_median", "random_high", "pool_value")
    )


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@pytest.mark.parametrize("of", ["pool", "target"])
@pytest.mark.parametrize("sample", [20_000, 60])
def test_coverage_and_compare_give_the_band_of_the_baseline(
    metric: Metric, of: str, sample: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(baseline_module, "SAMPLE", sample)
    target = None if of == "pool" else readable(target_of(POOL))
    selector, n, seed = FacilityLocation(), 20, 3
    selection = selector.select(POOL, n, target=target)
    (expected,) = RandomBaseline(POOL, target, n_draws=9, seed=seed).assess([metric], selection)
    summary = coverage(POOL, selection, target, metrics=[metric], n_draws=9, seed=seed)
    compared = compare(POOL, selector, n, target, metrics=[metric], n_draws=9, seed=seed)
    for found in (
        next(one for one in summary.metrics if one.metric == metric.title),
        compared.rows[0].metrics[0].random,
    ):
        assert band(found) == pytest.approx(band(expected), rel=1e-5, abs=1e-6)
        assert (found.n_draws, found.measured_on) == (9, expected.measured_on)


@pytest.mark.parametrize("of", ["pool", "target"])
@pytest.mark.parametrize("sample", [20_000, 60])
def test_the_curve_has_the_band_of_coverage_at_the_size_of_the_selection(
    of: str, sample: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(baseline_module, "SAMPLE", sample)
    target = None if of == "pool" else target_of(POOL)
    summary = coverage(POOL, FacilityLocation().select(POOL, 20), target, n_draws=9, seed=3)
    near = next(one for one in summary.metrics if one.metric == "mean_nearest_similarity")
    curve = summary.curve
    at = curve.budgets.index(20)
    low, middle, high = (getattr(curve, f"random_{name}")[at] for name in ("low", "median", "high"))
    assert (low, middle, high) == pytest.approx(
        (near.random_low, near.random_median, near.random_high), abs=1e-6
    )
    assert curve.selection is not None
    assert curve.selection[at] == pytest.approx(near.value, abs=1e-6)
    assert curve.measured_on == near.measured_on


def test_groups_have_one_name_and_one_band_in_coverage_and_compare():
    selector = FacilityLocation()
    summary = coverage(POOL, selector.select(POOL, 20))
    compared = compare(POOL, selector, 20)
    assert summary.provenance.n_draws == compared.n_draws
    for name in ("groups_covered", "effective_groups", "effective_clusters"):
        ours = next(one for one in summary.metrics if one.metric == name)
        theirs = next(one.random for one in compared.rows[0].metrics if one.random.metric == name)
        assert band(ours) == pytest.approx(band(theirs))


def test_draws_under_a_budget_of_tokens_spend_no_more_than_it():
    budget = Budget(tokens=300)
    baseline = RandomBaseline(POOL, n_draws=5)
    allowance = budget.allowance(POOL.costs_under(budget), np.arange(len(POOL)), None)
    for rows in baseline.rows(allowance):
        assert 0 < POOL.costs[rows].sum() <= 300


def test_a_draw_is_not_the_choice_of_the_random_selector_of_the_same_seed():
    from instructdiv import Random

    for seed in range(5):
        draws = [set(rows.tolist()) for rows in RandomBaseline(POOL, n_draws=4, seed=seed).rows(9)]
        assert set(Random(seed=seed).select(POOL, 9).indices.tolist()) not in draws


def test_a_pool_needs_no_draws_to_be_described():
    assert coverage(Pool.from_embeddings(POOL.space)).metrics == []
