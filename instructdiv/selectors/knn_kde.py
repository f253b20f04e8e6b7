"""k-nearest-neighbor transport that counts near copies as one."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.greedy import Rows
from instructdiv.pool import Pool
from instructdiv.selectors.base import Work
from instructdiv.selectors.knn_uniform import KnnUniform
from instructdiv.threads import in_tiles

_TILE = 512
_WIDTH = 8192


class KnnKde(KnnUniform):
    """``knn_uniform``, where a record in a dense place receives the less, the denser it is.

    Each record's share is divided by a kernel estimate of the density around it, among the
    records that are near any target; so a record and its near copies receive together what
    one alone would [1]_. Time O(n * targets * d) and O(u^2 * d) for the u records near a
    target, memory O(n + targets * neighbors).

    References
    ----------
    .. [1] Z. Liu, A. Karbasi, T. Rekatsinas, "TSDS: data selection for task-specific model
       finetuning", NeurIPS 2024.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.1], [1.0, 0.1], [0.8, 0.5], [-1.0, 1.0]])
    >>> selector = KnnKde(bandwidth=0.1, closeness=0.95)
    >>> selector.select(pool, 2, target=[[1.0, 0.2]]).indices.tolist()
    [2, 0]
    """

    bandwidth: float = Field(default=0.75, gt=0)
    """Euclidean distance between unit vectors from which two records do not count as near."""

    def _shares(self, pool: Pool, near: Rows) -> NDArray[np.float64]:
        rows, number = np.unique(near, return_inverse=True)
        vectors = pool.space.vectors[rows]
        density = np.zeros(len(rows))

        def estimate(tile: slice) -> None:
            for start in range(0, len(rows), _WIDTH):
                similarity = vectors[tile] @ vectors[start : start + _WIDTH].T
                kernel = 1 - (2 - 2 * similarity) / self.bandwidth**2
                density[tile] += kernel.clip(0, 1).sum(axis=1, dtype=np.float64)

        in_tiles(estimate, len(rows), _TILE)
        share: NDArray[np.float64] = (1 / np.maximum(density, 1))[number].reshape(near.shape)
        return share

    def work(self, n_rows: int, dimension: int, n_chosen: int) -> Work:
        n_near = min(n_rows, 50 * self.n_neighbors)
        return super().work(n_rows, dimension, n_chosen) + Work(
            products=2 * n_near**2 * dimension, memory=4 * n_near * dimension
        )
