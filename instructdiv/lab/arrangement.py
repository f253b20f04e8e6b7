"""Arrangement study: whether it matters which records a small model sees, in which order."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instructdiv.data.load import read
from instructdiv.embedders import Progress
from instructdiv.errors import ParameterError
from instructdiv.lab.arrangement_plan import ArrangementPlan, Rows, settings_of
from instructdiv.lab.arrangement_results import Run, SettingResult, Study
from instructdiv.lab.run_store import RunStore, digest_of, provenance, versions, with_progress
from instructdiv.lab.tasks import Record, Tasks, generated_tasks, labelled_tasks
from instructdiv.lab.transformer import Shape, Tokens, Training, Transformer, Weights
from instructdiv.pool import Pool
from instructdiv.training import LossMonitor

_TEXT = 64


@dataclass(frozen=True, eq=False)
class Prepared:
    """Records, orders and initial weights that all arms of one seed share."""

    seed: int
    """The seed."""

    pool: Tokens
    """Records of the pool."""

    tasks: tuple[str, ...]
    """Task of each."""

    target: Tokens
    """Records of the held-out tasks."""

    target_tasks: tuple[str, ...]
    """Task of each."""

    shape: Shape
    """Size of the model."""

    weights: Weights
    """Weights of the model after the pre-training."""

    orders: dict[tuple[str, str], Rows]
    """For each setting and arm, the rows of the pool in training order."""


@dataclass(frozen=True, eq=False)
class Preparing:
    """A seed to prepare."""

    plan: ArrangementPlan
    """The plan of the study."""

    tasks: Tasks
    """The records."""

    seed: int
    """The seed."""

    wanted: tuple[tuple[str, str], ...]
    """Settings and arms to run."""


def prepare(job: Preparing) -> Prepared:
    """Embed the records of a seed, order them for each arm, and pre-train the model.

    Examples
    --------
    >>> plan = ArrangementPlan(pre_training_steps=1, width=8, layers=1)
    >>> tasks = generated_tasks(records_per_task=4, targets_per_task=2)
    >>> prepared = prepare(Preparing(plan, tasks, 0, (("full_pass", "random"),)))
    >>> len(prepared.orders["full_pass", "random"]), len(prepared.target)
    (220, 16)
    """
    plan, tasks, seed = job.plan, job.tasks, job.seed
    pools = Pool.together(
        {"pool": list(tasks.pool), "target": list(tasks.target)},
        embedder=plan.embedder,
        group="task",
        schema="alpaca",
        strict=True,
    )
    orders: dict[tuple[str, str], Rows] = {
        (setting.name, arm.name): arm.rows(
            pools["pool"], pools["target"], max(1, round(setting.share * len(tasks.pool))), seed
        )
        for setting in settings_of(plan)
        for arm in setting.arms
        if (setting.name, arm.name) in job.wanted
    }
    length = max(_n_bytes(record) for record in (*tasks.pool, *tasks.target))
    shape = Shape(length=max(length, _TEXT), width=plan.width, layers=plan.layers)
    pool, target = (_tokens(records, shape.length) for records in (tasks.pool, tasks.target))
    return Prepared(
        seed,
        pool,
        tuple(record["task"] for record in tasks.pool),
        target,
        tuple(record["task"] for record in tasks.target),
        shape,
        _pre_trained(plan, shape, tasks, seed).weights,
        orders,
    )


def _prompt(record: Record) -> str:
    return "\n".join(part for part in (record["instruction"], record["input"]) if part)


def _n_bytes(record: Record) -> int:
    return len(f"{_prompt(record)}\n{record['output']}".encode()) + 1


def _tokens(records: Sequence[Record], length: int) -> Tokens:
    return Tokens.of_texts(
        [_prompt(record) for record in records], [record["output"] for record in records], length
    )


def _pre_trained(plan: ArrangementPlan, shape: Shape, tasks: Tasks, seed: int) -> Transformer:
    """A model that has seen inputs, but no instruction and no response."""
    random = np.random.default_rng(seed)
    inputs = [record["input"] or record["instruction"] for record in tasks.pool]
    drawn = random.integers(len(inputs), size=(plan.pre_training_steps * plan.batch, _TEXT // 4))
    texts = ["\n".join(inputs[i] for i in rows) for rows in drawn.tolist()]
    tokens = Tokens.of_plain_texts(texts, min(_TEXT, shape.length))
    model = Transformer(shape, seed)
    training = Training(learning_rate=plan.learning_rate, batch=plan.batch)
    model.train(tokens, np.arange(len(tokens)), training)
    return model


@dataclass(frozen=True, eq=False)
class ToTrain:
    """An arm to train."""

    plan: ArrangementPlan
    """The plan of the study."""

    setting: str
    """Name of the setting."""

    arm: str
    """Name of the arm."""

    prepared: Prepared
    """Records, orders and initial weights."""


def train(job: ToTrain) -> Run:
    """Train one arm, and measure the loss on the held-out tasks meanwhile."""
    began = time.process_time()
    prepared = job.prepared
    setting = next(one for one in settings_of(job.plan) if one.name == job.setting)
    order = prepared.orders[job.setting, job.arm]
    model = Transformer(prepared.shape).with_weights(prepared.weights)
    monitor = LossMonitor(groups=prepared.target_tasks)

    def measure(step: int) -> None:
        monitor.record(step, model.losses(prepared.target))

    model.train(prepared.pool, order, setting.training, measure, setting.every)
    return Run(
        setting=job.setting,
        arm=job.arm,
        seed=prepared.seed,
        records=len(order),
        tasks=len({prepared.tasks[row] for row in order.tolist()}),
        steps=[point.step for point in monitor.curve],
        losses=[point.macro for point in monitor.curve],
        by_task={
            task: [point.by_group[task] for point in monitor.curve]
            for task in monitor.curve[0].by_group
        },
        exact=float(model.exact_matches(prepared.target).mean()),
        seconds=time.process_time() - began,
    )


def arrangement_study(
    plan: ArrangementPlan | None = None,
    tasks: Any = None,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """Train a small model on the same pool in many ways, and watch its loss on held-out tasks.

    The experiment of He et al. [1]_ at a scale that fits a laptop. Under a budget most arms
    differ in which records they train on; on a full pass over the pool they differ in the order
    alone. Every arm of a seed starts from the same weights.

    Parameters
    ----------
    plan
        Arms, sizes and seeds; the defaults of :class:`ArrangementPlan` if not given.
    tasks
        Labelled tasks in the layout of Super-NaturalInstructions, in anything that
        :func:`instructdiv.load` reads; generated tasks if not given.
    output
        Folder for ``results.json``, ``results.md`` and ``curves.html``. Each finished run is
        stored there in ``runs.json``: an interrupted study continues, and a study with more
        seeds or arms reuses the runs.
    overwrite
        Start anew where the folder holds runs of another study.
    workers
        Number of processes that train, each with one thread; by default the number of
        processors. Results do not depend on it.
    progress
        Called as ``progress(stage, done, total)``.

    Raises
    ------
    InputError
        The tasks cannot be read, or too few are left.
    ParameterError
        A held-out task does not exist, or `workers` is below 1.
    OutputError
        The folder holds something else, or cannot be written to.

    References
    ----------
    .. [1] H. He et al., "The right time matters: data arrangement affects zero-shot
       generalization in instruction tuning", Findings of ACL 2025.

    Examples
    --------
    >>> plan = ArrangementPlan(
    ...     seeds=1, records_per_task=4, targets_per_task=2, pre_training_steps=1, width=8, layers=1
    ... )
    >>> study = arrangement_study(plan, workers=1)
    >>> [result.setting for result in study.settings]
    ['budget', 'full_pass']
    """
    plan = plan or ArrangementPlan()
    progress = progress or (lambda _stage, _done, _total: None)
    if workers is not None and workers < 1:
        raise ParameterError(f"at least 1 worker is needed, got {workers}")
    source = None if tasks is None else read(tasks)
    digest = None if source is None else digest_of(source.digests())
    store = RunStore.opened(output, Run, _made_of(plan, digest), overwrite)
    drawn = {seed: _tasks(plan, seed, source) for seed in range(plan.seeds)}
    arms = [(s.name, arm.name) for s in settings_of(plan) for arm in s.arms]
    wanted = {seed: tuple(arm for arm in arms if (*arm, seed) not in store.runs) for seed in drawn}
    preparing = [Preparing(plan, drawn[seed], seed, some) for seed, some in wanted.items() if some]
    ready = with_progress(prepare, preparing, workers, progress, "prepare")
    prepared: list[Prepared] = sorted(ready, key=lambda one: one.seed)
    jobs = {
        (*arm, one.seed): ToTrain(plan, *arm, one) for one in prepared for arm in wanted[one.seed]
    }
    store.complete(train, jobs, workers, progress)
    study = _summed_up(plan, drawn[0], source is not None, store)
    study.save_all(output)
    return study


def _tasks(plan: ArrangementPlan, seed: int, source: Any) -> Tasks:
    sizes = {
        "records_per_task": plan.records_per_task,
        "targets_per_task": plan.targets_per_task,
    }
    if source is None:
        named = {} if plan.held_out is None else {"held_out": plan.held_out}
        return generated_tasks(seed, **sizes, **named)  # type: ignore[arg-type]
    held_out = 8 if plan.held_out is None else plan.held_out
    return labelled_tasks(source.rows, seed, **sizes, held_out=held_out, longest=plan.longest)


def _made_of(plan: ArrangementPlan, digest: str | None) -> dict[str, Any]:
    """Everything that a run depends on beside its setting, arm and seed."""
    content = plan.model_dump(mode="json", exclude={"seeds", "every_arm", "threshold"})
    settings = settings_of(plan.model_copy(update={"every_arm": True}))
    return content | {
        "tasks": digest,
        "arms": {s.name: {arm.name: arm.to_mapping() for arm in s.arms} for s in settings},
        "versions": versions("instructdiv", "numpy", "scikit-learn", "torch", "transformers"),
    }


def _summed_up(plan: ArrangementPlan, tasks: Tasks, labelled: bool, store: RunStore[Run]) -> Study:
    runs = [run for run in store.runs.values() if run.seed < plan.seeds]
    results = [
        SettingResult.of(one.name, one.title, [arm.name for arm in one.arms], runs, plan.threshold)
        for one in settings_of(plan)
    ]
    return Study(
        headline=_headline(results, plan.seeds),
        made_from={
            "tasks": f"{'labelled' if labelled else 'generated'}; the pool has "
            f"{len(tasks.pool):,} records of {tasks.n_tasks} tasks, the target "
            f"{len(tasks.target):,} of {len(tasks.held_out)}",
            "held out": ", ".join(tasks.held_out),
            "embedder": plan.embedder.title,
            "model": f"GPT-2 of {plan.layers} layers, {plan.width} wide, on bytes, from scratch; "
            f"{plan.pre_training_steps} steps on inputs alone, then AdamW at "
            f"{plan.learning_rate:g}, {plan.batch} records a step",
        }
        | provenance(store.made_of, (run for result in results for run in result.runs)),
        settings=results,
    )


def _headline(results: list[SettingResult], n_seeds: int) -> str:
    budget, whole = results
    areas = {
        arm: budget.row(arm).area.mean
        for arm in ("test_centric", "random", "weighted_similarity", "farthest")
    }
    ends = {arm: whole.row(arm).final.mean for arm in ("near_then_far", "random", "far_then_near")}
    near = whole.row("near_then_far")
    return (
        f"Mean over {n_seeds} seed{'s' * (n_seeds != 1)}. "
        f"{budget.title}, area under the curve: {_ranked(areas)}. "
        f"{whole.title}, final loss: {_ranked(ends)}. "
        f"Lowest loss of near_then_far during training {near.lowest.mean:.2f}, at the end "
        f"{near.final.mean:.2f}."
    )


def _ranked(losses: dict[str, float]) -> str:
    """The arms, the lowest loss first."""
    ranked = sorted(losses.items(), key=lambda one: (one[1], one[0]))
    return ", ".join(f"{arm} {loss:.2f}" for arm, loss in ranked)
