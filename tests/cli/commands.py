"""What the tests of commands share: a few records, and how a command is called."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from instructdiv.cli import app

VERBS = ["Bake", "Paint", "Describe", "Sell", "Draw", "Translate"]
THINGS = ["bread", "a door", "the moon", "two numbers", "a song", "a contract", "my cat"]
ROWS = [
    {"instruction": f"{verb} {thing}.", "output": f"{thing}!", "domain": verb.lower()}
    for verb in VERBS
    for thing in THINGS
]
LEXICAL = ["--embedder", "lexical", "--n-draws", "3"]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments: object) -> Result:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result


def fails(code: int, said: str, *arguments: object) -> Result:
    """An error of ours: its exit code, one line on stderr, nothing on stdout, no traceback."""
    result = invoke(*arguments)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last
    return result


def select(data: object, out: Path, *arguments: object, budget: object = 5) -> list[object]:
    return ["select", data, "--budget", budget, *LEXICAL, "--output", out, *arguments]


def mix_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "mix.jsonl").read_text().splitlines()]


def one_object(text: str) -> dict[str, Any]:
    def never(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert text.count("\n") == 1
    found: dict[str, Any] = json.loads(text, parse_constant=never)
    assert isinstance(found, dict)
    return found
