"""Records: rows as they stand in files and data sets, and where each came from."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.core.described import Described, few
from instructdiv.core.rows import row_numbers
from instructdiv.errors import InputError
from instructdiv.schemas import Schema

if TYPE_CHECKING:
    from datasets import Dataset

Row = Mapping[str, Any]
QUARANTINE = "quarantine.jsonl"
"""Name of a file of records that were left out, or the end of its name."""


@dataclass(frozen=True)
class Quarantined:
    """A record that could not be read or used: where it stands, why, and what was there."""

    file: str
    line: int
    reason: str
    content: Any
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.file} {self.fault}"

    @property
    def fault(self) -> str:
        """Where in the file, and why."""
        return f"{self.unit} {self.line}: {self.reason}"


@dataclass(frozen=True, eq=False, repr=False)
class Records(Described):
    """Rows with all their columns, unchanged, and where each came from."""

    rows: Sequence[Row]
    """The records: a list of mappings, or a ``datasets.Dataset``."""

    sources: tuple[str, ...]
    """Names of the files or data sets that were read."""

    source_of: NDArray[np.int64]
    """(n,) int64: which source each row came from."""

    lines: NDArray[np.int64]
    """(n,) int64: where each row stands in its source, from 1; see units."""

    columns: tuple[str, ...]
    """Every column that a row of the whole input has, in order of appearance."""

    units: tuple[str, ...] = ()
    """What the lines of each source count: line, or record where a file has no lines."""

    quarantine: tuple[Quarantined, ...] = ()
    """Records that could not be read."""

    files: tuple[tuple[str, str], ...] = ()
    """Files that were read, each with its SHA-256."""

    names: tuple[str, ...] = ()
    """Name of each source, where it has one beside that of its file; several may share one."""

    licenses: tuple[str | None, ...] = ()
    """License of all records of each source, where one is known."""

    layouts: tuple[Schema | None, ...] = ()
    """Layout of each source, where it was given for that source."""

    excluded: tuple[tuple[str, int], ...] = ()
    """Why records were left out that could have been used, and how many for each reason."""

    places: NDArray[np.int64] | None = None
    """(n,) int64: see source_rows; one below the lines if not given."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def source_rows(self) -> NDArray[np.int64]:
        """Row of each record in the list or data set that was given, from 0, (n,) int64.

        Of files it is the row in what :func:`instructdiv.load` makes of them. Where several
        data sets were joined, it is the row in its own; :attr:`source_of` says which.
        """
        return self.lines - 1 if self.places is None else self.places

    def _facts(self) -> dict[str, object]:
        return {
            "records": len(self),
            "source": few(list(dict.fromkeys(self.names or self.sources))),
            "columns": few(self.columns, 12),
            "left out": len(self.quarantine) or None,
        }

    @classmethod
    def joined(cls, parts: "Sequence[Records]") -> "Records":
        """Records of several, one after another; a data set if all are, with the same columns."""
        firsts = np.cumsum([0, *(len(part.sources) for part in parts)])
        columns = [name for part in parts for name in part.columns]
        return cls(
            rows=_joined([part.rows for part in parts]),
            sources=tuple(name for part in parts for name in part.sources),
            source_of=np.concatenate(
                [part.source_of + first for part, first in zip(parts, firsts, strict=False)]
            ),
            lines=np.concatenate([part.lines for part in parts]),
            places=np.concatenate([part.source_rows for part in parts]),
            columns=tuple(dict.fromkeys(columns)),
            units=tuple(unit for part in parts for unit in part.units),
            quarantine=tuple(bad for part in parts for bad in part.quarantine),
            names=tuple(name for part in parts for name in part.names or part.sources),
            licenses=tuple(one for part in parts for one in part._of_each_source("licenses")),
            layouts=tuple(one for part in parts for one in part._of_each_source("layouts")),
            excluded=tuple(one for part in parts for one in part.excluded),
            # Where some came from no file, the digest is one of all rows.
            files=tuple(file for part in parts for file in part.files)
            if all(part.files for part in parts)
            else (),
        )

    def _of_each_source(self, name: str) -> tuple[Any, ...]:
        return getattr(self, name) or (None,) * len(self.sources)

    def labelled(
        self,
        name: str | None = None,
        license: str | None = None,  # noqa: A002
        layout: Schema | None = None,
    ) -> "Records":
        """The same records, all of a source of this name, under this license, in this layout."""
        n = len(self.sources)
        return replace(
            self,
            names=self.names if name is None else (name,) * n,
            licenses=self.licenses if license is None else (license,) * n,
            layouts=self.layouts if layout is None else (layout,) * n,
        )

    @property
    def source_names(self) -> list[str]:
        """The name of the source of each row."""
        names = self.names or self.sources
        return [names[i] for i in self.source_of.tolist()]

    def take(self, indices: "ArrayLike") -> "Records":
        """The records at these rows, in this order; everything else stays."""
        indices = row_numbers(indices, len(self))
        rows = (
            [self.rows[i] for i in indices.tolist()]
            if isinstance(self.rows, list)
            else self.rows.select(indices)  # type: ignore[attr-defined]
        )
        return replace(
            self,
            rows=rows,
            source_of=self.source_of[indices],
            lines=self.lines[indices],
            places=self.source_rows[indices],
        )

    def pruned(self) -> "Records":
        """The same records, without sources that have none."""
        used, numbers = np.unique(self.source_of, return_inverse=True)
        names = ("sources", "units", "names", "licenses", "layouts")
        kept: dict[str, Any] = {
            name: tuple(getattr(self, name)[i] for i in used.tolist())
            for name in names
            if getattr(self, name)
        }
        return replace(self, source_of=numbers.astype(np.int64), **kept)

    def unfolded(self, rows: Sequence[Row], origins: "ArrayLike") -> "Records":
        """Other rows in place of these, each from one of these: origins (m,)."""
        origins = row_numbers(origins, len(self))
        return replace(
            self,
            rows=list(rows),
            source_of=self.source_of[origins],
            lines=self.lines[origins],
            places=self.source_rows[origins],
            columns=tuple(columns_of(rows)),
        )

    def quarantined(self, row: int, reason: str) -> Quarantined:
        """Say that a row cannot be used, and why."""
        source = int(self.source_of[row])
        return Quarantined(
            self.sources[source],
            int(self.lines[row]),
            reason,
            self.rows[row],
            self.units[source],
        )

    def column(self, name: str) -> list[Any]:
        """Values of a column, None where a row lacks it; ``source`` is always there.

        Raises
        ------
        InputError
            No row has the column.
        """
        if name not in self.columns:
            if name == "source":
                return list(self.source_names)
            known = ", ".join([*self.columns, "source"])
            raise InputError(f"no column is named {name!r}; known: {known}")
        if isinstance(self.rows, list):
            return [row.get(name) for row in self.rows]
        return list(self.rows[name])  # type: ignore[call-overload]

    def labels(self, name: str) -> list[Any]:
        """What groups the records: a column, or for ``source`` the name that a source was given."""
        return self.source_names if name == "source" and self.names else self.column(name)

    def digests(self) -> list[dict[str, str]]:
        """SHA-256 of each file, or of the rows where they came from no file."""
        if self.files:
            return [{"file": file, "sha256": digest} for file, digest in self.files]
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update(json.dumps(row, default=str).encode() + b"\n")
        return [{"rows": ", ".join(self.sources), "sha256": digest.hexdigest()}]

    def to_dataset(self) -> "Dataset":
        """The rows as a ``datasets.Dataset``; a column that a row lacks becomes None there.

        Raises
        ------
        InputError
            A value has no place in a data set, such as a whole number of over 64 bits.
        """
        from datasets import Dataset

        if isinstance(self.rows, Dataset):
            return self.rows
        columns = {name: self.column(name) for name in self.columns}
        try:
            found = Dataset.from_dict(columns, on_mixed_types="use_json")
            mixed = {name: f for name, f in found.features.items() if _holds_json(f)}
            if not mixed:
                return found
            columns |= {name: [_as_json(v, f) for v in columns[name]] for name, f in mixed.items()}
            return Dataset.from_dict(columns, features=found.features)
        except (OverflowError, ValueError, TypeError) as error:
            raise InputError(f"a value has no place in a datasets.Dataset: {error}") from error


