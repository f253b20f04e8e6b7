"""Readers: one file of JSON, JSON lines, CSV, TSV, Parquet or Arrow, as rows."""

import codecs
import contextlib
import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.data.records import Quarantined, Row
from instructdiv.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class RawSource:
    """Rows of one file or data set, before the layout of any is looked at."""

    name: str
    """Name of the file or data set, as messages call it."""

    rows: Sequence[Row]
    """Its records: a list of mappings, or a ``datasets.Dataset``."""

    lines: NDArray[np.int64]
    """(n,) where each record stands, from 1; see unit."""

    quarantine: list[Quarantined]
    """What could not be read as a record."""

    files: list[Path]
    """Files that were read."""

    unit: str
    """What lines count: line, or record where a file has no lines."""

    @classmethod
    def of(
        cls, name: str, numbered: Iterable[tuple[int, Any]], files: list[Path], unit: str
    ) -> "RawSource":
        """Keep mappings as records; quarantine everything else with its reason."""
        rows, lines, quarantine = [], [], []
        for line, row in numbered:
            if isinstance(row, _Unread):
                quarantine.append(Quarantined(name, line, row.reason, row.content, unit))
            elif not isinstance(row, Mapping):
                reason = f"not a record but {type(row).__name__}"
                quarantine.append(Quarantined(name, line, reason, row, unit))
            else:
                rows.append(row)
                lines.append(line)
        return cls(name, rows, np.array(lines, np.int64), quarantine, files, unit)

    @classmethod
    def of_dataset(cls, name: str, dataset: "Dataset", files: Sequence[Path] = ()) -> "RawSource":
        """All rows of a data set."""
        return cls(name, dataset, np.arange(1, len(dataset) + 1), [], list(files), "record")


@dataclass(frozen=True)
class _Unread:
    content: str
    reason: str


