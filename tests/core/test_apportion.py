"""Whole numbers that must add up: what each label, or each instruction, gets of a budget."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv.core.apportion import (
    apportion,
    apportion_order,
    largest_remainder,
    powerlaw_counts,
    tempered_quotas,
)
from instructdiv.errors import BudgetError, ParameterError

SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=8)
TEMPERATURES = st.sampled_from([0.0, 0.3, 1.0, 2.0, 50.0])


def labels_of(sizes: list[int]) -> list[str]:
    return [f"label {i}" for i, size in enumerate(sizes) for _ in range(size)]


@st.composite
def asked(draw: st.DrawFn) -> tuple[list[int], float, dict[str, float]]:
    sizes = draw(SIZES)
    capped = draw(st.lists(st.integers(0, len(sizes) - 1), unique=True, max_size=3))
    caps = {f"label {i}": draw(st.floats(0, 1)) for i in capped}
    return sizes, draw(TEMPERATURES), caps


# Balance.


@settings(max_examples=100, deadline=None)
@given(asked(), st.data())
def test_quotas_add_up_and_no_label_gives_more_than_it_has_or_may(
    case: tuple[list[int], float, dict[str, float]], data: st.DataObject
):
    sizes, temperature, caps = case
    budget = data.draw(st.integers(0, sum(sizes)))
    most = {
        f"label {i}": min(size, math.floor(caps.get(f"label {i}", 1.0) * budget + 1e-9))
        for i, size in enumerate(sizes)
    }
    if sum(most.values()) < budget:
        with pytest.raises(BudgetError, match="can be chosen"):
            tempered_quotas(labels_of(sizes), budget, temperature, caps=caps)
        return
    quotas = tempered_quotas(labels_of(sizes), budget, temperature, caps=caps)
    assert list(quotas) == sorted(most)
    assert sum(quotas.values()) == budget
    assert all(0 <= quotas[name] <= most[name] for name in quotas)


@settings(max_examples=100, deadline=None)
@given(SIZES, TEMPERATURES)
def test_a_larger_budget_takes_no_record_away(sizes: list[int], temperature: float):
    before = dict.fromkeys(labels_of(sizes), 0)
    for budget in range(sum(sizes) + 1):
        quotas = tempered_quotas(labels_of(sizes), budget, temperature)
        assert sum(quotas[name] - before[name] for name in quotas) == (budget > 0)
        assert all(quotas[name] >= before[name] for name in quotas)
        before = quotas


@settings(max_examples=100, deadline=None)
@given(SIZES, TEMPERATURES, TEMPERATURES, st.data())
def test_a_higher_temperature_gives_the_largest_no_less(
    sizes: list[int], a: float, b: float, data: st.DataObject
):
    budget = data.draw(st.integers(1, sum(sizes)))
    largest = f"label {int(np.argmax(sizes))}"
    low, high = (tempered_quotas(labels_of(sizes), budget, t)[largest] for t in sorted([a, b]))
    assert low <= high


@settings(max_examples=100, deadline=None)
@given(SIZES, st.data())
def test_temperature_0_leaves_no_label_behind_that_has_more(sizes: list[int], data: st.DataObject):
    budget = data.draw(st.integers(1, sum(sizes)))
    quotas = list(tempered_quotas(labels_of(sizes), budget, 0).values())
    most = max(quotas)
    assert all(quota >= min(size, most - 1) for quota, size in zip(quotas, sizes, strict=True))


@settings(max_examples=100, deadline=None)
@given(SIZES, st.integers(1, 5))
def test_temperature_1_keeps_proportions(sizes: list[int], parts: int):
    labels = labels_of(sizes) * parts
    assert list(tempered_quotas(labels, sum(sizes), 1).values()) == sizes


def test_temperatures_between_even_out_by_the_power():
    labels = ["a"] * 6400 + ["b"] * 100
    assert tempered_quotas(labels, 90, 0.5) == {"a": 80, "b": 10}
    assert tempered_quotas(labels, 650, 1) == {"a": 640, "b": 10}
    assert tempered_quotas(labels, 90, 0) == {"a": 45, "b": 45}


@pytest.mark.parametrize("temperature", [50, 1e6])
def test_a_large_temperature_takes_the_largest_first_and_still_spends_the_budget(
    temperature: float,
):
    labels = ["a"] * 5 + ["b"] * 30 + ["c"] * 10
    assert tempered_quotas(labels, 30, temperature) == {"a": 0, "b": 30, "c": 0}
    assert tempered_quotas(labels, 45, temperature) == {"a": 5, "b": 30, "c": 10}


def test_a_cap_gives_to_the_others():
    labels = ["a"] * 80 + ["b"] * 15 + ["c"] * 5
    assert tempered_quotas(labels, 20, 1, caps={"a": 0.5}) == {"a": 10, "b": 8, "c": 2}
    assert tempered_quotas(labels, 20, 1, caps={"a": 0}) == {"a": 0, "b": 15, "c": 5}
    # Of 10, 0.3 is 3 and not 2, whatever the float says.
    assert tempered_quotas(labels, 10, 1, caps={"a": 0.3})["a"] == 3


def test_a_budget_below_the_number_of_labels_goes_to_the_largest():
    labels = ["a"] * 1 + ["b"] * 9 + ["c"] * 3
    assert tempered_quotas(labels, 1, 1) == {"a": 0, "b": 1, "c": 0}
    assert sum(tempered_quotas(labels, 2, 0).values()) == 2


def test_labels_can_be_any_values_and_their_order_does_not_matter():
    assert tempered_quotas([3, 1, 1, 3, 3], 2, 0) == {"1": 1, "3": 1}
    labels = [*"abbccc"]
    assert tempered_quotas(labels, 4, 0.5) == tempered_quotas(labels[::-1], 4, 0.5)


@pytest.mark.parametrize(
    ("budget", "temperature", "caps", "error", "said"),
    [
        (3, -0.1, None, ParameterError, "temperature must be .*, got -0.1"),
        (3, math.nan, None, ParameterError, "temperature must be .*, got nan"),
        (3, math.inf, None, ParameterError, "got inf"),
        (3, 1, {"a": 1.5}, ParameterError, "the cap of 'a' is a share, 0 to 1, got 1.5"),
        (3, 1, {"a": math.nan}, ParameterError, "the cap of 'a' is a share"),
        (3, 1, {"z": 0.5}, BudgetError, "no label is named 'z'; known: a, b"),
        (6, 1, None, BudgetError, "the budget asks for 6 records, but 5 can be chosen"),
        (4, 1, {"a": 0.25}, BudgetError, "asks for 4 records, but 3 can be chosen"),
        (-1, 1, None, BudgetError, "asks for -1 records"),
    ],
)
def test_what_cannot_be_balanced_is_said(
    budget: int, temperature: float, caps: Any, error: type[Exception], said: str
):
    with pytest.raises(error, match=said):
        tempered_quotas([*"aaabb"], budget, temperature, caps=caps)


def test_no_labels_hold_nothing():
    assert tempered_quotas([], 0, 1) == {}
    with pytest.raises(BudgetError, match="0 can be chosen"):
        tempered_quotas([], 1, 1)


# Largest remainder.


def slowly(total: int, weights: list[int], room: list[int]) -> list[int]:
    """Hamilton's method in fractions: who is over its room is full, the others share the rest."""
    full: set[int] = set()
    while True:
        left = total - sum(room[i] for i in full)
        others = [i for i in range(len(weights)) if i not in full and weights[i]]
        whole = sum(weights[i] for i in others)
        shares = {i: Fraction(left * weights[i], whole) for i in others}
        over = {i for i in others if shares[i] > room[i]}
        if not over:
            break
        full |= over
    quotas = [0] * len(weights)
    for i in full:
        quotas[i] = room[i]
    for i in others:
        quotas[i] = math.floor(shares[i])
    rest = total - sum(quotas)
    best = sorted(others, key=lambda i: (-(shares[i] - math.floor(shares[i])), i))
    for i in [i for i in best if quotas[i] < room[i]][:rest]:
        quotas[i] += 1
    return quotas


