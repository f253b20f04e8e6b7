"""Compare: several selectors at several budgets, each beside random draws."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.budget import Budget
from instructdiv.core.allowance import Allowance
from instructdiv.core.wording import counted, sentence
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.embedders import Progress
from instructdiv.errors import BudgetError, ParameterError, ShapeError
from instructdiv.metrics import (
    CoverageRadius,
    EffectiveClusters,
    MeanNearestSimilarity,
    Metric,
    RandomBaseline,
    Vendi,
)
from instructdiv.part import Part
from instructdiv.pool import Pool
from instructdiv.pool_input import as_target, read_together
from instructdiv.report.clusters_and_groups import spread
from instructdiv.report.comparison import (
    ComparedMetric,
    ComparedRow,
    Comparison,
    GainCurve,
    Overlap,
)
from instructdiv.report.leakage import leak_check
from instructdiv.report.trials import Spending, Trial, trials
from instructdiv.selection import Selection
from instructdiv.selectors import GroupBalanced, Random, Selector

P = TypeVar("P", bound=Part)

Rows = NDArray[np.int64]
Values = NDArray[np.float64]
Chooser = Selector | Mapping[str, Any] | str

_POINTS = 50
_NONE = np.empty(0, np.int64)


def compare(
    pool: Any,
    selectors: Chooser | Iterable[Chooser],
    budgets: Budget | int | Iterable[Budget | int],
    target: Any = None,
    *,
    labels: "str | ArrayLike | None" = None,
    metrics: Iterable[Metric | Mapping[str, Any] | str] | None = None,
    n_draws: int = 64,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> Comparison:
    """Run several selectors at several budgets and set each beside random draws.

    A selector that cannot run, for want of scores or groups, gives a row that says so.
    A nested one runs once for all budgets of records without floors and caps, and those
    that cover on one graph of neighbors share it.

    Parameters
    ----------
    pool
        Everything that may be chosen.
    selectors
        Selectors, names, or mappings of a name and parameters; "all": every one, but for those
        that need a target where there is none.
    budgets
        Budgets, or numbers of records to choose.
    target
        What should be covered, for the metrics and for the selectors that can; the pool
        itself if not given.
    labels
        What the choices should be spread over: a column of the records, or one label a row;
        the groups of the pool if not given. Selectors do not see them.
    metrics
        What is measured; if not given, mean nearest similarity, the radius that covers 95 %,
        the Vendi score and the effective number of clusters.
    n_draws
        Random draws at each budget; where labels are known, as many balanced ones.
    reading
        How data that are no pool yet are read and embedded.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords.

    Raises
    ------
    UnknownPart
        No selector or metric has the name.
    ParameterError
        There is no selector or no metric, or the same one twice.
    BudgetError
        There is no budget, or the same one twice; the pool holds less than one asks for.
    ShapeError
        There is not one label a row, or not one draw; the target cannot be compared.
    InputError
        The records have no such column.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(6), groups=["a", "a", "a", "a", "b", "b"])
    >>> comparison = compare(pool, ["k_center", "random"], [2, 4])
    >>> [(row.budget, row.selector, row.records) for row in comparison.rows][:2]
    [('2 records', 'k_center', 2), ('2 records', 'random', 2)]
    """
    reading = Reading.of(reading, **options)
    seed, progress = reading.seed, reading.progress or (lambda *_: None)
    pool, target = read_together(reading, pool, target=target)
    if isinstance(selectors, str) and selectors == "all":
        known = Selector.known().items()
        selectors = [name for name, one in known if target is not None or not one.needs_target]
    choosers = _distinct("selector", [Selector.model_validate(s) for s in _listed(selectors)])
    given = _default_metrics() if metrics is None else _listed(metrics)
    measures = list(_distinct("metric", [Metric.model_validate(m) for m in given]).values())
    choosers = {name: selector.seeded(seed) for name, selector in choosers.items()}
    spendings = _spendings(budgets, pool)
    kind, names = "group" if labels is None else "label", _labels(labels, pool)
    aim = None if target is None else as_target(target)
    if aim is not None:
        pool.check_comparable(aim)
    baseline = RandomBaseline(pool, aim, n_draws=n_draws, seed=seed)
    baseline.check(measures)
    runs, shared_seconds = trials(pool, choosers, spendings, progress, aim)
    judge = _Judge(baseline, measures, kind, names)
    draws = _Counter(progress, len(spendings) * n_draws * (1 if names is None else 2))
    rows = []
    for spending in spendings:
        bands = judge.bands(spending.allowance, draws)
        rows += [
            _row(name, selector, spending, runs[name, spending.name], judge, bands)
            for name, selector in choosers.items()
        ]
    largest = max(spendings, key=lambda spending: spending.share)
    return Comparison(
        headline=_headline(rows, spendings, baseline, aim)
        + ("" if aim is None else f" {sentence(leak_check(pool, aim).headline)}"),
        records=len(pool),
        measured_on=len(baseline.target),
        labels=judge.n_labels,
        n_draws=n_draws,
        shared_seconds=shared_seconds,
        rows=rows,
        overlap=[_overlap(spending, choosers, runs) for spending in spendings],
        curves=[
            _curve(name, largest, selection)
            for name in choosers
            if (selection := runs[name, largest.name].selection) is not None
        ],
    )


class _Counter:
    """Tells the progress of draws that have been measured."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def __call__(self, draws: Iterable[Rows]) -> Iterator[Rows]:
        for rows in draws:
            yield rows
            self._done += 1
            self._progress("measure", self._done, self._total)


