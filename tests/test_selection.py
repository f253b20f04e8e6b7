"""Reasons, change against an earlier selection, files, and measuring any choice."""

import json
import math
from collections import Counter
from dataclasses import FrozenInstanceError
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget, Pool, Selection
from instructdiv.errors import BudgetError, InputError, ShapeError
from instructdiv.selectors import Selector
from tests.pools import (
    COPIES,
    EQUAL,
    GREEDY,
    NESTED,
    SMALL,
    every_selector,
    labels,
    select,
)

pytestmark = pytest.mark.usefixtures("one_thread")

NOTHING = Selection(np.empty(0, np.int64), np.empty(0))
every_nested = pytest.mark.parametrize("selector", NESTED, ids=lambda s: s.name)
every_greedy = pytest.mark.parametrize("selector", GREEDY, ids=lambda s: s.name)


def _few(n: int) -> settings:
    return settings(max_examples=n, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _rows(ids: bool) -> list[dict[str, Any]]:
    things = ["bread", "a door", "numbers", "a song", "the moon", "soup"]
    return [
        {"instruction": f"Task {i}: {things[i % 6]} and {things[i * i % 5]}", "output": "x" * i}
        | {"kind": things[i % 6], "n": 1 + i % 7, "score": i * 7 % 10}
        | ({"id": f"r{i}"} if ids else {})
        for i in range(60)
    ]


@cache
def _records(ids: bool) -> Pool:
    """Sixty records; the same with ids and without."""
    return Pool.of(
        _rows(ids), embedder=idv.Lexical(n_dimensions=16), group="kind", costs="n", quality="score"
    )


# Why a row was chosen.


@every_selector
@pytest.mark.parametrize(
    "budget",
    [12, Budget(tokens=300), Budget(records=12, caps={"group 0": 0.25})],
    ids=["records", "tokens", "capped"],
)
def test_why_agrees_with_the_selection(selector: Selector, budget: Any):
    selection = select(selector, SMALL, budget, must_keep=[7, 3])
    for rank, (row, gain) in enumerate(zip(selection.indices, selection.gains, strict=True)):
        reason = selection.why(int(row))
        assert (reason.row, reason.chosen, reason.rank, reason.gain) == (row, True, rank, gain)
        assert reason.group == labels(SMALL)[row]
        assert reason.cluster == SMALL.clusters[row]
        assert f"number {rank + 1}" in reason.note
        assert ("must be kept" in reason.note) == (row in (3, 7))
        assert f"row {row}, cluster {reason.cluster}" in str(reason)


@every_selector
def test_the_nearest_chosen_row_is_that_of_a_full_look(selector: Selector):
    selection = select(selector, COPIES, 30)
    similarities = COPIES.space.vectors.astype("f8") @ COPIES.space.vectors.T.astype("f8")
    for row in range(len(COPIES)):
        chosen = row in selection.indices
        reason = selection.why(row) if chosen else selection.why_not(row, look_ahead=31)
        others = np.setdiff1d(selection.indices, [row])
        assert reason.nearest in others
        assert reason.similarity == pytest.approx(similarities[row, others].max(), abs=1e-5)
        assert similarities[row, reason.nearest] == pytest.approx(reason.similarity, abs=1e-5)
        assert f"nearest chosen row {reason.nearest}" in str(reason)


def test_the_only_chosen_row_has_no_other_beside_it():
    selection = idv.KCenter().select(SMALL, 1)
    [row] = selection.indices.tolist()
    reason = selection.why(row)
    assert (reason.nearest, reason.similarity) == (None, None)
    assert "nearest" not in str(reason)
    assert selection.why_not((row + 1) % 60).nearest == row


def test_a_pool_without_groups_names_none():
    reason = idv.KCenter().select(Pool.from_embeddings(SMALL.space), 5).why_not(0, look_ahead=60)
    assert reason.group is None
    assert "group" not in str(reason)


# Why not.


@every_nested
def test_why_not_agrees_with_a_longer_run(selector: Selector):
    rows: dict[str, Any] = {"given": [1, 2], "never_keep": [5]}
    selection, longer = select(selector, SMALL, 10, **rows), select(selector, SMALL, 40, **rows)
    assert selection.indices.tolist() == longer.indices[:10].tolist()
    for rank in range(10, 40):
        reason = selection.why_not(int(longer.indices[rank]))
        assert (reason.chosen, reason.rank) == (False, rank)
        assert reason.gain == longer.gains[rank]
        assert f"entered as number {rank + 1}, gain" in reason.note
    for row in np.setdiff1d(np.arange(60), [*longer.indices, 1, 2, 5]).tolist():
        reason = selection.why_not(row)
        assert (reason.rank, reason.gain) == (None, None)
        assert "not among the first 40" in reason.note


@every_nested
def test_why_not_goes_on_from_what_must_be_kept(selector: Selector):
    kept = [11, 23, 42]
    selection = select(selector, SMALL, 10, must_keep=kept)
    longer = select(selector, SMALL, 30, must_keep=kept)
    for rank in range(10, 30):
        reason = selection.why_not(int(longer.indices[rank]))
        assert (reason.rank, reason.gain) == (rank, longer.gains[rank])


@every_nested
def test_why_not_of_a_prefix_agrees_with_the_whole(selector: Selector):
    whole = select(selector, SMALL, 20)
    prefix = whole.prefix(8)
    for rank in range(8, 20):
        reason = prefix.why_not(int(whole.indices[rank]))
        assert (reason.rank, reason.gain) == (rank, whole.gains[rank])


@every_selector
def test_why_not_of_rows_that_could_not_be_chosen_says_so(selector: Selector):
    selection = select(selector, SMALL, 10, given=[4, 9], never_keep=[6])
    for row, note in ((4, "given"), (9, "given"), (6, "never to be kept")):
        reason = selection.why_not(row)
        assert not reason.chosen
        assert (reason.rank, reason.gain) == (None, None)
        assert note in reason.note
        assert reason.nearest in selection.indices


@every_selector
def test_every_row_that_may_be_chosen_has_a_place_when_all_are_looked_at(selector: Selector):
    selection = select(selector, SMALL, 10, given=[4], never_keep=[6])
    left = np.setdiff1d(np.arange(60), [*selection.indices, 4, 6])
    ranks = [selection.why_not(int(row), look_ahead=1000).rank for row in left]
    assert None not in ranks
    assert len(set(ranks)) == len(ranks)


@every_selector
@pytest.mark.parametrize(
    "budget",
    [
        Budget(tokens=120),
        Budget(records=12, caps={"group 0": 0}),
        Budget(records=12, floors={"group 3": 0.25}),
    ],
    ids=["costs", "a cap", "a floor"],
)
def test_why_not_tells_rows_that_records_alone_would_have_let_in(selector: Selector, budget: Any):
    selection = select(selector, SMALL, budget)
    for row in np.setdiff1d(np.arange(60), selection.indices).tolist():
        reason = selection.why_not(row, look_ahead=60)
        assert reason.rank is not None
        if selector.nested:
            blamed = "costs, floors or caps kept it out" in reason.note
            assert blamed == (reason.rank < len(selection))


@every_selector
def test_why_not_blames_no_costs_floors_or_caps_where_there_are_none(selector: Selector):
    selection = select(selector, SMALL, 10)
    for row in np.setdiff1d(np.arange(60), selection.indices).tolist():
        assert "costs, floors or caps" not in selection.why_not(row).note


@every_selector
def test_how_far_is_looked_decides_and_not_what_was_asked_before(selector: Selector):
    selection, asked = select(selector, SMALL, 10), select(selector, SMALL, 10)
    row = int(select(selector, SMALL, 60).indices[-1])
    assert asked.why_not(row, look_ahead=60).rank is not None
    assert asked.why_not(row, look_ahead=20) == selection.why_not(row, look_ahead=20)


def test_looking_less_far_than_what_must_be_kept_finds_nothing_new():
    selection = idv.KCenter().select(SMALL, 10, must_keep=range(8))
    row = int(np.setdiff1d(np.arange(60), selection.indices)[0])
    assert selection.why_not(row, look_ahead=3).rank is None
    assert selection.why_not(row, look_ahead=60).rank is not None


@pytest.mark.parametrize("look_ahead", [0, 1, 10])
def test_looking_no_farther_than_was_chosen_finds_nothing(look_ahead):
    selection = idv.KCenter().select(SMALL, 10)
    row = int(idv.KCenter().select(SMALL, 11).indices[-1])
    assert selection.why_not(row, look_ahead=look_ahead).rank is None
    assert selection.why_not(row, look_ahead=11).rank == 10


# Asking for the wrong row, or of a selection that cannot tell.


def test_why_and_why_not_refer_to_each_other():
    selection = idv.KCenter().select(SMALL, 5)
    inside = int(selection.indices[0])
    outside = int(np.setdiff1d(np.arange(60), selection.indices)[0])
    with pytest.raises(
        ShapeError, match=rf"row {outside} was not chosen; ask why_not\({outside}\)"
    ):
        selection.why(outside)
    with pytest.raises(ShapeError, match=rf"row {inside} was chosen; ask why\({inside}\)"):
        selection.why_not(inside)


@pytest.mark.parametrize(
    "row", [-1, 60, 10**9, True, False, np.True_, 1.0, 2.5, float("nan"), "3", None, [3]], ids=repr
)
@pytest.mark.parametrize("ask", ["why", "why_not"])
def test_a_row_that_is_none_of_the_pool_is_refused(ask, row):
    selection = idv.KCenter().select(SMALL, 30)
    with pytest.raises(ShapeError, match=r"rows 0\.\.59"):
        getattr(selection, ask)(row)


def test_rows_of_numpy_are_rows_too():
    selection = idv.KCenter().select(SMALL, 30)
    for row in range(60):
        ask = selection.why if row in selection.indices else selection.why_not
        reason = ask(np.int32(row))  # type: ignore[arg-type]
        assert reason.row == row
        assert type(reason.row) is int


def test_a_selection_that_was_loaded_says_that_it_does_not_know_its_pool(tmp_path):
    loaded = Selection.load(idv.KCenter().select(SMALL, 5).save(tmp_path / "s.json"))
    for ask in (loaded.why, loaded.why_not):
        with pytest.raises(ShapeError, match="does not know its pool"):
            ask(int(loaded.indices[0]))
    with pytest.raises(ShapeError, match="does not know its pool"):
        Selection(np.array([1]), np.array([0.5])).why(1)


# An earlier selection, kept.


def _check_change(earlier: Selection, now: Selection, pool: Pool) -> None:
    """What changed says where every record of both selections went."""
    change = now.change
    assert change is not None
    assert sorted([*change.kept, *change.added]) == sorted(now.indices.tolist())
    assert [row for row in now.indices if row in change.kept] == list(change.kept)
    assert [row for row in now.indices if row in change.added] == list(change.added)
    kept, added = pool.keys(np.array(change.kept)), pool.keys(np.array(change.added))
    assert Counter(earlier.keys) == Counter(kept) + Counter(change.dropped)
    held = Counter(pool.keys(np.arange(len(pool))))
    assert Counter(change.missing) == Counter(earlier.keys) - held
    assert not Counter(change.missing) - Counter(change.dropped)
    assert not set(added) & set(change.dropped), "what was dropped was added again"
    assert f"{len(kept):,} of {len(earlier):,} kept" in str(change)
    assert f"{len(added):,} added, {len(change.dropped):,} dropped" in str(change)


@st.composite
def renewals(draw):
    """An earlier pool and budget, and a later pool: shuffled, some rows gone, some new."""
    base = _records(draw(st.booleans()))
    order = draw(st.permutations(range(60)))
    n_both, n_gone, n_new = (draw(st.integers(a, b)) for a, b in ((8, 30), (0, 10), (0, 20)))
    both, gone = order[:n_both], order[n_both : n_both + n_gone]
    new = order[n_both + n_gone : n_both + n_gone + n_new]
    old_pool = base.take(np.array([*both, *gone]))
    new_pool = base.take(np.array(draw(st.permutations([*both, *new]))))
    n_old = draw(st.integers(1, n_both))
    stability = draw(st.sampled_from([0, 0.1, 0.5, 0.9, 0.95, 1]))
    return old_pool, n_old, new_pool, draw(st.integers(n_old, n_both)), stability


@every_selector
@given(renewal=renewals())
@_few(5)
def test_at_least_the_share_asked_for_is_kept_best_first(selector: Selector, renewal: Any):
    old_pool, n_old, new_pool, n_new, stability = renewal
    earlier = select(selector, old_pool, n_old)
    now = select(selector, new_pool, n_new, keep=earlier, stability=stability)
    assert len(now) == n_new
    _check_change(earlier, now, new_pool)
    assert now.change is not None
    assert now.change.share_kept >= stability - 1e-12
    there = set(new_pool.keys(np.arange(len(new_pool))))
    present = [key for key in earlier.keys if key in there]
    kept_for_sure = present[: math.ceil(stability * len(present) - 1e-9)]
    first = new_pool.keys(now.indices[: len(kept_for_sure)])
    assert sorted(first) == sorted(kept_for_sure)


@every_selector
@given(renewal=renewals())
@_few(2)
def test_an_earlier_selection_is_kept_from_its_file_too(
    selector: Selector, renewal: Any, tmp_path_factory
):
    old_pool, n_old, new_pool, n_new, stability = renewal
    earlier = select(selector, old_pool, n_old)
    loaded = Selection.load(earlier.save(tmp_path_factory.getbasetemp() / "earlier.json"))
    assert loaded.keys == earlier.keys
    one = select(selector, new_pool, n_new, keep=earlier, stability=stability)
    two = select(selector, new_pool, n_new, keep=loaded, stability=stability)
    assert one.indices.tolist() == two.indices.tolist()
    assert one.change == two.change


@every_selector
def test_with_stability_zero_nothing_is_kept_but_what_earns_its_place(selector: Selector):
    pool = _records(True)
    earlier = idv.Random(seed=9).select(pool, 20)
    now = select(selector, pool, 20, keep=earlier, stability=0)
    assert now.indices.tolist() == select(selector, pool, 20).indices.tolist()
    _check_change(earlier, now, pool)


@every_selector
def test_with_stability_one_all_are_kept_and_only_the_rest_is_chosen(selector: Selector):
    pool = _records(False)
    earlier = idv.Random(seed=9).select(pool, 20)
    now = select(selector, pool, 25, keep=earlier, stability=1)
    _check_change(earlier, now, pool)
    assert now.change is not None
    assert (len(now.change.kept), now.change.dropped, len(now.change.added)) == (20, (), 5)
    assert now.change.share_kept == 1
    assert sorted(now.indices[:20]) == sorted(earlier.indices)
    assert all("must be kept" in now.why(int(row)).note for row in now.indices[:20])


@cache
def _thrice() -> Pool:
    """Twenty records, each of them three times."""
    return _records(False).take(np.random.default_rng(8).permutation(np.repeat(np.arange(20), 3)))


@every_selector
@pytest.mark.parametrize(
    "given", [lambda: COPIES, lambda: EQUAL, _thrice], ids=["copies", "equal", "thrice"]
)
@pytest.mark.parametrize("stability", [0, 1])
def test_choosing_the_same_again_changes_nothing(selector: Selector, given: Any, stability: int):
    pool = given()
    earlier = select(selector, pool, 6)
    now = select(selector, pool, 6, keep=earlier, stability=stability)
    assert sorted(now.indices) == sorted(earlier.indices)
    assert now.change is not None
    assert (now.change.added, now.change.dropped) == ((), ())


@every_selector
@pytest.mark.parametrize("stability", [0, 0.5, 1])
def test_identical_records_count_as_often_as_they_stand_there(selector: Selector, stability: float):
    pool = _thrice()
    shuffled = pool.take(np.random.default_rng(3).permutation(60))
    earlier = idv.Random(seed=4).select(pool, 24)
    for later in (shuffled, _records(False)):
        now = select(selector, later, 24, keep=earlier, stability=stability)
        _check_change(earlier, now, later)
        assert now.change is not None
        assert now.change.share_kept >= stability


def test_the_copy_that_was_chosen_is_kept_where_its_twin_is_barred():
    pool = _records(False).take([0, 1, 2, 0])
    earlier = idv.KCenter().select(pool, 1, never_keep=[0, 1, 2])
    assert earlier.indices.tolist() == [3]
    now = idv.KCenter().select(pool, 1, never_keep=[0], keep=earlier, stability=1)
    assert now.indices.tolist() == [3]


def test_ids_survive_records_that_are_new_and_repeat_one():
    base = _records(True)
    earlier = idv.KCenter().select(base.take(np.arange(40)), 10)
    appended = base.take([*range(60), 59])  # the last record stands there twice
    now = idv.KCenter().select(appended, 10, keep=earlier, stability=1)
    assert now.change is not None
    assert not now.change.missing
    assert sorted(now.indices) == sorted(earlier.indices)


def test_records_are_the_same_where_later_ones_have_a_column_more():
    rows = [{"instruction": f"Task {i}", "output": f"It is {i * i}"} for i in range(20)]
    more = [*rows, {"instruction": "Sing", "output": "La", "language": "en"}]
    before = Pool.of(datasets.Dataset.from_list(rows), embedder=idv.Lexical(n_dimensions=8))
    after = Pool.of(
        datasets.Dataset.from_list([{"language": None} | row for row in more]),
        embedder=idv.Lexical(n_dimensions=8),
    )
    earlier = idv.Random().select(before, 10)
    now = idv.Random().select(after, 10, keep=earlier, stability=1)
    assert now.change is not None
    assert not now.change.missing


def test_records_are_the_same_in_a_list_and_in_a_dataset():
    rows = [{"instruction": f"Task {i}", "output": f"It is {i * i}"} for i in range(20)]
    in_list = Pool.of(rows, embedder=idv.Lexical(n_dimensions=8))
    in_dataset = Pool.of(datasets.Dataset.from_list(rows), embedder=idv.Lexical(n_dimensions=8))
    numbers = np.arange(20)
    assert in_list.keys(numbers) == in_dataset.keys(numbers)
    assert len(set(in_list.keys(numbers))) == 20


def test_keys_do_not_depend_on_the_order_of_columns_but_on_every_value():
    row = {"instruction": "Add", "output": "2", "meta": {"a": 1, "b": [1, 2]}}
    same = {"meta": {"b": [1, 2], "a": 1}, "output": "2", "instruction": "Add"}
    other = {"instruction": "Add", "output": "2", "meta": {"a": 1, "b": [2, 1]}}
    keys = Pool.of([row, same, other], embedder=idv.Lexical(n_dimensions=4)).keys([0, 1, 2])
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("ids", "are_used"),
    [
        (["a", "b", "c"], True),
        ([3, 1, 2], True),
        (["a", "a", "b"], False),
        (["a", None, "b"], False),
        ([1.5, 2.5, 3.5], False),
        ([1, "1", 2], False),
    ],
)
def test_ids_are_keys_where_they_tell_every_record_apart(ids, are_used):
    rows = [{"id": i, "instruction": f"Task {n}", "output": "x"} for n, i in enumerate(ids)]
    pool = Pool.of(rows, embedder=idv.Lexical(n_dimensions=4))
    keys = pool.keys([2, 0, 1])
    assert len(set(keys)) == 3
    assert (keys == [str(ids[i]) for i in (2, 0, 1)]) == are_used
    assert pool.keys([]) == []
    assert pool.keys(np.array([True, False, True])) == [keys[1], keys[0]]


