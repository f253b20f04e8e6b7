"""On real tasks: does what `rebalance` chooses teach more of unseen tasks than a random draw?

    python examples/real_tasks.py [DATA] [SEEDS] [WORKERS]

Without DATA it takes seconds: generated tasks, and a model too small and too little trained to
say anything; it shows the calls. DATA is a file in the layout of Super-NaturalInstructions
(columns task, definition, input and output), or a folder with files superni*.jsonl*; then it is
the study of docs/explanation/evidence.md, with eight SEEDS and one process unless told otherwise.

For each seed some tasks are held out. The others make two pools: an even one, with all their
records, and a skewed one, in which most tasks have but a few. From each pool every arm takes the
same number of records in its own way:

- random: a uniform draw, what the others are measured against;
- few_tasks: few tasks drawn at random, many records of each;
- many_tasks: every task, as many records of each as of any other;
- rebalance: what instructdiv chooses, which does not know the tasks.

A small model, with the same weights at the start for all arms, is trained on them and asked for
the responses of the held-out tasks.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
from scipy import stats

import instructdiv as idv
from instructdiv.lab import (
    Shape,
    Tasks,
    Tokens,
    Training,
    Transformer,
    generated_tasks,
    labelled_tasks,
)
from instructdiv.lab.jobs import done
from instructdiv.lab.transformer import one_torch_thread
from instructdiv.training import LossMonitor

Records = list[dict[str, str]]
ARMS = ("random", "few_tasks", "many_tasks", "rebalance")


@dataclass(frozen=True)
class Plan:
    """How large it is. As it stands it is the study."""

    embedder: str = "sentence_transformer"  # all-MiniLM-L6-v2, the default
    budget: int = 480  # records of every arm
    passes: int = 2  # how often each is seen
    held_out: int = 10  # tasks
    targets: int = 16  # records of each
    few: int = 4  # tasks of few_tasks
    large: int = 6  # tasks of the skewed pool that keep all their records
    small: int = 15  # records of the others
    pre_training: int = 150  # steps on inputs alone, before all arms
    width: int = 64
    layers: int = 2


GLIMPSE = Plan("lexical", budget=24, passes=1, small=2, pre_training=2, width=8, layers=1)


@dataclass(frozen=True, eq=False)
class Job:
    """One arm to train, on what it chose of one pool, with one seed."""

    plan: Plan
    seed: int
    pool: str
    arm: str
    records: Records
    target: Records
    model: Transformer  # what every arm of the seed starts from


@dataclass(frozen=True)
class Result:
    """What came of it. Losses are means over the held-out tasks, in nats a byte."""

    tasks: int
    as_if_even: float  # equally large tasks that would be as varied: exp of the entropy
    kilobytes: float  # trained on, each record as often as it was seen
    of_responses: float  # those that are learned
    start: float  # loss before
    on_the_way: float  # mean of the losses after each quarter
    final: float  # loss after
    exact: float  # responses that are right to the last byte, in percent


def split(read: Callable[..., Tasks], plan: Plan, seed: int) -> Tasks:
    """The records of a seed, with tasks held out that the seed has drawn."""
    every = read()
    names = sorted({record["task"] for record in (*every.pool, *every.target)})
    drawn = np.random.default_rng(seed).choice(names, plan.held_out, replace=False)
    return read(seed, held_out=drawn.tolist())


def large_tasks(pool: list[Records], plan: Plan, n_tasks: int, seed: int) -> list[int]:
    """So many of the tasks that have enough records for few_tasks, drawn at random."""
    enough = [i for i, own in enumerate(pool) if len(own) >= plan.budget // plan.few]
    drawn: list[int] = np.random.default_rng(seed).choice(enough, n_tasks, replace=False).tolist()
    return drawn


def pools_of(tasks: Tasks, plan: Plan, seed: int) -> dict[str, list[Records]]:
    """Two pools, task by task: all records of each, and of most tasks but a few."""
    even = [list(own) for _, own in groupby(tasks.pool, key=lambda record: record["task"])]
    large = large_tasks(even, plan, plan.large, seed)
    skewed = [own if i in large else own[: plan.small] for i, own in enumerate(even)]
    return {"even": even, "skewed": skewed}


def choose(arm: str, pool: list[Records], plan: Plan, seed: int) -> Records:
    """What an arm trains on."""
    if arm == "few_tasks":
        pool = [pool[i] for i in large_tasks(pool, plan, plan.few, seed + 1)]
    evenly = idv.GroupBalanced(within=idv.Random())
    selector = {"random": idv.Random(), "rebalance": None}.get(arm, evenly)
    records = [record for own in pool for record in own]
    chosen: Records = idv.rebalance(
        records, plan.budget, selector=selector, embedder=plan.embedder, group="task", seed=seed
    )
    return chosen


def prompt(record: dict[str, str]) -> str:
    return f"{record['instruction']}\n{record['input']}"


def tokens_of(records: Sequence[dict[str, str]], length: int) -> Tokens:
    return Tokens.of_texts(list(map(prompt, records)), [r["output"] for r in records], length)


def pre_trained(tasks: Tasks, plan: Plan, seed: int) -> Transformer:
    """A model that has seen what inputs are made of, but no instruction and no response."""
    every = (*tasks.pool, *tasks.target)
    length = max(len(f"{prompt(record)}\n{record['output']}".encode()) + 1 for record in every)
    shape = Shape(length=length, width=plan.width, layers=plan.layers, activation="gelu")
    inputs = Tokens.of_plain_texts([r["input"] or r["instruction"] for r in tasks.pool], length)
    model = Transformer(shape, seed)
    n_seen = plan.pre_training * Training().batch
    with one_torch_thread():  # which `done` sees to in what follows
        model.train(inputs, np.random.default_rng(seed).integers(len(inputs), size=n_seen))
    return model


def jobs_of(read: Callable[..., Tasks], plan: Plan, seeds: int) -> Iterator[Job]:
    """All that is to be trained, with the records of each arm."""
    for seed in range(seeds):
        tasks = split(read, plan, seed)
        model = pre_trained(tasks, plan, seed)
        for name, pool in pools_of(tasks, plan, seed).items():
            for arm in ARMS:
                records = choose(arm, pool, plan, seed)
                yield Job(plan, seed, name, arm, records, list(tasks.target), model)


def train(job: Job) -> Result:
    """Train a copy of the model on an arm's records, shuffled, and ask it the held-out tasks."""
    model = job.model.with_weights(job.model.weights)
    tokens, target = (tokens_of(some, model.shape.length) for some in (job.records, job.target))
    random = np.random.default_rng(job.seed)
    order = np.concatenate([random.permutation(len(tokens)) for _ in range(job.plan.passes)])
    monitor = LossMonitor(groups=[record["task"] for record in job.target])
    training = Training(schedule="cosine")

    def measure(step: int) -> None:
        monitor.record(step, model.losses(target))

    model.train(tokens, order, training, measure, every=training.n_steps(len(order)) // 4 or 1)
    losses = [point.macro for point in monitor.curve]
    counts = list(Counter(record["task"] for record in job.records).values())
    seen = job.plan.passes / 1000
    return Result(
        tasks=len(counts),
        as_if_even=float(np.exp(stats.entropy(counts))),
        kilobytes=float(tokens.ends.sum()) * seen,
        of_responses=float((tokens.ends - tokens.starts).sum()) * seen,
        start=losses[0],
        on_the_way=float(np.mean(losses[1:])),
        final=losses[-1],
        exact=100 * float(model.exact_matches(target).mean()),
    )


def against(usual: Sequence[float], own: Sequence[float]) -> str:
    """Mean of the differences seed by seed, with its 95 % interval by Student's t."""
    differences = np.subtract(own, usual)
    if len(differences) < 2:
        return f"{differences.mean():+.3f}"
    low, high = stats.ttest_rel(own, usual).confidence_interval(0.95)
    lower = f"lower with {np.sum(differences < 0)} of {len(differences)} seeds"
    return f"{differences.mean():+.3f} [{low:+.3f}, {high:+.3f}], {lower}"


def report(found: dict[tuple[str, str], list[Result]]) -> None:
    """What each arm came to, a mean over the seeds, and how its losses differ from random's."""
    for (pool, arm), results in found.items():
        values = {f.name: [getattr(result, f.name) for result in results] for f in fields(Result)}
        means = (f"{name} {np.mean(of):.4g}" for name, of in values.items())
        print(f"\n{pool} {arm}: {', '.join(means)}")
        for name in ("on_the_way", "final") if arm != "random" else ():
            usual = [getattr(result, name) for result in found[pool, "random"]]
            print(f"  {name} against random: {against(usual, values[name])}")


def main(data: str | None, seeds: int, workers: int) -> None:
    if data is None:
        plan, read = GLIMPSE, partial(generated_tasks, records_per_task=6, targets_per_task=2)
    else:
        path = Path(data)
        files = sorted(path.glob("superni*.jsonl*")) if path.is_dir() else [path]
        if not files or not files[0].exists():
            print(f"skipped: no labelled tasks are at {path}")
            return
        plan, rows = Plan(), idv.load([str(file) for file in files])
        sizes = {"records_per_task": 200, "targets_per_task": plan.targets, "longest": 200}
        read = partial(labelled_tasks, rows, **sizes)
    jobs = list(jobs_of(read, plan, seeds))
    found: dict[tuple[str, str], dict[int, Result]] = {(j.pool, j.arm): {} for j in jobs}
    for job, result in done(train, jobs, workers):
        print(f"seed {job.seed} {job.pool} {job.arm}: {result}", flush=True)
        found[job.pool, job.arm][job.seed] = result
    report({arm: [of[seed] for seed in sorted(of)] for arm, of in found.items()})


# The processes that train import this file: what is run must stand behind this line.
if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    main(given.get(0), int(given.get(1, 8 if given else 1)), int(given.get(2, 1)))
