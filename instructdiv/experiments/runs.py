"""Runs: training runs set beside the controls that they must beat."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from instructdiv.errors import InputError, ParameterError
from instructdiv.experiments.run_table import cell, number, rows_of

Runs = str | Path | Iterable[Mapping[str, Any]] | Mapping[str, Any]
_NO_SCORES = ("name", "total", "control", "family", "seed", "scores")
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0", "")


@dataclass(frozen=True)
class RunGain:
    """One run, or several of the same name and total, and what it gains."""

    name: str
    """Its name."""

    family: str
    """Runs are compared within a family alone; empty where there are none."""

    total: float
    """Records trained on."""

    control: bool
    """Whether it is a control itself."""

    scores: Mapping[str, float]
    """Each score, the mean if there are several runs."""

    same_total: Mapping[str, float | None]
    """Gain of each score in percent of that of the control with the same total; empty if there
    is none or this is it. None where the control scores 0 or less."""

    smaller_total: Mapping[str, float | None]
    """The same, against the control with the next smaller total."""

    loses: tuple[str, ...]
    """Scores below those of the control with the same total."""

    loses_to_smaller: tuple[str, ...]
    """Scores below those of the control with the next smaller total: more records, and worse."""

    n_runs: int
    """Runs that the scores are means of."""


@dataclass(frozen=True)
class RunComparison:
    """All runs, with two columns of gains for each score. Made by :func:`compare_runs`."""

    rows: tuple[RunGain, ...]
    """The runs by family, then total, controls first."""

    scores: tuple[str, ...]
    """Names of the scores."""

    @property
    def loses(self) -> dict[str, tuple[RunGain, ...]]:
        """For each score the runs that are below the control with the same total."""
        return {s: tuple(row for row in self.rows if s in row.loses) for s in self.scores}

    @property
    def headline(self) -> str:
        """How many runs lose, score by score, and whether that could be chance."""
        compared = sum(bool(row.same_total) for row in self.rows)
        lost = ", ".join(f"{len(rows)} in {score}" for score, rows in self.loses.items())
        text = f"beside a control of the same total: {compared} of {len(self.rows)} runs"
        if compared:
            text += f"; that lose to it: {lost}"
        if any(row.n_runs == 1 for row in self.rows):
            text += "; single runs, so that small gains may be chance"
        return text

    def __str__(self) -> str:
        lines = [self.headline]
        for row in self.rows:
            family = f"{row.family}: " if row.family else ""
            kind = " (control)" if row.control else ""
            text = f"{family}{row.name}, {row.total:,g} records{kind}"
            for score in self.scores:
                gains = [
                    f"{_signed(column.get(score))} % on {words}"
                    for column, words in (
                        (row.same_total, "the same total"),
                        (row.smaller_total, "a smaller one"),
                    )
                    if score in column
                ]
                told = f" ({', '.join(gains)})" if gains else ""
                text += f"; {score} {row.scores[score]:.4g}{told}"
            if row.loses:
                text += f"; loses in {', '.join(row.loses)}"
            lines.append(text)
        return "\n".join(lines)

    def to_json(self) -> str:
        """All of it as a JSON object."""
        return json.dumps({"headline": self.headline} | asdict(self), allow_nan=False)


def compare_runs(runs: Runs, *, scores: Sequence[str] | None = None) -> RunComparison:
    """Set each run beside the control of the same total, and that of the next smaller one.

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
    rows = [_compared(row, controls) for row in means]
    rows.sort(key=lambda row: (row.family, row.total, not row.control))
    return RunComparison(tuple(rows), tuple(names))


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
            name,
            family,
            total,
            same[0][0],
            {s: sum(values[s] for _, values in same) / len(same) for s in names},
            {},
            {},
            (),
            (),
            len(same),
        )
        for (family, name, total), same in together.items()
    ]


def _flag(where: str, value: Any) -> bool:
    text = "" if value is None else str(value).strip().lower()
    if text not in (*_YES, *_NO):
        raise InputError(f"{where}: control is true or false, got {value!r}")
    return text in _YES


def _compared(row: RunGain, controls: Mapping[tuple[str, float], RunGain]) -> RunGain:
    same = None if row.control else controls.get((row.family, row.total))
    below = [c for (family, total), c in controls.items() if family == row.family]
    smaller = max((c for c in below if c.total < row.total), key=lambda c: c.total, default=None)
    return RunGain(
        row.name,
        row.family,
        row.total,
        row.control,
        row.scores,
        _gains(row, same),
        _gains(row, smaller),
        _losses(row, same),
        _losses(row, smaller),
        row.n_runs,
    )


def _gains(row: RunGain, control: RunGain | None) -> dict[str, float | None]:
    if control is None:
        return {}
    return {
        name: 100 * (score / control.scores[name] - 1) if control.scores[name] > 0 else None
        for name, score in row.scores.items()
    }


def _losses(row: RunGain, control: RunGain | None) -> tuple[str, ...]:
    if control is None:
        return ()
    return tuple(name for name, score in row.scores.items() if score < control.scores[name])


def _signed(gain: float | None) -> str:
    return "?" if gain is None else f"{gain:+.1f}"
