"""The lazy greedy against the plain one, and against every possible choice."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv import Budget, FacilityLocation, KCenter, Pool, Space
from instructdiv.core import greedy
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import maximize
from instructdiv.metrics import CoverageRadius
from instructdiv.metrics import FacilityLocation as FacilityLocationMetric
from instructdiv.selectors import ConcaveFacilityLocation
from instructdiv.selectors.facility_location import Coverage
from tests.cases import MONOTONE, NONE, Case, cases, few, fitting
from tests.pools import COPIES, DISTINCT, clustered, every_greedy, labels, select

pytestmark = pytest.mark.usefixtures("one_thread")

ALL = np.iinfo(np.int64).max


def objective(pool: Pool, power: float, n_neighbors: int = 20, n_clusters: int = 5) -> Coverage:
    clusters = np.arange(len(pool)) % min(n_clusters, len(pool))
    return Coverage(pool.space, pool.space, n_neighbors, clusters, power)


def allowance(costs: np.ndarray, limit: int) -> Allowance:
    return Allowance(costs, min(limit, int(costs.sum())), np.arange(len(costs)))


def plain_greedy(objective: Coverage, n: int, budget: int) -> list[int]:
    """Look at every row at every step."""
    objective.clear()
    chosen: list[int] = []
    for _ in range(budget):
        gains = objective.gains(np.arange(n))
        gains[chosen] = -np.inf
        chosen.append(int(gains.argmax()))
        objective.add(chosen[-1])
    return chosen


@given(
    n=st.integers(1, 60),
    seed=st.integers(0, 10**6),
    power=st.sampled_from([1.0, 0.75, 0.5, 0.05]),
    copies=st.booleans(),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_lazy_greedy_chooses_what_plain_greedy_chooses(n, seed, power, copies, data):
    pool = clustered(n, 6, 4, seed)
    if copies:
        pool = pool.take(np.random.default_rng(seed).integers(0, n, n))
    budget = data.draw(st.integers(1, n))
    goal = objective(pool, power)
    indices, _ = maximize(goal, allowance(np.ones(n, np.int64), budget))
    assert indices.tolist() == plain_greedy(goal, n, budget)


@pytest.mark.parametrize("power", [1.0, 0.6])
@pytest.mark.parametrize("pool", [DISTINCT, COPIES], ids=["distinct", "copies"])
def test_gains_add_up_to_the_value_of_the_set(power, pool):
    goal = objective(pool, power)
    indices, gains = maximize(goal, allowance(np.ones(len(pool), np.int64), 50))
    assert goal.value == pytest.approx(gains.sum())
    assert goal.evaluate(indices) == pytest.approx(gains.sum())
    assert goal.evaluate(indices[::-1]) == pytest.approx(gains.sum())


def test_the_objective_on_all_neighbors_is_the_metric():
    selector = FacilityLocation(n_neighbors=ALL)
    selection = selector.select(DISTINCT, 25)
    metric = FacilityLocationMetric().score(DISTINCT.space.take(selection.indices), DISTINCT.space)
    assert selection.gains.sum() == pytest.approx(metric, rel=1e-5)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_reaches_the_guarantee_of_greedy_on_every_choice_of_three_of_nine(seed, power):
    pool = clustered(9, 4, 3, seed)
    goal = objective(pool, power, n_neighbors=9, n_clusters=3)
    best = max(goal.evaluate(np.array(rows)) for rows in combinations(range(9), 3))
    indices, _ = maximize(goal, allowance(np.ones(9, np.int64), 3))
    assert goal.evaluate(indices) >= (1 - 1 / np.e) * best


@pytest.mark.parametrize("seed", range(8))
def test_reaches_half_the_guarantee_under_costs(seed):
    pool = clustered(9, 4, 3, seed)
    goal = objective(pool, 1.0, n_neighbors=9)
    limit = int(pool.costs.sum() // 3)
    sets = (s for k in range(1, 10) for s in combinations(range(9), k))
    affordable = [s for s in sets if pool.costs[list(s)].sum() <= limit]
    best = max((goal.evaluate(np.array(s)) for s in affordable), default=0)
    if not best:
        pytest.skip("nothing fits")
    indices, gains = maximize(goal, allowance(pool.costs, limit))
    assert pool.costs[indices].sum() <= limit
    assert goal.evaluate(indices) >= (1 - 1 / np.e) / 2 * best
    assert goal.value == pytest.approx(gains.sum())


def test_gain_per_cost_wins_where_gain_alone_would_buy_one_dear_row():
    # Row 0 covers the most but costs as much as the three others together.
    vectors = [[1, 1, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    pool = Pool.from_embeddings(vectors, costs=[30, 10, 10, 10])
    goal = objective(pool, 1.0, n_neighbors=4)
    indices, _ = maximize(goal, allowance(pool.costs, 30))
    assert sorted(indices) == [1, 2, 3]


def test_gain_alone_wins_where_a_cheap_row_would_shut_out_a_good_one():
    vectors = np.vstack([np.tile([1, 0], (20, 1)) + 0.01, [[0, 1]]])
    pool = Pool.from_embeddings(vectors, costs=[100] * 20 + [1])
    goal = objective(pool, 1.0, n_neighbors=21)
    indices, _ = maximize(goal, allowance(pool.costs, 100))
    assert indices.tolist() == [0]


def test_the_gain_of_a_row_does_not_depend_on_what_is_asked_with_it():
    goal = objective(DISTINCT, 0.7)
    goal.add(5)
    together = goal.gains(np.arange(len(DISTINCT)))
    alone = np.concatenate([goal.gains(np.array([row])) for row in range(len(DISTINCT))])
    np.testing.assert_array_equal(together, alone)


def test_a_row_that_no_target_row_is_near_adds_nothing():
    target = Space.of(DISTINCT.space.vectors[:3])
    goal = Coverage(target, DISTINCT.space, 4)
    gains = goal.gains(np.arange(len(DISTINCT)))
    assert np.count_nonzero(gains) <= 12
    assert len(maximize(goal, allowance(np.ones(120, np.int64), 40))[0]) == 40


def test_balance_zero_is_plain_facility_location():
    plain = FacilityLocation().select(DISTINCT, 40)
    concave = ConcaveFacilityLocation(concavity=0).select(DISTINCT, 40)
    np.testing.assert_array_equal(plain.indices, concave.indices)


def test_more_balance_spreads_a_selection_more_evenly_over_the_groups():
    pool = clustered(1500, 16, 12)

    def smallest_share(balance: float) -> float:
        selector = ConcaveFacilityLocation(concavity=balance, clusterer="by_label")
        groups = labels(pool)[selector.select(pool, 120).indices]
        return min(float(np.mean(groups == g)) for g in np.unique(labels(pool)))

    assert smallest_share(0.9) > 1.5 * smallest_share(0)


@given(n=st.integers(1, 80), seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=60, deadline=None)
def test_k_center_chooses_what_six_lines_of_numpy_choose(n, seed, data):
    vectors = clustered(n, 5, 4, seed).space.vectors
    budget = data.draw(st.integers(1, n))
    picks = [int((vectors @ vectors.mean(axis=0, dtype="f8").astype("f4")).argmax())]
    distance = 1 - vectors.astype("f8") @ vectors[picks[0]]
    while len(picks) < budget:
        distance[picks] = -1
        picks.append(int(distance.argmax()))
        distance = np.minimum(distance, 1 - vectors.astype("f8") @ vectors[picks[-1]])
    selection = KCenter(ignored_share=0).select(Pool.from_embeddings(Space(vectors.copy())), budget)
    space = Space.of(vectors)
    radius = CoverageRadius().score(space.take(selection.indices), space)
    assert radius == pytest.approx(CoverageRadius().score(space.take(picks), space), abs=1e-5)
    if selection.indices.tolist() != picks:  # they part where two are equally far in float32
        where = int((selection.indices != picks).argmax())
        assert selection.gains[where] == pytest.approx(
            1 - (vectors[picks[where]].astype("f8") @ vectors[picks[:where]].T).max(), abs=1e-6
        )


def test_k_center_looks_beyond_the_rows_it_holds(monkeypatch):
    from instructdiv.selectors import k_center

    pool = clustered(800, 8, 30)
    whole = KCenter(ignored_share=0).select(pool, 300)
    monkeypatch.setattr(k_center, "_HELD", 7)
    monkeypatch.setattr(k_center, "_TILE", 5)
    few = KCenter(ignored_share=0).select(pool, 300)
    np.testing.assert_allclose(few.gains, whole.gains, atol=1e-6)
    assert (few.indices == whole.indices).mean() > 0.95


def test_k_center_keeps_the_radius_within_twice_the_best():
    for seed in range(5):
        pool = clustered(10, 3, 3, seed)
        angles = np.arccos(np.clip(pool.space.vectors @ pool.space.vectors.T, -1, 1))
        best = min(angles[:, list(s)].min(axis=1).max() for s in combinations(range(10), 3))
        chosen = KCenter(ignored_share=0).select(pool, 3).indices
        assert angles[:, chosen].min(axis=1).max() <= 2 * best + 1e-6


def _plain(goal: greedy.Objective, case: Case, per_cost: bool) -> list[int]:
    """Look at every row at every step, and reckon from scratch what each group may take."""
    allowance = case.allowance
    goal.evaluate(case.given)
    worth = 1.0 / allowance.costs if per_cost else np.ones(len(allowance.costs))
    chosen: list[int] = []
    for _ in case.must_keep:
        chosen.append(_best(goal, np.setdiff1d(case.must_keep, chosen), worth))
        goal.add(chosen[-1])
    missed: set[int] = set()
    while True:
        rows = fitting(allowance, np.array(chosen, np.int64), missed)
        if not len(rows):
            return chosen
        chosen.append(_best(goal, rows, worth))
        goal.add(chosen[-1])


def _best(goal: greedy.Objective, rows: Any, worth: np.ndarray) -> int:
    return int(rows[(goal.gains(rows) * worth[rows]).argmax()])


@every_greedy
@given(case=cases("records"))
@few(8)
def test_lazy_greedy_under_floors_and_caps_is_plain_greedy(selector: Any, case: Case):
    goal = selector.objective(case.pool, case.pool.space, case.allowance)
    indices, gains = greedy.maximize(goal, case.allowance, case.given, case.must_keep)
    value = goal.value
    assert indices.tolist() == _plain(goal, case, per_cost=False)
    assert goal.value == pytest.approx(value)
    assert value - goal.evaluate(case.given) == pytest.approx(gains.sum(), rel=1e-5, abs=1e-6)


@every_greedy
@given(case=cases("tokens"))
@few(8)
def test_lazy_greedy_under_costs_is_the_better_of_two_plain_ones(selector: Any, case: Case):
    goal = selector.objective(case.pool, case.pool.space, case.allowance)
    indices, _ = greedy.maximize(goal, case.allowance, case.given, case.must_keep)
    value = goal.value
    by_gain = _plain(goal, case, per_cost=False)
    gain_value = goal.value
    by_cost = _plain(goal, case, per_cost=True)
    assert value == pytest.approx(max(gain_value, goal.value))
    assert indices.tolist() in (by_gain, by_cost)


@every_greedy
@given(case=cases("records"))
@few(4)
def test_select_chooses_what_the_greedy_loop_chooses(selector: Any, case: Case):
    goal = selector.objective(case.pool, case.pool.space, case.allowance)
    indices, gains = greedy.maximize(goal, case.allowance, case.given, case.must_keep)
    selection = select(selector, case.pool, case.budget, **case.rows)
    assert selection.indices.tolist() == indices.tolist()
    np.testing.assert_array_equal(selection.gains, gains)


@pytest.mark.parametrize("selector", MONOTONE, ids=lambda s: s.name)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "shares",
    [
        {"floors": {"a": 0.5}, "caps": {"b": 0.25}},
        {"floors": {"c": 0.5}},
        {"caps": {"a": 0.25, "b": 0.25, "c": 0.5}},
        {"floors": {"a": 0.25, "b": 0.25}, "caps": {"c": 0.25}},
    ],
    ids=["both", "a floor", "caps", "two floors"],
)
def test_reaches_half_of_the_best_choice_of_four_of_nine(selector: Any, seed: int, shares: Any):
    one = clustered(9, 4, 3, seed)
    pool = Pool.from_embeddings(one.space, list("abcabcabc"), one.costs, one.quality)
    case = Case(pool, Budget(records=4, **shares), NONE, NONE, NONE)
    allowance = case.allowance
    assert allowance.floors is not None
    assert allowance.caps is not None
    goal = selector.objective(pool, pool.space, allowance)
    allowed = []
    for rows in combinations(range(9), 4):
        counts = np.bincount(np.array(rows) % 3, minlength=3)
        if (counts >= allowance.floors).all() and (counts <= allowance.caps).all():
            allowed.append(np.array(rows))
    best = max(goal.evaluate(rows) for rows in allowed)
    indices, _ = greedy.maximize(goal, allowance)
    assert sorted(indices) in [rows.tolist() for rows in allowed]
    assert goal.evaluate(indices) >= best / 2
