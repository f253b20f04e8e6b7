"""Whole numbers that must add up."""

import json
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget, Pool, Recipe
from instructdiv.errors import BudgetError, InputError, ModelNotFound, ShapeError
from instructdiv.selectors import Selector
from tests.cases import MATHS, few
from tests.pools import every_selector, select

pytestmark = pytest.mark.usefixtures("one_thread")


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
    return Pool.of(rows, embedder=idv.Lexical(n_dimensions=8), **options)


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
@few(60)
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
    path.write_text("[budget]\nrecords = 9\ngroup_by = 'kind'\n[budget.floors]\nfood = 0.5\n")
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
