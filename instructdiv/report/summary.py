"""Summary: the numbers of a coverage report, as data, JSON, Markdown and a page."""

import html
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from instructdiv.core.wording import printable
from instructdiv.errors import InputError
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
from instructdiv.report.rendering.projection import Projection
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


class Summary(Result):
    """What a pool covers and, with a selection, what is left of it beside random draws."""

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

    def to_html(self, projection: Projection = "auto") -> str:
        """The summary as one page that needs nothing else: see :meth:`save`."""
        from instructdiv.report.rendering.page import page

        return page(self, self._ground, projection)

    def _repr_html_(self) -> str:
        framed = html.escape(self.to_html(), quote=True)
        return (
            f'<iframe title="Coverage report" srcdoc="{framed}" '
            'style="width: 100%; height: 800px; border: 0"></iframe>'
        )

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
        from instructdiv.report.rendering.atlas import save_atlas

        if self._ground is None:
            raise InputError("an atlas is made from the pool; this summary was read without it")
        return save_atlas(self, self._ground, folder, projection, overwrite=overwrite)
