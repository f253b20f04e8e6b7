"""Document: what is written as JSON or Markdown."""

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from pydantic_core import to_json

from instructdiv.core.files import write_text
from instructdiv.errors import InputError
from instructdiv.report.facts import Facts
from instructdiv.report.wording import encodable


class Document(Facts):
    """Facts that are written to a file, in a form that its ending names."""

    called: ClassVar[str] = "document"

    def to_json(self) -> str:
        """All of it as one JSON object."""
        found = encodable(self.model_dump())
        return to_json(found, indent=2, inf_nan_mode="null").decode()

    @abstractmethod
    def to_markdown(self) -> str:
        """A headline and tables, as Markdown."""

    def save(self, path: str | Path) -> Path:
        """Write it; the ending of the name says how: .json or .md.

        Raises
        ------
        InputError
            The ending is another.
        OutputError
            The file cannot be written.
        """
        return self._write(path, {".json": self.to_json, ".md": self.to_markdown})

    def _write(self, path: str | Path, forms: dict[str, Callable[[], str]]) -> Path:
        form = forms.get(Path(path).suffix.lower())
        if form is None:
            *most, last = forms
            raise InputError(
                f"a {self.called} is written as {', '.join(most)} or {last}, not as {str(path)!r}"
            )
        return write_text(path, form().rstrip("\n") + "\n")
