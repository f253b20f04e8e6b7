"""SummaryFacts: the numbers of a coverage report and their tables."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

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
from instructdiv.results import EACH, Pairs, Result, Table


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

    schemas: Annotated[dict[str, str], Pairs("source", "schema")] = Field(title="sources")
    """Layout of each source."""

    notices: tuple[str, ...] = ()
    """What to know of the data before the numbers: what was left out, what all records share,
    what was not seen of long texts."""

    target: Target | None = None
    """What had to be covered, where it is not the pool itself."""

    pool_metrics: Annotated[dict[str, float], Pairs("metric", "pool")] = Field(title="metrics")
    """Metrics of the whole pool against the target; groups and clusters are the pool's own."""

    metrics: list[Assessment]
    """Metrics of the selection, each beside its random band."""

    distances: list[Distances] = Field(title="distance to the nearest")
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

    histograms: Annotated[list[Histogram], EACH]
    """Lengths and turns of the conversations, if records were read."""

    curve: Curve
    """Coverage over budgets."""

    references: Annotated[list[Reference], EACH]
    """Inventories that the data was held against."""

    provenance: Provenance
    """What the report was made from and by."""

    def main_tables(self) -> dict[str, Table]:
        """The tables that a terminal and a notebook show."""
        shown = ["Groups", "Metrics", "Gaps"]
        if self.selected is None:
            shown += ["Clusters", "Near copies"]
        tables = self.tables()
        shown += [title for title in tables if title.startswith("Reference")]
        return {title: tables[title] for title in shown if title in tables}
