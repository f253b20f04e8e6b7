"""Records: rows as they stand in files and data sets, and where each came from."""

import codecs
import contextlib
import csv
import gzip
import hashlib
import io
import json
import logging
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.core.files import MANIFEST, sha256
from instructdiv.core.rows import row_numbers
from instructdiv.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset

Row = Mapping[str, Any]
DEMO = Path(__file__).with_name("demo.jsonl")
QUARANTINE = "quarantine.jsonl"
"""Name of a file of records that were left out, or the end of its name."""

_SPLIT = re.compile(r"(?:^|[/_.-])(train|test|validation|valid|val|dev|eval)(?=[/_.-])")

_ON_HUB = re.compile(
    r"(?P<path>[^:]+)(?::(?P<config>[^:\[\]]+)(?=:))?(?::(?P<split>[\w.+%:\[\]-]+))?"
)

_log = logging.getLogger("instructdiv")


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

    excluded: tuple[tuple[str, int], ...] = ()
    """Why records were left out that could have been used, and how many for each reason."""

    def __len__(self) -> int:
        return len(self.rows)

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
            columns=tuple(dict.fromkeys(columns)),
            units=tuple(unit for part in parts for unit in part.units),
            quarantine=tuple(bad for part in parts for bad in part.quarantine),
            names=tuple(name for part in parts for name in part.names or part.sources),
            licenses=tuple(one for part in parts for one in part._licenses),
            excluded=tuple(one for part in parts for one in part.excluded),
            # Where some came from no file, the digest is one of all rows.
            files=tuple(file for part in parts for file in part.files)
            if all(part.files for part in parts)
            else (),
        )

    @property
    def _licenses(self) -> tuple[str | None, ...]:
        return self.licenses or (None,) * len(self.sources)

    def labelled(self, name: str | None = None, license: str | None = None) -> "Records":  # noqa: A002
        """The same records, all of a source of this name, under this license."""
        n = len(self.sources)
        return replace(
            self,
            names=self.names if name is None else (name,) * n,
            licenses=self.licenses if license is None else (license,) * n,
        )

    @property
    def source_names(self) -> list[str]:
        """The name of the source of each row."""
        names = self.names or self.sources
        return [names[i] for i in self.source_of.tolist()]

    def take(self, indices: ArrayLike) -> "Records":
        """The records at these rows, in this order; everything else stays."""
        indices = row_numbers(indices, len(self))
        rows = (
            [self.rows[i] for i in indices.tolist()]
            if isinstance(self.rows, list)
            else self.rows.select(indices)  # type: ignore[attr-defined]
        )
        return replace(
            self, rows=rows, source_of=self.source_of[indices], lines=self.lines[indices]
        )

    def pruned(self) -> "Records":
        """The same records, without sources that have none."""
        used, numbers = np.unique(self.source_of, return_inverse=True)
        names = ("sources", "units", "names", "licenses")
        kept: dict[str, Any] = {
            name: tuple(getattr(self, name)[i] for i in used.tolist())
            for name in names
            if getattr(self, name)
        }
        return replace(self, source_of=numbers.astype(np.int64), **kept)

    def unfolded(self, rows: Sequence[Row], origins: ArrayLike) -> "Records":
        """Other rows in place of these, each from one of these: origins (m,)."""
        origins = row_numbers(origins, len(self))
        return replace(
            self,
            rows=list(rows),
            source_of=self.source_of[origins],
            lines=self.lines[origins],
            columns=tuple(_columns(rows)),
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


def _joined(parts: "Sequence[Sequence[Row]]") -> Sequence[Row]:
    if all(is_dataset(rows) for rows in parts):
        from datasets import concatenate_datasets

        if all(rows.features == parts[0].features for rows in parts):  # type: ignore[attr-defined]
            joined: Sequence[Row] = concatenate_datasets(list(parts))
            return joined
    return [row for rows in parts for row in rows]


def _columns(rows: Sequence[Row]) -> list[str]:
    names = getattr(rows, "column_names", None)
    return list(names or dict.fromkeys(name for row in rows for name in row))


def load(data: Any, *, strict: bool = False, encoding: str = "utf-8") -> "Dataset":
    """Read records from wherever they are into a ``datasets.Dataset`` with all columns.

    Parameters
    ----------
    data
        A path (JSON, JSON lines, CSV, TSV, also as .gz and .zst; Parquet, Arrow; a folder of
        these, or one written by ``save_to_disk``), a name on the Hugging Face Hub, a
        ``datasets.Dataset`` or ``IterableDataset``, a sequence of mappings, or a list of paths
        and names. Of several splits it is ``train`` that is read; another of the Hub is named
        as ``name:split``, or ``name:config:split``. A JSON object that holds its records under
        ``data``, or under ``Instances`` as a task of Super-NaturalInstructions does, is read as
        these; what a task says of all its instances stands on each of them.
    strict
        Raise on the first record that cannot be read, rather than leave it out.
    encoding
        How text files are encoded, as Python names it.

    Raises
    ------
    InputError
        Nothing could be read; the file, line and reason are named.

    Examples
    --------
    >>> load([{"instruction": "Name a color.", "output": "Blue"}]).column_names
    ['instruction', 'output']
    """
    if is_dataset(data):
        return data
    records = read(data, strict=strict, encoding=encoding)
    for bad in records.quarantine:
        _log.warning("left out: %s", bad)
    return records.to_dataset()


def read(data: Any, *, strict: bool = False, encoding: str = "utf-8") -> Records:
    """Read records with their provenance; what :func:`load` does before it makes a data set."""
    if isinstance(data, Records):
        return data
    if isinstance(data, str | Path):
        data = [data]
    if is_dataset(data) or _is_stream(data) or isinstance(data, dict):
        parts = [_from_memory(data)]
    elif names_files(data):
        known = _known_encoding(encoding)
        parts = [part for item in data for part in _sources(str(item), known)]
    elif isinstance(data, Sequence):
        numbered = ((i, _valid(row)) for i, row in enumerate(data, 1))
        parts = [_checked("list", numbered, [], "record")]
    else:
        raise InputError(
            f"cannot read records from {type(data).__name__}; give a path, a Hub name, "
            "a datasets.Dataset, a list of mappings, or a list of paths"
        )
    quarantine = [bad for part in parts for bad in part.quarantine]
    if strict and quarantine:
        raise InputError(str(quarantine[0]))
    for part in parts:
        if not len(part.rows):
            why = f"; {part.quarantine[0].fault}" if part.quarantine else ""
            raise InputError(f"{part.name} holds no records{why}")
    rows = parts[0].rows if len(parts) == 1 else [row for part in parts for row in part.rows]
    return Records(
        rows,
        tuple(part.name for part in parts),
        np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts]),
        np.concatenate([part.lines for part in parts]),
        tuple(_columns(rows)),
        tuple(part.unit for part in parts),
        tuple(quarantine),
        tuple((str(file), sha256(file)) for part in parts for file in part.files),
    )