def test_vectors_alone_are_told_apart_by_their_row():
    assert SMALL.keys([5, 0]) == ["5", "0"]
    earlier = idv.KCenter().select(SMALL, 10)
    grown = Pool.from_embeddings(np.vstack([SMALL.space.vectors, SMALL.space.vectors[:5] + 0.1]))
    now = idv.KCenter().select(grown, 12, keep=earlier, stability=1)
    assert sorted(now.indices[:10]) == sorted(earlier.indices)
    fewer = idv.KCenter().select(SMALL.take(np.arange(30)), 10, keep=earlier, stability=1)
    assert fewer.change is not None
    assert sorted(map(int, fewer.change.missing)) == sorted(i for i in earlier.indices if i >= 30)


@every_selector
def test_a_budget_below_what_is_to_be_kept_says_how_much_that_is(selector: Selector):
    pool = _records(True)
    earlier = select(selector, pool, 20)
    with pytest.raises(
        BudgetError, match="18 rows that must be kept cost 18, but the budget is 17"
    ):
        select(selector, pool, 17, keep=earlier)
    assert len(select(selector, pool, 18, keep=earlier)) == 18
    tokens = int(pool.costs[earlier.indices].sum())
    with pytest.raises(BudgetError, match=f"cost {tokens}, but the budget is {tokens - 1}"):
        select(selector, pool, Budget(tokens=tokens - 1), keep=earlier, stability=1)


