"""``instructdiv plan``: for data, or for a number of records."""

import json

import pytest
from typer.testing import CliRunner, Result

from instructdiv.cli import app
from instructdiv.curation.plan import Plan
from instructdiv.data.load import DEMO


def _invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


def test_of_a_number_of_vectors_the_stages_are_printed() -> None:
    result = _invoke("1_000", "--budget", 20, "--selector", "random", "--n-dimensions", 8)
    assert result.exit_code == 0, result.output
    assert "1,000 records, 20 to choose by random" in result.stdout
    assert [stage in result.stdout for stage in ("load", "select", "measure", "write")] == [
        True
    ] * 4


def test_of_data_they_are_read_and_their_embedding_is_timed() -> None:
    result = _invoke(DEMO, "-b", 0.1, "--unit", "share", "--embedder", "lexical", "--json")
    found = Plan.model_validate(json.loads(result.stdout))
    assert (found.records, found.chosen) == (710, 71)
    assert [stage.stage for stage in found.stages][1:3] == ["read", "embed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["0", "-b", "5"], "number of records must be a whole number above 0, got 0"),
        (["10", "-b", "11"], "the budget asks for 11 records, but there are 10"),
        (["10", "-b", "5", "--unit", "tokens"], "5 tokens"),
        (["10", "-b", "5", "--selector", "greedy"], "no selector is named 'greedy'"),
        (["gone.jsonl", "-b", "5"], "gone.jsonl"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_line(arguments: list[str], said: str) -> None:
    result = _invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr.strip().splitlines()[-1]
