"""One Parquet file."""

from pathlib import Path

from instructdiv.exporters.base import Exporter, quiet_datasets
from instructdiv.records import Records


class Parquet(Exporter):
    """One Parquet file, ``mix.parquet``; a column that a row lacks is null there.

    Examples
    --------
    >>> import tempfile
    >>> from instructdiv.records import read
    >>> records = read([{"instruction": "Name a color.", "output": "Blue"}])
    >>> [file] = Parquet().write(records, Path(tempfile.mkdtemp()))
    >>> read(str(file)).rows[0]["output"]
    'Blue'
    """

    def write(self, records: Records, folder: Path) -> list[Path]:
        path = folder / "mix.parquet"
        with quiet_datasets():
            records.to_dataset().to_parquet(path)
        return [path]
