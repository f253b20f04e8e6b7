"""Floors, caps, and rows that must or must never be kept: what holds for every selector."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget, Pool, Recipe, Space
from instructdiv.core import greedy, space
from instructdiv.core.allowance import Allowance
from instructdiv.errors import BudgetError, InputError, ModelNotFound, ShapeError
from instructdiv.selectors import GraphCut, Selector, _deduplicate, k_center, log_determinant
from tests.pools import GREEDY, SELECTORS, clustered, every_selector, labels, select

POOL = clustered(40, 6, 4)
GROUPS = np.unique(labels(POOL)).tolist()
MATHS = Pool.from_embeddings(
    clustered(10, 4, 2).space, ["maths"] * 6 + ["code"] * 3 + ["chat"], [10] * 10, range(10)
)
NONE = np.empty(0, np.int64)
# Graph cut is monotone up to a weight of 0.5: beyond, greedy promises nothing.
MONOTONE = [GraphCut(redundancy_weight=0.5), *(s for s in GREEDY if s.name != "graph_cut")]
every_greedy = pytest.mark.parametrize("selector", GREEDY, ids=lambda s: s.name)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small searches spend their time waiting for a second thread."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


@dataclass(frozen=True)
class Case:
    """A budget that can be spent, and rows that can be asked for with it."""

    pool: Pool
    budget: Budget
    must_keep: np.ndarray
    never_keep: np.ndarray
    given: np.ndarray

    @property
    def rows(self) -> dict[str, Any]:
        return {"must_keep": self.must_keep, "never_keep": self.never_keep, "given": self.given}

    @property
    def allowance(self) -> Allowance:
        free = np.setdiff1d(np.arange(len(self.pool)), [*self.never_keep, *self.given])
        costs = self.pool.costs_under(self.budget)
        return self.budget.allowance(costs, free, labels(self.pool))


def _rows(values: list[int]) -> np.ndarray:
    return np.array(sorted(values), np.int64)


@st.composite
def cases(draw, unit: str, pools: tuple[Pool, ...] = (POOL,)):
    """Shares are set around rows that would fit, so that there is always a way."""
    pool = draw(st.sampled_from(pools))
    order = draw(st.permutations(range(len(pool))))
    n_given, n_never = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    free = order[n_given + n_never :]
    n_fitting = draw(st.integers(1, len(free)))
    fitting = np.array(free[:n_fitting])
    must_keep = free[: draw(st.integers(0, n_fitting - 1))]
    costs = pool.costs if unit == "tokens" else np.ones(len(pool), np.int64)
    limit = int(costs[fitting].sum())
    floors, caps = {}, {}
    for group in draw(st.lists(st.sampled_from(GROUPS), unique=True)):
        spent = costs[fitting[labels(pool)[fitting] == group]].sum() / limit
        floors[group] = spent * draw(st.sampled_from([0, 0.3, 0.8, 1]))
        caps[group] = spent + (1 - spent) * draw(st.sampled_from([0, 0, 0.2, 1]))
        if draw(st.booleans()):
            draw(st.sampled_from([floors, caps])).pop(group)
    budget = Budget.model_validate({unit: limit, "floors": floors, "caps": caps})
    given_rows, never_keep = order[:n_given], order[n_given : n_given + n_never]
    return Case(pool, budget, _rows(must_keep), _rows(never_keep), _rows(given_rows))


def _few(n: int) -> settings:
    slow = [HealthCheck.too_slow]
    return settings(max_examples=n, deadline=None, suppress_health_check=slow)


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
@_few(6)
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
@_few(6)
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
@_few(300)
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
        r"must_keep must be rows 0\.\.9 of the pool, got 3\.\.10",
    ),
    "a negative row": (
        {"records": 3},
        {"never_keep": [-1]},
        r"never_keep must be rows 0\.\.9 of the pool, got -1",
    ),
    "a name in place of a row": (
        {"records": 3},
        {"never_keep": ["a"]},
        r"never_keep must be rows 0\.\.9 of the pool, got .*a",
    ),
    "nothing left": (
        {"records": 3},
        {"never_keep": range(5), "given": range(5, 10)},
        r"every row of the pool is given or never to be kept",
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
@_few(100)
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


# Where the groups and the tokens come from.

ROWS: list[dict[str, Any]] = [
    {"instruction": f"{verb} {thing}", "output": "ok " * n, "kind": kind, "n": n, "id": f"r{n}"}
    for n, (verb, thing, kind) in enumerate(
        [
            ("Bake", "bread", "food"),
            ("Boil", "an egg", "food"),
            ("Fry", "some onions", "food"),
            ("Add", "numbers", "maths"),
            ("Draw", "a plane", "art"),
            ("Paint", "a door", "art"),
        ],
        1,
    )
]


def _pool(rows: list[dict[str, Any]] = ROWS, **options: Any) -> Pool:
    return Pool.of(rows, idv.Lexical(n_dimensions=8), **options)


@every_selector
def test_groups_are_those_of_a_column_where_one_is_named(selector: Selector):
    pool = _pool(group="id", quality="n")
    budget = Budget(records=3, floors={"maths": 0.3}, caps={"food": 0.34}, group_by="kind")
    kinds = [ROWS[i]["kind"] for i in select(selector, pool, budget).indices]
    assert "maths" in kinds
    assert kinds.count("food") <= 1


def test_groups_that_are_not_there_are_asked_for():
    budget = Budget(records=3, floors={"maths": 0.3})
    with pytest.raises(ShapeError, match="no groups; name the column"):
        idv.Random().select(_pool(), budget)
    with pytest.raises(InputError, match="sort"):
        idv.Random().select(_pool(), Budget(records=3, floors={"maths": 0.3}, group_by="sort"))
    with pytest.raises(InputError, match="vectors alone"):
        idv.Random().select(MATHS, Budget(records=3, floors={"maths": 0.3}, group_by="kind"))


@every_selector
def test_tokens_are_those_of_a_column_where_one_is_named(selector: Selector):
    pool = _pool(costs=[100] * 6, quality="n", group="kind")
    chosen = select(selector, pool, Budget(tokens=9, column="n")).indices
    spent = sum(ROWS[i]["n"] for i in chosen)
    left = [row["n"] for i, row in enumerate(ROWS) if i not in chosen]
    assert spent <= 9
    assert 9 - spent < min(left)


@pytest.mark.parametrize("value", [0, -3, 1.5, float("nan"), float("inf"), None, "many", [4], {}])
def test_tokens_of_a_column_that_are_no_whole_number_name_their_row(value):
    rows = [dict(row) for row in ROWS]
    rows[3]["n"] = value
    with pytest.raises(ShapeError, match=r"\brow 3\b"):
        idv.Random().select(_pool(rows), Budget(tokens=9, column="n"))


def test_a_column_of_tokens_that_is_not_there_is_named():
    with pytest.raises(InputError, match="length"):
        idv.Random().select(_pool(), Budget(tokens=9, column="length"))
    with pytest.raises(InputError, match="vectors alone"):
        idv.Random().select(MATHS, Budget(tokens=9, column="length"))


def test_tokens_are_counted_by_the_tokenizer_of_a_folder_or_a_name():
    from instructdiv.embedders.sentence_transformer import tokenizer_folder

    pool = _pool()
    named = pool.costs_under(Budget(tokens=9, tokenizer="minilm"))
    folder = str(tokenizer_folder("minilm"))
    assert pool.costs_under(Budget(tokens=9, tokenizer=folder)).tolist() == named.tolist()
    texts = [f"{row['instruction']}\n{row['output']}" for row in ROWS]
    assert named.tolist() == idv.SentenceTransformer().count_tokens(texts).tolist()
    assert (np.diff(named[3:]) > 0).all()
    chosen = idv.Random().select(pool, Budget(tokens=20, tokenizer="minilm")).indices
    assert named[chosen].sum() <= 20
    assert 20 - named[chosen].sum() < np.delete(named, chosen).min()


@pytest.mark.parametrize("name", ["nobody/no-such-model", "./no/such/folder", "/no/such/folder"])
def test_a_tokenizer_that_is_not_here_is_named(name, monkeypatch):
    def offline(*_: Any, **__: Any) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(ModelNotFound, match=name):
        idv.Random().select(_pool(), Budget(tokens=20, tokenizer=name))


def test_a_folder_without_a_tokenizer_says_what_it_lacks(tmp_path: Path):
    with pytest.raises(ModelNotFound, match=r"has no tokenizer\.json"):
        idv.Random().select(_pool(), Budget(tokens=20, tokenizer=str(tmp_path)))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelNotFound, match="cannot be read as a tokenizer"):
        idv.Random().select(_pool(), Budget(tokens=20, tokenizer=str(tmp_path)))


def test_an_unknown_group_is_told_before_any_token_is_counted(monkeypatch):
    counted: list[int] = []
    monkeypatch.setattr("instructdiv.pool.count_tokens", lambda *_: counted.append(1))
    budget = Budget(tokens=9, tokenizer="minilm", floors={"math": 0.1}, group_by="kind")
    with pytest.raises(BudgetError, match="no group is named 'math'; known: art, food, maths"):
        idv.Random().select(_pool(), budget)
    assert not counted


# The greedy loop against the obvious.


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
        rows = _fitting(allowance, np.array(chosen, np.int64), missed)
        if not len(rows):
            return chosen
        chosen.append(_best(goal, rows, worth))
        goal.add(chosen[-1])


def _best(goal: greedy.Objective, rows: Any, worth: np.ndarray) -> int:
    return int(rows[(goal.gains(rows) * worth[rows]).argmax()])


def _fitting(allowance: Allowance, chosen: Any, missed: set[int]) -> Any:
    costs, left = allowance.costs, allowance.limit - int(allowance.costs[chosen].sum())
    waiting = np.setdiff1d(allowance.rows, chosen)
    if allowance.groups is None or allowance.floors is None or allowance.caps is None:
        return waiting[costs[waiting] <= left]
    n_groups = len(allowance.names)
    while True:
        room, due = np.empty(n_groups, np.int64), np.empty(n_groups, np.int64)
        for g in range(n_groups):
            spent = costs[chosen[allowance.groups[chosen] == g]].sum()
            due[g] = 0 if g in missed else max(0, allowance.floors[g] - spent)
            room[g] = allowance.caps[g] - spent
        for g in range(n_groups):
            room[g] = min(room[g], left - (due.sum() - due[g]))
        fits = costs[waiting] <= room[allowance.groups[waiting]]
        reached = set(allowance.groups[waiting[fits]].tolist())
        lost = {g for g in range(n_groups) if due[g] and g not in reached}
        if not lost:
            return waiting[fits]
        missed |= lost


@every_greedy
@given(case=cases("records"))
@_few(8)
def test_lazy_greedy_under_floors_and_caps_is_plain_greedy(selector: Any, case: Case):
    goal = selector.objective(case.pool, case.pool.space, case.allowance)
    indices, gains = greedy.maximize(goal, case.allowance, case.given, case.must_keep)
    value = goal.value
    assert indices.tolist() == _plain(goal, case, per_cost=False)
    assert goal.value == pytest.approx(value)
    assert value - goal.evaluate(case.given) == pytest.approx(gains.sum(), rel=1e-5, abs=1e-6)


@every_greedy
@given(case=cases("tokens"))
@_few(8)
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
@_few(4)
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


# Allowances and ledgers.


@given(case=st.one_of(cases("records"), cases("tokens")), data=st.data())
@_few(60)
def test_an_allowance_after_some_rows_is_the_ledger_after_taking_them(case: Case, data):
    allowance = case.allowance
    ledger, taken = allowance.ledger(), []
    for row in data.draw(st.permutations(allowance.rows.tolist()))[:12]:
        if ledger.fits(row):
            ledger.take(row)
            taken.append(row)
    rest = allowance.after(np.array(taken, np.int64))
    assert rest.limit == ledger.left
    assert rest.rows.tolist() == sorted(set(allowance.rows.tolist()) - set(taken))
    # What was found out of reach may have been forgotten, and is found again.
    assert rest.ledger().fitting(rest.rows).tolist() == ledger.fitting(rest.rows).tolist()


@given(case=st.one_of(cases("records"), cases("tokens")), data=st.data())
@_few(60)
def test_filling_under_floors_and_caps_stops_only_where_nothing_fits(case: Case, data):
    allowance = case.allowance
    order = data.draw(st.permutations(allowance.rows.tolist()))
    taken = allowance.fill(order)
    assert not len(_fitting(allowance, taken, set()))
    ledger = allowance.ledger()
    for row in taken.tolist():
        assert ledger.fits(row)
        ledger.take(row)
    assert not ledger.fitting(np.setdiff1d(allowance.rows, taken)).any()


def test_filling_comes_back_to_rows_that_a_floor_out_of_reach_sets_free():
    groups = np.array(["a", "a", "b", "b"])
    budget = Budget(tokens=10, floors={"a": 0.7})
    allowance = budget.allowance(np.array([6, 6, 5, 4]), np.arange(4), groups)
    assert allowance.fill([2, 3, 0, 1]).tolist() == [0, 3]


@given(case=st.one_of(cases("records"), cases("tokens")), data=st.data())
@_few(60)
def test_fitting_asks_each_row_by_itself_and_take_tells_when_room_grows(case: Case, data):
    allowance = case.allowance
    ledger = allowance.ledger()
    rows = allowance.rows
    for row in data.draw(st.permutations(rows.tolist())):
        before = ledger.fitting(rows)
        assert before.tolist() == [ledger.fits(r) for r in rows.tolist()]
        if ledger.fits(row):
            freed = ledger.take(row)
            assert freed or not (ledger.fitting(rows) & ~before).any()


# How much is looked at at a time changes nothing.

MANY = clustered(200, 16, 8)
# What is looked at at a time, and who looks at it so; none where all do.
TILES: list[tuple[Any, str, int, tuple[str, ...] | None]] = [
    (space, "_TILE", 50, None),
    (space, "_TILE", 67, None),
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


# Budgets as data.

_SHARES = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6),
    st.floats(0, 1 / 3),
    max_size=3,
)
BUDGETS = st.one_of(
    st.builds(Budget, records=st.integers(1, 10**6), floors=_SHARES),
    st.builds(
        Budget, records=st.integers(1, 10**6), caps=_SHARES.filter(bool), group_by=st.just("kind")
    ),
    st.builds(Budget, tokens=st.integers(1, 10**9), floors=_SHARES, column=st.just("n")),
    st.builds(Budget, tokens=st.integers(1, 10**9), caps=_SHARES, tokenizer=st.just("minilm")),
    st.builds(Budget, share=st.floats(0.01, 1), floors=_SHARES),
)


@given(budget=BUDGETS)
@_few(60)
def test_a_budget_with_floors_and_caps_survives_json_and_a_recipe(budget: Budget, tmp_path_factory):
    assert Budget.model_validate(budget.model_dump()) == budget
    assert Budget(**json.loads(json.dumps(budget.model_dump()))) == budget
    recipe = Recipe(budget=budget)
    path = recipe.save(tmp_path_factory.getbasetemp() / "recipe.yaml")
    assert Recipe.load(path) == recipe
    assert Recipe.load(path).budget == budget


@pytest.mark.parametrize("group", ["no", "1", "null", "1e3", "a: b", "~", "2020-01-01", "é"])
def test_groups_with_awkward_names_survive_a_recipe(group, tmp_path):
    recipe = Recipe(budget=Budget(records=5, floors={group: 0.2}, caps={group: 0.5}))
    assert Recipe.load(recipe.save(tmp_path / "recipe.yaml")) == recipe


def test_floors_are_read_from_toml_and_from_overrides(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("[budget]\nrecords = 9\nby = 'kind'\n[budget.floors]\nfood = 0.5\n")
    budget = Budget(records=9, floors={"food": 0.5}, group_by="kind")
    assert Recipe.load(path).budget == budget
    changed = Recipe.load(path, ["budget.floors.food=0.25", "budget.caps.art=0.5"]).budget
    assert changed == Budget(records=9, floors={"food": 0.25}, caps={"art": 0.5}, group_by="kind")


def test_the_schema_of_a_recipe_describes_every_field_of_a_budget():
    schema = json.loads(Recipe.json_schema())
    described = json.dumps(schema["$defs"].get("Budget", schema["properties"]["budget"]))
    for name, field in Budget.model_fields.items():
        assert f'"{name}"' in described
        assert field.description
        assert json.dumps(field.description.replace("\n", " "))[1:20] in described
    [found] = [part for part in _parts(schema) if set(Budget.model_fields) <= set(part)]
    shares = [part for part in found["floors"]["anyOf"] if part["type"] == "object"]
    assert shares[0]["additionalProperties"] == {"type": "number", "minimum": 0, "maximum": 1}


def _parts(node: Any) -> list[dict[str, Any]]:
    """Every set of properties that stands anywhere in a schema."""
    if isinstance(node, list):
        return [found for item in node for found in _parts(item)]
    if not isinstance(node, dict):
        return []
    own = [node["properties"]] if isinstance(node.get("properties"), dict) else []
    return own + [found for item in node.values() for found in _parts(item)]


def test_a_run_from_a_recipe_holds_its_floors_and_writes_them_down(tmp_path):
    budget = Budget(records=4, floors={"maths": 0.25}, caps={"food": 0.25}, group_by="kind")
    recipe = Recipe.model_validate({"budget": budget, "embedder": "lexical", "n_draws": 1})
    mix = idv.curate(recipe, ROWS)
    kinds = [row["kind"] for row in mix.records.rows]
    assert "maths" in kinds
    assert kinds.count("food") <= 1
    mix.export(tmp_path / "mix")
    written = json.loads((tmp_path / "mix" / "manifest.json").read_text())
    assert Budget.model_validate(written["recipe"]["budget"]) == budget
