"""Semantic deduplication: keep one of each set of near-duplicates."""

from typing import Literal

import numpy as np
from pydantic import Field

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector, quality_of
from instructdiv.selectors._deduplicate import deduplicate


class SemanticDedup(Selector):
    """Drop near-duplicates above a similarity threshold, then draw at random (SemDeDup).

    Within each cluster, a record is dropped when its similarity to a survivor is at least
    `similarity_threshold`, so every dropped record has its survivor [1]_. The paper's code also
    drops records similar to a dropped one. The budget is drawn at random from the survivors; only
    where they do not fill it, dropped records follow, the least similar first. The gain of a record
    is its distance to the most similar survivor before it. No guarantee beyond that. Time: the
    clusters, and O(n * cluster size * d); memory O(n).

    References
    ----------
    .. [1] A. Abbas et al., "SemDeDup: Data-efficient learning at web-scale through semantic
       deduplication", arXiv 2303.09540, 2023.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.99, 0.01], [0.0, 1.0]])
    >>> sorted(SemanticDedup().select(pool, 2).indices.tolist())
    [0, 2]
    """

    similarity_threshold: float = Field(default=0.95, gt=-1, le=1)
    """Records at least this similar to a survivor are near-duplicates, and dropped."""

    survivor: Literal["first", "quality", "nearest", "farthest"] = "first"
    """Which near-duplicate is kept: the lowest row, the best quality score, or the record nearest
    to or farthest from the center of its cluster; ties go to the lowest row."""

    clusterer: Clusterer = KMeans()
    """Clusterer that finds the clusters within which records are compared."""

    seed: int = Field(default=0, ge=0)
    """Seed of the draw from the survivors."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        clusters = self.clusterer.cluster(pool.space, pool.groups)
        preferred = self._preferred(pool, allowance.rows, clusters)
        of = clusters[preferred]
        novelty = np.empty(len(pool))
        survives = np.zeros(len(pool), np.bool_)
        for cluster in np.unique(of):
            members = preferred[of == cluster]
            held = given[clusters[given] == cluster]
            kept, _, similarities = deduplicate(
                pool.space, members, self.similarity_threshold, held
            )
            novelty[members] = 1 - similarities
            survives[kept] = True
        random = np.random.default_rng(self.seed)
        survivors = random.permutation(allowance.rows[survives[allowance.rows]])
        copies = allowance.rows[~survives[allowance.rows]]
        copies = copies[np.argsort(-novelty[copies], kind="stable")]
        indices = allowance.fill(np.concatenate([survivors, copies]))
        return indices, novelty[indices]

    def _preferred(self, pool: Pool, rows: Rows, clusters: Rows) -> Rows:
        if self.survivor == "first":
            return rows
        if self.survivor == "quality":
            return rows[np.argsort(-quality_of(pool, self)[rows], kind="stable")]
        sums = np.zeros((clusters.max() + 1, pool.space.n_dimensions))
        np.add.at(sums, clusters, pool.space.vectors)
        lengths = np.maximum(np.linalg.norm(sums, axis=1), 1e-30)
        nearness = np.einsum("ij,ij->i", pool.space.vectors, sums[clusters]) / lengths[clusters]
        sign = -1 if self.survivor == "nearest" else 1
        return rows[np.argsort(sign * nearness[rows].astype(np.float32), kind="stable")]
