"""Convert: records in another layout, without loss."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instructdiv.core.files import json_of, new_file, write_lines, write_text
from instructdiv.data.hub import quiet_datasets
from instructdiv.data.layouts import Layout, layouts, unfolded
from instructdiv.data.load import read
from instructdiv.data.records import QUARANTINE, Quarantined, Row, is_dataset, quarantine_lines
from instructdiv.errors import InputError, InstructdivError, OutputError, RowError
from instructdiv.schemas import Schema

UNCONVERTED = "_unconverted"
"""Column of the values that the layout cannot hold, so that a row can be converted back."""

FORMS = (".jsonl", ".json", ".parquet")


@dataclass(frozen=True)
class Converted:
    """Records in another layout, and what was converted, kept aside or left out."""

    rows: tuple[dict[str, Any], ...]
    """The converted records, with all other columns unchanged."""

    layout: str
    """Name of the layout."""

    sources: Mapping[str, str]
    """Layout that each source had."""

    n_read: int
    """Number of records that were read."""

    quarantine: tuple[Quarantined, ...]
    """Records that could not be read, or that the layout cannot hold."""

    unconverted: Mapping[str, int]
    """Number of records by column whose values the layout cannot give back."""

    n_restored: int
    """Number of records restored to what they were before an earlier conversion."""

    n_edited: int
    """Number of records edited after an earlier conversion, which cannot be restored."""

    drop_unconverted: bool = False
    """Whether values that the layout cannot hold are left out."""

    def __str__(self) -> str:
        found = ", ".join(f"{name}: {layout}" for name, layout in self.sources.items())
        lines = [f"{len(self.rows):,} records in the layout {self.layout} ({found})"]
        if len(self.rows) + len(self.quarantine) != self.n_read:
            lines.append(
                f"{self.n_read:,} were read; some hold several conversations, or a part of one"
            )
        if self.n_restored:
            lines.append(f"{self.n_restored:,} are restored as before an earlier conversion")
        if self.n_edited:
            lines.append(
                f"{self.n_edited:,} were edited since; values kept aside for them are left out"
            )
        if self.unconverted:
            columns = ", ".join(f"{name} ({n:,})" for name, n in self.unconverted.items())
            kept = "left out" if self.drop_unconverted else f"kept in the column {UNCONVERTED}"
            lines.append(
                f"values that {self.layout} cannot hold, by column (records): {columns}; {kept}"
            )
        if self.quarantine:
            reasons = Counter(bad.reason for bad in self.quarantine)
            lines += [f"{n:,} are left out: {reason}" for reason, n in reasons.most_common()]
        return "\n".join(lines)

    def to_mapping(self) -> dict[str, Any]:
        """The counts as plain JSON values."""
        return {
            "layout": self.layout,
            "sources": dict(self.sources),
            "read": self.n_read,
            "written": len(self.rows),
            "quarantined": len(self.quarantine),
            "reasons": dict(Counter(bad.reason for bad in self.quarantine)),
            "unconverted": dict(self.unconverted),
            "restored": self.n_restored,
            "edited": self.n_edited,
        }

    def save(self, path: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write the records, and the quarantined ones into a file beside them.

        The extension decides the format: .jsonl, .json or .parquet. Quarantined records go into
        a file of the same name with the extension ``.quarantine.jsonl``.

        Raises
        ------
        InputError
            The extension is another.
        OutputError
            A file cannot be written, or exists and `overwrite` is not set.
        """
        path = Path(path)
        check_output(path, overwrite=overwrite)
        beside = path.with_name(f"{path.stem}.{QUARANTINE}")
        if self.quarantine and beside.exists() and not overwrite:
            raise OutputError(f"{beside} exists already; move it, or overwrite it")
        if path.suffix == ".parquet":
            with new_file(path) as draft, quiet_datasets():
                read(list(self.rows)).to_dataset().to_parquet(draft)
        elif path.suffix == ".jsonl":
            write_lines(path, self.rows)
        else:
            write_text(path, "[" + ",\n".join(map(json_of, self.rows)) + "]\n")
        if not self.quarantine:
            if overwrite:
                beside.unlink(missing_ok=True)  # of an earlier run
            return [path]
        return [path, write_text(beside, "".join(quarantine_lines(self.quarantine)))]


def convert(
    data: Any,
    to: Layout,
    *,
    schema: Layout | None = None,
    strict: bool = False,
    encoding: str = "utf-8",
    drop_unconverted: bool = False,
) -> Converted:
    """Convert records to another layout; converted back, they are equal value for value.

    A layout may not be able to hold all values: messages do not tell an instruction from its input.
    Such values are reported, and kept in the column ``_unconverted``.

    Parameters
    ----------
    data
        Anything that :func:`instructdiv.load` reads.
    to
        The layout to write.
    schema
        Layout of the records; recognized if not given.
    strict
        Raise on the first record that cannot be converted, instead of leaving it out.
    encoding
        Encoding of text files, by its Python name.
    drop_unconverted
        Leave out values that the layout cannot hold, instead of keeping them.

    Raises
    ------
    InputError
        The data cannot be read, or the layout can hold none of its records.

    Examples
    --------
    >>> rows = [{"instruction": "Add.", "input": "1 + 1", "output": "2", "id": 7}]
    >>> there = convert(rows, "messages")
    >>> there.rows[0]["messages"][0]["content"]
    'Add.\\n\\n1 + 1'
    >>> list(convert(there.rows, "alpaca").rows) == rows
    True
    """
    target = Schema.of(to)
    records = read(data, strict=strict, encoding=encoding)
    found = layouts(records, schema)
    n_read = len(records) + len(records.quarantine)
    of_table = is_dataset(records.rows)
    records = unfolded(records, found)
    quarantine = list(records.quarantine)
    rows, unconverted, n_restored, n_edited = [], Counter[str](), 0, 0
    for place, given in enumerate(records.rows):
        layout = found[records.source_of[place]]
        # A table has every column in every row.
        unfilled = [c for c in layout.columns(given) if given[c] is None] if of_table else []
        try:
            done = _Conversion.of(_without(given, *unfilled), layout, target)
        except RowError as error:
            quarantine.append(records.quarantined(place, str(error)))
            if strict:
                raise InputError(str(quarantine[-1])) from None
            continue
        unconverted.update(done.unconverted)
        n_restored += done.is_restored
        n_edited += done.is_edited
        rows.append(done.row if not drop_unconverted else _without(done.row, UNCONVERTED))
    if not rows:
        raise InputError(f"no record can be converted to {target.name}; {quarantine[-1]}")
    return Converted(
        tuple(rows),
        target.name,
        {name: one.name for name, one in zip(records.sources, found, strict=True)},
        n_read,
        tuple(quarantine),
        dict(unconverted.most_common()),
        n_restored,
        n_edited,
        drop_unconverted,
    )


