"""What every selector promises, checked for every selector there is."""

import os
import subprocess
import sys

import numpy as np
import pytest

import instructdiv as idv
from instructdiv import Budget, Pool
from instructdiv.core.allowance import Allowance
from instructdiv.errors import BudgetError, ParameterError, ShapeError, UnknownPart
from instructdiv.metrics import MeanNearestSimilarity
from instructdiv.selectors import Selector
from tests.pools import (
    COPIES,
    DISTINCT,
    GREEDY,
    NESTED,
    POOLS,
    SELECTORS,
    TINY,
    clustered,
    contents,
    every_selector,
    labels,
    rotated,
    select,
)
from tests.shared_data import ROOT

DRAWN = ("random", "density_balanced", "semantic_dedup", "importance_resampling")
# Whole-number scores tie, and so do the two rows of a pair: there the lower row is taken.
BY_ROW = ("representation_filter", "cluster_balanced", "specialist", "prototypes", "pairwise_dedup")
# What is given has had no turn there.
IN_TURNS = (
    "cluster_balanced",
    "specialist",
    "group_balanced",
    "target_balanced",
    "test_centric",
    "round_robin",
)
DETERMINED = [s for s in SELECTORS if s.name not in DRAWN]
TARGETED = [s for s in SELECTORS if s.covers_target]
SCORED = [s for s in SELECTORS if s.name in ("quality_diversity", "representation_filter")]
COVERING = [
    idv.FacilityLocation(),
    idv.DiverseCoverage(diversity_weight=0),
    idv.KCenter(ignored_share=0),
]
TURNED = ("facility_location", "group_balanced", "k_center", "graph_cut")
TURNABLE = [s for s in SELECTORS if s.name in TURNED]

ROWS = np.arange(len(DISTINCT))

every_pool = pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())


def test_the_selectors_of_the_field_are_found():
    assert {s.name for s in SELECTORS} >= {
        "random",
        "k_center",
        "facility_location",
        "concave_facility_location",
        "graph_cut",
        "saturated_coverage",
        "log_determinant",
        "information_gain",
        "novel_select",
        "quality_diversity",
        "representation_filter",
        "semantic_dedup",
        "cluster_balanced",
        "specialist",
        "group_balanced",
        "density_balanced",
        "prototypes",
        "herding",
    }


@every_selector
@every_pool
@pytest.mark.parametrize("budget", [1, 2, 7, 60, 119, 10_000])
def test_spends_a_budget_of_records_on_exactly_as_many_distinct_rows(selector, pool, budget):
    budget = min(budget, len(pool))
    selection = select(selector, pool, budget)
    assert len(selection) == budget == len(set(selection.indices.tolist()))
    assert selection.indices.dtype == np.int64
    assert selection.gains.dtype == np.float64
    assert set(selection.indices) <= set(range(len(pool)))
    assert np.isfinite(selection.gains).all()


@every_selector
@every_pool
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_a_budget_of_tokens_leaves_less_than_the_shortest_record_that_remains(
    selector, pool, share
):
    tokens = max(int(pool.costs.sum() * share), int(pool.costs.min()))
    indices = select(selector, pool, Budget(tokens=tokens)).indices
    left = tokens - pool.costs[indices].sum()
    remaining = np.delete(pool.costs, indices)
    assert len(set(indices.tolist())) == len(indices) > 0
    assert left >= 0
    assert not len(remaining) or left < remaining.min()


@every_selector
def test_a_share_is_that_share_of_the_records(selector):
    assert len(select(selector, DISTINCT, Budget(share=0.25))) == 30


