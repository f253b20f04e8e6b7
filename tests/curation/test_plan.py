"""Plan: seconds and bytes of a selection, told before there is any data."""

import json
import os
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import instructdiv as idv
from instructdiv import Budget, FacilityLocation, Plan, plan
from instructdiv.cli import app
from instructdiv.curation.plan import Machine, _duration, _size, available_bytes
from instructdiv.errors import BudgetError, InstructdivError, ShapeError, UnknownPart
from instructdiv.selectors import Selector
from tests.report.test_compare import ROWS

SELECTORS = [n for n, s in Selector.known().items() if s.__module__.startswith("instructdiv.")]
PLAIN = Machine(products=1e11, sweeps=1e10, touches=1e8, available_bytes=8 * 10**9)

every_selector = pytest.mark.parametrize("name", SELECTORS)


# The numbers.


@every_selector
def test_a_plan_is_the_work_of_the_selector_at_the_speed_of_the_machine(name: str):
    found = plan(20_000, 384, 500, name, machine=PLAIN)
    work = Selector.from_mapping(name).work(20_000, 384, 500)
    assert found.seconds == pytest.approx(
        work.products / 1e11 + work.sweeps / 1e10 + work.touches / 1e8
    )
    assert found.vector_bytes == 20_000 * 384 * 4
    assert found.peak_bytes == found.vector_bytes + int(work.memory)
    assert (found.route, found.approximation) == (work.route, work.approximation)
    assert Selector.from_mapping(found.selector) == Selector.from_mapping(name)


@every_selector
def test_more_records_take_no_less(name: str):
    sizes = [100, 1000, 20_000, 300_000]
    plans = [plan(n, 384, 100, name, machine=PLAIN) for n in sizes]
    for less, more in pairwise(plans):
        assert more.seconds >= less.seconds > 0
        assert more.peak_bytes >= less.peak_bytes


@every_selector
@pytest.mark.parametrize(("n", "d", "budget"), [(1, 1, 1), (3, 2, 3), (50_000_000, 4096, 10**6)])
def test_every_size_has_a_plan(name: str, n: int, d: int, budget: int):
    found = plan(n, d, budget, name, machine=PLAIN)
    assert np.isfinite(found.seconds)
    assert found.seconds > 0
    assert str(found)


@given(st.floats(0.01, 100))
def test_a_faster_machine_takes_as_much_less(factor: float):
    fast = Machine(products=1e11 * factor, sweeps=1e10 * factor, touches=1e8 * factor)
    one, other = (plan(9000, 384, 90, "k_center", machine=m) for m in (PLAIN, fast))
    assert one.seconds == pytest.approx(other.seconds * factor)


def test_a_share_is_counted_in_records_as_a_selection_counts_it():
    assert plan(1000, 8, Budget(share=0.25), "random", machine=PLAIN).chosen == 250
    assert plan(3, 8, Budget(share=0.01), "random", machine=PLAIN).chosen == 1


def test_without_a_selector_it_is_the_default():
    name = idv.default_selector().name
    assert plan(10, 8, 2, machine=PLAIN).selector["name"] == name


def test_parameters_count():
    few, many = (
        plan(50_000, 384, 500, FacilityLocation(n_neighbors=k), machine=PLAIN) for k in (16, 256)
    )
    assert few.peak_bytes < many.peak_bytes
    assert many.selector["n_neighbors"] == 256


# The machine.


def test_a_machine_is_measured_in_a_fraction_of_a_second_and_little_memory():
    tracemalloc.start()
    machine = Machine.measured()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    assert 1e6 < machine.touches < 1e12
    assert 1e6 < machine.sweeps < 1e13
    assert 1e6 < machine.products < 1e15


def test_nothing_of_the_size_of_the_pool_is_made():
    tracemalloc.start()
    plan(10**9, 4096, 10**6, "facility_location", machine=PLAIN)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


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
    found = plan(10, 8, 2, "random")
    assert (found.available_bytes, found.fits) == (None, None)
    assert "how much is free cannot be told here" in str(found)


# In words.


def test_it_is_a_few_readable_lines():
    lines = str(plan(200_000, 384, 2_000, "facility_location", machine=PLAIN)).splitlines()
    assert lines[0].startswith(
        "200,000 records of 384 dimensions, 2,000 chosen by facility_location: about "
    )
    assert lines[0].endswith(" MB at the peak, of which 307 MB are vectors")
    assert lines[1] == "route: exact search for the 128 nearest neighbors of each record"
    assert lines[2] == "approximation: similarity beyond the 128 nearest counts as zero"
    assert lines[3] == "memory: it fits into the 8.0 GB that are free"
    assert len(lines) == 4


def test_what_does_not_fit_or_takes_hours_is_warned_of():
    found = plan(20_000_000, 384, 2_000, "facility_location", machine=PLAIN)
    assert found.fits is False
    assert [line.split(";")[0] for line in str(found).splitlines() if "warning" in line] == [
        "warning: it does not fit: 8.0 GB of memory are free",
        "warning: it takes more than an hour",
    ]
    small = plan(2000, 384, 200, "facility_location", machine=PLAIN)
    assert small.fits
    assert small.warnings == ()


def test_what_just_fits_fits():
    need = plan(1000, 8, 10, "random", machine=PLAIN).peak_bytes
    for free, fits in ((need, True), (need - 1, False)):
        machine = PLAIN.model_copy(update={"available_bytes": free})
        assert plan(1000, 8, 10, "random", machine=machine).fits is fits


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
    found = plan(1000, 8, 10, "k_center")
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
def test_what_is_wrong_is_named_before_the_machine_is_measured(
    arguments: Any,
    error: type[InstructdivError],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(Machine, "measured", lambda: pytest.fail("measured"))
    with pytest.raises(error) as raised:
        plan(*arguments)
    assert said in str(raised.value)


def test_numpy_numbers_are_numbers():
    assert plan(np.int64(10), np.int32(8), 3, "random", machine=PLAIN).records == 10  # type: ignore[arg-type]


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
