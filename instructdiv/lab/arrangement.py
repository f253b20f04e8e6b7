"""Arrangement: whether it matters which records a small model sees, and in which order."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv import arrangers, selectors
from instructdiv.data.load import read
from instructdiv.embedders import Embedder, Lexical, Progress
from instructdiv.errors import ParameterError
from instructdiv.lab.run_store import Kept, digest_of, followed, versions
from instructdiv.lab.study import RANDOM, Run, SettingResult, Study
from instructdiv.lab.tasks import Record, Tasks, generated_tasks, labelled_tasks
from instructdiv.lab.transformer import Shape, Tokens, Training, Transformer, Weights
from instructdiv.pool import Pool
from instructdiv.results import Facts
from instructdiv.training import LossMonitor

Rows = NDArray[np.int64]

_TEXT = 64


class ArrangementPlan(Facts):
    """What is run: which tasks, arms and model, and with how many seeds."""

    seeds: int = Field(default=3, ge=1)
    """Seeds, from 0: of the records, the weights, and all that is shuffled."""

    every_arm: bool = False
    """Also the arms that say little more than others do."""

    share: float = Field(default=0.3, gt=0, le=1)
    """Budget of the first setting, as a share of the pool."""

    records_per_task: int = Field(default=82, ge=1)
    """Most records of each task of the pool."""

    targets_per_task: int = Field(default=16, ge=1)
    """Records of each held-out task."""

    held_out: tuple[str, ...] | None = None
    """Names of the held-out tasks; if not given, those of :data:`HELD_OUT`, or eight of the
    labelled tasks, drawn once for all seeds."""

    longest: int = Field(default=240, ge=10)
    """Most characters of a record with labelled tasks; longer ones are left out."""

    embedder: Embedder = Lexical()
    """What turns prompts into vectors."""

    width: int = Field(default=64, ge=4, multiple_of=4)
    """Components of the state of a token."""

    layers: int = Field(default=2, ge=1)
    """Layers of the model; each has 4 heads."""

    pre_training_steps: int = Field(default=150, ge=0)
    """Steps on inputs alone, without instructions, before any arm is trained."""

    learning_rate: float = Field(default=3e-3, gt=0)
    """Highest learning rate."""

    batch: int = Field(default=16, ge=1)
    """Records of a step."""

    measured_every: tuple[int, int] = (5, 15)
    """Steps between two measurements of the loss, for the budget and for the full pass."""

    threshold: float | None = None
    """Loss that steps are counted to; that at which random ends if not given."""


@dataclass(frozen=True)
class Arm:
    """One way to train: which records, in which order."""

    name: str
    """Its name."""

    selector: selectors.Selector | None
    """What chooses the records; none where all of the pool are trained on."""

    arranger: arrangers.Arranger | None
    """What orders them; none for the order they were chosen in, best first."""

    quick: bool = True
    """Whether it belongs to a quick study."""

    def rows(self, pool: Pool, target: Pool, n_records: int, seed: int) -> Rows:
        """Rows of a pool in training order, (n_records,) int64."""
        if self.selector is None:
            # Else what ties would keep the order of the file.
            rows = np.random.default_rng(seed).permutation(len(pool))
        else:
            aim = target if self.selector.covers_target else None
            rows = self.selector.seeded(seed).select(pool, n_records, target=aim).indices
        if self.arranger is None:
            return rows
        return self.arranger.seeded(seed).arrange(pool, rows, target).indices

    def to_mapping(self) -> dict[str, Any]:
        """What it is made of, as plain JSON values."""
        parts = {"selector": self.selector, "arranger": self.arranger}
        return {name: part and part.to_mapping() for name, part in parts.items()}


def _budget_arms() -> tuple[Arm, ...]:
    """Arms that train on a part of the pool."""
    usual, shuffled = selectors.Random(), arrangers.Shuffled()
    near, far = selectors.TestCentric(), selectors.TestCentric(direction="far")
    nearest, weighted = selectors.NearestToAny(), selectors.WeightedSimilarity()
    far_first = arrangers.TestCentric(direction="far")
    return (
        Arm(RANDOM, usual, shuffled),
        Arm("round_robin", usual, arrangers.RoundRobin()),
        Arm("clustered", usual, arrangers.Clustered()),
        Arm("test_centric", near, arrangers.TestCentric()),
        Arm("test_centric_shuffled", near, shuffled),
        Arm("nearest_to_any", nearest, None),
        Arm("nearest_to_any_shuffled", nearest, shuffled, quick=False),
        Arm("weighted_similarity", weighted, None),
        Arm("weighted_similarity_shuffled", weighted, shuffled),
        Arm("farthest", far, far_first),
        Arm("farthest_shuffled", far, shuffled, quick=False),
    )


def _pass_arms() -> tuple[Arm, ...]:
    """Arms that train on the whole pool, in different orders.

    Near then far is the test-centric order to its end, and far then near the same turned
    around. The paper's orders take half of the pool from either end, target by target.
    """
    near_first, near_last = arrangers.TestCentric(), arrangers.FarThenNear(start_share=0)
    return (
        Arm(RANDOM, None, arrangers.Shuffled()),
        Arm("round_robin", None, arrangers.RoundRobin()),
        Arm("clustered", None, arrangers.Clustered()),
        Arm("near_then_far", None, near_first),
        Arm("far_then_near", None, near_last),
        Arm("near_half_then_far", None, arrangers.NearThenFar(), quick=False),
        Arm("far_half_then_near", None, arrangers.FarThenNear(), quick=False),
        Arm("near_with_replay", None, arrangers.Replay(share=0.3, replayed="last"), quick=False),
        Arm("weighted_similarity", None, arrangers.WeightedSimilarity(), quick=False),
        Arm("farthest", None, arrangers.TestCentric(direction="far"), quick=False),
    )


@dataclass(frozen=True)
class Setting:
    """How much is trained on, and with which learning rate."""

    name: Literal["budget", "full_pass"]
    """Its name."""

    says: str
    """What it is, in words."""

    share: float
    """Share of the pool that is trained on."""

    training: Training
    """Batches and learning rates."""

    every: int
    """Steps between two measurements."""

    arms: tuple[Arm, ...]
    """The ways to train."""


def settings_of(plan: ArrangementPlan) -> tuple[Setting, Setting]:
    """The two settings of a plan: a budget, and a full pass over the pool.

    Under a budget the learning rate falls as a cosine, as is usual; on the full pass it is
    constant, so that what comes late counts as much as what comes early.
    """
    rates = {"learning_rate": plan.learning_rate, "batch": plan.batch}
    every, every_of_pass = plan.measured_every

    def wanted(arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
        return tuple(arm for arm in arms if arm.quick or plan.every_arm)

    return (
        Setting(
            "budget",
            f"A budget of {plan.share:.0%} of the pool",
            plan.share,
            Training(**rates, schedule="cosine"),
            every,
            wanted(_budget_arms()),
        ),
        Setting(
            "full_pass",
            "A full pass over the pool",
            1.0,
            Training(**rates, schedule="constant"),
            every_of_pass,
            wanted(_pass_arms()),
        ),
    )


@dataclass(frozen=True, eq=False)
class Prepared:
    """What all arms of one seed start from."""

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
    """How large the model is."""

    weights: Weights
    """Its weights after the pre-training."""

    orders: dict[tuple[str, str], Rows]
    """For each setting and arm, the rows of the pool in training order."""


@dataclass(frozen=True, eq=False)
class Preparing:
    """A seed that is to be prepared."""

    plan: ArrangementPlan
    """What is run."""

    tasks: Tasks
    """The records."""

    seed: int
    """The seed."""

    wanted: tuple[tuple[str, str], ...]
    """Settings and arms that are to be run."""


def prepare(job: Preparing) -> Prepared:
    """Embed the records of a seed, order them for each arm, and train the model they start from.

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
    """A model that has seen what inputs are made of, but no instruction and no response."""
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
    """An arm that is to be trained."""

    plan: ArrangementPlan
    """What is run."""

    setting: str
    """Under which setting."""

    arm: str
    """Which arm."""

    prepared: Prepared
    """What it starts from."""


