"""Emergence: from how many instructions on a model generalizes, and how sharp the rise is."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.checks import whole_number
from instructdiv.errors import InputError, ShapeError
from instructdiv.experiments.run_table import cell, number, rows_of
from instructdiv.results import Result

Doubles = NDArray[np.float64]
Points = str | Path | Iterable[Sequence[Any] | Mapping[str, Any]] | Mapping[str, Any]

_LEAST = 0.1  # highest mean accuracy below which nothing has emerged
_LEAST_POINTS = 3  # as many as the curve has parameters
_TEN_TO_NINETY = 2 * math.log(9)  # from 10 to 90 % of a logistic, in units of its scale
_STEP = 1.0  # decades
_FINE = 0.005  # decades between the thresholds that are tried
_SCALES = np.geomspace(0.01, 1.0, 30)
_NEARLY = 0.8  # share of the plateau from which a point is on it
_BAD_FIT = 0.1
_CELLS = 4_000_000


class Emergence(Result):
    """Where accuracy rises with the number of instructions. Made by :func:`emergence`."""

    title: ClassVar[str] = "Emergence"

    emerged: bool
    """Whether accuracy rises above 0.1."""

    threshold: float | None = None
    """Number of instructions at half of the plateau; None where nothing emerged, or where the
    first point is already above half."""

    interval: tuple[float, float] | None = None
    """5th and 95th percentile of the threshold over bootstrap draws. Where no point lies on the
    slope, at least the two points around it. None without several values a point."""

    width: float | None = None
    """Decades of instructions from 10 % to 90 % of the plateau; where no point lies on the
    slope, those between the two points around it."""

    plateau: float | None = None
    """Accuracy at the end of the curve; where the first point is already there, the mean."""

    is_step: bool | None = None
    """Whether the rise takes at most one decade; None where the points cannot tell."""

    resolved: bool = False
    """Whether a point lies on the slope, between 10 and 90 % of the plateau."""

    at_plateau: bool = False
    """Whether two points or more are on the plateau. If not, plateau and threshold are an
    extrapolation."""

    agreement: float | None = None
    """Share of the bootstrap draws in which a threshold is found too."""

    n_points: int
    """Number of different numbers of instructions."""

    n_seeds: int
    """Number of different seeds; largest number of values a point where there are none."""

    note: str = ""
    """What limits the answer; empty if nothing does."""

    def _said(self) -> str:
        if not self.emerged:
            return f"no emergence: {self.note}"
        if self.threshold is None or self.width is None:
            return self.note
        text = f"half of a plateau of {self.plateau:.2f} at {_count(self.threshold)} instructions"
        if self.interval is not None:
            low, high = map(_count, self.interval)
            kind = f"90 % interval {low} to {high}, {self.n_seeds} seeds"
            text += f" ({kind if self.resolved else f'somewhere from {low} to {high}'})"
        most = "" if self.resolved else "at most "
        kind = "; a step" if self.is_step else ""
        text += f", from 10 % to 90 % of it within {most}{self.width:.2f} decades{kind}"
        return f"{text}. {self.note[0].upper()}{self.note[1:]}." if self.note else text


def emergence(
    points: Points, *, accuracy: str | None = None, n_draws: int = 1000, seed: int = 0
) -> Emergence:
    """Find the number of instructions from which a model generalizes.

    Fits accuracy = plateau / (1 + exp(-(log10(I) - t) / w)) to the mean at each number of
    instructions I, by least squares, with t between the first and the last point and a plateau
    of at most 1. The threshold is 10 ** t. The curve starts at an accuracy of 0: for a task that
    can be guessed, subtract the accuracy of guessing first.

    The interval is a bootstrap over seeds: whole seeds where each was run at every point, else
    values within each point. Every draw contains every point. Three seeds give few different
    draws, so that the interval is too narrow rather than too wide.

    In experiments with string rewriting the rise was a step between 300 and 1,000 instructions,
    whatever the number of examples of each [1]_. That is a finding on a small model trained from
    scratch, not a size for other data.

    Parameters
    ----------
    points
        One (instructions, accuracy) or (instructions, accuracy, seed) for each run, in any
        order; or mappings with these names; or a path to CSV or JSON with such columns, as
        ``instructdiv lab rewriting --json`` writes it.
    accuracy
        Column of the accuracy on unseen instructions, from 0 to 1; `accuracy`, else `unseen`, if
        not given.
    n_draws
        Number of bootstrap draws.
    seed
        Seed of the draws.

    Raises
    ------
    InputError
        A point cannot be read: no such column, no finite number, an accuracy outside [0, 1], no
        positive number of instructions, a seed twice at one number of instructions, or a seed
        at some points only.
    ShapeError
        A point has not two or three values, or there are fewer than 3 different numbers of
        instructions.
    ParameterError
        `n_draws` or `seed` is no whole number, or `n_draws` is below 1.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the Decisive Effect of Instruction
       Diversity on Generalization", 2024, arXiv:2410.04717, figure 2.

    Examples
    --------
    >>> found = emergence([(100, 0.0), (300, 0.07), (500, 0.22), (1000, 0.82), (3000, 0.93)])
    >>> round(found.threshold, -1), found.is_step
    (650.0, True)
    >>> print(emergence([(10, 0.0), (100, 0.01), (1000, 0.02)]))
    no emergence: mean accuracy is at most 0.02, below 0.1, at up to 1,000 instructions
    """
    n_draws, seed = whole_number("n_draws", n_draws, least=1), whole_number("seed", seed)
    values, seeded = _values(points, accuracy)
    sizes = np.array(sorted(values), np.float64)
    if len(sizes) < _LEAST_POINTS:
        raise ShapeError(
            f"a curve needs {_LEAST_POINTS} different numbers of instructions, got {len(sizes)}: "
            f"{', '.join(map(_count, sizes))}; train at more of them"
        )
    runs = [values[size] for size in sizes.tolist()]
    return _result(np.log10(sizes), runs, seeded, n_draws, seed)


def _values(
    points: Points, accuracy: str | None
) -> tuple[dict[float, dict[Hashable, float]], bool]:
    """Accuracy by number of instructions and seed, and whether there are seeds."""
    found: dict[float, dict[Hashable, float]] = {}
    seeded: bool | None = None
    for where, row in rows_of(points, "point"):
        size, value, seed = _point(where, row, accuracy)
        if size <= 0:
            raise InputError(f"{where}: instructions must be above 0, got {size:g}")
        if not 0 <= value <= 1:
            raise InputError(
                f"{where}: accuracy must lie between 0 and 1, got {value:g}; divide percent by 100"
            )
        if seeded not in (None, seed is not None):
            raise InputError(f"{where}: some points have a seed and others none; give all or none")
        seeded = seed is not None
        here = found.setdefault(size, {})
        key: Hashable = ("value", len(here)) if seed is None else str(seed)
        if key in here:
            raise InputError(
                f"{where}: seed {seed} comes twice at {_count(size)} instructions; "
                "keep the runs of one sweep"
            )
        here[key] = value
    return {size: _in_order(here, bool(seeded)) for size, here in found.items()}, bool(seeded)


def _in_order(runs: dict[Hashable, float], seeded: bool) -> dict[Hashable, float]:
    """The runs in an order that does not depend on that of the rows."""
    if seeded:
        return dict(sorted(runs.items(), key=lambda run: str(run[0])))
    return dict(zip(runs, sorted(runs.values()), strict=True))


def _point(where: str, row: Any, accuracy: str | None) -> tuple[float, float, Any]:
    if isinstance(row, Mapping):
        name = accuracy or ("unseen" if "unseen" in row and "accuracy" not in row else "accuracy")
        seed = row.get("seed")
        size, value = cell(where, row, "instructions"), cell(where, row, name)
    else:
        try:
            size, value, seed = (*row, None) if len(row) == 2 else row
        except (TypeError, ValueError):
            raise ShapeError(
                f"{where} must be (instructions, accuracy) or (instructions, accuracy, seed), "
                f"got {row!r}"
            ) from None
        name = "accuracy"
    if seed == "" or (isinstance(seed, float) and math.isnan(seed)):
        seed = None
    return number(where, "instructions", size), number(where, name, value), seed


def _result(
    at: Doubles, runs: list[dict[Hashable, float]], seeded: bool, n_draws: int, seed: int
) -> Emergence:
    """The result of a curve, with what limits it.

    `at` (K,) are the logarithms of the numbers of instructions, ascending.
    """
    means = np.array([np.mean(list(run.values())) for run in runs])
    labels = sorted({label for run in runs for label in run}, key=str)
    counts = np.array([len(run) for run in runs], np.float64)
    first, last = _count(10 ** at[0]), _count(10 ** at[-1])

    def found(emerged: bool, note: str, **more: Any) -> Emergence:
        sizes = {"n_points": len(at), "n_seeds": len(labels)}
        draft = Emergence(headline="", emerged=emerged, note=note, **sizes, **more)
        return draft.model_copy(update={"headline": draft._said()})

    if means.max() < _LEAST:
        return found(
            False,
            f"mean accuracy is at most {means.max():.2f}, below {_LEAST}, at up to {last} "
            "instructions",
        )
    if means[0] >= means.max() / 2:
        if means[-1] < means.max() / 2:
            return found(False, f"accuracy falls from {first} to {last} instructions")
        return found(
            True,
            f"emerged before the first point: at {first} instructions accuracy is {means[0]:.2f}, "
            f"of at most {means.max():.2f}; train at fewer, or subtract the accuracy of guessing",
            at_plateau=True,
            plateau=float(means.mean()),
        )
    if np.cov(at, means, aweights=counts)[0, 1] <= 0:
        return found(False, "accuracy does not rise with the number of instructions")

    t, w, plateau = _fitted(at, means, counts)
    sampled = _bootstrap(at, runs, labels if seeded else None, n_draws, seed)
    notes, interval, agreement = [], None, None
    if sampled is not None:
        agreement = float(np.isfinite(sampled).mean())
        if agreement:
            low, high = np.percentile(sampled[np.isfinite(sampled)], [5, 95])
            interval = (float(10**low), float(10**high))
        if agreement < 0.95:
            notes.append(f"{100 - 100 * agreement:.3g} % of the bootstrap draws show no threshold")
    width = _TEN_TO_NINETY * w
    is_step: bool | None = width <= _STEP
    fit = plateau * _rise(at, t, w)
    resolved = bool(((means > 0.1 * plateau) & (means < 0.9 * plateau)).any())
    if resolved and sampled is None:
        notes.append("one value a point: no interval")
    if not resolved:
        after = int((means >= plateau / 2).argmax())
        below, above = at[after - 1], at[after]
        t, width = float((below + above) / 2), float(above - below)
        is_step = True if width <= _STEP else None
        ends = (float(10**below), float(10**above))
        interval = (min(ends[0], *(interval or ends)), max(ends[1], *(interval or ends)))
        notes.append(
            f"no point lies on the slope between {_count(ends[0])} and {_count(ends[1])}: train "
            "there"
        )
    on_it = means >= _NEARLY * plateau
    at_plateau = bool(fit[-1] >= 0.9 * plateau and on_it.sum() > 1)
    if not at_plateau:
        is_step = None
        half = int((means >= means.max() / 2).argmax())
        notes.append(
            f"up to {last} instructions no two points are on the plateau, so it and the threshold "
            f"are a guess; the threshold is above {_count(10 ** at[half - 1])}"
        )
    off = float(np.sqrt(np.average((fit - means) ** 2, weights=counts)))
    if off > _BAD_FIT:
        notes.append(f"the curve is no single rise: the fit is off by {off:.2f}")
    return found(
        True,
        "; ".join(notes),
        threshold=float(10**t),
        interval=interval,
        width=width,
        plateau=plateau,
        is_step=is_step,
        resolved=resolved,
        at_plateau=at_plateau,
        agreement=agreement,
    )


def _fitted(at: Doubles, means: Doubles, counts: Doubles) -> tuple[float, float, float]:
    """Threshold, scale and plateau by least squares, from the best of a grid.

    Started from a guess instead, some fits end in another local minimum (5 of 300 that were tried).
    """
    from scipy.optimize import curve_fit

    best = [float(found[0]) for found in _best_of_grid(at, means[None], counts[None])]
    bounds = ([at[0], _SCALES[0], 0.0], [at[-1], _SCALES[-1], 1.0])

    def curve(at: Doubles, t: float, w: float, plateau: float) -> Doubles:
        return np.asarray(plateau * _rise(at, t, w))

    start = np.clip(best, *bounds)
    fitted, _ = curve_fit(curve, at, means, start, sigma=counts**-0.5, bounds=bounds)
    t, w, plateau = fitted.tolist()
    return t, w, plateau


def _rise(at: Any, t: Any, w: Any) -> Doubles:
    """A logistic from 0 to 1, one half at t."""
    return np.asarray(1 / (1 + np.exp(-np.clip((at - t) / w, -500, 500))))


def _best_of_grid(at: Doubles, means: Doubles, counts: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Threshold, scale and plateau of each curve (B, K), of those on a grid the best.

    For a given threshold and scale the best plateau has a closed form.
    """
    n_thresholds = max(2, round((at[-1] - at[0]) / _FINE) + 1)
    thresholds = np.linspace(at[0], at[-1], n_thresholds)
    t, w = (axis.ravel() for axis in np.meshgrid(thresholds, _SCALES, indexing="ij"))
    shape = _rise(at[:, None], t, w)  # (K, G)
    best, plateaus = [], []
    step = max(1, _CELLS // len(t))
    for start in range(0, len(means), step):
        part, weight = means[start : start + step], counts[start : start + step]
        along = (weight * part) @ shape
        square = weight @ shape**2
        plateau = np.minimum(along / square, 1.0)
        error = plateau * (plateau * square - 2 * along)
        i = error.argmin(axis=1)
        best.append(i)
        plateaus.append(plateau[np.arange(len(i)), i])
    chosen = np.concatenate(best)
    return t[chosen], w[chosen], np.concatenate(plateaus)


def _bootstrap(
    at: Doubles,
    runs: list[dict[Hashable, float]],
    labels: list[Hashable] | None,
    n_draws: int,
    seed: int,
) -> Doubles | None:
    """Logarithm of the threshold in each draw, NaN where there is none; None if all are alike.

    `labels` are the seeds, if there are any. All draws are fitted at once, on a grid: `curve_fit`
    for each, as scipy's `bootstrap` would call it, takes five times as long.
    """
    if max(len(run) for run in runs) < 2:
        return None
    rng = np.random.default_rng(seed)
    if labels is not None and all(len(run) == len(labels) for run in runs):  # at every point
        table = np.array([[run[label] for run in runs] for label in labels])  # (S, K)
        means = table[rng.integers(len(labels), size=(n_draws, len(labels)))].mean(axis=1)
    else:
        columns = []
        for run in runs:
            values = np.array(list(run.values()))
            columns.append(values[rng.integers(len(values), size=(n_draws, len(values)))].mean(1))
        means = np.stack(columns, axis=1)
    means, drawn = np.unique(means, axis=0, return_inverse=True)  # of few seeds there are few
    counts = np.broadcast_to([float(len(run)) for run in runs], means.shape)
    found, _, _ = _best_of_grid(at, means, counts)
    centered = at - np.average(at, weights=counts[0])
    rises = (means * counts) @ centered > 0
    high = means.max(axis=1)
    emerged = (high >= _LEAST) & (means[:, 0] < high / 2) & rises
    return np.asarray(np.where(emerged, found, np.nan)[drawn.ravel()])


def _count(value: float) -> str:
    """A number of instructions as text."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