Bands = tuple[Values, list[Rows]]
"""Values of the metrics of some draws (draws, m), and the rows of each draw."""


class _Judge:
    """Measures selections beside random draws, and beside balanced ones where labels are known."""

    def __init__(
        self,
        baseline: RandomBaseline,
        metrics: list[Metric],
        kind: str,
        labels: NDArray[np.str_] | None,
    ) -> None:
        self._baseline, self._metrics, self._kind = baseline, metrics, kind
        self.n_labels: int | None = None
        if labels is not None:
            names, self._numbers = np.unique(labels, return_inverse=True)
            self.n_labels = len(names)
            # Draws look at labels alone: vectors of one number save copying the real ones.
            ones = np.ones((len(labels), 1), np.float32)
            self._labeled = Pool.from_embeddings(ones, labels)

    def bands(
        self, allowance: Allowance, counted: Callable[[Iterable[Rows]], Iterator[Rows]]
    ) -> list[Bands]:
        """Random draws under a budget and, with labels, balanced ones."""
        kinds = [list(self._baseline.rows(allowance))]
        if self.n_labels is not None:
            kinds.append(list(self._balanced(allowance)))
        return [(self._baseline.values(self._metrics, counted(draws)), draws) for draws in kinds]

    def _balanced(self, allowance: Allowance) -> Iterator[Rows]:
        seeds = np.random.SeedSequence(self._baseline.seed).generate_state(self._baseline.n_draws)
        for seed in seeds.tolist():
            chooser = GroupBalanced(within=Random(seed=seed))
            yield np.sort(chooser.pick(self._labeled, allowance, self._labeled, _NONE)[0])

    def read(self, selection: Selection, bands: list[Bands]) -> list[ComparedMetric]:
        """The numbers of a selection, each in its place among the draws."""
        found = []
        for values, draws in bands:
            assessed = self._baseline.assess(self._metrics, selection, values)
            if self.n_labels is not None:
                assessed += spread(self._kind, self._numbers, selection.indices, draws)[1]
            found.append(assessed)
        balanced = found[1] if len(found) > 1 else [None] * len(found[0])
        return [
            ComparedMetric(random=random, balanced=one)
            for random, one in zip(found[0], balanced, strict=True)
        ]


def _default_metrics() -> list[Metric]:
    return [MeanNearestSimilarity(), CoverageRadius(share=0.95), Vendi(), EffectiveClusters()]


def _listed(given: Any) -> list[Any]:
    """One thing alone as a list of it."""
    alone = isinstance(given, str | Mapping | Part | int | np.integer | Budget)
    return [given] if alone else list(given)


def _distinct(family: str, parts: list[P]) -> dict[str, P]:
    """Parts by what tells them apart: the name, with parameters that are not the defaults."""
    if not parts:
        raise ParameterError(f"there is no {family}; name at least one")
    found: dict[str, P] = {}
    for part in parts:
        if part.title in found or part in found.values():
            raise ParameterError(
                f"{part.title} is there twice with the same parameters; give it once"
            )
        found[part.title] = part
    return found


