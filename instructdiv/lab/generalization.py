"""Generalization: from how many instructions on a small model follows those it never saw."""

import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from instructdiv.embedders import Progress
from instructdiv.errors import ParameterError
from instructdiv.experiments import emergence
from instructdiv.lab.rewriting import Rewrites
from instructdiv.lab.rewriting_plan import (
    Asked,
    Condition,
    RewritingPlan,
    StudyName,
    asked,
    check_device,
    datasets_of,
    rules_of,
)
from instructdiv.lab.run_store import Kept, followed, versions
from instructdiv.lab.study_report import Findings, Section, Spread, layout
from instructdiv.lab.transformer import Tokens, Transformer
from instructdiv.report.rendering.charts import Chart
from instructdiv.results import Cell, Facts, Number, Table

LEGEND = (
    "Accuracy is the share of texts that come out right, letter by letter, under greedy decoding; "
    "± is the standard deviation over seeds. Unseen: rules of which neither the string nor what "
    "replaces it was trained on. Seen: rules of the training with new texts. Has-op and no-op: "
    "unseen rules whose string is, or is not, in the text. The thresholds are those of a small "
    "model that rewrites strings: an order of magnitude, and no rule for language models."
)
_UNSEEN, _SEEN, _NO_OP = "var(--c0)", "var(--c1)", "var(--c2)"


