"""The effect of a sweep is told from the columns of a file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from instructdiv.cli import app
from instructdiv.errors import InputError, ParameterError
from instructdiv.experiments import (
    Emergence,
    RunComparison,
    SweetSpot,
    effect,
    emergence,
    sweet_spot,
)
from tests.shared_data import RUNS


@pytest.mark.parametrize("bad", [{"n_draws": 0}, {"n_draws": 1.5}, {"seed": -1}])
@pytest.mark.parametrize(
    "ask", [lambda **b: emergence(RUNS, **b), lambda **b: sweet_spot([0, 1], [1, 2], **b)]
)
def test_a_wrong_number_of_draws_is_named(ask: Callable[..., Any], bad: dict[str, Any]):
    with pytest.raises(ParameterError, match="must be a whole number from"):
        ask(**bad)


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
    assert found == effect(file, file.stem)


def test_the_command_prints_the_answer(file: Path):
    found = effect(file)
    said = CliRunner().invoke(app, ["effect", str(file)])
    assert said.exit_code == 0
    assert found.headline in " ".join(said.stdout.split())
    assert all(title in said.stdout for title in found.tables())
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
        effect(RUNS, "peak")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="emergence takes one column of scores, got a, b"):
        effect(RUNS, "emergence", columns=["a", "b"])