def names_files(data: Any) -> bool:
    """Whether this is a path, or a list of paths and names, rather than records."""
    if isinstance(data, list | tuple):
        return bool(data) and all(isinstance(d, str | Path) for d in data)
    return isinstance(data, str | Path)


@dataclass(frozen=True)
class _Source:
    name: str
    rows: Sequence[Row]
    lines: NDArray[np.int64]
    quarantine: list[Quarantined]
    files: list[Path]
    unit: str


def is_dataset(data: Any) -> bool:
    """Whether this is a ``datasets.Dataset``."""
    # A Dataset can only be at hand where datasets has been imported already.
    return type(data).__module__.startswith("datasets.") and hasattr(data, "select")


def _is_stream(data: Any) -> bool:
    """Whether this is a ``datasets.IterableDataset``."""
    return (
        type(data).__module__.startswith("datasets.") and type(data).__name__ == "IterableDataset"
    )


def _from_memory(data: Any) -> "_Source":
    """A data set, one of several splits, or all records of a stream."""
    if isinstance(data, dict):
        return _from_memory(_split(data, "the data"))
    if _is_stream(data):
        stream = data if data.features is None else _undecoded(data)
        return _checked("stream", enumerate(map(_valid, stream), 1), [], "record")
    return _whole("dataset", _undecoded(data.with_format(None)))


def _split(splits: Mapping[str, Any], name: str) -> Any:
    """Of several splits the one to train on."""
    from datasets import Dataset, IterableDataset

    if not splits or not all(isinstance(s, Dataset | IterableDataset) for s in splits.values()):
        raise InputError(
            f"cannot read records from {type(splits).__name__}; give a list of mappings, or the "
            "splits of a data set"
        )
    names = list(map(str, splits))
    if len(splits) == 1:
        return next(iter(splits.values()))
    if "train" not in splits:
        raise InputError(f"{name} holds splits; give one of {', '.join(names)}")
    others = ", ".join(other for other in names if other != "train")
    _log.warning("%s: the split train is read, but not %s", name, others)
    return splits["train"]


