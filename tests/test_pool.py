"""Pool: records, vectors, groups and costs stay row by row together."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Pool
from instructdiv.errors import (
    BudgetError,
    InputError,
    InstructdivError,
    ShapeError,
    UnknownSchema,
)
from tests.pools import DISTINCT, clustered, labels
from tests.shared_data import CODE, FOOD, LAW, OTHERS

ROWS: list[dict[str, Any]] = [
    {"instruction": f"{verb} {thing}.", "output": f"{thing}!", "domain": thing, "tokens": n}
    for n, (verb, thing) in enumerate(
        [("Bake", "bread"), ("Paint", "a door"), ("Add", "numbers"), ("Sing", "a song")], 2
    )
]
MUTE: dict[str, Any] = {"instruction": " ", "output": "b", "domain": "none", "tokens": 9}
WITH_MUTE = [ROWS[0], MUTE, *ROWS[1:]]


def _pool(rows: Any = ROWS, **options: Any) -> idv.Pool:
    return idv.Pool.of(rows, embedder=idv.Lexical(), **options)


# Rows that cannot be used.


@pytest.mark.parametrize("wrap", [list, datasets.Dataset.from_list], ids=["list", "dataset"])
def test_a_row_without_an_instruction_is_left_out(wrap: Callable[[Any], Any]) -> None:
    pool = _pool(wrap(WITH_MUTE))
    assert pool.records is not None
    assert [dict(row) for row in pool.records.rows] == ROWS
    assert pool.records.lines.tolist() == [1, 3, 4, 5]
    [bad] = pool.records.quarantine
    assert bad.line == 2
    assert bad.reason == "no instruction: nothing is asked in 'instruction' and 'input'"
    assert bad.content == MUTE


def test_strict_makes_a_row_without_an_instruction_an_error() -> None:
    with pytest.raises(InputError, match="^list record 2: no instruction: "):
        _pool(WITH_MUTE, strict=True)


def test_no_usable_row_at_all_gives_the_last_reason() -> None:
    with pytest.raises(InputError, match="no record can be used; list record 2: no instruction"):
        _pool([MUTE, MUTE])


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"instruction": "a", "output": "b", "history": ["x"]}, id="history"),
        pytest.param({"instruction": "a", "output": "b", "history": 5}, id="no list"),
        pytest.param({"instruction": None, "output": None}, id="none"),
        pytest.param({}, id="empty"),
        pytest.param({"instruction": "\ud800", "output": "b"}, id="lone surrogate"),
        pytest.param({"instruction": "a", "output": "\udfff"}, id="lone surrogate in the answer"),
    ],
)
def test_one_odd_row_never_costs_the_others(row: dict[str, Any]) -> None:
    pool = _pool([*ROWS, row])
    assert pool.records is not None
    assert len(pool) == 4
    assert [bad.line for bad in pool.records.quarantine] == [5]


def test_groups_and_costs_given_for_each_row_pass_over_what_is_left_out() -> None:
    pool = _pool(WITH_MUTE, group=["a", "x", "b", "c", "d"], costs=[1, 99, 2, 3, 4])
    assert pool.groups is not None
    assert pool.groups.tolist() == ["a", "b", "c", "d"]
    assert pool.costs.tolist() == [1, 2, 3, 4]


def test_columns_of_groups_and_costs_pass_over_what_is_left_out() -> None:
    pool = _pool(WITH_MUTE, group="domain", costs="tokens")
    assert pool.groups is not None
    assert pool.groups.tolist() == ["bread", "a door", "numbers", "a song"]
    assert pool.costs.tolist() == [2, 3, 4, 5]


# Groups.


def test_an_unknown_column_of_groups_lists_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        _pool(group="topic")
    assert str(caught.value) == (
        "no column is named 'topic'; known: instruction, output, domain, tokens, source"
    )


def test_the_source_is_a_group_of_several_files_with_different_schemas(tmp_path: Path) -> None:
    alpaca, chat = tmp_path / "alpaca.jsonl", tmp_path / "chat.jsonl"
    alpaca.write_text('{"instruction": "Bake bread.", "output": "ok"}\n' * 2)
    chat.write_text('{"messages": [{"role": "user", "content": "Paint a door."}]}\n')
    pool = _pool([str(alpaca), str(chat)], group="source")
    assert pool.groups is not None
    assert pool.groups.tolist() == [str(alpaca), str(alpaca), str(chat)]
    assert [schema.name for schema in pool.schemas] == ["alpaca", "messages"]
    assert [pool.text(row) for row in range(3)] == ["Bake bread.", "Bake bread.", "Paint a door."]


def test_an_unknown_schema_among_several_files_is_named(tmp_path: Path) -> None:
    known, odd = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    known.write_text('{"instruction": "Bake bread.", "output": "ok"}\n')
    odd.write_text('{"foo": 1, "bar": 2}\n')
    with pytest.raises(UnknownSchema, match="foo, bar; known schemas: .*messages, sharegpt"):
        _pool([str(known), str(odd)])


def test_a_missing_group_has_a_name_and_a_list_of_groups_is_one() -> None:
    rows = [
        {"instruction": "a b", "output": "", "tag": None},
        {"instruction": "c d", "output": "", "tag": ["x", "y"]},
        {"instruction": "e f", "output": "", "tag": []},
        {"instruction": "g h", "output": ""},
        {"instruction": "i j", "output": "", "tag": 3},
    ]
    pool = _pool(rows, group="tag")
    assert pool.groups is not None
    assert pool.groups.tolist() == ["(none)", "x, y", "(none)", "(none)", "3"]


@pytest.mark.parametrize(("option", "name"), [("group", "groups"), ("costs", "costs")])
def test_values_that_do_not_fit_the_records_give_both_lengths(option: str, name: str) -> None:
    with pytest.raises(ShapeError, match=f"^3 {name} do not fit 4 records$"):
        _pool(**{option: [1, 2, 3]})


def test_groups_that_do_not_fit_the_vectors_give_both_lengths() -> None:
    with pytest.raises(ShapeError, match="2 groups do not fit 3 rows"):
        idv.Pool.from_embeddings(np.eye(3), groups=["a", "b"])


# Costs.


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ([1, 0, 1], "row 1 has 0"),
        ([1, 1, -3], "row 2 has -3"),
        ([1, 2.5, 1], "row 1 has 2.5"),
        ([float("nan"), 1, 1], "row 0 has nan"),
        ([1, float("inf"), 1], "row 1 has inf"),
        ([1, 2], r"costs of shape \(2,\) do not fit 3 rows"),
        (["many", 1, 1], "costs must be numbers"),
    ],
)
def test_costs_that_cannot_be_spent_name_the_row(costs: list[Any], said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        idv.Pool.from_embeddings(np.eye(3), costs=costs)


def test_a_budget_of_tokens_on_vectors_alone_asks_for_costs() -> None:
    with pytest.raises(ShapeError, match="a budget of tokens needs costs"):
        idv.Random().select(idv.Pool.from_embeddings(np.eye(3)), idv.Budget(tokens=5))


def test_tokens_are_counted_over_the_whole_conversation() -> None:
    rows = [{"instruction": "one two", "input": "three", "output": "four five."}] * 2
    assert _pool(rows).costs.tolist() == [6, 6]


@pytest.mark.parametrize("selector", [idv.Random(), idv.KCenter(), idv.default_selector()])
def test_a_token_budget_below_the_shortest_row_names_both(selector: Any) -> None:
    with pytest.raises(BudgetError) as caught:
        selector.select(_pool(costs="tokens"), idv.Budget(tokens=1))
    assert "budget of 1 tokens is below the shortest record, which has 2" in str(caught.value)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (idv.Budget(records=5), "asks for 5 records, but only 4 can be chosen; ask for at most 4"),
        (idv.Budget(tokens=99), "asks for 99 tokens, but only 14 can be chosen"),
    ],
)
def test_a_budget_larger_than_the_pool_says_how_much_there_is(
    budget: idv.Budget, said: str
) -> None:
    with pytest.raises(BudgetError, match=said):
        idv.Random().select(_pool(costs="tokens"), budget)


@pytest.mark.parametrize(
    "budget",
    [
        {"records": 0},
        {"records": -3},
        {"records": float("nan")},
        {"records": 2.5},
        {"records": True},
        {"records": "ten"},
        {"tokens": 0},
        {"tokens": -1},
        {"share": 0},
        {"share": -0.5},
        {"share": 1.5},
        {"share": float("nan")},
        {"share": float("inf")},
    ],
)
def test_a_budget_that_is_none_shows_its_value(budget: dict[str, Any]) -> None:
    [(unit, number)] = budget.items()
    with pytest.raises(BudgetError) as caught:
        idv.Budget(**budget)
    assert unit in str(caught.value)
    assert repr(number) in str(caught.value)


@pytest.mark.parametrize("budget", ["ten", 0, -1, 2.5, float("nan"), None, [], {}])
def test_a_budget_of_another_form_is_refused(budget: Any) -> None:
    with pytest.raises(BudgetError):
        idv.Budget.of(budget)
    with pytest.raises(BudgetError):
        idv.rebalance(ROWS, budget, embedder=idv.Lexical())


def test_two_units_are_not_a_budget() -> None:
    with pytest.raises(BudgetError, match="one unit: records, tokens or share"):
        idv.Budget(records=1, tokens=2)


# Vectors.


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.nan, "must be finite, but row 2 holds NaN or infinity"),
        (np.inf, "must be finite, but row 2 holds NaN or infinity"),
        (0.0, "need a direction, but row 2 is all zeros"),
    ],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_vector_that_is_none_is_named(wrong: float, said: str, dtype: Any) -> None:
    vectors = np.ones((4, 3), dtype)
    vectors[2] = wrong
    with pytest.raises(ShapeError, match=said):
        idv.Pool.from_embeddings(vectors)


def test_one_nan_in_a_vector_is_enough() -> None:
    vectors = np.ones((5000, 3))
    vectors[4321, 1] = np.nan
    with pytest.raises(ShapeError, match="row 4321 holds NaN"):
        idv.Pool.from_embeddings(vectors)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.ones(3), r"must have shape \(n, d\), got \(3,\)"),
        (np.ones((0, 3)), r"must have shape \(n, d\), got \(0, 3\)"),
        (np.ones((3, 0)), r"must have shape \(n, d\), got \(3, 0\)"),
        (np.ones((2, 2, 2)), r"must have shape \(n, d\), got \(2, 2, 2\)"),
        ([[1, 2], [3]], r"must have shape \(n, d\)"),
        ([["a", "b"]], "must be real numbers, got dtype"),
        (np.ones((2, 2), complex), "must be real numbers, got dtype complex128"),
    ],
)
def test_vectors_of_another_form_say_which(vectors: Any, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        idv.Pool.from_embeddings(vectors)


def test_precomputed_vectors_lie_row_by_row(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((4, 6))
    np.save(tmp_path / "v.npy", vectors)
    pool = idv.Pool.of(ROWS, embedder=idv.Precomputed(path=str(tmp_path / "v.npy")))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(pool.space.vectors, unit, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 6), (5, 6), (4,), (4, 6, 2)])
def test_a_file_of_vectors_that_does_not_fit_gives_both_sizes(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    np.save(tmp_path / "v.npy", np.ones(shape))
    with pytest.raises(ShapeError) as caught:
        idv.Pool.of(ROWS, embedder=idv.Precomputed(path=str(tmp_path / "v.npy")))
    assert f"v.npy has shape {shape}, but there are 4 records" in str(caught.value)


@pytest.mark.parametrize("wrong", [np.nan, 0.0])
def test_a_file_of_vectors_with_a_wrong_row_names_it(wrong: float, tmp_path: Path) -> None:
    vectors = np.ones((4, 3))
    vectors[1] = wrong
    np.save(tmp_path / "v.npy", vectors)
    with pytest.raises(ShapeError, match="row 1 "):
        idv.Pool.of(ROWS, embedder=idv.Precomputed(path=str(tmp_path / "v.npy")))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_array_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "v.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"v\.npy is not a \.npy array"):
        idv.Pool.of(ROWS, embedder=idv.Precomputed(path=str(tmp_path / "v.npy")))


def test_a_missing_file_of_vectors_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.npy"):
        idv.Pool.of(ROWS, embedder=idv.Precomputed(path=str(tmp_path / "gone.npy")))


def test_vectors_that_need_pickle_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([{}] * 4, object), allow_pickle=True)
    with pytest.raises(InputError, match="pickle"):
        idv.Pool.of(ROWS, embedder=idv.Precomputed(path=str(tmp_path / "v.npy")))


@pytest.mark.parametrize("dtype", ["S3", "complex64", "datetime64[s]"])
def test_a_file_of_something_but_real_numbers_is_a_usage_error(dtype: str, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones((4, 3), np.int64).astype(dtype))
    with pytest.raises((ShapeError, InputError)):
        idv.Pool.of(ROWS, embedder=idv.Precomputed(path=str(tmp_path / "v.npy")))


# The rest of a pool.


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ([7, 3], [7, 3]),
        (["a", "a"], [0, 1]),
        ([None, "a"], [0, 1]),
        ([True, False], [0, 1]),
        ([1.5, 2.5], [0, 1]),
    ],
)
def test_ids_are_taken_from_the_data_where_they_are_keys(
    ids: list[Any], expected: list[Any]
) -> None:
    rows = [{"id": i, "instruction": w, "output": ""} for i, w in zip(ids, "xy", strict=True)]
    assert _pool(rows).ids == expected


def test_a_pool_of_some_rows_keeps_them_together() -> None:
    pool = _pool(group="domain", costs="tokens").take([3, 1])
    assert pool.records is not None
    assert pool.groups is not None
    assert list(pool.records.rows) == [ROWS[3], ROWS[1]]
    assert pool.groups.tolist() == ["a song", "a door"]
    assert pool.costs.tolist() == [5, 3]
    assert pool.text(0) == "Sing a song."


def test_a_pool_of_vectors_alone_has_no_text() -> None:
    with pytest.raises(InputError, match="a pool of vectors alone has no records"):
        idv.Pool.from_embeddings(np.eye(2)).text(0)


def test_a_schema_may_be_named() -> None:
    rows = [{"instruction": "x", "output": "", "question": "ask me", "answer": "b"}] * 2
    assert _pool(rows, schema="question_answer").text(0) == "ask me"


def test_a_selection_of_another_pool_is_refused() -> None:
    small = idv.Pool.from_embeddings(np.eye(3))
    chosen = idv.Random().select(idv.Pool.from_embeddings(np.eye(9)), 9)
    with pytest.raises(ShapeError, match="not of this pool"):
        idv.coverage(small, chosen, n_draws=2)


def test_every_error_of_bad_input_is_a_usage_error_with_exit_code_2() -> None:
    for error in (InputError, ShapeError, BudgetError, UnknownSchema):
        assert issubclass(error, InstructdivError)
        assert error.exit_code == 2


@given(st.lists(st.sampled_from(["Bake bread.", "Paint it.", "", " ", None]), min_size=1))
@settings(max_examples=40, deadline=None)
def test_every_row_is_in_the_pool_or_left_out(asked: list[str | None]) -> None:
    rows = [{"instruction": text, "output": str(i)} for i, text in enumerate(asked)]
    usable = [row for row in rows if (row["instruction"] or "").strip()]
    if not usable:
        with pytest.raises(InputError):
            _pool(rows)
        return
    pool = _pool(rows)
    assert pool.records is not None
    assert list(pool.records.rows) == usable
    assert len(pool) + len(pool.records.quarantine) == len(rows)


@pytest.mark.parametrize("take", [DISTINCT.take, DISTINCT.space.take])
def test_a_mask_is_a_mask_and_half_rows_are_none(take):
    mask = np.arange(len(DISTINCT)) % 2 == 1
    assert len(take(mask)) == 60
    for rows in ([0.5], [-1], [120], mask[:5], [[1]]):
        with pytest.raises(ShapeError, match="whole numbers 0..119"):
            take(rows)


def test_system_text_and_tool_calls_are_tokens_too():
    spoken = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]
    system = {"role": "system", "content": "word " * 1000}
    add = {"function": {"name": "add", "arguments": "word " * 500}}
    call = {"role": "assistant", "content": None, "tool_calls": [add]}
    rows = [{"messages": spoken}, {"messages": [system, *spoken]}, {"messages": [*spoken, call]}]
    costs = Pool.of(rows, embedder="lexical").costs
    assert costs[0] == 2
    assert costs[1] > 1000
    assert costs[2] > 500


@pytest.mark.parametrize("costs", [[1e300, 1], [2**62, 1], [0, 1], [float("inf"), 1], [1.5, 1]])
def test_costs_that_cannot_be_added_up_are_refused(costs):
    with pytest.raises(ShapeError, match=r"whole numbers from 1 to .*row 0"):
        Pool.from_embeddings(np.eye(2), costs=costs)


def test_pools_and_spaces_travel_to_other_processes():
    pool = DISTINCT.take([5, 6, 7])
    again = pickle.loads(pickle.dumps(pool))
    np.testing.assert_array_equal(again.space.vectors, pool.space.vectors)
    np.testing.assert_array_equal(again.space.nearest(pool.space, 1)[1][:, 0], [0, 1, 2])


def test_one_long_group_name_costs_no_memory():
    pool = Pool.from_embeddings(np.eye(3), ["a" * 10**6, "b", "c"])
    assert pool.groups is not None
    assert pool.groups.nbytes < 10_000


@pytest.mark.parametrize("value", [float("nan"), None, float("inf"), -float("inf")])
def test_a_score_that_is_no_finite_number_names_its_row(value):
    scores = [1.0, 2.0, value, 4.0]
    with pytest.raises(ShapeError, match=r"quality scores must be finite, but row 2 has"):
        Pool.from_embeddings(np.eye(4), quality=scores)
    rows = [{"instruction": f"Task {i}", "output": "x", "s": s} for i, s in enumerate(scores)]
    with pytest.raises(ShapeError, match=r"quality scores must be finite, but row 2 has"):
        Pool.of(rows, embedder=idv.Lexical(n_dimensions=4), quality="s")


@pytest.mark.parametrize("value", ["good", [1], {}])
def test_a_score_that_is_no_number_names_its_row(value):
    rows = [{"instruction": f"Task {i}", "output": "x", "s": i} for i in range(4)]
    rows[2]["s"] = value
    with pytest.raises(ShapeError, match=r"quality scores must be numbers.*\brow 2\b"):
        Pool.of(rows, embedder=idv.Lexical(n_dimensions=4), quality="s")


@pytest.mark.parametrize("quality", [[1, 2, 3], [1] * 5, [[1, 2, 3, 4]], [], 3])
def test_scores_that_do_not_fit_are_refused(quality):
    with pytest.raises(ShapeError, match="4 (rows|records)"):
        Pool.from_embeddings(np.eye(4), quality=quality)


def test_scores_of_records_stay_with_their_rows():
    rows = [{"instruction": f"Task {i}", "output": "x", "s": i} for i in range(4)]
    rows.insert(2, {"instruction": " ", "output": "x", "s": 9})
    for quality in ("s", [0, 1, 9, 2, 3]):
        pool = Pool.of(rows, embedder=idv.Lexical(n_dimensions=4), quality=quality)
        assert pool.quality is not None
        assert pool.quality.tolist() == [0, 1, 2, 3]
        taken = pool.take([3, 1]).quality
        assert taken is not None
        assert taken.tolist() == [3, 1]
        with pytest.raises(ValueError, match="read-only"):
            pool.quality[0] = 1
    with pytest.raises(ShapeError, match="4 quality scores do not fit 5 records"):
        Pool.of(rows, embedder=idv.Lexical(n_dimensions=4), quality=[1, 2, 3, 4])
    with pytest.raises(InputError, match="score"):
        Pool.of(rows, embedder=idv.Lexical(n_dimensions=4), quality="score")


def test_scores_are_read_once_and_not_shared_with_the_caller():
    scores = np.arange(4.0)
    pool = Pool.from_embeddings(np.eye(4), quality=scores)
    scores[:] = 7
    assert pool.quality is not None
    assert pool.quality.tolist() == [0, 1, 2, 3]


def test_joined_pools_keep_what_all_have():
    a = clustered(5, 4, 2)
    b = Pool.from_embeddings(clustered(3, 4, 2, seed=1).space, costs=[1, 2, 3])
    joined = Pool.joined({"a": a, "b": b})
    assert labels(joined).tolist() == [*"aaaaabbb"]
    assert joined.costs.tolist() == [*a.costs.tolist(), 1, 2, 3]
    assert joined.quality is None
    assert joined.records is None
    assert not joined.has_texts
    np.testing.assert_array_equal(joined.space.vectors[5:], b.space.vectors)
    with pytest.raises(ShapeError, match="there is no pool to join"):
        Pool.joined({})


def test_joined_records_know_where_they_came_from(tmp_path: Path):
    from datasets import Dataset

    path = tmp_path / "law.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in LAW))
    chat = [{"messages": [{"role": "user", "content": "Bake."}], "extra": 1}, {"output": "?"}]
    pools = Pool.together(
        {"file": str(path), "set": Dataset.from_list(CODE), "chat": chat}, embedder="lexical"
    )
    joined = Pool.joined(pools)
    records = joined.records
    assert records is not None
    assert len(records) == len(joined) == 53
    assert list(records.rows[:12]) == LAW
    assert records.sources == (str(path), "dataset", "list")
    assert records.source_of.tolist() == [0] * 12 + [1] * 40 + [2]
    assert records.lines.tolist() == [*range(1, 13), *range(1, 41), 1]
    assert records.column("extra") == [None] * 52 + [1]
    assert [bad.line for bad in records.quarantine] == [2]
    assert joined.messages(52) == [{"role": "user", "content": "Bake."}]
    assert joined.texts == tuple(text for pool in pools.values() for text in pool.texts)
    assert [joined.instruction(row) for row in (0, 12)] == [
        LAW[0]["instruction"],
        CODE[0]["instruction"],
    ]
    assert len(records.digests()) == 1


def test_joined_data_sets_stay_one_and_files_keep_their_digests(tmp_path: Path):
    from datasets import Dataset

    path = tmp_path / "law.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in LAW))
    sets = {"a": Dataset.from_list(CODE), "b": Dataset.from_list(FOOD), "c": str(path)}
    pools = Pool.together(sets, embedder="lexical")
    both = Pool.joined({"a": pools["a"], "b": pools["b"]}).records
    assert both is not None
    assert isinstance(both.rows, Dataset)
    assert [row["id"] for row in both.take([41, 0]).rows] == ["food 1", "code 0"]
    # Of several files each has its layout.
    chat = tmp_path / "chat.jsonl"
    chat.write_text(json.dumps({"messages": [{"role": "user", "content": "Bake."}]}) + "\n")
    both_files = Pool.of([str(path), str(chat)], embedder="lexical")
    joined = Pool.joined({"a": both_files, "b": both_files})
    assert [joined.instruction(row) for row in (0, 12, 25)] == [
        LAW[0]["instruction"],
        "Bake.",
        "Bake.",
    ]
    files = Pool.joined({"c": pools["c"], "d": pools["c"]}).records
    assert files is not None
    assert [found["file"] for found in files.digests()] == [str(path)] * 2


def test_a_joined_pool_takes_part_in_everything_else():
    pools = Pool.together({"code": CODE, **OTHERS}, embedder="lexical")
    joined = Pool.joined(pools)
    assert len(idv.FacilityLocation().select(joined, 9)) == 9
    again = Pool.joined({"all": joined})
    assert set(labels(again).tolist()) == {"all"}
    assert idv.GroupBalanced().select(replace(again, groups=joined.groups), 8).indices.max() < 88
