"""JSON lines."""

import json
from pathlib import Path

from instructdiv.errors import OutputError
from instructdiv.exporters.base import Exporter
from instructdiv.records import Records


class Jsonl(Exporter):
    """One JSON object a line, in UTF-8, each equal to the row that was read: ``mix.jsonl``.

    Examples
    --------
    >>> import tempfile
    >>> from instructdiv.records import read
    >>> records = read([{"instruction": "Name a color.", "output": "Blue"}])
    >>> [file] = Jsonl().write(records, Path(tempfile.mkdtemp()))
    >>> file.read_text()
    '{"instruction": "Name a color.", "output": "Blue"}\\n'
    """

    def write(self, records: Records, folder: Path) -> list[Path]:
        path = folder / "mix.jsonl"
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            for row in records.rows:
                try:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                except TypeError as error:
                    raise OutputError(
                        f"JSON has no place for a value of the data ({error}); export parquet"
                    ) from error
        return [path]
