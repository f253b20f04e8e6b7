"""Sweeps: share grid, budget curve, and instructions against examples, at one budget."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from instructdiv.budget import Budget
from instructdiv.curation.core_pool import CorePool, by_name, recipe_of
from instructdiv.curation.diversify import specialist
from instructdiv.curation.mix import Mix
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.errors import BudgetError, ParameterError, ShapeError
from instructdiv.experiments.sweep_mixes import Sweep, SweepPlan, SweepRow
from instructdiv.pool import Pool
from instructdiv.pool_input import as_pools
from instructdiv.report.profile import instruction_numbers
from instructdiv.selection import Selection
from instructdiv.selectors import GroupBalanced, Random, Selector

Rows = NDArray[np.int64]

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
"""Shares beyond the core of the published sweep."""

_DRAWS = 16


def share_grid(
    core: Any,
    pools: Any,
    budget: int | None = None,
    shares: Iterable[float] = SHARES,
    *,
    radius: float = 0.3,
    balance: float = 1.0,
    within: Selector | str | Mapping[str, Any] | None = None,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> Sweep:
    """Make mixes of one size with growing shares of records beyond a core, to find the best share.

    Each mix is that of :func:`instructdiv.diversify` at one share, and contains the records
    beyond the core of every smaller share. The core alone, at 0 %, is always included: it is the
    control. Analyze the scores with :func:`instructdiv.experiments.sweet_spot`.

    Parameters are those of :func:`instructdiv.diversify`, with several shares; of those
    published 10 % was best at 20,000 records, and 3 % at 75,000 [1]_.

    Raises
    ------
    BudgetError
        The core has too few records, or there are too few beyond it.
    ParameterError
        A share is out of range.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the decisive effect of instruction
       diversity on generalization", arXiv 2410.04717, 2024, figure 6.

    Examples
    --------
    >>> code = [{"instruction": f"Sort list {n} in Python.", "output": "..."} for n in "abcde"]
    >>> law = [{"instruction": "Which court hears an appeal?", "output": "The next higher."}]
    >>> sweep = share_grid(code, {"law": law}, shares=[0.2], embedder="lexical")
    >>> list(sweep.mixes)
    ['share-00', 'share-20']
    """
    asked = _shares(shares)
    notes = []
    if 0.0 not in asked:
        asked = [0.0, *asked]
        notes.append("0 %, the core alone, was added as the control")
    reading = Reading.of(reading, **options)
    choosers = {
        _called(one): specialist(one, radius, balance, within, reading.seed) for one in asked
    }
    ground = CorePool.of(core, pools, reading)
    made = {name: ground.exchange(budget, one) for name, one in choosers.items()}
    numbers = instruction_numbers(ground.pool)
    rows = [
        _row(name, ground.pool, done.mix.selection, numbers, done.plan.beyond_share)
        for name, done in made.items()
    ]
    notes += dict.fromkeys(note for done in made.values() for note in done.plan.notes)
    plan = SweepPlan(
        headline=f"{len(rows)} mixes of {rows[0].records:,} records, from 0 to "
        f"{asked[-1]:.0%} beyond the core.",
        varies="beyond_share",
        budget=rows[0].records,
        rows=rows,
        notes=notes,
    )
    return Sweep(plan, {name: _one_of_many(done.mix) for name, done in made.items()})


def budget_curve(
    pools: Any,
    budget: int,
    n_domains: Iterable[int] | None = None,
    *,
    within: Selector | str | Mapping[str, Any] | None = None,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> Sweep:
    """Make mixes of one size from a growing number of domains, to compare breadth with depth.

    The domains of a mix are among those of every later mix, and so are, for each domain, the
    records of the smaller number. The order of domains is random, those that hold the budget
    first. A mix whose domains hold less than the budget, or outnumber its records, cannot be
    made; the plan gives the reason.

    Parameters
    ----------
    pools
        Data sets or pools by name, which are the domains; or one with groups.
    budget
        Records of each mix.
    n_domains
        Number of domains of each mix; by default 1, 2, 4, ... and all.
    within
        Selector within each domain, or its name; random if not given.
    reading
        How the data are read and embedded; its group is the column of the domains, where one
        data set is given.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords.

    Raises
    ------
    ParameterError
        A number of domains is out of range.
    BudgetError
        No mix can be made.
    ShapeError
        The data have no groups.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the decisive effect of instruction
       diversity on generalization", arXiv 2410.04717, 2024, figure 2a for instructions.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(6), groups=["a", "a", "a", "b", "b", "c"])
    >>> sweep = budget_curve(pool, 2)
    >>> [(row.name, row.records, row.domains) for row in sweep.plan.rows]
    [('domains-0001', 2, 1), ('domains-0002', 2, 2), ('domains-0003', 0, 0)]
    >>> sweep.plan.rows[-1].why_not
    '2 records are fewer than 3 domains'
    """
    spent = _in_records(budget)
    reading = Reading.of(reading, **options)
    seed, pool = reading.seed, _grouped(pools, reading)
    assert pool.groups is not None  # noqa: S101
    domains, sizes = np.unique(pool.groups, return_counts=True)
    counts = _counts(n_domains, len(domains), "domains")
    order = np.random.default_rng(seed).permutation(len(domains))
    largest = sizes[order] >= -(-budget // counts[0])
    order = np.concatenate([order[largest], order[~largest]])
    numbers = instruction_numbers(pool)
    mixes: dict[str, Mix] = {}
    table: list[SweepRow] = []
    for n in counts:
        name = f"domains-{n:04d}"
        first = order[:n]
        held = int(sizes[first].sum())
        if held < budget or budget < n:
            why_not = (
                f"its {n:,} domains hold {held:,} of {budget:,} records"
                if held < budget
                else f"{budget:,} records are fewer than {n:,} domains"
            )
            table.append(SweepRow(name=name, why_not=why_not))
            continue
        shares = dict.fromkeys(domains[np.sort(first)].tolist(), 1.0)
        selector = GroupBalanced.model_validate(
            {"shares": shares, "within": within or Random()}
        ).seeded(seed)
        selection = selector.select(pool, spent)
        recipe = recipe_of(pool, spent, selector, reading)
        mixes[name] = _one_of_many(Mix(recipe, pool, selection))
        table.append(_row(name, pool, selection, numbers))
    return _curve("domains", budget, table, mixes)


def instructions_vs_examples(
    pools: Any,
    budget: int,
    n_instructions: Iterable[int] | None = None,
    *,
    similarity_threshold: float = 0.95,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> Sweep:
    """Make mixes of a growing number of instructions with fewer records each, at one budget.

    Each of I instructions gives floor(budget / I) records, drawn at random: the axis on which
    the paper found a step [1]_. Instructions with most records come first, and those of a mix
    are among those of every later mix. A mix for which too few instructions have enough records
    cannot be made; the plan gives the reason.

    Parameters
    ----------
    pools
        Data sets or pools by name, or one.
    budget
        Largest number of records of each mix.
    n_instructions
        Number of instructions of each mix; by default 1, 2, 5, 10, ... and all.
    similarity_threshold
        Similarity from which two instructions count as one.
    reading
        How the data are read and embedded.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords.

    Raises
    ------
    ParameterError
        A number of instructions is out of range.
    BudgetError
        No mix can be made.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the decisive effect of instruction
       diversity on generalization", arXiv 2410.04717, 2024, figure 2a.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.repeat(np.eye(3), [4, 2, 2], axis=0))
    >>> sweep = instructions_vs_examples(pool, 4, [1, 2, 3])
    >>> [(row.instructions, row.examples_per_instruction) for row in sweep.plan.rows]
    [(1, 4.0), (2, 2.0), (3, 1.0)]
    """
    _in_records(budget)
    reading = Reading.of(reading, **options)
    seed, pool = reading.seed, _one_pool(pools, reading)
    numbers = instruction_numbers(pool, similarity_threshold, reading.progress)
    sizes = np.bincount(numbers)
    counts = _counts(n_instructions, len(sizes), "instructions", steps=(1, 2, 5))
    random = np.random.default_rng(seed)
    drawn = random.permutation(len(sizes))
    order = drawn[np.argsort(-sizes[drawn], kind="stable")]
    shuffled = random.permutation(len(pool))
    shuffled = shuffled[np.argsort(numbers[shuffled], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    mixes: dict[str, Mix] = {}
    table: list[SweepRow] = []
    for n in counts:
        name = f"instructions-{n:06d}"
        each = budget // n
        enough = int((sizes >= max(1, each)).sum())
        if not each or enough < n:
            why_not = (
                f"{enough:,} instructions have {each:,} records"
                if each
                else f"{budget:,} records are fewer than {n:,} instructions"
            )
            table.append(SweepRow(name=name, why_not=why_not))
            continue
        # Record by record, so that every prefix has as many of each.
        rows = np.concatenate([shuffled[starts[order[:n]] + place] for place in range(each)])
        spent = Budget(records=len(rows))
        chooser = Random(seed=seed)
        selection = Selection(rows, np.zeros(len(rows)), chooser.to_mapping(), spent, pool=pool)
        recipe = recipe_of(pool, spent, chooser, reading)
        mixes[name] = _one_of_many(Mix(recipe, pool, selection))
        table.append(_row(name, pool, selection, numbers))
    return _curve("instructions", budget, table, mixes)


def _in_records(budget: int) -> Budget:
    """The budget of every mix, in records."""
    spent = Budget.of(budget)
    if spent.records is None:
        raise BudgetError(f"the budget of a sweep is a number of records, got {spent}")
    return spent


def _shares(asked: Iterable[float]) -> list[float]:
    """Different shares, ascending."""
    try:
        shares = sorted({float(one) for one in asked})
    except (TypeError, ValueError):
        raise ParameterError(f"shares are a list of numbers, got {asked!r}") from None
    if not all(0 <= one <= 1 for one in shares):
        raise ParameterError(f"shares are between 0 and 1, got {', '.join(map(str, shares))}")
    return shares


def _one_of_many(mix: Mix) -> Mix:
    """A mix with fewer random draws, since it is compared with the other mixes of a sweep."""
    return replace(mix, recipe=mix.recipe.model_copy(update={"n_draws": _DRAWS}))


def _called(beyond_share: float) -> str:
    percent = 100 * beyond_share
    whole = round(percent)
    return f"share-{whole:02d}" if math.isclose(percent, whole) else f"share-{percent:g}"


def _counts(
    asked: Iterable[int] | None, most: int, of: str, steps: Sequence[int] = (1,)
) -> list[int]:
    """Number of domains or instructions of each mix, ascending."""
    if asked is None:
        base = 2 if len(steps) == 1 else 10
        found = {s * base**power for power in range(30) for s in steps if s * base**power < most}
        return sorted(found | {most})
    counts = list(asked)
    if not counts or not all(isinstance(n, int | np.integer) and 1 <= n <= most for n in counts):
        raise ParameterError(
            f"the numbers of {of} are whole, from 1 to the {most:,} there are; got {counts}"
        )
    return sorted({int(n) for n in counts})


def _one_pool(pools: Any, reading: Reading) -> Pool:
    """One pool of all records; several pools by name become its groups."""
    several = isinstance(pools, Mapping)
    found = as_pools(by_name(pools) if several else {"data": pools}, reading)
    return Pool.joined(found) if several else found["data"]


def _grouped(pools: Any, reading: Reading) -> Pool:
    pool = _one_pool(pools, reading)
    if pool.groups is None:
        raise ShapeError("the data have no groups; name the column that holds their domains")
    return pool


def _row(
    name: str,
    pool: Pool,
    selection: Selection,
    numbers: Rows,
    beyond_share: float | None = None,
) -> SweepRow:
    rows = selection.indices
    n_instructions = len(np.unique(numbers[rows]))
    return SweepRow(
        name=name,
        beyond_share=beyond_share,
        records=len(rows),
        domains=1 if pool.groups is None else len(np.unique(pool.groups[rows])),
        instructions=n_instructions,
        examples_per_instruction=len(rows) / n_instructions,
    )


def _curve(
    varies: Literal["domains", "instructions"],
    budget: int,
    rows: list[SweepRow],
    mixes: dict[str, Mix],
) -> Sweep:
    if not mixes:
        raise BudgetError(
            f"no mix of {budget:,} records can be made: {rows[0].name}: {rows[0].why_not}; take "
            "a smaller budget, or other numbers"
        )
    made = [getattr(row, varies) for row in rows if row.why_not is None]
    failed = [row.name for row in rows if row.why_not]
    most = "at most " if any(row.records < budget for row in rows if not row.why_not) else ""
    plan = SweepPlan(
        headline=f"{len(mixes)} mixes of {most}{budget:,} records, from {min(made):,} to "
        f"{max(made):,} {varies}.",
        varies=varies,
        budget=budget,
        rows=rows,
        notes=[f"cannot be made: {', '.join(failed)}"] if failed else [],
    )
    return Sweep(plan, mixes)
