"""Sources: several data sets, how much of each comes into a mix, and under which license."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from instructdiv.budget import Budget
from instructdiv.core.apportion import apportion
from instructdiv.data.load import read
from instructdiv.data.records import Records
from instructdiv.errors import BudgetError, RecipeError
from instructdiv.part import StrictModel
from instructdiv.schemas import Schema

SOURCE = "source"
"""Column of the name of the source of each record."""


class Source(StrictModel):
    """One data set of several, and how much of the mix comes from it.

    Each key has its unit in its name. Of ``share`` and ``records`` there is one at most; a
    source with neither fills what the others leave. A source with fewer records than its share
    gives all it has, and the others share the rest.

    Raises
    ------
    RecipeError
        A key is unknown or has a wrong value, or there are both a share and records.

    Examples
    --------
    >>> Source.model_validate({"data": "code.jsonl", "share": 0.3, "license": "mit"}).share
    0.3
    """

    noun = "source"
    example = "{data: code.jsonl, share: 0.3}: each number has its unit in its key"

    data: tuple[str, ...] = Field(min_length=1)
    """Files, folders or Hub names to read; a single one needs no list."""

    called: str | None = Field(default=None, alias="name")
    """Name of the source, for floors, caps and reports; the name of its file if not given."""

    share: float | None = Field(default=None, ge=0, le=1)
    """Share of the budget that comes from this source."""

    records: int | None = Field(default=None, ge=0, strict=True)
    """Number of records that come from this source."""

    repeat: int = Field(default=1, ge=1, strict=True)
    """Number of times each chosen record is written; the budget counts it once."""

    license: str | None = None
    """License of the records that state none of their own."""

    layout: Schema | None = Field(default=None, alias="schema")
    """Layout of its records; recognized if not given."""

    encoding: str = "utf-8"
    """Encoding of the text files, by its Python name."""

    @field_validator("data", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (str(value),) if isinstance(value, str | Path) else value

    def _check(self) -> None:
        if self.share is not None and self.records is not None:
            raise RecipeError(f"the source {self.name!r} has a share and records; give one of them")

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.called or ", ".join(self.data)


def read_sources(sources: Sequence[Source], *, strict: bool = False) -> Records:
    """Read all sources as one, each record with the name and the layout of its source.

    Raises
    ------
    InputError
        A source cannot be read.
    RecipeError
        Two have the same name.
    """
    names = [source.name for source in sources]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecipeError(f"two sources are called {twice[0]!r}; give each a name of its own")
    parts = [
        read(list(source.data), strict=strict, encoding=source.encoding).labelled(
            source.name, source.license, source.layout
        )
        for source in sources
    ]
    return Records.joined(parts)


def constrained(
    budget: Budget, sources: Iterable[Source], sizes: Mapping[str, int]
) -> tuple[Budget, list[str]]:
    """The budget with what comes from each source as its floor and its cap; and notes.

    A source with fewer records than its share gives all it has, and the others share the rest;
    the notes say so.

    Parameters
    ----------
    budget
        Total budget: records or tokens.
    sources
        The sources.
    sizes
        Number of records of each, by name.

    Raises
    ------
    BudgetError
        The sources ask for more than the budget, or for records where it counts tokens; the
        budget has floors or caps of other groups than sources.
    """
    sources = list(sources)
    asked = [source for source in sources if source.share is not None or source.records is not None]
    if not asked:
        return budget, []
    if budget.constrained and budget.group_by != SOURCE:
        raise BudgetError(
            "sources with a share or records leave no room for floors and caps of other groups; "
            "give floors and caps group_by: source, or no share"
        )
    for source in asked:
        if source.name in (budget.floors or {}) or source.name in (budget.caps or {}):
            raise BudgetError(
                f"the source {source.name!r} has a share or records, and a floor or cap too; "
                "give one of them"
            )
    n_records = sum(sizes.values())
    limit = budget.tokens or budget.records or max(1, round((budget.share or 0) * n_records))
    wanted = _wanted(asked, limit, in_tokens=budget.tokens is not None)
    whole, notes = wanted, []
    if budget.tokens is None:
        held = np.array([sizes[source.name] for source in asked], np.int64)
        whole = _granted(asked, wanted, held, others=len(asked) < len(sources))
        notes = [
            f"{source.name} has {n:,} of the {n_wanted:,} records of its share; the others share "
            "the rest"
            for source, n, n_wanted in zip(asked, whole.tolist(), wanted.tolist(), strict=True)
            if n < n_wanted
        ]
        notes += [
            f"the share of {source.name}, {source.share:g}, comes to no whole record"
            for source, n_wanted in zip(asked, wanted.tolist(), strict=True)
            if source.share and not n_wanted
        ]
    fixed = {source.name: n / limit for source, n in zip(asked, whole.tolist(), strict=True)}
    update = {
        "floors": (budget.floors or {}) | fixed,
        "caps": (budget.caps or {}) | fixed,
        "group_by": SOURCE,
    }
    return budget.model_copy(update=update), notes


def _wanted(asked: Sequence[Source], limit: int, *, in_tokens: bool) -> NDArray[np.int64]:
    """Whole number of records or tokens that each source is asked for."""
    counted = sum(source.records or 0 for source in asked)
    if counted and in_tokens:
        raise BudgetError("a budget of tokens cannot be shared out in records; give shares")
    shares = [source.share or 0.0 for source in asked]
    by_share = round(sum(shares) * limit)
    if sum(shares) > 1 + 1e-9 or limit < counted + by_share:
        told = " + ".join(
            f"{source.records:,} ({source.name})"
            if source.records is not None
            else f"{source.share:g} of the budget ({source.name})"
            for source in asked
        )
        raise BudgetError(f"the sources ask for {told}, more than the budget of {limit:,}")
    wanted = np.array([source.records or 0 for source in asked], np.int64)
    if by_share:
        wanted += apportion(by_share, shares)
    return wanted


def _granted(
    asked: Sequence[Source], wanted: NDArray[np.int64], held: NDArray[np.int64], *, others: bool
) -> NDArray[np.int64]:
    """What each source gives, where some have fewer records than their share."""
    shares = np.array([source.share or 0.0 for source in asked])
    by_share = shares > 0
    if not (wanted > held)[by_share].any():
        return wanted
    granted = wanted.copy()
    if others:  # sources without a share fill what is left
        granted[by_share] = np.minimum(wanted, held)[by_share]
    elif wanted[by_share].sum() <= held[by_share].sum():
        granted[by_share] = apportion(int(wanted[by_share].sum()), shares[by_share], held[by_share])
    return granted
