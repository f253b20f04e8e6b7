"""Budget: what may be spent in all, and how it is shared out in whole numbers."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
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

from instructdiv.errors import BudgetError
from instructdiv.part import explain


class Budget(BaseModel):
    """What a selection may spend: one number in one unit.

    A budget of records, or of a share of the records, is spent exactly. A budget of
    tokens leaves less than the shortest record that was not chosen.

    Raises
    ------
    BudgetError
        Not exactly one unit is given, or its number is zero, negative or not a number.

    Examples
    --------
    >>> Budget(records=500)
    Budget(records=500)
    >>> Budget.of(500) == Budget(records=500)
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    records: int | None = Field(default=None, gt=0, strict=True)
    """Number of records."""

    tokens: int | None = Field(default=None, gt=0, strict=True)
    """Number of tokens over whole conversations."""

    share: float | None = Field(default=None, gt=0, le=1)
    """Share of the pool's records, above 0, at most 1; rounded to whole records."""

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
        try:
            budget = handler(value)
        except ValidationError as error:
            raise BudgetError(f"budget: {explain(error)}") from None
        if len(budget.model_dump()) != 1:
            raise BudgetError("a budget has one unit: records, tokens or share")
        return budget

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "integer", "minimum": 1}, handler(core_schema)]}

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, int | float]:
        return dict(self._given())

    def _given(self) -> Iterable[tuple[str, int | float]]:
        for unit in type(self).model_fields:
            if (number := getattr(self, unit)) is not None:
                yield unit, number

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return self._given()

    def __str__(self) -> str:
        (unit, number) = next(iter(self._given()))
        return f"{number:.3g} of the records" if unit == "share" else f"{number:,} {unit}"

    @classmethod
    def of(cls, budget: "int | np.integer | Budget") -> "Budget":
        """A budget as it is, or a whole number as records."""
        return cls.model_validate(budget)

    def allowance(self, costs: NDArray[np.int64], rows: NDArray[np.int64]) -> "Allowance":
        """What this budget allows on the rows of a pool.

        Parameters
        ----------
        costs
            (n,) int64, tokens of each record; used by a budget of tokens only.
        rows
            (m,) int64, ascending: the rows that may be chosen.

        Raises
        ------
        BudgetError
            The rows hold less than the budget asks for, or no row fits into it.
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
        return Allowance(costs, limit, rows)


@dataclass(frozen=True)
class Allowance:
    """Which rows may be chosen, what each costs, and how much may be spent on them."""

    costs: NDArray[np.int64]
    """(n,) int64, above 0: what each row of the pool costs."""

    limit: int
    """The most that may be spent, in the unit of the costs."""

    rows: NDArray[np.int64]
    """(m,) int64, ascending: the rows that may be chosen."""

    @property
    def counts_records(self) -> bool:
        """Whether each row costs 1, so that the limit can be met exactly."""
        return bool((self.costs == 1).all())

    def fill(self, order: ArrayLike) -> NDArray[np.int64]:
        """Take rows in this order, passing over those that no longer fit.

        Examples
        --------
        >>> allowance = Allowance(np.array([4, 3, 2]), limit=6, rows=np.arange(3))
        >>> allowance.fill([0, 1, 2]).tolist()
        [0, 2]
        """
        waiting = np.asarray(order, np.int64)
        if self.counts_records:
            return waiting[: self.limit]
        taken: list[int] = []
        left = self.limit
        while len(waiting):
            spent = np.cumsum(self.costs[waiting])
            fitting = int(np.searchsorted(spent, left, side="right"))
            taken += waiting[:fitting].tolist()
            left -= int(spent[fitting - 1]) if fitting else 0
            waiting = waiting[fitting:]
            waiting = waiting[self.costs[waiting] <= left]
        return np.array(taken, np.int64)


def apportion(
    total: int, weights: ArrayLike, capacities: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Share out a whole number in proportion to weights, no one above its capacity.

    The Webster / Sainte-Lague method: each unit goes to the one whose quotient
    weight / (2 * granted + 1) is highest, ties to the first. A larger total never takes
    a unit away from anyone, so that smaller selections are parts of larger ones.

    Parameters
    ----------
    total
        What is shared out, at most the sum of the capacities of weights above 0.
    weights
        (g,) real, 0 or more.
    capacities
        (g,) whole numbers, 0 or more; none means no limit.

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
