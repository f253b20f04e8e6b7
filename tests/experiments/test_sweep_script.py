"""The scripts that train on the mixes of a sweep."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from instructdiv.experiments.sweep_script import SWEPT


@pytest.mark.parametrize("trainer", SWEPT)
def test_a_shell_reads_every_script(trainer: str, small: Any, tmp_path: Path):
    small.export(tmp_path / "sweep", trainers=[trainer])
    script = tmp_path / "sweep" / f"sweep-{trainer}.sh"
    subprocess.run(["sh", "-n", script], check=True)
    # Without a file of settings it says what it needs.
    found = subprocess.run(["sh", script], capture_output=True, text=True)
    assert found.returncode != 0
    assert "BASE.yaml [SEED ...]" in found.stderr
    assert not (tmp_path / "sweep" / "runs").exists()


_TRAINER = """#!{python}
import json, os, sys, yaml
config = yaml.safe_load(open(sys.argv[-1]))
with open(os.environ["LOG"], "a") as log:
    print(json.dumps([sys.argv[1:], os.getcwd(), config]), file=log)
if os.environ.get("FAIL") and config["output_dir"].endswith(os.environ["FAIL"]):
    sys.exit(3)
"""


COMMANDS = {
    "trl": "trl",
    "axolotl": "axolotl",
    "llama_factory": "llamafactory-cli",
    "torchtune": "tune",
    "transformers": "train.py",
}


class Run:
    """A sweep in a folder with spaces, and a trainer that notes what it was asked for."""

    def __init__(self, sweep: Any, folder: Path, trainer: str) -> None:
        self.folder = folder / "my sweep"
        self.trainer = trainer
        sweep.export(self.folder, trainers=[trainer])
        self.base = folder / "my settings" / "the base.yaml"
        self.base.parent.mkdir()
        self.base.write_text("model_name_or_path: tiny\nseed: 99\nnested: {a: [1, 2]}\n")
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.command = self.bin / COMMANDS[trainer]
        self.command.write_text(_TRAINER.format(python=sys.executable))
        self.command.chmod(self.command.stat().st_mode | stat.S_IXUSR)
        (self.bin / "python3").symlink_to(sys.executable)
        self.log = folder / "log"

    def __call__(
        self,
        *seeds: str,
        fail: str = "",
        base: Path | str | None = None,
        cwd: Path | None = None,
        **more: str,
    ) -> int:
        venv = Path(sys.executable).parent
        environment = os.environ | {
            "PATH": f"{self.bin}:{venv}:{os.environ['PATH']}",
            "LOG": str(self.log),
            "FAIL": fail,
            "RECIPE": "full_finetune",
            "SCRIPT": str(self.command),
            **more,
        }
        script = self.folder / f"sweep-{self.trainer}.sh"
        return subprocess.run(
            ["sh", script, base or self.base, *seeds],
            env=environment,
            cwd=cwd or self.folder.parent,
            capture_output=True,
        ).returncode

    @property
    def asked(self) -> list[Any]:
        """Arguments, folder and settings of each training so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def runs(asked: list[Any]) -> list[str]:
    return [config["output_dir"] for _, _, config in asked]


def test_a_script_trains_on_each_mix_once_for_each_seed(small: Any, tmp_path: Path):
    run = Run(small, tmp_path, "trl")
    assert run("7", "8") == 0
    assert runs(run.asked) == [
        f"runs/trl/{mix}-seed-{seed}" for mix in ("share-00", "share-25") for seed in (7, 8)
    ]
    for arguments, folder, config in run.asked:
        assert arguments == ["sft", "--config", f"{config['output_dir']}/config.yaml"]
        assert Path(folder) == run.folder
        mix, _, seed = config["output_dir"].removeprefix("runs/trl/").rpartition("-seed-")
        # Settings stay, but for the data, the seed and the folder.
        assert config == {
            "model_name_or_path": "tiny",
            "seed": int(seed),
            "nested": {"a": [1, 2]},
            "datasets": [
                {"path": "json", "data_files": f"train/trl/{mix}.jsonl", "split": "train"}
            ],
            "output_dir": f"runs/trl/{mix}-seed-{seed}",
        }
        assert (run.folder / config["datasets"][0]["data_files"]).is_file()
        written = run.folder / config["output_dir"] / "config.yaml"
        assert yaml.safe_load(written.read_text()) == config
    # What is done is not done again, and more seeds are more runs.
    assert run("7", "8", "9") == 0
    assert [name[-1] for name in runs(run.asked)[4:]] == ["9", "9"]


def test_a_script_has_three_seeds_and_finds_relative_files(small: Any, tmp_path: Path):
    run = Run(small, tmp_path, "trl")
    assert run(base="the base.yaml", cwd=run.base.parent) == 0
    # A shell that looks for folders elsewhere first finds them all the same.
    (tmp_path / "elsewhere" / "my settings").mkdir(parents=True)
    assert run("9", base="my settings/the base.yaml", CDPATH=str(tmp_path / "elsewhere")) == 0
    seeds = [name[-6:] for name in runs(run.asked)]
    assert seeds == ["seed-0", "seed-1", "seed-2"] * 2 + ["seed-9"] * 2


def test_a_script_stops_at_a_run_that_fails_and_goes_on_from_there(small: Any, tmp_path: Path):
    run = Run(small, tmp_path, "trl")
    assert run("0", "1", fail="share-00-seed-1") == 3
    assert len(run.asked) == 2
    assert run("0", "1") == 0
    assert [name.removeprefix("runs/trl/") for name in runs(run.asked)[2:]] == [
        "share-00-seed-1",
        "share-25-seed-0",
        "share-25-seed-1",
    ]


def test_a_script_without_settings_trains_nothing(small: Any, tmp_path: Path):
    run = Run(small, tmp_path, "trl")
    assert run(base=tmp_path / "none.yaml") != 0
    assert run(base=tmp_path / "nowhere" / "none.yaml") != 0
    assert not run.log.exists()
    run.base.write_text("")  # all defaults
    assert run("0") == 0
    assert len(run.asked) == 2


@pytest.mark.parametrize("trainer", SWEPT)
def test_every_trainer_gets_the_mix_the_seed_and_a_folder(trainer: str, small: Any, tmp_path: Path):
    run = Run(small, tmp_path, trainer)
    assert run("5") == 0
    assert len(run.asked) == 2
    for (_, folder, config), mix in zip(run.asked, small.mixes, strict=True):
        assert config["seed"] == 5
        assert config["output_dir"] == f"runs/{trainer}/{mix}-seed-5"
        assert (Path(folder) / config["output_dir"] / "done").is_file()
        told = json.dumps(config)
        assert mix in told.replace(config["output_dir"], "")
        assert "$" not in told
        if trainer != "llama_factory":
            assert f"train/{trainer}/{mix}.jsonl" in told


@pytest.mark.parametrize(("trainer", "name"), [("torchtune", "RECIPE"), ("transformers", "SCRIPT")])
def test_a_script_says_what_else_it_needs(trainer: str, name: str, small: Any, tmp_path: Path):
    run = Run(small, tmp_path, trainer)
    environment = {key: value for key, value in os.environ.items() if key != name}
    found = subprocess.run(
        ["sh", run.folder / f"sweep-{trainer}.sh", run.base],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert found.returncode != 0
    assert f"set {name} to" in found.stderr