def _holds_json(feature: Any) -> bool:
    from datasets import Json, List

    if isinstance(feature, dict):
        return any(map(_holds_json, feature.values()))
    return _holds_json(feature.feature) if isinstance(feature, List) else isinstance(feature, Json)


def _as_json(value: Any, feature: Any) -> Any:
    """A value whose parts of mixed types are JSON: ``datasets`` itself rounds to ten decimals."""
    from datasets import Json, List
    from datasets.utils.json import ujson_loads

    if value is None:
        return None
    if isinstance(feature, dict):
        return {key: _as_json(value.get(key), own) for key, own in feature.items()}
    if isinstance(feature, List):
        return [_as_json(one, feature.feature) for one in value]
    if not isinstance(feature, Json):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        ujson_loads(written)
    except ValueError as error:  # it would stay a text, and all others with it
        raise OverflowError(f"{error} of {written:.80}; lines of JSON can hold it") from error
    return written


def quarantine_lines(quarantine: Iterable[Quarantined]) -> Iterator[str]:
    """What was left out, as lines of JSON: file, line, reason and content."""
    for bad in quarantine:
        line = {"file": bad.file, "line": bad.line, "reason": bad.reason, "content": bad.content}
        text = json.dumps(line, ensure_ascii=False, default=str)
        # Half a character in the name of a file is then an escape of JSON.
        yield text.encode("utf-8", "backslashreplace").decode() + "\n"


def is_dataset(data: Any) -> bool:
    """Whether this is a ``datasets.Dataset``."""
    # A Dataset can only be at hand where datasets has been imported already.
    return type(data).__module__.startswith("datasets.") and hasattr(data, "select")


def _joined(parts: "Sequence[Sequence[Row]]") -> Sequence[Row]:
    if all(is_dataset(rows) for rows in parts):
        from datasets import concatenate_datasets

        if all(rows.features == parts[0].features for rows in parts):  # type: ignore[attr-defined]
            joined: Sequence[Row] = concatenate_datasets(list(parts))
            return joined
    return [row for rows in parts for row in rows]


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Every column that a row has, in order of appearance."""
    names = getattr(rows, "column_names", None)
    return list(names or dict.fromkeys(name for row in rows for name in row))
