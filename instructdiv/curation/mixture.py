"""Mixture: several data sets mixed by shares, in whole records."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from instructdiv.budget import Budget
from instructdiv.core.apportion import apportion
from instructdiv.core.wording import counted
from instructdiv.curation.curate import Mix
from instructdiv.curation.diversify import Planned, as_pools, by_name, recipe_of
from instructdiv.data.views import View
from instructdiv.embedders import Embedder, Progress
from instructdiv.errors import BudgetError, ParameterError, ShapeError
from instructdiv.pool import Pool
from instructdiv.results import Facts, Result, Table, count, share
from instructdiv.selectors import FacilityLocation, GroupBalanced, Selector

_ROUNDING = 1e-6


class SourceRow(Facts):
    """What one data set gives to a mixture."""

    source: str
    """Its name."""

    records: int
    """Records that it has."""

    share: float
    """Share of the budget, as asked for."""

    wanted: int
    """Whole records that this is."""

    granted: int
    """Records of it in the mix."""


class Allocation(Result):
    """How a budget is shared out over data sets."""

    title: ClassVar[str] = "Allocation of a mixture"

    budget: int
    """Records of the mix."""

    sources: list[SourceRow]
    """The data sets, as they were given."""

    notes: list[str]
    """What did not go as asked for."""

    def tables(self) -> dict[str, Table]:
        """Everything that is a table, by its title."""
        return {
            "Notes": Table(["note"], [[note] for note in self.notes]),
            "Sources": Table(
                ["source", "records", "share", "wanted", "granted"],
                [
                    [
                        row.source,
                        count(row.records),
                        share(row.share),
                        count(row.wanted),
                        count(row.granted),
                    ]
                    for row in self.sources
                ],
            ),
        }


class Mixture(Planned[Allocation]):
    """Several data sets mixed: how the budget is shared out, and the mix to write."""


def mix(
    pools: Mapping[str, Any],
    budget: int,
    shares: Mapping[str, float],
    *,
    within: Selector | str | None = None,
    embedder: Embedder | str | None = None,
    view: View = "prompt",
    seed: int = 0,
    strict: bool = False,
    progress: Progress | None = None,
) -> Mixture:
    """Mix several data sets by shares: whole records that add up to the budget.

    A data set with fewer records than its share gives all it has, and the others share the
    rest; the plan says so. Records are dealt out in turns, so every prefix holds the shares.

    Parameters
    ----------
    pools
        Data sets by name: whatever :func:`load` reads, or pools.
    budget
        Records of the mix.
    shares
        Share of the budget for each, by name; they add up to 1.
    within
        What chooses within each data set, or its name; facility location if not given.
    embedder
        What turns texts into vectors, or its name; all-MiniLM-L6-v2 if not given.
    view
        What of a record is embedded.
    seed
        Seed of everything that draws at random and has no seed of its own.
    strict
        Raise on the first record that cannot be used, rather than leave it out.
    progress
        Called with a stage, how much of it is done, and how much there is.

    Raises
    ------
    ParameterError
        The shares are not those of the data sets, or do not add up to 1.
    BudgetError
        The data sets that have a share hold less than the budget.
    InputError
        Data cannot be read.
    ShapeError
        Some are pools and others are not, or pools cannot be compared.

    Examples
    --------
    >>> code = [{"instruction": f"Sort list {n} in Python.", "output": "..."} for n in "abcde"]
    >>> law = [{"instruction": f"Which court hears appeal {n}?", "output": "?"} for n in "ab"]
    >>> shares = {"code": 0.25, "law": 0.75}
    >>> found = mix({"code": code, "law": law}, 4, shares, embedder="lexical")
    >>> [row.granted for row in found.plan.sources], found.plan.notes
    ([2, 2], ['law has 2 of the 3 records wanted; the others share the rest'])
    """
    named, shares = _checked(pools, shares)
    found = as_pools(named, None, embedder, view, seed, strict, progress)
    pool = Pool.joined(found)
    sizes = np.array([len(one) for one in found.values()])
    asked = np.array([shares[name] for name in named])
    held = int(sizes[asked > 0].sum())
    spent = Budget.of(budget)
    if spent.records is None:
        raise BudgetError(f"a mixture is of so many records, got {spent}")
    if spent.records > held:
        raise BudgetError(
            f"the budget asks for {spent.records:,} records, but the data sets with a share hold "
            f"{held:,}; ask for at most {held:,}"
        )
    selector = GroupBalanced.model_validate(
        {"shares": dict(shares), "within": within or FacilityLocation()}
    ).seeded(seed)
    selection = selector.select(pool, spent)
    assert pool.groups is not None  # noqa: S101
    chosen = pool.groups[selection.indices]
    # As the selector breaks ties: in the order of names.
    order = np.argsort(list(named))
    wanted = np.empty(len(named), np.int64)
    wanted[order] = apportion(spent.records, asked[order])
    rows = [
        SourceRow(
            source=name,
            records=int(size),
            share=shares[name],
            wanted=int(whole),
            granted=int((chosen == name).sum()),
        )
        for name, size, whole in zip(named, sizes, wanted, strict=True)
    ]
    return Mixture(
        _allocation(rows), Mix(recipe_of(pool, spent, selector, seed), pool, selection, progress)
    )


def _checked(
    pools: Mapping[str, Any], shares: Mapping[str, float]
) -> tuple[dict[str, Any], dict[str, float]]:
    if not isinstance(pools, Mapping) or not pools:
        raise ShapeError("a mixture is of data sets by name, as in {'code': ..., 'law': ...}")
    named, shares = by_name(pools), by_name(shares)
    if named.keys() != shares.keys():
        raise ParameterError(
            f"there must be a share for each data set: these are {', '.join(named)}, the shares "
            f"those of {', '.join(map(str, shares)) or 'none'}"
        )
    for name, one in shares.items():
        if not (math.isfinite(one) and 0 <= one <= 1):
            raise ParameterError(f"the share of {name!r} is between 0 and 1, got {one!r}")
    added = math.fsum(shares.values())
    if abs(added - 1) > _ROUNDING:
        told = " + ".join(f"{one:g} ({name})" for name, one in shares.items())
        raise ParameterError(f"the shares add up to {told} = {added:g}; they must add up to 1")
    return named, shares


def _allocation(rows: list[SourceRow]) -> Allocation:
    short = [row for row in rows if row.granted < row.wanted]
    none = [row for row in rows if row.share and not row.wanted]
    told = ", ".join(f"{row.granted:,} of {row.source}" for row in rows)
    total = sum(row.granted for row in rows)
    return Allocation(
        headline=f"{counted(total, 'record')}: {told}."
        + (f" {len(short)} had fewer than their share." if short else ""),
        budget=total,
        sources=rows,
        notes=[
            f"{row.source} has {row.records:,} of the {row.wanted:,} records wanted; the others "
            "share the rest"
            for row in short
        ]
        + [f"the share of {row.source}, {row.share:g}, comes to no whole record" for row in none],
    )