WEIGHTS = st.lists(st.integers(0, 40), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(WEIGHTS, st.data())
def test_largest_remainders_are_those_of_the_slow_form(weights: list[int], data: st.DataObject):
    room = [data.draw(st.integers(0, 30)) for _ in weights]
    held = sum(r for w, r in zip(weights, room, strict=True) if w)
    total = data.draw(st.integers(0, held))
    found = largest_remainder(total, weights, room)
    assert found.sum() == total
    assert (found <= room).all()
    assert not found[np.array(weights) == 0].any()
    assert found.tolist() == slowly(total, weights, room)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(0, 1e6) | st.floats(0, 1e308), min_size=1, max_size=8).filter(any),
    st.integers(0, 10_000),
)
def test_without_capacities_each_gets_its_share_rounded_down_or_up(
    weights: list[float], total: int
):
    found = largest_remainder(total, weights).tolist()
    whole = sum(map(Fraction, weights))
    assert sum(found) == total
    for quota, weight in zip(found, weights, strict=True):
        assert abs(quota - total * Fraction(weight) / whole) < 1 + 1e-6


@pytest.mark.parametrize("weights", [[1e-305], [5e-324, 5e-324], [1e308, 1e308, 1e308]])
def test_weights_of_any_size_share_out_all(weights: list[float]):
    assert largest_remainder(10, weights).sum() == 10
    assert largest_remainder(10, [1e10, *weights], [4, *[9] * len(weights)]).sum() == 10