class RewritingRun(Facts):
    """One training: how often the model is right."""

    condition: Condition
    """What it was trained on."""

    seed: int
    """With which seed."""

    seen: float
    """Accuracy on rules that it was trained on, with new texts."""

    unseen: float
    """Accuracy on rules that it was not trained on."""

    unseen_has_op: float | None
    """The same where there is something to replace; none if there is no such record."""

    unseen_no_op: float | None
    """The same where there is nothing to replace; none if there is no such record."""

    seconds: float
    """Processor time it took, measuring included."""

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from other runs."""
        return self.condition.model_dump_json(), self.seed


class Point(Facts):
    """One point of the curve over numbers of instructions."""

    instructions: int
    """Rules that were trained on."""

    examples_per_instruction: int
    """Records of each, rounded down."""

    seed: int
    """With which seed."""

    seen: float
    """Accuracy on these rules, with new texts."""

    unseen: float
    """Accuracy on other rules."""


class ConditionRow(Facts):
    """One condition, over seeds."""

    condition: str
    """What tells it apart."""

    instructions: int
    """Rules that were trained on."""

    records: int
    """Records of them."""

    seen: Spread
    """Accuracy on these rules, with new texts."""

    unseen: Spread
    """Accuracy on other rules."""

    unseen_has_op: Spread | None = None
    """The same where there is something to replace, if there are records where there is not."""

    unseen_no_op: Spread | None = None
    """The same where there is nothing to replace, if there are such records."""

    @classmethod
    def of(cls, condition: str, runs: list[RewritingRun]) -> "ConditionRow":
        """Sum up the runs of a condition, of which there is one at least."""
        first = runs[0].condition
        no_ops = [run.unseen_no_op for run in runs if run.unseen_no_op is not None]
        has_ops = [run.unseen_has_op for run in runs if run.unseen_has_op is not None]
        return cls(
            condition=condition,
            instructions=first.instructions,
            records=first.records,
            seen=Spread.of([run.seen for run in runs]),
            unseen=Spread.of([run.unseen for run in runs]),
            unseen_has_op=Spread.of(has_ops) if no_ops and has_ops else None,
            unseen_no_op=Spread.of(no_ops) if no_ops else None,
        )


class ConditionRows(Facts):
    """One study: conditions side by side."""

    study: StudyName
    """Its name."""

    says: str
    """What it is, in words."""

    seeds: int
    """Most seeds of a condition."""

    rows: list[ConditionRow]
    """The conditions."""

    def row(self, condition: str) -> ConditionRow:
        """The row of a condition.

        Raises
        ------
        KeyError
            There is none.
        """
        for row in self.rows:
            if row.condition == condition:
                return row
        raise KeyError(condition)

    @property
    def sentence(self) -> str:
        """The accuracies on unseen rules, in words."""
        told = (
            f"{row.condition}: {row.unseen_has_op or row.unseen}"
            + (f" (where nothing is to be done, {row.unseen_no_op})" if row.unseen_no_op else "")
            for row in self.rows
        )
        return f"{self.says}, accuracy on unseen ones. {'; '.join(told)}."

    def section(self) -> Section:
        """Its table and its chart."""
        no_ops = any(row.unseen_no_op for row in self.rows)
        columns = ["condition", "instructions", "records", "seen", "unseen"]
        cells = [_cells(row, no_ops) for row in self.rows]
        table = Table([*columns, *(["has-op", "no-op"] if no_ops else [])], cells)
        return Section(self.says, table, self._chart(no_ops))

    def _chart(self, no_ops: bool) -> Chart:
        places = list(range(len(self.rows)))
        bars = [_bars("unseen", _UNSEEN, [row.unseen_has_op or row.unseen for row in self.rows])]
        if no_ops:
            bars[0]["name"] = "unseen, has-op"
            bars.append(_bars("unseen, no-op", _NO_OP, [row.unseen_no_op for row in self.rows]))
        seen = [row.seen.mean for row in self.rows]
        dots = {"type": "scatter", "mode": "markers", "name": "seen", "x": seen, "y": places,
                "marker": {"color": _SEEN, "size": 9, "symbol": "diamond"},
                "hovertemplate": "%{x:.2f}"}  # fmt: skip
        axes = layout(
            {"title": {"text": "accuracy"}, "range": [0, 1.02]},
            {
                "tickvals": places,
                "ticktext": [row.condition for row in self.rows],
                "range": [len(places) - 0.5, -0.5],
                "automargin": True,
                "showgrid": False,
            },
            barmode="group",
            margin={"l": 16, "r": 16, "t": 28, "b": 48},
        )
        figure = {"data": [*bars, dots], "layout": axes}
        low, high = (pick(self.rows, key=lambda row: row.unseen.mean) for pick in (min, max))
        says = (
            f"Accuracy on unseen rules is lowest with {low.condition}, {low.unseen}, and highest "
            f"with {high.condition}, {high.unseen}."
        )
        return Chart(self.study, says, figure, 130 + 34 * len(places))


class RewritingStudy(Findings):
    """Accuracy of small models on rules that they never saw, and on what it depends."""

    title: ClassVar[str] = "Instructions that a model never saw"
    legend: ClassVar[str] = LEGEND

    points: list[Point]
    """The runs of the emergence, from few instructions to many; empty if it was not asked for."""

    threshold: float | None
    """Instructions at which half of the plateau is reached; none if nothing emerged."""

    interval: tuple[float, float] | None
    """90 % interval of it, from seeds; none where there are no different seeds."""

    comparisons: list[ConditionRows]
    """The other studies."""

    def comparison(self, study: str) -> ConditionRows:
        """One of the other studies.

        Raises
        ------
        KeyError
            It was not asked for.
        """
        for found in self.comparisons:
            if found.study == study:
                return found
        raise KeyError(study)

    def unseen(self, instructions: int) -> float:
        """Mean accuracy on unseen rules at a number of instructions.

        Raises
        ------
        KeyError
            There is no such point.
        """
        return self._mean("unseen", instructions)

    def seen(self, instructions: int) -> float:
        """Mean accuracy on seen rules at a number of instructions.

        Raises
        ------
        KeyError
            There is no such point.
        """
        return self._mean("seen", instructions)

    def _mean(self, name: str, instructions: int) -> float:
        found = [getattr(p, name) for p in self.points if p.instructions == instructions]
        if not found:
            raise KeyError(instructions)
        return float(np.mean(found))

    def sections(self) -> list[Section]:
        first = [_emergence_section(self)] if self.points else []
        return [*first, *(one.section() for one in self.comparisons)]


def _emergence_section(study: RewritingStudy) -> Section:
    sizes = sorted({point.instructions for point in study.points})
    at = [[p for p in study.points if p.instructions == size] for size in sizes]
    seen, unseen = (
        [Spread.of([getattr(point, name) for point in points]) for points in at]
        for name in ("seen", "unseen")
    )
    table = Table(
        ["instructions", "examples of each", "seeds", "seen", "unseen", "unseen, seed by seed"],
        [
            [
                Number(f"{size:,}", size),
                Number(f"{points[0].examples_per_instruction:,}",
                       points[0].examples_per_instruction),
                Number(str(len(points)), len(points)),
                _accuracy(known),
                _accuracy(new),
                Number(", ".join(f"{point.unseen:.3f}" for point in points), new.mean),
            ]
            for size, points, known, new in zip(sizes, at, seen, unseen, strict=True)
        ],
    )  # fmt: skip
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": sizes,
            "y": [round(one.mean, 4) for one in spreads],
            "line": {"color": color, "width": 2.5},
            "hovertemplate": "%{y:.3f}",
        }
        for name, color, spreads in (("unseen", _UNSEEN, unseen), ("seen", _SEEN, seen))
    ]
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "each seed",
            "x": [point.instructions for point in study.points],
            "y": [round(point.unseen, 4) for point in study.points],
            "marker": {"color": _UNSEEN, "size": 7},
            "hoverinfo": "skip",
        }
    )
    if study.threshold is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"half of the plateau, {study.threshold:,.0f}",
                "x": [study.threshold] * 2,
                "y": [0, 1],
                "line": {"color": "var(--muted)", "width": 1, "dash": "dot"},
                "hoverinfo": "skip",
            }
        )
    axes = layout(
        {
            "title": {"text": "instructions"},
            "type": "log",
            "tickvals": sizes,
            "ticktext": [f"{size:,}" for size in sizes],
        },
        {"title": {"text": "accuracy"}, "range": [-0.02, 1.02]},
        hovermode="x",
    )
    says = (
        f"Accuracy on unseen rules with {sizes[0]:,} instructions {unseen[0]}, with "
        f"{sizes[-1]:,} {unseen[-1]}. On seen rules it is at least "
        f"{min(one.mean for one in seen):.2f}."
    )
    title = "The same number of records, more and more instructions"
    return Section(title, table, Chart("emergence", says, {"data": traces, "layout": axes}, 400))


def _accuracy(value: Spread | None) -> Number:
    if value is None:
        return Number("-", -1.0)
    sd = "" if value.sd is None else f" ± {value.sd:.3f}"
    return Number(f"{value.mean:.3f}{sd}", value.mean)


def _cells(row: ConditionRow, no_ops: bool) -> list[Cell]:
    split = (row.unseen_has_op or row.unseen, row.unseen_no_op) if no_ops else ()
    return [
        row.condition,
        Number(f"{row.instructions:,}", row.instructions),
        Number(f"{row.records:,}", row.records),
        _accuracy(row.seen),
        _accuracy(row.unseen),
        *map(_accuracy, split),
    ]


def _bars(name: str, color: str, values: list[Spread | None] | list[Spread]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(range(len(values))),
        "x": [value and round(value.mean, 4) for value in values],
        "error_x": {
            "type": "data",
            "array": [round((value and value.sd) or 0, 4) for value in values],
            "color": "var(--muted)",
            "thickness": 1,
        },
        "marker": {"color": color},
        "hovertemplate": "%{x:.2f}",
    }


@dataclass(frozen=True)
class ToRewrite:
    """A model that is to be trained."""

    plan: RewritingPlan
    """What is run."""

    condition: Condition
    """What it is trained on."""

    seed: int
    """With which seed."""


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
    """The string, what replaces it and the text; then what becomes of it.

    All of them have lengths that are known, so nothing need stand between or behind them.
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

    It runs the experiments of Zhang et al. [1]_ at a scale that fits a laptop. A record gives a
    rule and a text; the model is to give the text with the rule applied. One rule is one
    instruction. Which of them a model has seen decides little, and how many of them much.

    Parameters
    ----------
    plan
        What is run; the quick study if not given.
    output
        Folder for ``results.json``, ``results.md`` and ``curves.html``. Each run is kept there
        as soon as it is done, in ``runs.json``: started anew, an interrupted study goes on, and
        one with more seeds, studies or conditions takes what is there.
    overwrite
        Begin anew where the folder holds runs of another study.
    workers
        Processes that train, each with one thread; as many as there are processors if not
        given, on a graphics card one. Results do not depend on it.
    progress
        Called as ``progress("train", done, total)``.

    Raises
    ------
    ParameterError
        There are less than 1 worker, a graphics card is asked for and torch sees none, or
        there are not so many different rules.
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
    studies = asked(plan)
    if not studies:
        raise ParameterError("no study is asked for; name one at least")
    kept = Kept.opened(output, RewritingRun, _made_of(plan), overwrite)
    jobs = {
        (condition.model_dump_json(), seed): ToRewrite(plan, condition, seed)
        for study in studies
        for condition, n_seeds in study.seeds.items()
        for seed in range(n_seeds)
    }
    left = [job for key, job in jobs.items() if key not in kept.runs]
    for condition in dict.fromkeys(job.condition for job in left):
        rules_of(plan, condition, 0)  # before the work, not in the middle of it
    # The longest first: so no process is left alone with one in the end.
    left.sort(key=lambda job: -job.condition.steps * job.condition.length)
    if plan.device == "cuda":
        workers = workers or 1
    for run in followed(train, left, workers, progress, "train"):
        kept.keep(run)
    study = _summed_up(plan, studies, [kept.runs[key] for key in jobs], kept.made_of)
    study.save_all(output)
    return study


