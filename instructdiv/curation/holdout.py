"""Holdout: records that are kept from training, to evaluate on, of every part some."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.apportion import apportion
from instructdiv.data.normalize import normalize
from instructdiv.data.views import view_text
from instructdiv.errors import BudgetError


def held_out(
    labels: NDArray[np.generic],
    share: float,
    seed: int = 0,
    units: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """Draw a share of the records at random, of each part in proportion to its size.

    Records of one unit stay on one side, and the share is one of units, each of the part of its
    first record.

    Parameters
    ----------
    labels
        (n,) part of each record.
    share
        Share of the records, at least 0, below 1; rounded to whole records, and above 0 at
        least one.
    seed
        Seed of the draw.
    units
        (n,) number of the unit of each record; each one of its own if not given.

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
    >>> held = held_out(np.zeros(4), 0.5, units=np.array([0, 1, 0, 0]))
    >>> bool(held[0] == held[2] == held[3] != held[1])
    True
    """
    if not 0 <= share < 1:
        raise BudgetError(f"the share that is held out must be at least 0 and below 1, got {share}")
    if units is not None:
        _, first, unit_of = np.unique(units, return_index=True, return_inverse=True)
        return held_out(labels[first], share, seed)[unit_of]
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


def alike(conversations: Sequence[Sequence[dict[str, Any]]]) -> NDArray[np.int64]:
    """Leakage group of each conversation, (n,) int64: those that leak into each other share one.

    These are those that ask the same, and those that begin with the same question and answer, as
    paths of one tree do; white space, case and punctuation do not count.

    Examples
    --------
    >>> asked, again = ({"role": "user", "content": text} for text in ("Name a river.", "And?"))
    >>> said = {"role": "assistant", "content": "Nile"}
    >>> alike([[asked], [asked, said], [asked, said, again], [again]]).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(conversations)
    asked = _numbers(normalize(view_text(said, "all_user_turns")) for said in conversations)
    begun = _numbers(map(_opening, conversations))
    # Every record is joined to what it asks and to how it begins.
    records = np.concatenate([np.arange(n), np.arange(n)])
    shared = np.concatenate([n + asked, 2 * n + begun])
    links = coo_array((np.ones(2 * n, np.bool_), (records, shared)), shape=(3 * n, 3 * n))
    return np.asarray(connected_components(links, directed=False)[1][:n], np.int64)


def _opening(said: Sequence[dict[str, Any]]) -> Hashable:
    """The first question and what is answered."""
    place = next((i for i, one in enumerate(said) if one["role"] == "user"), len(said))
    return tuple((one["role"], normalize(one["content"])) for one in said[place : place + 2])


def _numbers(keys: Iterable[Hashable]) -> NDArray[np.int64]:
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], np.int64)
