"""Diversify: replace redundant records of a core by records of domains that it lacks."""

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np

from instructdiv.curation.core_pool import CORE, CorePool
from instructdiv.curation.exchange import Diversified
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.errors import ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors import FacilityLocation, Selector, Specialist


def diversify(
    core: Any,
    pools: Any,
    budget: int | None = None,
    beyond_share: float = 0.1,
    *,
    radius: float = 0.3,
    balance: float = 1.0,
    within: Selector | str | Mapping[str, Any] | None = None,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> Diversified:
    """Exchange the most redundant records of a core for records of domains that it lacks.

    Nothing is added: the number of records stays. At one budget, records of other domains did
    more for unseen instructions than more of the core, up to a point [1]_. How the records are
    chosen stands in :class:`Specialist`.

    Parameters
    ----------
    core
        Records of the domain that the model is for: whatever :func:`load` reads, or a pool.
    pools
        What may come, by name: data sets or pools. One that has groups is divided into them; a
        single one without a name and without groups into clusters.
    budget
        Records of the mix; as many as the core has if not given.
    beyond_share
        Share of the budget that is beyond the core.
    radius
        Distance within which a record of another domain is as good as in the core already.
    balance
        How far domains beyond the core are evened out: 1 gives each as many records, 0 in
        proportion to what it has.
    within
        What chooses within each domain, or its name; facility location if not given.
    reading
        How the data are read and embedded; its group is the column of the domains of what may
        come.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords.

    Raises
    ------
    BudgetError
        The core has too few records, or there are too few beyond it.
    ParameterError
        The share or the radius is out of range.
    InputError
        Data cannot be read.
    ShapeError
        There is nothing that may come, two have one name, or pools cannot be compared.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the decisive effect of instruction
       diversity on generalization", arXiv 2410.04717, 2024, tables 1 and 2: a tenth of other
       records was best at 20,000; :func:`evidence` has every row, those that lost too.

    Examples
    --------
    >>> code = [{"instruction": f"Sort list {n} in Python.", "output": "..."} for n in "abcde"]
    >>> law = [{"instruction": "Which court hears an appeal?", "output": "The next higher."}]
    >>> done = diversify(code, {"law": law}, beyond_share=0.2, embedder="lexical")
    >>> len(done.dataset), [row.chosen for row in done.plan.domains]
    (5, [4, 1])
    """
    reading = Reading.of(reading, **options)
    selector = specialist(beyond_share, radius, balance, within, reading.seed)
    return CorePool.of(core, pools, reading).exchange(budget, selector)


def split_core(pool: Pool, core: str) -> tuple[Pool, Pool]:
    """The records of one group as the core, and those of all other groups.

    Raises
    ------
    ShapeError
        The pool has no groups, none with this name, or no other.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(3), groups=["code", "law", "code"])
    >>> [len(part) for part in split_core(pool, "code")]
    [2, 1]
    """
    if pool.groups is None:
        raise ShapeError(f"the core {core!r} is a group, and the pool has none; give it groups")
    known = np.unique(pool.groups).tolist()
    if core not in known:
        shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        raise ShapeError(f"no group is named {core!r}; known: {shown}")
    if known == [core]:
        raise ShapeError(f"all records are of {core!r}; nothing else can be added")
    of_core = pool.groups == core
    return pool.take(np.flatnonzero(of_core)), pool.take(np.flatnonzero(~of_core))


def specialist(
    beyond_share: float,
    radius: float = 0.3,
    balance: float = 1.0,
    within: Selector | str | Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Specialist:
    """What chooses for :func:`diversify` with these parameters."""
    selector = {
        "core": CORE,
        "beyond_share": beyond_share,
        "radius": radius,
        "balance": balance,
        "within": within or FacilityLocation(),
    }
    return Specialist.model_validate(selector).seeded(seed)
