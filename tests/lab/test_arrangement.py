"""The arrangement study: its tasks, its small model, its runs, and what it finds."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instructdiv.errors import InputError, OutputError, ParameterError
from instructdiv.lab import (
    HELD_OUT,
    ArrangementPlan,
    Run,
    SettingResult,
    Shape,
    Spread,
    Study,
    Transformer,
    arrangement,
    arrangement_study,
)
from instructdiv.lab.arrangement import Preparing, ToTrain, prepare, train
from instructdiv.lab.arrangement_plan import settings_of
from instructdiv.lab.tasks import every_task
from instructdiv.lab.transformer import one_torch_thread
from tests.shared_data import labelled

TINY = ArrangementPlan(
    seeds=1,
    records_per_task=2,
    targets_per_task=1,
    pre_training_steps=2,
    width=8,
    layers=1,
    measured_every=(2, 5),
)
SHAPE = Shape(length=24, width=16, layers=1)


# The study.


@pytest.fixture(scope="module")
def tiny() -> Study:
    return arrangement_study(TINY, workers=1)


def without_times(study: Study) -> list[dict[str, Any]]:
    runs = [run for result in study.settings for run in result.runs]
    return [run.model_dump(exclude={"seconds"}) for run in runs]


def test_every_arm_has_a_curve_a_seed(tiny: Study):
    budget, whole = tiny.settings
    assert [row.arm for row in budget.rows] == [
        "random",
        "round_robin",
        "clustered",
        "test_centric",
        "test_centric_shuffled",
        "nearest_to_any",
        "weighted_similarity",
        "weighted_similarity_shuffled",
        "farthest",
    ]
    assert [row.arm for row in whole.rows] == [
        "random",
        "round_robin",
        "clustered",
        "near_then_far",
        "far_then_near",
    ]
    for result, records in ((budget, 33), (whole, 110)):
        assert {run.records for run in result.runs} == {records}
        assert [run.arm for run in result.runs] == [row.arm for row in result.rows]
        for run in result.runs:
            n_steps = -(-records // 16)
            assert (run.steps[0], run.steps[-1]) == (0, n_steps)
            assert len(run.losses) == len(run.steps)
            assert set(run.by_task) == set(HELD_OUT)
            means = np.mean(list(run.by_task.values()), axis=0)
            np.testing.assert_allclose(run.losses, means)


def test_arms_start_from_the_same_loss(tiny: Study):
    for result in tiny.settings:
        assert len({run.losses[0] for run in result.runs}) == 1


def test_the_same_study_comes_out_twice(tiny: Study):
    assert without_times(arrangement_study(TINY, workers=1)) == without_times(tiny)


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(tiny: Study):
    assert without_times(arrangement_study(TINY, workers=2)) == without_times(tiny)


@pytest.fixture(scope="module")
def prepared() -> Any:
    plan = TINY.model_copy(update={"every_arm": True, "records_per_task": 12})
    arms = tuple((s.name, arm.name) for s in settings_of(plan) for arm in s.arms)
    return prepare(Preparing(plan, arrangement._tasks(plan, 0, None), 0, arms))


def test_arms_hold_distinct_rows_and_a_full_pass_all_of_them(prepared: Any):
    for (setting, _), rows in prepared.orders.items():
        assert len(set(rows.tolist())) == len(rows) == {"budget": 198, "full_pass": 660}[setting]


@pytest.mark.parametrize(
    "arms",
    [
        ("random", "round_robin", "clustered"),
        ("test_centric", "test_centric_shuffled"),
        ("nearest_to_any", "nearest_to_any_shuffled"),
        ("weighted_similarity", "weighted_similarity_shuffled"),
        ("farthest", "farthest_shuffled"),
    ],
)
def test_arms_that_differ_in_order_alone_have_the_same_rows(prepared: Any, arms: Any):
    orders = [prepared.orders["budget", arm] for arm in arms]
    assert len({tuple(sorted(rows.tolist())) for rows in orders}) == 1
    assert len({tuple(rows.tolist()) for rows in orders}) == len(arms)


def family_share(prepared: Any, rows: Any) -> float:
    """Share of rows of the families that something is held out of."""
    families = {task.name: task.family for task in every_task()}
    held_out = {families[name] for name in HELD_OUT}
    return float(np.mean([families[prepared.tasks[row]] in held_out for row in rows]))


def test_what_is_near_is_of_the_held_out_families_and_what_is_far_is_not(prepared: Any):
    orders = prepared.orders
    shares = {arm: family_share(prepared, rows) for (s, arm), rows in orders.items()
              if s == "budget"}  # fmt: skip
    assert shares["test_centric"] > 0.6 > 0.4 > shares["random"]
    near_first = orders["full_pass", "near_then_far"]
    start, end = (family_share(prepared, rows) for rows in (near_first[:100], near_first[-100:]))
    assert start > 0.6 > 0.5 > end


def test_far_then_near_is_near_then_far_turned_around(prepared: Any):
    near, far = (prepared.orders["full_pass", arm] for arm in ("near_then_far", "far_then_near"))
    np.testing.assert_array_equal(near, far[::-1])


def test_a_clustered_order_has_one_task_after_another(prepared: Any):
    tasks = [prepared.tasks[row] for row in prepared.orders["full_pass", "clustered"]]
    changes = sum(a != b for a, b in pairwise(tasks))
    assert changes == 54
    turns = [prepared.tasks[row] for row in prepared.orders["full_pass", "round_robin"]]
    assert len(set(turns[:55])) == 55


def test_an_arm_is_trained_on_its_rows_in_their_order(tiny: Study):
    arms = (("budget", "random"), ("budget", "clustered"), ("full_pass", "far_then_near"))
    tasks = arrangement._tasks(TINY, 0, None)
    with one_torch_thread():
        prepared = prepare(Preparing(TINY, tasks, 0, arms))
        for setting, arm in arms:
            model = Transformer(prepared.shape).with_weights(prepared.weights)
            training = next(s.training for s in settings_of(TINY) if s.name == setting)
            model.train(prepared.pool, prepared.orders[setting, arm], training)
            (run,) = (r for r in tiny.setting(setting).runs if r.arm == arm)
            # With one record a task the mean over tasks is that over records.
            assert run.losses[-1] == pytest.approx(model.losses(prepared.target).mean(), rel=1e-9)


def test_the_learning_rate_falls_under_a_budget_and_stays_on_a_full_pass():
    budget, whole = settings_of(ArrangementPlan())
    assert (budget.training.schedule, whole.training.schedule) == ("cosine", "constant")
    assert (budget.share, whole.share) == (0.3, 1.0)


# What is summed up.


def a_run(arm: str, seed: int, losses: list[float]) -> Run:
    steps = list(range(0, 10 * len(losses), 10))
    return Run(setting="s", arm=arm, seed=seed, records=9, tasks=3, steps=steps, losses=losses,
               by_task={"a": losses}, exact=0.5, seconds=1.0)  # fmt: skip


def test_numbers_are_those_of_the_curves():
    runs = [
        a_run("random", 0, [4.0, 3.0, 2.0]),
        a_run("random", 1, [4.0, 2.0, 1.0]),
        a_run("near", 0, [4.0, 1.0, 3.0]),
        a_run("near", 1, [4.0, 2.0, 2.0]),
    ]
    result = SettingResult.of("s", "A setting", ["random", "near"], runs)
    assert result.threshold == 1.5
    usual, near = result.rows
    assert (usual.area.mean, near.area.mean) == (2.625, 2.375)
    assert near.against_random is not None
    assert usual.against_random is None
    # 2.25 - 3.0 and 2.5 - 2.25, seed by seed.
    assert near.against_random.mean == -0.25
    assert near.against_random.sd == pytest.approx(np.std([-0.75, 0.25], ddof=1))
    assert (near.final.mean, near.lowest.mean) == (2.5, 1.5)
    assert (usual.steps_to, near.steps_to) == ([None, 20], [10, None])
    assert SettingResult.of("s", "", ["near"], runs, threshold=2.0).rows[0].steps_to == [10, 10]


def test_stopping_by_loss_takes_the_loss_before_it_rose():
    (row,) = SettingResult.of("s", "", ["near"], [a_run("near", 0, [4, 2, 1, 2, 3, 4])]).rows
    assert (row.stopped.mean, row.final.mean) == (1, 4)
    assert row.area.sd is None
    assert str(row.area) == f"{row.area.mean:.2f}"
    assert str(Spread.of([1.0, 2.0])) == "1.50 ± 0.71"


# What is written.


def test_a_folder_gets_results_a_table_and_a_page(tmp_path: Path):
    study = arrangement_study(TINY, output=tmp_path / "out", workers=1)
    files = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert files == ["curves.html", "results.json", "results.md", "runs.json"]
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert Study.model_validate(content) == study
    markdown = (tmp_path / "out" / "results.md").read_text()
    assert study.headline in markdown
    for row in study.settings[0].rows:
        assert f"| {row.arm} |" in markdown
    page = (tmp_path / "out" / "curves.html").read_text()
    assert "chart-budget" in page
    assert "far_then_near" in page
    addresses = set(re.findall(r"(?:src|href)=\"(https?:[^\"]*)", page.partition("<script>")[0]))
    assert not addresses


def test_markup_in_the_names_of_tasks_stays_text():
    rows = labelled(4, 12)
    for row in rows:
        row["task"] = f"<script>{row['task']}"
    plan = TINY.model_copy(update={"held_out": ("<script>task01",)})
    html = arrangement_study(plan, rows, workers=1).to_html()
    assert "<script>task01" not in html
    assert "&lt;script&gt;task01" in html


def test_an_interrupted_study_goes_on_where_it_was(
    tiny: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    trained_arms: list[tuple[str, str, int]] = []

    def counted(job: ToTrain) -> Run:
        if len(trained_arms) == 5 and not (tmp_path / "again").exists():
            raise KeyboardInterrupt
        trained_arms.append((job.setting, job.arm, job.prepared.seed))
        return train(job)

    monkeypatch.setattr(arrangement, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        arrangement_study(TINY, output=tmp_path / "out", workers=1)
    assert len(json.loads((tmp_path / "out" / "runs.json").read_text())["runs"]) == 5
    (tmp_path / "again").touch()
    found = arrangement_study(TINY, output=tmp_path / "out", workers=1)
    assert len(trained_arms) == len(set(trained_arms)) == 14
    assert without_times(found) == without_times(tiny)
    arrangement_study(TINY, output=tmp_path / "out", workers=1)
    assert len(trained_arms) == 14


def test_more_seeds_take_the_runs_that_are_there(tiny: Study, tmp_path: Path):
    arrangement_study(TINY, output=tmp_path / "out", workers=1)
    seen: list[tuple[str, int, int]] = []
    found = arrangement_study(
        TINY.model_copy(update={"seeds": 2}),
        output=tmp_path / "out",
        workers=1,
        progress=lambda *at: seen.append(at),
    )
    runs = without_times(found)
    assert [run for run in runs if run["seed"] == 0] == without_times(tiny)
    assert (len(runs), found.settings[0].row("random").steps_to) == (28, [None, 2])
    assert ("train", 14, 14) in seen
    assert ("prepare", 1, 1) in seen


def test_runs_of_another_study_are_not_mixed_in(tmp_path: Path):
    arrangement_study(TINY, output=tmp_path / "out", workers=1)
    other = TINY.model_copy(update={"learning_rate": 1e-3})
    with pytest.raises(OutputError, match="holds runs of another study"):
        arrangement_study(other, output=tmp_path / "out", workers=1)
    found = arrangement_study(other, output=tmp_path / "out", overwrite=True, workers=1)
    assert len(json.loads((tmp_path / "out" / "runs.json").read_text())["runs"]) == 14
    assert "AdamW at 0.001" in found.made_from["model"]


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty, and holds no study"):
        arrangement_study(TINY, output=tmp_path, overwrite=True, workers=1)
    with pytest.raises(OutputError, match="it is a file"):
        arrangement_study(TINY, output=tmp_path / "mine.txt", workers=1)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_wrong_arguments_are_said_before_the_work(tmp_path: Path):
    with pytest.raises(ParameterError, match="at least 1 worker"):
        arrangement_study(TINY, workers=0)
    with pytest.raises(ParameterError, match="no task is named 'x'"):
        arrangement_study(TINY.model_copy(update={"held_out": ("x",)}), workers=1)
    with pytest.raises(InputError, match="no file or folder"):
        arrangement_study(TINY, "./nowhere.jsonl", workers=1)


def test_real_tasks_are_studied_alike():
    plan = TINY.model_copy(update={"held_out": ("task03", "task07")})
    study = arrangement_study(plan, labelled(), workers=1)
    assert set(study.settings[0].runs[0].by_task) == {"task03", "task07"}
    assert study.made_from["tasks"] == (
        "labelled; the pool has 20 records of 10 tasks, the target 2 of 2"
    )


# What it finds: minutes of training.


@pytest.mark.slow
def test_near_records_teach_most_and_a_full_pass_that_ends_far_forgets():
    """The findings that hold in the mean over three seeds; see docs/explanation/arrangement.md."""
    study = arrangement_study()
    budget, whole = study.settings
    area = {row.arm: row.area.mean for row in budget.rows}
    final = {row.arm: row.final.mean for row in whole.rows}
    assert area["test_centric"] < area["random"] < area["farthest"]
    assert area["test_centric"] < area["weighted_similarity"]
    # Choice matters more than the order of the same records.
    gain = area["random"] - area["test_centric_shuffled"]
    assert gain > 2 * abs(area["test_centric"] - area["test_centric_shuffled"])
    # The farthest last is the worst of ends, the nearest last the best.
    assert final["near_then_far"] > max(final["random"], final["far_then_near"])
    noise = max(row.final.sd or 0 for row in whole.rows if row.arm in ("random", "far_then_near"))
    assert final["far_then_near"] <= final["random"] + noise
    near = whole.row("near_then_far")
    assert near.stopped.mean < near.final.mean - 0.2
