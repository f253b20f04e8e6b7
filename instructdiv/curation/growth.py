"""Growth: how seconds and bytes grow with the number of records, told from small runs."""

import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

Costs = dict[int, float]
"""Cost of a stage, in seconds or bytes, by the number of records."""

_POWERS = (0.0, 1.0, 2.0)
# Rows of the largest blocks that are worked on at once: memory grows as the square of fewer
# rows, and no longer does beyond.
_BLOCK = 4096
# Records of the first trial, and how many times more each next one has.
_FIRST, _STEP = 500, 3

# A trial shorter than this is repeated, as other programs disturb it; the shortest counts.
_TRIES, _SHORT = 3, 0.5
# Less than these seconds is noise.
_LEAST = 0.01

LONGEST = 3.0
"""Seconds that a stage of a trial may take, as far as that can be known beforehand."""


def climbed(
    run: Callable[[int, Sequence[str]], Mapping[str, float]], stages: Sequence[str], n_most: int
) -> dict[str, Costs]:
    """Seconds of stages at two or more sizes, three times as large each time.

    A stage is tried at a larger size as long as that is likely to take less than three seconds.

    Parameters
    ----------
    run
        Runs stages on a number of records, and gives the seconds of each.
    stages
        Names of the stages.
    n_most
        Number of records that are at hand.
    """
    found: dict[str, Costs] = {stage: {} for stage in stages}

    def take(n: int, some: Sequence[str]) -> None:
        tries = [run(n, some)]
        while len(tries) < _TRIES and sum(sum(one.values()) for one in tries) < _SHORT:
            tries.append(run(n, some))
        for stage in some:
            found[stage][n] = max(_LEAST, min(one[stage] for one in tries))

    n, active = min(_FIRST, n_most), list(stages)
    while active:
        take(n, active)
        if n == n_most:
            break
        n = min(_STEP * n, n_most)
        active = [stage for stage in active if extrapolated(found[stage], n) <= LONGEST]
    alone = [stage for stage in stages if len(found[stage]) == 1]
    if alone and n_most > _FIRST:
        take(_FIRST // _STEP, alone)
    return found


def extrapolated(costs: Costs, size: int) -> float:
    """Cost at a size, from the costs at smaller ones; a size that was measured costs that.

    The mean of two estimates: a power of the size through the last two costs, which
    is too low where parts of the cost grow differently; and a sum of a constant, a linear and
    a quadratic part, none negative, with the least relative errors, which is too high where
    the costs fluctuate.

    Examples
    --------
    >>> round(extrapolated({1000: 1.0, 2000: 4.0, 4000: 16.0}, 100_000))
    10000
    >>> round(extrapolated({1000: 1.1, 2000: 2.1, 4000: 4.1}, 100_000))
    96
    """
    from scipy.optimize import nnls

    if size in costs:
        return costs[size]
    sizes = np.array(sorted(costs), np.float64)
    measured = np.array([max(costs[n], 1e-9) for n in sorted(costs)])
    last, larger = measured[-1], size / sizes[-1]
    if len(sizes) == 1:
        return float(last * larger)
    power = np.log(last / measured[-2]) / np.log(sizes[-1] / sizes[-2])
    powers = np.array(_POWERS)
    if len(sizes) == 2:
        powers = powers[:2] if power <= 1 else powers[1:]
    parts = (sizes[:, None] / sizes[-1]) ** powers
    weights, _ = nnls(parts / measured[:, None], np.ones(len(measured)))
    return float(last * larger ** min(max(power, 0.0), 2.0) + weights @ larger**powers) / 2


def extrapolated_bytes(peaks: Costs, size: int) -> float:
    """Bytes at a size, from those at smaller ones: a power of the size through the last two.

    The power is at most 1 where there were fewer rows than the blocks that matrices are
    worked on in: how these grow says nothing about larger sizes.

    Examples
    --------
    >>> round(extrapolated_bytes({5000: 2e7, 10_000: 4e7}, 100_000) / 1e6)
    400
    >>> round(extrapolated_bytes({500: 1e6, 1000: 4e6}, 100_000) / 1e6)
    400
    """
    *smaller, (n, most) = sorted(peaks.items())
    power, highest = 1.0, 1.0
    if smaller:
        m, least = smaller[-1]
        power = float(np.log(max(most, 1) / max(least, 1)) / np.log(n / m))
        highest = 2.0 if m >= _BLOCK else 1.0
    return float(most * (size / n) ** min(max(power, 0.0), highest))


@contextmanager
def seconds_of(costs: dict[str, float], stage: str) -> Iterator[None]:
    """Note the seconds of what is done inside."""
    start = clock()
    yield
    costs[stage] = clock() - start


class Traced:
    """Traces memory: bytes at the peak, and at the end, beside what was there before.

    What Python and numpy allocate is seen; what libraries take from the system is not.

    Examples
    --------
    >>> with Traced() as traced:
    ...     numbers = np.ones(1_000_000, np.float32)
    ...     peak, held = traced.peak(), traced.held()
    >>> round(peak / 1e6), round(held / 1e6)
    (4, 4)
    """

    def __enter__(self) -> "Traced":
        self._stops = not tracemalloc.is_tracing()
        tracemalloc.start()
        tracemalloc.reset_peak()
        self._before = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(self, *_: object) -> None:
        if self._stops:
            tracemalloc.stop()

    def held(self) -> int:
        """Bytes that are held now."""
        return tracemalloc.get_traced_memory()[0] - self._before

    def peak(self) -> int:
        """Bytes at the peak since the last call, or the beginning."""
        highest = tracemalloc.get_traced_memory()[1] - self._before
        tracemalloc.reset_peak()
        return highest


clock = time.perf_counter


def resident_bytes() -> int:
    """Memory of this process now: of the system, where it tells; else the most it ever had."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return most_resident_bytes()


def most_resident_bytes() -> int:
    """The most memory that this process ever had; 0 where the system does not report it."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def available_bytes() -> int | None:
    """Memory of this machine that is free or can be made free; None where it is not reported."""
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