def run_emergence(plan: RewritingPlan | None = None, **more: Any) -> RewritingStudy:
    """Spread the same number of records over more and more rules, to see where it generalizes.

    Takes what :func:`rewriting_study` takes, and raises what it raises; the plan is
    :meth:`RewritingPlan.full` if not given, and its studies do not count.
    """
    return _one(plan, "emergence", more)


def run_more_of_the_same(plan: RewritingPlan | None = None, **more: Any) -> RewritingStudy:
    """Give few rules three times the records, against more rules.

    Takes what :func:`rewriting_study` takes, and raises what it raises; the plan is
    :meth:`RewritingPlan.full` if not given, and its studies do not count.
    """
    return _one(plan, "more_of_the_same", more)


def run_restricted_domains(plan: RewritingPlan | None = None, **more: Any) -> RewritingStudy:
    """Take many rules from a part of all strings, and try the rest.

    Takes what :func:`rewriting_study` takes, and raises what it raises; the plan is
    :meth:`RewritingPlan.full` if not given, and its studies do not count.
    """
    return _one(plan, "restricted_domains", more)


def run_long_tail(plan: RewritingPlan | None = None, **more: Any) -> RewritingStudy:
    """Let most records fall to a few rules.

    Takes what :func:`rewriting_study` takes, and raises what it raises; the plan is
    :meth:`RewritingPlan.full` if not given, and its studies do not count.
    """
    return _one(plan, "long_tail", more)


