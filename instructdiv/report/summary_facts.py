"""SummaryFacts: the numbers of a coverage report and their tables."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.wording import printable
from instructdiv.metrics import Assessment
from instructdiv.pool import Pool
from instructdiv.report.facts import (
    ClusterRow,
    Curve,
    Distances,
    Gap,
    GroupRow,
    Heat,
    Histogram,
    Provenance,
    Redundancy,
    Reference,
    Target,
)
from instructdiv.report.tables import (
    cluster_table,
    copy_table,
    curve_table,
    distance_table,
    gap_table,
    group_table,
    histogram_table,
    metric_table,
    reference_table,
)
from instructdiv.results import Cell, Result, Table


@dataclass(frozen=True, eq=False)
class Ground:
    """The pool behind a summary: what its map is drawn from."""

    pool: Pool
    """The pool."""

    kept: NDArray[np.int64] | None
    """Rows that were chosen, if there is a selection."""

    clusters: NDArray[np.int64]
    """(n,) number of the cluster of each row, as in the rows of the summary."""


class SummaryFacts(Result):
    """What a coverage report says, without the pages that are made of it."""

    title: ClassVar[str] = "Coverage report"

    records: int
    """Records of the pool."""

    selected: int | None
    """Records that were chosen."""

    quarantined: int
    """Records that could not be read or used, and are not in the pool."""

    schemas: dict[str, str]
    """Layout of each source."""

    notices: tuple[str, ...] = ()
    """What to know of the data before the numbers: what was left out, what all records share,
    what was not seen of long texts."""

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

    def tables(self) -> dict[str, Table]:
        """What is a table, by its title; without the many pairs of groups and clusters."""
        sources: list[list[Cell]] = [[name, schema] for name, schema in self.schemas.items()]
        return {
            "Notices": Table(["notice"], [[notice] for notice in self.notices]),
            "Metrics": metric_table(self.metrics, self.pool_metrics),
            "Distance to the nearest": distance_table(self.distances),
            "Groups": group_table(self.groups),
            "Clusters": cluster_table(self.clusters),
            "Gaps": gap_table(self.gaps),
            "Near copies": copy_table(self.redundancy),
            "Coverage over budgets": curve_table(self.curve),
            **{f"Reference: {printable(r.name)}": reference_table(r) for r in self.references},
            **{
                f"{h.of.capitalize()} of a conversation": histogram_table(h)
                for h in self.histograms
            },
            "Sources": Table(["source", "schema"], sources),
        }

    def main_tables(self) -> dict[str, Table]:
        """The tables that a terminal and a notebook show."""
        shown = ["Groups", "Metrics", "Gaps"]
        if self.selected is None:
            shown += ["Clusters", "Near copies"]
        tables = self.tables()
        shown += [title for title in tables if title.startswith("Reference")]
        return {title: tables[title] for title in shown if title in tables}
