"""The obvious forms of what is done fast: dense, and one row at a time."""

import numpy as np
from numpy.typing import NDArray

from instructdiv import Space

Rows = NDArray[np.int64]


def dense(space: Space, target: Space) -> NDArray[np.float32]:
    """All similarities, (n, targets)."""
    return np.asarray(space.vectors.astype("f8") @ target.vectors.T.astype("f8"), np.float32)


def turns(similarities: NDArray[np.float32], *, farthest: bool = False) -> list[Rows]:
    """Algorithm 1 on a dense matrix: each turn by row, the code of its authors."""
    worth = -similarities if farthest else similarities.copy()
    left = np.ones(len(worth), np.bool_)
    found = []
    while left.any():
        chosen = np.unique(np.where(left[:, None], worth, -np.inf).argmax(axis=0))
        found.append(chosen)
        left[chosen] = False
    return found


def one_by_one(similarities: NDArray[np.float32]) -> list[int]:
    """Each target takes its nearest row that is left, in turn."""
    left = np.ones(len(similarities), np.bool_)
    found: list[int] = []
    while left.any():
        for column in similarities.T:
            if left.any():
                row = int(np.where(left, column, -np.inf).argmax())
                found.append(row)
                left[row] = False
    return found


def by_rank(similarities: NDArray[np.float32]) -> list[int]:
    """Each target offers its next rank in turn; what is taken wastes it."""
    ranked = np.argsort(-similarities, axis=0, kind="stable")
    return list(dict.fromkeys(ranked.ravel().tolist()))
