"""Run store: finished runs in a file, so that an interrupted study continues."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from pydantic import ValidationError

from instructdiv.core.files import write_text
from instructdiv.embedders import Progress
from instructdiv.errors import OutputError
from instructdiv.lab.jobs import done

_NAME = "runs.json"


class StoredRun(Protocol):
    """A run with a key, as plain JSON values and back."""

    @property
    def key(self) -> tuple[Any, ...]:
        """Unique in a study; keys can be sorted."""

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Make a run of plain JSON values."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """The run as plain JSON values."""


R = TypeVar("R", bound=StoredRun)


class RunStore(Generic[R]):
    """Finished runs, and the file that keeps them."""

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
    ) -> "RunStore[R]":
        """Open the store of a study in a folder; without a folder, one in memory.

        Parameters
        ----------
        folder
            The folder.
        run
            Type of the runs.
        made_of
            Everything that a run depends on beside its key.
        overwrite
            Start anew where the folder holds runs of another study.

        Raises
        ------
        OutputError
            The folder holds something else.
        """
        if folder is None:
            return cls(None, made_of)
        folder = Path(folder).expanduser()
        store = cls(folder / _NAME, made_of)
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"cannot write to {folder}: it is a file; give a folder")
        if folder.is_dir() and not (folder / _NAME).is_file() and any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty, and holds no study; give another folder")
        if not (folder / _NAME).is_file():
            store.write()  # before the work, not after it
            return store
        try:
            content = json.loads((folder / _NAME).read_text(encoding="utf-8"))
            same = content["made_of"] == made_of
            found = [run.model_validate(one) for one in content["runs"]] if same else []
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise OutputError(f"{folder / _NAME} cannot be read: {error}") from error
        if same:
            store.runs = {one.key: one for one in found}
        elif not overwrite:
            raise OutputError(
                f"{folder} holds runs of another study; give another folder, or overwrite it"
            )
        return store

    def complete(
        self,
        work: Callable[[Any], R],
        jobs: Mapping[tuple[Any, ...], Any],
        workers: int | None,
        progress: Progress,
    ) -> list[R]:
        """Do the jobs whose runs are not stored, store each run, and give the runs of all jobs.

        Parameters
        ----------
        work
            Does a job.
        jobs
            The jobs by the key of their run, in the order in which they are started.
        workers
            Number of processes, as of :func:`instructdiv.lab.jobs.done`.
        progress
            Called as ``progress("train", done, total)``.
        """
        missing = [job for key, job in jobs.items() if key not in self.runs]
        for run in with_progress(work, missing, workers, progress, "train"):
            self.runs[run.key] = run
            self.write()
        return [self.runs[key] for key in jobs]

    def write(self) -> None:
        """Write the runs, whole or not at all."""
        if self.path is not None:
            runs = [self.runs[key].model_dump(mode="json") for key in sorted(self.runs)]
            write_text(self.path, json.dumps({"made_of": self.made_of, "runs": runs}) + "\n")


def with_progress(
    work: Callable[[Any], Any],
    jobs: Sequence[Any],
    workers: int | None,
    progress: Progress,
    stage: str,
) -> Iterator[Any]:
    """Results of jobs as they finish, with progress; see :func:`instructdiv.lab.jobs.done`."""
    if jobs:
        progress(stage, 0, len(jobs))
    for n_done, (_, result) in enumerate(done(work, jobs, workers), 1):
        yield result
        progress(stage, n_done, len(jobs))


def digest_of(content: Any) -> str:
    """SHA-256 of JSON values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """The installed version of each package."""
    return {name: version(name) for name in packages}


def provenance(made_of: Mapping[str, Any], runs: Iterable[Any], device: str = "") -> dict[str, str]:
    """Seeds, versions and processor time of runs, in words."""
    import platform

    runs = list(runs)
    minutes = sum(run.seconds for run in runs) / 60
    processor = ", ".join(filter(None, [platform.machine(), device]))
    return {
        "seeds": str(max(run.seed for run in runs) + 1),
        "versions": ", ".join(f"{k} {v}" for k, v in made_of["versions"].items()),
        "processor": f"{processor}; {len(runs)} runs in {minutes:.1f} minutes of one core",
    }
