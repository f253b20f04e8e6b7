"""Plan: how long a selection will take here and how much memory, before any data is read."""

import math
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from instructdiv.budget import Budget
from instructdiv.errors import BudgetError, ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors import Selector, default_selector

_HOUR = 3600


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Plan(_Frozen):
    """What a selection is going to take, told from its sizes and the speed of the machine."""

    records: int
    """Records of the pool."""

    n_dimensions: int
    """Components of a vector."""

    chosen: int
    """Records to choose."""

    selector: dict[str, Any]
    """What chooses, as its name and parameters."""

    seconds: float
    """Seconds of the selection, extrapolated from two smaller ones; embedding not included."""

    vector_bytes: int
    """Bytes of the vectors."""

    available_bytes: int | None
    """Memory of this machine that is free; None where the system does not report it."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against starting it as it is, a sentence each."""
        if self.seconds > _HOUR:
            return ("it takes more than an hour; try it on a part of the pool first",)
        return ()

    def to_json(self) -> str:
        """The plan as one JSON object."""
        return self.model_dump_json(indent=2)

    def __str__(self) -> str:
        lines = [
            f"{self.records:,} records of {self.n_dimensions:,} dimensions, {self.chosen:,} chosen "
            f"by {self.selector['name']}: {_duration(self.seconds)}, and "
            f"{_size(self.vector_bytes)} of vectors; embedding comes on top",
        ]
        return "\n".join(lines + [f"warning: {warning}" for warning in self.warnings])


def plan(
    pool_size: int,
    budget: Budget | int,
    selector: Selector | Mapping[str, Any] | str | None = None,
    *,
    n_dimensions: int = 384,
) -> Plan:
    """Tell how long a selection will take on this machine, from two smaller ones that are timed.

    Parameters
    ----------
    pool_size
        Number of records to choose from.
    budget
        Records to choose, or a share of them.
    selector
        What chooses: a selector, its name, or a mapping of its name and parameters;
        :func:`instructdiv.default_selector` if not given.
    n_dimensions
        Number of components of a vector; 384 with the default embedder.

    Raises
    ------
    BudgetError
        The budget is larger than the pool, or counts tokens.
    ShapeError
        The size of the pool or the number of dimensions is not a whole number above 0.
    UnknownPart
        No selector has the name.

    Examples
    --------
    >>> plan(2_000, 100, "random").chosen
    100
    """
    _check_whole(pool_size, "the size of the pool")
    _check_whole(n_dimensions, "the number of dimensions")
    chooser = default_selector() if selector is None else Selector.of(selector)
    n_chosen = _n_chosen(Budget.of(budget), pool_size)
    sizes = [min(pool_size, size) for size in (1000, 3000)]
    small, large = (_seconds(chooser, n, n_dimensions, n_chosen / pool_size) for n in sizes)
    power = 1.0
    if sizes[0] < sizes[1]:
        power = max(0.0, math.log(large / small) / math.log(sizes[1] / sizes[0]))
    return Plan(
        records=pool_size,
        n_dimensions=n_dimensions,
        chosen=n_chosen,
        selector=chooser.to_mapping(),
        seconds=large * (pool_size / sizes[1]) ** power,
        vector_bytes=4 * int(pool_size) * int(n_dimensions),
        available_bytes=available_bytes(),
    )


def _seconds(selector: Selector, n_rows: int, n_dimensions: int, share: float) -> float:
    """Seconds of a selection from made-up vectors."""
    random = np.random.default_rng(0)
    pool = Pool.from_embeddings(
        random.standard_normal((n_rows, n_dimensions), np.float32),
        np.arange(n_rows) % max(1, round(n_rows**0.5)),
        quality=random.random(n_rows),
    )
    pool = replace(pool, known_texts=("some words of a record",) * n_rows)
    target = pool.take(np.arange(min(n_rows, 500))) if selector.needs_target else None
    start = time.perf_counter()
    selector.select(pool, max(1, round(share * n_rows)), target=target)
    return time.perf_counter() - start


def available_bytes() -> int | None:
    """Memory of this machine that is free or can be made free at once, if it can be told."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _check_whole(number: Any, name: str) -> None:
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or number < 1:
        raise ShapeError(f"{name} must be a whole number above 0, got {number!r}")


def _n_chosen(budget: Budget, pool_size: int) -> int:
    if budget.tokens is not None:
        raise BudgetError(
            f"a plan cannot tell how many records {budget.tokens:,} tokens are; give the budget "
            "in records: the tokens over those of an average record"
        )
    n_chosen = budget.records or max(1, round((budget.share or 0) * pool_size))
    if n_chosen > pool_size:
        raise BudgetError(
            f"the budget asks for {n_chosen:,} records, but the pool holds {pool_size:,}; "
            f"ask for at most {pool_size:,}"
        )
    return n_chosen


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    for unit, length in (("h", _HOUR), ("min", 60)):
        if seconds >= 1.5 * length:
            amount = seconds / length
            return f"about {amount:.1f} {unit}" if amount < 10 else f"about {amount:,.0f} {unit}"
    return f"about {seconds:.0f} s"


def _size(n_bytes: int) -> str:
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= length:
            amount = n_bytes / length
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:,.0f} {unit}"
    return f"{max(n_bytes / 1e3, 1):.0f} kB"
