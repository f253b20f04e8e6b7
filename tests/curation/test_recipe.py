"""Recipe: a whole run as data, read and written without loss."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv.clusterers import KMeans
from instructdiv.data.views import VIEWS
from instructdiv.errors import BudgetError, InputError, ParameterError, RecipeError, UnknownPart
from instructdiv.selectors import ClusterBalanced, ConcaveFacilityLocation, Selector


def _file(folder: Path, content: Any, name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


SELECTORS = st.one_of(
    st.sampled_from(sorted(Selector.known())),
    st.builds(idv.KCenter, start=st.sampled_from(["mean", "first"])),
    st.builds(idv.Random, seed=st.integers(0, 9)),
    st.builds(ConcaveFacilityLocation, concavity=st.floats(0, 0.999)),
    st.builds(idv.GroupBalanced, within=st.just(idv.KCenter()), balance=st.floats(0, 1)),
    st.just(ClusterBalanced(clusterer={"name": "k_means", "n_clusters": 5})),
)
BUDGETS = st.one_of(
    st.builds(idv.Budget, records=st.integers(1, 10**6)),
    st.builds(idv.Budget, tokens=st.integers(1, 10**9)),
    st.builds(idv.Budget, share=st.floats(0, 1, exclude_min=True)),
)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
RECIPES = st.fixed_dictionaries(
    {"budget": BUDGETS},
    optional={
        "data": st.lists(NAMES, max_size=3),
        "schema": st.sampled_from(["alpaca", "messages"]),
        "view": st.sampled_from(VIEWS),
        "group": NAMES,
        "costs": NAMES,
        "embedder": st.sampled_from(["lexical", {"name": "precomputed", "path": "v.npy"}]),
        "selector": SELECTORS,
        "seed": st.integers(0, 2**31),
        "exporter": st.sampled_from(["jsonl", "parquet", {"name": "hub_folder", "license": "mit"}]),
        "n_draws": st.integers(1, 99),
        "strict": st.booleans(),
        "min_coverage": st.floats(-1, 1),
        "output": NAMES,
    },
)


@given(RECIPES)
@settings(max_examples=60, deadline=None)
def test_any_recipe_survives_a_round_trip_through_yaml_and_json(content: dict[str, Any]) -> None:
    recipe = idv.Recipe.model_validate(content)
    with tempfile.TemporaryDirectory() as folder:
        assert idv.Recipe.load(recipe.save(Path(folder) / "recipe.yaml")) == recipe
        path = _file(Path(folder), json.dumps(recipe.to_mapping()), "recipe.json")
        assert idv.Recipe.load(path) == recipe


def test_a_recipe_is_read_from_toml(tmp_path: Path) -> None:
    text = 'data = "a.jsonl"\n[budget]\nshare = 0.5\n[selector]\nname = "k_center"\n'
    recipe = idv.Recipe.load(_file(tmp_path, text, "recipe.toml"))
    assert recipe == idv.Recipe(
        data=("a.jsonl",), budget=idv.Budget(share=0.5), selector=idv.KCenter()
    )


def test_only_a_budget_is_needed() -> None:
    recipe = idv.Recipe.model_validate({"budget": 5})
    assert recipe.budget == idv.Budget(records=5)
    assert recipe.selector == idv.default_selector()
    assert recipe.seed == 0
    with pytest.raises(RecipeError, match="budget is required"):
        idv.Recipe.model_validate({})


def test_one_file_may_stand_alone() -> None:
    assert idv.Recipe.model_validate({"budget": 1, "data": "a.jsonl"}).data == ("a.jsonl",)


def test_what_is_not_set_is_not_written() -> None:
    assert "output" not in idv.Recipe(budget=1).to_mapping()
    assert "schema" not in idv.Recipe(budget=1).to_mapping()


def test_an_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError) as caught:
        idv.Recipe.model_validate({"budget": 1, "selecter": "random", "9": 1})
    assert "a recipe has no key '9', 'selecter'; known: data, sources, allow_license" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1),
        ("seed", "x"),
        ("n_draws", 0),
        ("view", "answer"),
        ("min_coverage", 2),
        ("min_coverage", float("nan")),
        ("strict", "perhaps"),
        ("data", 5),
        ("data", {"a": 1}),
        ("group", 5),
        ("group", ["a"]),
        ("output", 5),
    ],
)
def test_a_wrong_value_is_named_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(RecipeError) as caught:
        idv.Recipe.model_validate({"budget": 1, key: value})
    assert key in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("family", ["selector", "exporter", "schema"])
def test_an_unknown_part_lists_the_known_ones(family: str) -> None:
    with pytest.raises(UnknownPart) as caught:
        idv.Recipe.model_validate({"budget": 1, family: "nonsense"})
    assert f"no {family} is named 'nonsense'; known: " in str(caught.value)
    known = {"selector": "k_center", "exporter": "jsonl", "schema": "dolly"}
    assert known[family] in str(caught.value)


def test_every_selector_is_listed_where_one_is_unknown() -> None:
    with pytest.raises(UnknownPart) as caught:
        idv.Recipe.model_validate({"budget": 1, "selector": {"name": "kcenter"}})
    assert ", ".join(sorted(Selector.known())) in str(caught.value)
    assert "did you mean k_center?" in str(caught.value)


def test_an_unknown_parameter_lists_the_known_ones() -> None:
    selector = {"name": "concave_facility_location", "balanse": 0.5}
    with pytest.raises(ParameterError) as caught:
        idv.Recipe.model_validate({"budget": 1, "selector": selector})
    assert "concave_facility_location has no parameter 'balanse'; known: " in str(caught.value)
    assert "concavity" in str(caught.value).split("known: ")[1].split(", ")


def test_a_parameter_of_a_part_within_a_part_is_checked() -> None:
    selector = {"name": "group_balanced", "within": {"name": "k_center", "start": "last"}}
    with pytest.raises(ParameterError, match="k_center: start = 'last': .*'mean' or 'first'"):
        idv.Recipe.model_validate({"budget": 1, "selector": selector})


@pytest.mark.parametrize("selector", [5, ["k_center"], {}, {"start": "mean"}, None])
def test_a_selector_of_another_form_is_refused(selector: Any) -> None:
    with pytest.raises((ParameterError, UnknownPart)):
        idv.Recipe.model_validate({"budget": 1, "selector": selector})


@pytest.mark.parametrize("budget", [0, -1, "ten", {"records": 1, "tokens": 2}, {}, {"rows": 1}])
def test_a_wrong_budget_is_a_budget_error(budget: Any) -> None:
    with pytest.raises(BudgetError):
        idv.Recipe.model_validate({"budget": budget})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("r.yaml", "budget: [1", "cannot be read"),
        ("r.yaml", "", "holds NoneType, not the keys of a recipe"),
        ("r.yaml", "- 1\n- 2\n", "holds list, not the keys of a recipe"),
        ("r.yaml", "!!python/object/apply:os.getcwd []", "cannot be read"),
        ("r.json", '{"budget": ', "cannot be read"),
        ("r.toml", "budget = ", "cannot be read"),
        ("r.toml", "budget: 5", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_recipe_is_named(
    name: str, content: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=rf"{name} {said}"):
        idv.Recipe.load(_file(tmp_path, content, name))


def test_a_recipe_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"gone\.yaml cannot be read: .*No such file"):
        idv.Recipe.load(tmp_path / "gone.yaml")
    (tmp_path / "b.yaml").write_bytes(b"budget: 5 # caf\xe9")
    with pytest.raises(RecipeError, match=r"b\.yaml cannot be read"):
        idv.Recipe.load(tmp_path / "b.yaml")
    with pytest.raises(RecipeError, match="cannot be read"):
        idv.Recipe.load(tmp_path)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=7", {"seed": 7}),
        ("budget.records=9", {"budget": idv.Budget(records=9)}),
        ("budget=9", {"budget": idv.Budget(records=9)}),
        ("selector=random", {"selector": idv.Random()}),
        ("selector.start=first", {"selector": idv.KCenter(start="first")}),
        ("selector={name: random, seed: 3}", {"selector": idv.Random(seed=3)}),
        ("data=[a.jsonl, b.jsonl]", {"data": ("a.jsonl", "b.jsonl")}),
        ("embedder.name=lexical", {"embedder": idv.Lexical()}),
        ("strict=true", {"strict": True}),
        ("output=a=b", {"output": "a=b"}),
        (" seed =7", {"seed": 7}),
    ],
)
def test_an_override_takes_the_place_of_a_key(
    override: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    content = {"data": ["x.jsonl"], "budget": {"records": 5}, "selector": "k_center"}
    recipe = idv.Recipe.load(_file(tmp_path, content), [override])
    [(key, value)] = expected.items()
    assert getattr(recipe, key) == value


def test_overrides_are_taken_in_turn(tmp_path: Path) -> None:
    path = _file(tmp_path, {"budget": 5})
    assert idv.Recipe.load(path, ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize("override", ["seed", "=5", "", " =5", "seed=[", "seed.x.y=1", "nope=1"])
def test_an_override_that_is_none_is_a_recipe_error(override: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        idv.Recipe.load(_file(tmp_path, {"budget": 5}), [override])


def test_an_override_of_a_part_that_does_not_exist_names_it(tmp_path: Path) -> None:
    with pytest.raises(UnknownPart, match="no selector is named 'nope'"):
        idv.Recipe.load(_file(tmp_path, {"budget": 5}), ["selector=nope"])


def test_a_recipe_without_data_says_so() -> None:
    with pytest.raises(InputError, match="the recipe names no data"):
        idv.curate(idv.Recipe(budget=1))


def test_a_selection_survives_a_round_trip(tmp_path: Path) -> None:
    selection = idv.KCenter().select(idv.Pool.from_embeddings([[1, 0], [0, 1], [1, 1]]), 2)
    again = idv.Selection.load(selection.save(tmp_path / "s.json"))
    assert again.indices.tolist() == selection.indices.tolist()
    assert again.gains.tolist() == selection.gains.tolist()
    assert (again.selector, again.budget) == (selection.selector, selection.budget)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.floats(allow_nan=False)), unique_by=lambda r: r[0])
)
@settings(max_examples=50, deadline=None)
def test_any_selection_survives_a_round_trip(rows: list[tuple[int, float]]) -> None:
    import numpy as np

    indices = np.array([row for row, _ in rows], np.int64)
    selection = idv.Selection(indices, np.array([gain for _, gain in rows], np.float64))
    with tempfile.TemporaryDirectory() as folder:
        again = idv.Selection.load(selection.save(Path(folder) / "s.json"))
    assert again.indices.tolist() == selection.indices.tolist()
    assert again.gains.tolist() == selection.gains.tolist()


@pytest.mark.parametrize("content", ["", "[]", "{}", "nonsense", '{"indices": 5}', "null", "\x00"])
def test_a_file_that_is_no_selection_is_named(content: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"s\.json does not hold a selection"):
        idv.Selection.load(_file(tmp_path, content, "s.json"))


def test_set_reaches_into_defaults_that_are_not_written(tmp_path):
    (tmp_path / "r.yaml").write_text("data: x\nbudget: 5\nselector: concave_facility_location\n")
    loaded = idv.Recipe.load(tmp_path / "r.yaml", ["selector.clusterer.n_clusters=3"])
    assert loaded.selector == ConcaveFacilityLocation(clusterer=KMeans(n_clusters=3))