@every_selector
def test_what_is_kept_joins_what_must_be_kept_under_floors_and_caps(selector: Selector):
    pool = _records(True)
    earlier = select(selector, pool, 10)
    extra = int(np.setdiff1d(np.arange(60), earlier.indices)[0])
    budget = Budget(records=20, floors={"soup": 0.25}, caps={"bread": 0.5})
    now = select(selector, pool, budget, keep=earlier, stability=0.8, must_keep=[extra])
    assert sorted(now.indices[:9]) == sorted([*earlier.indices[:8], extra])
    assert np.count_nonzero(labels(pool)[now.indices] == "soup") >= 5
    assert np.count_nonzero(labels(pool)[now.indices] == "bread") <= 10
    _check_change(earlier, now, pool)


@pytest.mark.parametrize("bar", ["given", "never_keep"])
def test_earlier_rows_may_be_barred_as_long_as_enough_are_left(bar):
    pool = _records(True)
    earlier = idv.KCenter().select(pool, 10)
    barred: dict[str, Any] = {bar: earlier.indices[:2]}
    now = idv.KCenter().select(pool, 10, keep=earlier, stability=0.8, **barred)
    assert not set(earlier.indices[:2].tolist()) & set(now.indices.tolist())
    assert now.change is not None
    assert now.change.share_kept == 0.8
    with pytest.raises(ShapeError, match="9 of 10 earlier rows, but 2 of them"):
        idv.KCenter().select(pool, 10, keep=earlier, **barred)


