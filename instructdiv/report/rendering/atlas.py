"""Atlas: a pool as files that embedding-atlas, an explorer for the browser, opens."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from instructdiv.core.files import MANIFEST, new_folder
from instructdiv.core.wording import encodable
from instructdiv.report.rendering.projection import Projection, project
from instructdiv.report.summary_facts import Ground, SummaryFacts

_NEIGHBORS = 10
_LABELS = 60


def save_atlas(
    summary: SummaryFacts,
    ground: Ground,
    folder: str | Path,
    projection: Projection,
    *,
    overwrite: bool,
) -> str:
    """Write a pool and the names of its clusters into a new folder; give the command for it.

    A row of `atlas.parquet` holds the id, text, group, cluster and its name of a record, whether it
    was kept, where it lies on the map, and its ten nearest records with their distances.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    pool, n = ground.pool, len(ground.pool)
    points = project(pool.space, projection, summary.provenance.seed).points
    similarity, rows = pool.space.nearest(pool.space, min(n, _NEIGHBORS + 1))
    names = np.array([cluster.name for cluster in summary.clusters])
    columns: dict[str, Any] = {
        "id": [str(i) for i in pool.ids],
        "text": [encodable(text) for text in pool.texts] if pool.has_texts else [""] * n,
        "cluster": ground.clusters,
        "label": names[ground.clusters].tolist(),
        "projection_x": points[:, 0],
        "projection_y": points[:, 1],
        "neighbors": pa.StructArray.from_arrays(
            [pa.array(rows.tolist()), pa.array((1 - similarity).tolist())], ["ids", "distances"]
        ),
    }
    if pool.groups is not None:
        columns["source"] = list(map(encodable, pool.groups.tolist()))
    if ground.kept is not None:
        columns["kept"] = np.isin(np.arange(n), ground.kept)
    largest = summary.clusters[:_LABELS]
    middles = [np.median(points[ground.clusters == c.cluster], axis=0) for c in largest]
    labels: dict[str, Any] = {
        "x": [float(middle[0]) for middle in middles],
        "y": [float(middle[1]) for middle in middles],
        "text": [cluster.name for cluster in largest],
        "level": [0] * len(largest),
        "priority": [cluster.records for cluster in largest],
    }
    folder = Path(folder)
    with new_folder(folder, overwrite) as draft:
        pq.write_table(pa.table(columns), draft / "atlas.parquet")
        pq.write_table(pa.table(labels), draft / "labels.parquet")
        made_by = {"atlas": json.loads(summary.provenance.model_dump_json()), "mix": []}
        (draft / MANIFEST).write_text(json.dumps(made_by, indent=1) + "\n", encoding="utf-8")
    return shlex.join(
        [
            *("embedding-atlas", str(folder / "atlas.parquet"), "--text", "text"),
            *("--x", "projection_x", "--y", "projection_y", "--neighbors", "neighbors"),
            *("--labels", str(folder / "labels.parquet")),
        ]
    )