def reader_of(path: Path) -> Callable[[Path, str, str], RawSource] | None:
    """What reads a file of this name, also where it ends in .gz or .zst; None if nothing does."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kinds = [suffix for suffix in suffixes if suffix not in (".gz", ".zst")]
    return READERS.get(kinds[-1]) if kinds else None


def from_file(path: Path, name: str, encoding: str) -> RawSource:
    """Read one file.

    Raises
    ------
    InputError
        No reader knows the ending of its name, or the file cannot be read.
    """
    reader = reader_of(path)
    if reader is None:
        raise InputError(f"{name}: unknown kind of file; known: {', '.join(READERS)}, .gz, .zst")
    try:
        return reader(path, name, encoding)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} cannot be read: {error}") from error


def undecoded(dataset: "Dataset") -> "Dataset":
    """Images and sounds as the bytes they are: only text is read here."""
    for name, feature in dataset.features.items():
        if getattr(feature, "decode", False):
            dataset = dataset.cast_column(name, type(feature)(decode=False))
    return dataset


def valid(row: Any) -> Any:
    """The row, or why it cannot be used: half of a surrogate pair cannot be encoded again."""
    # "\\ud800" is JSON, but no text: it can be neither encoded nor written again.
    try:
        json.dumps(row, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return _Unread(json.dumps(row, default=str), "half of a surrogate pair is not text")
    except (ValueError, TypeError, RecursionError):
        return row  # not JSON, and may well be a record all the same
    return row


def _read_json(path: Path, name: str, encoding: str) -> RawSource:
    text = _text(path, name, encoding)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith("{") and "\n" in text.strip():
            return _lines(text, path, name)
        line = f"line {error.lineno}: " if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{name} is not JSON: {line}{_why(error)}") from error
    if isinstance(content, Mapping):
        content = _held(content, path)
    if not isinstance(content, list):
        raise InputError(f"{name} holds {type(content).__name__}, not a list of records")
    numbered = ((i, valid(row)) for i, row in enumerate(content, 1))
    return RawSource.of(name, numbered, [path], "record")


def _held(content: Mapping[str, Any], path: Path) -> list[Any]:
    """The records that one JSON object holds, or the object as the only one."""
    data = content.get("data")
    if isinstance(data, list) and (not data or any(isinstance(one, Mapping) for one in data)):
        return data
    instances = content.get("Instances")
    if not isinstance(instances, list):
        return [content]
    task = {"task": path.name.split(".")[0]} | dict(content)
    del task["Instances"]
    return [task | one if isinstance(one, dict) else one for one in instances]


def _read_json_lines(path: Path, name: str, encoding: str) -> RawSource:
    text = _text(path, name, encoding)
    if text.lstrip().startswith("["):  # one array under the wrong name, or a bad first line
        with contextlib.suppress(ValueError, RecursionError):
            json.loads(text)
            return _read_json(path, name, encoding)
    return _lines(text, path, name)


def _lines(text: str, path: Path, name: str) -> RawSource:
    numbered = enumerate(text.split("\n"), 1)
    parsed = ((i, _parsed(line)) for i, line in numbered if line.strip())
    return RawSource.of(name, parsed, [path], "line")


def _parsed(line: str) -> Any:
    try:
        return valid(json.loads(line))
    except (ValueError, RecursionError) as error:
        return _Unread(line, f"not JSON: {_why(error)}")


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "too deeply nested" if isinstance(error, RecursionError) else str(error)


def _read_table(path: Path, name: str, encoding: str) -> RawSource:
    is_tabs = ".tsv" in [suffix.lower() for suffix in path.suffixes]
    text = _text(path, name, encoding)
    csv.field_size_limit(1 << 30)
    try:
        return _table(text, name, path, delimiter="\t" if is_tabs else ",")
    except csv.Error as error:
        if not is_tabs:
            raise InputError(f"{name}: {error}") from error
    # Between tabs a quote is often no more than a quote.
    return _table(text, name, path, delimiter="\t", quoting=csv.QUOTE_NONE)


def _table(text: str, name: str, path: Path, **dialect: Any) -> RawSource:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, **dialect)
    columns = list(rows.fieldnames or ())
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise InputError(f"{name} has two columns {twice[0]!r}; rename one")
    return RawSource.of(name, ((rows.line_num, _cells(row)) for row in rows), [path], "line")


def _cells(row: dict[str | None, Any]) -> Any:
    if None in row:
        return _Unread(json.dumps(row[None]), "more cells than columns")
    return row


def _read_parquet(path: Path, name: str, _: str) -> RawSource:
    _check_packed(path, name)
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Dataset

    try:
        dataset = Dataset(pq.read_table(path))
    except pa.ArrowInvalid as error:
        raise InputError(f"{name} is not Parquet: {error}") from error
    return RawSource.of_dataset(name, dataset, [path])


def _read_arrow(path: Path, name: str, _: str) -> RawSource:
    _check_packed(path, name)
    import pyarrow as pa
    from datasets import Dataset

    try:
        dataset = Dataset.from_file(str(path))
    except pa.ArrowInvalid as error:
        raise InputError(f"{name} is not a stream of Arrow: {error}") from error
    return RawSource.of_dataset(name, undecoded(dataset), [path])


def _check_packed(path: Path, name: str) -> None:
    if path.suffix.lower() in (".gz", ".zst"):
        raise InputError(f"{name}: only files of text are read packed; unpack it")


def _text(path: Path, name: str, encoding: str) -> str:
    raw = _bytes(path)
    try:
        text = raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        called = "UTF-8" if encoding == "utf-8-sig" else encoding
        guess = "utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "latin-1"
        raise InputError(
            f"{name} is not {called}: byte 0x{raw[error.start]:02x} at offset {error.start} "
            f"(line {line}); say how it is encoded, as in --encoding {guess}"
        ) from error
    if not text.strip():
        raise InputError(f"{name} is empty")
    return text


def _bytes(path: Path) -> bytes:
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as file:
            return file.read()
    if path.suffix.lower() == ".zst":
        import pyarrow as pa

        with pa.input_stream(str(path), compression="zstd") as stream:
            return bytes(stream.read())
    return path.read_bytes()


READERS: dict[str, Callable[[Path, str, str], RawSource]] = {
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
}