def _undecoded(dataset: "Dataset") -> "Dataset":
    """Images and sounds as the bytes they are: only text is read here."""
    for name, feature in dataset.features.items():
        if getattr(feature, "decode", False):
            dataset = dataset.cast_column(name, type(feature)(decode=False))
    return dataset


def _whole(name: str, dataset: "Dataset", files: Sequence[Path] = ()) -> _Source:
    return _Source(name, dataset, np.arange(1, len(dataset) + 1), [], list(files), "record")


def _checked(
    name: str, numbered: Iterable[tuple[int, Any]], files: list[Path], unit: str
) -> _Source:
    """Keep what is a record; quarantine what is not."""
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
    return _Source(name, rows, np.array(lines, np.int64), quarantine, files, unit)


@dataclass(frozen=True)
class _Unread:
    content: str
    reason: str


def _known_encoding(encoding: str) -> str:
    try:
        known = codecs.lookup(encoding).name
        "".encode(known)  # there are codecs that are none of text
    except (LookupError, ValueError) as error:
        raise InputError(f"no encoding is named {encoding!r}; try latin-1 or utf-16") from error
    return "utf-8-sig" if known == "utf-8" else known


def _sources(item: str, encoding: str) -> list[_Source]:
    path = Path(item).expanduser()
    if not item.strip():
        raise InputError(f"no file or folder at {item!r}")
    if path.is_dir():
        if any((path / name).is_file() for name in ("state.json", "dataset_dict.json")):
            return [_from_disk(path)]
        if (path / MANIFEST).is_file():
            return [_from_file(file, str(file), encoding) for file in _mix(path)]
        files = sorted(
            p for p in path.rglob("*") if p.is_file() and _reader(p) and not _hidden(p, path)
        )
        if not files:
            raise InputError(f"{item} holds no data files; known: {', '.join(_READERS)}, .gz, .zst")
        return [_from_file(file, str(file), encoding) for file in _of_train(files, path)]
    if path.is_file():
        return [_from_file(path, item, encoding)]
    if _reader(path) or path.is_absolute() or item.startswith(("./", "../", "~")):
        raise InputError(f"no file or folder at {item}")
    return [_from_hub(item)]


def _of_train(files: list[Path], folder: Path) -> list[Path]:
    """Of a folder with files of several splits those of train, and those of none."""
    splits = {file: _SPLIT.search(str(file.relative_to(folder)).lower()) for file in files}
    of = {file: "train" if found is None else found[1] for file, found in splits.items()}
    if not any(found is not None and found[1] == "train" for found in splits.values()):
        return files
    others = [file for file in files if of[file] != "train"]
    if others:
        named = ", ".join(str(file.relative_to(folder)) for file in others[:5])
        _log.warning("%s: the split train is read, but not %s", folder, named)
    return [file for file in files if of[file] == "train"]


def _mix(folder: Path) -> list[Path]:
    """Files of the mix in a folder that we wrote, without what stands beside it."""
    try:
        names = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["mix"]
        return [folder / str(name) for name in names if _reader(Path(name))]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} names no files of a mix: {error!r}") from error


def _hidden(path: Path, folder: Path) -> bool:
    """Whether a file lies under a dot, or in a mix that we wrote into the folder."""
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return True
    if path.name.endswith(QUARANTINE):
        return True
    between = path.relative_to(folder).parents
    return any((folder / parent / MANIFEST).is_file() for parent in between)


def _from_disk(path: Path) -> _Source:
    from datasets import Dataset, load_from_disk

    try:
        dataset = load_from_disk(str(path))
    except Exception as error:  # of a folder that is not whole, whatever Arrow says
        raise InputError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    folder = path
    if not isinstance(dataset, Dataset):
        splits = dict(dataset)
        dataset = _split(splits, str(path))
        folder = path / next(name for name, split in splits.items() if split is dataset)
    files = sorted(p for p in folder.iterdir() if p.is_file())
    return _whole(str(path), dataset, files)


