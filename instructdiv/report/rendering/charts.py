"""Charts: what the page draws, as plotly figures, each with what it says in words.

Colors are names of the page's own (``var(--name)``): the page puts light or dark in their
place. Labels are escaped, since plotly reads a kind of HTML in them.
"""

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from instructdiv.core.wording import printable, start_of
from instructdiv.report.facts import ClusterRow, Curve, GroupRow, Heat, Histogram

_MOST_GROUPS = 24
_MOST_TILES = 200
_LABEL = 26

_INK, _MUTED, _LINE = "var(--ink)", "var(--muted)", "var(--line)"
_BEFORE, _AFTER = "var(--before)", "var(--after)"


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
    return _escaped(start_of(text, longest))


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)  # plotly knows no name of a quote


def called(cluster: ClusterRow) -> str:
    """The name of a cluster; its number for vectors alone."""
    name = printable(cluster.name)
    return name if name not in ("", str(cluster.cluster)) else f"cluster {cluster.cluster}"


def curve_chart(curve: Curve, selected: int | None) -> Chart:
    """Coverage over budgets beside the random band."""
    budgets = curve.budgets
    traces = [
        _line(budgets, curve.random_low, 0, _MUTED, hoverinfo="skip"),
        _line(
            budgets,
            curve.random_high,
            0,
            _MUTED,
            name="random, 5-95 %",
            fill="tonexty",
            fillcolor="var(--band)",
            hoverinfo="skip",
            showlegend=True,
        ),
        _line(budgets, curve.random_median, 1.5, _MUTED, name="random, median", showlegend=True),
    ]
    says = (
        f"Mean similarity with {_records(budgets[0], 'random')}: {curve.random_median[0]:.3f}, "
        f"with {budgets[-1]:,}: {curve.random_median[-1]:.3f}. "
        f"Beyond {curve.pays_until:,} more random records pay little: so many reach nine "
        "tenths of the way from one record to the whole pool."
    )
    if curve.selection is not None:
        reached = [
            (budget, value)
            for budget, value in zip(budgets, curve.selection, strict=True)
            if value is not None
        ]
        traces.append(
            _line(
                [b for b, _ in reached],
                [v for _, v in reached],
                2.5,
                _AFTER,
                name="selection",
                showlegend=True,
                mode="lines+markers" if len(reached) < 3 else "lines",
            )
        )
        if reached and selected:
            says += f" The selection reaches {reached[-1][1]:.3f} with {reached[-1][0]:,}"
            says += (
                f", as much as {curve.random_worth:,} random ones."
                if curve.random_worth
                else ", more than any number of random records that was tried."
            )
    return Chart("curve", says, {"data": traces, "layout": _curve_layout(curve)}, 380)


def _records(n: int, kind: str) -> str:
    return f"{n:,} {kind} record{'' if n == 1 else 's'}"


def _curve_layout(curve: Curve) -> dict[str, Any]:
    ticks = [
        step * 10**power
        for power in range(9)
        for step in (1, 2, 5)
        if curve.budgets[0] <= step * 10**power <= curve.budgets[-1]
    ]
    if len(ticks) > 9:
        ticks = [tick for tick in ticks if str(tick)[0] == "1"]
    return _layout(
        xaxis=_axis(
            title="records (logarithmic)",
            type="log",
            tickvals=ticks or curve.budgets[:1],
            ticktext=[f"{tick:,}" for tick in ticks or curve.budgets[:1]],
        ),
        yaxis=_axis(title="mean similarity to the nearest"),
        hovermode="x unified",
        margin={"l": 56, "r": 16, "t": 28, "b": 76},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        shapes=[
            {
                "type": "line",
                "x0": curve.pays_until,
                "x1": curve.pays_until,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": _INK, "width": 1, "dash": "dot"},
            }
        ],
        annotations=[
            {
                "x": float(np.log10(max(1, curve.pays_until))),
                "y": 0,
                "yref": "paper",
                "yanchor": "bottom",
                "xanchor": "right",
                "text": f"pays until {curve.pays_until:,} ",
                "showarrow": False,
                "font": {"color": _INK, "size": 12},
            }
        ],
    )


