"""The effect of a sweep: a threshold, a best share, gains on controls, and when there is none."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import instructdiv as idv
from instructdiv.cli import app
from instructdiv.errors import InputError, InstructdivError, ParameterError, ShapeError
from instructdiv.experiments import (
    Emergence,
    RunComparison,
    SweetSpot,
    compare_runs,
    effect,
    emergence,
    sweet_spot,
)

NAN = math.nan
Point = tuple[Any, ...]

# Exact match on unseen rules of a small model that rewrites strings; seeds 0 to 2.
MEASURED = {
    100: (0.002, 0.007, 0.007),
    300: (0.068, 0.065, 0.068),
    500: (0.335, 0.197, 0.137),
    1000: (0.792, 0.890, 0.783),
    3000: (0.930, 0.975, 0.888),
}
RUNS: list[Point] = [(i, a, seed) for i, at in MEASURED.items() for seed, a in enumerate(at)]
GRID = (10, 30, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 30_000, 100_000)
SHARES = [0.0, 0.05, 0.10, 0.15, 0.20, 0.25]


def rise(threshold: float, width: float, plateau: float = 0.9, grid: Any = GRID) -> list[Point]:
    """Points of a logistic that takes so many decades from 10 to 90 % of its plateau."""
    scale = width / (2 * math.log(9))
    at = [(math.log10(i) - math.log10(threshold)) / scale for i in grid]
    return [
        (i, plateau / (1 + math.exp(-min(500, max(-500, x)))))
        for i, x in zip(grid, at, strict=True)
    ]


# Emergence.


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


@pytest.mark.parametrize("bad", [{"n_draws": 0}, {"n_draws": 1.5}, {"seed": -1}])
@pytest.mark.parametrize(
    "ask", [lambda **b: emergence(RUNS, **b), lambda **b: sweet_spot([0, 1], [1, 2], **b)]
)
def test_a_wrong_number_of_draws_is_named(ask: Callable[..., Any], bad: dict[str, Any]):
    with pytest.raises(ParameterError, match="must be a whole number from"):
        ask(**bad)


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


# The sweet spot.


def test_the_best_share_of_the_paper_is_inside_its_grid():
    rows = [row for row in idv.evidence() if row.id in {f"only-if-1.{i}" for i in range(1, 7)}]
    found = sweet_spot([row.beyond_core for row in rows], [row.printed["average"] for row in rows])
    assert found.best == pytest.approx(0.1)
    assert found.interior
    assert found.gain == pytest.approx(2.9)
    assert found.loses == ()
    assert (found.interval, found.best_in, found.n_seeds) == (None, None, 1)
    assert "one seed, so there is no interval" in str(found)


SCORES = st.integers(1, 4).flatmap(
    lambda seeds: st.lists(
        st.lists(st.integers(0, 100), min_size=6, max_size=6), min_size=seeds, max_size=seeds
    )
)


@settings(max_examples=60, deadline=None)
@given(SCORES, st.permutations(range(6)))
def test_unsorted_shares_are_sorted_with_their_scores(scores: list[list[int]], order: list[int]):
    sorted_ = sweet_spot(SHARES, scores, n_draws=20)
    found = sweet_spot(
        [SHARES[i] for i in order], [[row[i] for i in order] for row in scores], n_draws=20
    )
    assert found == sorted_
    means = np.mean(scores, axis=0)
    assert found.best == SHARES[int(means.argmax())]
    assert found.interior == (found.best not in (0.0, 0.25))
    assert found.loses == tuple(s for s, mean in zip(SHARES, means, strict=True) if mean < means[0])
    if found.best_in:
        assert sum(found.best_in) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(SCORES, st.integers(-50, 50))
def test_what_a_seed_adds_everywhere_changes_no_gain(scores: list[list[int]], more: int):
    shifted = [[value + more * seed for value in row] for seed, row in enumerate(scores)]
    before, after = (sweet_spot(SHARES, table, n_draws=20) for table in (scores, shifted))
    assert after.gains == pytest.approx(before.gains)
    assert np.allclose(after.intervals or 0, before.intervals or 0)


def test_the_bootstrap_is_paired_and_its_seed_decides():
    paired = [[10 + s, 12 + s, 11 + s] for s in (0, 20, -20, 5)]
    found = sweet_spot([0, 0.1, 0.2], paired)
    assert found.interval == pytest.approx((2, 2))
    assert found.best_in == (0.0, 1.0, 0.0)
    mixed = [[10, 12, 11], [10, 11, 14], [10, 9, 12], [11, 14, 9]]
    assert sweet_spot([0, 0.1, 0.2], mixed) == sweet_spot([0, 0.1, 0.2], mixed)
    assert sweet_spot([0, 0.1, 0.2], mixed) != sweet_spot([0, 0.1, 0.2], mixed, seed=1)


def test_the_interval_of_two_seeds_goes_from_one_to_the_other():
    found = sweet_spot({0: [50, 50], 0.1: [52, 58]})  # both draws alike in half of the cases
    assert found.intervals == ((0, 0), (2, 8))
    assert found.gain == 5


def test_shares_that_hurt_are_told():
    found = sweet_spot({0: [50, 51], 0.1: [49, 50], 0.5: [40, 41]})
    assert found.best == 0
    assert not found.interior
    assert found.gain == 0
    assert "no share scores above the 0 % control" in str(found)
    assert "below the control: 10 %, 50 %" in str(found)


def test_the_best_at_the_end_of_the_grid_may_lie_beyond_it():
    assert "end of the grid, so try more" in str(sweet_spot([0, 0.1, 0.2], [1, 2, 3]))


def test_equal_shares_give_the_lowest():
    assert sweet_spot([0.2, 0, 0.1], [5, 1, 5]).best == 0.1


@pytest.mark.parametrize(
    ("shares", "scores", "error", "message"),
    [
        ([0.1, 0.2], [1, 2], InputError, "0 % control is never left out.*given: 0.1, 0.2"),
        ({0.1: [1], 0.2: [2]}, None, InputError, "0 % control is never left out"),
        ({}, None, InputError, "no column 'share'; it has: none"),
        ([], [], InputError, "0 % control is never left out.*given: none"),
        ([0], [1], ShapeError, "two shares at least"),
        ([0, 0.1], [1, 2, 3], ShapeError, r"shape \(n_seeds, 2\).*got \(3,\)"),
        ([0, 0.1], [[1, 2], [3]], ShapeError, "scores must be numbers"),
        ([0, 0.1], ["a", "b"], ShapeError, "scores must be numbers"),
        ({0: [1, 2], 0.1: [1]}, None, ShapeError, "got so many: 0: 2, 0.1: 1"),
        ({0: [], 0.1: []}, None, ShapeError, "got so many"),
        ({0: [1, NAN], 0.1: [1, 2]}, None, InputError, "share 0: a score .* got nan"),
        ([0, 0.1], [1, NAN], InputError, "run 1 at share 0.1 is nan"),
        ([0, NAN], [1, 2], InputError, "a share must be a finite number, got nan"),
        ([0, 10], [1, 2], InputError, "between 0 and 1, got 10; divide percent by 100"),
        ([0, 0.1, 0.1], [1, 2, 3], InputError, "the share 0.1 comes twice"),
        ({0: [1], 0.1: [2]}, [1, 2], ShapeError, "holds its own"),
        ([{"share": 0, "score": 1}, {"share": 0, "score": 1}], None, InputError, "comes twice"),
        (
            [{"share": 0, "score": 1, "seed": 0}, {"share": 0.1, "score": 1, "seed": 1}],
            None,
            InputError,
            "share 0 was not run with seed 1",
        ),
        ([{"share": 0, "loss": 1}], None, InputError, "no column 'score'; it has: share, loss"),
    ],
)
def test_a_grid_that_cannot_be_read_is_named(
    shares: Any, scores: Any, error: type[InstructdivError], message: str
):
    with pytest.raises(error, match=message):
        sweet_spot(shares, scores)


# Runs.


def table_3() -> list[dict[str, Any]]:
    return [
        {"name": row.id, "total": row.total, "control": row.control is None} | dict(row.scores)
        for row in idv.evidence()
        if row.table == 3
    ]


def test_both_columns_of_gains_of_the_paper_come_out():
    found = compare_runs(table_3())
    assert found.scores == ("overall", "instruction_following", "without_if", "without_math")
    assert len(found.rows) == 18
    printed = {row.id: row.printed for row in idv.evidence()}
    for row in found.rows:
        for column, gains in (("same", row.same_total), ("smaller", row.smaller_total)):
            expected = printed[row.name].get(f"gain_{column}_total")
            assert gains.get("overall") == pytest.approx(expected, abs=0.03)


def test_runs_that_lose_are_never_hidden():
    found = compare_runs(table_3())
    assert len(found.loses["without_if"]) == 5
    assert found.loses["overall"] == ()
    assert "5 in without_if" in found.headline
    for row in found.loses["without_if"]:
        line = next(line for line in str(found).splitlines() if line.startswith(row.name + ","))
        assert "loses in without_if" in line
    more_and_worse = next(row for row in found.rows if row.name == "only-if-3.9")
    assert more_and_worse.control
    assert "overall" in more_and_worse.loses_to_smaller


def test_seeds_of_a_run_are_averaged():
    runs = [
        {"name": name, "total": 20, "control": name == "core", "seed": seed, "score": score}
        for name, scores in {"core": (40, 42), "mixed": (42, 44)}.items()
        for seed, score in enumerate(scores)
    ]
    found = compare_runs(runs)
    assert found.scores == ("score",)
    assert [row.n_runs for row in found.rows] == [2, 2]
    assert found.rows[1].same_total == pytest.approx({"score": 100 * 2 / 41})
    assert "single runs" not in found.headline


def test_families_are_compared_within_themselves():
    runs = [
        {"family": f, "name": n, "total": 20, "control": n == "core", "scores": {"score": s}}
        for f, n, s in [
            ("a", "core", 10),
            ("a", "mixed", 11),
            ("b", "core", 20),
            ("b", "mixed", 19),
        ]
    ]
    gains = {(r.family, r.name): dict(r.same_total) for r in compare_runs(runs).rows}
    assert gains["a", "mixed"] == pytest.approx({"score": 10})
    assert gains["b", "mixed"] == pytest.approx({"score": -5})


def test_a_total_without_a_control_has_no_gain():
    found = compare_runs(
        [
            {"name": "core", "total": 20, "control": True, "score": 0},
            {"name": "mixed", "total": 30, "control": False, "score": 5},
        ]
    )
    assert found.rows[1].same_total == {}
    assert found.rows[1].smaller_total == {"score": None}  # no percent of 0
    assert "0 of 2 runs" in found.headline
    json.loads(found.to_json())


def run(**more: Any) -> dict[str, Any]:
    return {"name": "core", "total": 20, "control": True, "score": 1.0} | more


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "there is no run"),
        ([run(control=False)], "no run is a control; set control to true"),
        ([run(score=NAN)], "run 1: score must be a finite number, got nan"),
        ([run(total=0)], "run 1: total must be above 0, got 0"),
        ([run(total="many")], "total must be a finite number, got 'many'"),
        ([run(control="maybe")], "control is true or false, got 'maybe'"),
        ([run(), run(name="other")], "'core' and 'other' are both controls with a total of 20"),
        ([run(), run(control=False)], "'core' is a control in one row and none in another"),
        ([{"total": 20, "score": 1}], "no column 'name'; it has: total, score"),
        ([{"name": "core", "total": 20, "how": "well"}], "no column holds scores alone.*: how"),
        ([run(), {"name": "b", "total": 20}], "run 2 has no column 'score'"),
        (["core"], "run 1 must be a mapping of columns, got 'core'"),
    ],
)
def test_runs_that_cannot_be_read_are_named(runs: Any, message: str):
    with pytest.raises(InputError, match=message):
        compare_runs(runs)


@pytest.mark.parametrize("scores", ["score", []])
def test_scores_are_a_list_of_columns(scores: Any):
    with pytest.raises(ParameterError, match="scores is a list of columns"):
        compare_runs([run()], scores=scores)


# Files and the command.

TABLES = {
    "emergence": "instructions,seed,accuracy\n"
    + "".join(f"{i},{seed},{a}\n" for i, a, seed in RUNS),
    "sweet_spot": "share,score,seed\n0.1,54,0\n0,50,0\n0,52,1\n0.1,55,1\n0.5,49,0\n0.5,50,1\n",
    "runs": "name,total,control,all,if\ncore,20,true,40,3\nmixed,20,,41,2\n",
}
ANSWERS = {"emergence": Emergence, "sweet_spot": SweetSpot, "runs": RunComparison}


@pytest.fixture(params=TABLES)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"{request.param}.csv"
    path.write_text(TABLES[request.param], "utf-8")
    return path


def test_a_file_tells_by_its_columns_what_it_answers(file: Path):
    found = effect(file)
    assert isinstance(found, ANSWERS[file.stem])
    assert found == effect(file, file.stem)  # type: ignore[arg-type]


def test_the_command_prints_the_answer(file: Path):
    found = effect(file)
    said = CliRunner().invoke(app, ["effect", str(file)])
    assert said.exit_code == 0
    assert said.stdout == f"{found}\n"
    written = CliRunner().invoke(app, ["effect", str(file), "--json"])
    assert json.loads(written.stdout) == json.loads(found.to_json())


def test_rows_of_csv_and_of_json_lines_are_the_same(tmp_path: Path):
    lines = [{"share": s, "score": 50 + s, "seed": seed} for s in (0, 0.1) for seed in (0, 1)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    rows = "".join(f"{r['share']},{r['score']},{r['seed']}\n" for r in lines)
    (tmp_path / "a.csv").write_text("share,score,seed\n" + rows, "utf-8")
    assert effect(tmp_path / "a.jsonl") == effect(tmp_path / "a.csv") == effect(iter(lines))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("empty.csv", "", "is empty"),
        ("only.csv", "instructions,accuracy\n", "holds no records|there is no"),
        ("broken.json", "{", "is not JSON"),
        ("none.json", '{"points": []}', "there is no run"),
        ("other.csv", "a,b\n1,2\n", r"run 1 \(a, b\) fit none; emergence: instructions; sweet_sp"),
        ("two.csv", "share,name,total\n0,a,2\n", "fit more than one question"),
        ("sweep.txt", "share,score\n", "ends in .csv, .tsv, .json, .jsonl"),
        ("nan.csv", "share,score\n0,\n0.1,2\n", "nan.csv, run 1 has nothing in the column 'score'"),
        ("long.csv", "share,score\n0,1,2\n", "more cells than columns"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, message: str):
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(InputError, match=message):
        effect(tmp_path / name)


def test_a_file_that_is_not_there_ends_with_exit_code_2(tmp_path: Path):
    said = CliRunner().invoke(app, ["effect", str(tmp_path / "none.csv")])
    assert said.exit_code == 2
    assert "no file at" in said.output


def test_a_question_that_is_none_and_columns_too_many_are_refused():
    with pytest.raises(ParameterError, match="one of emergence, sweet_spot, runs, got 'peak'"):
        effect([run()], "peak")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="emergence takes one column of scores, got a, b"):
        effect(RUNS, "emergence", columns=["a", "b"])
