"""k-means: spherical, in the same order whatever the order of the rows."""

import numpy as np

from instructdiv.core.rows import Floats, Rows
from instructdiv.core.space import Space
from instructdiv.core.threads import in_tiles
from instructdiv.errors import ShapeError

_TILE = 8192
# k-means has come to rest when the mean similarity to the centroids rises by less.
_SETTLED = 1e-4
# Rows a centroid that k-means learns from: more hardly move it.
_LEARN = 256


def centroids_of(space: Space, n_centroids: int, n_iterations: int, seed: int) -> Floats:
    """Spherical k-means of the rows of a space: (n_centroids, d) float32 unit vectors.

    Does not depend on the order of the rows. Above 256 rows a centroid it learns
    from a random 256 a centroid. A centroid that no row is nearest to moves to the row
    of a large cluster that is least like its middle.

    Raises
    ------
    ShapeError
        There are fewer distinct rows than centroids.
    """
    if not 1 <= n_centroids <= space.n_distinct:
        raise ShapeError(
            f"n_centroids must lie in 1..{space.n_distinct}, the number of distinct rows, "
            f"got {n_centroids}"
        )
    random = np.random.default_rng(seed)
    order = space.content_order()
    start = random.permutation(order[space.first_copies[order] == order])
    if len(order) > _LEARN * n_centroids:
        order = order[np.sort(random.choice(len(order), _LEARN * n_centroids, replace=False))]
    centroids: Floats = space.vectors[start[:n_centroids]].copy()
    learned = space.vectors[order]
    reached = -np.inf
    for _ in range(n_iterations):
        labels, similarity = _most_similar(learned, centroids)
        before, reached = reached, float(similarity.mean(dtype=np.float64))
        if reached - before < _SETTLED:
            break
        sums = _sums(learned, labels, n_centroids)
        lengths = np.linalg.norm(sums, axis=1)
        moved = lengths > 1e-6  # one whose rows cancel out stays where it is
        centroids[moved] = sums[moved] / lengths[moved, None]
        sizes = np.bincount(labels, minlength=n_centroids)
        largest = np.argsort(-sizes, kind="stable")
        for empty, large in zip(np.flatnonzero(sizes == 0), largest, strict=False):
            inside = np.flatnonzero(labels == large)
            centroids[empty] = learned[inside[similarity[inside].argmin()]]
    return centroids


def _most_similar(vectors: Floats, centroids: Floats) -> tuple[Rows, Floats]:
    """The centroid most similar to each vector (n,), the first of equal ones; how similar (n,)."""
    labels = np.empty(len(vectors), np.int64)
    similarity = np.empty(len(vectors), np.float32)

    def compare(rows: slice) -> None:
        found = vectors[rows] @ centroids.T
        labels[rows], similarity[rows] = found.argmax(axis=1), found.max(axis=1)

    in_tiles(compare, len(vectors), _TILE)
    return labels, similarity


def _sums(vectors: Floats, labels: Rows, n_labels: int) -> Floats:
    """Sum of the vectors of each label, (n_labels, d) float32."""
    from scipy.sparse import csr_array

    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(n_labels + 1))
    ones = np.ones(len(labels), np.float32)
    members = csr_array((ones, order, starts), shape=(n_labels, len(labels)))
    return np.asarray(members @ vectors)


def means_of(space: Space, labels: Rows) -> Space:
    """Mean of the rows of each label, as a space; where they cancel out, the first of them.

    Parameters
    ----------
    space
        Vectors of the rows.
    labels
        (n,) int64 label of each row, 0..c-1, every number used.
    """
    sums = np.zeros((int(labels.max()) + 1, space.n_dimensions))
    np.add.at(sums, labels, space.vectors)
    lost = np.linalg.norm(sums, axis=1) < 1e-6
    first = np.unique(labels, return_index=True)[1]
    sums[lost] = space.vectors[first[lost]]
    return Space.of(sums)
