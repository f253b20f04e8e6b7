"""Study report: the result of a study of the lab, as a page, as Markdown and for a terminal."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from instructdiv.core.wording import escaped
from instructdiv.report.rendering.chart import Chart
from instructdiv.report.rendering.sheet import filled
from instructdiv.results import Facts, Number, Result, Table

COLORS = 10
"""Number of colors of the page for lines side by side: ``var(--c0)`` and on."""


class Spread(Facts):
    """Mean and standard deviation of a number over seeds.

    Examples
    --------
    >>> spread = Spread.of([1.0, 2.0])
    >>> print(spread, f"{spread:+.1f}", Spread.of([0.5]))
    1.50 ± 0.71 +1.5 ± 0.7 0.50
    """

    mean: float
    """Mean over the seeds."""

    sd: float | None
    """Standard deviation over the seeds; None for a single seed."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of one value or more."""
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(mean=float(np.mean(values)), sd=sd)

    def __str__(self) -> str:
        return f"{self}"

    def __format__(self, how: str) -> str:
        how = how or ".2f"
        sd = "" if self.sd is None else f" ± {self.sd:{how.removeprefix('+')}}"
        return f"{self.mean:{how}}{sd}"

    def shown(self, how: str = "") -> Number:
        """The cell of a table, sorted by the mean."""
        return Number(f"{self:{how}}", self.mean)


class Section(NamedTuple):
    """One part of a report."""

    title: str
    """Heading."""

    table: Table
    """The numbers."""

    chart: Chart
    """The same numbers, drawn."""


class StudyReport(Result):
    """The result of a study: a headline, and sections with a table and a chart."""

    made_from: dict[str, str]
    """Data, model, versions and so on that the study was made from, in words."""

    @abstractmethod
    def sections(self) -> list[Section]:
        """The parts of the report, in order."""

    def tables(self) -> dict[str, Table]:
        """The table of each section, by its title."""
        return {section.title: section.table for section in self.sections()}

    def to_markdown(self) -> str:
        made_from = "\n".join(f"- {k}: {escaped(v)}" for k, v in self.made_from.items())
        return f"{super().to_markdown()}\n{made_from}\n"

    def to_html(self) -> str:
        """A page with charts and tables that needs no other file and no network."""
        sections = self.sections()
        template = Path(__file__).with_name("page.html.jinja")
        return filled(template, [one.chart for one in sections], study=self, sections=sections)

    def save(self, path: str | Path) -> Path:
        """Write the report; the ending of the name says how: .json, .md or .html.

        Raises
        ------
        InputError
            The ending is another.
        OutputError
            The file cannot be written.
        """
        forms = {".json": self.to_json, ".md": self.to_markdown, ".html": self.to_html}
        return self._save_as(path, forms)

    def save_all(self, folder: str | Path | None) -> None:
        """Write ``results.json``, ``results.md`` and ``curves.html`` to a folder, if any."""
        if folder is not None:
            for name in ("results.json", "results.md", "curves.html"):
                self.save(Path(folder) / name)


def line(name: str, x: Sequence[float], y: Sequence[float], color: str, **more: Any) -> Any:
    """A line of a chart, as plotly reads it; `more` is about the line itself."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": [round(value, 4) for value in y],
        "line": {"color": color, "width": 2.5} | more,
    }


def layout(x: dict[str, Any], y: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The layout of a chart with these axes, in the style of the page."""
    axis = {
        "gridcolor": "var(--line)",
        "linecolor": "var(--line)",
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"color": "var(--muted)"},
    }
    font = {"color": "var(--ink)", "size": 12}
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": font,
        "hoverlabel": {
            "bgcolor": "var(--panel)",
            "bordercolor": "var(--line)",
            "font": font,
        },
        "dragmode": False,
        "margin": {"l": 56, "r": 16, "t": 28, "b": 56},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": axis | x,
        "yaxis": axis | y,
    } | more
