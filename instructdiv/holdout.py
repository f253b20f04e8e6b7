"""Holdout: records that are kept from training, to evaluate on, of every part some."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from instructdiv.budget import apportion
from instructdiv.errors import BudgetError


def held_out(
    labels: NDArray[np.generic],
    share: float,
    seed: int = 0,
    asked: Sequence[str] | None = None,
) -> NDArray[np.bool_]:
    """Draw a share of the records at random, of each part in proportion to its size.

    Records that ask the same stay on one side, or what is learned would be what is evaluated:
    with `asked` the share is one of different prompts, each of the part of its first record.

    Parameters
    ----------
    labels
        (n,) part of each record.
    share
        Share of the records, at least 0, below 1; rounded to whole records, and above 0 at
        least one.
    seed
        Seed of the draw.
    asked
        (n,) what each record asks; all different if not given.

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
    >>> held = held_out(np.zeros(4), 0.5, asked=["Hi", "Bye", "Hi", "Hi"])
    >>> bool(held[0] == held[2] == held[3] != held[1])
    True
    """
    if not 0 <= share < 1:
        raise BudgetError(f"the share that is held out must be at least 0 and below 1, got {share}")
    if asked is not None:
        numbers: dict[str, int] = {}
        prompt_of = np.array([numbers.setdefault(text, len(numbers)) for text in asked], np.int64)
        _, first = np.unique(prompt_of, return_index=True)
        return held_out(labels[first], share, seed)[prompt_of]
    n = len(labels)
    held = np.zeros(n, np.bool_)
    if not share:
        return held
    n_held = max(1, round(share * n))
    if n_held >= n:
        raise BudgetError(
            f"{share:g} of {n:,} different records held out leave nothing to train on"
        )
    # scikit-learn's splits refuse parts of one record, and fewer records than parts.
    parts, part_of, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    random = np.random.default_rng(seed)
    order = random.permutation(len(parts))  # of many small parts not always the first
    quotas = np.empty(len(parts), np.int64)
    quotas[order] = apportion(n_held, sizes[order], sizes[order])
    rows = random.permutation(n)
    rows = rows[np.argsort(part_of[rows], kind="stable")]  # part by part, each in a random order
    place_in_part = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    held[rows] = place_in_part < np.repeat(quotas, sizes)
    return held
