"""Trials: every selector run at every budget, with nothing done twice."""

import logging
import time
from collections import Counter
from dataclasses import dataclass

from instructdiv.budget import Budget
from instructdiv.core.allowance import Allowance
from instructdiv.embedders import Progress
from instructdiv.errors import InstructdivError
from instructdiv.pool import Pool
from instructdiv.selection import Selection
from instructdiv.selectors import Maximizer, Selector

_log = logging.getLogger("instructdiv")


@dataclass(frozen=True)
class Spending:
    """A budget, checked against the pool."""

    name: str
    """The budget in words."""

    budget: Budget
    """Budget of the trial: records or tokens."""

    allowance: Allowance
    """What that allows on the rows of the pool."""

    @property
    def share(self) -> float:
        """How much of the pool it can buy, whatever it counts."""
        return self.allowance.limit / int(self.allowance.costs.sum())

    @property
    def has_prefixes(self) -> bool:
        """Whether a nested selector's choice is a prefix of that at a larger such budget."""
        return self.budget.tokens is None and not self.budget.constrained


@dataclass(frozen=True)
class Trial:
    """What came of a selector at a budget."""

    selection: Selection | None
    """The selection; None if the selector could not run."""

    seconds: float | None
    """Seconds that it took."""

    error: str | None = None
    """Why it could not run."""

    def prefix(self, n_records: int) -> "Trial":
        """What came of the same run at a smaller budget of records."""
        if self.selection is None:
            return self
        return Trial(self.selection.prefix(n_records), self.seconds)


def trials(
    pool: Pool,
    choosers: dict[str, Selector],
    spendings: list[Spending],
    progress: Progress,
    target: Pool | None = None,
) -> tuple[dict[tuple[str, str], Trial], float]:
    """Every run by the names of selector and budget, and the seconds of what they share."""
    plain = [s for s in spendings if s.has_prefixes]
    runs: dict[tuple[str, str], Trial] = {}

    def run(name: str, selector: Selector) -> None:
        progress("select", len(runs) // len(spendings), len(choosers))
        nested = plain if _is_nested(selector) else []
        if nested:
            longest = max(nested, key=lambda s: s.allowance.limit)
            whole = _timed(name, selector, pool, longest.budget, target)
            runs.update({(name, s.name): whole.prefix(s.allowance.limit) for s in nested})
        for spending in spendings:
            if spending not in nested:
                runs[name, spending.name] = _timed(name, selector, pool, spending.budget, target)

    times = {
        name: len(spendings) - (max(len(plain), 1) - 1 if _is_nested(selector) else 0)
        for name, selector in choosers.items()
    }
    sharing, n_neighbors = _sharing(choosers, times, len(pool)) if target is None else ([], 0)
    start = time.perf_counter()
    graph = pool.space.neighbors(n_neighbors) if sharing else None
    shared_seconds = time.perf_counter() - start if sharing else 0.0
    # Another graph would take the place of the shared one: those that make one come last.
    for name in sharing:
        run(name, choosers[name])
    del graph
    for name, selector in choosers.items():
        if name not in sharing:
            run(name, selector)
    progress("select", len(choosers), len(choosers))
    return runs, shared_seconds


def _is_nested(selector: Selector) -> bool:
    parts = (getattr(selector, name) for name in type(selector).model_fields)
    return selector.nested and all(_is_nested(p) for p in parts if isinstance(p, Selector))


def _sharing(
    choosers: dict[str, Selector], times: dict[str, int], n_rows: int
) -> tuple[list[str], int]:
    """Who covers on the graph that most runs use, and how many neighbors it has."""
    neighbors = {
        name: min(selector.n_neighbors, n_rows)
        for name, selector in choosers.items()
        if isinstance(selector, Maximizer) and hasattr(selector, "n_neighbors")
    }
    uses: Counter[int] = Counter()
    for name, k in neighbors.items():
        uses[k] += times[name]
    if not uses or max(uses.values()) < 2:
        return [], 0
    most = uses.most_common(1)[0][0]
    return [name for name, k in neighbors.items() if k == most], most


def _timed(name: str, selector: Selector, pool: Pool, budget: Budget, target: Pool | None) -> Trial:
    aim = target if selector.covers_target else None
    start = time.perf_counter()
    try:
        selection = selector.select(pool, budget, target=aim)
    except Exception as error:
        if isinstance(error, InstructdivError):
            return Trial(None, None, str(error))
        _log.warning("%s could not run", name, exc_info=True)
        return Trial(None, None, f"{type(error).__name__}: {error}")
    return Trial(selection, time.perf_counter() - start)
