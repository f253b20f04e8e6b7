"""Load: records from files, folders, the Hub and memory."""

import codecs
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from instructdiv.core.files import MANIFEST, sha256
from instructdiv.data.hub import from_disk, from_hub, from_memory, is_stream
from instructdiv.data.readers import READERS, RawSource, from_file, reader_of, valid
from instructdiv.data.records import QUARANTINE, Records, columns_of, is_dataset
from instructdiv.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset

DEMO = Path(__file__).with_name("demo.jsonl")
_SPLIT = re.compile(r"(?:^|[/_.-])(train|test|validation|valid|val|dev|eval)(?=[/_.-])")

_log = logging.getLogger("instructdiv")


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
    if is_dataset(data) or is_stream(data) or isinstance(data, dict):
        parts = [from_memory(data)]
    elif names_files(data):
        known = _known_encoding(encoding)
        parts = [part for item in data for part in _sources(str(item), known)]
    elif isinstance(data, Sequence):
        numbered = ((i, valid(row)) for i, row in enumerate(data, 1))
        parts = [RawSource.of("list", numbered, [], "record")]
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
        tuple(columns_of(rows)),
        tuple(part.unit for part in parts),
        tuple(quarantine),
        tuple((str(file), sha256(file)) for part in parts for file in part.files),
        places=np.arange(len(rows)) if names_files(data) else None,
    )


def names_files(data: Any) -> bool:
    """Whether this is a path, or a list of paths and names, rather than records."""
    if isinstance(data, list | tuple):
        return bool(data) and all(isinstance(d, str | Path) for d in data)
    return isinstance(data, str | Path)


def _known_encoding(encoding: str) -> str:
    try:
        known = codecs.lookup(encoding).name
        "".encode(known)  # there are codecs that are none of text
    except (LookupError, ValueError) as error:
        raise InputError(f"no encoding is named {encoding!r}; try latin-1 or utf-16") from error
    return "utf-8-sig" if known == "utf-8" else known


def _sources(item: str, encoding: str) -> list[RawSource]:
    path = Path(item).expanduser()
    if not item.strip():
        raise InputError(f"no file or folder at {item!r}")
    if path.is_dir():
        if any((path / name).is_file() for name in ("state.json", "dataset_dict.json")):
            return [from_disk(path)]
        if (path / MANIFEST).is_file():
            return [from_file(file, str(file), encoding) for file in _mix(path)]
        files = sorted(
            p for p in path.rglob("*") if p.is_file() and reader_of(p) and not _hidden(p, path)
        )
        if not files:
            raise InputError(f"{item} holds no data files; known: {', '.join(READERS)}, .gz, .zst")
        return [from_file(file, str(file), encoding) for file in _of_train(files, path)]
    if path.is_file():
        return [from_file(path, item, encoding)]
    if reader_of(path) or path.is_absolute() or item.startswith(("./", "../", "~")):
        raise InputError(f"no file or folder at {item}")
    return [from_hub(item)]


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
        return [folder / str(name) for name in names if reader_of(Path(name))]
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
