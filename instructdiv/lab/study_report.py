"""Findings: what a study of the lab comes to, as a page, as Markdown and for a terminal."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instructdiv.core.wording import escaped
from instructdiv.report.rendering.charts import Chart
from instructdiv.report.rendering.sheet import filled
from instructdiv.results import Facts, Result, Table

COLORS = 10
"""Colors of the page for lines that stand side by side: ``var(--c0)`` and on."""


class Spread(Facts):
    """A number over seeds."""

    mean: float
    """Mean over the seeds."""

    sd: float | None
    """Standard deviation over the seeds; none of a single one."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of these values, of which there is one at least."""
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(mean=float(np.mean(values)), sd=sd)

    def __str__(self) -> str:
        return f"{self}"

    def __format__(self, sign: str) -> str:
        return f"{self.mean:{sign}.2f}" + ("" if self.sd is None else f" ± {self.sd:.2f}")


@dataclass(frozen=True)
class Section:
    """One part of what was found."""

    title: str
    """What it is about."""

    table: Table
    """Its numbers."""

    chart: Chart
    """The same, drawn."""


class Findings(Result):
    """What a study comes to: a sentence or two, and sections with a table and a chart."""

    made_from: dict[str, str]
    """What it was made from and by, name by name, in words."""

    @abstractmethod
    def sections(self) -> list[Section]:
        """Its parts, in order."""

    def tables(self) -> dict[str, Table]:
        """The table of each section, by what it is about."""
        return {section.title: section.table for section in self.sections()}

    def to_markdown(self) -> str:
        made_from = "\n".join(f"- {k}: {escaped(v)}" for k, v in self.made_from.items())
        return f"{super().to_markdown()}\n{made_from}\n"

    def to_html(self) -> str:
        """A page with the curves and the tables, which needs no other file and no network."""
        sections = self.sections()
        return filled(
            Path(__file__).with_name("page.html.jinja"),
            [section.chart for section in sections],
            study=self,
            sections=[(section.title, section.table, section.chart) for section in sections],
        )

    def save(self, path: str | Path) -> Path:
        """Write it; the ending of the name says how: .json, .md or .html.

        Raises
        ------
        InputError
            The ending is another.
        OutputError
            The file cannot be written.
        """
        forms = {".json": self.to_json, ".md": self.to_markdown, ".html": self.to_html}
        return self._write(path, forms)

    def save_all(self, folder: str | Path | None) -> None:
        """Write ``results.json``, ``results.md`` and ``curves.html`` to a folder, if any."""
        if folder is not None:
            for name in ("results.json", "results.md", "curves.html"):
                self.save(Path(folder) / name)


def layout(x: dict[str, Any], y: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The layout of a chart with these axes, in the style of the page."""
    axis = {
        "gridcolor": "var(--line)",
        "linecolor": "var(--line)",
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"color": "var(--muted)"},
    }
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "var(--ink)", "size": 12},
        "hoverlabel": {
            "bgcolor": "var(--panel)",
            "bordercolor": "var(--line)",
            "font": {"color": "var(--ink)", "size": 12},
        },
        "dragmode": False,
        "margin": {"l": 56, "r": 16, "t": 28, "b": 56},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": axis | x,
        "yaxis": axis | y,
    } | more
