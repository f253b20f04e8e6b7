"""Pool map: where each record of a pool lies, with its cluster and the start of its text."""

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.wording import start_of
from instructdiv.pool import Pool
from instructdiv.report.facts import ClusterRow
from instructdiv.report.rendering.chart import called
from instructdiv.report.rendering.projection import Projection, drawn, project
from instructdiv.report.summary_facts import Ground, SummaryFacts

_COLORED = 10
# All hover texts together, compressed and in base64, in bytes: longer ones are cut shorter.
_MOST_TEXT = 8_000_000
_LENGTHS = (120, 90, 60, 40, 20)


@dataclass(frozen=True)
class PoolMap:
    """The map of a pool, as the page embeds it."""

    data: dict[str, Any]
    """Where each record that is drawn lies, with its cluster, and whether it was chosen."""

    texts: str
    """Starts of the texts, as gzip in base64; empty for vectors alone."""

    method: str
    """How it was laid out."""

    says: str
    """What it shows, in words."""

    legend: list[ClusterRow]
    """The clusters that have a color."""


def pool_map(summary: SummaryFacts, ground: Ground, projection: Projection) -> PoolMap:
    """Lay out the pool behind a summary."""
    pool, clusters = ground.pool, ground.clusters
    rows = drawn(clusters, ground.kept, seed=summary.provenance.seed)
    space = pool.space if len(rows) == len(pool) else pool.space.take(rows)
    laid_out = project(space, projection, summary.provenance.seed)
    legend = summary.clusters[:_COLORED]
    data: dict[str, Any] = {
        "x": _array(laid_out.points[:, 0], "<f4"),
        "y": _array(laid_out.points[:, 1], "<f4"),
        "cluster": _array(clusters[rows], "<i4"),
        "names": {c.cluster: called(c) for c in summary.clusters},
        "colored": [c.cluster for c in legend],
    }
    says = f"Each point is a record; near points hold similar records. Layout: {laid_out.method}."
    if len(rows) < len(pool):
        data["rows"] = _array(rows, "<i4")
        says += f" {len(rows):,} of the {len(pool):,} records are drawn"
        says += (
            ": a random sample with the same share of every cluster."
            if ground.kept is None
            else f", {np.isin(rows, ground.kept).sum():,} of the {len(ground.kept):,} chosen and a "
            "random sample of the others, each with the same share of every cluster."
        )
    if ground.kept is not None:
        data["kept"] = _array(np.isin(rows, ground.kept), "u1")
        says += " “Before” shows all records, “After” the chosen ones over the others in gray."
    return PoolMap(data, _texts(pool, rows), laid_out.method, says, legend)


def _array(values: NDArray[Any], dtype: str) -> dict[str, str]:
    """Numbers as the page decodes them, in the form that plotly writes."""
    raw = np.ascontiguousarray(values, np.dtype(dtype)).tobytes()
    return {"dtype": dtype.lstrip("<"), "bdata": base64.b64encode(raw).decode("ascii")}


def _texts(pool: Pool, rows: NDArray[np.int64]) -> str:
    """The start of each text, as JSON in gzip in base64."""
    if not pool.has_texts:
        return ""
    starts = [pool.text(row) for row in rows.tolist()]
    for longest in _LENGTHS:
        starts = [start_of(text, longest) for text in starts]
        raw = json.dumps(starts, ensure_ascii=False, separators=(",", ":")).encode()
        packed = base64.b64encode(gzip.compress(raw, 6, mtime=0)).decode("ascii")
        if len(packed) <= _MOST_TEXT:
            return packed
    return ""
