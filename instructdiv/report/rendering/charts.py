"""Charts: the figures of the page, each with a sentence that says what it shows."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from instructdiv.core.wording import start_of
from instructdiv.report.facts import ClusterRow, Curve, GroupRow, Heat, Histogram
from instructdiv.report.rendering.chart import (
    INK,
    MUTED,
    Chart,
    axis,
    called,
    escaped,
    label,
    layout,
    name_axis,
)

_MOST_GROUPS = 24
_MOST_TILES = 200

_BEFORE, _AFTER = "var(--before)", "var(--after)"


def curve_chart(curve: Curve, selected: int | None) -> Chart:
    """Coverage over budgets beside the random band."""
    budgets = curve.budgets
    traces = [
        _line(budgets, curve.random_low, 0, MUTED, hoverinfo="skip"),
        _line(
            budgets,
            curve.random_high,
            0,
            MUTED,
            name="random, 5-95 %",
            fill="tonexty",
            fillcolor="var(--band)",
            hoverinfo="skip",
            showlegend=True,
        ),
        _line(budgets, curve.random_median, 1.5, MUTED, name="random, median", showlegend=True),
    ]
    says = (
        f"Mean similarity with {_records(budgets[0], 'random')}: {curve.random_median[0]:.3f}, "
        f"with {budgets[-1]:,}: {curve.random_median[-1]:.3f}. "
        f"{_records(curve.flattens_at, 'random')} reach 90 % of the gain from one record to the "
        "whole pool; more records add little."
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
                f"; random draws need {curve.random_equivalent:,} for the same."
                if curve.random_equivalent
                else ", more than the largest random draw."
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
    return layout(
        xaxis=axis(
            title="records (logarithmic)",
            type="log",
            tickvals=ticks or curve.budgets[:1],
            ticktext=[f"{tick:,}" for tick in ticks or curve.budgets[:1]],
        ),
        yaxis=axis(title="mean similarity to the nearest record"),
        hovermode="x unified",
        margin={"l": 56, "r": 16, "t": 28, "b": 76},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        shapes=[
            {
                "type": "line",
                "x0": curve.flattens_at,
                "x1": curve.flattens_at,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": INK, "width": 1, "dash": "dot"},
            }
        ],
        annotations=[
            {
                "x": float(np.log10(max(1, curve.flattens_at))),
                "y": 0,
                "yref": "paper",
                "yanchor": "bottom",
                "xanchor": "right",
                "text": f"90 % of the gain: {curve.flattens_at:,} ",
                "showarrow": False,
                "font": {"color": INK, "size": 12},
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
        says = says.removesuffix(".") + f", and {(shown[0].kept_share or 0):.1%} of the selection. "
        says += beside_random(len(groups), above, below)
    frame = layout(
        barmode="overlay",
        xaxis=axis(title="share", tickformat=".0%", rangemode="tozero"),
        yaxis=name_axis([g.group for g in shown]),
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        margin={"l": 16, "r": 16, "t": 28, "b": 48},
    )
    height = 110 + (36 if selected else 26) * len(shown)
    return Chart("groups", says, {"data": bars, "layout": frame}, height)


def beside_random(n_groups: int, above: int, below: int) -> str:
    """How many groups keep more, or fewer, records than random draws do, as a sentence.

    Examples
    --------
    >>> beside_random(16, 0, 0)
    'All 16 groups are within the range of random draws.'
    >>> beside_random(16, 2, 0)
    '2 of 16 groups keep more records than random draws do; 14 are within their range.'
    >>> beside_random(16, 2, 1)
    '2 of 16 groups keep more records than random draws do, 1 fewer; 13 are within their range.'
    """
    within = n_groups - above - below
    if within == n_groups:
        all_of_them = "The only group is" if n_groups == 1 else f"All {n_groups:,} groups are"
        return f"{all_of_them} within the range of random draws."
    more, fewer = f"{above:,} of {n_groups:,} groups keep more", f", {below:,} fewer"
    if not above:
        more, fewer = f"{below:,} of {n_groups:,} groups keep fewer", ""
    said = f"{more} records than random draws do{fewer if below else ''}"
    return f"{said}; {within:,} are within their range."


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
            f" The selection keeps {mean:.1%} of all records: a larger share of blue clusters, a "
            f"smaller share of orange ones. {_keeping(len(clusters), touched)}"
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
    frame = layout(
        margin={"l": 0, "r": 0, "t": 4, "b": 0}, uniformtext={"minsize": 10, "mode": "hide"}
    )
    return Chart("clusters", says, {"data": [trace], "layout": frame}, 440)


def _keeping(n_clusters: int, covered: int) -> str:
    if covered == n_clusters:
        return "Every cluster keeps at least one record."
    return f"{covered:,} clusters keep at least one record, {n_clusters - covered:,} keep none."


def _wrapped(text: str) -> str:
    """A label on several short lines."""
    lines = textwrap.wrap(start_of(text, 60), 15, max_lines=4, placeholder="\u2026")
    return "<br>".join(map(escaped, lines))


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
            f"the selection keeps none of {lost:,} of them. It keeps {mean:.1%} of all records, a "
            "larger share of blue pairs, a smaller share of orange ones; empty pairs are blank."
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
    columns = axis(showgrid=False, tickangle=-45) | {
        "tickvals": list(range(len(labels))),
        "ticktext": [label(name, 22) for name in labels],
        "automargin": True,
    }
    frame = layout(
        xaxis=columns, yaxis=name_axis(heat.groups), margin={"l": 16, "r": 8, "t": 8, "b": 16}
    )
    height = 190 + 26 * len(heat.groups)
    figure = {"data": [trace], "layout": frame, "narrow": {"xaxis": {"showticklabels": False}}}
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
    frame = layout(
        barmode="overlay",
        xaxis=axis(title=histogram.of, showgrid=False)
        | {
            "tickvals": [i - 0.5 for i in range(len(histogram.edges))][::every],
            "ticktext": [f"{edge:,.0f}" for edge in histogram.edges][::every],
        },
        yaxis=axis(title="share of records", tickformat=".0%", rangemode="tozero"),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        margin={"l": 56, "r": 16, "t": 28, "b": 56},
    )
    return Chart(f"histogram-{histogram.of}", f"{says}.", {"data": traces, "layout": frame}, 300)


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
