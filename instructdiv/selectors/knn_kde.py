"""k-nearest-neighbor transport that counts near-duplicates as one record."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.rows import Rows
from instructdiv.core.threads import in_tiles
from instructdiv.pool import Pool
from instructdiv.selectors.knn_uniform import KnnUniform


class KnnKde(KnnUniform):
    """Choose as ``knn_uniform`` does, but count near-duplicates as one record (TSDS).

    The share of each record is divided by a kernel estimate of the density around it, so a record
    and its near-duplicates receive together what one alone would [1]_. The density is taken among
    the records near the same target record; the published method takes the records near any, and
    finds them with an approximate index. Time O(n * targets * d + targets * neighbors^2 * d),
    memory O(n + targets * neighbors).

    References
    ----------
    .. [1] Z. Liu, A. Karbasi, T. Rekatsinas, "TSDS: data selection for task-specific model
       finetuning", NeurIPS 2024.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.1], [1.0, 0.1], [0.8, 0.5], [-1.0, 1.0]])
    >>> selector = KnnKde(bandwidth=0.1, similarity_weight=0.95)
    >>> selector.select(pool, 2, target=[[1.0, 0.2]]).indices.tolist()
    [2, 0]
    """

    bandwidth: float = Field(default=0.3, gt=0)
    """Euclidean distance between unit vectors below which two records count as near-duplicates; 0.3
    is a similarity of 0.955. The published code has 0.75, which makes near-duplicates of all
    records that share an instruction."""

    def _shares(self, pool: Pool, near: Rows) -> NDArray[np.float64]:
        density = np.empty(near.shape)

        def estimate(targets: slice) -> None:
            for j in range(targets.start, targets.stop):
                vectors = pool.space.vectors[near[j]]
                kernel = 1 - (2 - 2 * (vectors @ vectors.T)) / np.float32(self.bandwidth**2)
                density[j] = kernel.clip(0, 1).sum(axis=1, dtype=np.float64)

        in_tiles(estimate, len(near), 1)
        return 1 / np.maximum(density, 1)
