"""Generalization study: from how many instructions on a small model follows unseen ones."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instructdiv.embedders import Progress
from instructdiv.errors import ParameterError
from instructdiv.experiments import emergence
from instructdiv.lab.rewriting import Rewrites
from instructdiv.lab.rewriting_plan import Condition, RewritingPlan, check_device
from instructdiv.lab.rewriting_results import (
    Comparison,
    ConditionRow,
    Point,
    RewritingRun,
    RewritingStudy,
)
from instructdiv.lab.rewriting_studies import StudyConditions, datasets_of, rules_of, studies_of
from instructdiv.lab.run_store import RunStore, provenance, versions
from instructdiv.lab.transformer import Tokens, Transformer


@dataclass(frozen=True)
class ToRewrite:
    """A model to train."""

    plan: RewritingPlan
    """The plan of the study."""

    condition: Condition
    """Rules and records to train on."""

    seed: int
    """Seed of the run."""


def train(job: ToRewrite) -> RewritingRun:
    """Train a model on rules, and measure it on them and on others.

    Examples
    --------
    >>> plan = RewritingPlan(width=8, layers=1, records=40, steps=2, batch=8, test_records=10)
    >>> train(ToRewrite(plan, plan.condition(20), 0)).unseen
    0.0
    """
    began = time.process_time()
    plan, condition = job.plan, job.condition
    trained, seen, unseen = datasets_of(plan, condition, job.seed)
    model = Transformer(plan.shape(condition), job.seed, plan.device)
    order = _order(len(trained), condition.steps * plan.batch, job.seed)
    model.train(_tokens(trained, plan.alphabet), order, plan.training)
    of_seen, of_unseen = (
        model.exact_matches(_tokens(rows, plan.alphabet)) for rows in (seen, unseen)
    )
    return RewritingRun(
        condition=condition,
        seed=job.seed,
        seen=float(of_seen.mean()),
        unseen=float(of_unseen.mean()),
        unseen_has_op=_mean(of_unseen[unseen.has_op]),
        unseen_no_op=_mean(of_unseen[~unseen.has_op]),
        seconds=time.process_time() - began,
    )


def _mean(values: Any) -> float | None:
    return float(values.mean()) if len(values) else None


def _order(n_records: int, n_presented: int, seed: int) -> Any:
    """Rows in the order of training: one shuffled pass after another."""
    random = np.random.default_rng(seed)
    passes = [random.permutation(n_records) for _ in range(-(-n_presented // n_records))]
    return np.concatenate(passes)[:n_presented]


def _tokens(rewrites: Rewrites, alphabet: str) -> Tokens:
    """Prompts of the string, its replacement and the text; responses of the rewritten text.

    All lengths are known, so no separator is needed.
    """
    numbers = {letter: number for number, letter in enumerate(alphabet)}

    def encoded(text: str) -> list[int]:
        return [numbers[letter] for letter in text]

    rules = [encoded(rule.search + rule.replacement) for rule in rewrites.rules]
    prompts = [
        rules[rule] + encoded(text)
        for rule, text in zip(rewrites.rule.tolist(), rewrites.inputs, strict=True)
    ]
    responses = [encoded(text) for text in rewrites.outputs]
    longest = max(map(len, prompts)) + max(map(len, responses))
    return Tokens.of(prompts, responses, longest)


def rewriting_study(
    plan: RewritingPlan | None = None,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> RewritingStudy:
    """Train small models to rewrite strings by rules, and try them on rules they never saw.

    The experiments of Zhang et al. [1]_ at a scale that fits a laptop. A record gives a rule and
    a text; the model should give the text with the rule applied. One rule is one instruction.
    Which rules a model has seen matters little, and how many matters much.

    Parameters
    ----------
    plan
        Studies, sizes and seeds; the quick study if not given. One study alone is
        ``RewritingPlan.full(studies=("emergence",))``.
    output
        Folder for ``results.json``, ``results.md`` and ``curves.html``. Each finished run is
        stored there in ``runs.json``: an interrupted study continues, and a study with more
        seeds, studies or conditions reuses the runs.
    overwrite
        Start anew where the folder holds runs of another study.
    workers
        Number of processes that train, each with one thread; by default the number of
        processors, and 1 on a GPU. Results do not depend on it.
    progress
        Called as ``progress("train", done, total)``.

    Raises
    ------
    ParameterError
        `workers` is below 1, the plan needs a GPU and torch finds none, or there are too few
        different rules.
    OutputError
        The folder holds something else, or cannot be written to.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the Decisive Effect of Instruction
       Diversity on Generalization", 2024, arXiv:2410.04717.

    Examples
    --------
    >>> plan = RewritingPlan(
    ...     studies=("emergence",), instructions=(5, 10, 20), records=40, steps=2, batch=8,
    ...     width=8, layers=1, test_rules=5, test_records=10,
    ... )
    >>> study = rewriting_study(plan, workers=1)
    >>> [point.examples_per_instruction for point in study.points], study.threshold
    ([8, 4, 2], None)
    """
    plan = plan or RewritingPlan()
    progress = progress or (lambda _stage, _done, _total: None)
    if workers is not None and workers < 1:
        raise ParameterError(f"at least 1 worker is needed, got {workers}")
    check_device(plan)
    studies = studies_of(plan)
    if not studies:
        raise ParameterError("no study is asked for; name one at least")
    store = RunStore.opened(output, RewritingRun, _made_of(plan), overwrite)
    asked = {
        (condition, seed): None
        for study in studies
        for condition, n_seeds in study.seeds.items()
        for seed in range(n_seeds)
    }
    # The longest first, so that no process is left alone with one in the end.
    longest = sorted(asked, key=lambda one: -one[0].steps * one[0].length)
    jobs = {(c.model_dump_json(), seed): ToRewrite(plan, c, seed) for c, seed in longest}
    missing = (job.condition for key, job in jobs.items() if key not in store.runs)
    for condition in dict.fromkeys(missing):
        rules_of(plan, condition, 0)  # before the work, not in the middle of it
    workers = workers or (1 if plan.device == "cuda" else None)
    runs = store.complete(train, jobs, workers, progress)
    study = _summed_up(plan, studies, runs, store.made_of)
    study.save_all(output)
    return study


def _made_of(plan: RewritingPlan) -> dict[str, Any]:
    """Everything that a run depends on beside its condition and seed."""
    names = ("letters", "test_rules", "test_records", "width", "layers", "spread", "device")
    return plan.model_dump(mode="json", include=set(names)) | {
        "study": "rewriting",
        "training": plan.training.model_dump(mode="json"),
        "versions": versions("instructdiv", "numpy", "torch", "transformers"),
    }


def _summed_up(
    plan: RewritingPlan,
    studies: list[StudyConditions],
    runs: list[RewritingRun],
    made_of: dict[str, Any],
) -> RewritingStudy:
    by_condition: dict[Condition, list[RewritingRun]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        by_condition.setdefault(run.condition, []).append(run)
    points, told, found, comparisons = [], [], None, []
    for study in studies:
        own = {
            label: by_condition[condition][: study.seeds[condition]]
            for label, condition in study.conditions.items()
        }
        if study.name == "emergence":
            points = [Point.of(run) for of in own.values() for run in of]
            found = emergence([point.model_dump() for point in points])
            told.append(f"Unseen rules: {found.headline.rstrip('.')}.")
            continue
        rows = [ConditionRow.of(label, of) for label, of in own.items()]
        most = max(len(of) for of in own.values())
        comparisons.append(Comparison(study=study.name, title=study.title, seeds=most, rows=rows))
        if study.name == "more_of_the_same" or len(studies) == 1:
            told.append(comparisons[-1].sentence)
    shape = plan.shape(plan.condition(plan.instructions[0]))
    return RewritingStudy(
        headline=" ".join(told or [comparisons[0].sentence]),
        made_from={
            "rules": f"strings of {plan.pattern} of {plan.letters} letters, by strings as long, "
            f"in texts of {plan.length}; {plan.records:,} records unless another number is given",
            "test": f"{plan.test_records:,} records of {plan.test_rules:,} rules, none of whose "
            "strings was trained on",
            "model": f"GPT-2 of {plan.layers} layers, {plan.width} wide, "
            f"{Transformer(shape).n_parameters:,} parameters, on letters, from scratch; "
            f"{plan.steps:,} steps of AdamW at {plan.learning_rate:g} with linear decay, "
            f"{plan.batch} records a step",
        }
        | provenance(made_of, runs, plan.device),
        points=points,
        threshold=found and found.threshold,
        interval=found and found.interval,
        comparisons=comparisons,
    )
