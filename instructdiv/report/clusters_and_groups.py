"""Clusters and groups: how each cluster and known group of a pool is covered, before and after."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.core.threads import products
from instructdiv.core.wording import start_of
from instructdiv.metrics import Assessment
from instructdiv.metrics.effective_clusters import effective_number
from instructdiv.pool import Pool
from instructdiv.report.examples import Showing
from instructdiv.report.facts import ClusterRow, GroupRow, Heat
from instructdiv.report.gaps import Nearness
from instructdiv.report.names import Names

Rows = NDArray[np.int64]

_EXAMPLES = 3
_HOT_GROUPS, _HOT_CLUSTERS = 20, 24
OTHER = "(other)"


def by_size(labels: Rows) -> Rows:
    """Labels (n,) numbered anew, the largest first."""
    sizes = np.bincount(labels)
    rank = np.empty(len(sizes), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[labels]


def cluster_rows(
    pool: Pool,
    labels: Rows,
    kept: Rows | None,
    show: Showing,
    names: Names | None,
    near: Nearness | None,
) -> list[ClusterRow]:
    """Clusters (n,), the largest first, with words and examples; `near` is to what was kept."""
    before = np.bincount(labels)
    after = None if kept is None else np.bincount(labels[kept], minlength=len(before))
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(before)[:-1])
    lacking = {} if kept is None or near is None else _far_from_kept(labels, kept, near)
    rows = []
    for cluster, inside in enumerate(members):
        vectors = pool.space.vectors[inside]
        nearness = products(vectors, vectors.mean(axis=0, keepdims=True))[:, 0]
        middle = inside[np.argsort(-nearness, kind="stable")]
        examples = middle[:_EXAMPLES]
        if kept is not None:
            examples = kept[labels[kept] == cluster][:_EXAMPLES]
        rows.append(
            ClusterRow(
                cluster=cluster,
                name=(names.of(inside) if names else "") or f"cluster {cluster}",
                records=before[cluster],
                share=before[cluster] / len(labels),
                example="" if pool.records is None else start_of(pool.text(int(middle[0]))),
                kept=None if after is None else after[cluster],
                kept_share=None if after is None else after[cluster] / after.sum(),
                kept_examples=show.all(examples),
                dropped_examples=[show(*pair) for pair in lacking.get(cluster, [])],
            )
        )
    return rows


def _far_from_kept(labels: Rows, kept: Rows, near: Nearness) -> dict[int, list[tuple[int, float]]]:
    """For each cluster the rows that were not chosen with the least similar chosen one."""
    farthest: dict[int, list[tuple[int, float]]] = {}
    order = np.argsort(near.similarity, kind="stable")
    order = order[~np.isin(near.rows[order], kept)]
    for row, similarity in zip(
        near.rows[order].tolist(), near.similarity[order].tolist(), strict=True
    ):
        found = farthest.setdefault(int(labels[row]), [])
        if len(found) < _EXAMPLES:
            found.append((row, similarity))
    return farthest


def group_rows(
    groups: NDArray[np.str_], kept: Rows | None, drawn: Iterable[Rows]
) -> list[GroupRow]:
    """Known groups (n,), the largest first, beside the rows of random draws."""
    names, labels = np.unique(groups, return_inverse=True)
    before = np.bincount(labels)
    if kept is not None:
        after = np.bincount(labels[kept], minlength=len(names))
        low, high = np.percentile(counts_of(labels, drawn), [5, 95], axis=0)
    return [
        GroupRow(group=str(names[g]), records=before[g], share=before[g] / len(labels))
        if kept is None
        else GroupRow(
            group=str(names[g]),
            records=before[g],
            share=before[g] / len(labels),
            kept=after[g],
            kept_share=after[g] / len(kept),
            random_low=low[g],
            random_high=high[g],
        )
        for g in np.argsort(-before, kind="stable")
    ]


SPREAD: dict[str, Callable[[ArrayLike], float]] = {
    "{}s_covered": lambda counts: float(np.count_nonzero(counts)),
    "effective_{}s": effective_number,
}
"""What is told of how many records have each label: labels that have one, and the effective
number of labels."""


def counts_of(labels: Rows, choices: Iterable[Rows]) -> Rows:
    """Records of each label 0..g-1 in each of several choices of rows, (choices, g) int64."""
    n_labels = int(labels.max()) + 1
    return np.array([np.bincount(labels[rows], minlength=n_labels) for rows in choices])


def spread(
    kind: str, labels: Rows, kept: Rows | None, drawn: Iterable[Rows]
) -> tuple[dict[str, float], list[Assessment]]:
    """How many labels are covered and how evenly: by the pool, and by what was chosen of it.

    Parameters
    ----------
    kind
        What the labels are, such as group: the names of the numbers begin with it.
    labels
        (n,) number of the label of each row, 0 and on.
    kept
        Rows that were chosen, if there is a selection.
    drawn
        Rows of each random draw under the same budget.
    """
    # How evenly clusters are covered is a metric, which counts by the clusters of the target.
    told = SPREAD if kind != "cluster" else {"{}s_covered": SPREAD["{}s_covered"]}
    measures = {name.format(kind): measure for name, measure in told.items()}
    before = np.bincount(labels)
    whole = {name: measure(before) for name, measure in measures.items()}
    if kept is None:
        return whole, []
    counts, random = np.bincount(labels[kept], minlength=len(before)), counts_of(labels, drawn)
    return whole, [
        Assessment.of(
            name,
            measure(counts),
            whole[name],
            np.array([measure(one) for one in random]),
            higher_is_better=True,
            measured_on=len(labels),
        )
        for name, measure in measures.items()
    ]


def heat(groups: NDArray[np.str_], labels: Rows, kept: Rows | None) -> Heat:
    """Records of each known group in each cluster, of the largest of both."""
    names, numbers = np.unique(groups, return_inverse=True)
    order = np.argsort(-np.bincount(numbers), kind="stable")
    row_of = np.full(len(names), _HOT_GROUPS)
    row_of[order[:_HOT_GROUPS]] = np.arange(len(order[:_HOT_GROUPS]))
    rows, columns = row_of[numbers], np.minimum(labels, _HOT_CLUSTERS)
    n_clusters = int(labels.max()) + 1
    shown_rows = sorted(set(rows.tolist()))
    shown_columns = list(range(min(n_clusters, _HOT_CLUSTERS + 1)))

    def counted(of: Rows | slice) -> list[list[int]]:
        table = np.zeros((_HOT_GROUPS + 1, _HOT_CLUSTERS + 1), np.int64)
        np.add.at(table, (rows[of], columns[of]), 1)
        found: list[list[int]] = table[np.ix_(shown_rows, shown_columns)].tolist()
        return found

    return Heat(
        groups=[OTHER if row == _HOT_GROUPS else str(names[order[row]]) for row in shown_rows],
        clusters=[-1 if column == _HOT_CLUSTERS else column for column in shown_columns],
        before=counted(slice(None)),
        after=None if kept is None else counted(kept),
    )