def test_largest_remainders_break_ties_by_place_and_can_take_a_unit_away():
    assert largest_remainder(2, [1, 1, 1]).tolist() == [1, 1, 0]
    # The Alabama paradox, for which selections that are prefixes use apportion.
    assert largest_remainder(10, [6, 6, 2]).tolist() == [4, 4, 2]
    assert largest_remainder(11, [6, 6, 2]).tolist() == [5, 5, 1]
    assert apportion(11, [6, 6, 2]).tolist()[2] >= apportion(10, [6, 6, 2]).tolist()[2]


@pytest.mark.parametrize(
    ("total", "weights", "room", "said"),
    [
        (-1, [1], None, "must be finite and at least 0, got -1"),
        (1, [-1.0], None, "must be finite and at least 0"),
        (1, [math.nan], None, "must be finite"),
        (1, [math.inf], None, "must be finite"),
        (3, [1, 1], [1, 1], "3 cannot be shared out: the capacities hold 2"),
        (1, [0, 0], None, "cannot be shared out"),
        (1, [0, 1], [5, 0], "1 cannot be shared out: the capacities hold 0"),
        (1, [1, 1], [1], "a capacity of 0 or more for each weight"),
        (1, [1, 1], [2, -1], "a capacity of 0 or more for each weight"),
    ],
)
def test_what_cannot_be_shared_out_is_said(total: int, weights: Any, room: Any, said: str):
    with pytest.raises(BudgetError, match=said):
        largest_remainder(total, weights, room)


# Power laws.


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 200), st.integers(0, 5000), st.floats(0.01, 3), st.integers(0, 9))
def test_counts_of_a_power_law_add_up_and_depend_on_the_seed_alone(
    n_instructions: int, n_records: int, alpha: float, seed: int
):
    found = powerlaw_counts(n_instructions, n_records, alpha, seed)
    assert found.shape == (n_instructions,)
    assert found.dtype == np.int64
    assert found.min() >= 0
    assert found.sum() == n_records
    again = powerlaw_counts(n_instructions, n_records, alpha, seed)
    np.testing.assert_array_equal(found, again)


def test_other_seeds_draw_otherwise():
    assert len({tuple(powerlaw_counts(20, 1000, 0.5, seed)) for seed in range(5)}) == 5


def test_alpha_1_is_uniform_and_less_is_peaked():
    even = powerlaw_counts(100, 100_000, 1)
    assert abs(even - 1000).max() < 5 * 1000**0.5
    shares = [powerlaw_counts(100, 100_000, a)[0] / 100_000 for a in (0.05, 0.2, 0.5, 1)]
    assert shares == pytest.approx([(1 / 100) ** a for a in (0.05, 0.2, 0.5, 1)], rel=0.15)
    assert shares[0] > 0.75


@pytest.mark.parametrize("alpha", [0.2, 0.7, 2.0])
def test_expected_counts_are_those_of_the_formula(alpha: float):
    n = 10
    mean = np.mean([powerlaw_counts(n, 1000, alpha, seed) for seed in range(200)], axis=0)
    expected = [1000 * (((i + 1) / n) ** alpha - (i / n) ** alpha) for i in range(n)]
    np.testing.assert_allclose(mean, expected, atol=6)


@pytest.mark.parametrize(
    ("n_instructions", "n_records", "alpha", "said"),
    [
        (0, 5, 1, "at least 1 instruction and 0 records are needed, got 0 and 5"),
        (3, -1, 1, "got 3 and -1"),
        (3, 5, 0, "alpha must be a number above 0, got 0"),
        (3, 5, -1, "alpha must be a number above 0, got -1"),
        (3, 5, math.nan, "alpha must be a number above 0, got nan"),
        (3, 5, math.inf, "alpha must be a number above 0, got inf"),
    ],
)
def test_a_power_law_out_of_range_is_refused(
    n_instructions: int, n_records: int, alpha: float, said: str
):
    with pytest.raises(ParameterError, match=said):
        powerlaw_counts(n_instructions, n_records, alpha)


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
