"""Plan: how long a selection will take here and how much memory, before any data is read."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from instructdiv.budget import Budget
from instructdiv.errors import BudgetError, ShapeError
from instructdiv.selectors import Selector, default_selector

_HOUR = 3600
_TRIES = 15
_LOOKED_UP = 1_000_000


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Machine(_Frozen):
    """How fast a machine does what selections are made of."""

    products: float
    """Multiplications a second in the product of two large matrices."""

    sweeps: float
    """Numbers a second in the product of a matrix with one vector."""

    touches: float
    """Numbers a second that are looked up here and there and added."""

    available_bytes: int | None = None
    """Memory that is free, or can be made free at once; none if nobody says."""

    @classmethod
    def measured(cls) -> "Machine":
        """Measure this machine as it is now, in a fraction of a second and less than 100 MB."""
        random = np.random.default_rng(0)
        queries = random.random((1000, 384), np.float32)
        vectors = random.random((4096, 384), np.float32)
        tall = np.tile(vectors, (4, 1))
        values = random.random(_LOOKED_UP, np.float32)
        places = random.integers(0, _LOOKED_UP, _LOOKED_UP)
        return cls(
            products=queries.size * len(vectors) / _fastest(lambda: queries @ vectors.T),
            sweeps=tall.size / _fastest(lambda: tall @ queries[0]),
            touches=_LOOKED_UP / _fastest(lambda: values[places] + values),
            available_bytes=available_bytes(),
        )


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
    """Seconds that choosing takes, once the records are embedded."""

    peak_bytes: int
    """Bytes at the peak, the vectors among them; the records themselves come on top."""

    vector_bytes: int
    """Bytes of the vectors."""

    available_bytes: int | None
    """Memory of this machine that is free; none if nobody says."""

    fits: bool | None
    """Whether the peak fits into the memory that is free; none if nobody knows."""

    route: str
    """How similarities are come by."""

    approximation: str
    """What the result gives up for it."""

    machine: Machine
    """The speeds that the seconds were told from."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against starting it as it is, a sentence each."""
        found = []
        if self.fits is False and self.available_bytes is not None:
            found.append(
                f"it does not fit: {_size(self.available_bytes)} of memory are free; choose from "
                "a part of the pool, or take a selector or parameters that need less"
            )
        if self.seconds > _HOUR:
            found.append("it takes more than an hour; try it on a part of the pool first")
        return tuple(found)

    def to_json(self) -> str:
        """The plan as one JSON object."""
        return self.model_dump_json(indent=2)

    def __str__(self) -> str:
        lines = [
            f"{self.records:,} records of {self.n_dimensions:,} dimensions, {self.chosen:,} chosen "
            f"by {self.selector['name']}: {_duration(self.seconds)}, {_size(self.peak_bytes)} at "
            f"the peak, of which {_size(self.vector_bytes)} are vectors",
            f"route: {self.route}",
            f"approximation: {self.approximation}",
        ]
        if self.fits and self.available_bytes is not None:
            lines.append(f"memory: it fits into the {_size(self.available_bytes)} that are free")
        if self.fits is None:
            lines.append("memory: how much is free cannot be told here")
        return "\n".join(lines + [f"warning: {warning}" for warning in self.warnings])


def plan(
    pool_size: int,
    n_dimensions: int,
    budget: Budget | int,
    selector: Selector | Mapping[str, Any] | str | None = None,
    *,
    machine: Machine | None = None,
) -> Plan:
    """Tell how long a selection will take on this machine and how much memory, without data.

    Nothing of the size of the pool is made. Embedding comes on top: it takes longer than
    most selections unless the vectors are at hand.

    Parameters
    ----------
    pool_size
        Number of records to choose from.
    n_dimensions
        Number of components of a vector; 384 with the default embedder.
    budget
        Records to choose, or a share of them.
    selector
        What chooses: a selector, its name, or a mapping of its name and parameters;
        :func:`instructdiv.default_selector` if not given.
    machine
        Speeds to reckon with; those of this machine, measured anew, if not given.

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
    >>> machine = Machine(products=2e10, sweeps=2e9, touches=1e8, available_bytes=8 * 10**9)
    >>> print(plan(200_000, 384, 2_000, "random", machine=machine))
    200,000 records of 384 dimensions, 2,000 chosen by random: less than a second, 310 MB at the peak, of which 307 MB are vectors
    route: exact
    approximation: none
    memory: it fits into the 8.0 GB that are free
    """  # noqa: E501
    _check_whole(pool_size, "the size of the pool")
    _check_whole(n_dimensions, "the number of dimensions")
    chooser = default_selector() if selector is None else Selector.from_mapping(selector)  # type: ignore[arg-type]
    n_chosen = _n_chosen(Budget.of(budget), pool_size)
    machine = machine or Machine.measured()
    work = chooser.work(int(pool_size), int(n_dimensions), n_chosen)
    vector_bytes = 4 * int(pool_size) * int(n_dimensions)
    peak_bytes = vector_bytes + int(work.memory)
    free = machine.available_bytes
    return Plan(
        records=pool_size,
        n_dimensions=n_dimensions,
        chosen=n_chosen,
        selector=chooser.to_mapping(),
        seconds=work.products / machine.products
        + work.sweeps / machine.sweeps
        + work.touches / machine.touches,
        peak_bytes=peak_bytes,
        vector_bytes=vector_bytes,
        available_bytes=free,
        fits=None if free is None else peak_bytes <= free,
        route=work.route,
        approximation=work.approximation,
        machine=machine,
    )


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


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of a few tries, after one that does not count."""
    work()
    seconds = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return max(min(seconds), 1e-9)


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
