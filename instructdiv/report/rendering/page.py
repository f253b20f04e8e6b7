"""Page: a summary as one HTML page that needs no other file and no network."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instructdiv.core.wording import number, start_of
from instructdiv.report.facts import Heat
from instructdiv.report.rendering.chart import Chart, called
from instructdiv.report.rendering.charts import (
    cluster_chart,
    curve_chart,
    group_chart,
    heat_chart,
    histogram_chart,
)
from instructdiv.report.rendering.pool_map import pool_map
from instructdiv.report.rendering.projection import Projection
from instructdiv.report.rendering.sheet import filled
from instructdiv.report.summary_facts import Ground, SummaryFacts
from instructdiv.results import Table, count, share


@dataclass(frozen=True)
class Figure:
    """A key figure of the headline."""

    name: str
    """What it is."""

    value: str
    """The figure."""

    beside: list[str]
    """Lines below it."""

    verdict: str = ""
    """Its verdict beside random draws, in words."""


def page(summary: SummaryFacts, ground: Ground | None, projection: Projection = "auto") -> str:
    """The page of a summary; the same for the same summary.

    Parameters
    ----------
    summary
        What the page says.
    ground
        The pool behind it, that the map is drawn from; without it the page has no map.
    projection
        How the map is laid out.

    Raises
    ------
    InputError
        There is no such projection, or PaCMAP is asked for and not installed.
    """
    names = {cluster.cluster: called(cluster) for cluster in summary.clusters}
    drawing = None if ground is None else pool_map(summary, ground, projection)
    charts = {chart.name: chart for chart in _charts(summary, names)}
    return filled(
        Path(__file__).with_name("page.html.jinja"),
        charts.values(),
        summary=summary,
        title=_title(summary),
        target=_target(summary),
        names=names,
        figures=list(_figures(summary)),
        charts=charts,
        map=drawing,
        tables=summary.tables(),
        heat=None if summary.heat is None else _heat_table(summary.heat, names),
        histograms=[(h, h.tables()[h.title]) for h in summary.histograms],
        references=[(r, Table.of(r.domains)) for r in summary.references],
        provenance=list(_provenance(summary)),
    )


def _heat_table(heat: Heat, names: Mapping[int, str]) -> Table:
    """Groups against clusters, a row for each pair that holds records."""
    chosen = heat.after is not None
    after = heat.after or heat.before
    return Table(
        ["group", "cluster", "before", *(["after", "kept"] if chosen else [])],
        [
            [
                group,
                names.get(cluster, "(other)"),
                count(n),
                *([count(kept), share(kept / n)] if chosen else []),
            ]
            for group, before, left in zip(heat.groups, heat.before, after, strict=True)
            for cluster, n, kept in zip(heat.clusters, before, left, strict=True)
            if n
        ],
    )


def _title(summary: SummaryFacts) -> str:
    names = [start_of(name, 60) for name in summary.schemas]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"Coverage report: {shown}" if shown else "Coverage report"


def _target(summary: SummaryFacts) -> str:
    name = summary.target.name if summary.target else ""
    return "the target" if name in ("", "target") else name


def _charts(summary: SummaryFacts, names: dict[int, str]) -> Iterator[Chart]:
    yield curve_chart(summary.curve, summary.selected)
    if summary.groups:
        yield group_chart(summary.groups, summary.selected)
    if summary.clusters:
        yield cluster_chart(summary.clusters, summary.selected, summary.records)
    if summary.heat:
        yield heat_chart(summary.heat, names)
    for histogram in summary.histograms:
        yield histogram_chart(histogram)


def _figures(summary: SummaryFacts) -> Iterator[Figure]:
    n, kept = summary.records, summary.selected
    left_out = f"{summary.quarantined:,} more were quarantined" if summary.quarantined else ""
    yield Figure("Records", f"{n:,}", [left_out] if left_out else ["in the pool"])
    if kept is not None:
        yield Figure("Selected", f"{kept:,}", [f"{kept / n:.1%} of the records"])
    if summary.target:
        yield Figure("Target", f"{summary.target.records:,}", [f"records of {_target(summary)}"])
    assessed = {one.metric.partition("(")[0]: one for one in reversed(summary.metrics)}
    whole = {name.partition("(")[0]: x for name, x in reversed(summary.pool_metrics.items())}
    for metric, name, written in (
        ("mean_nearest_similarity", "Coverage", number),
        ("coverage_at", "Share within the radius", "{:.1%}".format),
        ("nearest_distance_summary", "Median nearest distance", number),
    ):
        if metric in assessed:
            one = assessed[metric]
            band = f"random {written(one.random_low)} to {written(one.random_high)}"
            yield Figure(name, written(one.value), [band], one.verdict)
        elif metric in whole and summary.target:
            yield Figure(name, written(whole[metric]), ["of the target by the pool"])
    curve = summary.curve
    if kept is not None and curve.random_equivalent:
        yield Figure(
            "Random records needed for the same coverage",
            f"{curve.random_equivalent:,}",
            [f"the selection has {kept:,}"],
        )
    elif kept is None:
        yield Figure(
            "Random records for 90 % of the gain in coverage",
            f"{curve.flattens_at:,}",
            ["from one record to the whole pool"],
        )
    for kind, groups in (("Clusters", summary.clusters), ("Groups", summary.groups)):
        if not groups:
            continue
        touched = sum(bool(group.kept) for group in groups)
        drawn_too = assessed.get(f"{kind.lower()}_covered")
        if kept is None:
            yield Figure(kind, f"{len(groups):,}", [f"largest: {groups[0].share:.1%}"])
        else:
            yield Figure(
                f"{kind} covered",
                f"{touched:,} of {len(groups):,}",
                [f"random {drawn_too.random_low:,.0f} to {drawn_too.random_high:,.0f}"]
                if drawn_too
                else [],
                drawn_too.verdict if drawn_too else "",
            )
    redundancy = summary.redundancy
    after = redundancy.kept_superfluous
    yield Figure(
        "Near copies",
        f"{redundancy.superfluous:,}",
        [
            f"in {redundancy.groups:,} groups, similarity from {redundancy.similarity_threshold:g}",
            *([] if after is None else [f"{after:,} left in the selection"]),
        ],
    )


def _provenance(summary: SummaryFacts) -> Iterator[tuple[str, list[str]]]:
    """Names and values of the provenance section."""
    made = summary.provenance
    yield "instructdiv", [made.version]
    for name, schema in summary.schemas.items():
        yield "source", [f"{name} (schema {schema})"]
    for source in made.inputs:
        yield "input", [f"{key}: {_plain(value)}" for key, value in source.items()]
    if made.view:
        cut = (
            ""
            if made.cut_share is None
            else f"; {made.cut_share:.1%} were truncated by the embedding model"
        )
        yield "embedded", [f"the {made.view} of each record{cut}"]
    for name, part in (("embedder", made.embedder), ("selector", made.selector)):
        if part:
            yield name, [f"{key}: {_plain(value)}" for key, value in part.items()]
    if made.budget:
        yield "budget", [made.budget]
    yield "vectors", [f"SHA-256 {made.vectors}"]
    if made.selection:
        yield "selection", [f"SHA-256 {made.selection}"]
    if summary.selected is not None:
        yield "random draws", [f"{made.n_draws:,}"]
    yield "seed", [str(made.seed)]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
