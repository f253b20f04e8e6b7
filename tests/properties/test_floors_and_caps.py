"""Floors, caps, and rows that must or must never be kept: what holds for every selector."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget, Pool, Space
from instructdiv.core import greedy, k_means, neighbors
from instructdiv.errors import BudgetError, ShapeError
from instructdiv.selectors import Selector, _deduplicate, k_center, log_determinant
from tests.cases import GROUPS, MATHS, POOL, Case, cases, few
from tests.pools import GREEDY, SELECTORS, clustered, every_selector, labels, select

pytestmark = pytest.mark.usefixtures("one_thread")

# Graph cut is monotone up to a weight of 0.5: beyond, greedy promises nothing.


# What a selection with floors and caps holds.


def _spent_on(pool: Pool, costs: np.ndarray, rows: np.ndarray) -> dict[str, int]:
    return {g: int(costs[rows[labels(pool)[rows] == g]].sum()) for g in GROUPS}


def _whole(share: float, limit: int) -> tuple[int, int]:
    """The share rounded up and down, as a decimal of twelve places is meant."""
    meant = Fraction(round(share * limit * 10**6), 10**6)
    return math.ceil(meant), math.floor(meant)


def _check_rows(case: Case, indices: np.ndarray) -> None:
    assert len(set(indices.tolist())) == len(indices)
    assert sorted(indices[: len(case.must_keep)]) == case.must_keep.tolist()
    assert not np.isin(indices, case.never_keep).any()
    assert not np.isin(indices, case.given).any()


@every_selector
@given(case=cases("records"))
@few(6)
def test_records_are_spent_exactly_and_every_floor_and_cap_is_held(selector: Selector, case: Case):
    selection = select(selector, case.pool, case.budget, **case.rows)
    limit = case.budget.records or 0
    assert len(selection) == limit
    assert np.isfinite(selection.gains).all()
    _check_rows(case, selection.indices)
    spent = _spent_on(case.pool, np.ones(len(case.pool), np.int64), selection.indices)
    for group, floor in (case.budget.floors or {}).items():
        assert spent[group] >= _whole(floor, limit)[0]
    for group, cap in (case.budget.caps or {}).items():
        assert spent[group] <= _whole(cap, limit)[1]


@every_selector
@given(case=cases("tokens"))
@few(6)
def test_tokens_hold_caps_and_miss_floors_by_less_than_a_record(selector: Selector, case: Case):
    selection = select(selector, case.pool, case.budget, **case.rows)
    limit, costs = case.budget.tokens or 0, case.pool.costs
    indices = selection.indices
    _check_rows(case, indices)
    spent = _spent_on(case.pool, costs, indices)
    left = limit - sum(spent.values())
    assert left >= 0
    taken = np.concatenate([indices, case.never_keep, case.given])
    open_rows = np.setdiff1d(np.arange(len(case.pool)), taken)
    for group in GROUPS:
        room = left
        if case.budget.caps and group in case.budget.caps:
            cap = _whole(case.budget.caps[group], limit)[1]
            assert spent[group] <= cap
            room = min(left, cap - spent[group])
        shortest = min(costs[open_rows[labels(case.pool)[open_rows] == group]], default=math.inf)
        assert shortest > room
        floor = _whole((case.budget.floors or {}).get(group, 0), limit)[0]
        assert floor - spent[group] < shortest or floor <= spent[group]


@every_selector
def test_floors_that_add_up_to_all_leave_no_choice_of_groups(selector: Selector):
    sizes = dict(zip(GROUPS, (4, 3, 2, 1), strict=True))
    floors = {group: size / 10 for group, size in sizes.items()}
    chosen = select(selector, POOL, Budget(records=10, floors=floors)).indices
    assert _spent_on(POOL, np.ones(len(POOL), np.int64), chosen) == sizes


@every_selector
def test_a_cap_of_nothing_shuts_a_group_out(selector: Selector):
    n_others = np.count_nonzero(labels(POOL) != GROUPS[0])
    budget = Budget(records=int(n_others), caps={GROUPS[0]: 0})
    chosen = select(selector, POOL, budget).indices
    assert sorted(chosen) == np.flatnonzero(labels(POOL) != GROUPS[0]).tolist()


def n_of_core(rows: np.ndarray) -> int:
    """How many of these rows are of the largest group."""
    return int((labels(POOL)[rows] == GROUPS[0]).sum())


@every_selector
def test_caps_that_bind_nothing_change_nothing(selector: Selector):
    plain = select(selector, POOL, 12).indices
    capped = select(selector, POOL, Budget(records=12, caps=dict.fromkeys(GROUPS, 1.0))).indices
    if selector.name == "specialist":  # the core against all others at once, or one by one
        assert abs(n_of_core(plain) - n_of_core(capped)) <= 1
        return
    assert capped.tolist() == plain.tolist()


@every_selector
def test_keeping_all_that_the_budget_buys_leaves_nothing_to_choose(selector: Selector):
    kept = [31, 4, 17]
    selection = select(selector, POOL, 3, must_keep=kept)
    assert sorted(selection.indices) == sorted(kept)
    mask = np.isin(np.arange(len(POOL)), kept)
    assert sorted(select(selector, POOL, 3, must_keep=mask).indices) == sorted(kept)


@every_selector
def test_what_must_be_kept_leaves_less_tokens_than_any_other_record_costs(selector: Selector):
    dear = int(POOL.costs.argmax())
    budget = Budget(tokens=int(POOL.costs[dear] + POOL.costs.min() - 1))
    assert select(selector, POOL, budget, must_keep=[dear]).indices.tolist() == [dear]


@pytest.mark.parametrize(
    "selector", [s for s in SELECTORS if s.nested or s not in GREEDY], ids=lambda s: s.name
)
def test_what_must_be_kept_counts_as_given_for_all_that_follow(selector: Selector):
    kept = [31, 4, 17]
    after = select(selector, POOL, 15, must_keep=kept).indices[3:]
    assert after.tolist() == select(selector, POOL, 12, given=kept).indices.tolist()


# What cannot be met is refused, with the numbers.

_TWENTIETHS = st.dictionaries(st.sampled_from(GROUPS), st.integers(0, 20))


@given(floors=_TWENTIETHS, caps=_TWENTIETHS, limit=st.integers(1, len(POOL)))
@few(300)
def test_floors_and_caps_are_refused_exactly_where_no_counts_fit(floors, caps, limit):
    held = np.bincount(np.unique(labels(POOL), return_inverse=True)[1])
    least = [math.ceil(Fraction(floors.get(g, 0), 20) * limit) for g in GROUPS]
    most = [math.floor(Fraction(caps.get(g, 20), 20) * limit) for g in GROUPS]
    room = np.minimum(held, most)
    possible = bool((least <= room).all()) and sum(least) <= limit <= room.sum()
    shares: dict[str, Any] = {
        "floors": {group: n / 20 for group, n in floors.items()},
        "caps": {group: n / 20 for group, n in caps.items()},
    }
    if not possible:
        with pytest.raises(BudgetError, match=r"\d"):
            idv.Random().select(POOL, Budget(records=limit, **shares))
        return
    chosen = idv.Random().select(POOL, Budget(records=limit, **shares)).indices
    counts = np.array(list(_spent_on(POOL, np.ones(len(POOL), np.int64), chosen).values()))
    assert len(chosen) == limit
    assert (counts >= least).all()
    assert (counts <= most).all()


@pytest.mark.parametrize("share", [0.07, 0.14, 0.28, 0.29, 0.55, 0.56, 0.57, 0.58, 0.67])
@pytest.mark.parametrize("tokens", [10**8, 10**10])
def test_shares_of_large_budgets_are_decimals_too(share, tokens):
    whole = round(Fraction(str(share)) * tokens)
    rest = round(1 - share, 2)
    costs, groups = np.full(4, tokens), np.array(["a", "b", "a", "b"])
    budget = Budget(tokens=tokens, floors={"a": share, "b": rest}, caps={"a": share})
    allowance = budget.allowance(costs, np.arange(4), groups)
    assert allowance.floors is not None
    assert allowance.caps is not None
    assert allowance.floors.tolist() == [whole, tokens - whole]
    assert allowance.caps.tolist() == [whole, tokens]


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "floor above what there is": (
        {"records": 5, "floors": {"chat": 0.4}},
        {},
        r"floor of 'chat' is 0.4 of 5 = 2 records, but only 1 can be chosen",
    ),
    "floor above what is left beside the given": (
        {"records": 5, "floors": {"code": 0.6}},
        {"given": [7]},
        r"floor of 'code' is 0.6 of 5 = 3 records, but only 2 can be chosen",
    ),
    "floor above what may be kept": (
        {"records": 5, "floors": {"code": 0.6}},
        {"never_keep": [6, 8]},
        r"floor of 'code' is 0.6 of 5 = 3 records, but only 1 can be chosen",
    ),
    "floors rounded up": (
        {"records": 2, "floors": {"maths": 0.4, "code": 0.3, "chat": 0.3}},
        {},
        r"1 \(maths\) \+ 1 \(code\) \+ 1 \(chat\) = 3, but the budget is 2",
    ),
    "caps that leave too little": (
        {"records": 8, "caps": {"maths": 0.25, "code": 0.25}},
        {},
        r"2 \(maths\) \+ 2 \(code\) \+ 1 \(all others\) = 5 records, but the budget is 8",
    ),
    "caps of all groups below 1": (
        {"records": 4, "caps": {"maths": 0.25, "code": 0.25, "chat": 0.25}},
        {},
        r"1 \(maths\) \+ 1 \(code\) \+ 1 \(chat\).* = 3 records, but the budget is 4",
    ),
    "no whole number between floor and cap": (
        {"records": 5, "floors": {"code": 0.5}, "caps": {"code": 0.55}},
        {},
        r"of 5 records the floor of 'code' is 3 and its cap 2",
    ),
    "no record below any cap": (
        {"tokens": 10, "caps": {"maths": 0.5, "code": 0.5, "chat": 0.5}},
        {},
        r"no record fits under the caps; raise one above 5",
    ),
    "tokens of a floor": (
        {"tokens": 50, "floors": {"chat": 0.5}},
        {},
        r"floor of 'chat' is 0.5 of 50 = 25 tokens, but only 10 can be chosen",
    ),
    "an unknown group": (
        {"records": 5, "caps": {"math": 0.5}},
        {},
        r"no group is named 'math'; known: chat, code, maths",
    ),
    "more than the budget must be kept": (
        {"records": 2},
        {"must_keep": [1, 2, 3]},
        r"3 rows that must be kept cost 3, but the budget is 2",
    ),
    "dearer than the tokens": (
        {"tokens": 25},
        {"must_keep": [1, 2, 3]},
        r"3 rows that must be kept cost 30, but the budget is 25",
    ),
    "over a cap": (
        {"records": 6, "caps": {"code": 0.34}},
        {"must_keep": [6, 7, 8]},
        r"rows that must be kept cost 3 in 'code', whose cap is 2",
    ),
    "over a cap in tokens": (
        {"tokens": 60, "caps": {"code": 0.4}},
        {"must_keep": [6, 7, 8]},
        r"rows that must be kept cost 30 in 'code', whose cap is 24",
    ),
    "a floor is starved": (
        {"records": 4, "floors": {"code": 0.5}},
        {"must_keep": [0, 1, 9]},
        r"3 rows that must be kept cost 3 of 4, and the floors still ask for 2 where 1 are left",
    ),
    "a floor is starved of tokens": (
        {"tokens": 40, "floors": {"code": 0.5}},
        {"must_keep": [0, 1, 9]},
        r"cost 30 of 40, and the floors still ask for 20 where 10 are left",
    ),
    "must and never": (
        {"records": 3},
        {"must_keep": [2, 4], "never_keep": [4, 5]},
        r"row 4 is in both must_keep and never_keep",
    ),
    "must and given": (
        {"records": 3},
        {"must_keep": [2, 4], "given": [0, 2]},
        r"row 2 is in both given and must_keep",
    ),
    "given and never": (
        {"records": 3},
        {"never_keep": [9], "given": [9]},
        r"row 9 is in both given and never_keep",
    ),
    "a row beyond the pool": (
        {"records": 3},
        {"must_keep": [3, 10]},
        r"must_keep must be whole numbers 0\.\.9 .*got 3\.\.10",
    ),
    "a negative row": (
        {"records": 3},
        {"never_keep": [-1]},
        r"never_keep must be whole numbers 0\.\.9 .*got -1",
    ),
    "a name in place of a row": (
        {"records": 3},
        {"never_keep": ["a"]},
        r"never_keep must be whole numbers 0\.\.9 .*got .*a",
    ),
    "nothing left": (
        {"records": 3},
        {"never_keep": range(5), "given": range(5, 10)},
        r"no row is left to choose",
    ),
    "less than the budget left": (
        {"records": 8},
        {"never_keep": [0, 1], "given": [2]},
        r"asks for 8 records, but only 7 can be chosen",
    ),
}


@every_selector
def test_what_cannot_be_met_is_refused_with_its_numbers_before_any_work(
    selector: Selector, monkeypatch
):
    def work(*_: Any, **__: Any) -> Any:
        pytest.fail("begun")

    for name in ("pick", "_choose", "objective"):
        if hasattr(type(selector), name):
            monkeypatch.setattr(type(selector), name, work)
    for budget, rows, message in REFUSED.values():
        with pytest.raises((BudgetError, ShapeError), match=message):
            select(selector, MATHS, Budget(**budget), **rows)


def test_what_must_be_kept_may_use_up_all_but_what_the_floors_ask_for():
    budget = Budget(tokens=40, floors={"code": 0.5})
    chosen = idv.Random().select(MATHS, budget, must_keep=[0, 1, 6]).indices
    assert set(chosen.tolist()) & {7, 8}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"floors": {"a": 1.2}}, r"floors\.a = 1\.2"),
        ({"floors": {"a": -0.1}}, r"floors\.a = -0\.1"),
        ({"caps": {"a": float("nan")}}, r"caps\.a = nan"),
        ({"caps": {"a": "most"}}, r"caps\.a = 'most'"),
        ({"floors": {"a": 0.5}, "caps": {"a": 0.4}}, r"floor of 'a', 0\.5, is above its cap, 0\.4"),
        ({"floors": {"a": 0.5, "b": 0.6}}, r"0\.5 \(a\) \+ 0\.6 \(b\) = 1\.1 of the budget"),
        ({"group_by": "domain"}, r"group_by='domain' names the groups of floors and caps"),
        ({"column": "n"}, r"tokenizer and column count tokens"),
        ({"tokenizer": "minilm"}, r"tokenizer and column count tokens"),
    ],
)
def test_floors_and_caps_that_make_no_sense_are_refused_with_their_values(fields, message):
    with pytest.raises(BudgetError, match=message):
        Budget(records=10, **fields)


def test_tokens_are_counted_in_one_way():
    with pytest.raises(BudgetError, match="by a tokenizer or by a column, not by both"):
        Budget(tokens=5, column="n", tokenizer="minilm")


@given(parts=st.lists(st.integers(1, 30), min_size=2, max_size=8))
@few(100)
def test_floors_that_add_up_to_one_but_for_rounding_are_whole(parts):
    total = sum(parts)
    groups = np.repeat([str(i) for i in range(len(parts))], parts)
    floors = {str(i): n / total for i, n in enumerate(parts)}
    budget = Budget(records=total, floors=floors, caps=floors)
    allowance = budget.allowance(np.ones(total, np.int64), np.arange(total), groups)
    assert allowance.floors is not None
    assert allowance.caps is not None
    in_order = [int(name) for name in allowance.names]
    assert allowance.floors.tolist() == allowance.caps.tolist() == [parts[i] for i in in_order]


# How much is looked at at a time changes nothing.

MANY = clustered(200, 16, 8)
# What is looked at at a time, and who looks at it so; none where all do.
TILES: list[tuple[Any, str, int, tuple[str, ...] | None]] = [
    (neighbors, "_TILE", 50, None),
    (neighbors, "_TILE", 67, None),
    (k_means, "_TILE", 67, None),
    (greedy.Objective, "block", 1, tuple(s.name for s in GREEDY)),
    (greedy.Objective, "block", 1000, tuple(s.name for s in GREEDY)),
    (log_determinant._Volume, "block", 1, ("log_determinant",)),
    (log_determinant, "_FEW", 3, ("log_determinant",)),
    (_deduplicate, "_TILE", 7, ("representation_filter", "semantic_dedup")),
    (_deduplicate, "_TILE", 1, ("representation_filter", "semantic_dedup")),
    (k_center, "_HELD", 5, ("k_center",)),
    (k_center, "_TILE", 3, ("k_center",)),
]


@every_selector
def test_how_much_is_looked_at_at_a_time_changes_nothing(selector: Selector, monkeypatch):
    rows: dict[str, Any] = {"given": [1, 2], "must_keep": [3, 4], "never_keep": [5, 6]}
    dear = Budget(tokens=1500, floors={"group 7": 0.02}, caps={"group 0": 0.2})

    def chosen() -> list[list[int]]:
        fresh = Pool.from_embeddings(
            Space(MANY.space.vectors.copy()), MANY.groups, MANY.costs, MANY.quality
        )
        return [
            select(selector, fresh, 70).indices.tolist(),
            select(selector, fresh, dear, **rows).indices.tolist(),
        ]

    usual = chosen()
    for module, name, size, users in TILES:
        if users is None or selector.name in users:
            with monkeypatch.context() as patch:
                patch.setattr(module, name, size)
                assert chosen() == usual, f"{name} = {size}"
