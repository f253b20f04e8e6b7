"""A core domain, and a share of records of the domains that it lacks."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.apportion import apportion_order
from instructdiv.errors import ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors._balanced import Balanced

Rows = NDArray[np.int64]

_LAST = 1e-9


class Specialist(Balanced):
    """Choose a core domain, and for a share of the budget what other domains have beyond it.

    A model that is to be good at one thing follows unseen instructions better when a part of
    the core gives way to other domains, at the same number of records; in the published runs a
    tenth was best at 20,000 records, a thirtieth at 75,000, and much more did harm [1]_. Of the
    core the records that cover it best are kept, so that its most redundant ones give way. Of
    the other groups those are open that are farther than `radius` from every record of the
    core, and each group gets the same quota, as far as it has such records. Records are dealt
    out in turns, so every prefix holds the share. Where the core or what is beyond it has too
    few, the other gets the rest, and what is near the core comes last. Time that of the inner
    selector on each group, and O(n * core * d).

    Raises
    ------
    ShapeError
        The pool has no groups, or none of the name of the core.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the decisive effect of instruction
       diversity on generalization", arXiv 2410.04717, 2024.

    Examples
    --------
    >>> vectors = [[1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    >>> pool = Pool.from_embeddings(vectors, groups=["code", "code", "law", "maths"])
    >>> Specialist(core="code", beyond_share=0.5).select(pool, 2).indices.tolist()
    [0, 2]
    """

    core: str | None = None
    """Name of the group that is the core; the largest group if not given."""

    beyond_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the budget that goes to other groups."""

    radius: float = Field(default=0.3, ge=0, le=2)
    """Distance within which a record of another group is as good as in the core already."""

    def parts(self, pool: Pool) -> Rows:
        """0: the core; 1: what of others is near it; 2, 3, ...: what each other has beyond it."""
        core, groups = self._core(pool)
        parts = np.where(core, 0, 1)
        others = np.flatnonzero(~core)
        if len(others):
            held = pool.space.take(np.flatnonzero(core))
            near = held.nearest_similarity(pool.space.take(others))
            beyond = others[1 - near > self.radius]
            _, number, sizes = np.unique(groups[beyond], return_inverse=True, return_counts=True)
            rank = np.empty(len(sizes), np.int64)
            rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
            parts[beyond] = 2 + rank[number.ravel()]
        return parts

    def weights(self, pool: Pool, sizes: Rows) -> NDArray[np.float64]:
        evened = super().weights(pool, sizes[2:])
        beyond = self.beyond_share * evened / max(evened.sum(), 1.0)
        # Nothing is left out for good: what has no share comes last.
        weights = np.concatenate([[1 - self.beyond_share, 0], beyond])
        return np.asarray(np.maximum(weights, _LAST), np.float64)

    def turns(self, n: int, weights: NDArray[np.float64], capacities: Rows) -> Rows:
        sides = np.array([1 - self.beyond_share, self.beyond_share])
        held = np.array([capacities[0], capacities[2:].sum()])
        shared = apportion_order(min(n, int(held[sides > 0].sum())), sides, held)
        turns = np.zeros(len(shared), np.int64)
        n_beyond = int(shared.sum())
        dealt = 2 + apportion_order(int(held[1]), weights[2:], capacities[2:])
        turns[shared == 1] = dealt[:n_beyond]
        core_left = np.zeros(capacities[0] - (len(shared) - n_beyond), np.int64)
        near = np.ones(capacities[1], np.int64)
        return np.concatenate([turns, core_left, dealt[n_beyond:], near])[:n]

    def _core(self, pool: Pool) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
        """Which records are of the core, and the group of each."""
        if pool.groups is None:
            raise ShapeError(
                f"{self.name} needs the group of each record; name the column that holds it"
            )
        known, sizes = np.unique(pool.groups, return_counts=True)
        core = str(known[sizes.argmax()]) if self.core is None else self.core
        if core not in known:
            shown = ", ".join(known[:20].tolist()) + (", ..." if len(known) > 20 else "")
            raise ShapeError(f"no group is named {core!r}, the core; known: {shown}")
        return pool.groups == core, pool.groups
