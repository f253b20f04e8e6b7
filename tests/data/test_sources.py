"""Mixes of sources: how much of each, under which license, and what is held out."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import instructdiv as idv
from instructdiv.cli import app
from instructdiv.core.apportion import apportion
from instructdiv.data.licenses import allowed, license_id, licenses_of
from instructdiv.data.load import read
from instructdiv.data.sources import Source, constrained
from instructdiv.errors import BudgetError, InputError, RecipeError

WORDS = ("sort", "parse", "merge", "hash", "cook", "boil", "bake", "stew", "court", "appeal")


def _rows(kind: str, n: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"{kind}-{i}", "instruction": f"{kind} {WORDS[i % len(WORDS)]} {i}?", "output": "x"}
        | more
        for i in range(n)
    ]


def _file(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    return {
        "code": _file(tmp_path / "code.jsonl", _rows("code", 40)),
        "law": _file(tmp_path / "law.jsonl", _rows("law", 30)),
        "chat": _file(tmp_path / "chat.jsonl", _rows("chat", 50, license="CC BY-NC 4.0")),
    }


def _recipe(files: dict[str, str], units: dict[str, dict[str, Any]], **more: Any) -> idv.Recipe:
    sources = [{"name": name, "data": files[name]} | unit for name, unit in units.items()]
    return idv.Recipe.model_validate(
        {"sources": sources, "embedder": "lexical", "n_draws": 2, "selector": "k_center"} | more
    )


def _counts(mix: idv.Mix) -> Counter[str]:
    return Counter(mix.records.source_names)


def test_each_source_gives_what_its_unit_says(files: dict[str, str]) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"share": 0.3}, "law": {"records": 7}, "chat": {}}
    mix = idv.curate(_recipe(files, units, budget=40))
    assert _counts(mix) == {"code": 12, "law": 7, "chat": 21}


def test_a_source_may_be_repeated_and_the_budget_counts_it_once(files: dict[str, str]) -> None:
    units = {"code": {"records": 5, "repeat": 3}, "law": {"records": 6}, "chat": {"share": 0}}
    mix = idv.curate(_recipe(files, units, budget=11))
    assert len(mix.selection) == 11
    assert _counts(mix) == {"code": 15, "law": 6}
    assert mix.order[:11].tolist() == mix.selection.indices.tolist()
    code = [i for i in mix.selection.indices.tolist() if i < 40]
    assert mix.order[11:].tolist() == code * 2
    assert max(Counter(mix.order.tolist()).values()) == 3


def test_records_of_all_sources_are_the_budget(files: dict[str, str]) -> None:
    units = {"code": {"records": 5}, "law": {"records": 6}}
    assert len(idv.curate(_recipe(files, units)).selection) == 11


def test_floors_and_caps_of_sources_and_clusters(files: dict[str, str]) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"share": 0.2}, "law": {}, "chat": {}}
    budget = {"records": 30, "floors": {"law": 0.5}, "group_by": "source"}
    found = _counts(idv.curate(_recipe(files, units, budget=budget)))
    assert found["code"] == 6
    assert found["law"] >= 15
    pool = idv.Pool.of(list(files.values()), embedder="lexical")
    largest = str(np.bincount(pool.clusters).argmax())
    capped = idv.Budget(records=30, caps={largest: 0.1}, group_by="cluster")
    chosen = idv.KCenter().select(pool, capped).indices
    assert (pool.clusters[chosen].astype(str) == largest).sum() <= 3


def test_the_same_seed_gives_the_same_bytes(files: dict[str, str], tmp_path: Path) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"share": 0.3, "repeat": 2}, "chat": {}}
    digests = []
    for name in ("a", "b"):
        recipe = _recipe(files, units, budget=20, eval_share=0.1, seed=3, selector="random")
        idv.curate(recipe).export(tmp_path / name)
        digests.append(json.loads((tmp_path / name / "manifest.json").read_text())["outputs"])
    assert digests[0] == digests[1]
    other = _recipe(files, units, budget=20, eval_share=0.1, seed=4, selector="random")
    idv.curate(other).export(tmp_path / "c")
    assert json.loads((tmp_path / "c" / "manifest.json").read_text())["outputs"] != digests[0]


def test_the_recipe_of_a_manifest_makes_the_mix_again(
    files: dict[str, str], tmp_path: Path
) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"share": 0.3, "repeat": 2}, "chat": {}}
    mix = idv.curate(_recipe(files, units, budget=20))
    mix.export(tmp_path / "a")
    kept = json.loads((tmp_path / "a" / "manifest.json").read_text())["recipe"]
    again = idv.curate(idv.Recipe.model_validate(kept))
    assert again.order.tolist() == mix.order.tolist()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (0.3, "a source has keys, as in .* each number has its unit in its key, got 0.3"),
        ({"data": "x", "weight": 3}, "no key 'weight'; known: data, name, share"),
        ({"data": "x", "share": 0.3, "records": 5}, "has a share and records; give one"),
        ({"data": "x", "share": 30}, "share"),
        ({"data": "x", "records": 0.5}, "records"),
        ({"data": "x", "repeat": 0}, "repeat"),
        ({"share": 0.5}, "data"),
    ],
)
def test_a_source_without_a_clear_unit_is_refused(source: Any, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        idv.Recipe.model_validate({"sources": [source], "budget": 5})


def test_sources_that_cannot_be_met_say_what_they_come_to(files: dict[str, str]) -> None:
    both: dict[str, dict[str, Any]] = {"code": {"share": 0.8}, "law": {"records": 9}}
    with pytest.raises(BudgetError, match="0.8 of the budget .code. . 9 .law., more than .* 40"):
        idv.curate(_recipe(files, both, budget=40))
    with pytest.raises(BudgetError, match="only 40 can be chosen"):
        idv.curate(_recipe(files, {"code": {"records": 41}, "law": {}}, budget=45))
    with pytest.raises(BudgetError, match="tokens cannot be shared out in records"):
        idv.curate(_recipe(files, {"code": {"records": 5}, "law": {}}, budget={"tokens": 99}))
    budget = {"records": 10, "floors": {"x": 0.1}, "group_by": "id"}
    with pytest.raises(BudgetError, match="give floors and caps group_by: source"):
        idv.curate(_recipe(files, {"code": {"share": 0.5}, "law": {}}, budget=budget))
    twice = [{"name": "a", "data": files["code"]}, {"name": "a", "data": files["law"]}]
    with pytest.raises(RecipeError, match="two sources are called 'a'"):
        idv.curate(idv.Recipe.model_validate({"sources": twice, "budget": 5}))
    with pytest.raises(RecipeError, match="data or sources, not both"):
        idv.Recipe.model_validate({"sources": twice, "data": "x", "budget": 5})


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 60))
@settings(max_examples=50, deadline=None)
def test_shares_come_to_whole_records_that_add_up(weights: list[int], rest: int) -> None:
    total = sum(weights) + rest
    if not total:
        return
    sources = [
        Source.model_validate({"data": "x", "name": str(i), "share": w / total})
        for i, w in enumerate(weights)
    ]
    sizes = {source.name: 1000 for source in sources}
    budget, _ = constrained(idv.Budget(records=101), sources, sizes)
    assert budget.floors is not None
    whole = [share * 101 for share in budget.floors.values()]
    assert np.allclose(whole, np.round(whole))
    assert abs(sum(whole) - 101 * sum(weights) / total) <= 0.5 + 1e-6
    # Webster's method may leave a quota by more than one, but not by much.
    assert all(abs(n - 101 * w / total) < 2 for n, w in zip(whole, weights, strict=True))


def test_sources_share_out_tokens_too(files: dict[str, str]) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"share": 0.5}, "law": {"share": 0.25}, "chat": {}}
    mix = idv.curate(_recipe(files, units, budget={"tokens": 200}, selector="random"))
    spent = {
        name: int(mix.pool.costs[mix.order][np.array(mix.records.source_names) == name].sum())
        for name in units
    }
    longest = int(mix.pool.costs.max())
    for name, most in (("code", 100), ("law", 50)):
        assert most - longest < spent[name] <= most


def test_the_name_of_a_source_counts_though_rows_have_a_source_of_their_own(tmp_path: Path) -> None:
    a = _file(tmp_path / "a.jsonl", _rows("code", 20, source="stack"))
    b = _file(tmp_path / "b.jsonl", _rows("law", 20, source="a"))
    mix = idv.curate(_recipe({"a": a, "b": b}, {"a": {"share": 0.3}, "b": {}}, budget=20))
    assert _counts(mix) == {"a": 6, "b": 14}
    assert {row["source"] for row in mix.records.rows} == {"stack", "a"}


def test_what_is_set_beside_sources_in_vain_is_refused(files: dict[str, str]) -> None:
    for key, value in (("schema", "alpaca"), ("encoding", "latin-1")):
        with pytest.raises(RecipeError, match="schema and encoding stand with each of the sources"):
            _recipe(files, {"code": {}}, budget=5, **{key: value})
    with pytest.raises(RecipeError, match="drops nothing; fail_on_drop is for that of a trainer"):
        _recipe(files, {"code": {}}, budget=5, fail_on_drop=True)
    with pytest.raises(
        RecipeError, match="rows of the exporter openai are not for the trainer trl"
    ):
        _recipe(files, {"code": {}}, budget=5, trainer="trl", exporter="openai")


# Licenses.


def test_a_source_that_licenses_leave_empty_is_named(files: dict[str, str]) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"license": "MIT"}, "law": {"share": 0.5}}
    with pytest.raises(InputError, match="the source 'law' has no record under a license that is"):
        idv.curate(_recipe(files, units, budget=10, allow_license="mit"))


def test_licenses_are_named_in_one_form() -> None:
    named = {
        "mit": ["MIT", "mit license", "The MIT License"],
        "apache-2.0": ["Apache 2.0", "Apache License, Version 2.0", "apache-2.0", "Apache v2.0"],
        "cc-by-nc-sa-3.0": ["CC BY-NC-SA 3.0", "cc-by-nc-sa-3.0"],
    }
    for form, names in named.items():
        assert {license_id(name) for name in names} == {form}


def test_only_records_under_allowed_licenses_come_and_the_others_are_told(
    files: dict[str, str], tmp_path: Path
) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"license": "MIT"}, "law": {}, "chat": {}}
    recipe = _recipe(files, units, budget=20, allow_license=["mit", "apache-2.0"])
    mix = idv.curate(recipe)
    assert _counts(mix) == {"code": 20}
    assert len(mix.pool) == 40
    assert "50 records left out: license cc-by-nc-4.0" in mix.summary.notices
    assert "30 records left out: license unknown" in mix.summary.notices
    mix.export(tmp_path / "m")
    counts = json.loads((tmp_path / "m" / "manifest.json").read_text())["counts"]
    assert counts["excluded"] == {"license cc-by-nc-4.0": 50, "license unknown": 30}
    held = counts["selected"] + counts["dropped"] + counts["quarantined"]
    assert counts["read"] == held + 80
    both = _recipe(files, units, budget=60, allow_license=["MIT", "CC-BY-NC 4.0"])
    assert set(_counts(idv.curate(both))) == {"code", "chat"}


def test_a_record_of_several_licenses_needs_all_of_them() -> None:
    rows = [
        {"instruction": "a", "output": "b", "license": ["MIT", "CC BY 4.0"]},
        {"instruction": "a", "output": "b", "license": "mit"},
        {"instruction": "a", "output": "b", "license": "Unknown"},
        {"instruction": "a", "output": "b", "license": None},
    ]
    found = licenses_of(read(rows))
    assert found == [("mit", "cc-by-4.0"), ("mit",), (), ()]
    assert allowed(found, ["MIT"]).tolist() == [False, True, False, False]
    assert allowed(found, ["mit", "cc-by-4.0"]).tolist() == [True, True, False, False]
    with pytest.raises(InputError, match=r"no record is under gpl-3.0; found: mit \(2\), "):
        allowed(found, ["GPL-3.0"])


# What is held out.


def test_the_file_to_evaluate_on_is_disjoint_and_stratified(
    files: dict[str, str], tmp_path: Path
) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"repeat": 2}, "law": {}, "chat": {}}
    recipe = _recipe(files, units, budget=100, eval_share=0.2, group="source", arranger="shuffled")
    mix = idv.curate(recipe)
    mix.export(tmp_path / "m")
    train, held = (
        [json.loads(line)["id"] for line in (tmp_path / "m" / name).read_text().splitlines()]
        for name in ("mix.jsonl", "eval.jsonl")
    )
    assert not set(train) & set(held)
    assert len(held) == len(set(held)) == 20
    kinds = Counter(name.split("-")[0] for name in held)
    chosen = Counter(np.array(mix.records.source_names)[:100].tolist())
    assert all(abs(kinds[kind] - chosen[kind] / 5) < 2 for kind in units)
    assert [i for i in train if i in set(train)] == [
        row["id"] for row in mix.records.rows if row["id"] not in set(held)
    ]
    manifest = json.loads((tmp_path / "m" / "manifest.json").read_text())
    assert (manifest["mix"], manifest["eval"]) == (["mix.jsonl"], ["eval.jsonl"])
    assert len(read(str(tmp_path / "m"))) == len(train)  # a mix that is read is what is trained on


# What rows carry.


@pytest.mark.parametrize("exporter", ["jsonl", "parquet", "hub_folder", "trl"])
def test_rows_carry_where_they_came_from_if_asked(
    exporter: str, files: dict[str, str], tmp_path: Path
) -> None:
    names = ["_source", "_rank", "_turn", "_cluster", "_gain"]
    units: dict[str, dict[str, Any]] = {"code": {"repeat": 2}, "law": {}}
    recipe = _recipe(
        files, units, budget=10, add_columns=names, exporter=exporter, arranger="round_robin"
    )
    mix = idv.curate(recipe)
    mix.export(tmp_path / "m")
    rows = list(read(str(tmp_path / "m")).rows)
    assert len(rows) == len(mix.order) > 10
    ranks = {int(row): i for i, row in enumerate(mix.selection.indices.tolist(), 1)}
    for place, (row, number) in enumerate(zip(rows, mix.order.tolist(), strict=True)):
        assert row["_source"] == mix.records.source_names[place]
        assert row["_rank"] == ranks[number]
        assert row["_cluster"] == mix.pool.clusters[number]
        assert row["_gain"] == pytest.approx(mix.selection.gains[ranks[number] - 1])
    assert mix.arrangement is not None
    assert [row["_turn"] for row in rows[:10]] == (mix.arrangement.turn + 1).tolist()
    plain = idv.curate(_recipe(files, units, budget=10, exporter=exporter))
    plain.export(tmp_path / "plain")
    assert not set(names) & set(read(str(tmp_path / "plain")).rows[0])


def test_a_turn_needs_an_arrangement(files: dict[str, str], tmp_path: Path) -> None:
    mix = idv.curate(_recipe(files, {"code": {}}, budget=5, add_columns="_turn"))
    with pytest.raises(InputError, match="_turn is that of an arrangement"):
        mix.export(tmp_path / "m")
    assert not (tmp_path / "m").exists()
    with pytest.raises(RecipeError, match="add_columns"):
        _recipe(files, {"code": {}}, budget=5, add_columns=["_nonsense"])


# The command.


def _invoke(*args: object) -> Any:
    return CliRunner().invoke(app, list(map(str, args)))


def test_the_command_takes_licenses_held_out_shares_and_columns(
    files: dict[str, str], tmp_path: Path
) -> None:
    common = ["--budget", 20, "--embedder", "lexical", "--n-draws", 2]
    out = tmp_path / "m"
    found = _invoke(
        "select", files["chat"], files["code"], *common, "-o", out,
        "--allow-license", "cc-by-nc-4.0", "--eval-share", 0.1, "--add-column", "_rank",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "note: 40 records left out: license unknown" in found.stdout
    rows = [json.loads(line) for line in (out / "mix.jsonl").read_text().splitlines()]
    assert len(rows) == 18
    assert {row["id"].split("-")[0] for row in rows} == {"chat"}
    assert len((out / "eval.jsonl").read_text().splitlines()) == 2
    assert all(1 <= row["_rank"] <= 20 for row in rows)


def test_a_recipe_with_sources_runs(files: dict[str, str], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"sources:\n- data: {files['code']}\n  records: 5\n- data: {files['law']}\n  share: 0.5\n"
        "- data: {}\nbudget: 20\nembedder: lexical\nn_draws: 2\n".replace("{}", files["chat"])
    )
    found = _invoke("run", recipe, "-o", tmp_path / "m")
    assert found.exit_code == 0, found.output
    rows = [json.loads(x)["id"] for x in (tmp_path / "m" / "mix.jsonl").read_text().splitlines()]
    assert Counter(name.split("-")[0] for name in rows) == {"code": 5, "law": 10, "chat": 5}
    assert _invoke("run", recipe, "-o", tmp_path / "n", "--set", "sources=0.3").exit_code == 2


@pytest.mark.parametrize("limits", [{"floors": {"code": 0.5}}, {"caps": {"code": 0.1}}])
def test_a_share_and_a_floor_or_cap_of_one_source_are_refused(
    files: dict[str, str], limits: dict[str, Any]
) -> None:
    budget = {"records": 20, "group_by": "source"} | limits
    units: dict[str, dict[str, Any]] = {"code": {"share": 0.3}, "law": {}}
    with pytest.raises(BudgetError, match="'code' has a share or records, and a floor or cap too"):
        idv.curate(_recipe(files, units, budget=budget))
    units = {"code": {}, "law": {"share": 0.3}, "chat": {}}
    assert len(idv.curate(_recipe(files, units, budget=budget)).order) == 20


def test_shares_that_cannot_be_met_are_told_as_such(files: dict[str, str]) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"share": 0.2}, "law": {"share": 0.3}}
    with pytest.raises(BudgetError, match="A share or records of a source are its floor and its"):
        idv.curate(_recipe(files, units, budget=20))


@pytest.mark.parametrize("name", ["unknown", "other", "none", "", "N/A"])
def test_a_license_of_a_source_that_says_nothing_is_none(files: dict[str, str], name: str) -> None:
    units: dict[str, dict[str, Any]] = {"chat": {"license": name}}
    with pytest.raises(InputError, match="no record is under"):
        idv.curate(_recipe(files, units, budget=5, allow_license=["unknown", "other", "none"]))


def test_a_schema_that_no_record_of_a_source_has_is_named(files: dict[str, str]) -> None:
    units: dict[str, dict[str, Any]] = {"code": {}, "law": {"schema": "p3"}}
    with pytest.raises(InputError, match="has none of the columns of P3"):
        idv.curate(_recipe(files, units, budget=5))


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, float], int]:
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5, unique=True))
    sizes = {name: draw(st.integers(1, 15)) for name in names}
    parts = [draw(st.integers(0, 6)) for _ in names]
    if not any(parts):
        parts[0] = 1
    shares = {name: part / sum(parts) for name, part in zip(names, parts, strict=True)}
    held = sum(sizes[name] for name in names if shares[name])
    return sizes, shares, draw(st.integers(1, held))


@settings(max_examples=100, deadline=None)
@given(mixtures())
def test_a_source_with_too_few_records_gives_all_and_the_others_share_the_rest(
    case: tuple[dict[str, int], dict[str, float], int],
) -> None:
    sizes, shares, n_records = case
    sources = [
        Source.model_validate({"data": "x", "name": name, "share": share})
        for name, share in shares.items()
    ]
    budget, notes = constrained(idv.Budget(records=n_records), sources, sizes)
    assert budget.floors == budget.caps
    assert budget.floors is not None
    granted = {name: round(share * n_records) for name, share in budget.floors.items()}
    wanted = dict(zip(shares, apportion(n_records, list(shares.values())).tolist(), strict=True))
    short = {name for name in sizes if wanted[name] > sizes[name]}
    assert sum(granted.values()) == n_records
    for name, n in granted.items():
        assert n <= sizes[name]
        assert bool(n) <= bool(shares[name])
        assert n == sizes[name] if name in short else n >= wanted[name]
        assert any(note.startswith(f"{name} has {sizes[name]} of") for note in notes) is (
            name in short
        )
        assert any(f"the share of {name}," in note for note in notes) is (
            shares[name] > 0 and wanted[name] == 0
        )


def test_a_mix_says_which_source_was_too_small(
    files: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"share": 0.25}, "law": {"share": 0.75}}
    mix = idv.curate(_recipe(files, units, budget=60))
    assert _counts(mix) == {"code": 30, "law": 30}
    note = "law has 30 of the 45 records of its share; the others share the rest"
    assert mix.notes == (note,)
    assert note in caplog.text
    mix.export(tmp_path / "mix")
    assert json.loads((tmp_path / "mix" / "manifest.json").read_text())["notes"] == [note]
    # One without a share takes what is left.
    filled = idv.curate(_recipe(files, units | {"code": {"share": 0.2}, "chat": {}}, budget=60))
    assert _counts(filled) == {"code": 12, "law": 30, "chat": 18}
    with pytest.raises(BudgetError, match="only 70 can be chosen"):
        idv.curate(_recipe(files, units, budget=71))


def test_a_share_of_nothing_gets_nothing(files: dict[str, str]) -> None:
    units: dict[str, dict[str, Any]] = {"code": {"share": 1.0}, "law": {"share": 0.0}}
    assert _counts(idv.curate(_recipe(files, units, budget=40))) == {"code": 40}
    with pytest.raises(BudgetError, match="code"):
        idv.curate(_recipe(files, units, budget=41))
