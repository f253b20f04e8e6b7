"""Summary: the numbers of a coverage report, as data, JSON, Markdown and a page."""

import html
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from instructdiv.errors import InputError
from instructdiv.metrics import Assessment, FiveNumbers
from instructdiv.pool import Pool
from instructdiv.report.document import Document
from instructdiv.report.facts import (
    ClusterRow,
    Curve,
    Distances,
    Example,
    Gap,
    GroupRow,
    Heat,
    Histogram,
    Provenance,
    Redundancy,
    Reference,
    Target,
)
from instructdiv.report.gaps import gap_table
from instructdiv.report.projection import Projection
from instructdiv.report.wording import Table, escaped, markdown_table, number, printable


@dataclass(frozen=True, eq=False)
class Ground:
    """The pool behind a summary: what its map is drawn from."""

    pool: Pool
    """The pool."""

    kept: NDArray[np.int64] | None
    """Rows that were chosen, if there is a selection."""

    clusters: NDArray[np.int64]
    """(n,) number of the cluster of each row, as in the rows of the summary."""


class Summary(Document):
    """What a pool covers and, with a selection, what is left of it beside random draws."""

    called: ClassVar[str] = "summary"

    headline: str
    """The result in a sentence or two."""

    records: int
    """Records of the pool."""

    selected: int | None
    """Records that were chosen."""

    quarantined: int
    """Records that could not be read or used, and are not in the pool."""

    schemas: dict[str, str]
    """Layout of each source."""

    target: Target | None = None
    """What had to be covered, where it is not the pool itself."""

    pool_metrics: dict[str, float]
    """Metrics of the whole pool against the target; groups and clusters are the pool's own."""

    metrics: list[Assessment]
    """Metrics of the selection, each beside its random band."""

    distances: list[Distances]
    """How far records are from the nearest chosen one, where that is not nought for all."""

    groups: list[GroupRow]
    """Known groups, the largest first."""

    clusters: list[ClusterRow]
    """Clusters, the largest first."""

    heat: Heat | None = None
    """Known groups against clusters, if there are groups."""

    gaps: list[Gap]
    """Regions of the pool, and of a target, far from anything chosen, the worst first."""

    redundancy: Redundancy
    """Near copies among the records."""

    histograms: list[Histogram]
    """Lengths and turns of the conversations, if records were read."""

    curve: Curve
    """Coverage over budgets."""

    references: list[Reference]
    """Inventories that the data was held against."""

    provenance: Provenance
    """What the report was made from and by."""

    _ground: Ground | None = PrivateAttr(default=None)

    def __eq__(self, other: object) -> bool:
        # What it says counts, not whether the pool is still at hand.
        return isinstance(other, Summary) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]

    def on(self, ground: Ground) -> "Summary":
        """The same summary, with the pool that its map is drawn from."""
        summary = self.model_copy()
        summary._ground = ground
        return summary

    def to_markdown(self) -> str:
        """The summary as Markdown: a headline and tables."""
        blocks = ["# Coverage report", escaped(self.headline)]
        for title, (header, rows) in self.tables().items():
            if rows:
                blocks += [f"## {escaped(title)}", markdown_table(header, rows)]
        return "\n\n".join(blocks) + "\n"

    def to_html(self, projection: Projection = "auto") -> str:
        """The summary as one page that needs nothing else: see :meth:`save`."""
        from instructdiv.report.page import page

        return page(self, self._ground, projection)

    def _repr_html_(self) -> str:
        framed = html.escape(self.to_html(), quote=True)
        return (
            f'<iframe title="Coverage report" srcdoc="{framed}" '
            'style="width: 100%; height: 800px; border: 0"></iframe>'
        )

    def tables(self) -> dict[str, Table]:
        """Header and rows, as text, of everything that is a table, by its title."""
        return {
            "Metrics": self.metric_table(),
            "Distance to the nearest": self.distance_table(),
            "Groups": self.group_table(),
            "Clusters": self.cluster_table(),
            "Gaps": self.gap_table(),
            "Near copies": self.redundancy_table(),
            "Coverage over budgets": self.curve_table(),
            **{f"Reference: {printable(r.name)}": _reference_table(r) for r in self.references},
            **{
                f"{h.of.capitalize()} of a conversation": _histogram_table(h)
                for h in self.histograms
            },
            "Sources": (["source", "schema"], [[printable(k), v] for k, v in self.schemas.items()]),
        }

    def metric_table(self) -> Table:
        """Header and rows of the metrics, as text."""
        if not self.metrics:
            return ["metric", "pool"], [[k, number(v)] for k, v in self.pool_metrics.items()]
        header = ["metric", "better", "selection", "random 5-95 %", "pool", "verdict"]
        return header, [
            [
                m.metric,
                "higher" if m.higher_is_better else "lower",
                number(m.value),
                f"{number(m.random_low)} - {number(m.random_high)}",
                number(m.pool_value),
                m.verdict,
            ]
            for m in self.metrics
        ]

    def distance_table(self) -> Table:
        """Header and rows of how far records are from the nearest chosen one, as text."""
        numbers = list(FiveNumbers.model_fields)
        header = ["from", "to", *(name.replace("_", " ") for name in numbers), "measured on"]
        return header, [
            [
                d.of,
                d.to,
                *(f"{getattr(d.distances, name):.3f}" for name in numbers),
                f"{d.measured_on:,}",
            ]
            for d in self.distances
        ]

    def group_table(self) -> Table:
        """Header and rows of the groups, as text."""
        if self.selected is None:
            return ["group", "records", "share"], [
                [printable(g.group), f"{g.records:,}", f"{g.share:.1%}"] for g in self.groups
            ]
        header = ["group", "before", "share before", "after", "share after", "random 5-95 %"]
        return header, [
            [
                printable(g.group),
                f"{g.records:,}",
                f"{g.share:.1%}",
                f"{g.kept:,}",
                f"{g.kept_share:.1%}",
                f"{g.random_low:.0f} - {g.random_high:.0f}",
            ]
            for g in self.groups
        ]

    def cluster_table(self) -> Table:
        """Header and rows of the clusters, as text."""
        after = [] if self.selected is None else ["after", "share after"]
        header = ["cluster", "name", "before", "share before", *after, "example"]
        return header, [
            [
                str(c.cluster),
                c.name,
                f"{c.records:,}",
                f"{c.share:.1%}",
                *([] if c.kept is None else [f"{c.kept:,}", f"{c.kept_share:.1%}"]),
                c.example,
            ]
            for c in self.clusters
        ]

    def gap_table(self) -> Table:
        """Header and rows of the gaps, as text."""
        header, rows = gap_table(self.gaps)
        return ["of", *header], [
            [printable(gap.of), *row] for gap, row in zip(self.gaps, rows, strict=True)
        ]

    def redundancy_table(self) -> Table:
        """Header and rows of the largest groups of near copies, as text."""
        after = [] if self.selected is None else ["after"]
        header = ["before", *after, "similarity", "rows", "example"]
        return header, [
            [
                f"{group.records:,}",
                *([] if group.kept is None else [f"{group.kept:,}"]),
                f"{group.least_similarity:.3f}",
                ", ".join(str(example.row) for example in group.examples),
                group.examples[0].text,
            ]
            for group in self.redundancy.largest
        ]

    def curve_table(self) -> Table:
        """Header and rows of the coverage over budgets, as text."""
        curve = self.curve
        chosen = [] if curve.selection is None else ["selection"]
        header = ["records", *chosen, "random 5-95 %", "random median"]
        values = curve.selection or [None] * len(curve.budgets)
        bands = zip(curve.random_low, curve.random_high, curve.random_median, strict=True)
        return header, [
            [
                f"{budget:,}",
                *(["-" if value is None else f"{value:.3f}"] if chosen else []),
                f"{low:.3f} - {high:.3f}",
                f"{median:.3f}",
            ]
            for budget, value, (low, high, median) in zip(curve.budgets, values, bands, strict=True)
        ]

    def save(self, path: str | Path, *, projection: Projection = "auto") -> Path:
        """Write the summary; the ending says how: .html, .json or .md.

        The page is one file that needs no other and no network. Its map is drawn from the
        pool: a summary that was read from JSON has none.

        Parameters
        ----------
        path
            The file.
        projection
            How the map is drawn in two dimensions: `pacmap` (the extra ``map``), `pca`, or
            `auto` for PaCMAP where it is installed.

        Raises
        ------
        InputError
            The ending is another, or PaCMAP is asked for and not installed.
        OutputError
            The file cannot be written.
        """
        page = partial(self.to_html, projection)
        return self._write(path, {".html": page, ".json": self.to_json, ".md": self.to_markdown})

    def save_atlas(
        self, folder: str | Path, *, projection: Projection = "auto", overwrite: bool = False
    ) -> str:
        """Write the pool for embedding-atlas, an explorer; give the command that opens it.

        Raises
        ------
        InputError
            The summary was read from JSON, without its pool.
        OutputError
            The folder is not empty, or cannot be written to.
        """
        from instructdiv.report.atlas import save_atlas

        if self._ground is None:
            raise InputError("an atlas is made from the pool; this summary was read without it")
        return save_atlas(self, self._ground, folder, projection, overwrite=overwrite)


