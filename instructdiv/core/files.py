"""Files: written completely or not at all."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from instructdiv.errors import OutputError

MANIFEST = "manifest.json"


@contextmanager
def new_folder(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a hidden folder beside `path`, which replaces `path` when the block succeeds.

    If the block raises, the hidden folder is removed and `path` is as it was.

    Raises
    ------
    OutputError
        `path` is a file, or a folder that is not empty, or cannot be written to. With
        `overwrite` a folder is replaced if it is one of ours, that is, has a manifest.
    """
    path = check_free(path, overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror or error}") from error
    try:
        yield draft
        draft.chmod(0o777 & ~_umask())
        check_free(path, overwrite)
        _replace(draft, path)
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_free(path: str | Path, overwrite: bool) -> Path:
    """Raise if a folder may not be written here, as :func:`new_folder` would.

    Gives the path that it is in the end, without links and ~.

    Raises
    ------
    OutputError
        As :func:`new_folder`.
    """
    try:
        real = Path(path).expanduser().resolve()
        above = next(parent for parent in (real, *real.parents) if parent.exists())
        if not above.is_dir():
            raise OutputError(f"cannot write to {path}: {above} is a file; give a folder")
        if not os.access(above, os.W_OK):
            raise OutputError(f"cannot write to {path}: no permission to write in {above}")
        if real == Path.cwd():
            raise OutputError("the current folder cannot be replaced; give another folder")
        occupied = real.is_dir() and any(real.iterdir())
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write to {path}: {error}") from error
    if occupied and not overwrite:
        raise OutputError(f"{path} is not empty; give another folder, or overwrite it")
    if occupied and not (real / MANIFEST).is_file():
        raise OutputError(f"{path} has no {MANIFEST}, so it is not ours to overwrite")
    return real


def _replace(draft: Path, path: Path) -> None:
    if not path.exists():
        draft.rename(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    path.rename(old / "old")
    try:
        draft.rename(path)
    except BaseException:  # an interrupt too: the old must not be lost with the new
        (old / "old").rename(path)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """Give a hidden file beside `path`, which replaces `path` when the block succeeds.

    Raises
    ------
    OutputError
        `path` cannot be written; an earlier file is unchanged.
    """
    path = Path(path)
    try:
        real = Path(os.path.realpath(path))  # a link stays one
        real.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
        os.close(descriptor)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o666 & ~_umask())
        draft.replace(real)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file; on an error an earlier file is unchanged."""
    with new_file(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


def write_lines(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as JSON lines; on an error an earlier file is unchanged.

    Raises
    ------
    OutputError
        A value cannot be written as JSON, or the file cannot be written.
    """
    # Half a character, as in the name of a file, is then an escape of JSON.
    with (
        new_file(path) as draft,
        open(draft, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file,
    ):
        for row in rows:
            file.write(json_of(row) + "\n")
    return Path(path)


def json_of(row: Mapping[str, Any]) -> str:
    """A row as JSON.

    Raises
    ------
    OutputError
        A value cannot be written as JSON.
    """
    try:
        return json.dumps(row, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        culprit = next((column for column, cell in row.items() if not _fits_json(cell)), "")
        raise OutputError(
            f"a value of the column {culprit!r} cannot be written as JSON ({error}); write parquet"
        ) from error


def _fits_json(cell: Any) -> bool:
    try:
        json.dumps(cell)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
