"""Growth: what a few small runs tell of a large one."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv.curation import growth
from instructdiv.curation.growth import (
    Traced,
    available_bytes,
    climbed,
    extrapolated,
    extrapolated_bytes,
    most_resident_bytes,
    resident_bytes,
)

SIZES = (500, 1500, 4500)
part = st.floats(0, 1).map(lambda x: x if x > 1e-3 else 0.0)


@settings(deadline=None)
@given(st.tuples(part, part, part).filter(any), st.sampled_from([10_000, 50_000, 100_000]))
def test_a_sum_of_growing_parts_is_extrapolated_within_a_factor_of_three(parts, size):
    # Square parts that are nothing yet at the largest size that is tried cannot be seen there.
    if 0 < parts[2] < 0.1 * sum(parts):
        parts = (*parts[:2], 0.1 * sum(parts))

    def cost(n: int) -> float:
        return float(sum(share * (n / SIZES[-1]) ** power for power, share in enumerate(parts)))

    found = extrapolated({n: cost(n) for n in SIZES}, size)
    assert 1 / 3 <= found / cost(size) <= 3


@pytest.mark.parametrize("power", [0, 0.5, 1, 1.3, 2])
@pytest.mark.parametrize("noise", [-0.05, 0.05])
def test_a_power_is_extrapolated_within_a_factor_of_three_though_costs_waver(power, noise):
    costs = {n: n**power * (1 + noise * (-1) ** i) for i, n in enumerate(SIZES)}
    ratio = extrapolated(costs, 50_000) / 50_000**power
    assert ratio >= 1 / 3
    assert ratio <= 3 or power < 1  # rather too much than too little of what hardly grows


def test_a_size_that_was_measured_costs_what_was_measured():
    assert extrapolated({500: 3.0, 1500: 1.0}, 500) == 3.0
    assert extrapolated_bytes({500: 3.0, 1500: 1.0}, 1500) == 1.0


def test_of_one_size_the_cost_grows_with_the_records():
    assert extrapolated({500: 2.0}, 5000) == pytest.approx(20)
    assert extrapolated_bytes({500: 2.0}, 5000) == pytest.approx(20)


def test_bytes_that_grow_as_a_square_are_told_where_rows_fill_blocks_only():
    square = {n: float(n * n) for n in (1500, 4500, 9000)}
    assert extrapolated_bytes(square, 90_000) == pytest.approx(90_000**2)
    assert extrapolated_bytes({1500: 1500.0**2, 4500: 4500.0**2}, 45_000) == 10 * 4500.0**2


@pytest.mark.parametrize(
    ("seconds", "sizes"),
    [
        (lambda n: 1e-5 * n, [500, 1500, 4500, 10_000]),
        (lambda n: 3e-3 * n, [166, 500]),
        (lambda n: 1e-3 * n, [500, 1500]),
        (lambda n: 60.0, [166, 500]),
    ],
    ids=["quick", "slow", "middling", "hopeless"],
)
def test_a_stage_is_tried_at_two_sizes_or_more_while_it_is_quick(seconds, sizes):
    found = climbed(lambda n, _: {"stage": seconds(n)}, ["stage"], 10_000)
    assert sorted(found["stage"]) == sizes


def test_where_there_are_few_records_all_of_them_are_tried():
    assert climbed(lambda n, _: {"stage": 1e-5 * n}, ["stage"], 700)["stage"].keys() == {500, 700}
    assert climbed(lambda n, _: {"stage": 9.0}, ["stage"], 40)["stage"] == {40: 9.0}


def test_of_short_trials_the_shortest_counts_and_what_is_nothing_is_noise():
    disturbed = iter([0.3, 0.1, 0.02, 0.001, 0.4, 0.002])
    found = climbed(lambda *_: {"stage": next(disturbed)}, ["stage"], 700)
    assert found == {"stage": {500: 0.02, 700: 0.01}}


def test_stages_are_tried_apart():
    asked = []

    def run(n, stages):
        asked.append((n, list(stages)))
        return {"quick": 1e-3, "slow": 2.0}

    climbed(run, ["quick", "slow"], 4500)
    assert [one for i, one in enumerate(asked) if one not in asked[:i]] == [
        (500, ["quick", "slow"]), (1500, ["quick"]), (4500, ["quick"]), (166, ["slow"])
    ]  # fmt: skip


def test_memory_of_numpy_is_traced_stage_by_stage():
    with Traced() as traced:
        np.ones(3_000_000, np.uint8)
        kept = np.ones(2_000_000, np.uint8)
        assert 3e6 <= traced.peak() < 3.5e6
        np.ones(1_000_000, np.uint8)
        assert 3e6 <= traced.peak() < 3.5e6
        assert 2e6 <= traced.held() < 2.5e6
    assert len(kept)


def test_free_memory_is_a_part_of_all_memory_and_so_is_that_of_this_process():
    free, whole = available_bytes(), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert free is not None
    assert 0 < free <= whole
    assert 0 < resident_bytes() <= whole
    assert most_resident_bytes() > 0


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
def test_where_the_system_does_not_report_it_free_memory_is_unknown(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
):
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "")
    monkeypatch.setattr(os, "sysconf", fails)
    assert available_bytes() is None


def test_the_clock_runs():
    assert growth.clock() <= growth.clock()
