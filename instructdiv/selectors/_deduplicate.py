"""Thinning: of rows that are too much alike, only the first in a given order."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.allowance import Ledger
from instructdiv.core.space import Space

Rows = NDArray[np.int64]
_TILE = 512


def thin(
    space: Space, order: Rows, most: float, held: Rows, ledger: Ledger | None = None
) -> tuple[Rows, Rows, NDArray[np.float32]]:
    """Go through rows in order; keep each whose similarity to all kept before is below `most`.

    Whether a row is kept does not depend on how many are compared at a time: a row that was
    itself left out shuts out no other.

    Parameters
    ----------
    space
        The rows.
    order
        (m,) rows, the one to prefer first.
    most
        Similarity from which on two rows are too much alike.
    held
        Rows that are kept already.
    ledger
        What may be spent; without it everything is kept that is unlike enough.

    Returns
    -------
    kept
        (k,) rows, in order.
    left
        (m - k,) rows, in order, without those behind the last one that the ledger could pay.
    similarities
        (m,) float32: of each row of `order` to the kept row before it that is most similar,
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
            if near[i] >= most or (ledger is not None and not ledger.fits(row)):
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
