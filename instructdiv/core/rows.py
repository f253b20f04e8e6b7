"""Rows: positions of records, checked where they enter."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.errors import ShapeError

Rows = NDArray[np.int64]
"""Row numbers of a pool or a space, (m,) int64."""

Floats = NDArray[np.float32]
"""Vectors or similarities, float32."""


def row_numbers(indices: ArrayLike, n_rows: int, called: str = "rows") -> Rows:
    """Whole numbers 0..n_rows-1, or a mask of n_rows truth values, as rows (m,) int64.

    Raises
    ------
    ShapeError
        The array is neither; negative numbers do not count from the end. The message names the
        array as it is `called`.
    """
    rows = np.asarray(indices)
    if rows.size == 0:
        return np.empty(0, np.int64)
    if rows.dtype == np.bool_ and rows.shape == (n_rows,):
        return np.flatnonzero(rows)
    if rows.ndim > 1 or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n_rows:
        numbers = rows.dtype.kind in "iuf"
        shown = f"{rows.min()}..{rows.max()}" if numbers else repr(rows.ravel()[0])
        raise ShapeError(
            f"{called} must be whole numbers 0..{n_rows - 1} or a mask of {n_rows} truth values, "
            f"got {shown}"
        )
    return np.atleast_1d(rows).astype(np.int64)
