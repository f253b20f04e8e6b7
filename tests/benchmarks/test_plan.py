"""The plan against what a selection then takes, each in a process of its own. Slow.

``python tests/benchmarks/test_plan.py [rows ...]`` prints both for every selector.
"""

import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instructdiv import Pool, plan
from instructdiv.curation.plan import Machine
from instructdiv.selectors import Selector
from tests.benchmarks.test_speed import vectors

ROWS, DIMENSION, BUDGET = 20_000, 384, 500
ROOT = Path(__file__).resolve().parents[2]
PEAK_CAN_BE_RESET = os.access("/proc/self/clear_refs", os.W_OK)
SELECTORS = [n for n, s in Selector.known().items() if s.__module__.startswith("instructdiv.")]

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Run:
    """What one selection took."""

    seconds: float
    grown: int
    """Bytes at the peak beside what was there before, the vectors among it."""


def pool_of(n_rows: int) -> Pool:
    """Rows with a score each, in as many groups of one size as the plan takes there to be."""
    random = np.random.default_rng(1)
    groups = np.arange(n_rows) % round(n_rows**0.5)
    pool = Pool.from_embeddings(vectors(n_rows), groups, quality=random.random(n_rows))
    return replace(pool, known_texts=("some words of a record, neither many nor few",) * n_rows)


def target() -> Pool:
    """A target of the size that a plan takes it to be, in two groups."""
    found = Pool.from_embeddings(vectors(500)[::-1], np.arange(500) % 2)
    return replace(found, known_texts=("other words, of a record of the target",) * 500)


def in_kilobytes(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(field)).split()[1])


def measure(name: str, n_rows: int) -> Run:
    """Select in this process, whose libraries are loaded by a small selection first."""
    selector = Selector.from_mapping(name)
    asked: dict[str, Any] = {"target": target()} if selector.needs_target else {}
    selector.select(pool_of(3000), 10, **asked)
    pool = pool_of(n_rows)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed but kept would hide what is taken next
    before = in_kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    selector.select(pool, BUDGET, **asked)
    seconds = time.perf_counter() - start
    return Run(seconds, 1024 * (in_kilobytes("VmHWM") - before))


def measured(name: str, n_rows: int) -> Run:
    done = subprocess.run(
        [sys.executable, __file__, "--measure", name, str(n_rows)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Run(**json.loads(done.stdout))


@pytest.mark.skipif(not PEAK_CAN_BE_RESET, reason="the peak of memory cannot be reset here")
@pytest.mark.parametrize("name", SELECTORS)
def test_a_plan_foresees_time_and_memory(name: str) -> None:
    foreseen, run = plan(ROWS, DIMENSION, BUDGET, name), measured(name, ROWS)
    peak = foreseen.vector_bytes + run.grown
    assert 0.5 <= foreseen.peak_bytes / peak <= 2.5, f"{foreseen.peak_bytes:,} for {peak:,}"
    # What is over at once takes as long as it takes to begin.
    assert 1 / 4 <= max(foreseen.seconds, 0.05) / max(run.seconds, 0.05) <= 4, (
        f"{foreseen.seconds:.2f} s for {run.seconds:.2f} s"
    )


def show(sizes: list[int]) -> None:
    """Print a line a selector: seconds and bytes beside the vectors, foreseen and measured."""
    print("rows selector foreseen_s measured_s ratio foreseen_MB measured_MB ratio peak_ratio")
    for n_rows in sizes:
        for name in SELECTORS:
            machine = Machine.measured()
            foreseen, run = (
                plan(n_rows, DIMENSION, BUDGET, name, machine=machine),
                measured(name, n_rows),
            )
            beside, grown = foreseen.peak_bytes - foreseen.vector_bytes, max(run.grown, 1)
            peak = foreseen.peak_bytes / (foreseen.vector_bytes + run.grown)
            print(
                n_rows,
                name,
                f"{foreseen.seconds:.2f} {run.seconds:.2f} {foreseen.seconds / run.seconds:.2f}",
                f"{beside / 1e6:.1f} {grown / 1e6:.1f} {beside / grown:.2f} {peak:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(vars(measure(sys.argv[2], int(sys.argv[3])))))
    else:
        show([int(size) for size in sys.argv[1:]] or [5000, ROWS])
