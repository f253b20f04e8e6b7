"""Reach: what each row of a pool has a share in, row after row in one array."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Reach:
    """Where the entries of each row lie in arrays that hold those of all rows.

    Parameters
    ----------
    starts
        (n + 1,) where the entries of each row start; those of the next follow.
    """

    def __init__(self, starts: NDArray[Any]) -> None:
        self._starts = starts.astype(np.int64)

    def lengths(self, rows: Rows) -> Rows:
        """How many entries each of these rows (m,) has, (m,) int64."""
        lengths: Rows = self._starts[rows + 1] - self._starts[rows]
        return lengths

    def of(self, row: int) -> slice:
        """Where the entries of one row lie."""
        return slice(self._starts[row], self._starts[row + 1])

    def places(self, rows: Rows) -> tuple[NDArray[np.bool_], Rows, Rows]:
        """The entries of several rows, one row after another.

        Returns
        -------
        filled
            (m,) bool: which of the rows have any.
        places
            (e,) int64: where their entries lie.
        firsts
            (number filled,) int64: where in `places` those of each filled row start.
        """
        lengths = self.lengths(rows)
        filled = lengths > 0
        lengths = lengths[filled]
        firsts = np.cumsum(lengths) - lengths
        steps = np.arange(lengths.sum())
        return filled, np.repeat(self._starts[rows[filled]] - firsts, lengths) + steps, firsts
