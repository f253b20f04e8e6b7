"""Near pairs: which vectors are near-duplicates of each other."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.k_means import centroids_of
from instructdiv.core.neighbors import similarities_between
from instructdiv.core.rows import Floats, Rows
from instructdiv.core.space import Space

# Largest number of vectors of which all pairs are compared, and rows compared at a time.
_EXACT_PAIRS = 16_384
_PAIR_TILE = 1024
_PARTNERS = 64
_CELL_ROUNDS = 2


def near_pairs(space: Space, similarity_threshold: float) -> tuple[Rows, Floats]:
    """Pairs of different vectors of at least this similarity, and their similarities.

    Rows with the same vector are represented by the first. A vector with more than 64
    near-duplicates after it gets the 64 most similar, and as many others as are needed so that the
    same vectors stay connected. Exact up to 16,384 vectors; beyond, only vectors that share one of
    their three nearest centroids are compared, which misses few pairs of near-duplicates, and time
    stays O(n^1.5 * d).

    Parameters
    ----------
    space
        The vectors.
    similarity_threshold
        Least cosine similarity of a pair.

    Returns
    -------
    rows
        (p, 2) int64, the lower row first, in ascending order.
    similarities
        (p,) float32.
    """
    firsts = np.unique(space.first_copies)
    distinct = space if len(firsts) == len(space) else space.take(firsts)
    found: list[tuple[Rows, Rows, Floats]] = []
    for members in _cells(distinct):
        vectors = distinct.vectors[members]
        for start in range(0, len(members), _PAIR_TILE):
            tile = members[start : start + _PAIR_TILE]
            similarities = similarities_between(vectors[start : start + _PAIR_TILE], vectors)
            similarities[tile[:, None] >= members] = -2
            near = similarities >= similarity_threshold
            if len(near) and near.sum(axis=1).max() > _PARTNERS:
                near = _thinned(near, similarities, start)
            own, other = np.nonzero(near)
            found.append((tile[own], members[other], similarities[own, other]))
    lower, higher, similarity = (np.concatenate(parts) for parts in zip(*found, strict=True))
    _, once = np.unique(lower * len(firsts) + higher, return_index=True)
    rows = np.stack([firsts[lower[once]], firsts[higher[once]]], axis=1)
    return rows, similarity[once].clip(-1, 1)


def _cells(distinct: Space) -> Iterator[Rows]:
    """Groups of distinct vectors that are compared with each other: their numbers, ascending."""
    u = len(distinct)
    if u <= _EXACT_PAIRS:
        yield np.arange(u)
        return
    centroids = Space.of(centroids_of(distinct, 2 * round(u**0.5), _CELL_ROUNDS, 0))
    cells = centroids.nearest(distinct, 3)[1]
    order = np.argsort(cells.ravel(), kind="stable")
    starts = np.searchsorted(cells.ravel()[order], np.arange(len(centroids) + 1))
    for start, end in pairwise(starts):
        yield order[start:end] // cells.shape[1]


def _thinned(near: NDArray[np.bool_], similarities: Floats, start: int) -> NDArray[np.bool_]:
    """The 64 most similar near pairs of each row, and those that keep the rows connected.

    Row i of the tile is number `start + i` of the columns.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    least = -np.partition(-similarities, _PARTNERS - 1, axis=1)[:, _PARTNERS - 1 : _PARTNERS]
    above, tied = similarities > least, similarities == least
    places = _PARTNERS - above.sum(axis=1, keepdims=True)
    left: NDArray[np.bool_] = near & (above | (tied & (tied.cumsum(axis=1) <= places)))
    own, other = np.nonzero(left)
    links = coo_array((np.ones(len(own), np.int8), (start + own, other)), (near.shape[1],) * 2)
    _, piece = connected_components(links, directed=False)
    for row, ours in enumerate(near):
        lost = np.flatnonzero(ours & (piece != piece[start + row]))
        if len(lost):
            lost = lost[np.argsort(-similarities[row, lost], kind="stable")]
            pieces, first = np.unique(piece[lost], return_index=True)
            left[row, lost[first]] = True
            piece[np.isin(piece, pieces)] = piece[start + row]
    return left
