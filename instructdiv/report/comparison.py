"""Comparison: selectors side by side, each number beside random draws under the same budget."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from instructdiv.core.wording import number, printable
from instructdiv.metrics import Assessment
from instructdiv.results import Cell, Facts, Number, Result, Table, count

_NOTHING = Number("", float("-inf"))


class ComparedMetric(Facts):
    """One number of a selection, beside what random draws under the same budget give."""

    random: Assessment
    """Beside draws from the whole pool."""

    balanced: Assessment | None
    """Beside draws that give every label the same quota, where labels are known; its low,
    median and high are those of these draws."""

    def __str__(self) -> str:
        # The band of balanced draws stands above it in a table; its verdict would crowd the cell.
        below = "below random" if self.random.higher_is_better else "worse than random"
        words = {"better than random": "", "worse than random": f" {below}"}
        return number(self.random.value) + words.get(self.random.verdict, " like random")


class ComparedRow(Facts):
    """One selector at one budget."""

    budget: str
    """The budget, in words."""

    selector: str
    """Name of the selector, with the parameters that are not at their defaults."""

    parameters: dict[str, Any]
    """The selector as its name and parameters."""

    metrics: list[ComparedMetric]
    """Its numbers, each beside its bands; empty if it could not run."""

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
    """The budget, in words."""

    selectors: list[str]
    """Selectors that could run."""

    jaccard: list[list[float]]
    """Records that both chose over records that either chose, for each two of them."""

    def table(self) -> Table:
        """The matrix as a table."""
        rows: list[list[Cell]] = [
            [name, *(Number(f"{share:.2f}", share) for share in line)]
            for name, line in zip(self.selectors, self.jaccard, strict=True)
        ]
        return Table(["share of either", *self.selectors], rows)


class GainCurve(Facts):
    """What a selector gained by its own objective along the way, at the largest budget."""

    selector: str
    """Name of the selector, as in the rows."""

    budget: str
    """The budget, in words."""

    ranks: list[int]
    """Numbers of records chosen, at most 50 of them, the last the whole selection."""

    gains: list[float]
    """Sum of the gains of so many records."""

    def reached(self, share: float) -> int | None:
        """Number of records after which this share of the gain is reached, if there is any."""
        if self.gains[-1] <= 0:
            return None
        enough = np.array(self.gains) >= share * self.gains[-1] * (1 - 1e-9)
        return self.ranks[int(enough.argmax())]


class Comparison(Result):
    """Selectors side by side, each number beside random draws under the same budget."""

    title: ClassVar[str] = "Comparison of selectors"
    legend: ClassVar[str] = (
        "A number with no word beside it is better than nearly all random draws under the same "
        "budget; like random: within the band of nine in ten of them; below or worse than random: "
        "beyond its bad end. Balanced draws give every label the same quota."
    )

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

    def tables(self) -> dict[str, Table]:
        """A table for each budget, then the records in common, then the gains."""
        found = self.main_tables()
        found |= {f"Records in common, {one.budget}": one.table() for one in self.overlap}
        if self.curves:
            head = ["selector", "half of the gain after", "nine tenths after", "all after"]
            rows: list[list[Cell]] = [
                [curve.selector, *(_count(curve.reached(share)) for share in (0.5, 0.9, 1.0))]
                for curve in self.curves
            ]
            found[f"Gains, {self.curves[0].budget}"] = Table(head, rows)
        return found

    def main_tables(self) -> dict[str, Table]:
        """A table for each budget: the bands first, then the selectors."""
        budgets = dict.fromkeys(row.budget for row in self.rows)
        return {
            budget: self._table([row for row in self.rows if row.budget == budget])
            for budget in budgets
        }

    def _table(self, rows: Sequence[ComparedRow]) -> Table:
        metrics = next((row.metrics for row in self.rows if row.metrics), [])
        in_tokens = any(row.tokens is not None for row in self.rows)
        failed = any(row.error for row in self.rows)
        head = ["selector", *map(_head, metrics), "records"]
        head += [*(["tokens"] if in_tokens else []), "seconds", *(["note"] if failed else [])]
        lines: list[list[Cell]] = []
        for name, band in _bands(rows):
            rest: list[Cell] = [_NOTHING] * (len(head) - len(band) - 1 - failed)
            lines.append([name, *band, *rest, *([""] if failed else [])])
        for row in rows:
            cells: list[Cell] = [Number(str(one), one.random.value) for one in row.metrics]
            cells = cells or [_NOTHING] * len(metrics)
            cells += [_count(row.records), *([_count(row.tokens)] if in_tokens else [])]
            cells += [
                _NOTHING if row.seconds is None else Number(f"{row.seconds:.2f}", row.seconds)
            ]
            cells += [f"cannot run: {printable(row.error)}" if row.error else ""] if failed else []
            lines.append([row.selector, *cells])
        return Table(head, lines)


def _head(metric: ComparedMetric) -> str:
    lower = "" if metric.random.higher_is_better else ", lower is better"
    return metric.random.metric.replace("_", " ") + lower


def _bands(rows: Sequence[ComparedRow]) -> Iterator[tuple[str, list[Cell]]]:
    """The bands at one budget: those of random draws and of balanced ones."""
    metrics = next((row.metrics for row in rows if row.metrics), [])
    kinds = {
        "random 5-95 %": [one.random for one in metrics],
        "balanced 5-95 %": [one.balanced for one in metrics if one.balanced is not None],
    }
    for kind, bands in kinds.items():
        if bands:
            yield (
                kind,
                [
                    Number(
                        f"{number(band.random_low)} - {number(band.random_high)}", band.random_low
                    )
                    for band in bands
                ],
            )


def _count(n: int | None) -> Cell:
    return _NOTHING if n is None else count(n)
