"""Holdout: records that are kept from training, to evaluate on, of every part some."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.budget import apportion
from instructdiv.errors import BudgetError


def held_out(labels: NDArray[np.generic], share: float, seed: int = 0) -> NDArray[np.bool_]:
    """Draw a share of the records at random, of each part in proportion to its size.

    Parameters
    ----------
    labels
        (n,) part of each record.
    share
        Share of the records, at least 0, below 1; rounded to whole records, and above 0 at
        least one.
    seed
        Seed of the draw.

    Returns
    -------
    NDArray
        (n,) bool, true where a record is held out.

    Raises
    ------
    BudgetError
        The share is out of range, or leaves nothing to train on.

    Examples
    --------
    >>> held = held_out(np.array(["code"] * 80 + ["law"] * 20), 0.1)
    >>> int(held[:80].sum()), int(held[80:].sum())
    (8, 2)
    """
    if not 0 <= share < 1:
        raise BudgetError(f"the share that is held out must be at least 0 and below 1, got {share}")
    n = len(labels)
    held = np.zeros(n, np.bool_)
    if not share:
        return held
    n_held = max(1, round(share * n))
    if n_held >= n:
        raise BudgetError(f"{share:g} of {n:,} records held out leave nothing to train on")
    parts, part_of, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    random = np.random.default_rng(seed)
    order = random.permutation(len(parts))  # of many small parts not always the first
    quotas = apportion(n_held, sizes[order], sizes[order]).tolist()
    for part, quota in zip(order.tolist(), quotas, strict=True):
        rows = np.flatnonzero(part_of == part)
        held[random.permutation(rows)[:quota]] = True
    return held
