"""Exporter: writes a mix in one form."""

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
    """Records that are written into one file, in their order."""

    records: Records
    """The records."""

    schemas: tuple[Schema, ...]
    """Layout of each of their sources."""

    beside: tuple[Mapping[str, Any], ...] | None = None
    """What each row is to carry beside its own columns, if anything."""

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
        """The records as they were read, with what they are to carry.

        Raises
        ------
        OutputError
            A row has a column of that name of its own.
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
        """What a row is to carry beside its own columns."""
        return {} if self.beside is None else dict(self.beside[place])

    @cached_property
    def conversations(self) -> list[Conversation]:
        """What each record says."""
        sources = self.records.source_of.tolist()
        return [
            self.schemas[source].conversation(row)
            for row, source in zip(self.records.rows, sources, strict=True)
        ]

    def whole(self) -> Records:
        """The records with what they are to carry."""
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
    """The id of each record in a column of one type, text if need be, if there are any."""
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
    """Each split as a data set; a column has the same type in all.

    Raises
    ------
    InputError
        A value has no place in a data set.
    """
    whole = Records.joined([split.whole() for split in splits.values()]).to_dataset()
    ends = np.cumsum([len(split) for split in splits.values()]).tolist()
    return {
        name: whole.select(range(end - len(split), end))
        for end, (name, split) in zip(ends, splits.items(), strict=True)
    }


Files = Mapping[str, list[Path]]
"""Files of each split, and under ``settings`` what else an exporter wrote."""


@dataclass(frozen=True)
class Preflight:
    """Which records of a mix are left out for a trainer, and why."""

    trainer: str
    """Name of the trainer."""

    reasons: Mapping[str, Mapping[int, str]]
    """For each split, the place of a record in it, and why it is left out."""

    unplaced: frozenset[str] = frozenset()
    """Those reasons for which the trainer would not drop a record, but learn what it does not
    say."""

    notes: tuple[str, ...] = ()
    """What is not written of the records that are not left out."""

    def __len__(self) -> int:
        return sum(map(len, self.reasons.values()))

    def __str__(self) -> str:
        """The notes, then which rows are left out, and why, in a line for each reason.

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
        """What is not left out."""
        return {
            name: split.take([i for i in range(len(split)) if i not in self.reasons[name]])
            for name, split in splits.items()
        }

    def quarantined(self, splits: Splits) -> list[Quarantined]:
        """What is left out, with where it came from."""
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
            Something is.
        """
        if len(self):
            raise GateFailed(str(self))


class Exporter(Part):
    """Writes the records of a mix, every one whole and in order, with a manifest beside."""

    family = "exporter"
    trainer: ClassVar[str] = ""
    """Name of the trainer whose form it is, as its users write it; empty for a form of files."""

    def fitted(self, splits: Splits) -> Self:
        """The exporter, with what it is to be told by the records."""
        return self

    def preflight(self, splits: Splits) -> Preflight:
        """Which records are left out for the trainer, and why."""
        return Preflight(self.trainer or self.name, {name: {} for name in splits})

    @abstractmethod
    def write(self, splits: Splits, folder: Path) -> Files:
        """Write the records into a folder; gives the files of each split, and the others."""
