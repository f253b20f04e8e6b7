"""Usable: the records that have an instruction, each with the text that is embedded."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from instructdiv.data.columns import Column, as_costs, as_groups, as_quality, values_of
from instructdiv.data.layouts import layouts, unfolded
from instructdiv.data.records import Records, Row
from instructdiv.data.views import View, view_text
from instructdiv.errors import InputError, RowError
from instructdiv.schemas import Schema

_log = logging.getLogger("instructdiv")


@dataclass(frozen=True, eq=False)
class Usable:
    """Records without those that cannot be used; these are in their quarantine."""

    records: Records
    """The records that can be used."""

    schemas: tuple[Schema, ...]
    """Layout of each source."""

    view: View
    """Part of a record that is embedded."""

    texts: tuple[str, ...]
    """Text of each record that is embedded."""

    kept: NDArray[np.int64]
    """(n,) int64: place of each record among those that were read."""

    n_read: int
    """Number of records that were read."""

    groups: NDArray[np.str_] | None
    """(n,) group of each record, where it was asked for."""

    costs: NDArray[np.int64] | None
    """(n,) tokens of each record, where they came with the data."""

    quality: NDArray[np.float64] | None
    """(n,) score of each record, where it was asked for."""

    @classmethod
    def of(
        cls,
        records: Records,
        view: View,
        schema: Schema | None,
        group: Column,
        costs: Column,
        quality: Column,
        strict: bool,
    ) -> "Usable":
        """Find the layout of records, and leave out those without an instruction.

        Parameters are those of :class:`instructdiv.data.reading.Reading`.

        Raises
        ------
        UnknownSchema
            No layout fits.
        InputError
            No record can be used, or there is no such column; or, if `strict`, one record
            cannot be used.
        ShapeError
            There is not one value for each record, or one is no number.
        """
        schemas = layouts(records, schema)
        records = unfolded(records, schemas)
        texts, kept, left_out = [], [], list(records.quarantine)
        for i, row in enumerate(records.rows):
            try:
                texts.append(text_of(schemas[records.source_of[i]], row, view))
                kept.append(i)
            except RowError as error:
                left_out.append(records.quarantined(i, str(error)))
                if strict:
                    raise InputError(str(left_out[-1])) from None
        if not kept:
            raise InputError(f"no record can be used; {left_out[-1]}")
        rows, n, n_read = np.array(kept, np.int64), len(kept), len(records)
        records = replace(records, quarantine=tuple(left_out))
        if n < n_read:
            records = records.take(rows)
        return cls(
            records,
            schemas,
            view,
            tuple(texts),
            rows,
            n_read,
            as_groups(values_of(group, "groups", records, rows, n_read), n),
            as_costs(values_of(costs, "costs", records, rows, n_read), n),
            as_quality(values_of(quality, "quality scores", records, rows, n_read), n),
        )

    def warn(self, called: str = "") -> None:
        """Log how many records were left out, and why the first was."""
        if left_out := self.records.quarantine:
            n = len(left_out)
            _log.warning(
                "%s%s cannot be used and %s left out; the first: %s",
                f"{called}: " if called else "",
                "1 record" if n == 1 else f"{n:,} records",
                "is" if n == 1 else "are",
                left_out[0],
            )


def text_of(schema: Schema, row: Row, view: View) -> str:
    """The text that a view shows of a record.

    Raises
    ------
    RowError
        It has no instruction, whatever the view.
    """
    messages = schema.messages(row)
    if view == "prompt":
        return schema.prompt(row)
    return schema.instruction(row) if view == "instruction" else view_text(messages, view)
