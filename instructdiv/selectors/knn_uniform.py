"""k-nearest-neighbor transport: the mass of the target, spread over its nearest records."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.nearest_first import nearest_first, rows_of, similarities_of
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector

# The constant C that TSDS divides the distance by.
_DISTANCE_SCALE = 5.0


class KnnUniform(Selector):
    """Choose the records that are near many target records, by optimal transport (TSDS).

    Each target record spreads an equal share of the mass evenly over its k nearest records [1]_. k
    is the same for all, and the best under a cost that weighs the mean distance that mass travels
    against how unevenly it arrives. Records near many target records receive most. The published
    method then draws with replacement; this takes records by mass, each once, those of equal mass
    by similarity, and last those without mass, by their similarity to the nearest target record.
    Rows of `given` receive mass too. The gain of a record is its mass. Time O(n * targets * d),
    memory O(n + targets * neighbors).

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
    """Weight of similarity against an even spread: near 1 each target record gives all its mass to
    its nearest record. The alpha of the paper."""

    n_neighbors: int = Field(default=1000, ge=1)
    """Largest number of records that a target record spreads its mass over."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
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
        """Part of an even share that each of these records may receive, (targets, k) float64."""
        return np.ones(near.shape)


def by_mass(
    pool: Pool,
    allowance: Allowance,
    target: Pool,
    mass: NDArray[np.float64],
    nearness: NDArray[np.float64],
) -> Picks:
    """Rows by mass (n,), equal mass by nearness (n,), then rows without mass by similarity.

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
    """Nearest rows of each target record, in order, and their similarities, (targets, k)."""
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
    """Mass that each near record receives from its target record, (targets, k), 1 in all.

    A target record gives each record up to its share, to a common depth: the least depth beyond
    which the distance costs more than the more even spread is worth.
    """
    m, k = similarities.shape
    distances = np.sqrt(np.maximum(2 - 2 * similarities, 0))
    depth = np.cumsum(share, axis=1)
    # Extra distance from each near record to the next.
    onward = np.diff(distances, axis=1, append=np.inf) if k > 1 else np.full((m, 1), np.inf)
    rises = onward * depth
    order = np.argsort(depth, axis=None, kind="stable")
    cost = np.cumsum(rises.ravel()[order])
    worth = m * _DISTANCE_SCALE * (1 - similarity_weight) / similarity_weight
    common = depth.ravel()[order][np.searchsorted(cost, worth)]
    before = np.minimum(depth - share, common)
    received: NDArray[np.float64] = (np.minimum(depth, common) - before) / common / m
    return received
