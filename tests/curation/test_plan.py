"""Plan: seconds and bytes of a selection, told before there is any data."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import instructdiv as idv
from instructdiv import Budget, plan
from instructdiv.cli import app
from instructdiv.curation import plan as plan_module
from instructdiv.curation.plan import Plan, _duration, _size, available_bytes
from instructdiv.errors import BudgetError, InstructdivError, ShapeError, UnknownPart
from instructdiv.selectors import Selector
from tests.shared_data import ROWS

SELECTORS = [n for n, s in Selector.known().items() if s.__module__.startswith("instructdiv.")]

every_selector = pytest.mark.parametrize("name", SELECTORS)


# The numbers.


@every_selector
@pytest.mark.parametrize(("n", "d", "budget"), [(1, 1, 1), (3, 2, 3), (50_000, 16, 10**4)])
def test_every_size_has_a_plan(name: str, n: int, d: int, budget: int):
    found = plan(n, budget, name, n_dimensions=d)
    assert np.isfinite(found.seconds)
    assert found.seconds > 0
    assert str(found)


def test_a_share_is_counted_in_records_as_a_selection_counts_it():
    assert plan(1000, Budget(share=0.25), "random", n_dimensions=8).chosen == 250
    assert plan(3, Budget(share=0.01), "random", n_dimensions=8).chosen == 1


def test_without_a_selector_it_is_the_default():
    name = idv.default_selector().name
    assert plan(10, 2, n_dimensions=8).selector["name"] == name


# The machine.


def test_free_memory_is_a_part_of_all_memory():
    free = available_bytes()
    assert free is not None
    assert 0 < free <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("text", ["", "MemTotal: 5 kB\n", "MemAvailable: much\n", None])
def test_where_proc_says_nothing_the_system_is_asked(
    text: str | None, monkeypatch: pytest.MonkeyPatch
):
    def read(*_: Any, **__: Any) -> str:
        if text is None:
            raise FileNotFoundError
        return text

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr(os, "sysconf", {"SC_AVPHYS_PAGES": 7, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert available_bytes() == 7 * 4096


@pytest.mark.parametrize("error", [OSError, ValueError, AttributeError])
def test_where_nobody_says_it_is_unknown_and_so_is_whether_it_fits(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
):
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "")
    monkeypatch.setattr(os, "sysconf", fails)
    assert available_bytes() is None
    assert plan(10, 2, "random", n_dimensions=8).available_bytes is None


# In words.


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "less than a second"),
        (1.0, "about 1 s"),
        (89, "about 89 s"),
        (90, "about 1.5 min"),
        (1200, "about 20 min"),
        (5400, "about 1.5 h"),
        (360_000, "about 100 h"),
    ],
)
def test_durations_are_rounded_to_what_can_be_known(seconds: float, said: str):
    assert _duration(seconds) == said


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [(10, "1 kB"), (2500, "2 kB"), (1_500_000, "1.5 MB"), (310e6, "310 MB"), (12e9, "12 GB")],
)
def test_sizes_are_decimal(n_bytes: float, said: str):
    assert _size(int(n_bytes)) == said


def test_it_is_one_json_object_that_can_be_read_back():
    found = plan(1000, 10, "k_center", n_dimensions=8)
    assert Plan.model_validate_json(found.to_json()) == found


# What is wrong.


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((0, 8, 1), ShapeError, "size of the pool must be a whole number above 0, got 0"),
        ((-5, 8, 1), ShapeError, "got -5"),
        ((2.5, 8, 1), ShapeError, "got 2.5"),
        ((True, 8, 1), ShapeError, "got True"),
        ((10, 0, 1), ShapeError, "number of dimensions must be a whole number above 0, got 0"),
        ((10, "8", 1), ShapeError, "got '8'"),
        ((10, 8, 11), BudgetError, "asks for 11 records, but the pool holds 10; ask for at most"),
        ((10, 8, 0), BudgetError, "records = 0"),
        ((10, 8, Budget(tokens=500)), BudgetError, "500 tokens are; give the budget in records"),
        ((10, 8, 1, "greedy"), UnknownPart, "no selector is named 'greedy'"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_timed(
    arguments: Any,
    error: type[InstructdivError],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(plan_module, "_seconds", lambda *_: pytest.fail("timed"))
    with pytest.raises(error) as raised:
        plan(arguments[0], *arguments[2:], n_dimensions=arguments[1])
    assert said in str(raised.value)


def test_numpy_numbers_are_numbers():
    assert plan(np.int64(10), 3, "random", n_dimensions=np.int32(8)).records == 10  # type: ignore[arg-type]


# The command.


def _invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


def test_the_command_prints_the_plan():
    result = _invoke("200_000", "--budget", 2000, "--selector", "k_center")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("200,000 records of 384 dimensions, 2,000 chosen by k_center")
    assert result.stderr == ""


def test_the_command_prints_one_json_object():
    selector = '{"name": "facility_location", "n_neighbors": 7}'
    result = _invoke(
        1000, "-b", 0.1, "--unit", "share", "--dim", 16, "--selector", selector, "--json"
    )
    assert result.stdout.count("\n") == 1
    found = Plan.model_validate_json(result.stdout)
    assert (found.records, found.n_dimensions, found.chosen) == (1000, 16, 100)
    assert found.selector["n_neighbors"] == 7


def test_the_command_counts_the_records_of_files_without_embedding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(idv.SentenceTransformer, "embed", lambda *_: pytest.fail("embedded"))
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    for arguments, n in (([path], 42), ([path, path], 84)):
        result = _invoke(*arguments, "--budget", 5, "--json")
        assert json.loads(result.stdout)["records"] == n


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["0", "-b", "5"], "size of the pool must be a whole number above 0, got 0"),
        (["10", "-b", "11"], "the budget asks for 11 records, but the pool holds 10"),
        (["10", "-b", "5", "--dim", "0"], "number of dimensions must be"),
        (["10", "-b", "5", "--unit", "tokens"], "give the budget in records"),
        (["10", "-b", "five"], "is a whole number above 0, got 'five'"),
        (["10", "-b", "5", "--selector", "greedy"], "no selector is named 'greedy'"),
        (["gone.jsonl", "-b", "5"], "gone.jsonl"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_line(arguments: list[str], said: str):
    result = _invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last


@pytest.mark.parametrize("arguments", [[], ["10"], ["10", "-b", "5", "--unit", "rows"]])
def test_bad_usage_is_exit_code_2(arguments: list[str]):
    result = _invoke(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.output
