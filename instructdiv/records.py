"""Records: rows as they stand in files and data sets, and where each came from."""

import csv
import gzip
import hashlib
import io
import json
import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.errors import InputError
from instructdiv.files import MANIFEST, sha256

if TYPE_CHECKING:
    from datasets import Dataset

Row = Mapping[str, Any]
DEMO = Path(__file__).parent / "data" / "demo.jsonl"

_log = logging.getLogger("instructdiv")


@dataclass(frozen=True)
class Quarantined:
    """A record that could not be read or used: where it stands, why, and what was there."""

    file: str
    line: int
    reason: str
    content: Any


@dataclass(frozen=True, eq=False)
class Records:
    """Rows with all their columns, unchanged, and where each came from."""

    rows: Sequence[Row]
    """The records: a list of mappings, or a ``datasets.Dataset``."""

    sources: tuple[str, ...]
    """Names of the files or data sets that were read."""

    source_of: NDArray[np.int64]
    """(n,) int64: which source each row came from."""

    lines: NDArray[np.int64]
    """(n,) int64: line (JSON lines, from 1) or number (from 1) of each row in its source."""

    quarantine: tuple[Quarantined, ...] = ()
    """Records that could not be read."""

    files: tuple[Path, ...] = ()
    """Files that were read, for their digests."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> list[str]:
        """Every column that a row has, in order of appearance."""
        return _columns(self.rows)

    def take(self, indices: ArrayLike) -> "Records":
        """The records at these rows, in this order; everything else stays."""
        indices = np.asarray(indices, np.int64)
        rows = (
            [self.rows[i] for i in indices.tolist()]
            if isinstance(self.rows, list)
            else self.rows.select(indices)  # type: ignore[attr-defined]
        )
        return Records(
            rows,
            self.sources,
            self.source_of[indices],
            self.lines[indices],
            self.quarantine,
            self.files,
        )

    def column(self, name: str) -> list[Any]:
        """Values of a column, None where a row lacks it; ``source`` is always there.

        Raises
        ------
        InputError
            No row has the column.
        """
        columns = self.columns
        if name not in columns:
            if name == "source":
                return [self.sources[i] for i in self.source_of.tolist()]
            raise InputError(f"no column is named {name!r}; known: {', '.join(columns)}, source")
        if isinstance(self.rows, list):
            return [row.get(name) for row in self.rows]
        return list(self.rows[name])  # type: ignore[call-overload]

    def digests(self) -> list[dict[str, str]]:
        """SHA-256 of each file, or of the rows where they came from no file."""
        if self.files:
            return [{"file": str(file), "sha256": sha256(file)} for file in self.files]
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update(json.dumps(row, default=str).encode() + b"\n")
        return [{"rows": ", ".join(self.sources), "sha256": digest.hexdigest()}]

    def to_dataset(self) -> "Dataset":
        """The rows as a ``datasets.Dataset``; a column that a row lacks becomes None there."""
        from datasets import Dataset

        if isinstance(self.rows, Dataset):
            return self.rows
        return Dataset.from_dict(
            {name: self.column(name) for name in self.columns}, on_mixed_types="use_json"
        )


def _columns(rows: Sequence[Row]) -> list[str]:
    names = getattr(rows, "column_names", None)
    return list(names or dict.fromkeys(name for row in rows for name in row))


def load(data: Any, *, strict: bool = False) -> "Dataset":
    """Read records from wherever they are into a ``datasets.Dataset`` with all columns.

    Parameters
    ----------
    data
        A path (JSON, JSON lines, Parquet, CSV, TSV; .gz and .zst; a folder of these, or
        one written by ``Dataset.save_to_disk``), a name on the Hugging Face Hub, a
        ``datasets.Dataset``, a sequence of mappings, or a list of paths and names.
    strict
        Raise on the first record that cannot be read, rather than leave it out.

    Raises
    ------
    InputError
        Nothing could be read; the file, line and reason are named.

    Examples
    --------
    >>> load([{"instruction": "Name a color.", "output": "Blue"}]).column_names
    ['instruction', 'output']
    """
    records = read(data, strict=strict)
    for bad in records.quarantine:
        _log.warning("left out: %s line %d: %s", bad.file, bad.line, bad.reason)
    return records.to_dataset()


def read(data: Any, *, strict: bool = False) -> Records:
    """Read records with their provenance; what :func:`load` does before it makes a data set."""
    if isinstance(data, Records):
        return data
    if isinstance(data, str | Path):
        data = [data]
    if _is_dataset(data):
        parts = [_Source("dataset", data, np.arange(1, len(data) + 1), [], [])]
    elif isinstance(data, Sequence) and data and all(isinstance(d, str | Path) for d in data):
        parts = [part for item in data for part in _sources(str(item))]
    elif isinstance(data, Sequence):
        parts = [_checked("list", enumerate(data, 1), [])]
    else:
        raise InputError(
            f"cannot read records from {type(data).__name__}; give a path, a Hub name, "
            "a datasets.Dataset (one split), a list of mappings, or a list of paths"
        )
    quarantine = [bad for part in parts for bad in part.quarantine]
    if strict and quarantine:
        bad = quarantine[0]
        raise InputError(f"{bad.file} line {bad.line}: {bad.reason}")
    for part in parts:
        if not len(part.rows):
            why = f"; line {part.quarantine[0].line}: {part.quarantine[0].reason}"
            raise InputError(f"{part.name} holds no records{why if part.quarantine else ''}")
    rows = parts[0].rows if len(parts) == 1 else [row for part in parts for row in part.rows]
    return Records(
        rows,
        tuple(part.name for part in parts),
        np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts]),
        np.concatenate([part.lines for part in parts]),
        tuple(quarantine),
        tuple(file for part in parts for file in part.files),
    )


@dataclass(frozen=True)
class _Source:
    name: str
    rows: Sequence[Row]
    lines: NDArray[np.int64]
    quarantine: list[Quarantined]
    files: list[Path]


def _is_dataset(data: Any) -> bool:
    # A Dataset can only be at hand where datasets has been imported already.
    return type(data).__module__.startswith("datasets.") and hasattr(data, "select")


def _checked(name: str, numbered: Iterator[tuple[int, Any]] | Any, files: list[Path]) -> _Source:
    """Keep what is a record; quarantine what is not."""
    rows, lines, quarantine = [], [], []
    for line, row in numbered:
        reason = row.reason if isinstance(row, _Unread) else _fault(row)
        if reason:
            content = row.content if isinstance(row, _Unread) else row
            quarantine.append(Quarantined(name, line, reason, content))
        else:
            rows.append(row)
            lines.append(line)
    return _Source(name, rows, np.array(lines, np.int64), quarantine, files)


@dataclass(frozen=True)
class _Unread:
    content: str
    reason: str


def _fault(row: Any) -> str | None:
    if not isinstance(row, Mapping):
        return f"not a record but {type(row).__name__}"
    return None


def _sources(item: str) -> list[_Source]:
    path = Path(item).expanduser()
    if path.is_dir():
        if (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
            return [_from_disk(path)]
        if (path / MANIFEST).is_file():
            return [_from_file(file, str(file)) for file in _mix(path)]
        files = sorted(
            p for p in path.rglob("*") if p.is_file() and _reader(p) and not _hidden(p, path)
        )
        if not files:
            raise InputError(f"{item} holds no data files; known: {', '.join(_READERS)}, .gz, .zst")
        return [_from_file(file, str(file)) for file in files]
    if path.is_file():
        return [_from_file(path, item)]
    if path.suffix or path.is_absolute() or item.startswith(("./", "../", "~")):
        raise InputError(f"no file or folder at {item}")
    return [_from_hub(item)]


def _mix(folder: Path) -> list[Path]:
    """Files of the mix in a folder that we wrote, without what stands beside it."""
    try:
        names = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["mix"]
        return [folder / str(name) for name in names if _reader(Path(name))]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} names no files of a mix: {error!r}") from error


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _from_disk(path: Path) -> _Source:
    from datasets import Dataset, load_from_disk

    dataset = load_from_disk(str(path))
    if not isinstance(dataset, Dataset):
        raise InputError(f"{path} holds splits; give one of {', '.join(map(str, dataset))}")
    files = sorted(p for p in path.iterdir() if p.is_file())
    return _Source(str(path), dataset, np.arange(1, len(dataset) + 1), [], files)


def _from_hub(name: str) -> _Source:
    import datasets

    try:
        dataset = datasets.load_dataset(name, split="train")
    except Exception as error:
        raise InputError(
            f"no file or folder at {name}, and the Hub gave no data set of that name: "
            f"{type(error).__name__}: {error}"
        ) from error
    return _Source(name, dataset, np.arange(1, len(dataset) + 1), [], [])


def _from_file(path: Path, name: str) -> _Source:
    reader = _reader(path)
    if reader is None:
        raise InputError(f"{name}: unknown kind of file; known: {', '.join(_READERS)}, .gz, .zst")
    try:
        return reader(path, name)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} cannot be read: {error}") from error


def _bytes(path: Path) -> bytes:
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            return file.read()
    if path.suffix == ".zst":
        import pyarrow as pa

        with pa.input_stream(str(path), compression="zstd") as stream:
            return bytes(stream.read())
    return path.read_bytes()


def _text(path: Path, name: str) -> str:
    raw = _bytes(path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start} "
            f"(line {line}); convert it, for example with iconv -t utf-8"
        ) from error
    if not text.strip():
        raise InputError(f"{name} is empty")
    return text


def _read_json(path: Path, name: str) -> _Source:
    text = _text(path, name)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("{") and "\n" in text.strip():
            return _lines(text, path, name)
        raise InputError(f"{name} is not JSON: line {error.lineno}: {error.msg}") from error
    if isinstance(content, Mapping):
        data = content.get("data")
        content = data if isinstance(data, list) else [content]
    if not isinstance(content, list):
        raise InputError(f"{name} holds {type(content).__name__}, not a list of records")
    return _checked(name, ((i, _valid(row, row)) for i, row in enumerate(content, 1)), [path])


def _read_json_lines(path: Path, name: str) -> _Source:
    text = _text(path, name)
    return _read_json(path, name) if text.lstrip().startswith("[") else _lines(text, path, name)


def _lines(text: str, path: Path, name: str) -> _Source:
    numbered = enumerate(text.split("\n"), 1)
    return _checked(name, ((i, _parsed(line)) for i, line in numbered if line.strip()), [path])


def _parsed(line: str) -> Any:
    try:
        return _valid(json.loads(line), line)
    except json.JSONDecodeError as error:
        return _Unread(line, f"not JSON: {error.msg} at column {error.colno}")


def _valid(row: Any, content: Any) -> Any:
    # "\ud800" is JSON, but no text: it can be neither encoded nor written again.
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return _Unread(json.dumps(content), "half of a surrogate pair is not text")
    return row


def _read_table(path: Path, name: str) -> _Source:
    delimiter = "\t" if ".tsv" in path.suffixes else ","
    rows = csv.DictReader(io.StringIO(_text(path, name), newline=""), delimiter=delimiter)
    csv.field_size_limit(1 << 30)
    try:
        return _checked(name, ((i, _cells(row)) for i, row in enumerate(rows, 1)), [path])
    except csv.Error as error:
        raise InputError(f"{name} line {rows.line_num}: {error}") from error


def _cells(row: dict[str | None, Any]) -> Any:
    if None in row:
        return _Unread(json.dumps(row[None]), "more cells than columns")
    return row


def _read_parquet(path: Path, name: str) -> _Source:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Dataset

    try:
        dataset = Dataset(pq.read_table(path))
    except pa.ArrowInvalid as error:
        raise InputError(f"{name} is not Parquet: {error}") from error
    return _Source(name, dataset, np.arange(1, len(dataset) + 1), [], [path])


_READERS: dict[str, Callable[[Path, str], _Source]] = {
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".parquet": _read_parquet,
}


def _reader(path: Path) -> Callable[[Path, str], _Source] | None:
    suffixes = [suffix for suffix in path.suffixes if suffix not in (".gz", ".zst")]
    return _READERS.get(suffixes[-1].lower()) if suffixes else None
