"""Apportion: share out a budget in whole numbers that add up."""

import heapq
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.errors import BudgetError, ParameterError


def apportion(
    total: int, weights: ArrayLike, capacities: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Share out a whole number in proportion to weights, none above its capacity.

    The Webster / Sainte-Lague method: each unit goes to the group whose quotient weight / (2 *
    granted + 1) is highest, ties to the first. A larger total never takes a unit away from a group,
    so smaller selections are parts of larger ones.

    Parameters
    ----------
    total
        Number of units to share out, at most the sum of the capacities of weights above 0.
    weights
        (g,) real, 0 or more.
    capacities
        (g,) whole numbers, 0 or more; None means no limit.

    Returns
    -------
    quotas
        (g,) int64, adding up to the total.

    Raises
    ------
    BudgetError
        A number is negative or not finite, or the capacities hold less than the total.

    References
    ----------
    .. [1] M. Balinski, H. P. Young, "Fair Representation", 1982.

    Examples
    --------
    >>> apportion(10, [6, 3, 1]).tolist()
    [6, 3, 1]
    >>> apportion(10, [1, 1, 1], capacities=[2, 9, 9]).tolist()
    [2, 4, 4]
    """
    quotas = np.zeros(len(np.asarray(weights)), np.int64)
    for winner in apportion_order(total, weights, capacities):
        quotas[winner] += 1
    return quotas


def apportion_order(
    total: int, weights: ArrayLike, capacities: ArrayLike | None = None
) -> NDArray[np.int64]:
    """The order in which :func:`apportion` grants its units: (total,) int64 of positions."""
    weights = np.asarray(weights, np.float64)
    capacities = np.asarray(np.full(len(weights), total) if capacities is None else capacities)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise BudgetError(f"weights must be finite and at least 0, got {weights.tolist()}")
    if len(capacities) != len(weights) or (capacities < 0).any() or total < 0:
        raise BudgetError("capacities and the total must be at least 0, one capacity a weight")
    held = int(np.minimum(capacities, total)[weights > 0].sum())
    if held < total:
        raise BudgetError(f"{total} cannot be shared out: the capacities hold {held}")
    granted = [0] * len(weights)
    heap = [(-w, g) for g, w in enumerate(weights.tolist()) if w > 0 and capacities[g] > 0]
    heapq.heapify(heap)
    order = np.empty(total, np.int64)
    for place in range(total):
        winner = heap[0][1]
        order[place] = winner
        granted[winner] += 1
        if granted[winner] < capacities[winner]:
            quotient = float(weights[winner]) / (2 * granted[winner] + 1)
            heapq.heapreplace(heap, (-quotient, winner))
        else:
            heapq.heappop(heap)
    return order


def tempered_quotas(
    labels: ArrayLike,
    budget: int,
    temperature: float,
    *,
    caps: Mapping[str, float] | None = None,
) -> dict[str, int]:
    """Number of records of each label under a budget, in proportion to size ^ temperature.

    A label with fewer records than its share gives all it has, and the others share the rest; with
    a budget below the number of labels the smallest weights get none. A larger budget never takes a
    record away from a label.

    Parameters
    ----------
    labels
        (n,) label of each record.
    budget
        Number of records to share out.
    temperature
        1 keeps the proportions of the labels, 0 gives each label the same number. Only-IF
        found uneven counts harmless where there are many instructions [1]_, so 0 is rarely
        needed.
    caps
        Largest share of the budget for labels by name.

    Returns
    -------
    quotas
        Whole number for each label, in the order of their names; they add up to the budget.

    Raises
    ------
    ParameterError
        The temperature is negative or not a number, or a cap is not a share.
    BudgetError
        The labels hold fewer records than the budget, within the caps, or a cap names no
        label.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the decisive effect of instruction
       diversity on generalization", arXiv 2410.04717, 2024, figure 3.

    Examples
    --------
    >>> labels = ["code"] * 80 + ["maths"] * 15 + ["chat"] * 5
    >>> tempered_quotas(labels, 40, temperature=1)
    {'chat': 2, 'code': 32, 'maths': 6}
    >>> tempered_quotas(labels, 40, temperature=0)
    {'chat': 5, 'code': 20, 'maths': 15}
    """
    if not (math.isfinite(temperature) and temperature >= 0):
        raise ParameterError(f"temperature must be a number of at least 0, got {temperature!r}")
    if not isinstance(budget, int | np.integer) or isinstance(budget, bool):
        raise BudgetError(f"the budget is a whole number of records, got {budget!r}")
    names, sizes = np.unique(np.asarray(labels, np.str_), return_counts=True)
    room = sizes.copy()
    known = names.tolist()
    for name, cap in (caps or {}).items():
        if not 0 <= cap <= 1:
            raise ParameterError(f"the cap of {name!r} is a share, 0 to 1, got {cap!r}")
        if name not in known:
            raise BudgetError(f"no label is named {name!r}; known: {', '.join(known)}")
        most = math.floor(cap * budget + 1e-9)
        room[known.index(name)] = min(most, room[known.index(name)])
    if not 0 <= budget <= room.sum():
        raise BudgetError(
            f"the budget asks for {budget:,} records, but {int(room.sum()):,} can be chosen"
        )
    quotas = apportion(budget, _weights(sizes, temperature), room)
    return dict(zip(known, quotas.tolist(), strict=True))


def largest_remainder(
    total: int, weights: ArrayLike, capacities: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Share out a whole number so that each group gets its exact share, rounded down or up.

    Units that rounding down leaves go to the largest remainders, ties to the first (Hamilton's
    method). Units above a group's capacity are redistributed to the other groups. Unlike
    :func:`apportion`, a larger total can take a unit away: for a plan that is made once, not for
    selections that are prefixes of one another.

    Parameters
    ----------
    total
        Number of units to share out, at most the capacities of weights above 0.
    weights
        (g,) real, 0 or more.
    capacities
        (g,) whole numbers, 0 or more; None means no limit.

    Returns
    -------
    quotas
        (g,) int64, adding up to the total.

    Raises
    ------
    BudgetError
        A number is negative or not finite, or the capacities hold less than the total.

    Examples
    --------
    >>> largest_remainder(10, [6, 3, 1]).tolist(), largest_remainder(2, [1, 1, 1]).tolist()
    ([6, 3, 1], [1, 1, 0])
    >>> largest_remainder(10, [8, 1, 1], capacities=[2, 9, 9]).tolist()
    [2, 4, 4]
    """
    weights = np.asarray(weights, np.float64)
    room = np.full(len(weights), total) if capacities is None else np.asarray(capacities, np.int64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and total >= 0):
        raise BudgetError(f"the total and the weights must be finite and at least 0, got {total}")
    if len(room) != len(weights) or (room < 0).any():
        raise BudgetError("there must be a capacity of 0 or more for each weight")
    held = int(room[weights > 0].sum())
    if held < total:
        raise BudgetError(f"{total} cannot be shared out: the capacities hold {held}")
    quotas = np.zeros(len(weights), np.int64)
    open_ = weights > 0
    # Fill each group whose share is above its capacity, until all shares fit.
    while True:
        left = total - int(quotas[~open_].sum())
        # Against the largest, so that no sum of them overflows, and none is lost.
        scaled = np.where(open_, weights, 0) / (weights[open_].max(initial=0) or 1)
        shares = left * (scaled / max(scaled.sum(), 1))
        full = open_ & (shares > room)
        if not full.any():
            break
        quotas[full] = room[full]
        open_ &= ~full
    whole = np.floor(shares + 1e-9).astype(np.int64)
    quotas[open_] = whole[open_]
    remainders = np.where(open_ & (quotas < room), shares - whole, -1)
    order = np.argsort(-np.round(remainders, 9), kind="stable")
    quotas[order[: total - int(quotas.sum())]] += 1
    return quotas


def _weights(sizes: NDArray[np.int64], temperature: float) -> NDArray[np.float64]:
    # Sizes against the largest: no power of them overflows, and none is lost below 1e-300.
    scaled = sizes / max(1, int(sizes.max(initial=0)))
    return np.maximum(scaled**temperature, 1e-300)


def powerlaw_counts(
    n_instructions: int, n_records: int, alpha: float, seed: int = 0
) -> NDArray[np.int64]:
    """Draw the number of records of each instruction from a power law, (n_instructions,) int64.

    Instruction i of n is drawn with the probability ((i + 1) / n)^alpha - (i / n)^alpha: at alpha 1
    all are equally likely, below 1 the first get most. These are the long tails of Only-IF [1]_.

    Parameters
    ----------
    n_instructions
        Number of instructions, at least 1.
    n_records
        Number of records, which the counts add up to.
    alpha
        Shape of the power law, above 0.
    seed
        Seed of the draw.

    Raises
    ------
    ParameterError
        A number is out of its range.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the decisive effect of instruction
       diversity on generalization", arXiv 2410.04717, 2024.

    Examples
    --------
    >>> powerlaw_counts(4, 1000, alpha=0.2).tolist()
    [739, 122, 72, 67]
    """
    if n_instructions < 1 or n_records < 0:
        raise ParameterError(
            f"at least 1 instruction and 0 records are needed, got {n_instructions} and {n_records}"
        )
    if not (math.isfinite(alpha) and alpha > 0):
        raise ParameterError(f"alpha must be a number above 0, got {alpha!r}")
    edges = (np.arange(n_instructions + 1) / n_instructions) ** alpha
    shares = np.diff(edges)
    return np.random.default_rng(seed).multinomial(n_records, shares / shares.sum())
