"""Spectrum: the eigenvalues of the similarities of a space, without the n x n matrix."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from instructdiv.metrics.remembered import remembered
from instructdiv.space import Space
from instructdiv.threads import one_thread

_TILE = 1024
_AT_ONCE = 8


@remembered
def eigenvalues(space: Space) -> NDArray[np.float64]:
    """Eigenvalues of the n x n similarity matrix X X^T that shape leaves, (min(n, d),).

    Ascending, at least 0, and n in sum; all others are 0. They are those of X^T X where
    d < n: time O(n * d * min(n, d)), memory O(min(n, d)^2). Computed once for a space.

    Examples
    --------
    >>> eigenvalues(Space.of([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])).round(6).tolist()
    [1.0, 2.0]
    """
    n, d = space.vectors.shape
    with one_thread():
        if n <= d:
            vectors = space.vectors.astype(np.float64)
            gram = vectors @ vectors.T
        else:
            gram = _dual(space.vectors)
        found = np.linalg.eigvalsh(gram).clip(0)
    found.flags.writeable = False
    return np.asarray(found)


def _dual(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """X^T X, (d, d); each tile on one thread and in its turn, so that rounding is the same.

    Products within a tile are float32, their sums float64: eigenvalues are right to about
    1e-9 of the number of rows.
    """

    def product(start: int) -> NDArray[np.float64]:
        tile = vectors[start : start + _TILE]
        return np.asarray(tile.T @ tile, np.float64)

    gram = np.zeros((vectors.shape[1], vectors.shape[1]))
    starts = range(0, len(vectors), _TILE)
    with ThreadPoolExecutor() as threads:
        for first in range(0, len(starts), _AT_ONCE):
            for part in threads.map(product, starts[first : first + _AT_ONCE]):
                gram += part
    return gram
