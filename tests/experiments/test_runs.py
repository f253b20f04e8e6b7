"""Runs: gains on their controls, and what cannot be compared."""

import json
import math
from typing import Any

import pytest

import instructdiv as idv
from instructdiv.errors import InputError, ParameterError
from instructdiv.experiments import compare_runs

NAN = math.nan


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
    [table] = found.tables().values()
    column = table.columns.index("without_if, same total")
    lines = {row[0]: row for row in table.texts}
    for row in found.loses["without_if"]:
        assert lines[row.name][column].startswith("-")
        assert row.name in str(found)
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