@pytest.mark.parametrize("stability", [-0.1, 1.1, float("nan"), float("inf")])
@pytest.mark.parametrize("kept", [True, False])
def test_a_stability_that_is_no_share_is_refused(stability, kept):
    keep = idv.KCenter().select(SMALL, 5) if kept else None
    with pytest.raises(ShapeError, match=f"stability .*, got {stability}"):
        idv.KCenter().select(SMALL, 5, keep=keep, stability=stability)


def test_a_selection_that_does_not_know_its_records_cannot_be_kept():
    with pytest.raises(ShapeError, match="does not know its records"):
        idv.KCenter().select(SMALL, 5, keep=Selection(np.array([1]), np.array([0.5])))


def test_an_empty_selection_keeps_nothing_and_loses_nothing():
    now = idv.KCenter().select(SMALL, 5, keep=NOTHING, stability=1)
    assert now.indices.tolist() == idv.KCenter().select(SMALL, 5).indices.tolist()
    assert now.change is not None
    assert (now.change.kept, now.change.dropped, now.change.missing) == ((), (), ())
    assert now.change.share_kept == 1


def test_where_none_of_the_earlier_records_is_left_all_are_missing():
    base = _records(True)
    earlier = idv.KCenter().select(base.take(np.arange(20)), 5)
    now = idv.KCenter().select(base.take(np.arange(20, 60)), 5, keep=earlier, stability=1)
    assert now.change is not None
    assert sorted(now.change.missing) == sorted(now.change.dropped) == sorted(earlier.keys)
    assert now.change.share_kept == 1
    assert "5 dropped, of them 5 no longer in the pool" in str(now.change)


