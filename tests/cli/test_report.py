"""The commands report and diff, with the files they write."""

import importlib.util
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import instructdiv as idv
from instructdiv.metrics import Metric
from instructdiv.report.rendering import projection as projection_module
from tests.cli.commands import (
    LEXICAL,
    ROWS,
    VERBS,
    done,
    fails,
    invoke,
    one_object,
    select,
)


def test_report_shows_what_data_covers(data: str) -> None:
    result = done("report", data, *LEXICAL, "--group", "domain")
    assert "42 records in 6 groups, 42 of them distinct." in result.stdout
    for said in ("groups", "clusters", "translate"):
        assert said in result.stdout


@pytest.mark.parametrize("ending", ["md", "json"])
def test_report_writes_a_file(ending: str, data: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / f"report.{ending}"
    done("report", data, *LEXICAL, "--output", path)
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
    done(*select(data, out))
    path = tmp_path / ("report.html" if projection else "report.HTML")
    options = ["--group", "domain", "--selection", out, *projection]
    result = done("report", data, *LEXICAL, *options, "--output", path)
    page = path.read_text(encoding="utf-8")
    assert "5 of 42 records." in result.stdout
    assert "5 of 42 records." in page
    assert _loads(page) == []
    assert "Layout: PCA" in page  # 42 records are too few for PaCMAP


PACMAP = importlib.util.find_spec("pacmap") is not None


@pytest.mark.skipif(not PACMAP, reason="the extra map is not installed")
@pytest.mark.parametrize(("name", "layout"), [("pacmap", "PaCMAP"), ("pca", "PCA")])
def test_the_map_is_laid_out_as_one_says(name: str, layout: str, tmp_path: Path) -> None:
    rows = [row | {"instruction": f"{n} {row['instruction']}"} for n in "ab" for row in ROWS]
    path = tmp_path / "more.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done("report", path, *LEXICAL, "--map", name, "-o", tmp_path / "r.html")
    assert f"Layout: {layout}" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_report_holds_data_against_a_target(data: str, tmp_path: Path) -> None:
    target = tmp_path / "wanted.jsonl"
    wanted = [*ROWS[:7], {"instruction": "Sail around the cape.", "output": "Aye."}]
    target.write_text("".join(json.dumps(row) + "\n" for row in wanted))
    options = ["--target", target, "--group", "domain"]
    found = one_object(done("report", data, *LEXICAL, *options, "--json").stdout)
    about = found["target"]
    assert (about["name"], about["records"], about["leaked"]) == (str(target), 8, 7)
    assert "7 of 8 target records are in the pool" in found["headline"]
    assert found["pool_metrics"]["coverage_at"] == 7 / 8
    assert found["gaps"][0]["of"] == "target"
    assert "Sail around the cape." in found["gaps"][0]["examples"][0]["text"]
    assert "Sail around" in done("report", data, *LEXICAL, *options).stdout


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    rows = [{"instruction": r["instruction"], "output": "", "kind": "known"} for r in ROWS[:6]]
    rows += [{"instruction": f"Sail to {p}.", "output": "", "kind": "sea"} for p in ("A", "B")]
    path = tmp_path / "inventory.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_report_says_which_domains_of_a_reference_lack(data: str, inventory: Path) -> None:
    options = ["--reference", inventory, "--reference-group", "kind", "--group", "domain"]
    result = done("report", data, *LEXICAL, *options, "--json")
    [reference] = one_object(result.stdout)["references"]
    assert reference["name"] == str(inventory)
    assert [(row["domain"], row["covered"]) for row in reference["domains"]] == [
        ("sea", 0.0),
        ("known", 1.0),
    ]
    assert "Reference: " in done("report", data, *LEXICAL, *options).stdout
    fails(2, "no column is named 'kind'", "report", data, *LEXICAL, *options, "--reference", data)


def test_the_domains_of_a_reference_are_its_groups_or_else_clusters(
    data: str, inventory: Path
) -> None:
    options = ["--group", "domain", "--reference", data, "--reference", inventory, "--json"]
    own, other = one_object(done("report", data, *LEXICAL, *options).stdout)["references"]
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
    found = one_object(done("report", data, *LEXICAL, *options).stdout)
    assert (found["records"], found["target"]["records"]) == (42, 42)
    assert [(one["name"], one["records"]) for one in found["references"]] == [(name, 8)]


def test_report_measures_what_it_is_told_to(data: str, out: Path) -> None:
    done(*select(data, out))
    names = 'vendi, {"name": "coverage_radius", "share": 0.9},distinct_n'
    options = ["--metrics", names, "--selection", out, "--json"]
    found = one_object(done("report", data, *LEXICAL, *options).stdout)
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
    done(*select(data, out))
    options = ["--metrics", "all", *group, *(["--selection", out] if chosen else []), "--json"]
    found = one_object(done("report", data, *LEXICAL, *options).stdout)
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
    result = fails(2, said, "report", data, *LEXICAL, *options)
    assert result.stderr.count("error: ") == 1


def test_a_map_that_is_not_installed_is_said_before_the_work(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection_module, "_installed", lambda: False)
    monkeypatch.setattr(idv.Lexical, "embed", lambda *_: pytest.fail("the work was begun"))
    page = tmp_path / "r.html"
    said = 'pip install "instructdiv[map]", or take pca'
    fails(2, said, "report", data, *LEXICAL, "--map", "pacmap", "-o", page)
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
    result = invoke("report", data, *LEXICAL, option, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr
    assert result.stdout == ""


def test_near_copies_and_coverage_are_as_near_as_one_says(data: str) -> None:
    def found(*options: object) -> dict[str, Any]:
        options = ("--target", data, "--json", *options)
        return one_object(done("report", data, *LEXICAL, *options).stdout)

    near, far = found("--similarity-threshold", 0.2), found("--similarity-threshold", 1)
    assert near["redundancy"]["similarity_threshold"] == 0.2
    assert near["redundancy"]["records"] > far["redundancy"]["records"] == 0
    assert "coverage_at(radius=0.1)" in found("--radius", 0.1)["pool_metrics"]


def test_the_atlas_is_written_and_its_command_is_no_result(data: str, tmp_path: Path) -> None:
    folder = tmp_path / "an atlas"
    result = done("report", data, *LEXICAL, "--atlas", folder, "--group", "domain", "--json")
    assert one_object(result.stdout)["records"] == 42
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
    done(*select(data, out))
    folder = tmp_path / "atlas"
    result = done("report", data, *LEXICAL, "--selection", out, "--atlas", folder, "-q")
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
    done("report", data, *LEXICAL, "--atlas", folder)
    with monkeypatch.context() as patch:
        patch.setattr(idv.Lexical, "embed", lambda *_: pytest.fail("the work was begun"))
        fails(1, f"{folder} is not empty", "report", data, *LEXICAL, "--atlas", folder)
        ours = ["report", data, *LEXICAL, "--overwrite", "--atlas"]
        fails(1, "so it is not ours to overwrite", *ours, foreign)
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]
    done("report", data, *LEXICAL, "--atlas", folder, "--overwrite", "--group", "domain")
    assert "source" in pq.read_table(folder / "atlas.parquet").column_names


@pytest.fixture
def other(tmp_path: Path) -> str:
    rows = [*ROWS[:21], *({"instruction": f"Sail to {n}.", "output": ""} for n in range(9))]
    path = tmp_path / "other.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_diff_sets_two_data_sets_side_by_side(data: str, other: str) -> None:
    result = done("diff", data, other, "--embedder", "lexical")
    titles = "Coverage of each other", "What the second lacks of", "What the first lacks of"
    for said in (*titles, "Sail to", "Translate"):
        assert said in result.stdout
    found = one_object(done("diff", data, other, "--embedder", "lexical", "--json").stdout)
    assert found["a"]["name"] == data
    assert [found[side]["records"] for side in "ab"] == [42, 30]
    assert [found[side]["shared"] for side in "ab"] == [21, 21]
    assert "Sail to" in found["b"]["lacking"][0]["examples"][0]["text"]
    assert found["groups"] == []


@pytest.mark.parametrize("ending", ["md", "json"])
def test_diff_writes_a_file(ending: str, data: str, other: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / f"difference.{ending}"
    done("diff", data, other, "--embedder", "lexical", "--output", path)
    text = path.read_text(encoding="utf-8")
    headline = text if ending == "md" else json.loads(text)["headline"]
    assert "(42 records) covers " in headline


@pytest.mark.parametrize("swapped", [False, True])
def test_diff_reads_the_folder_of_a_mix(swapped: bool, data: str, out: Path) -> None:
    done(*select(data, out))
    both: list[object] = [out, data] if swapped else [data, out]
    found = one_object(done("diff", *both, "--embedder", "lexical", "--json").stdout)
    mix, whole = (found["a"], found["b"]) if swapped else (found["b"], found["a"])
    assert (mix["records"], mix["shared"], mix["covered"], mix["lacking"]) == (5, 5, 1.0, [])
    assert (whole["records"], whole["shared"]) == (42, 5)


def test_diff_needs_the_column_of_the_groups_in_one_of_both(data: str, tmp_path: Path) -> None:
    bare = tmp_path / "bare.jsonl"
    bare.write_text('{"instruction": "Count.", "output": "1"}\n')
    compared = ["diff", data, bare, "--embedder", "lexical"]
    assert one_object(done(*compared, "--group", "domain", "--json").stdout)["groups"] == []
    fails(2, "no column is named 'topic'; known: instruction", *compared, "--group", "topic")
    with_groups = ["diff", data, data, "--embedder", "lexical", "--group", "domain"]
    found = one_object(done(*with_groups, "--json").stdout)
    assert [(g["a"], g["b"]) for g in found["groups"]] == [(7, 7)] * 6
    assert "share of second" in done(*with_groups).stdout


def test_a_difference_above_the_gate_is_exit_code_0_and_below_it_3(data: str, other: str) -> None:
    compared = ["diff", data, other, "--embedder", "lexical", "--min-coverage"]
    result = invoke(*compared, 0.99)
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 3
    assert "Coverage of each other" in result.stdout  # a gate that fails has still measured
    last = result.stderr.strip().splitlines()[-1]
    assert re.match(r"error: coverage 0\.\d+ is below the least allowed, 0\.99", last)
    done(*compared, 0.1)
    done("diff", data, data, "--embedder", "lexical", "--min-coverage", 1)
    assert invoke(*compared, 2).exit_code == 2


def test_a_difference_that_cannot_be_made(data: str, tmp_path: Path) -> None:
    (tmp_path / "d.md").mkdir()
    for two in ([data, "/gone.jsonl"], ["/gone.jsonl", data]):
        fails(2, "no file or folder at /gone.jsonl", "diff", *two, "--embedder", "lexical")
    for name in ("d.html", "d"):
        said = f"a difference is written as .md or .json, not as '{tmp_path / name}'"
        fails(2, said, "diff", data, data, "-o", tmp_path / name)
    fails(1, "is a folder; give a file", "diff", data, data, "-o", tmp_path / "d.md")
    assert invoke("diff", data, data, "--radius", 3).exit_code == 2
    assert invoke("diff", data).exit_code == 2


@pytest.mark.parametrize("saved", [False, True], ids=["folder of a mix", "saved selection"])
def test_report_measures_a_selection(saved: bool, data: str, out: Path, tmp_path: Path) -> None:
    done(*select(data, out))
    path = out
    if saved:
        pool = idv.Pool.of(data, embedder=idv.Lexical())
        path = idv.default_selector().select(pool, 5).save(tmp_path / "s.json")
    found = one_object(done("report", data, *LEXICAL, "--selection", path, "--json").stdout)
    assert found["selected"] == 5
    assert found["metrics"] == json.loads((out / "summary.json").read_text())["metrics"]


def test_report_says_what_is_left_out(data: str) -> None:
    with open(data, "a") as file:
        file.write("nope\n")
    result = done("report", data, *LEXICAL)
    assert "note: 1 record cannot be used: not JSON" in result.stdout


def test_a_selection_of_another_pool_is_exit_code_2(data: str, out: Path, tmp_path: Path) -> None:
    done(*select(data, out, budget=42))
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:9]))
    fails(2, "made from other data", "report", few, *LEXICAL, "--selection", out)
    pool = idv.Pool.of(data, embedder=idv.Lexical())
    saved = idv.Random().select(pool, 42).save(tmp_path / "s.json")
    result = fails(2, "not of this pool", "report", few, *LEXICAL, "--selection", saved)
    assert result.stderr.count("error: ") == 1


