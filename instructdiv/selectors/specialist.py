"""Specialist: a core domain, and a share of records of domains that the core lacks."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.apportion import apportion_order
from instructdiv.core.rows import Rows
from instructdiv.errors import ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors._balanced import Balanced

_LAST = 1e-9


class Specialist(Balanced):
    """Choose mostly from a core domain, and give a share of the budget to other domains.

    A model for one domain follows unseen instructions better when a part of the core gives way to
    other domains, at the same number of records; in the published runs a tenth was best at 20,000
    records, a thirtieth at 75,000, and much more did harm [1]_. The core keeps the records that
    cover it best, so its most redundant records give way. Records of other groups qualify if they
    are farther than `radius` from every record of the core; each of these groups gets the same
    quota, as far as it has such records. Core and other groups take turns, so every prefix holds
    the share. Where one side has too few records, the other gets the rest; records near the core
    come last. Time: the inner selector on each group, and O(n * core * d).

    Raises
    ------
    ShapeError
        The pool has no groups, or no group that `core` names.

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

    needs: ClassVar[tuple[str, ...]] = ("group",)
    core: str | None = None
    """Name of the core group; the largest group if not given."""

    beyond_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the budget for groups beyond the core."""

    radius: float = Field(default=0.3, ge=0, le=2)
    """Distance to the core within which a record of another group adds nothing to it."""

    def labels(self, pool: Pool) -> Rows:
        """0: core; 1: other records near the core; 2, 3, ...: each other group beyond it."""
        core, groups = self._core(pool)
        labels = np.where(core, 0, 1)
        others = np.flatnonzero(~core)
        if len(others):
            held = pool.space.take(np.flatnonzero(core))
            near = held.nearest_similarity(pool.space.take(others))
            beyond = others[1 - near > self.radius]
            _, number, sizes = np.unique(groups[beyond], return_inverse=True, return_counts=True)
            rank = np.empty(len(sizes), np.int64)
            rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
            labels[beyond] = 2 + rank[number.ravel()]
        return labels

    def weights(self, pool: Pool, sizes: Rows) -> NDArray[np.float64]:
        evened = super().weights(pool, sizes[2:])
        beyond = self.beyond_share * evened / max(evened.sum(), 1.0)
        # Records without a share come last, instead of never.
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
        """Whether each record is of the core, and its group."""
        if pool.groups is None:
            raise ShapeError(
                f"{self.name} needs the group of each record; name its column with group="
            )
        known, sizes = np.unique(pool.groups, return_counts=True)
        core = str(known[sizes.argmax()]) if self.core is None else self.core
        if core not in known:
            shown = ", ".join(known[:20].tolist()) + (", ..." if len(known) > 20 else "")
            raise ShapeError(f"core={core!r} is no group of the pool; known: {shown}")
        return pool.groups == core, pool.groups
