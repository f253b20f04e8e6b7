"""Curves: numbers that change as training goes on, as a figure and as files."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instructdiv.core.files import write_text
from instructdiv.errors import InputError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Column = Sequence[float | int | None]
_PANEL = 260


def figure(x: Column, x_name: str, panels: Mapping[str, Mapping[str, Column]]) -> "Figure":
    """Lines over one axis, in panels one below the other.

    Parameters
    ----------
    x, x_name
        Where the points stand, and what that counts.
    panels
        The lines of each panel by name; a value that is missing is a gap.
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
        Where to.
    called
        What it is, for an error.
    document
        What is written as JSON.
    columns
        What is written as CSV; an empty cell is a value that is missing.
    draw
        Gives what is written as a page, with all that draws it: it needs no network.

    Raises
    ------
    InputError
        The ending is another.
    OutputError
        The file cannot be written.
    """
    ending = Path(path).suffix.lower()
    if ending == ".json":
        return write_text(path, json.dumps(document, allow_nan=False) + "\n")
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
    """The number, or nothing where it is none."""
    return None if value is None or math.isnan(value) else value