@pytest.mark.parametrize("selector", NESTED, ids=lambda s: s.name)
@every_pool
def test_a_smaller_budget_gives_a_prefix(selector, pool):
    whole = select(selector, pool, len(pool))
    for budget in {1, len(pool) // 3 or 1, len(pool) // 2 or 1}:
        smaller = select(selector, pool, budget)
        np.testing.assert_array_equal(smaller.indices, whole.prefix(budget).indices)


@every_selector
def test_gives_the_same_answer_twice_and_after_a_round_trip_through_its_recipe(selector):
    again = Selector.of(selector.to_mapping())
    assert again == selector
    first, second = select(selector, DISTINCT, 30), select(again, DISTINCT, 30)
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_array_equal(first.gains, second.gains)
    assert first.selector == selector.to_mapping()


@pytest.mark.parametrize("selector", DETERMINED, ids=lambda s: s.name)
@pytest.mark.parametrize("pool", [DISTINCT, COPIES, TINY], ids=["distinct", "copies", "tiny"])
def test_shuffling_the_pool_keeps_the_same_records(selector, pool):
    shuffled = pool.take(np.random.default_rng(5).permutation(len(pool)))
    budget = max(1, len(pool) // 4)
    before, after = select(selector, pool, budget), select(selector, shuffled, budget)
    if pool is COPIES and selector.name == "log_determinant":
        return  # all are equally typical, so the first is the lowest row, whichever that is
    np.testing.assert_allclose(np.sort(before.gains), np.sort(after.gains), atol=1e-6)
    # In small clusters and among copies, pairs gain the same, and the lower row is another.
    if pool is not COPIES and selector.name not in BY_ROW:
        assert contents(pool, before.indices) == contents(shuffled, after.indices)


@pytest.mark.parametrize("selector", TURNABLE, ids=lambda s: s.name)
def test_turning_the_space_changes_nothing(selector):
    before = select(selector, DISTINCT, 40).indices
    np.testing.assert_array_equal(select(selector, rotated(DISTINCT), 40).indices, before)


@pytest.mark.parametrize("selector", COVERING, ids=lambda s: s.name)
def test_takes_the_first_of_copies_and_none_of_the_others_before_all_else(selector):
    first = COPIES.space.first_copies
    indices = select(selector, COPIES, 40).indices
    assert sorted(indices) == sorted(set(first))


@every_selector
def test_given_rows_are_not_chosen_again(selector):
    given = np.arange(0, len(DISTINCT), 2)
    indices = select(selector, DISTINCT, 60, given=given).indices
    assert sorted(indices) == list(range(1, len(DISTINCT), 2))
    with pytest.raises(BudgetError, match="only 60 can be chosen"):
        select(selector, DISTINCT, 61, given=given)


@pytest.mark.parametrize(
    "selector",
    [s for s in NESTED if s.name not in (*DRAWN, *IN_TURNS)],
    ids=lambda s: s.name,
)
def test_given_rows_count_as_chosen(selector):
    whole = select(selector, DISTINCT, 30).indices
    rest = select(selector, DISTINCT, 20, given=whole[:10]).indices
    np.testing.assert_array_equal(rest, whole[10:])


@pytest.mark.parametrize("selector", GREEDY, ids=lambda s: s.name)
def test_the_gains_of_a_greedy_choice_add_up_to_its_value(selector):
    selection = select(selector, DISTINCT, 25)
    value = selector.evaluate(DISTINCT, selection)
    assert value == pytest.approx(selection.gains.sum(), rel=1e-5)
    assert selector.evaluate(DISTINCT, selection.indices[::-1]) == pytest.approx(value, rel=1e-5)
    assert selector.evaluate(DISTINCT, []) == 0
    random = np.random.default_rng(0).choice(len(DISTINCT), 25, replace=False)
    assert selector.evaluate(DISTINCT, random) < value


@pytest.mark.parametrize("selector", GREEDY, ids=lambda s: s.name)
def test_gains_fall_as_the_set_grows(selector):
    goal = selector.objective(DISTINCT, DISTINCT.space, Allowance(np.ones(120, "i8"), 30, ROWS))
    before = goal.gains(ROWS)
    for row in (3, 77, 12, 40):
        goal.add(row)
        after = goal.gains(ROWS)
        assert (after <= before + 1e-6).all()
        before = after


@pytest.mark.parametrize("selector", SCORED, ids=lambda s: s.name)
def test_scores_are_asked_for_by_name(selector):
    bare = Pool.from_embeddings(DISTINCT.space)
    with pytest.raises(ShapeError, match=f"{selector.name} needs a score for each row"):
        select(selector, bare, 3)


@every_selector
@pytest.mark.parametrize("given", [[-1], [0, 120], [0.5]])
def test_given_rows_that_are_not_in_the_pool_are_named(selector, given):
    with pytest.raises(ShapeError, match=r"given.*0\.\.119"):
        select(selector, DISTINCT, 5, given=given)


@every_selector
def test_a_pool_that_is_given_whole_leaves_nothing_to_choose(selector):
    with pytest.raises(BudgetError, match="120.*given"):
        select(selector, DISTINCT, 1, given=np.arange(len(DISTINCT)))


@every_selector
def test_covers_another_target_or_says_who_can(selector):
    target = DISTINCT.take(np.flatnonzero(labels(DISTINCT) == "group 3"))
    if not selector.covers_target:
        with pytest.raises(ShapeError, match="for a target use .*facility_location"):
            select(selector, DISTINCT, 5, target=target)
        return
    near = MeanNearestSimilarity().against(target)
    chosen = select(selector, DISTINCT, 5, target=target).indices
    usual = select(selector, DISTINCT, 5).indices
    if selector.name == "importance_resampling":
        return  # it looks at words, which say nothing of the vectors here
    assert near(DISTINCT.take(chosen)) > near(DISTINCT.take(usual))


@pytest.mark.parametrize("selector", TARGETED, ids=lambda s: s.name)
def test_a_target_of_another_dimension_is_refused(selector):
    with pytest.raises(ShapeError, match="4 dimensions .* 16"):
        select(selector, DISTINCT, 5, target=TINY)


@pytest.mark.parametrize("selector", GREEDY, ids=lambda s: s.name)
def test_greedy_gains_never_rise(selector):
    gains = select(selector, DISTINCT, len(DISTINCT)).gains
    assert (np.diff(gains) <= 1e-9).all()
    assert gains[0] > 0


@every_selector
@pytest.mark.parametrize("budget", [121, Budget(tokens=10**6)])
def test_a_budget_beyond_the_pool_says_how_much_there_is(selector, budget):
    with pytest.raises(BudgetError, match="only [0-9,]+ can be chosen; ask for at most"):
        select(selector, DISTINCT, budget)


@every_selector
def test_a_token_budget_below_the_shortest_record_says_how_long_that_is(selector):
    with pytest.raises(BudgetError, match=f"shortest record, which has {DISTINCT.costs.min()}"):
        select(selector, DISTINCT, Budget(tokens=int(DISTINCT.costs.min()) - 1))


@every_selector
def test_a_token_budget_needs_costs(selector):
    bare = Pool.from_embeddings(DISTINCT.space, DISTINCT.groups)
    with pytest.raises(ShapeError, match="needs costs"):
        select(selector, bare, Budget(tokens=100))


@every_selector
def test_an_unknown_parameter_is_named_beside_the_known_ones(selector):
    known = ", ".join(type(selector).model_fields)
    with pytest.raises(ParameterError, match=f"{selector.name} has no parameter 'depth'.*{known}"):
        type(selector)(depth=3)


@pytest.mark.parametrize("name", ["k_centre", "", "KCenter", None, 3, ["k_center"]])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises((UnknownPart, ParameterError), match=r"k_center|expected a selector"):
        Selector.of(name)


@every_selector
def test_says_where_it_comes_from_and_what_it_costs(selector):
    text = type(selector).__doc__ or ""
    assert "Examples" in text
    assert "Time" in text
    assert all(field.description for field in type(selector).model_fields.values())


_PICK_ALL = """
import sys
from tests.pools import SELECTORS, clustered, readable, select
pool = readable(clustered(2500, 48, 12))
print([select(s, pool, 150).indices.tolist() for s in SELECTORS])
"""


@pytest.mark.large
def test_the_number_of_threads_changes_nothing():
    def picks(threads: str) -> str:
        limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        env = os.environ | dict.fromkeys(limits, threads) | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-c", _PICK_ALL], env=env, check=True, capture_output=True, text=True
        ).stdout

    one, two = picks("1"), picks("2")
    assert len(one) > 1000
    assert one == two


def test_equal_quotas_are_dealt_in_turns():
    selector = Selector.of("group_balanced")
    pool = clustered(300, 16, 5)
    groups = labels(pool)[select(selector, pool, 25).indices]
    assert set(np.unique(groups, return_counts=True)[1]) == {5}
    proportional = Selector.of({"name": "group_balanced", "balance": 0})
    counts = np.unique(labels(pool)[proportional.select(pool, 100).indices], return_counts=True)[1]
    sizes = np.unique(labels(pool), return_counts=True)[1]
    assert np.abs(counts - sizes / 3).max() <= 1


def test_group_balanced_needs_groups():
    with pytest.raises(ShapeError, match="by_label needs .*group"):
        Selector.of("group_balanced").select(Pool.from_embeddings(np.eye(3)), 2)
