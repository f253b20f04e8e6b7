"""Deduplicate: keep only the first of rows that are too similar."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.allowance import Ledger
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space

_TILE = 512


def deduplicate(
    space: Space,
    order: Rows,
    similarity_threshold: float,
    held: Rows,
    ledger: Ledger | None = None,
) -> tuple[Rows, Rows, NDArray[np.float32]]:
    """Keep each row, in order, whose similarity to all rows kept before is below the threshold.

    A row that is left out excludes no other row, so the result does not depend on how many rows are
    compared at a time.

    Parameters
    ----------
    space
        Vectors of the rows.
    order
        (m,) rows, the preferred ones first.
    similarity_threshold
        Two rows at least this similar are near-duplicates.
    held
        Rows that are kept already.
    ledger
        Budget for the kept rows; None keeps every row that is no near-duplicate.

    Returns
    -------
    kept
        (k,) rows, in order.
    left
        (m - k,) rows, in order, without those behind the last one that the ledger could pay.
    similarities
        (m,) float32: similarity of each row of `order` to the most similar row kept before it,
        -1 if there is none.
    """
    kept = np.empty(len(held) + len(order), np.int64)
    kept[: len(held)] = held
    n_kept = len(held)
    is_kept = np.zeros(len(order), np.bool_)
    similarities = np.full(len(order), -1, np.float32)
    for start in range(0, len(order), _TILE):
        if ledger is not None and not ledger.left:
            break
        tile = order[start : start + _TILE]
        near = np.full(len(tile), -1, np.float32)
        for first in range(0, n_kept, 8 * _TILE):
            block = kept[first : min(first + 8 * _TILE, n_kept)]
            np.maximum(near, space.similarity(tile, block).max(axis=1), out=near)
        among = space.similarity(tile, tile)
        for i, row in enumerate(tile.tolist()):
            if near[i] >= similarity_threshold or (ledger is not None and not ledger.fits(row)):
                continue
            if ledger is not None:
                ledger.take(row)
            kept[n_kept] = row
            n_kept += 1
            is_kept[start + i] = True
            later = slice(i + 1, len(tile))
            np.maximum(near[later], among[i, later], out=near[later])
        similarities[start : start + len(tile)] = near
    return order[is_kept], order[~is_kept], similarities