def _line(
    x: Sequence[float], y: Sequence[float], width: float, color: str, **more: Any
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "line": {"color": color, "width": width},
        "marker": {"color": color, "size": 7},
        "hovertemplate": "%{y:.3f}",
        "showlegend": False,
    } | more


def group_chart(groups: list[GroupRow], selected: int | None) -> Chart:
    """Share of each group before and after, and what random draws give."""
    shown = groups[:_MOST_GROUPS]
    places = list(range(len(shown)))
    bars = [
        _bars(places, [g.share for g in shown], _BEFORE, "pool", -0.38 if selected else -0.3)
        | {"customdata": [[f"{g.records:,}"] for g in shown], "width": 0.36 if selected else 0.6}
    ]
    left = (
        f"; the {len(groups) - len(shown):,} smaller groups are in the table"
        if (len(groups) > len(shown))
        else ""
    )
    largest = start_of(shown[0].group, 60)
    says = f"The largest group, {largest}, holds {shown[0].share:.1%} of the pool{left}."
    if selected:
        bars.append(
            _bars(places, [g.kept_share or 0 for g in shown], _AFTER, "selection", 0.0)
            | {"customdata": [[f"{g.kept or 0:,}"] for g in shown], "width": 0.36}
        )
        bars.append(
            _bars(places, [_band(g, selected) for g in shown], "var(--ink)", "random, 5-95 %", 0.1)
            | {
                "base": [(g.random_low or 0) / selected for g in shown],
                "width": 0.16,
                "opacity": 0.55,
                "hoverinfo": "skip",
                "hovertemplate": None,
            }
        )
        above = sum((g.kept or 0) > (g.random_high or 0) for g in groups)
        below = sum((g.kept or 0) < (g.random_low or 0) for g in groups)
        says += (
            f" After: {(shown[0].kept_share or 0):.1%} of the selection. Of {len(groups):,} groups "
            f"the selection keeps more than random draws would of {above:,}, fewer of {below:,}."
        )
    layout = _layout(
        barmode="overlay",
        xaxis=_axis(title="share", tickformat=".0%", rangemode="tozero"),
        yaxis=_names([g.group for g in shown]),
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        margin={"l": 16, "r": 16, "t": 28, "b": 48},
    )
    height = 110 + (36 if selected else 26) * len(shown)
    return Chart("groups", says, {"data": bars, "layout": layout}, height)


def _band(group: GroupRow, selected: int) -> float:
    return ((group.random_high or 0) - (group.random_low or 0)) / selected


def _bars(
    places: list[int], shares: list[float], color: str, name: str, offset: float
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "y": places,
        "x": shares,
        "offset": offset,
        "name": name,
        "marker": {"color": color},
        "hovertemplate": f"%{{y}}: %{{customdata[0]}} records, %{{x:.1%}} of the {name}"
        "<extra></extra>",
    }


