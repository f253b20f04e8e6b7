"""Rows: positions of records, checked where they enter."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.errors import ShapeError

Rows = NDArray[np.int64]
"""Row numbers of a pool or a space, (m,) int64."""

Floats = NDArray[np.float32]
"""Vectors or similarities, float32."""


def row_numbers(indices: ArrayLike, n_rows: int) -> NDArray[np.int64]:
    """Whole numbers 0..n_rows-1, or a mask of n_rows truth values, as rows (m,) int64.

    Raises
    ------
    ShapeError
        They are something else; negative numbers do not count from the end.
    """
    rows = np.asarray(indices)
    if rows.size == 0:
        return np.empty(0, np.int64)
    if rows.dtype == np.bool_ and rows.shape == (n_rows,):
        return np.flatnonzero(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n_rows:
        raise ShapeError(
            f"rows must be whole numbers 0..{n_rows - 1}, or a mask of {n_rows} truth values"
        )
    return rows.astype(np.int64)
