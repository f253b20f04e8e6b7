"""The study on real tasks: arms differ in what they choose, and in nothing else."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instructdiv.lab import generated_tasks
from tests.shared_data import ROOT

EXAMPLE = ROOT / "examples" / "real_tasks.py"


@pytest.fixture(scope="module")
def study() -> Iterator[Any]:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("real_tasks", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["real_tasks"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules["real_tasks"]


@pytest.fixture(scope="module")
def jobs(study: Any) -> list[Any]:
    read = partial(generated_tasks, records_per_task=6, targets_per_task=2)
    return list(study.jobs_of(read, study.GLIMPSE, 1))


def test_every_arm_spends_the_same_budget_on_distinct_records(study: Any, jobs: list[Any]) -> None:
    assert [(job.pool, job.arm) for job in jobs] == [
        (pool, arm) for pool in ("even", "skewed") for arm in study.ARMS
    ]
    for job in jobs:
        distinct = {(record["instruction"], record["input"]) for record in job.records}
        assert len(distinct) == len(job.records) == study.GLIMPSE.budget


def test_no_arm_sees_a_held_out_task_and_all_are_asked_the_same(
    study: Any, jobs: list[Any]
) -> None:
    held_out = {record["task"] for record in jobs[0].target}
    assert len(held_out) == study.GLIMPSE.held_out
    for job in jobs:
        assert not held_out & {record["task"] for record in job.records}
        assert job.target == jobs[0].target
        assert job.model is jobs[0].model


def test_few_tasks_are_few_and_many_are_as_many_as_can_be(study: Any, jobs: list[Any]) -> None:
    for job in jobs:
        n_tasks = len({record["task"] for record in job.records})
        if job.arm == "few_tasks":
            assert n_tasks == study.GLIMPSE.few
        elif job.arm == "many_tasks":
            assert n_tasks == study.GLIMPSE.budget


def test_training_leaves_the_weights_that_the_others_start_from(
    study: Any, jobs: list[Any]
) -> None:
    before = jobs[0].model.weights
    first, again = study.train(jobs[0]), study.train(jobs[0])
    assert first == again
    assert first.final < first.start == study.train(jobs[1]).start
    after = jobs[0].model.weights
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_an_interval_is_that_of_paired_differences(study: Any) -> None:
    # Differences -1, -2, -3: mean -2, standard error 1 / sqrt(3), t of 2 degrees 4.3027.
    told = study.against([5.0, 6.0, 7.0], [4.0, 4.0, 4.0])
    assert told == "-2.000 [-4.484, +0.484], lower with 3 of 3 seeds"
    assert study.against([5.0], [4.0]) == "-1.000"


def test_a_folder_of_labelled_tasks_is_read(
    study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    rows = [
        {"task": f"task {t}", "definition": [f"Add {t}."], "input": str(i), "output": [str(i + t)]}
        for t in range(18)
        for i in range(20)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "superni_here.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "other.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', "utf-8")
    monkeypatch.setattr(study, "Plan", lambda: study.GLIMPSE)
    study.main(str(tmp_path), 2, 1)
    told = capsys.readouterr().out
    assert told.count("of 2 seeds") == 2 * 2 * 3


@pytest.mark.parametrize("name", ["nowhere.jsonl", "."])
def test_where_there_are_no_labelled_tasks_it_says_so(
    name: str, study: Any, tmp_path: Path, capsys: Any
) -> None:
    study.main(str(tmp_path / name), 1, 1)
    assert capsys.readouterr().out == f"skipped: no labelled tasks are at {tmp_path / name}\n"
