"""Summary: a coverage report, as data, JSON, Markdown and a page."""

import html
from functools import partial
from pathlib import Path

from pydantic import PrivateAttr

from instructdiv.errors import InputError
from instructdiv.report.rendering.atlas import save_atlas
from instructdiv.report.rendering.page import page
from instructdiv.report.rendering.projection import Projection
from instructdiv.report.summary_facts import Ground, SummaryFacts


class Summary(SummaryFacts):
    """What a pool covers and, with a selection, what is left of it beside random draws."""

    _ground: Ground | None = PrivateAttr(default=None)

    def __eq__(self, other: object) -> bool:
        # What it says counts, not whether the pool is still at hand.
        return isinstance(other, Summary) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]

    def on(self, ground: Ground) -> "Summary":
        """The same summary, with the pool that its map is drawn from."""
        summary = self.model_copy()
        summary._ground = ground
        return summary

    def to_html(self, projection: Projection = "auto") -> str:
        """The summary as one page that needs nothing else: see :meth:`save`."""
        return page(self, self._ground, projection)

    def _repr_html_(self) -> str:
        notices = "".join(f"<li>{html.escape(notice)}</li>" for notice in self.notices)
        whole = "The whole page, with map and charts: <code>summary.save('report.html')</code>"
        return f"{super()._repr_html_()}<ul>{notices}</ul><p>{whole}</p>"

    def save(self, path: str | Path, *, projection: Projection = "auto") -> Path:
        """Write the summary; the ending says how: .html, .json or .md.

        The page is one file that needs no other and no network. Its map is drawn from the
        pool: a summary that was read from JSON has none.

        Parameters
        ----------
        path
            The file.
        projection
            How the map is drawn in two dimensions: `pacmap` (the extra ``map``), `pca`, or
            `auto` for PaCMAP where it is installed.

        Raises
        ------
        InputError
            The ending is another, or PaCMAP is asked for and not installed.
        OutputError
            The file cannot be written.
        """
        as_page = partial(self.to_html, projection)
        return self._save_as(
            path, {".html": as_page, ".json": self.to_json, ".md": self.to_markdown}
        )

    def save_atlas(
        self, folder: str | Path, *, projection: Projection = "auto", overwrite: bool = False
    ) -> str:
        """Write the pool for embedding-atlas, an explorer; give the command that opens it.

        Raises
        ------
        InputError
            The summary was read from JSON, without its pool.
        OutputError
            The folder is not empty, or cannot be written to.
        """
        if self._ground is None:
            raise InputError("an atlas is made from the pool; this summary was read without it")
        return save_atlas(self, self._ground, folder, projection, overwrite=overwrite)
