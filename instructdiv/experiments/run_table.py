"""Run table: rows of training results, from a file or in memory."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from instructdiv.data.load import read
from instructdiv.errors import InputError

Rows = str | Path | Iterable[Any] | Mapping[str, Any]
_LISTS = ("points", "runs", "rows")
_ENDINGS = (".csv", ".tsv", ".json", ".jsonl")


def rows_of(data: Rows, called: str) -> list[tuple[str, Any]]:
    """Read rows, each with the words by which an error names it.

    Parameters
    ----------
    data
        A path (CSV, TSV, JSON, JSON lines), a list of rows, or a mapping with such a list as
        `points`, `runs` or `rows`, like the JSON of studies of the lab.
    called
        Name of one row, for errors.

    Raises
    ------
    InputError
        The file cannot be read, or there is no row.
    """
    place, rows = "", data
    if isinstance(data, str | Path):
        place, rows = f"{data}, ", _read(Path(data), called)
    if isinstance(rows, Mapping):
        rows = [rows]
    if not isinstance(rows, Iterable):
        raise InputError(f"{called}s are rows, or a path to a file of them, got {rows!r}")
    found = list(rows)
    if len(found) == 1 and isinstance(found[0], Mapping):
        inner = [found[0][name] for name in _LISTS if isinstance(found[0].get(name), list | tuple)]
        found = list(inner[0]) if inner else found
    if not found:
        raise InputError(f"{place}there is no {called}; give one row for each training run")
    return [(f"{place}{called} {i}", row) for i, row in enumerate(found, 1)]


def _read(path: Path, called: str) -> Any:
    if path.suffix.lower() not in _ENDINGS:
        known = ", ".join(_ENDINGS)
        raise InputError(f"{called}s are read from a file that ends in {known}, got {str(path)!r}")
    if not path.is_file():
        raise InputError(f"no file at {path}")
    return read(str(path), strict=True).rows


def cell(where: str, row: Any, name: str) -> Any:
    """The value of a row in a column.

    Raises
    ------
    InputError
        The row has no such column, or the value is empty.
    """
    if not isinstance(row, Mapping):
        raise InputError(f"{where} must be a mapping of columns, got {row!r}")
    if name not in row:
        raise InputError(
            f"{where} has no column {name!r}; it has: {', '.join(map(str, row)) or 'none'}"
        )
    if row[name] is None or row[name] == "":
        raise InputError(
            f"{where} has nothing in the column {name!r}; fill it or leave the row out"
        )
    return row[name]


def number(where: str, name: str, value: Any) -> float:
    """The value as a finite number.

    Raises
    ------
    InputError
        The value is no finite number.
    """
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise InputError(
            f"{where}: {name} must be a finite number, got {value!r}; leave out a run that failed"
        )
    return found
