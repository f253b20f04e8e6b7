"""instructdiv compare: its tables, its files, and what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import instructdiv as idv
from instructdiv import Comparison, Pool, compare
from instructdiv.cli import app
from instructdiv.cli._parsing import parts_of
from instructdiv.selectors import Selector
from tests.shared_data import ROWS

QUICK = ["--embedder", "lexical", "--n-draws", "2"]


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(path)


def _command(data: str, *arguments: object) -> Result:
    command = ["compare", data, *QUICK, *map(str, arguments)]
    return CliRunner().invoke(app, command)


def _done(data: str, *arguments: object) -> Result:
    result = _command(data, *arguments)
    assert result.exit_code == 0, result.output
    return result


def _fails(code: int, said: str, data: str, *arguments: object) -> Result:
    result = _command(data, *arguments)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last
    return result


def test_the_command_prints_a_table_for_each_budget(data: str):
    result = _done(data, "--selectors", "k_center, random", "--budgets", "5, 1_0")
    for said in ("2 selectors on 42 records", "5 records", "10 records", "k_center", "random 5-95"):
        assert said in result.stdout
    stages = [line.split()[0] for line in result.stderr.splitlines()]
    assert list(dict.fromkeys(stages)) == ["INFO:", "embed", "select", "measure"]


def test_the_command_does_what_the_function_does(data: str, tmp_path: Path):
    mapping = '{"name": "facility_location", "n_neighbors": 5}'
    result = _done(
        data, "--selectors", f"random,{mapping},k_center", "--budgets", "3,9", "--labels",
        "domain", "--json", "-q", "-o", tmp_path / "c.json",
    )  # fmt: skip
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
    found = Comparison.model_validate_json(result.stdout)
    pool = Pool.of(ROWS, embedder=idv.Lexical())
    selectors: list[Selector | str] = ["random", idv.FacilityLocation(n_neighbors=5), "k_center"]
    expected = compare(pool, selectors, [3, 9], labels="domain", n_draws=2)
    assert [row.metrics for row in found.rows] == [row.metrics for row in expected.rows]
    assert found == Comparison.model_validate_json((tmp_path / "c.json").read_text())


@pytest.mark.parametrize(("unit", "budget"), [("tokens", "40"), ("share", "0.2")])
def test_the_command_takes_budgets_in_other_units(unit: str, budget: str, data: str):
    result = _done(data, "--selectors", "random", "--budgets", budget, "--unit", unit, "--json")
    row = Comparison.model_validate_json(result.stdout).rows[0]
    assert (row.tokens is not None) == (unit == "tokens")


def test_all_runs_every_selector_and_names_those_that_cannot_run(data: str):
    result = _done(data, "--selectors", "all", "--budgets", "6", "--group", "domain", "--json")
    found = Comparison.model_validate_json(result.stdout)
    able = [name for name, selector in Selector.known().items() if not selector.needs_target]
    assert [row.selector for row in found.rows] == able
    assert "quality_diversity" in [row.selector for row in found.rows if row.error]
    scored = _done(
        data, "--selectors", "all", "--budgets", "6", "--group", "domain", "--quality", "score",
        "--json",
    )  # fmt: skip
    rows = Comparison.model_validate_json(scored.stdout).rows
    assert [row.error for row in rows] == [None] * len(rows)
    aimed = _done(
        data, "--selectors", "all", "--budgets", "6", "--group", "domain", "--quality", "score",
        "--target", data, "--json",
    )  # fmt: skip
    rows = Comparison.model_validate_json(aimed.stdout).rows
    assert [row.selector for row in rows] == list(Selector.known())
    assert [row.error for row in rows] == [None] * len(rows)


def test_what_could_not_run_stands_below_the_tables(data: str):
    result = _done(data, "--selectors", "random,quality_diversity", "--budgets", "6")
    last = " ".join(result.stdout.split())
    assert "quality_diversity could not run: quality_diversity needs a score" in last
    said = "no selector could run; the first: quality_diversity needs a score"
    _fails(2, said, data, "--selectors", "quality_diversity", "--budgets", "6")


@pytest.mark.parametrize("ending", ["md", "json"])
def test_the_command_writes_a_file(ending: str, data: str, tmp_path: Path):
    path = tmp_path / f"c.{ending}"
    _done(data, "--selectors", "random", "--budgets", "5", "-o", path)
    assert "1 selector on 42 records" in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--selectors", "greedy", "--budgets", "5"], "no selector is named 'greedy'; known: "),
        (["--selectors", "a,,b", "--budgets", "5"], "no selector is named 'a'"),
        (["--selectors", "random,", "--budgets", "5", "--labels", "topic"], "named 'topic'; known"),
        (["--selectors", "", "--budgets", "5"], "there is no selector; name at least one"),
        (["--selectors", "random,random", "--budgets", "5"], "random is there twice"),
        (["--selectors", '{"name": ', "--budgets", "5"], "is not JSON"),
        (["--selectors", '{"name": "random"} k_center', "--budgets", "5"], "between commas"),
        (["--selectors", "random", "--budgets", "5,x"], "is a whole number above 0, got 'x'"),
        (["--selectors", "random", "--budgets", ""], "is a whole number above 0, got ''"),
        (["--selectors", "random", "--budgets", "5,5"], "is there twice"),
        (["--selectors", "random", "--budgets", "43"], "asks for 43 records, but only 42"),
        (["--selectors", "random", "--budgets", "5", "-o", "c.txt"], "as .md or .json"),
        (["--selectors", "random", "--budgets", "5", "--quality", "rank"], "named 'rank'"),
    ],
)
def test_bad_input_is_exit_code_2_and_nothing_on_stdout(arguments: list[str], said: str, data: str):
    assert _fails(2, said, data, *arguments).stdout == ""


def test_a_wrong_name_is_found_before_anything_is_embedded(
    data: str, monkeypatch: pytest.MonkeyPatch
):
    embedded: list[object] = []
    monkeypatch.setattr(idv.Lexical, "embed", lambda *given: embedded.append(given))
    _fails(2, "no selector is named", data, "--selectors", "random,greedy", "--budgets", "5")
    _fails(2, "budget of records", data, "--selectors", "random", "--budgets", "5,")
    assert not embedded


@pytest.mark.parametrize("missing", ["--selectors", "--budgets"])
def test_bad_usage_is_exit_code_2(missing: str, data: str):
    given_ones = {"--selectors": "random", "--budgets": "5"}
    del given_ones[missing]
    result = _command(data, *next(iter(given_ones.items())))
    assert result.exit_code == 2
    assert "Usage" in result.output


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("random", ["random"]),
        (" random , k_center ", ["random", "k_center"]),
        ('{"name": "k_center", "start": "first"},random', ["k_center", "random"]),
        ('random,{"name": "group_balanced", "within": {"name": "random", "seed": 1}}',
         ["random", "group_balanced"]),
        ("", []),
    ],
)  # fmt: skip
def test_commas_within_a_mapping_do_not_part_selectors(text: str, names: list[str]):
    assert [selector.name for selector in parts_of(text, Selector)] == names
