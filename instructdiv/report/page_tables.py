"""Page tables: what a page lists, as texts and the numbers that sort them."""

from dataclasses import dataclass

from instructdiv.metrics import FiveNumbers
from instructdiv.report.facts import Curve, Distances, GroupRow, Heat, Histogram, Reference
from instructdiv.report.summary import Summary
from instructdiv.report.wording import number

Cell = str | tuple[str, float]


@dataclass(frozen=True)
class Table:
    """A table of the page: cells are texts, or a text with the number that sorts it."""

    columns: list[str]
    """Heads of the columns."""

    rows: list[list[Cell]]
    """The cells."""

    caption: str = ""
    """What the table holds."""

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers."""
        first = self.rows[0] if self.rows else [""] * len(self.columns)
        return [isinstance(cell, tuple) for cell in first]


def tables(summary: Summary, names: dict[int, str]) -> dict[str, Table]:
    """The tables of a page, by name; those of histograms and references apart."""
    found = {"metrics": metric_table(summary), "curve": curve_table(summary.curve)}
    if summary.distances:
        found["distances"] = distance_table(summary.distances)
    if summary.groups:
        found["groups"] = group_table(summary.groups, summary.selected)
    if summary.heat:
        found["heat"] = heat_table(summary.heat, names)
    return found


def metric_table(summary: Summary) -> Table:
    """Every metric, with its verdict where there is a selection."""
    if not summary.metrics:
        rows: list[list[Cell]] = [
            [name, (number(value), value)] for name, value in summary.pool_metrics.items()
        ]
        return Table(["metric", "pool"], rows)
    return Table(
        ["metric", "better", "selection", "random 5 %", "random 95 %", "pool", "verdict"],
        [
            [
                one.metric,
                "higher" if one.higher_is_better else "lower",
                *(
                    (number(value), value)
                    for value in (one.value, one.random_low, one.random_high, one.pool_value)
                ),
                one.verdict,
            ]
            for one in summary.metrics
        ],
    )


def distance_table(distances: list[Distances]) -> Table:
    """How far records are from the nearest chosen one."""
    names = list(FiveNumbers.model_fields)
    return Table(
        ["from the", "to the", *(name.replace("_", " ") for name in names), "measured on"],
        [
            [
                one.of,
                one.to,
                *(_three(getattr(one.distances, name)) for name in names),
                (f"{one.measured_on:,}", one.measured_on),
            ]
            for one in distances
        ],
    )


def group_table(groups: list[GroupRow], selected: int | None) -> Table:
    """Every group, before and after."""
    if not selected:
        return Table(
            ["group", "records", "share"], [[g.group, *_shared(g.records, g.share)] for g in groups]
        )
    return Table(
        ["group", "before", "share", "after", "share after", "random 5 %", "random 95 %"],
        [
            [
                g.group,
                *_shared(g.records, g.share),
                *_shared(g.kept or 0, g.kept_share or 0),
                (f"{g.random_low or 0:,.0f}", g.random_low or 0),
                (f"{g.random_high or 0:,.0f}", g.random_high or 0),
            ]
            for g in groups
        ],
    )


def _shared(records: int, share: float) -> list[Cell]:
    return [(f"{records:,}", records), (f"{share:.1%}", share)]


def curve_table(curve: Curve) -> Table:
    """Coverage over budgets."""
    chosen = curve.selection or [None] * len(curve.budgets)
    with_selection = curve.selection is not None
    columns = ["records", *(["selection"] if with_selection else [])]
    return Table(
        [*columns, "random 5 %", "random median", "random 95 %"],
        [
            [
                (f"{budget:,}", budget),
                *([("", -2.0) if value is None else _three(value)] if with_selection else []),
                *map(_three, band),
            ]
            for budget, value, *band in zip(
                curve.budgets,
                chosen,
                curve.random_low,
                curve.random_median,
                curve.random_high,
                strict=True,
            )
        ],
    )


def _three(value: float) -> Cell:
    return f"{value:.3f}", value


def heat_table(heat: Heat, names: dict[int, str]) -> Table:
    """Groups against clusters, a row for each pair that holds records."""
    after = heat.after or [[None] * len(heat.clusters)] * len(heat.groups)  # type: ignore[list-item]
    columns = ["group", "cluster", "records" if heat.after is None else "before"]
    return Table(
        columns if heat.after is None else [*columns, "after", "kept"],
        [
            [
                group,
                names.get(cluster, "(other)"),
                (f"{n:,}", n),
                *(
                    []
                    if heat.after is None
                    else [(f"{kept:,}", kept), (f"{kept / n:.1%}", kept / n)]
                ),
            ]
            for group, before, chosen in zip(heat.groups, heat.before, after, strict=True)
            for cluster, n, kept in zip(heat.clusters, before, chosen, strict=True)
            if n
        ],
    )


def histogram_table(histogram: Histogram) -> Table:
    """Records in each bin."""
    after = histogram.after
    return Table(
        ["from", "to", "records"] if after is None else ["from", "to", "before", "after"],
        [
            [
                (f"{low:,.0f}", low),
                (f"{high - 1:,.0f}", high - 1),  # whole numbers: the next bin begins at high
                (f"{n:,}", n),
                *([] if after is None else [(f"{after[i]:,}", after[i])]),
            ]
            for i, (low, high, n) in enumerate(
                zip(histogram.edges, histogram.edges[1:], histogram.before, strict=False)
            )
        ],
    )


def reference_table(reference: Reference) -> Table:
    """How far each domain of a reference is covered."""
    chosen = any(row.kept_covered is not None for row in reference.domains)
    columns = ["domain", "records", "covered", "similarity"]
    more = ["covered by the selection", "its similarity"] if chosen else []
    return Table(
        [*columns, *more, "farthest from the data"],
        [
            [
                row.domain,
                (f"{row.records:,}", row.records),
                (f"{row.covered:.1%}", row.covered),
                _three(row.similarity),
                *(
                    [
                        (f"{row.kept_covered or 0:.1%}", row.kept_covered or 0),
                        _three(row.kept_similarity or 0),
                    ]
                    if chosen
                    else []
                ),
                row.missing[0].text or f"row {row.missing[0].row}" if row.missing else "",
            ]
            for row in reference.domains
        ],
    )
