"""Effect: the question that results of training runs can answer, and the answer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

from instructdiv.errors import InputError, ParameterError
from instructdiv.experiments.emergence import Emergence, emergence
from instructdiv.experiments.run_table import Rows, rows_of
from instructdiv.experiments.runs import RunComparison, compare_runs
from instructdiv.experiments.sweet_spot import SweetSpot, sweet_spot

Question = Literal["emergence", "sweet_spot", "runs"]

_TOLD_BY: dict[Question, tuple[str, ...]] = {
    "emergence": ("instructions",),
    "sweet_spot": ("share",),
    "runs": ("name", "total"),
}


def effect(
    results: Rows,
    what: Question | None = None,
    *,
    columns: Sequence[str] = (),
    n_draws: int = 1000,
    seed: int = 0,
) -> Emergence | SweetSpot | RunComparison:
    """Analyze results of training runs; their columns tell the question.

    Rows with `instructions` go to :func:`emergence`, with `share` to :func:`sweet_spot`, with
    `name` and `total` to :func:`compare_runs`.

    Parameters
    ----------
    results
        Mappings, or a path to CSV or JSON.
    what
        emergence, sweet_spot or runs; found from the columns if not given.
    columns
        Columns of the score; only `runs` takes several.
    n_draws
        Number of bootstrap draws.
    seed
        Seed of the draws.

    Raises
    ------
    InputError
        The results cannot be read, or their columns fit no question, or several.
    ParameterError
        There is no such question, or it has one score and several columns were given.

    Examples
    --------
    >>> print(effect([{"share": 0, "score": 64.2}, {"share": 0.1, "score": 67.1}]))
    best share 10 %, +2.9 against the 0 % control; one seed, so there is no interval; it is the
    end of the grid, so try more
    <BLANKLINE>
    Shares
    share  score  gain
     0.0%   64.2    +0
    10.0%   67.1  +2.9
    """
    if isinstance(results, Iterator):
        results = list(results)
    if what is None:
        what = _told(results)
    if what not in get_args(Question):
        known = ", ".join(get_args(Question))
        raise ParameterError(f"results are asked for one of {known}, got {what!r}")
    if what == "runs":
        return compare_runs(results, scores=list(columns) or None)
    if len(columns) > 1:
        raise ParameterError(f"{what} takes one column of scores, got {', '.join(columns)}")
    column = columns[0] if columns else None
    if what == "emergence":
        return emergence(results, accuracy=column, n_draws=n_draws, seed=seed)
    return sweet_spot(results, score=column or "score", n_draws=n_draws, seed=seed)


def _told(results: Rows) -> Question:
    where, row = rows_of(results, "run")[0]
    columns = set(row) if isinstance(row, Mapping) else set()
    fits = [what for what, needed in _TOLD_BY.items() if columns >= set(needed)]
    if len(fits) == 1:
        return fits[0]
    ways = "; ".join(f"{what}: {', '.join(needed)}" for what, needed in _TOLD_BY.items())
    found = ", ".join(map(str, columns and row)) or "none"
    problem = "fit more than one question" if fits else "fit none"
    raise InputError(f"the columns of {where} ({found}) {problem}; {ways}; say which")
