"""Curves: numbers over training, as a figure and as files."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic_core

from instructdiv.core.files import write_text
from instructdiv.errors import InputError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Column = Sequence[float | int | None]
_PANEL = 260


def figure(x: Column, x_name: str, panels: Mapping[str, Mapping[str, Column]]) -> "Figure":
    """Draw lines over one axis, in panels one below the other.

    Parameters
    ----------
    x, x_name
        Values of the horizontal axis, and its name.
    panels
        The lines of each panel by name; a missing value is a gap.
    """
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    drawn = make_subplots(len(panels), 1, shared_xaxes=True, vertical_spacing=0.06)
    for row, (title, lines) in enumerate(panels.items(), 1):
        for name, y in lines.items():
            line = Scatter(x=list(x), y=list(map(known, y)), name=name, mode="lines+markers")
            drawn.add_trace(line, row, 1)
        drawn.update_yaxes(title_text=title, row=row, col=1)
    drawn.update_xaxes(title_text=x_name, row=len(panels), col=1)
    drawn.update_layout(height=80 + _PANEL * len(panels), hovermode="x unified")
    return drawn


def save(
    path: str | Path,
    called: str,
    document: Any,
    columns: Mapping[str, Column],
    draw: "Callable[[], Figure]",
) -> Path:
    """Write curves; the ending of the name says how: .json, .csv or .html.

    Parameters
    ----------
    path
        The file.
    called
        Name of the thing, for an error.
    document
        Content of the JSON file; NaN is written as null.
    columns
        Columns of the CSV file; a missing value is an empty cell.
    draw
        Makes the figure of the page, which needs no network.

    Raises
    ------
    InputError
        The name has another ending.
    OutputError
        The file cannot be written.
    """
    ending = Path(path).suffix.lower()
    if ending == ".json":
        found = pydantic_core.to_json(document, inf_nan_mode="null")
        return write_text(path, found.decode() + "\n")
    if ending == ".csv":
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(map(known, column) for column in columns.values()), strict=True))
        return write_text(path, file.getvalue())
    if ending == ".html":
        return write_text(path, draw().to_html(include_plotlyjs=True, div_id="curves"))
    raise InputError(f"a {called} is written as .json, .csv or .html, not as {str(path)!r}")


def known(value: float | int | None) -> float | int | None:
    """The number; None for NaN."""
    return None if value is None or math.isnan(value) else value
