"""Sweet spot: the share of records beyond the core with the best score, and how sure that is."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from instructdiv.core.checks import whole_number
from instructdiv.errors import InputError, ShapeError
from instructdiv.experiments.run_table import cell, number, rows_of
from instructdiv.results import Facts, Number, Result, Share, Shown

Doubles = NDArray[np.float64]
Shares = str | Path | Mapping[float, ArrayLike] | Iterable[Any]

_CONTROL = "the 0 % control is never left out: run the core alone with the same total"


def _signed(value: float) -> Number:
    return Number(f"{value:+.3g}", value)


class ShareRow(Facts):
    """One share of the grid, over seeds."""

    share: Share
    """Share of records beyond the core."""

    score: float
    """Mean score."""

    gain: Annotated[float, Shown(_signed)]
    """Mean score minus that of the control; below 0 where the share hurts."""

    low: Annotated[float | None, Shown(_signed, up_to="high")] = None
    """5th percentile of the gain over bootstrap draws; None with a single seed."""

    high: float | None = None
    """95th percentile of the gain over bootstrap draws; None with a single seed."""

    best_in: Annotated[float | None, Share] = None
    """Share of the bootstrap draws in which this share is the best; None with a single seed."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """5th and 95th percentile of the gain; None with a single seed."""
        return None if self.low is None or self.high is None else (self.low, self.high)


class SweetSpot(Result):
    """Scores of a grid of shares, each against the 0 % control. Made by :func:`sweet_spot`."""

    title: ClassVar[str] = "Sweet spot"

    rows: list[ShareRow] = Field(title="shares")
    """The shares, ascending; the first is 0."""

    n_seeds: int
    """Number of runs of each share."""

    @property
    def best_row(self) -> ShareRow:
        """The share with the highest mean score, of equal ones the lowest."""
        return max(self.rows, key=lambda row: row.score)

    @property
    def best(self) -> float:
        """Share with the highest mean score, of equal ones the lowest."""
        return self.best_row.share

    @property
    def gain(self) -> float:
        """Gain of the best share over the control."""
        return self.best_row.gain

    @property
    def interval(self) -> tuple[float, float] | None:
        """5th and 95th percentile of that gain; None with a single seed."""
        return self.best_row.interval

    @property
    def interior(self) -> bool:
        """Whether shares on both sides of the best score less; if not, try a wider grid."""
        return self.best_row not in (self.rows[0], self.rows[-1])

    @property
    def loses(self) -> tuple[float, ...]:
        """Shares that score less than the control."""
        return tuple(row.share for row in self.rows if row.gain < 0)

    @classmethod
    def of(cls, rows: list[ShareRow], n_seeds: int) -> "SweetSpot":
        """The result of these shares, with its headline."""
        found = cls(headline="", rows=rows, n_seeds=n_seeds)
        best = found.best_row
        if best.share == 0:
            said = "no share scores above the 0 % control"
        else:
            said = f"best share {_percent(best.share)}, {best.gain:+.3g} against the 0 % control"
            if best.interval is not None:
                said += f" (90 % interval {best.low:+.3g} to {best.high:+.3g})"
        if best.best_in is None:
            said += "; one seed, so there is no interval"
        else:
            said += f"; best in {_percent(best.best_in)} of draws over {n_seeds} seeds"
        if best.share > 0 and not found.interior:
            said += "; it is the end of the grid, so try more"
        if found.loses:
            said += f"; below the control: {', '.join(map(_percent, found.loses))}"
        return found.model_copy(update={"headline": said})


def sweet_spot(
    shares: Shares,
    scores: ArrayLike | None = None,
    *,
    score: str = "score",
    n_draws: int = 1000,
    seed: int = 0,
) -> SweetSpot:
    """Find the share of records beyond the core that scores best at the same total.

    The bootstrap draws whole seeds, so that each draw compares shares run with the same seeds.
    With few seeds its intervals are too narrow; and the best of several shares is a little
    lucky, so that a new run will gain less.

    Two code models were best with 10 % of 20,000 records from beyond the core, and one with 3 %
    of 75,000; more hurt again [1]_. Those were single runs.

    Parameters
    ----------
    shares
        Shares of records beyond the core, in any order (k,), from 0 to 1, 0 among them. Or all
        runs at once: scores by share, one for each seed, the same seeds in the same order; or
        mappings with `share`, `seed` and a score; or a path to CSV or JSON with such columns.
    scores
        Higher is better: (n_seeds, k), or (k,) of one seed. Only with shares alone.
    score
        Column of the score.
    n_draws
        Bootstrap draws.
    seed
        Seed of the draws.

    Raises
    ------
    InputError
        A share or score is no finite number, a share lies outside [0, 1], comes twice, or was
        not run with every seed, or there is no share of 0.
    ShapeError
        There are not as many scores as shares, or fewer than two shares.
    ParameterError
        `n_draws` or `seed` is no whole number, or there is no draw.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the Decisive Effect of Instruction
       Diversity on Generalization", 2024, arXiv:2410.04717, tables 1 and 2, figure 6.

    Examples
    --------
    >>> grid = [0.0, 0.05, 0.10, 0.15, 0.20, 0.25]
    >>> print(sweet_spot(grid, [64.2, 66.2, 67.1, 66.2, 66.0, 64.5]).headline)
    best share 10 %, +2.9 against the 0 % control; one seed, so there is no interval
    >>> sweet_spot({0.0: [50, 52], 0.1: [54, 55], 0.5: [49, 50]}).loses
    (0.5,)
    """
    n_draws, seed = whole_number("n_draws", n_draws, least=1), whole_number("seed", seed)
    grid, table = _table(shares, scores, score)
    means = table.mean(axis=0)
    columns: dict[str, list[float]] = {
        "share": grid.tolist(),
        "score": means.tolist(),
        "gain": (means - means[0]).tolist(),
    }
    if len(table) > 1:
        drawn = np.random.default_rng(seed).integers(len(table), size=(n_draws, len(table)))
        again = table[drawn].mean(axis=1)  # (draws, k)
        low, high = np.percentile(again - again[:, :1], [5, 95], axis=0).tolist()
        best_in = np.bincount(again.argmax(axis=1), minlength=len(grid)) / n_draws
        columns |= {"low": low, "high": high, "best_in": best_in.tolist()}
    rows = [
        ShareRow(**dict(zip(columns, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]
    return SweetSpot.of(rows, len(table))


def _table(shares: Shares, scores: ArrayLike | None, score: str) -> tuple[Doubles, Doubles]:
    """Shares, ascending (k,), and scores (n_seeds, k)."""
    if scores is not None:
        grid, table = _arrays(shares, scores)
    elif isinstance(shares, Mapping) and shares and not any(isinstance(s, str) for s in shares):
        grid, table = _by_share(shares)
    else:
        grid, table = _of_rows(shares, score)
    for share in grid.tolist():
        if not 0 <= share <= 1:
            raise InputError(f"a share lies between 0 and 1, got {share:g}; divide percent by 100")
    order = np.argsort(grid, kind="stable")
    grid, table = grid[order], table[:, order]
    twice = grid[1:][np.diff(grid) == 0]
    if len(twice):
        raise InputError(f"the share {twice[0]:g} comes twice; give its runs as seeds of one share")
    if not np.isfinite(table).all():
        run, place = np.argwhere(~np.isfinite(table))[0].tolist()
        raise InputError(
            f"the score of run {run + 1} at share {grid[place]:g} is {table[run, place]}; "
            "leave the whole run out"
        )
    if not len(grid) or grid[0] != 0:
        raise InputError(
            f"{_CONTROL}; shares given: {', '.join(f'{share:g}' for share in grid) or 'none'}"
        )
    if len(grid) < 2:
        raise ShapeError("a grid needs two shares at least, got 0 alone; run some beyond the core")
    return grid, table


def _arrays(shares: Any, scores: ArrayLike) -> tuple[Doubles, Doubles]:
    if isinstance(shares, str | Path | Mapping):
        raise ShapeError("scores go with a list of shares; a path or a mapping holds its own")
    grid = np.array([number("shares", "a share", share) for share in shares], np.float64)
    try:
        table = np.atleast_2d(np.asarray(scores, np.float64))
    except (TypeError, ValueError) as error:
        raise ShapeError(f"scores must be numbers, as many for each seed: {error}") from None
    if table.ndim != 2 or table.shape[1] != len(grid) or not len(table):
        raise ShapeError(
            f"scores must have shape (n_seeds, {len(grid)}), as many as shares, got "
            f"{np.shape(scores)}"
        )
    return grid, table


def _by_share(shares: Mapping[float, Any]) -> tuple[Doubles, Doubles]:
    grid = np.array([number("shares", "a share", share) for share in shares], np.float64)
    runs = {
        share: [number(f"share {share:g}", "a score", one) for one in np.ravel(scores).tolist()]
        for share, scores in shares.items()
    }
    if len({len(scores) for scores in runs.values()} | {0}) > 2 or not all(runs.values()):
        told = ", ".join(f"{share:g}: {len(scores)}" for share, scores in runs.items())
        raise ShapeError(f"every share needs a score for each seed; number of scores: {told}")
    return grid, np.array(list(runs.values()), np.float64).reshape(len(runs), -1).T


def _of_rows(rows: Any, score: str) -> tuple[Doubles, Doubles]:
    found: dict[float, dict[str, float]] = {}
    for where, row in rows_of(rows, "run"):
        share = number(where, "share", cell(where, row, "share"))
        value = number(where, score, cell(where, row, score))
        seed = row.get("seed")
        unknown = seed in (None, "") or (isinstance(seed, float) and math.isnan(seed))
        key = "none" if unknown else str(seed)
        here = found.setdefault(share, {})
        if key in here:
            raise InputError(
                f"{where}: share {share:g} comes twice with seed {key}; runs of one share need "
                "seeds that differ"
            )
        here[key] = value
    seeds = list(dict.fromkeys(seed for runs in found.values() for seed in runs))
    for share, runs in found.items():
        for seed in seeds:
            if seed not in runs:
                raise InputError(
                    f"share {share:g} was not run with seed {seed}, but others were; shares are "
                    "compared seed by seed, so run it or leave that seed out"
                )
    table = np.array([[runs[seed] for runs in found.values()] for seed in seeds], np.float64)
    return np.array(list(found), np.float64), table


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
