"""Budget: how much a selection may spend in all, and at least and at most on a group."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from instructdiv.core.allowance import Allowance
from instructdiv.errors import BudgetError
from instructdiv.part import explain

# Shares are decimals: what rounding leaves beside a whole number is not meant.
_DUST = 1e-9
Share = Annotated[float, Field(ge=0, le=1)]
_UNITS = ("records", "tokens", "share")


class Budget(BaseModel):
    """Number of records or tokens, or share of the records, that a selection may spend.

    A budget of records, or of a share of the records, is spent exactly. A budget of tokens is spent
    until no record that may be chosen fits into what is left.

    `floors` and `caps` are the smallest and largest share of the budget for groups. In records they
    hold exactly, floors rounded up and caps rounded down. In tokens caps hold exactly, and a floor
    is missed by less than the shortest record left in its group.

    Raises
    ------
    BudgetError
        Not exactly one unit is given, or its number is zero, negative or not a number; a
        floor or cap is not a share, or a floor is above its cap; the floors add up to more
        than the budget.

    Examples
    --------
    >>> Budget(records=500)
    Budget(records=500)
    >>> Budget.of(500) == Budget(records=500)
    True
    >>> Budget(records=500, floors={"code": 0.1}, caps={"chat": 0.4}, group_by="domain")
    Budget(records=500, floors={'code': 0.1}, caps={'chat': 0.4}, group_by='domain')
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    records: int | None = Field(default=None, gt=0, strict=True)
    """Number of records."""

    tokens: int | None = Field(default=None, gt=0, strict=True)
    """Number of tokens, counted over whole conversations."""

    share: float | None = Field(default=None, gt=0, le=1)
    """Share of the pool's records, above 0, at most 1; rounded to whole records."""

    tokenizer: str | None = None
    """Model whose tokenizer counts the tokens: a folder or a Hub name; the tokenizer of the
    embedder if not given."""

    column: str | None = None
    """Column of the number of tokens of each record, in place of a tokenizer."""

    floors: dict[str, Share] | None = None
    """Smallest share of the budget that a group gets."""

    caps: dict[str, Share] | None = None
    """Largest share of the budget that a group gets."""

    group_by: str | None = None
    """Column of the groups that floors and caps name; the column of the known groups if not
    given."""

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, int | np.integer) and not isinstance(value, bool):
            value = {"records": int(value)}
        if not isinstance(value, Mapping | Budget):
            raise BudgetError(
                "a budget is a whole number of records above 0, or "
                f"Budget(records=, tokens= or share=), got {value!r}"
            )
        if isinstance(value, Mapping):
            value = {k: v.item() if isinstance(v, np.generic) else v for k, v in value.items()}
        try:
            budget = handler(value)
        except ValidationError as error:
            raise BudgetError(f"budget: {explain(error)}") from None
        budget._check()
        return budget

    def _check(self) -> None:
        if sum(getattr(self, unit) is not None for unit in _UNITS) != 1:
            raise BudgetError("a budget has one unit: records, tokens or share")
        if (self.tokenizer or self.column) and not self.tokens:
            raise BudgetError("tokenizer and column count tokens: give the budget in tokens")
        if self.tokenizer and self.column:
            raise BudgetError("tokens are counted by a tokenizer or by a column, not by both")
        floors, caps = self.floors or {}, self.caps or {}
        if self.group_by and not self.constrained:
            raise BudgetError(
                f"group_by={self.group_by!r} names the groups of floors and caps; give some"
            )
        for group, floor in floors.items():
            if floor > caps.get(group, 1):
                raise BudgetError(
                    f"the floor of {group!r}, {floor:g}, is above its cap, {caps[group]:g}"
                )
        if math.fsum(floors.values()) > 1 + _DUST:
            added = " + ".join(f"{floor:g} ({group})" for group, floor in floors.items())
            raise BudgetError(
                f"the floors add up to {added} = {math.fsum(floors.values()):g} of the budget; "
                "lower them to at most 1"
            )

    @property
    def constrained(self) -> bool:
        """Whether groups have floors or caps."""
        return bool(self.floors or self.caps)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "integer", "minimum": 1}, handler(core_schema)]}

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, Any]:
        return dict(self._given())

    def _given(self) -> Iterable[tuple[str, Any]]:
        for field in type(self).model_fields:
            if (value := getattr(self, field)) is not None:
                yield field, value

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return self._given()

    def __str__(self) -> str:
        (unit, number) = next(iter(self._given()))
        return f"{number:.3g} of the records" if unit == "share" else f"{number:,} {unit}"

    @classmethod
    def of(cls, budget: "int | np.integer | Budget") -> "Budget":
        """The budget itself, or a whole number of records as a budget."""
        return cls.model_validate(budget)

    def allowance(
        self,
        costs: NDArray[np.int64],
        rows: NDArray[np.int64],
        groups: NDArray[np.str_] | None = None,
    ) -> Allowance:
        """The rows, limit, floors and caps that this budget allows on a pool.

        Parameters
        ----------
        costs
            (n,) int64, number of tokens of each record; used by a budget of tokens only.
        rows
            (m,) int64, ascending: the rows that may be chosen.
        groups
            (n,) group of each row, for floors and caps.

        Raises
        ------
        BudgetError
            The rows hold less than the budget asks for, or no row fits into it; floors and
            caps cannot be met.
        """
        if self.tokens is not None:
            limit, unit = self.tokens, "tokens"
        else:
            costs, unit = np.ones(len(costs), np.int64), "records"
            limit = self.records or max(1, round((self.share or 0) * len(costs)))
        held = int(costs[rows].sum())
        if limit > held:
            raise BudgetError(
                f"the budget asks for {limit:,} {unit}, but only {held:,} can be chosen; "
                f"ask for at most {held:,}"
            )
        shortest = int(costs[rows].min())
        if limit < shortest:
            raise BudgetError(
                f"the budget of {limit:,} {unit} is below the shortest record, "
                f"which has {shortest:,}"
            )
        if not self.constrained:
            return Allowance(costs, limit, rows)
        if groups is None:
            raise BudgetError("floors and caps need groups; name their column with group_by=")
        self.check_groups(groups)
        return self._constrained(costs, limit, rows, groups, unit)

    def check_groups(self, groups: NDArray[np.str_]) -> None:
        """Raise if a floor or cap names a group that is not among the groups (n,).

        Raises
        ------
        BudgetError
            A floor or cap names no group; the known ones are listed.
        """
        known = np.unique(groups).tolist()
        for group in [*(self.floors or {}), *(self.caps or {})]:
            if group not in known:
                shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
                raise BudgetError(f"no group is named {group!r}; known: {shown}")

    def _constrained(
        self,
        costs: NDArray[np.int64],
        limit: int,
        rows: NDArray[np.int64],
        groups: NDArray[np.str_],
        unit: str,
    ) -> Allowance:
        names, numbers = np.unique(groups, return_inverse=True)
        known = [str(name) for name in names]
        floors, caps = self.floors or {}, self.caps or {}
        least = np.array([math.ceil(_decimal(floors.get(g, 0) * limit)) for g in known])
        most = np.array([math.floor(_decimal(caps.get(g, 1) * limit)) for g in known])
        held = np.bincount(numbers[rows], costs[rows], minlength=len(known)).astype(np.int64)
        short = np.flatnonzero(held < least)
        if len(short):
            g = short[0]
            raise BudgetError(
                f"the floor of {known[g]!r} is {floors[known[g]]:g} of {limit:,} = {least[g]:,} "
                f"{unit}, but only {held[g]:,} can be chosen; lower the floor or the budget"
            )
        over = np.flatnonzero(least > most)
        if len(over):
            g = over[0]
            raise BudgetError(
                f"of {limit:,} {unit} the floor of {known[g]!r} is {least[g]:,} and its cap "
                f"{most[g]:,}; set them further apart or take a larger budget"
            )
        if least.sum() > limit:
            added = " + ".join(f"{least[known.index(g)]:,} ({g})" for g in floors)
            raise BudgetError(
                f"the floors, in whole {unit}, come to {added} = {least.sum():,}, but the budget "
                f"is {limit:,}; lower a floor or take a larger budget"
            )
        room = np.minimum(held, most)
        if room.sum() < limit:
            capped = " + ".join(f"{room[known.index(g)]:,} ({g})" for g in caps)
            free = room.sum() - sum(room[known.index(g)] for g in caps)
            raise BudgetError(
                f"the caps leave {capped} + {free:,} (all others) = {room.sum():,} {unit}, but "
                f"the budget is {limit:,}; raise a cap or take a smaller budget"
            )
        if int((costs[rows] <= most[numbers[rows]]).sum()) == 0:
            raise BudgetError(f"no record fits under the caps; raise one above {most.max():,}")
        return Allowance(costs, limit, rows, numbers.astype(np.int64), least, most, tuple(known))


def _decimal(number: float) -> float:
    """A whole number where only rounding leaves it beside one."""
    whole = round(number)
    return whole if math.isclose(number, whole, rel_tol=1e-14, abs_tol=_DUST) else number