def train(job: ToTrain) -> Run:
    """Train one arm, and measure the loss on the held-out tasks on the way."""
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

    It runs the experiment of He et al. [1]_ at a scale that fits a laptop. Under a budget the
    ways differ in which records they take, and a few in the order alone; on a full pass over
    the pool in the order alone. Every arm of a seed starts from the same weights.

    Parameters
    ----------
    plan
        What is run.
    tasks
        Labelled tasks in the layout of Super-NaturalInstructions, in whatever
        :func:`instructdiv.load` reads; generated ones if not given.
    output
        Folder for ``results.json``, ``results.md`` and ``curves.html``. Each run is kept there
        as soon as it is done, in ``runs.json``: started anew, an interrupted study goes on, and
        one with more seeds or arms takes what is there.
    overwrite
        Begin anew where the folder holds runs of another study.
    workers
        Processes that train, each with one thread; as many as there are processors if not
        given. Results do not depend on it.
    progress
        Called with a stage, how much of it is done, and how much there is.

    Raises
    ------
    InputError
        The tasks cannot be read, or too few are left.
    ParameterError
        No task has the name of one that is to be held out, or there is no worker.
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
    kept = Kept.opened(output, Run, _made_of(plan, digest), overwrite)
    drawn = {seed: _tasks(plan, seed, source) for seed in range(plan.seeds)}
    arms = [(s.name, arm.name) for s in settings_of(plan) for arm in s.arms]
    wanted = {seed: tuple(arm for arm in arms if (*arm, seed) not in kept.runs) for seed in drawn}
    preparing = [Preparing(plan, drawn[seed], seed, some) for seed, some in wanted.items() if some]
    ready = followed(prepare, preparing, workers, progress, "prepare")
    prepared: list[Prepared] = sorted(ready, key=lambda one: one.seed)
    training = [
        ToTrain(plan, setting, arm, one) for one in prepared for setting, arm in wanted[one.seed]
    ]
    for run in followed(train, training, workers, progress, "train"):
        kept.keep(run)
    study = _summed_up(plan, drawn, source is not None, kept)
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
    """All that a run depends on beside its setting, arm and seed."""
    content = plan.model_dump(mode="json", exclude={"seeds", "every_arm", "threshold"})
    settings = settings_of(plan.model_copy(update={"every_arm": True}))
    packages = ("instructdiv", "numpy", "scikit-learn", "torch", "transformers")
    return content | {
        "tasks": digest,
        "arms": {s.name: {arm.name: arm.to_mapping() for arm in s.arms} for s in settings},
        "versions": versions(packages),
    }