def cluster_chart(clusters: list[ClusterRow], selected: int | None, records: int) -> Chart:
    """Clusters sized by their records and, with a selection, colored by how many were kept."""
    shown = clusters[:_MOST_TILES]
    rest = clusters[_MOST_TILES:]
    shares = [(c.kept or 0) / c.records for c in shown]
    names = [label(called(c), 40) for c in shown]
    values, ids = [c.records for c in shown], [str(c.cluster) for c in shown]
    if rest:
        names.append(f"({len(rest):,} smaller)")
        ids.append("-1")
        values.append(sum(c.records for c in rest))
        shares.append(sum(c.kept or 0 for c in rest) / values[-1])
    marker: dict[str, Any] = {
        "line": {"color": "var(--page)", "width": 1},
        "pad": {"t": 0, "l": 0, "r": 0, "b": 0},
    }
    hover = "%{label}<br>%{value:,} records"
    says = (
        f"{len(clusters):,} clusters; the largest, “{called(shown[0])}”, holds "
        f"{shown[0].share:.1%} of the records."
    )
    if selected:
        mean = selected / records
        highest = min(1.0, max(2 * mean, float(np.quantile(shares, 0.95))))
        marker |= {
            "colors": shares,
            "cmin": 0,
            "cmax": highest,
            "colorscale": _around(mean / highest),
            "showscale": True,
            "colorbar": {
                "title": {"text": "kept", "side": "top"},
                "tickformat": ".0%",
                "thickness": 10,
                "outlinewidth": 0,
                "len": 0.9,
            },
        }
        hover += ", %{customdata:.1%} kept"
        touched = sum(bool(c.kept) for c in clusters)
        says += (
            f" Of all records {mean:.1%} were kept: blue clusters kept more of theirs, orange "
            f"ones less. {touched:,} clusters keep at least one record, "
            f"{len(clusters) - touched:,} none."
        )
    else:
        marker["colors"] = ["var(--tile)"] * len(values)
    trace = {
        "type": "treemap",
        "labels": names,
        "ids": ids,
        "parents": [""] * len(values),
        "values": values,
        "customdata": shares,
        "marker": marker,
        "branchvalues": "total",
        "hovertemplate": hover + "<extra></extra>",
        "text": [_wrapped(called(c)) for c in shown] + names[len(shown) :],
        "texttemplate": "%{text}",
        "root": {"color": "rgba(0,0,0,0)"},
        "tiling": {"pad": 1, "squarifyratio": 1.6},
        "pathbar": {"visible": False},
        "textfont": {"size": 12},
    }
    layout = _layout(
        margin={"l": 0, "r": 0, "t": 4, "b": 0}, uniformtext={"minsize": 10, "mode": "hide"}
    )
    return Chart("clusters", says, {"data": [trace], "layout": layout}, 440)


def _wrapped(text: str) -> str:
    """A label on several short lines."""
    lines = textwrap.wrap(start_of(text, 60), 15, max_lines=4, placeholder="\u2026")
    return "<br>".join(map(_escaped, lines))


def heat_chart(heat: Heat, names: dict[int, str]) -> Chart:
    """Groups against clusters: how many records, or what share of them was kept."""
    before = np.array(heat.before, float)
    labels = [names.get(c, f"cluster {c}") if c >= 0 else "(other)" for c in heat.clusters]
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": list(range(len(labels))),
        "y": list(range(len(heat.groups))),
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
    }
    bar = {"thickness": 10, "outlinewidth": 0}
    empty = before == 0
    if heat.after is None:
        share = before / np.maximum(before.sum(axis=1, keepdims=True), 1)
        says = f"{(~empty).sum():,} of the {before.size:,} pairs of group and cluster hold records."
        scale: list[list[Any]] = [[0, "var(--low)"], [1, "var(--high)"]]
        trace |= {"zmin": 0, "zmax": float(share.max()) or 1.0}
        title = "of the group"
    else:
        after = np.array(heat.after, float)
        share = after / np.maximum(before, 1)
        mean = after.sum() / before.sum()
        lost = int(((after == 0) & ~empty).sum())
        says = (
            f"{(~empty).sum():,} of the {before.size:,} pairs of group and cluster hold records; "
            f"of {lost:,} of them nothing was kept. Blue pairs kept more than the "
            f"{mean:.1%} kept in all, orange ones less; empty pairs are blank."
        )
        highest = min(1.0, max(2 * mean, float(np.quantile(share[~empty], 0.95))))
        scale = _around(mean / highest)
        trace |= {"zmin": 0, "zmax": highest}
        title = "kept"
    trace |= {
        "z": [
            [None if gone else round(float(value), 4) for value, gone in zip(row, gap, strict=True)]
            for row, gap in zip(share, empty, strict=True)
        ],
        "colorscale": scale,
        "colorbar": bar | {"title": {"text": title, "side": "top"}, "tickformat": ".0%"},
        "customdata": [
            [
                [label(group, 60), label(name, 60), f"{int(n):,}"]
                for name, n in zip(labels, row, strict=True)
            ]
            for group, row in zip(heat.groups, before, strict=True)
        ],
        "hovertemplate": "%{customdata[0]}<br>%{customdata[1]}<br>%{customdata[2]} records, "
        f"%{{z:.1%}} {title}<extra></extra>",
    }
    columns = _axis(showgrid=False, tickangle=-45) | {
        "tickvals": list(range(len(labels))),
        "ticktext": [label(name, 22) for name in labels],
        "automargin": True,
    }
    layout = _layout(
        xaxis=columns, yaxis=_names(heat.groups), margin={"l": 16, "r": 8, "t": 8, "b": 16}
    )
    height = 190 + 26 * len(heat.groups)
    figure = {"data": [trace], "layout": layout, "narrow": {"xaxis": {"showticklabels": False}}}
    return Chart("heat", says, figure, height)


