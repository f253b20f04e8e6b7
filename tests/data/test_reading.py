"""Reading: one object for how data are read, taken by every verb as such or as keywords."""

from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

import instructdiv as idv
from instructdiv.curation.recipe import Recipe
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.embedders import Embedder, Lexical, Precomputed, SentenceTransformer
from instructdiv.errors import InputError, ParameterError, RecipeError, ShapeError
from instructdiv.schemas import Dolly

ROWS = [{"instruction": f"Task {i} of {i % 3}", "output": "x", "kind": i % 3} for i in range(12)]


def test_the_keywords_are_the_fields():
    assert tuple(get_type_hints(ReadingOptions)) == (*Reading.keys(), "progress")


def test_a_recipe_is_a_reading_with_the_same_fields():
    assert issubclass(Recipe, Reading)
    for name, field in Reading.model_fields.items():
        assert Recipe.model_fields[name].description == field.description
        assert field.description


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("lexical", Lexical()),
        ("minilm", SentenceTransformer(model="minilm")),
        ("me/my-model", SentenceTransformer(model="me/my-model")),
        (Path("some/folder"), SentenceTransformer(model="some/folder")),
        ("v.npy", Precomputed(path="v.npy")),
        (Path("v.npy"), Precomputed(path="v.npy")),
        ({"name": "lexical", "n_dimensions": 8}, Lexical(n_dimensions=8)),
        ('{"name": "lexical", "n_dimensions": 8}', Lexical(n_dimensions=8)),
        (Lexical(n_dimensions=3), Lexical(n_dimensions=3)),
        (np.eye(2), Precomputed(vectors=np.eye(2))),
    ],
)
def test_whatever_stands_for_an_embedder_is_one(value: Any, found: Embedder):
    assert Embedder.of(value) == found
    assert Reading(embedder=value).embedder == found


@pytest.mark.parametrize("value", [3, None, ["lexical"], ""])
def test_what_stands_for_no_embedder_is_refused(value: Any):
    with pytest.raises(idv.errors.UsageError):
        Reading(embedder=value)


def test_an_array_is_equal_to_one_of_the_same_numbers_and_stays_out_of_the_recipe():
    one, other = Precomputed(vectors=np.eye(3)), Precomputed(vectors=2 * np.eye(3))
    assert one != other
    assert one == Precomputed(vectors=np.eye(3, dtype=np.float32))
    again = Embedder.of(one.to_mapping())
    assert again == one
    with pytest.raises(InputError, match=r"given as an array.*give the array again"):
        again.embed(["a", "b", "c"])
    with pytest.raises(ShapeError, match=r"\(3, 3\), but there are 2 records"):
        one.embed(["a", "b"])
    with pytest.raises(ShapeError, match="real numbers"):
        Embedder.of(np.array([["a"]]))
    with pytest.raises(ParameterError, match="path or vectors"):
        Precomputed()


def test_an_array_of_vectors_rebalances():
    vectors = np.random.default_rng(0).standard_normal((12, 5))
    chosen = idv.rebalance(ROWS, 4, embedder=vectors)
    pool = idv.Pool.from_embeddings(vectors)
    expected = idv.default_selector().select(pool, 4)
    assert chosen == [ROWS[i] for i in expected.indices]


def test_vectors_of_records_that_cannot_be_used_are_left_out():
    rows = [*ROWS[:5], {"instruction": "", "output": "x"}, *ROWS[5:]]
    vectors = np.random.default_rng(0).standard_normal((13, 5))
    pools = idv.Pool.together({"a": rows, "b": rows}, embedder=np.concatenate([vectors, -vectors]))
    kept = np.delete(vectors, 5, axis=0)
    expected = idv.Space.of(kept).vectors
    np.testing.assert_allclose(pools["a"].space.vectors, expected, rtol=1e-5)
    np.testing.assert_allclose(pools["b"].space.vectors, -expected, rtol=1e-5)
    np.testing.assert_array_equal(
        idv.Pool.of(rows, embedder=kept).space.vectors, pools["a"].space.vectors
    )


@pytest.mark.parametrize("values", [[1] * 12, np.ones(12), tuple(range(12))])
def test_one_value_a_row_stands_in_a_reading_but_not_in_a_recipe(values: Any):
    assert Reading(costs=values) == Reading(costs=list(values))
    with pytest.raises(RecipeError, match="costs"):
        Recipe(budget=3, costs=values)


def test_progress_is_neither_written_nor_compared():
    def told(stage: str, done: int, total: int) -> None:
        stages.append(stage)

    stages: list[str] = []
    reading = Reading(embedder="lexical", progress=told)
    assert reading == Reading(embedder="lexical")
    assert "progress" not in reading.to_mapping()
    assert "progress" not in Recipe.json_schema()
    idv.Pool.of(ROWS, reading)
    assert "embed" in stages


def test_options_take_the_place_of_those_of_the_reading():
    reading = Reading.of(embedder="lexical", group="kind", schema="alpaca")
    pool = idv.Pool.of(ROWS, reading, view="conversation")
    assert (pool.view, pool.text(0)) == ("conversation", "Task 0 of 0\n\nx")
    assert pool.groups is not None
    changed = reading.with_options(schema="dolly")
    assert (changed.group, changed.layout) == ("kind", Dolly())
    assert reading.with_options() == reading


def test_a_seed_reaches_the_embedder_that_has_none():
    assert idv.Pool.of(ROWS, embedder="lexical", seed=7).embedder == Lexical(seed=7)
    own = idv.Pool.of(ROWS, embedder=Lexical(seed=3), seed=7).embedder
    assert own == Lexical(seed=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"embeder": "lexical"}, "no key 'embeder'; known: embedder, view"),
        ({"view": "answer"}, "view = 'answer'"),
        ({"seed": -1}, "seed = -1"),
        ({"group": 5}, "group = 5"),
    ],
)
def test_a_wrong_option_is_named(options: Any, words: str):
    with pytest.raises(ParameterError, match=words):
        idv.Pool.of(ROWS, **options)
    with pytest.raises(ParameterError, match=words):
        idv.rebalance(ROWS, 3, **options)


def test_a_single_data_set_is_read_otherwise():
    other = [{"question": "Who?", "reply": "She.", "n": 3}]
    reading = Reading(embedder="lexical", group="kind")
    mapping = {"question": "question", "answer": "reply"}
    pools = idv.Pool.together(
        {"data": ROWS, "other": other}, reading, each={"other": {"schema": mapping, "costs": "n"}}
    )
    assert pools["other"].costs.tolist() == [3]
    assert pools["other"].groups is None
    with pytest.raises(ParameterError, match="embedder is one for all"):
        idv.Pool.together({"data": ROWS}, each={"data": {"embedder": "lexical"}})