def test_a_chain_of_renewals_keeps_its_share_at_each_step():
    base, selection = _records(False), idv.DiverseCoverage().select(_records(False), 30)
    for step in range(4):
        pool = base.take(np.random.default_rng(step).permutation(60)[: 58 - step])
        later = idv.DiverseCoverage().select(pool, 30, keep=selection, stability=0.7)
        _check_change(selection, later, pool)
        assert later.change is not None
        assert later.change.share_kept >= 0.7
        selection = later


def test_without_an_earlier_selection_there_is_no_change():
    selection = idv.KCenter().select(SMALL, 5)
    assert selection.change is None
    assert idv.KCenter().select(SMALL, 5, keep=selection).prefix(3).change is None


# Files.


@every_selector
@pytest.mark.parametrize(
    "budget",
    [
        Budget(records=9),
        Budget(share=0.2),
        Budget(tokens=40, column="n"),
        Budget(records=9, floors={"soup": 0.3}, caps={"bread": 0.1}, group_by="kind"),
    ],
    ids=["records", "share", "tokens", "constrained"],
)
def test_a_selection_comes_back_from_its_file(selector: Selector, budget: Budget, tmp_path):
    selection = select(selector, _records(True), budget)
    loaded = Selection.load(selection.save(tmp_path / "s.json"))
    assert loaded.indices.tolist() == selection.indices.tolist()
    assert loaded.gains.tolist() == selection.gains.tolist()
    assert loaded.budget == budget
    assert Selector.of(loaded.selector) == selector
    assert loaded.keys == selection.keys
    assert loaded.origin is None
    again = Selection.load(loaded.save(tmp_path / "t.json"))
    assert (tmp_path / "t.json").read_text() == (tmp_path / "s.json").read_text()
    assert again.prefix(3).keys == selection.keys[:3]


