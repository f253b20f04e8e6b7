"""Emergence: a threshold and its interval, and when there is none."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv.errors import InputError, InstructdivError, ShapeError
from instructdiv.experiments import emergence
from tests.shared_data import MEASURED, RUNS

NAN = math.nan
Point = tuple[Any, ...]

GRID = (10, 30, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 30_000, 100_000)


def rise(threshold: float, width: float, plateau: float = 0.9, grid: Any = GRID) -> list[Point]:
    """Points of a logistic that takes so many decades from 10 to 90 % of its plateau."""
    scale = width / (2 * math.log(9))
    at = [(math.log10(i) - math.log10(threshold)) / scale for i in grid]
    return [
        (i, plateau / (1 + math.exp(-min(500, max(-500, x)))))
        for i, x in zip(grid, at, strict=True)
    ]


@settings(max_examples=15, deadline=None)
@given(st.floats(60, 8000), st.floats(0.5, 1.5), st.floats(0.3, 1.0))
def test_a_known_threshold_is_found_again(threshold: float, width: float, plateau: float):
    found = emergence(rise(threshold, width, plateau), n_draws=1)
    assert found.emerged
    assert found.threshold == pytest.approx(threshold, rel=0.02)
    assert found.width == pytest.approx(width, rel=0.05)
    assert found.plateau == pytest.approx(plateau, rel=0.02)
    if abs(width - 1) > 0.1:
        assert found.is_step is (width < 1)


def test_noise_leaves_the_threshold_within_its_interval():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(15):
        points = [
            (i, float(np.clip(a + rng.normal(0, 0.03), 0, 1)), seed)
            for i, a in rise(640, 0.6)
            for seed in range(8)
        ]
        found = emergence(points, n_draws=50)
        assert found.threshold == pytest.approx(640, rel=0.1)
        assert found.interval is not None
        inside += found.interval[0] <= 640 <= found.interval[1]
    assert inside >= 10  # of 15 at 90 %, with 8 seeds a bootstrap is a little too sure


def test_a_measured_curve_has_its_step_between_300_and_1000():
    found = emergence(RUNS)
    assert found.threshold is not None
    assert found.interval is not None
    assert 300 < found.interval[0] <= found.threshold <= found.interval[1] < 1000
    assert (found.is_step, found.at_plateau, found.resolved) == (True, True, True)
    assert (found.n_points, found.n_seeds, found.note) == (5, 3, "")
    assert "a step" in str(found)


@settings(max_examples=5, deadline=None)
@given(st.permutations(RUNS))
def test_the_order_of_points_changes_nothing(points: list[Point]):
    assert emergence(points, n_draws=20) == emergence(RUNS, n_draws=20)
    unseeded = [point[:2] for point in points]
    assert emergence(unseeded, n_draws=20) == emergence([p[:2] for p in RUNS], n_draws=20)


def test_other_units_of_instructions_move_the_threshold_alone():
    found = emergence(RUNS, n_draws=50)
    scaled = emergence([(10 * i, a, s) for i, a, s in RUNS], n_draws=50)
    assert scaled.threshold == pytest.approx(10 * (found.threshold or 0), rel=1e-3)
    assert scaled.width == pytest.approx(found.width, rel=1e-3)


def test_the_same_seed_gives_the_same_interval():
    assert emergence(RUNS) == emergence(RUNS)
    seeds = [(i, a, s) for s in range(9) for i, a in rise(300 + 31 * s, 0.5, grid=GRID[2:8])]
    first, other = emergence(seeds, n_draws=50), emergence(seeds, n_draws=50, seed=1)
    assert first.threshold == other.threshold
    assert first.interval != other.interval


def test_whole_seeds_are_drawn_where_each_was_run_everywhere():
    # The seeds differ by what they start from alone: drawn whole they keep their order.
    apart = [
        (i, a, seed) for seed, t in enumerate((300, 900)) for i, a in rise(t, 0.4, grid=GRID[2:])
    ]
    found = emergence(apart)
    assert found.interval is not None
    assert found.interval == pytest.approx((300, 900), rel=0.05)


def test_a_seed_that_misses_a_point_leaves_the_rest_to_be_drawn():
    found = emergence([*RUNS, (30, 0.0, 0), (10_000, 0.955, 0)])
    assert found.n_points == 7
    assert found.interval is not None
    assert found.interval[0] < (found.threshold or 0) < found.interval[1]


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([(10, 0.0), (100, 0.01), (1000, 0.09)], "at most 0.09, below 0.1"),
        ([(10, 0.9), (100, 0.5), (1000, 0.1)], "accuracy falls from 10 to 1,000"),
        ([(10, 0.1), (100, 0.5), (1000, 0.0)], "does not rise"),
    ],
    ids=["nothing", "falls", "hump"],
)
def test_no_emergence_says_why(points: list[Point], why: str):
    found = emergence(points)
    assert not found.emerged
    assert (found.threshold, found.interval, found.is_step) == (None, None, None)
    assert str(found).startswith("no emergence: ")
    assert why in str(found)


def test_what_emerged_before_the_first_point_has_no_threshold():
    found = emergence([(100, 0.9), (300, 0.92), (1000, 0.91)])
    assert found.emerged
    assert found.threshold is None
    assert "before the first point" in str(found)


def test_a_curve_that_still_rises_says_that_its_threshold_is_a_guess():
    found = emergence([(10, 0.0), (100, 0.02), (300, 0.12), (1000, 0.4)])
    assert found.emerged
    assert not found.at_plateau
    assert found.is_step is None
    assert "a guess; the threshold is above 300" in str(found)
    assert (found.threshold or 0) > 300


def test_without_a_point_on_the_slope_only_its_neighbors_are_known():
    found = emergence([(10, 0.0), (300, 0.0), (1000, 1.0), (3000, 1.0)])
    assert not found.resolved
    assert found.interval == pytest.approx((300, 1000))
    assert found.width == pytest.approx(math.log10(1000 / 300))
    assert found.is_step
    assert "no point lies on the slope between 300 and 1,000" in str(found).lower()
    wide = emergence([(10, 0.0), (30, 0.0), (1000, 1.0), (3000, 1.0)])
    assert wide.is_step is None  # it may be one


def test_one_value_a_point_has_no_interval():
    found = emergence([point[:2] for point in RUNS if point[2] == 0])
    assert found.interval is None
    assert found.agreement is None
    assert "no interval" in str(found)


def test_values_without_seeds_count_as_runs_of_their_point():
    found = emergence([point[:2] for point in RUNS])
    assert found.n_seeds == 3
    assert found.interval is not None
    assert found.threshold == pytest.approx(emergence(RUNS).threshold)


def test_values_without_seeds_are_drawn_at_each_point_alone():
    # Two curves that lie apart: drawn point by point they mix, drawn as runs they do not.
    grid = np.geomspace(50, 6000, 16).tolist()
    runs = [(i, a, seed) for seed, t in enumerate((300, 900)) for i, a in rise(t, 1.0, grid=grid)]
    whole, free = emergence(runs), emergence([point[:2] for point in runs])
    assert whole.interval is not None
    assert free.interval is not None
    assert whole.interval == pytest.approx((300, 900), rel=0.05)
    assert free.interval[0] > 1.2 * whole.interval[0]
    assert free.interval[1] < 0.9 * whole.interval[1]


def test_draws_of_a_seed_that_was_always_there_count_as_none():
    rising = [(i, a, "rises") for i, a in rise(300, 0.5, 1.0)]
    found = emergence([*rising, *((i, 0.5, "flat") for i in GRID)])
    assert found.emerged
    assert found.agreement == pytest.approx(0.75, abs=0.05)


def test_the_curve_is_the_least_squares_fit_of_all_runs():
    from scipy.optimize import curve_fit

    points = [(i, a) for i, at in MEASURED.items() for a in at] + [(300, 0.3), (2000, 0.7)] * 4

    def curve(at: Any, t: float, w: float, plateau: float) -> Any:
        return plateau / (1 + np.exp(-(at - t) / w))

    x, y = np.log10([i for i, _ in points]), [a for _, a in points]
    t, w, plateau = curve_fit(curve, x, y, p0=[2.8, 0.1, 0.9])[0]
    found = emergence(points, n_draws=1)
    assert found.threshold == pytest.approx(10**t, rel=1e-3)
    assert found.width == pytest.approx(2 * math.log(9) * w, rel=1e-3)
    assert found.plateau == pytest.approx(plateau, rel=1e-3)


@pytest.mark.parametrize(
    ("points", "error", "message"),
    [
        ([], InputError, "there is no point"),
        ([(100, False), (200, 0.1), (300, 0.2)], InputError, "finite number, got False"),
        ([(100, 0.5)], ShapeError, "needs 3 different numbers of instructions, got 1: 100"),
        ([(100, 0.5, 0), (100, 0.6, 1), (300, 0.6, 0)], ShapeError, "got 2: 100, 300"),
        ([(100, NAN), (200, 0.1), (300, 0.2)], InputError, "point 1: accuracy .* got nan"),
        ([(100, 0.1), (200, 71.0), (300, 0.2)], InputError, "point 2: .* divide percent by 100"),
        ([(100, 0.1), (0, 0.2), (300, 0.2)], InputError, "point 2: instructions must be above 0"),
        ([(100, 0.1), (200, "high"), (300, 0.2)], InputError, "got 'high'"),
        ([(100, 0.1, 0), (100, 0.2, 0)], InputError, "seed 0 comes twice at 100 instructions"),
        ([(100, 0.1, 0), (200, 0.2)], InputError, "some points have a seed and others none"),
        ([(100, 0.1, 0, 9)], ShapeError, "point 1 must be"),
        ([100, 200, 300], ShapeError, "point 1 must be"),
        ([{"instructions": 1, "loss": 2}], InputError, "no column 'accuracy'; it has: instr"),
        ([{"instructions": 1, "accuracy": None}], InputError, "nothing in the column 'accuracy'"),
        (7, InputError, "got 7"),
    ],
)
def test_points_that_cannot_be_read_are_named(
    points: Any, error: type[InstructdivError], message: str
):
    with pytest.raises(error, match=message):
        emergence(points)


def test_points_of_a_study_of_the_lab_are_read(tmp_path: Path):
    rows = [
        {"instructions": i, "examples_per_instruction": 20_000 // i, "seed": seed}
        | {"seen": 1.0, "unseen": a}
        for i, a, seed in RUNS
    ]
    file = tmp_path / "study.json"
    file.write_text(json.dumps({"points": rows}), "utf-8")
    assert emergence(file) == emergence(RUNS)
    assert emergence(str(file), accuracy="seen").threshold is None
    assert emergence({"points": rows}) == emergence(iter(rows)) == emergence(rows)
