"""JSON lines: one file."""

from pathlib import Path

from instructdiv.core.files import write_lines
from instructdiv.exporters._base import Exporter, Files, Splits


class Jsonl(Exporter):
    """One JSON object a line, in UTF-8, each equal to the row that was read: ``mix.jsonl``.

    Examples
    --------
    >>> import tempfile
    >>> from instructdiv.exporters._base import Split
    >>> from instructdiv.data.load import read
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
"""File name of a split, where it differs from the name of the split."""