def test_selections_without_rows_keys_or_a_budget_come_back_too(tmp_path):
    for selection in (NOTHING, idv.KCenter().select(SMALL, 5).prefix(0)):
        loaded = Selection.load(selection.save(tmp_path / "s.json"))
        assert (len(loaded), loaded.keys, loaded.budget) == (0, (), None)
    bare = Selection(np.array([3, 1]), np.array([0.5, 0.25]))
    assert Selection.load(bare.save(tmp_path / "s.json")).indices.tolist() == [3, 1]


_GOOD: dict[str, Any] = {
    "selector": {"name": "k_center"},
    "budget": {"records": 2},
    "indices": [4, 2],
    "gains": [1.0, 0.5],
    "keys": ["a", "b"],
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"indices": [4, 4]},
        {"indices": [-1, 2]},
        {"indices": [0.5, 2]},
        {"indices": "4"},
        {"indices": None},
        {"gains": [1.0]},
        {"gains": ["a", "b"]},
        {"budget": {"records": -2}},
        {"budget": {"rows": 2}},
        {"budget": {"records": 2, "floors": {"a": 3}}},
        {"budget": 5},
        {"selector": None},
        {"selector": "k_center"},
        {"keys": ["a"]},
        {"keys": ["a", "b", "c"]},
        {"keys": None},
        {"keys": "ab"},
    ],
    ids=repr,
)
def test_a_file_that_does_not_hold_a_selection_is_named(wrong, tmp_path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(_GOOD))
    assert Selection.load(path).keys == ("a", "b")
    path.write_text(json.dumps(_GOOD | wrong))
    with pytest.raises(InputError, match=r"s\.json does not hold a selection"):
        Selection.load(path)