def _spendings(budgets: Any, pool: Pool) -> list[Spending]:
    given = _listed(budgets)
    if not given:
        raise BudgetError("there is no budget to compare at; give a number of records")
    found: dict[str, Spending] = {}
    for budget in map(Budget.of, given):
        name = _budget_title(budget)
        if name in found:
            raise BudgetError(f"the budget of {name} is there twice; give it once")
        groups = pool.groups_by(budget.group_by) if budget.constrained else None
        allowance = budget.allowance(pool.costs_under(budget), np.arange(len(pool)), groups)
        found[name] = Spending(name, budget, allowance)
    return list(found.values())


def _budget_title(budget: Budget) -> str:
    counted = {"tokenizer": budget.tokenizer, "column": budget.column}
    more = [f"{key} {name}" for key, name in counted.items() if name]
    for word, shares in (("at least", budget.floors), ("at most", budget.caps)):
        more += [f"{word} {share:.0%} {group}" for group, share in (shares or {}).items()]
    return ", ".join([str(budget), *more, *([f"by {budget.group_by}"] if budget.group_by else [])])


def _labels(labels: "str | ArrayLike | None", pool: Pool) -> NDArray[np.str_] | None:
    if labels is None:
        return pool.groups
    if isinstance(labels, str):
        return pool.groups_by(labels)
    found = np.asarray(labels, object)
    if found.shape != (len(pool),):
        raise ShapeError(
            f"labels must be one for each of {len(pool)} rows, got shape {found.shape}; "
            "or name the column that holds them"
        )
    return Pool.from_embeddings(pool.space, found).groups


def _row(
    name: str,
    selector: Selector,
    spending: Spending,
    run: Trial,
    judge: _Judge,
    bands: list[Bands],
) -> ComparedRow:
    chosen = run.selection
    tokens = None
    if chosen is not None and spending.budget.tokens is not None:
        tokens = int(spending.allowance.costs[chosen.indices].sum())
    return ComparedRow(
        budget=spending.name,
        selector=name,
        parameters=selector.to_mapping(),
        metrics=[] if chosen is None else judge.read(chosen, bands),
        records=None if chosen is None else len(chosen),
        tokens=tokens,
        seconds=run.seconds,
        error=run.error,
    )


def _overlap(
    spending: Spending, choosers: Iterable[str], runs: dict[tuple[str, str], Trial]
) -> Overlap:
    found = {name: runs[name, spending.name].selection for name in choosers}
    sets = {name: set(s.indices.tolist()) for name, s in found.items() if s is not None}
    return Overlap(
        budget=spending.name,
        selectors=list(sets),
        jaccard=[[len(a & b) / len(a | b) for b in sets.values()] for a in sets.values()],
    )


def _curve(name: str, spending: Spending, selection: Selection) -> GainCurve:
    n = len(selection)
    ranks = np.unique(np.linspace(1, n, min(n, _POINTS)).round().astype(np.int64))
    sums = np.cumsum(selection.gains)[ranks - 1]
    return GainCurve(selector=name, budget=spending.name, ranks=ranks.tolist(), gains=sums.tolist())


def _headline(
    rows: list[ComparedRow],
    spendings: list[Spending],
    baseline: RandomBaseline,
    target: Pool | None,
) -> str:
    n_rows = len(baseline.pool)
    told = [
        f"{counted(len(rows) // len(spendings), 'selector')} on {n_rows:,} records, "
        f"each beside {baseline.n_draws:,} random draws under the same budget."
    ]
    worse = dict.fromkeys(
        row.selector
        for row in rows
        if any(one.random.verdict == "worse than random" for one in row.metrics)
    )
    if worse:
        told.append(f"Worse than random in one metric at least: {', '.join(worse)}.")
    if failed := dict.fromkeys(row.selector for row in rows if row.error):
        told.append(f"Could not run: {', '.join(failed)}.")
    measured_on = len(baseline.target)
    drawn = " drawn at random" if measured_on < len(target or baseline.pool) else ""
    if target is not None:
        told.append(f"Metrics are measured on {measured_on:,} records of the target{drawn}.")
    elif drawn:
        told.append(f"Metrics are measured on {measured_on:,} records{drawn}.")
    return " ".join(told)
