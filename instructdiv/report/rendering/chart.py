"""Chart: one plotly figure of the page, its axes, labels and colors.

Colors are names of the page's own (``var(--name)``): the page puts light or dark in their
place. Labels are escaped, since plotly reads a kind of HTML in them.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from instructdiv.core.wording import printable, start_of
from instructdiv.report.facts import ClusterRow

INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
_LABEL = 26


@dataclass(frozen=True)
class Chart:
    """One figure of the page."""

    name: str
    """What the page calls it."""

    says: str
    """What it shows, in words."""

    figure: dict[str, Any]
    """Traces and layout, as plotly reads them, and what of the layout is other where narrow."""

    height: int
    """Height in pixels."""


def label(text: str, longest: int = _LABEL) -> str:
    """A text as plotly shows it letter by letter."""
    return escaped(start_of(text, longest))


def escaped(text: str) -> str:
    """A text that plotly shows as it is."""
    return html.escape(text, quote=False)  # plotly knows no name of a quote


def called(cluster: ClusterRow) -> str:
    """The name of a cluster; its number for vectors alone."""
    name = printable(cluster.name)
    return name if name not in ("", str(cluster.cluster)) else f"cluster {cluster.cluster}"


def name_axis(names: Sequence[str]) -> dict[str, Any]:
    """An axis of names, the first on top; equal names stay apart."""
    return axis(showgrid=False) | {
        "tickvals": list(range(len(names))),
        "ticktext": [label(name) for name in names],
        "range": [len(names) - 0.5, -0.5],
        "automargin": True,
    }


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis in the colors of the page."""
    return {
        "title": {"text": title, "font": {"size": 12}},
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"color": MUTED},
    } | more


def layout(**more: Any) -> dict[str, Any]:
    """A layout in the colors of the page."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 12},
        "hoverlabel": {
            "bgcolor": "var(--panel)",
            "bordercolor": LINE,
            "font": {"color": INK, "size": 12},
        },
        "dragmode": False,
    } | more
