"""Spectrum: eigenvalues of the similarities of a space, without the n x n matrix."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.space import Space
from instructdiv.core.threads import in_tiles, one_thread, products
from instructdiv.metrics._remembered import remembered

_TILE = 1024
_AT_ONCE = 8


@remembered
def eigenvalues(space: Space) -> NDArray[np.float64]:
    """Largest eigenvalues of the n x n similarity matrix X X^T, (min(n, d),) float64.

    Ascending, at least 0, and n in sum; all others are 0. They are those of X^T X where
    d < n: time O(n * d * min(n, d)), memory O(min(n, d)^2). Computed once for a space.

    Examples
    --------
    >>> eigenvalues(Space.of([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])).round(6).tolist()
    [1.0, 2.0]
    """
    n, d = space.vectors.shape
    gram = _dual(space.vectors) if n > d else products(*[space.vectors.astype(np.float64)] * 2)
    with one_thread():
        found = np.linalg.eigvalsh(gram).clip(0)
    found.flags.writeable = False
    return np.asarray(found)


def _dual(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """X^T X, (d, d), rounded the same on any number of threads: tiles are summed in order.

    Products within a tile are float32, their sums float64: eigenvalues are right to about
    1e-9 of the number of rows.
    """
    gram = np.zeros((vectors.shape[1], vectors.shape[1]))
    for start in range(0, len(vectors), _AT_ONCE * _TILE):
        block = vectors[start : start + _AT_ONCE * _TILE]
        parts = _products(block)
        for first in sorted(parts):
            gram += parts[first]
    return gram


def _products(block: NDArray[np.float32]) -> dict[int, NDArray[np.float32]]:
    """X^T X of each tile of a block, by the first row of the tile."""
    parts: dict[int, NDArray[np.float32]] = {}

    def work(rows: slice) -> None:
        parts[rows.start] = block[rows].T @ block[rows]

    in_tiles(work, len(block), _TILE)
    return parts
