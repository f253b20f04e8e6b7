"""Tables: what a report lists, for the page, for Markdown and for a terminal alike."""

from collections.abc import Iterable, Mapping

from instructdiv.core.wording import number
from instructdiv.metrics import Assessment, FiveNumbers
from instructdiv.report.facts import (
    ClusterRow,
    Curve,
    Distances,
    Example,
    Gap,
    GroupRow,
    Heat,
    Histogram,
    Redundancy,
    Reference,
)
from instructdiv.results import Cell, Number, Table, count, rounded, share, three


def metric_table(metrics: list[Assessment], pool_metrics: Mapping[str, float]) -> Table:
    """Every metric, with its verdict where there is a selection."""
    if not metrics:
        rows: list[list[Cell]] = [[name, rounded(value)] for name, value in pool_metrics.items()]
        return Table(["metric", "pool"], rows)
    return Table(
        ["metric", "better", "selection", "random 5-95 %", "pool", "verdict"],
        [
            [
                one.metric,
                "higher" if one.higher_is_better else "lower",
                rounded(one.value),
                Number(f"{number(one.random_low)} - {number(one.random_high)}", one.random_low),
                rounded(one.pool_value),
                one.verdict,
            ]
            for one in metrics
        ],
    )


def distance_table(distances: list[Distances]) -> Table:
    """How far records are from the nearest."""
    names = list(FiveNumbers.model_fields)
    return Table(
        ["from the", "to the", *(name.replace("_", " ") for name in names), "measured on"],
        [
            [
                one.of,
                one.to,
                *(three(getattr(one.distances, name)) for name in names),
                count(one.measured_on),
            ]
            for one in distances
        ],
    )


def group_table(groups: list[GroupRow]) -> Table:
    """Known groups, before and after."""
    if not any(group.kept is not None for group in groups):
        rows: list[list[Cell]] = [[g.group, count(g.records), share(g.share)] for g in groups]
        return Table(["group", "records", "share"], rows)
    return Table(
        ["group", "before", "share before", "after", "share after", "random 5-95 %"],
        [
            [
                g.group,
                count(g.records),
                share(g.share),
                count(g.kept or 0),
                share(g.kept_share or 0),
                Number(f"{g.random_low:.0f} - {g.random_high:.0f}", g.random_low or 0),
            ]
            for g in groups
        ],
    )


def cluster_table(clusters: list[ClusterRow]) -> Table:
    """Clusters, before and after."""
    chosen = any(cluster.kept is not None for cluster in clusters)
    after = ["after", "share after"] if chosen else []
    return Table(
        ["cluster", "name", "before", "share before", *after, "example"],
        [
            [
                count(c.cluster),
                c.name,
                count(c.records),
                share(c.share),
                *([count(c.kept or 0), share(c.kept_share or 0)] if chosen else []),
                c.example,
            ]
            for c in clusters
        ],
    )


def gap_table(gaps: list[Gap]) -> Table:
    """Gaps, the largest gain first."""
    return Table(
        ["gap", "of", "records", "similarity", "with its example", "example"],
        [
            [
                gap.name,
                gap.of,
                count(gap.records),
                three(gap.similarity),
                three(gap.similarity_then),
                _shown(gap.examples),
            ]
            for gap in gaps
        ],
    )


def copy_table(redundancy: Redundancy) -> Table:
    """The largest groups of near copies."""
    chosen = redundancy.kept_superfluous is not None
    return Table(
        ["rows", "before", *(["after"] if chosen else []), "similarity", "example"],
        [
            [
                ", ".join(str(example.row) for example in group.examples),
                count(group.records),
                *([count(group.kept or 0)] if chosen else []),
                three(group.similarity_threshold),
                _shown(group.examples),
            ]
            for group in redundancy.largest
        ],
    )


def curve_table(curve: Curve) -> Table:
    """Coverage over budgets."""
    chosen = [] if curve.selection is None else ["selection"]
    values = curve.selection or [None] * len(curve.budgets)
    bands = zip(curve.random_low, curve.random_high, curve.random_median, strict=True)
    return Table(
        ["records", *chosen, "random 5-95 %", "random median"],
        [
            [
                count(budget),
                *([Number("", -2) if value is None else three(value)] if chosen else []),
                Number(f"{low:.3f} - {high:.3f}", low),
                three(median),
            ]
            for budget, value, (low, high, median) in zip(curve.budgets, values, bands, strict=True)
        ],
    )


def heat_table(heat: Heat, names: Mapping[int, str]) -> Table:
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


def reference_table(reference: Reference) -> Table:
    """How far each domain of a reference is covered."""
    chosen = any(row.kept_covered is not None for row in reference.domains)
    after = ["covered by the selection", "its similarity"] if chosen else []
    return Table(
        ["domain", "records", "covered", "similarity", *after, "farthest from the data"],
        [
            [
                row.domain,
                count(row.records),
                share(row.covered),
                three(row.similarity),
                *(
                    [share(row.kept_covered or 0), three(row.kept_similarity or 0)]
                    if chosen
                    else []
                ),
                _shown(row.missing),
            ]
            for row in reference.domains
        ],
    )


def histogram_table(histogram: Histogram) -> Table:
    """Records in each bin."""
    counts = [histogram.before, *([] if histogram.after is None else [histogram.after])]
    return Table(
        [histogram.of, "before", *(["after"] if len(counts) > 1 else [])],
        [
            [Number(name, low), *map(count, of)]
            for name, low, *of in zip(histogram.bins, histogram.edges[:-1], *counts, strict=True)
        ],
    )


def _shown(examples: Iterable[Example]) -> str:
    """The first of some examples."""
    first = next(iter(examples), None)
    return "" if first is None else first.text or f"row {first.row}"
