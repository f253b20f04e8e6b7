"""k-nearest-neighbor transport: the target's mass moved to its nearest records, spread evenly."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks, Rows
from instructdiv.core.nearest_first import nearest_first, rows_of, similarities_of
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector

# What TSDS weighs the distance against: its C.
_DISTANCE_SCALE = 5.0


class KnnUniform(Selector):
    """Take the records that receive most of the target's mass in a regularized transport.

    Each record of the target spreads an equal share of the mass evenly over its k nearest
    records [1]_. The number k is the same for all, and the best under a cost that weighs the
    mean distance that mass travels against how unevenly it arrives. Records that many targets
    share receive most. The published method then draws with replacement; this takes the
    records by mass, each once, of equal mass the most similar first, and those that receive
    none last, by their similarity to the nearest target. Records given already receive theirs
    too. The gain of a record is its mass.
    Time O(n * targets * d), memory O(n + targets * neighbors).

    References
    ----------
    .. [1] Z. Liu, A. Karbasi, T. Rekatsinas, "TSDS: data selection for task-specific model
       finetuning", NeurIPS 2024.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [-1.0, 1.0]])
    >>> selector = KnnUniform(similarity_weight=0.95)
    >>> selector.select(pool, 2, target=[[1.0, 0.1], [0.5, 0.5]]).indices.tolist()
    [1, 0]
    """

    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    similarity_weight: float = Field(default=0.5, gt=0, lt=1)
    """Weight of nearness against an even spread: towards 1 each target gives to its nearest
    record alone. The alpha of the paper."""

    n_neighbors: int = Field(default=1000, ge=1)
    """Most records that a target spreads its mass over."""

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        rows = np.union1d(allowance.rows, given)
        near, similarities = _nearest(pool, target, rows, min(self.n_neighbors, len(rows)))
        share = self._shares(pool, near)
        mass = np.zeros(len(pool))
        np.add.at(
            mass, near.ravel(), _transported(similarities, share, self.similarity_weight).ravel()
        )
        nearness = np.full(len(pool), -2.0)
        np.maximum.at(nearness, near.ravel(), similarities.ravel())
        return by_mass(pool, allowance, target, mass, nearness)

    def _shares(self, pool: Pool, near: Rows) -> NDArray[np.float64]:
        """How much of an even share each of these records may receive, (targets, k) float64."""
        return np.ones(near.shape)


def by_mass(
    pool: Pool,
    allowance: Allowance,
    target: Pool,
    mass: NDArray[np.float64],
    nearness: NDArray[np.float64],
) -> Picks:
    """Rows by mass (n,), of equal mass by nearness (n,); what has none by nearness to any target.

    The gain of a row is its mass.
    """
    rows = allowance.rows[mass[allowance.rows] > 0]
    order = rows[np.lexsort((rows, -nearness[rows], -mass[rows]))]
    if not (allowance.counts_records and allowance.groups is None and len(rows) >= allowance.limit):
        rest = np.setdiff1d(allowance.rows, rows, assume_unique=True)
        similarity = target.space.nearest_similarity(pool.space)[rest]
        order = np.concatenate([order, rest[np.argsort(-similarity, kind="stable")]])
    indices = allowance.fill(order)
    return indices, mass[indices]


def _nearest(
    pool: Pool, target: Pool, rows: Rows, n_neighbors: int
) -> tuple[Rows, NDArray[np.float64]]:
    """Each target's nearest rows, in order, (targets, k) int64, and how similar they are."""
    depth = n_neighbors
    while True:
        lists = nearest_first(pool.space, target.space, rows, depth)
        if min(map(len, lists)) >= n_neighbors:
            keys = np.stack([one[:n_neighbors] for one in lists])
            return rows_of(keys), similarities_of(keys).astype(np.float64)
        depth = min(2 * depth, len(rows))


def _transported(
    similarities: NDArray[np.float64], share: NDArray[np.float64], similarity_weight: float
) -> NDArray[np.float64]:
    """Mass that each of the nearest records receives of its target, (targets, k), 1 in all.

    A target gives each record up to its share over a common depth. The depth is the least at
    which going on costs more distance than the evener spread is worth.
    """
    m, k = similarities.shape
    distances = np.sqrt(np.maximum(2 - 2 * similarities, 0))
    depth = np.cumsum(share, axis=1)
    # What it costs a target to go on from each record to the next.
    onward = np.diff(distances, axis=1, append=np.inf) if k > 1 else np.full((m, 1), np.inf)
    rises = onward * depth
    order = np.argsort(depth, axis=None, kind="stable")
    cost = np.cumsum(rises.ravel()[order])
    worth = m * _DISTANCE_SCALE * (1 - similarity_weight) / similarity_weight
    common = depth.ravel()[order][np.searchsorted(cost, worth)]
    before = np.minimum(depth - share, common)
    received: NDArray[np.float64] = (np.minimum(depth, common) - before) / common / m
    return received
