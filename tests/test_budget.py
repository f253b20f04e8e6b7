"""Whole numbers that must add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructdiv import Budget
from instructdiv.core.allowance import Allowance
from instructdiv.core.apportion import apportion, apportion_order
from instructdiv.errors import BudgetError

weights = st.lists(st.floats(0, 1e6), min_size=1, max_size=12).filter(any)


@st.composite
def shares(draw):
    given_weights = draw(weights)
    capacities = draw(
        st.lists(st.integers(0, 40), min_size=len(given_weights), max_size=len(given_weights))
    )
    held = sum(c for c, w in zip(capacities, given_weights, strict=True) if w > 0)
    return draw(st.integers(0, held)), given_weights, capacities


@given(shares())
def test_quotas_add_up_and_stay_within_capacity(case):
    total, given_weights, capacities = case
    quotas = apportion(total, given_weights, capacities)
    assert quotas.sum() == total
    assert (quotas >= 0).all()
    assert (quotas <= capacities).all()
    assert not quotas[np.array(given_weights) == 0].any()


@given(shares())
def test_a_larger_total_takes_nothing_from_anyone(case):
    total, given_weights, capacities = case
    if total:
        fewer = apportion(total - 1, given_weights, capacities)
        assert (apportion(total, given_weights, capacities) >= fewer).all()
        whole = apportion_order(total, given_weights, capacities)
        np.testing.assert_array_equal(
            apportion_order(total - 1, given_weights, capacities), whole[:-1]
        )


@given(st.lists(st.integers(0, 50), min_size=1, max_size=10).filter(any))
def test_whole_shares_are_granted_as_they_are(counts):
    np.testing.assert_array_equal(apportion(sum(counts), counts), counts)


@given(weights, st.integers(0, 100), st.floats(0.001, 1000))
def test_only_the_ratio_of_the_weights_counts(given_weights, total, scale):
    given_weights = [round(w) + 1 for w in given_weights]
    np.testing.assert_array_equal(
        apportion(total, given_weights), apportion(total, [w * 4 for w in given_weights])
    )


@pytest.mark.parametrize(
    ("total", "given_weights", "capacities"),
    [
        (1, [], None),
        (1, [0.0], None),
        (3, [1, 1], [1, 1]),
        (-1, [1], None),
        (1, [-1, 2], None),
        (1, [float("nan")], None),
        (1, [float("inf")], None),
        (1, [1, 1], [1]),
        (1, [1], [-1]),
    ],
)
def test_what_cannot_be_shared_out_is_refused(total, given_weights, capacities):
    with pytest.raises(BudgetError):
        apportion(total, given_weights, capacities)


@given(
    costs=st.lists(st.integers(1, 30), min_size=1, max_size=30),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_filling_takes_the_first_that_fit_until_nothing_does(costs, share, seed):
    array = np.array(costs)
    limit = int(share * array.sum())
    order = np.random.default_rng(seed).permutation(len(array))
    left, expected = limit, []
    for row in order:
        if array[row] <= left:
            expected.append(row)
            left -= array[row]
    taken = Allowance(array, limit, np.arange(len(array))).fill(order)
    assert taken.tolist() == expected


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"records": 5, "tokens": 5},
        {"records": 0},
        {"records": -3},
        {"records": 2.5},
        {"records": True},
        {"records": float("nan")},
        {"records": "many"},
        {"tokens": 0},
        {"tokens": float("inf")},
        {"share": 0},
        {"share": 1.01},
        {"share": float("nan")},
        {"share": -0.5},
        {"rows": 5},
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_with_its_value(fields):
    with pytest.raises(BudgetError) as error:
        Budget(**fields)
    for value in fields.values():
        assert repr(value) in str(error.value) or "one unit" in str(error.value)


@pytest.mark.parametrize("budget", [0, -1, 2.5, True, None, "10", [3]])
def test_only_whole_numbers_stand_for_records(budget):
    with pytest.raises(BudgetError):
        Budget.of(budget)


def test_whole_numbers_of_numpy_stand_for_records_too():
    assert Budget.of(np.int64(7)) == Budget(records=7)


@pytest.mark.parametrize(("share", "n", "expected"), [(0.5, 9, 4), (0.01, 9, 1), (1, 9, 9)])
def test_a_share_is_rounded_to_whole_records_but_never_to_none(share, n, expected):
    found = Budget(share=share).allowance(np.ones(n, np.int64), np.arange(n))
    assert found.limit == expected


def test_a_budget_comes_back_from_what_it_writes():
    for budget in (Budget(records=5), Budget(tokens=9), Budget(share=0.25)):
        assert Budget.model_validate(budget.model_dump()) == budget
        assert repr(budget).count("=") == 1