def run_noop(plan: RewritingPlan | None = None, **more: Any) -> RewritingStudy:
    """Add records in which nothing is to be replaced; accuracy on them stands apart.

    Takes what :func:`rewriting_study` takes, and raises what it raises; the plan is
    :meth:`RewritingPlan.full` if not given, and its studies do not count.
    """
    return _one(plan, "no_op", more)


def _one(plan: RewritingPlan | None, study: StudyName, more: dict[str, Any]) -> RewritingStudy:
    plan = plan or RewritingPlan.full()
    return rewriting_study(plan.model_copy(update={"studies": (study,)}), **more)


def _made_of(plan: RewritingPlan) -> dict[str, Any]:
    """All that a run depends on beside its condition and seed."""
    names = ("letters", "test_rules", "test_records", "width", "layers", "spread", "device")
    return plan.model_dump(mode="json", include=set(names)) | {
        "study": "rewriting",
        "training": plan.training.model_dump(mode="json"),
        "versions": versions(("instructdiv", "numpy", "torch", "transformers")),
    }


def _summed_up(
    plan: RewritingPlan,
    studies: list[Asked],
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
            points = list(_points(run for of in own.values() for run in of))
            found = emergence([point.model_dump() for point in points])
            told.append(f"Unseen rules: {str(found).rstrip('.')}.")
            continue
        rows = [ConditionRow.of(label, of) for label, of in own.items()]
        most = max(len(of) for of in own.values())
        comparisons.append(ConditionRows(study=study.name, says=study.says, seeds=most, rows=rows))
        if study.name == "more_of_the_same" or len(studies) == 1:
            told.append(comparisons[-1].sentence)
    usual = plan.condition(plan.instructions[0])
    seconds = sum(run.seconds for run in runs)
    n_parameters = Transformer(plan.shape(usual)).n_parameters
    return RewritingStudy(
        headline=" ".join(told or [comparisons[0].sentence]),
        made_from={
            "rules": f"strings of {plan.pattern} of {plan.letters} letters, by strings as long, "
            f"in texts of {plan.length}; {plan.records:,} records unless another number is given",
            "test": f"{plan.test_records:,} records of {plan.test_rules:,} rules, none of whose "
            "strings was trained on",
            "model": f"GPT-2 of {plan.layers} layers, {plan.width} wide, {n_parameters:,} "
            f"parameters, on letters, from scratch; {plan.steps:,} steps of AdamW at "
            f"{plan.learning_rate:g}, falling in a straight line, {plan.batch} records a step",
            "seeds": str(max(run.seed for run in runs) + 1),
            "versions": ", ".join(f"{k} {v}" for k, v in made_of["versions"].items()),
            "processor": f"{platform.machine()}, {plan.device}; {len(runs)} runs in "
            f"{seconds / 60:.1f} minutes of one core",
        },
        points=points,
        threshold=found and found.threshold,
        interval=found and found.interval,
        comparisons=comparisons,
    )


def _points(runs: Iterable[RewritingRun]) -> Iterable[Point]:
    for run in runs:
        yield Point(
            instructions=run.condition.instructions,
            examples_per_instruction=run.condition.examples_per_instruction,
            seed=run.seed,
            seen=run.seen,
            unseen=run.unseen,
        )
