"""Parquet: one file."""

from pathlib import Path

from instructdiv.data.hub import quiet_datasets
from instructdiv.exporters._base import Exporter, Files, Splits, tables
from instructdiv.exporters.jsonl import FILES


class Parquet(Exporter):
    """One Parquet file, ``mix.parquet``; columns that a row lacks are null.

    Examples
    --------
    >>> import tempfile
    >>> from instructdiv.exporters._base import Split
    >>> from instructdiv.data.load import read
    >>> records = read([{"instruction": "Name a color.", "output": "Blue"}])
    >>> folder = Path(tempfile.mkdtemp())
    >>> [file] = Parquet().write({"train": Split(records, ())}, folder)["train"]
    >>> read(str(file)).rows[0]["output"]
    'Blue'
    """

    def write(self, splits: Splits, folder: Path) -> Files:
        files = {name: [folder / f"{FILES.get(name, name)}.parquet"] for name in splits}
        with quiet_datasets():
            for name, table in tables(splits).items():
                table.to_parquet(files[name][0])
        return files
