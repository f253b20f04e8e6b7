"""Columns: groups, costs and quality of records as checked arrays, one value a row."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instructdiv.data.records import Records
from instructdiv.errors import ShapeError

Column: TypeAlias = str | tuple[Any, ...] | None
"""Name of a column, or one value a row."""

LONGEST_NAME = 200
"""Characters of the name of a group; a longer name is cut to its start."""

_HIGHEST_COST = 2**40


def values_of(
    column: Column, called: str, records: Records, kept: NDArray[np.int64], n_read: int
) -> list[Any] | None:
    """Values of the kept rows, from a column of them or from one value for each row read.

    Raises
    ------
    InputError
        There is no such column.
    ShapeError
        There are more or fewer values than rows were read.
    """
    if column is None:
        return None
    if isinstance(column, str):
        return records.labels(column)
    if len(column) != n_read:
        raise ShapeError(f"{len(column)} {called} do not fit {n_read} records")
    return [column[i] for i in kept.tolist()]


def as_groups(values: Any, n_rows: int | None = None) -> NDArray[np.str_] | None:
    """Name of the group of each row, (n,) str; (none) where a row has none.

    Raises
    ------
    ShapeError
        The number of values is not that of the rows.
    """
    if values is None:
        return None
    groups = np.array([_group_name(value) for value in values], np.str_)
    groups.flags.writeable = False
    if n_rows is not None and len(groups) != n_rows:
        raise ShapeError(f"{len(groups)} groups do not fit {n_rows} rows")
    return groups


def _group_name(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "(none)"
    # An array of text is as wide as its widest value.
    return str(value)[:LONGEST_NAME]


def as_costs(values: Any, n_rows: int) -> NDArray[np.int64] | None:
    """Tokens of each row, (n,) int64, at least 1.

    Raises
    ------
    ShapeError
        A value is not a whole number above 0, or their number is not that of the rows.
    """
    array = _numbers(values, "costs", n_rows)
    if array is None:
        return None
    fine = (array >= 1) & (array <= _HIGHEST_COST) & (array == np.floor(array))
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        raise ShapeError(
            f"costs must be whole numbers from 1 to {_HIGHEST_COST:,}, "
            f"but row {row} has {array[row]:g}"
        )
    costs = array.astype(np.int64)
    costs.flags.writeable = False
    return costs


def as_quality(values: Any, n_rows: int) -> NDArray[np.float64] | None:
    """Score of each row, (n,) float64, higher is better.

    Raises
    ------
    ShapeError
        A value is not a finite number, or their number is not that of the rows.
    """
    scores = _numbers(values, "quality scores", n_rows)
    if scores is None:
        return None
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ShapeError(f"quality scores must be finite, but row {row} has {scores[row]}")
    scores.flags.writeable = False
    return scores


def _numbers(values: Any, called: str, n_rows: int) -> NDArray[np.float64] | None:
    if values is None:
        return None
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{called} must be numbers{_no_number(values)}: {error}") from None
    if array.shape != (n_rows,):
        raise ShapeError(f"{called} of shape {array.shape} do not fit {n_rows} rows")
    return array


def _no_number(values: Any) -> str:
    """The first row whose value is no number, in words."""
    for row, value in enumerate(values):
        try:
            if np.asarray(value, np.float64).ndim:
                raise TypeError
        except (TypeError, ValueError):
            return f", but row {row} has {value!r}"
    return ""


def those_having(column: Column, records: Mapping[str, Records]) -> dict[str, Column]:
    """The column for each of several data sets that has it.

    Raises
    ------
    InputError
        None has it.
    """
    if not isinstance(column, str):
        return dict.fromkeys(records, column)
    found: dict[str, Column] = {
        name: column for name, one in records.items() if column in one.columns or column == "source"
    }
    if records and not found:
        next(iter(records.values())).column(column)  # raises, and names the columns there are
    return found
