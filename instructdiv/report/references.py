"""References: inventories of what data could hold, held against what it does."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.pool import Pool
from instructdiv.report.clusters_and_groups import by_size
from instructdiv.report.examples import Showing
from instructdiv.report.facts import Reference, ReferenceRow
from instructdiv.report.names import Names

_MISSING = 3


def hold_against(
    name: str, reference: Pool, pool: Pool, kept: NDArray[np.int64] | None, radius: float
) -> Reference:
    """How far a pool, and what was chosen of it, covers each domain of a reference.

    The domains are the known groups of the reference, or its clusters where it has none.
    """
    nearest = pool.space.nearest_similarity(reference.space)
    kept_nearest = None
    if kept is not None:
        kept_nearest = pool.space.take(np.sort(kept)).nearest_similarity(reference.space)
    domains, labels = _domains(reference)
    show = Showing(reference)
    rows = []
    for label, domain in enumerate(domains):
        inside = np.flatnonzero(labels == label)
        similarity = nearest[inside]
        farthest = np.argsort(similarity, kind="stable")[:_MISSING]
        farthest = farthest[similarity[farthest] < 1 - radius]
        then = None if kept_nearest is None else kept_nearest[inside]
        rows.append(
            ReferenceRow(
                domain=domain,
                records=len(inside),
                covered=float((similarity >= 1 - radius).mean()),
                similarity=float(similarity.mean()),
                kept_covered=None if then is None else float((then >= 1 - radius).mean()),
                kept_similarity=None if then is None else float(then.mean()),
                missing=show.all(inside[farthest], similarity[farthest].tolist()),
            )
        )
    rows.sort(key=lambda row: (row.covered, row.similarity))
    return Reference(name=name, records=len(reference), radius=radius, domains=rows)


def _domains(reference: Pool) -> tuple[list[str], NDArray[np.int64]]:
    if reference.groups is not None:
        names, labels = np.unique(reference.groups, return_inverse=True)
        return list(map(str, names)), labels
    labels = by_size(reference.clusters)
    n_clusters = int(labels.max()) + 1
    names_of = None if reference.records is None else Names(reference.texts, n_clusters)
    return [
        (names_of.of(np.flatnonzero(labels == label)) if names_of else "") or f"cluster {label}"
        for label in range(n_clusters)
    ], labels
