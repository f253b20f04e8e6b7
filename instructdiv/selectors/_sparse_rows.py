"""SparseRows: where the entries of each row lie in the arrays of a sparse matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.rows import Rows


class SparseRows:
    """Positions of the entries of each row in arrays that hold the entries of all rows (CSR).

    Parameters
    ----------
    starts
        (n + 1,) position of the first entry of each row, and one past the last.
    """

    def __init__(self, starts: NDArray[Any]) -> None:
        self._starts = starts.astype(np.int64)

    def lengths(self, rows: Rows) -> Rows:
        """Number of entries of each of these rows (m,), (m,) int64."""
        lengths: Rows = self._starts[rows + 1] - self._starts[rows]
        return lengths

    def of(self, row: int) -> slice:
        """Positions of the entries of one row."""
        return slice(self._starts[row], self._starts[row + 1])

    def places(self, rows: Rows) -> tuple[NDArray[np.bool_], Rows, Rows]:
        """Positions of the entries of several rows, one row after another.

        Returns
        -------
        filled
            (m,) bool: whether the row has entries.
        places
            (e,) int64: positions of the entries.
        firsts
            (number of filled rows,) int64: where in `places` each filled row starts.
        """
        lengths = self.lengths(rows)
        filled = lengths > 0
        lengths = lengths[filled]
        firsts = np.cumsum(lengths) - lengths
        steps = np.arange(lengths.sum())
        return filled, np.repeat(self._starts[rows[filled]] - firsts, lengths) + steps, firsts