def _summed_up(
    plan: ArrangementPlan, drawn: dict[int, Tasks], labelled: bool, kept: Kept[Run]
) -> Study:
    results = [
        SettingResult.of(
            setting.name,
            setting.says,
            [arm.name for arm in setting.arms],
            [run for run in kept.runs.values() if run.seed < plan.seeds],
            plan.threshold,
        )
        for setting in settings_of(plan)
    ]
    first = drawn[0]
    seconds = sum(run.seconds for result in results for run in result.runs)
    n_runs = sum(len(result.runs) for result in results)
    model = Shape(width=plan.width, layers=plan.layers)
    return Study(
        headline=_headline(results, plan.seeds),
        made_from={
            "tasks": f"{'labelled' if labelled else 'generated'}; the pool has "
            f"{len(first.pool):,} records of {first.n_tasks} tasks, the target "
            f"{len(first.target):,} of {len(first.held_out)}",
            "held out": ", ".join(first.held_out),
            "embedder": plan.embedder.title,
            "model": f"GPT-2 of {model.layers} layers, {model.width} wide, on bytes, from scratch; "
            f"{plan.pre_training_steps} steps on inputs alone, then AdamW at "
            f"{plan.learning_rate:g}, {plan.batch} records a step",
            "seeds": str(plan.seeds),
            "versions": ", ".join(f"{k} {v}" for k, v in kept.made_of["versions"].items()),
            "processor": f"{platform.machine()}; {n_runs} runs in {seconds / 60:.1f} minutes "
            "of one core",
        },
        settings=results,
    )


def _headline(results: list[SettingResult], n_seeds: int) -> str:
    budget, whole = results
    told = [f"Mean over {n_seeds} seed{'s' * (n_seeds != 1)}."]
    shown = ("test_centric", "random", "weighted_similarity", "farthest")
    areas = sorted((budget.row(arm).area.mean, arm) for arm in shown)
    told.append(
        f"{budget.says}, area under the curve: "
        + ", ".join(f"{arm} {area:.2f}" for area, arm in areas)
        + "."
    )
    ends = sorted(
        (whole.row(arm).final.mean, arm) for arm in ("near_then_far", "random", "far_then_near")
    )
    told.append(
        f"{whole.says}, final loss: " + ", ".join(f"{arm} {loss:.2f}" for loss, arm in ends) + "."
    )
    near = whole.row("near_then_far")
    told.append(
        f"near_then_far was at {near.lowest.mean:.2f} on its way, and ended at "
        f"{near.final.mean:.2f}."
    )
    return " ".join(told)