@dataclass(frozen=True)
class _Conversion:
    row: dict[str, Any]
    unconverted: Sequence[str] = ()
    is_restored: bool = False
    is_edited: bool = False

    @classmethod
    def of(cls, row: Row, source: Schema, target: Schema) -> "_Conversion":
        held = row.get(UNCONVERTED)
        row = _without(row, UNCONVERTED)
        if held is None:  # a table has the column in every row
            return cls._forward(row, source, target)
        earlier, origin = _earlier(held)
        if origin.name != target.name:  # a step on the way
            done = cls._forward(row, source, target)
            steps = earlier.get("steps", 0)
            passed = earlier | {"steps": steps + 1 if isinstance(steps, int) else 1}
            return cls(done.row | {UNCONVERTED: passed}, done.unconverted)
        restored = _restored(row, source, origin, earlier)
        if restored is not None and _is_from(row, source, restored, origin, earlier):
            return cls(restored, is_restored=True)
        return cls(cls._forward(row, source, target).row, is_edited=True)

    @classmethod
    def _forward(cls, row: Row, source: Schema, target: Schema) -> "_Conversion":
        written = target.write(source.conversation(row))
        own = source.columns(row)
        beside = {k: v for k, v in row.items() if k not in own and k not in written}
        is_usual = source == type(source)()
        if is_usual and _same(beside | _back(written, source, target), row):
            return cls(written | beside)
        source = source.like(row)
        found = _back(written, source, target)
        # Where there is no way back, what stands in the row under its own name is held, unless
        # it is read as something else; a layout that is only read is never gone back to.
        is_written = type(source).write is not Schema.write
        stays = own - target.columns(written) if is_written else own
        back = beside | (found or {k: v for k, v in written.items() if k in stays})
        values = {k: v for k, v in row.items() if k not in back or not _same(back[k], v)}
        absent = [k for k in back if k not in row]
        if source == type(source)() and not values and not absent:
            return cls(written | beside)
        told = {"schema": source.to_mapping(), "values": values, "absent": absent}
        return cls(written | beside | {UNCONVERTED: told}, [*values, *absent])


def _back(written: Row, source: Schema, target: Schema) -> dict[str, Any]:
    """Row that converting back gives; empty where that is not possible."""
    try:
        return source.write(target.read(written))
    except RowError:
        return {}


def _earlier(held: Any) -> tuple[dict[str, Any], Schema]:
    """Values that an earlier conversion kept, and the layout they belong to.

    Raises
    ------
    RowError
        The column holds something else than a conversion writes.
    """
    try:
        earlier = dict(json.loads(held) if isinstance(held, str) else held)
        return earlier, Schema.of(earlier["schema"])
    except (InstructdivError, KeyError, TypeError, ValueError, RecursionError):
        raise RowError(
            f"the column {UNCONVERTED} was not written by convert ({held!r:.60}); rename or drop it"
        ) from None


def _is_from(
    row: Row, source: Schema, restored: Row, origin: Schema, earlier: Mapping[str, Any]
) -> bool:
    """Whether a row is the unedited conversion of a restored row."""
    try:
        again = _without(_Conversion._forward(restored, origin, source).row, UNCONVERTED)
        if not earlier.get("steps"):
            return _same(again, row)
        # By way of a third layout it may be written otherwise, but says the same.
        one, other = source.read(again).messages, source.read(row).messages
    except RowError:
        return False
    return [(m["role"], m["content"]) for m in one] == [(m["role"], m["content"]) for m in other]


def _restored(
    row: Row, source: Schema, origin: Schema, earlier: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The row as it was before an earlier conversion; None where that is unknown."""
    values, absent = earlier.get("values"), earlier.get("absent")
    if not isinstance(values, Mapping) or not isinstance(absent, list):
        return None
    own = source.columns(row)
    found = {k: v for k, v in row.items() if k not in own}
    with suppress(RowError):  # of a layout that is only read, all was kept
        found |= origin.write(source.read(row))
    return _without(found, *map(str, absent)) | dict(values)


def _without(row: Row, *columns: str) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in columns}


def _same(a: Any, b: Any) -> bool:
    """Whether two values are the same JSON: 1 is not true."""
    try:
        return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    except RecursionError:
        return a is b
    except (TypeError, ValueError):
        return repr(a) == repr(b)


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Raise unless records can be written to a path.

    Raises
    ------
    InputError
        The extension is no format that can be written.
    OutputError
        The file exists, and `overwrite` is not set.
    """
    if path.suffix not in FORMS:
        raise InputError(f"records are written as {', '.join(FORMS)}, not as {str(path)!r}")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; give another file, or overwrite it")
