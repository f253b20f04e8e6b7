"""JSON lines."""

import json
from collections.abc import Iterable
from pathlib import Path

from instructdiv.errors import OutputError
from instructdiv.exporters.base import Exporter, Files, Splits
from instructdiv.records import Row


class Jsonl(Exporter):
    """One JSON object a line, in UTF-8, each equal to the row that was read: ``mix.jsonl``.

    Examples
    --------
    >>> import tempfile
    >>> from instructdiv.exporters.base import Split
    >>> from instructdiv.records import read
    >>> records = read([{"instruction": "Name a color.", "output": "Blue"}])
    >>> [file] = Jsonl().write({"train": Split(records, ())}, Path(tempfile.mkdtemp()))["train"]
    >>> file.read_text()
    '{"instruction": "Name a color.", "output": "Blue"}\\n'
    """

    def write(self, splits: Splits, folder: Path) -> Files:
        return {
            name: [write_lines(folder / f"{FILES.get(name, name)}.jsonl", split.rows())]
            for name, split in splits.items()
        }


FILES = {"train": "mix"}
"""Name of the file of a split, where it is another."""


def write_lines(path: Path, rows: Iterable[Row]) -> Path:
    """Write rows as JSON, one a line.

    Raises
    ------
    OutputError
        JSON has no place for a value.
    """
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            try:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            except (TypeError, ValueError) as error:
                raise OutputError(
                    f"JSON has no place for a value of the data ({error}); export parquet"
                ) from error
    return path
