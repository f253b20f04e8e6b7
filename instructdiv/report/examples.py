"""Showing: records as examples that a person reads."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.wording import printable, start_of
from instructdiv.pool import Pool
from instructdiv.report.facts import Example

_LONGEST = 300


class Showing:
    """Shows rows of a pool; of a selection too, whether they were chosen.

    Examples
    --------
    >>> show = Showing(Pool.from_embeddings([[1.0], [2.0]], groups=["a", "b"]))
    >>> show(1).group
    'b'
    """

    def __init__(self, pool: Pool, kept: NDArray[np.int64] | None = None) -> None:
        self._pool = pool
        self._kept = None if kept is None else np.isin(np.arange(len(pool)), kept)

    def __call__(self, row: int, similarity: float | None = None) -> Example:
        """One row, with its similarity to what it stands beside."""
        pool = self._pool
        return Example(
            row=row,
            id=printable(str(pool.ids[row])),
            text="" if pool.records is None else start_of(pool.text(row), _LONGEST),
            group=None if pool.groups is None else printable(str(pool.groups[row])),
            kept=None if self._kept is None else bool(self._kept[row]),
            similarity=similarity,
        )

    def all(
        self, rows: Iterable[int], similarities: Iterable[float] | None = None
    ) -> list[Example]:
        """Several rows."""
        if similarities is None:
            return [self(int(row)) for row in rows]
        return [self(int(row), float(s)) for row, s in zip(rows, similarities, strict=True)]
