"""Gaps: the regions that lie far from everything that was chosen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.report.examples import Showing
from instructdiv.report.facts import Gap
from instructdiv.report.names import Names

Rows = NDArray[np.int64]

_MOST = 8
_EXAMPLES = 3
_CANDIDATES = 1000
_LOOKED_AT, _AT_LEAST = 20_000, 2_000
_PRODUCTS = 3e8
_MARKED = 0.05
_LEAST_GAIN = 0.1


def gaps(
    of: str,
    covered: Pool,
    near: "Nearness",
    data: Pool,
    kept: Rows | None,
    names: Names | None,
    seed: int,
) -> list[Gap]:
    """Regions of a pool that lie far from the chosen records of a data set, the worst first.

    Parameters
    ----------
    of
        What the pool that should be covered is called.
    covered
        That pool.
    similarity_threshold
        How near its rows are to what was chosen.
    data
        The data set, which may be the same pool.
    kept
        Its chosen rows; all of them if not given.
    names
        Names parts of the pool that should be covered.
    seed
        Seed of the sample of rows that a gap may start from.
    """
    rows = np.arange(len(data)) if kept is None else np.sort(kept)
    chosen = data.space if kept is None else data.space.take(rows)
    show_data = Showing(data, kept)
    show = show_data if covered is data else Showing(covered)

    def gap(region: Region) -> Gap:
        shown = region.rows[:_EXAMPLES]
        place, nearness = _nearest(chosen, covered, shown[0])
        candidate = None
        if covered is not data and kept is not None:
            candidate = show_data(*_nearest(data.space, covered, shown[0]))
        return Gap(
            of=of,
            name="" if names is None else names.of(region.rows),
            records=region.records,
            similarity=region.similarity,
            similarity_then=region.similarity_then,
            gain=region.gain,
            examples=show.all(shown, chosen.nearest_similarity(covered.space.take(shown))),
            nearest=show_data(int(rows[place]), nearness),
            candidate=candidate,
        )

    return [gap(region) for region in find_regions(covered.space, near, seed)]


def _nearest(space: Space, covered: Pool, row: int) -> tuple[int, float]:
    similarity, nearest = space.nearest(covered.space.take([row]), 1)
    return int(nearest[0, 0]), float(similarity[0, 0])


@dataclass(frozen=True)
class Region:
    """Rows that one of them would cover better than anything chosen does."""

    rows: Rows
    """The rows looked at that are in it, the one that would cover it first, then by how much
    they would gain."""

    records: int
    """Estimated number of its rows, where only a sample was looked at."""

    similarity: float
    """Mean similarity of its rows to the nearest chosen one."""

    similarity_then: float
    """What that would be if the first were chosen too."""

    gain: float
    """What it would add to the sum of similarities over all rows, beyond what the first rows of
    the regions before it do."""


@dataclass(frozen=True, eq=False)
class Nearness:
    """How near rows are to the nearest chosen one; of many rows a random sample is looked at."""

    rows: Rows
    """(m,) the rows that were looked at, ascending."""

    similarity: NDArray[np.float32]
    """(m,) similarity of each to the nearest chosen row."""

    @classmethod
    def of(cls, space: Space, kept: Space, seed: int) -> "Nearness":
        """Look at 20,000 rows of a space, or fewer where very many were chosen."""
        most = min(_LOOKED_AT, max(_AT_LEAST, int(_PRODUCTS // len(kept))))
        rows = np.arange(len(space))
        if len(rows) > most:
            rows = np.sort(np.random.default_rng(seed).choice(len(space), most, replace=False))
        return cls(rows, kept.nearest_similarity(space.take(rows)))


def find_regions(space: Space, near: Nearness, seed: int) -> list[Region]:
    """Regions of a space far from chosen rows, where facility location would go on.

    Row by row the one is taken that would raise the sum over all rows of the similarity to
    the nearest chosen one most; its region are the rows that it is nearer to, by .05 at
    least, than anything chosen or taken before. Of the rows that were looked at 1,000 may be
    taken, those far from everything chosen more likely.

    Parameters
    ----------
    space
        The rows that should be covered.
    similarity_threshold
        How near they are to what was chosen.
    seed
        Seed of what may be taken.
    """
    looked, before = near.rows, near.similarity
    scale = len(space) / len(looked)
    best = before.copy()
    # Gumbel noise on log weights draws without replacement in proportion to the weights.
    random = np.random.default_rng(seed)
    keys = np.log(np.maximum(1 - best, 0) + 1e-9) + random.gumbel(size=len(looked))
    candidates = np.sort(np.argsort(-keys, kind="stable")[:_CANDIDATES])
    to = space.similarity(looked[candidates], looked)
    found: list[Region] = []
    while len(found) < _MOST:
        gains = np.maximum(to - best, 0).sum(axis=1, dtype=np.float64) * scale
        taken = int(gains.argmax())
        rise = to[taken] - best
        inside = np.flatnonzero(rise >= _MARKED)
        if gains[taken] < _LEAST_GAIN or not len(inside):
            break
        own = candidates[taken]
        order = inside[np.argsort(-rise[inside], kind="stable")]
        rows = np.concatenate([[own], order[order != own]])
        found.append(
            Region(
                looked[rows],
                max(1, round(len(inside) * scale)),
                float(before[inside].mean()),
                float(to[taken][inside].mean()),
                float(gains[taken]),
            )
        )
        best = np.maximum(best, to[taken])
    return found