def histogram_chart(histogram: Histogram) -> Chart:
    """How a number is spread, before and after."""
    places = list(range(len(histogram.before)))
    traces = [_steps(places, histogram.before, histogram.bins, _BEFORE, "pool")]
    says = f"Half of the pool has at most {histogram.median_before:,.0f} {histogram.of}"
    if histogram.after is not None and histogram.median_after is not None:
        traces.append(_steps(places, histogram.after, histogram.bins, _AFTER, "selection"))
        traces[-1]["width"] = 0.45
        says += f", half of the selection at most {histogram.median_after:,.0f}"
    every = max(1, -(-len(histogram.edges) // 8))
    layout = _layout(
        barmode="overlay",
        xaxis=_axis(title=histogram.of, showgrid=False)
        | {
            "tickvals": [i - 0.5 for i in range(len(histogram.edges))][::every],
            "ticktext": [f"{edge:,.0f}" for edge in histogram.edges][::every],
        },
        yaxis=_axis(title="share of records", tickformat=".0%", rangemode="tozero"),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        margin={"l": 56, "r": 16, "t": 28, "b": 56},
    )
    return Chart(f"histogram-{histogram.of}", f"{says}.", {"data": traces, "layout": layout}, 300)


def _steps(
    places: list[int], counts: list[int], names: list[str], color: str, name: str
) -> dict[str, Any]:
    total = max(sum(counts), 1)
    return {
        "type": "bar",
        "x": places,
        "y": [count / total for count in counts],
        "customdata": [[own, f"{n:,}"] for own, n in zip(names, counts, strict=True)],
        "name": name,
        "marker": {"color": color},
        "width": 0.9,
        "hovertemplate": f"%{{customdata[0]}}: %{{customdata[1]}} records, %{{y:.1%}} of the {name}"
        "<extra></extra>",
    }


def _around(middle: float) -> list[list[Any]]:
    """Colors on two sides of a value, given as its place in [0, 1]."""
    if not 0 < middle < 1:
        return [[0, "var(--low)"], [1, "var(--high)"]]
    return [[0, "var(--less)"], [middle, "var(--even)"], [1, "var(--more)"]]


def _names(names: Sequence[str]) -> dict[str, Any]:
    """An axis of names, the first on top; equal names stay apart."""
    return _axis(showgrid=False) | {
        "tickvals": list(range(len(names))),
        "ticktext": [label(name) for name in names],
        "range": [len(names) - 0.5, -0.5],
        "automargin": True,
    }


def _axis(title: str = "", **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": title, "font": {"size": 12}},
        "gridcolor": _LINE,
        "linecolor": _LINE,
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"color": _MUTED},
    } | more


def _layout(**more: Any) -> dict[str, Any]:
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": _INK, "size": 12},
        "hoverlabel": {
            "bgcolor": "var(--panel)",
            "bordercolor": _LINE,
            "font": {"color": _INK, "size": 12},
        },
        "dragmode": False,
    } | more
