"""Runs: training runs compared with the controls that they must beat."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from instructdiv.errors import InputError, ParameterError
from instructdiv.experiments.run_table import cell, number, rows_of
from instructdiv.results import Cell, Facts, Number, Result, Table, count, rounded

Runs = str | Path | Iterable[Mapping[str, Any]] | Mapping[str, Any]
_NO_SCORES = ("name", "total", "control", "family", "seed", "scores")
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0", "")


class RunGain(Facts):
    """One run, or several of the same name and total, and its gains on the controls."""

    name: str
    """Name of the run."""

    family: str
    """Family within which runs are compared; empty where there are none."""

    total: float
    """Number of records trained on."""

    control: bool
    """Whether the run is a control itself."""

    scores: dict[str, float]
    """Each score, the mean of several runs."""

    n_runs: int
    """Number of runs that the scores are means of."""

    same_total: dict[str, float | None] = Field(default_factory=dict)
    """Gain of each score in percent of that of the control with the same total; empty without
    one. None where the control scores 0 or less."""

    smaller_total: dict[str, float | None] = Field(default_factory=dict)
    """The same, against the control with the next smaller total."""

    loses: tuple[str, ...] = ()
    """Scores below those of the control with the same total."""

    loses_to_smaller: tuple[str, ...] = ()
    """Scores below those of the control with the next smaller total: more records, and worse."""

    def beside(self, same: "RunGain | None", smaller: "RunGain | None") -> "RunGain":
        """The same run with its gains on two controls."""
        return self.model_copy(
            update={
                "same_total": self._gains(same),
                "smaller_total": self._gains(smaller),
                "loses": self._losses(same),
                "loses_to_smaller": self._losses(smaller),
            }
        )

    def _gains(self, control: "RunGain | None") -> dict[str, float | None]:
        theirs = {} if control is None else control.scores
        return {
            name: 100 * (self.scores[name] / other - 1) if other > 0 else None
            for name, other in theirs.items()
        }

    def _losses(self, control: "RunGain | None") -> tuple[str, ...]:
        theirs = {} if control is None else control.scores
        return tuple(name for name, other in theirs.items() if self.scores[name] < other)


class RunComparison(Result):
    """All runs, with two columns of gains for each score. Made by :func:`compare_runs`."""

    title: ClassVar[str] = "Runs and their controls"
    legend: ClassVar[str] = (
        "Gains are in percent: on the control with the same total, and on the control with the "
        "next smaller total."
    )

    rows: list[RunGain]
    """The runs by family, then total, controls first."""

    scores: tuple[str, ...]
    """Names of the scores."""

    @property
    def loses(self) -> dict[str, tuple[RunGain, ...]]:
        """For each score the runs below the control with the same total."""
        return {s: tuple(row for row in self.rows if s in row.loses) for s in self.scores}

    @classmethod
    def of(cls, rows: list[RunGain], scores: Sequence[str]) -> "RunComparison":
        """The result of these runs, with its headline."""
        found = cls(headline="", rows=rows, scores=tuple(scores))
        compared = sum(bool(row.same_total) for row in rows)
        lost = ", ".join(f"{len(losing)} in {score}" for score, losing in found.loses.items())
        said = f"compared with a control of the same total: {compared} of {len(rows)} runs"
        if compared:
            said += f"; of these lose: {lost}"
        if any(row.n_runs == 1 for row in rows):
            said += "; single runs, so that small gains may be chance"
        return found.model_copy(update={"headline": said})

    def tables(self) -> dict[str, Table]:
        """A row for each run, with three columns for each score."""
        families = ["family"] if any(row.family for row in self.rows) else []
        columns = [*families, "run", "control", "records"]
        for score in self.scores:
            columns += [score, f"{score}, same total", f"{score}, smaller total"]
        rows: list[list[Cell]] = []
        for row in self.rows:
            cells: list[Cell] = [row.family] if families else []
            cells += [row.name, "control" if row.control else "", count(row.total)]
            for score in self.scores:
                gains = (row.same_total.get(score), row.smaller_total.get(score))
                cells += [rounded(row.scores[score]), *map(_percent, gains)]
            rows.append(cells)
        return {"Runs": Table(columns, rows)}


def compare_runs(runs: Runs, *, scores: Sequence[str] | None = None) -> RunComparison:
    """Compare each run with the controls of the same total and of the next smaller total.

    The first says whether other records are better than more of the core; the second whether
    adding them was better than adding none. These are the two columns of gains in a table of
    Only-IF [1]_. Every score is compared on its own, since a gain in one can hide a loss in
    another: there most of it was instruction following, and without it 5 of 14 mixes lost.

    Parameters
    ----------
    runs
        Mappings with `name`, `total`, `control` (true for a run on the core alone) and one or
        more scores, as columns or as a mapping `scores`; higher is better. With `family` runs
        are compared within each family, such as a model. Runs of the same family, name and total
        are averaged, as over seeds. Or a path to CSV or JSON with such columns.
    scores
        Columns of the scores; every other column that holds numbers if not given.

    Raises
    ------
    InputError
        A run lacks a column, or holds no number there; no run is a control; or two controls of
        different names have the same total.
    ParameterError
        `scores` is a text or empty.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the Decisive Effect of Instruction
       Diversity on Generalization", 2024, arXiv:2410.04717, table 3.

    Examples
    --------
    >>> found = compare_runs(
    ...     [
    ...         {"name": "core", "total": 20, "control": True, "all": 39.07, "without_if": 47.27},
    ...         {"name": "core", "total": 60, "control": True, "all": 40.39, "without_if": 50.43},
    ...         {"name": "mixed", "total": 60, "control": False, "all": 45.64, "without_if": 49.75},
    ...     ]
    ... )
    >>> mixed = found.rows[-1]
    >>> round(mixed.same_total["all"], 1), round(mixed.smaller_total["all"], 1), mixed.loses
    (13.0, 16.8, ('without_if',))
    """
    if scores is not None and (isinstance(scores, str) or not scores):
        raise ParameterError(f"scores is a list of columns, got {scores!r}")
    given = rows_of(runs, "run")
    names = list(scores) if scores is not None else _score_columns(given)
    means = _averaged(given, names)
    controls: dict[tuple[str, float], RunGain] = {}
    for row in means:
        if row.control:
            other = controls.setdefault((row.family, row.total), row)
            if other is not row:
                raise InputError(
                    f"{other.name!r} and {row.name!r} are both controls with a total of "
                    f"{row.total:,g}; name one, or give runs of one control the same name"
                )
    if not controls:
        raise InputError("no run is a control; set control to true for the runs on the core alone")
    rows = [row.beside(*_controls_of(row, controls)) for row in means]
    rows.sort(key=lambda row: (row.family, row.total, not row.control))
    return RunComparison.of(rows, names)


def _score_columns(rows: Sequence[tuple[str, Any]]) -> list[str]:
    """Columns that hold a number in every row that has them."""
    columns: dict[str, bool] = {}
    for where, row in rows:
        cell(where, row, "name")
        for name, value in (dict(row) | dict(row.get("scores") or {})).items():
            if name not in _NO_SCORES:
                columns[name] = columns.get(name, True) and _is_number(value)
    found = [name for name, numbers in columns.items() if numbers]
    if not found:
        known = ", ".join(columns) or "none"
        raise InputError(f"no column holds scores alone; besides name and total there are: {known}")
    return found


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)


def _averaged(rows: Sequence[tuple[str, Any]], names: Sequence[str]) -> list[RunGain]:
    """One row for each family, name and total, without gains."""
    together: dict[tuple[str, str, float], list[tuple[bool, dict[str, float]]]] = {}
    for where, row in rows:
        name, total = (
            str(cell(where, row, "name")),
            number(where, "total", cell(where, row, "total")),
        )
        if total <= 0:
            raise InputError(f"{where}: total must be above 0, got {total:g}")
        inner = dict(row) | dict(row.get("scores") or {})
        values = {score: number(where, score, cell(where, inner, score)) for score in names}
        family = str(row.get("family") or "")
        control = _flag(where, row.get("control"))
        same = together.setdefault((family, name, total), [])
        if same and same[0][0] != control:
            raise InputError(f"{where}: {name!r} is a control in one row and none in another")
        same.append((control, values))
    return [
        RunGain(
            name=name,
            family=family,
            total=total,
            control=same[0][0],
            scores={s: sum(values[s] for _, values in same) / len(same) for s in names},
            n_runs=len(same),
        )
        for (family, name, total), same in together.items()
    ]


def _flag(where: str, value: Any) -> bool:
    text = "" if value is None else str(value).strip().lower()
    if text not in (*_YES, *_NO):
        raise InputError(f"{where}: control is true or false, got {value!r}")
    return text in _YES


def _controls_of(
    row: RunGain, controls: Mapping[tuple[str, float], RunGain]
) -> tuple[RunGain | None, RunGain | None]:
    """The controls with the same total, unless the run is one, and the next smaller total."""
    same = None if row.control else controls.get((row.family, row.total))
    smaller = [
        control
        for (family, total), control in controls.items()
        if family == row.family and total < row.total
    ]
    return same, max(smaller, key=lambda control: control.total, default=None)


def _percent(gain: float | None) -> Number:
    return Number("", -math.inf) if gain is None else Number(f"{gain:+.1f}%", gain)