def test_a_mix_of_other_data_is_exit_code_2(data: str, out: Path, tmp_path: Path) -> None:
    done(*select(data, out))
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(row) + "\n" for row in ROWS[::-1]))
    result = fails(2, "made from other data", "report", other, *LEXICAL, "--selection", out)
    assert result.stdout == ""


@pytest.mark.parametrize("content", ["", "{}", '{"selection": {"indices": ["a"]}}', "[]"])
def test_a_folder_that_holds_no_mix_is_exit_code_2(content: str, data: str, out: Path) -> None:
    out.mkdir()
    (out / "manifest.json").write_text(content)
    result = fails(2, "does not hold a mix", "report", data, *LEXICAL, "--selection", out)
    assert result.stdout == ""


def test_a_report_has_a_known_ending_and_a_place(data: str, tmp_path: Path) -> None:
    (tmp_path / "d.md").mkdir()
    said = "a report is written as .html, .md or .json, not as "
    fails(2, said, "report", data, *LEXICAL, "--output", tmp_path / "r.txt")
    fails(1, "is a folder; give a file", "report", data, *LEXICAL, "-o", tmp_path / "d.md")
    fails(1, "cannot write", "report", data, *LEXICAL, "-o", Path(data) / "r.md")
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".md", ".txt")] == ["d.md"]
