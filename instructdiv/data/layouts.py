"""Layouts: the schema of each source of records, and one row for each conversation."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from instructdiv.data.records import Records, Row
from instructdiv.errors import InputError
from instructdiv.schemas import Schema, recognize

_log = logging.getLogger("instructdiv.data.layouts")

Layout = Schema | str | Mapping[str, Any]
"""A schema, its name, or a column mapping: columns of a schema to those of the data."""


def layouts(records: Records, schema: Layout | None = None) -> tuple[Schema, ...]:
    """Schema of each source of records: its own, the given one, or the recognized one.

    Parameters
    ----------
    records
        The records.
    schema
        Layout of the sources that name none of their own.

    Raises
    ------
    UnknownSchema
        No schema fits a source.
    InputError
        No record of a source has a column of the schema that is given for it.
    """
    usual = None if schema is None else Schema.of(schema)
    found: list[Schema] = []
    for number, name in enumerate(records.sources):
        part = records.take(np.flatnonzero(records.source_of == number))
        given = records.layouts[number] if records.layouts else None
        given = usual if given is None else given
        if given is not None:
            if len(part) and not any(map(given.columns, part.rows)):
                raise InputError(
                    f"{name} has none of the columns of {given!r}; it has "
                    f"{', '.join(map(str, part.columns))}"
                )
            found.append(given)
            continue
        found.append(recognize(part.rows))
        named = name.encode("utf-8", "backslashreplace").decode()
        _log.info("%s: %s records, layout %s", named, f"{len(part):,}", found[-1].name)
    return tuple(found)


def unfolded(records: Records, schemas: Sequence[Schema]) -> Records:
    """Records with one row for each conversation, where a layout holds several in a row."""
    if not any(schema.unfolds for schema in schemas):
        return records
    rows: list[Row] = []
    origins: list[int] = []
    for number, schema in enumerate(schemas):
        places = np.flatnonzero(records.source_of == number).tolist()
        own = [records.rows[place] for place in places]
        for place, row in schema.unfold(own) if schema.unfolds else enumerate(own):
            rows.append(row)
            origins.append(places[place])
    return records.unfolded(rows, origins)