def _reference_table(reference: Reference) -> Table:
    chosen = any(row.kept_covered is not None for row in reference.domains)
    after = ["covered by the selection", "its similarity"] if chosen else []
    header = ["domain", "records", "covered", "similarity", *after, "missing"]
    return header, [
        [
            printable(row.domain),
            f"{row.records:,}",
            f"{row.covered:.1%}",
            f"{row.similarity:.3f}",
            *(
                []
                if row.kept_covered is None or row.kept_similarity is None
                else [f"{row.kept_covered:.1%}", f"{row.kept_similarity:.3f}"]
            ),
            _first(row.missing),
        ]
        for row in reference.domains
    ]


def _first(examples: list[Example]) -> str:
    return examples[0].text or f"row {examples[0].row}" if examples else ""


def _histogram_table(histogram: Histogram) -> Table:
    header = [histogram.of, "before", *([] if histogram.after is None else ["after"])]
    counts = [histogram.before, *([] if histogram.after is None else [histogram.after])]
    # They are whole numbers, and a bin ends before the next begins.
    bins = [(f"{low:,.0f}", f"{high - 1:,.0f}") for low, high in pairwise(histogram.edges)]
    return header, [
        [low if low == high else f"{low} - {high}", *(f"{n:,}" for n in of)]
        for (low, high), *of in zip(bins, *counts, strict=True)
    ]
