"""Kept: runs that are done, in a file, so that an interrupted study goes on."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from pydantic import ValidationError

from instructdiv.core.files import write_text
from instructdiv.embedders import Progress
from instructdiv.errors import OutputError
from instructdiv.lab.jobs import done

_NAME = "runs.json"


class StrictModel(Protocol):
    """A run that is told from others by a key."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from the other runs of a study; keys can be sorted."""

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """The run that plain JSON values are of."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """It as plain JSON values."""


R = TypeVar("R", bound=StrictModel)


class Kept(Generic[R]):
    """Runs that are done, and the file that keeps them."""

    def __init__(self, path: Path | None, made_of: dict[str, Any]) -> None:
        self.path = path
        self.made_of = made_of
        self.runs: dict[tuple[Any, ...], R] = {}

    @classmethod
    def opened(
        cls,
        folder: str | Path | None,
        run: type[R],
        made_of: dict[str, Any],
        overwrite: bool = False,
    ) -> "Kept[R]":
        """What a folder keeps of a study; nothing without a folder.

        Parameters
        ----------
        folder
            The folder.
        run
            What is kept.
        made_of
            All that a run depends on beside its key.
        overwrite
            Begin anew where the folder holds runs of another study.

        Raises
        ------
        OutputError
            It holds something else.
        """
        if folder is None:
            return cls(None, made_of)
        folder = Path(folder).expanduser()
        kept = cls(folder / _NAME, made_of)
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"cannot write to {folder}: it is a file; give a folder")
        if folder.is_dir() and not (folder / _NAME).is_file() and any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty, and holds no study; give another folder")
        if not (folder / _NAME).is_file():
            kept.write()  # before the work, not after it
            return kept
        try:
            content = json.loads((folder / _NAME).read_text(encoding="utf-8"))
            same = content["made_of"] == made_of
            found = [run.model_validate(one) for one in content["runs"]] if same else []
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise OutputError(f"{folder / _NAME} cannot be read: {error}") from error
        if same:
            kept.runs = {one.key: one for one in found}
        elif not overwrite:
            raise OutputError(
                f"{folder} holds runs of another study; give another folder, or overwrite it"
            )
        return kept

    def keep(self, run: R) -> None:
        """Take in a run, and write all of them."""
        self.runs[run.key] = run
        self.write()

    def write(self) -> None:
        """Write the runs, whole or not at all."""
        if self.path is not None:
            runs = [self.runs[key].model_dump(mode="json") for key in sorted(self.runs)]
            write_text(self.path, json.dumps({"made_of": self.made_of, "runs": runs}) + "\n")


def followed(
    work: Callable[[Any], Any],
    jobs: Sequence[Any],
    workers: int | None,
    progress: Progress,
    stage: str,
) -> Iterator[Any]:
    """Results of jobs as they come, with the progress; see :func:`instructdiv.lab.jobs.done`."""
    if jobs:
        progress(stage, 0, len(jobs))
    for n_done, (_, result) in enumerate(done(work, jobs, workers), 1):
        yield result
        progress(stage, n_done, len(jobs))


def digest_of(content: Any) -> str:
    """What tells JSON values from others."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The installed version of each package."""
    return {name: version(name) for name in packages}
