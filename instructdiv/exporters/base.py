"""Exporter: writes a mix in one form."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from instructdiv.files import new_folder
from instructdiv.part import Part
from instructdiv.records import Records


class Exportable(Protocol):
    """What an exporter needs of a mix."""

    @property
    def records(self) -> Records:
        """The chosen records, in order."""

    def write_beside(self, folder: Path, files: list[Path]) -> list[Path]:
        """Write the manifest, and what else belongs beside the files of the mix."""


class Exporter(Part):
    """Writes the records of a mix, every one whole and in order, with a manifest beside."""

    family = "exporter"

    def export(self, mix: Exportable, path: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write a mix into a new folder, whole or not at all; gives the files that were written.

        Raises
        ------
        OutputError
            The folder is not empty (and `overwrite` is not set, or the folder is not one
            of ours), cannot be written to, or a value has no place in this form.
        """
        with new_folder(path, overwrite) as folder:
            files = self.write(mix.records, folder)
            files += mix.write_beside(folder, files)
        return [Path(path).expanduser() / file.relative_to(folder) for file in files]

    @abstractmethod
    def write(self, records: Records, folder: Path) -> list[Path]:
        """Write the records into a folder; gives the files."""


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
