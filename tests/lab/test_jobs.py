"""Jobs in several processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from instructdiv.lab.jobs import done
from tests.shared_data import ROOT


def test_jobs_are_done_in_processes_and_what_one_raises_is_raised():
    jobs: list[Any] = [-3, "a"]
    results = dict(done(abs, jobs[:1] * 2, workers=2))
    assert results == {-3: 3}
    with pytest.raises(TypeError, match="bad operand"):
        dict(done(abs, jobs, workers=2))
    assert list(done(abs, [], workers=2)) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are sent")
def test_ctrl_c_ends_the_processes_and_keeps_the_runs(tmp_path: Path):
    script = tmp_path / "study.py"
    script.write_text(
        "from instructdiv.lab import ArrangementPlan, arrangement_study\n"
        "if __name__ == '__main__':\n"
        "    plan = ArrangementPlan(seeds=1, records_per_task=40, targets_per_task=2, width=8,\n"
        "                           layers=1, pre_training_steps=1)\n"
        "    arrangement_study(plan, output='out', workers=2)\n"
    )
    with subprocess.Popen(
        [sys.executable, script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        kept = tmp_path / "out" / "runs.json"
        until = time.monotonic() + 240
        while not (kept.exists() and json.loads(kept.read_text())["runs"]):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert "KeyboardInterrupt" in said
    assert "SpawnProcess" not in said
    n_runs = len(json.loads(kept.read_text())["runs"])
    assert 0 < n_runs < 14
    assert not (tmp_path / "out" / "results.json").exists()
