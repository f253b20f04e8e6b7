"""Exporter: writes a mix in one format."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from instructdiv.data.records import Quarantined, Records, Row
from instructdiv.errors import GateFailed, OutputError
from instructdiv.part import Part
from instructdiv.schemas import Conversation, Schema
from instructdiv.schemas.conversation import is_missing

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True, eq=False)
class Split:
    """Records that are written into one file, in order."""

    records: Records
    """The records, in order."""

    schemas: tuple[Schema, ...]
    """Layout of the records of each source."""

    beside: tuple[Mapping[str, Any], ...] | None = None
    """Columns to add to each row, if any."""

    def __len__(self) -> int:
        return len(self.records)

    def take(self, places: Sequence[int]) -> "Split":
        """The records at these places, in this order."""
        beside = None if self.beside is None else tuple(self.beside[i] for i in places)
        taken = replace(self, records=self.records.take(places), beside=beside)
        if "conversations" in self.__dict__:  # what was read is not read again
            taken.__dict__["conversations"] = [self.conversations[i] for i in places]
        return taken

    def rows(self) -> Iterator[Row]:
        """Rows as they were read, with the added columns.

        Raises
        ------
        OutputError
            A row already has a column of the name of an added one.
        """
        for place, row in enumerate(self.records.rows):
            carried = self.carried(place)
            for name in carried.keys() & row.keys():
                raise OutputError(
                    f"add_columns would overwrite the column {name!r} that the records have; "
                    "rename it in the data, or leave it out of add_columns"
                )
            yield dict(row) | carried

    def carried(self, place: int) -> dict[str, Any]:
        """Columns to add to a row."""
        return {} if self.beside is None else dict(self.beside[place])

    @cached_property
    def conversations(self) -> list[Conversation]:
        """Conversation of each record."""
        sources = self.records.source_of.tolist()
        return [
            self.schemas[source].conversation(row)
            for row, source in zip(self.records.rows, sources, strict=True)
        ]

    def whole(self) -> Records:
        """The records with the added columns."""
        if self.beside is None:
            return self.records
        columns = dict.fromkeys(name for one in self.beside for name in one)
        return replace(
            self.records,
            rows=list(self.rows()),
            columns=tuple(dict.fromkeys([*self.records.columns, *columns])),
        )


Splits = Mapping[str, Split]
"""``train``, and ``eval`` where some records are held out."""


def ids(splits: Splits) -> dict[str, list[Any]] | None:
    """Id of each record, in one type (text where they differ); None without ids."""
    if not any("id" in split.records.columns for split in splits.values()):
        return None
    found = {
        name: [None if is_missing(one := row.get("id")) else one for row in split.records.rows]
        for name, split in splits.items()
    }
    kinds = {type(one) for own in found.values() for one in own if one is not None}
    if not kinds:
        return None
    if kinds in ({str}, {int}):
        return found
    return {name: [None if one is None else str(one) for one in own] for name, own in found.items()}


def tables(splits: Splits) -> "dict[str, Dataset]":
    """Each split as a data set; a column has the same type in all splits.

    Raises
    ------
    InputError
        A value cannot be stored in a data set.
    """
    whole = Records.joined([split.whole() for split in splits.values()]).to_dataset()
    ends = np.cumsum([len(split) for split in splits.values()]).tolist()
    return {
        name: whole.select(range(end - len(split), end))
        for end, (name, split) in zip(ends, splits.items(), strict=True)
    }


Files = Mapping[str, list[Path]]
"""Files of each split, and under ``settings`` the other files of an exporter."""


@dataclass(frozen=True)
class Preflight:
    """Records of a mix that a trainer would drop, or has no field for, with the reasons."""

    trainer: str
    """Name of the trainer."""

    reasons: Mapping[str, Mapping[int, str]]
    """For each split, the reason by the place of the record in it."""

    unplaced: frozenset[str] = frozenset()
    """Reasons for which the trainer would not drop the record, but learn something it does not
    say."""

    notes: tuple[str, ...] = ()
    """Notes on what is not written of the records that are kept."""

    def __len__(self) -> int:
        return sum(map(len, self.reasons.values()))

    def __str__(self) -> str:
        """Notes, then the number of rows that are left out for each reason, a line each.

        Examples
        --------
        >>> print(Preflight("TRL", {"train": {0: "no answer", 4: "no answer"}}))
        TRL would drop 2 rows: no answer
        >>> print(Preflight("TRL", {"train": {3: "no label"}}, frozenset({"no label"})))
        1 row is left out for TRL: no label
        """
        found = Counter(reason for places in self.reasons.values() for reason in places.values())
        return "\n".join([*self.notes, *(self._line(*counted) for counted in found.most_common())])

    def _line(self, reason: str, n: int) -> str:
        rows = f"{n:,} row{'' if n == 1 else 's'}"
        if reason in self.unplaced:
            return f"{rows} {'is' if n == 1 else 'are'} left out for {self.trainer}: {reason}"
        return f"{self.trainer} would drop {rows}: {reason}"

    def _of_one(self, reason: str) -> str:
        if reason in self.unplaced:
            return f"left out for {self.trainer}: {reason}"
        return f"{self.trainer} would drop it: {reason}"

    def kept(self, splits: Splits) -> Splits:
        """Splits without the records that are left out."""
        return {
            name: split.take([i for i in range(len(split)) if i not in self.reasons[name]])
            for name, split in splits.items()
        }

    def quarantined(self, splits: Splits) -> list[Quarantined]:
        """Records that are left out, with their origin."""
        return [
            splits[name].records.quarantined(place, self._of_one(reason))
            for name, places in self.reasons.items()
            for place, reason in places.items()
        ]

    def check(self) -> None:
        """Raise if anything is left out.

        Raises
        ------
        GateFailed
            At least one record is left out.
        """
        if len(self):
            raise GateFailed(str(self))


class Exporter(Part):
    """Writes the records of a mix, each complete and in order, with a manifest."""

    family = "exporter"
    trainer: ClassVar[str] = ""
    """Name of the trainer, as its users write it; empty for a file format."""

    def fitted(self, splits: Splits) -> Self:
        """The exporter with parameters that depend on the records set."""
        return self

    def preflight(self, splits: Splits) -> Preflight:
        """Records that are left out for the trainer, and why."""
        return Preflight(self.trainer or self.name, {name: {} for name in splits})

    @abstractmethod
    def write(self, splits: Splits, folder: Path) -> Files:
        """Write the records into a folder; returns the files of each split, and the others."""