def _from_hub(name: str) -> _Source:
    import datasets

    asked = _ON_HUB.fullmatch(name)
    if asked is None:
        raise InputError(
            f"no file or folder at {name}, nor is it the name of a data set on the Hub"
        )
    split = asked["split"] or "train"
    try:
        dataset = datasets.load_dataset(asked["path"], asked["config"], split=split)
    except Exception as error:
        raise InputError(
            f"no file or folder at {name}, and the Hub gave no data set of that name with a "
            f"split {split}: {type(error).__name__}: {error}. Another split is named as in "
            f"{asked['path']}:SPLIT, one of a configuration as in {asked['path']}:CONFIG:SPLIT"
        ) from error
    return _whole(name, _undecoded(dataset))


def _from_file(path: Path, name: str, encoding: str) -> _Source:
    reader = _reader(path)
    if reader is None:
        raise InputError(f"{name}: unknown kind of file; known: {', '.join(_READERS)}, .gz, .zst")
    try:
        return reader(path, name, encoding)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} cannot be read: {error}") from error


def _bytes(path: Path) -> bytes:
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as file:
            return file.read()
    if path.suffix.lower() == ".zst":
        import pyarrow as pa

        with pa.input_stream(str(path), compression="zstd") as stream:
            return bytes(stream.read())
    return path.read_bytes()


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


def _read_json(path: Path, name: str, encoding: str) -> _Source:
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
    numbered = ((i, _valid(row)) for i, row in enumerate(content, 1))
    return _checked(name, numbered, [path], "record")


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


def _read_json_lines(path: Path, name: str, encoding: str) -> _Source:
    text = _text(path, name, encoding)
    if text.lstrip().startswith("["):  # one array under the wrong name, or a bad first line
        with contextlib.suppress(ValueError, RecursionError):
            json.loads(text)
            return _read_json(path, name, encoding)
    return _lines(text, path, name)


def _lines(text: str, path: Path, name: str) -> _Source:
    numbered = enumerate(text.split("\n"), 1)
    parsed = ((i, _parsed(line)) for i, line in numbered if line.strip())
    return _checked(name, parsed, [path], "line")


def _parsed(line: str) -> Any:
    try:
        return _valid(json.loads(line))
    except (ValueError, RecursionError) as error:
        return _Unread(line, f"not JSON: {_why(error)}")


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "too deeply nested" if isinstance(error, RecursionError) else str(error)


def _valid(row: Any) -> Any:
    # "\\ud800" is JSON, but no text: it can be neither encoded nor written again.
    try:
        json.dumps(row, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return _Unread(json.dumps(row, default=str), "half of a surrogate pair is not text")
    except (ValueError, TypeError, RecursionError):
        return row  # not JSON, and may well be a record all the same
    return row


def _read_table(path: Path, name: str, encoding: str) -> _Source:
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


def _table(text: str, name: str, path: Path, **dialect: Any) -> _Source:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, **dialect)
    columns = list(rows.fieldnames or ())
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise InputError(f"{name} has two columns {twice[0]!r}; rename one")
    return _checked(name, ((rows.line_num, _cells(row)) for row in rows), [path], "line")


def _cells(row: dict[str | None, Any]) -> Any:
    if None in row:
        return _Unread(json.dumps(row[None]), "more cells than columns")
    return row


def _read_parquet(path: Path, name: str, _: str) -> _Source:
    _check_packed(path, name)
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Dataset

    try:
        dataset = Dataset(pq.read_table(path))
    except pa.ArrowInvalid as error:
        raise InputError(f"{name} is not Parquet: {error}") from error
    return _whole(name, dataset, [path])


def _check_packed(path: Path, name: str) -> None:
    if path.suffix.lower() in (".gz", ".zst"):
        raise InputError(f"{name}: only files of text are read packed; unpack it")


def _read_arrow(path: Path, name: str, _: str) -> _Source:
    _check_packed(path, name)
    import pyarrow as pa
    from datasets import Dataset

    try:
        dataset = Dataset.from_file(str(path))
    except pa.ArrowInvalid as error:
        raise InputError(f"{name} is not a stream of Arrow: {error}") from error
    return _whole(name, _undecoded(dataset), [path])


_READERS: dict[str, Callable[[Path, str, str], _Source]] = {
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
}


def _reader(path: Path) -> Callable[[Path, str, str], _Source] | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kinds = [suffix for suffix in suffixes if suffix not in (".gz", ".zst")]
    return _READERS.get(kinds[-1]) if kinds else None


@contextmanager
def quiet_datasets() -> Iterator[None]:
    """Keep ``datasets`` from drawing progress bars of its own."""
    from datasets.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    loud = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if loud:
            enable_progress_bars()
