"""Comparison: several selectors at several budgets, each beside random draws."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.budget import Budget
from instructdiv.core.wording import escaped, markdown_table, number, printable, sentence
from instructdiv.embedders import Progress
from instructdiv.errors import BudgetError, ParameterError, ShapeError
from instructdiv.metrics import (
    CoverageRadius,
    EffectiveClusters,
    MeanNearestSimilarity,
    Metric,
    Vendi,
)
from instructdiv.part import Part
from instructdiv.pool import Pool, Target, as_target
from instructdiv.report.leakage import leak_check
from instructdiv.report.random_baseline import Numbers, Reading, Yardstick
from instructdiv.report.trials import Spending, Trial, trials
from instructdiv.results import Facts, Result
from instructdiv.selection import Selection
from instructdiv.selectors import Selector

P = TypeVar("P", bound=Part)

_POINTS = 50
_LEGEND = (
    "A number with no word beside it is better than nearly all random draws under the same "
    "budget; like random: within the band of nine in ten of them; below or worse than random: "
    "beyond its bad end. Balanced draws give every label the same quota."
)

Chooser = Selector | Mapping[str, Any] | str


class ComparedRow(Facts):
    """One selector at one budget."""

    budget: str
    """What could be spent, in words."""

    selector: str
    """Name of the selector, with the parameters that are not at their defaults."""

    parameters: dict[str, Any]
    """The selector as its name and parameters."""

    readings: list[Reading]
    """Its numbers, each beside its bands; none if it could not run."""

    records: int | None = None
    """Records that were chosen."""

    tokens: int | None = None
    """Tokens that they hold, if the budget counts tokens."""

    seconds: float | None = None
    """Seconds of the run it was taken from: a selector whose smaller budgets give prefixes
    runs once, at the largest."""

    error: str | None = None
    """Why it could not run."""


class Overlap(Facts):
    """How far the selectors choose the same records at one budget."""

    budget: str
    """What could be spent, in words."""

    selectors: list[str]
    """Those that could run."""

    jaccard: list[list[float]]
    """Records that both chose over records that either chose, for each two of them."""


class GainCurve(Facts):
    """What a selector gained by its own measure along the way, at the largest budget."""

    selector: str
    """Name of the selector, as in the rows."""

    budget: str
    """What could be spent, in words."""

    ranks: list[int]
    """Numbers of records chosen, at most 50 of them, the last the whole selection."""

    gains: list[float]
    """Sum of the gains of so many records."""


class Comparison(Result):
    """Selectors side by side, each number beside random draws under the same budget."""

    headline: str
    """The result in a few sentences."""

    records: int
    """Records of the pool."""

    measured_on: int
    """Rows of the target that metrics were measured on: all, or a random sample of them."""

    labels: int | None
    """Number of labels, if any are known."""

    n_draws: int
    """Random draws of each kind at each budget."""

    shared_seconds: float
    """Seconds for the graph of neighbors that several runs shared, in none of theirs."""

    rows: list[ComparedRow]
    """A row for each budget and selector."""

    overlap: list[Overlap]
    """What the selections have in common, for each budget."""

    curves: list[GainCurve]
    """Gains at the largest budget, for each selector that could run."""

    def to_markdown(self) -> str:
        """The comparison as Markdown: a headline and tables."""
        blocks = ["# Comparison of selectors", escaped(self.headline), _LEGEND]
        header, rows = self.table()
        for budget in dict.fromkeys(row[0] for row in rows):
            cells = [row[1:] for row in rows if row[0] == budget]
            blocks += [f"## {escaped(budget)}", markdown_table(header[1:], cells)]
        for overlap in self.overlap:
            blocks.append(f"## Records in common, {escaped(overlap.budget)}")
            cells = [
                [name, *(f"{share:.2f}" for share in line)]
                for name, line in zip(overlap.selectors, overlap.jaccard, strict=True)
            ]
            blocks.append(markdown_table(["share of either", *overlap.selectors], cells))
        if self.curves:
            blocks.append(f"## Gains, {escaped(self.curves[0].budget)}")
            header = ["selector", "half of the gain after", "nine tenths after", "all after"]
            cells = [[c.selector, *(_reached(c, s) for s in (0.5, 0.9, 1.0))] for c in self.curves]
            blocks.append(markdown_table(header, cells))
        return "\n\n".join(blocks) + "\n"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows as text: for each budget the bands first, then the selectors."""
        metrics = next((row.readings for row in self.rows if row.readings), [])
        in_tokens = any(row.tokens is not None for row in self.rows)
        failed = any(row.error for row in self.rows)
        header = ["budget", "selector", *map(_column, metrics), "records"]
        header += [*(["tokens"] if in_tokens else []), "seconds", *(["note"] if failed else [])]
        lines: list[list[str]] = []
        for budget in dict.fromkeys(row.budget for row in self.rows):
            rows = [row for row in self.rows if row.budget == budget]
            lines += [[budget, *band] for band in _bands(rows)]
            for row in rows:
                cells = [str(reading) for reading in row.readings] or ["-"] * len(metrics)
                cells += ["-" if row.records is None else f"{row.records:,}"]
                if in_tokens:
                    cells += ["-" if row.tokens is None else f"{row.tokens:,}"]
                cells += ["-" if row.seconds is None else f"{row.seconds:.2f}"]
                cells += [f"cannot run: {printable(row.error)}"] if row.error else []
                lines.append([budget, row.selector, *cells])
        return header, [line + [""] * (len(header) - len(line)) for line in lines]

    def __str__(self) -> str:
        header, rows = self.table()
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in [header, *rows]
        ]
        return "\n".join([self.headline, "", *lines])

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def compare(
    pool: Pool,
    selectors: Chooser | Iterable[Chooser],
    budgets: Budget | int | Iterable[Budget | int],
    labels: str | ArrayLike | None = None,
    *,
    target: Target | None = None,
    n_draws: int = 32,
    seed: int = 0,
    metrics: Iterable[Metric | Mapping[str, Any] | str] | None = None,
    progress: Progress | None = None,
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
        Selectors, names, or mappings of a name and parameters.
    budgets
        What may be spent; whole numbers count records.
    labels
        What the choices should be spread over: a column of the records, or one label a row;
        the groups of the pool if not given. Selectors do not see them.
    target
        What should be covered, for the metrics and for the selectors that can; the pool
        itself if not given.
    n_draws
        Random draws at each budget; where labels are known, as many balanced ones.
    seed
        Seed of the draws, and of everything that has no seed of its own.
    metrics
        What is measured; if not given, mean nearest similarity, the radius that covers 95 %,
        the Vendi score and the effective number of clusters.
    progress
        Called with a stage, how much of it is done, and how much there is.

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
    progress = progress or (lambda *_: None)
    choosers = _distinct(
        "selector", [Selector.model_validate(one) for one in _listed(selectors)], seed
    )
    given = _default_metrics() if metrics is None else metrics
    measures = _distinct("metric", [Metric.model_validate(one) for one in _listed(given)], seed)
    spendings = _spendings(budgets, pool)
    if n_draws < 1:
        raise ShapeError(f"a random band needs at least 1 draw, got {n_draws}")
    names = _labels(labels, pool)
    aim = None if target is None else as_target(target)
    if aim is not None:
        pool.check_comparable(aim)
    runs, shared_seconds = trials(pool, choosers, spendings, progress, aim)
    yardstick = Yardstick(pool, measures, names, n_draws, seed, aim)
    bands = _all_bands(yardstick, spendings, n_draws, progress)
    rows = [
        _row(name, selector, spending, runs[name, spending.name], yardstick, band)
        for spending, band in zip(spendings, bands, strict=True)
        for name, selector in choosers.items()
    ]
    largest = max(spendings, key=lambda spending: spending.share)
    return Comparison(
        headline=_headline(rows, spendings, len(pool), yardstick, n_draws)
        + ("" if aim is None else f" {sentence(str(leak_check(pool, aim)))}"),
        records=len(pool),
        measured_on=yardstick.measured_on,
        labels=yardstick.n_labels,
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


def _default_metrics() -> list[Metric]:
    return [MeanNearestSimilarity(), CoverageRadius(share=0.95), Vendi(), EffectiveClusters()]


def _listed(given: Any) -> list[Any]:
    """One thing alone as a list of it."""
    alone = isinstance(given, str | Mapping | Part | int | np.integer | Budget)
    return [given] if alone else list(given)


def _distinct(family: str, parts: list[P], seed: int) -> dict[str, P]:
    """Parts by what tells them apart: the name, with parameters that are not the defaults."""
    if not parts:
        raise ParameterError(f"there is no {family}; name at least one")
    found: dict[str, P] = {}
    for part in parts:
        name, seeded = part.title, part.seeded(seed)
        if name in found or seeded in found.values():
            raise ParameterError(f"{name} is there twice with the same parameters; give it once")
        found[name] = seeded
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


def _labels(labels: str | ArrayLike | None, pool: Pool) -> NDArray[np.str_] | None:
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


def _all_bands(
    yardstick: Yardstick, spendings: list[Spending], n_draws: int, progress: Progress
) -> list[tuple[Numbers, Numbers | None]]:
    kinds = 1 if yardstick.n_labels is None else 2
    done, total = 0, len(spendings) * n_draws * kinds

    def drawn() -> None:
        nonlocal done
        done += 1
        progress("measure", done, total)

    return [yardstick.bands(spending.allowance, drawn) for spending in spendings]


def _row(
    name: str,
    selector: Selector,
    spending: Spending,
    run: Trial,
    yardstick: Yardstick,
    bands: tuple[Numbers, Numbers | None],
) -> ComparedRow:
    chosen = run.selection
    tokens = None
    if chosen is not None and spending.budget.tokens is not None:
        tokens = int(spending.allowance.costs[chosen.indices].sum())
    return ComparedRow(
        budget=spending.name,
        selector=name,
        parameters=selector.to_mapping(),
        readings=[] if chosen is None else yardstick.read(chosen.indices, bands),
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
    n_rows: int,
    yardstick: Yardstick,
    n_draws: int,
) -> str:
    n_selectors = len(rows) // len(spendings)
    parts = [
        f"{n_selectors:,} {'selector' if n_selectors == 1 else 'selectors'} on {n_rows:,} records, "
        f"each beside {n_draws:,} random draws under the same budget."
    ]
    worse = dict.fromkeys(
        row.selector for row in rows if any(r.verdict.startswith("worse") for r in row.readings)
    )
    if worse:
        parts.append(f"Worse than random in a number or more: {', '.join(worse)}.")
    if failed := dict.fromkeys(row.selector for row in rows if row.error):
        parts.append(f"Could not run: {', '.join(failed)}.")
    measured_on, of_target = yardstick.measured_on, yardstick.n_target
    drawn = " drawn at random" if measured_on < of_target else ""
    if yardstick.has_target:
        parts.append(f"Metrics are measured on {measured_on:,} records of a target{drawn}.")
    elif drawn:
        parts.append(f"Metrics are measured on {measured_on:,} records{drawn}.")
    return " ".join(parts)


def _column(reading: Reading) -> str:
    lower = "" if reading.random.higher_is_better else ", lower is better"
    return reading.random.metric.replace("_", " ") + lower


def _bands(rows: Sequence[ComparedRow]) -> list[list[str]]:
    """The bands at one budget, as text: those of random draws and of balanced ones."""
    readings = next((row.readings for row in rows if row.readings), [])
    kinds = {
        "random 5-95 %": [reading.random for reading in readings],
        "balanced 5-95 %": [r.balanced for r in readings if r.balanced is not None],
    }
    return [
        [kind, *(f"{number(band.random_low)} - {number(band.random_high)}" for band in bands)]
        for kind, bands in kinds.items()
        if bands
    ]


def _reached(curve: GainCurve, share: float) -> str:
    """The number of records after which so much of the gain is reached, as text."""
    if curve.gains[-1] <= 0:
        return "-"
    reached = np.array(curve.gains) >= share * curve.gains[-1] * (1 - 1e-9)
    return f"{curve.ranks[int(reached.argmax())]:,}"