@pytest.mark.parametrize("text", ["", "[]", "5", "null", "{}", '{"indices": [1]}', "not json"])
def test_a_file_of_something_else_is_named(text, tmp_path: Path):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InputError, match=r"s\.json does not hold a selection"):
        Selection.load(tmp_path / "s.json")
    with pytest.raises(InputError, match=r"none\.json does not hold a selection"):
        Selection.load(tmp_path / "none.json")


def test_a_selection_cannot_be_changed():
    selection = idv.KCenter().select(SMALL, 5)
    with pytest.raises(ValueError, match="read-only"):
        selection.indices[0] = 3
    with pytest.raises(FrozenInstanceError):
        selection.budget = Budget(records=3)  # type: ignore[misc]


@pytest.mark.parametrize("n", [-1, 6])
def test_a_prefix_lies_within_the_selection(n):
    with pytest.raises(ShapeError, match=rf"0\.\.5 records, got {n}"):
        idv.KCenter().select(SMALL, 5).prefix(n)


# Runs that keep an earlier mix.


@pytest.mark.parametrize("saved", ["mix", "selection.json"])
@pytest.mark.parametrize("ids", [True, False])
def test_a_run_keeps_most_of_an_earlier_mix(saved, ids, tmp_path):
    rows = _rows(ids)
    options = {"embedder": {"name": "lexical", "n_dimensions": 16}, "n_draws": 1}
    first = idv.curate(idv.Recipe.model_validate(options | {"budget": 20}), rows[:40])
    first.export(tmp_path / "mix")
    first.selection.save(tmp_path / "selection.json")
    later = options | {"budget": 25, "keep": str(tmp_path / saved), "stability": 0.75}
    recipe = idv.Recipe.model_validate(later)
    assert idv.Recipe.load(recipe.save(tmp_path / "recipe.yaml")) == recipe
    second = idv.curate(recipe, [rows[i] for i in np.random.default_rng(0).permutation(60)])
    _check_change(first.selection, second.selection, second.pool)
    assert second.selection.change is not None
    assert len(second.selection.change.kept) >= 15
    assert sorted(second.pool.keys(second.selection.indices[:15])) == sorted(
        first.selection.keys[:15]
    )
    second.export(tmp_path / "next")
    written = json.loads((tmp_path / "next" / "manifest.json").read_text())
    assert len(written["change"]["kept"]) == len(second.selection.change.kept)


def test_a_mix_to_keep_that_is_not_there_is_named(tmp_path):
    options = {"budget": 2, "embedder": "lexical", "keep": str(tmp_path / "none")}
    with pytest.raises(InputError, match="none does not hold a selection"):
        idv.curate(idv.Recipe.model_validate(options), _rows(True))
