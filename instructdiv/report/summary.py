"""Summary: the numbers of a coverage report, as data, JSON and Markdown."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.errors import InputError, ShapeError
from instructdiv.files import write_text
from instructdiv.metrics import (
    Assessment,
    CoverageRadius,
    FacilityLocation,
    MeanNearestSimilarity,
    Metric,
    Vendi,
)
from instructdiv.metrics.base import assess
from instructdiv.metrics.effective_clusters import effective_number
from instructdiv.pool import Pool, as_space
from instructdiv.selection import Selection
from instructdiv.space import Space

_EXAMPLE = 100


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GroupRow(_Frozen):
    """One known group, before and after."""

    group: str
    """Name of the group."""

    records: int
    """Records of the pool in it."""

    share: float
    """Share of the pool."""

    kept: int | None = None
    """Records that were chosen."""

    kept_share: float | None = None
    """Share of the selection."""

    random_low: float | None = None
    """Records that size-matched random draws give: the 5th percentile."""

    random_high: float | None = None
    """Records that size-matched random draws give: the 95th percentile."""


class ClusterRow(_Frozen):
    """One cluster of the pool, before and after."""

    cluster: int
    """Number of the cluster, the largest first."""

    records: int
    """Records of the pool in it."""

    share: float
    """Share of the pool."""

    example: str
    """Start of the text of the record nearest to its middle; empty for vectors alone."""

    kept: int | None = None
    """Records that were chosen."""

    kept_share: float | None = None
    """Share of the selection."""


class Summary(_Frozen):
    """What a pool covers and, with a selection, what is left of it beside random draws."""

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

    pool_metrics: dict[str, float]
    """Metrics of the whole pool against the target; groups and clusters are the pool's own."""

    metrics: list[Assessment]
    """Metrics of the selection, each beside its random band."""

    groups: list[GroupRow]
    """Known groups, the largest first."""

    clusters: list[ClusterRow]
    """Clusters, the largest first."""

    def to_json(self) -> str:
        """The summary as one JSON object."""
        return self.model_dump_json(indent=2)

    def to_markdown(self) -> str:
        """The summary as Markdown: a headline and tables."""
        blocks = ["# Coverage report", _escaped(self.headline)]
        if self.metrics:
            blocks.append("## Metrics")
            blocks.append(_table(*self.metric_table()))
        elif self.pool_metrics:
            blocks.append("## Metrics")
            rows = ([name, _number(value)] for name, value in self.pool_metrics.items())
            blocks.append(_table(["metric", "pool"], rows))
        if self.groups:
            blocks += ["## Groups", _table(*self.group_table())]
        if self.clusters:
            blocks += ["## Clusters", _table(*self.cluster_table())]
        if self.schemas:
            blocks += [
                "## Sources",
                _table(["source", "schema"], ([k, v] for k, v in self.schemas.items())),
            ]
        return "\n\n".join(blocks) + "\n"

    def metric_table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the metrics, as text."""
        header = ["metric", "better", "selection", "random 5-95 %", "pool", "verdict"]
        return header, [
            [
                m.metric,
                "higher" if m.higher_is_better else "lower",
                _number(m.value),
                f"{_number(m.random_low)} - {_number(m.random_high)}",
                _number(m.pool_value),
                m.verdict,
            ]
            for m in self.metrics
        ]

    def group_table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the groups, as text."""
        if self.selected is None:
            return ["group", "records", "share"], [
                [_printable(g.group), f"{g.records:,}", f"{g.share:.1%}"] for g in self.groups
            ]
        header = ["group", "before", "", "after", "", "random 5-95 %"]
        return header, [
            [
                _printable(g.group),
                f"{g.records:,}",
                f"{g.share:.1%}",
                f"{g.kept:,}",
                f"{g.kept_share:.1%}",
                f"{g.random_low:.0f} - {g.random_high:.0f}",
            ]
            for g in self.groups
        ]

    def cluster_table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the clusters, as text."""
        header = ["cluster", "before", *([] if self.selected is None else ["after"]), "example"]
        return header, [
            [
                str(c.cluster),
                f"{c.records:,}",
                *([] if c.kept is None else [f"{c.kept:,}"]),
                c.example,
            ]
            for c in self.clusters
        ]

    def save(self, path: str | Path) -> Path:
        """Write the summary; the ending says how: .json or .md.

        Raises
        ------
        InputError
            The ending is another.
        OutputError
            The file cannot be written.
        """
        write = {".json": self.to_json, ".md": self.to_markdown}.get(Path(path).suffix.lower())
        if write is None:
            raise InputError(f"a summary is written as .json or .md, not as {str(path)!r}")
        return write_text(path, write().rstrip("\n") + "\n")


def coverage(
    pool: Pool,
    selection: Selection | None = None,
    target: Pool | Space | ArrayLike | None = None,
    *,
    clusterer: Clusterer | None = None,
    draws: int = 32,
    seed: int = 0,
) -> Summary:
    """Measure what a pool covers and, with a selection, what is left of it.

    Parameters
    ----------
    pool
        Everything that could be chosen.
    selection
        What was chosen of it.
    target
        What should be covered; the pool itself if not given.
    clusterer
        What finds the clusters; k-means with the square root of n if not given.
    draws
        Size-matched random draws that the selection is compared with.
    seed
        Seed of the draws and of the clusters.

    Raises
    ------
    ShapeError
        The selection is empty or not of this pool, or the target has another dimension.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["a", "a", "a", "b"])
    >>> coverage(pool, Selection(np.array([0, 3]), np.zeros(2))).groups[1].kept
    1
    """
    clusterer = (clusterer or KMeans()).seeded(seed)
    space = as_space(target, pool.space)
    if space.dimension != pool.space.dimension:
        raise ShapeError(
            f"a target of {space.dimension} dimensions does not fit a pool of "
            f"{pool.space.dimension}"
        )
    metrics: list[Metric] = [
        MeanNearestSimilarity(),
        FacilityLocation(),
        CoverageRadius(),
        CoverageRadius(share=0.95),
        Vendi(),
    ]
    if selection is None:
        assessed = []
        whole = {_name(metric): metric.score(pool.space, space) for metric in metrics}
    else:
        assessed = assess(metrics, selection, pool, target=space, draws=draws, seed=seed)
        assessed = [
            assessment.model_copy(update={"metric": _name(metric)})
            for metric, assessment in zip(metrics, assessed, strict=True)
        ]
        whole = {assessment.metric: assessment.pool_value for assessment in assessed}
    kept = None if selection is None else selection.indices
    clusters = clusterer.cluster(pool.space, pool.groups)
    groups: list[GroupRow] = []
    spread = [("cluster", clusters)]
    if pool.groups is not None:
        names, labels = np.unique(pool.groups, return_inverse=True)
        spread.insert(0, ("group", labels))
        groups = _groups(names, labels, kept, draws, seed)
    for kind, labels in reversed(spread):
        before = np.bincount(labels)
        measures = {f"{kind}s_touched": _n_touched, f"effective_{kind}s": effective_number}
        whole = {name: measure(before) for name, measure in measures.items()} | whole
        if kept is not None:
            random = _random_counts(before, len(kept), draws, seed)
            assessed = [
                Assessment.of(
                    name,
                    measure(np.bincount(labels[kept])),
                    measure(before),
                    np.array([measure(counts) for counts in random]),
                    higher_is_better=True,
                    measured_on=len(pool),
                )
                for name, measure in measures.items()
            ] + assessed
    records = pool.records
    return Summary(
        headline=_headline(pool, selection, assessed),
        records=len(pool),
        selected=None if selection is None else len(selection),
        quarantined=0 if records is None else len(records.quarantine),
        schemas={}
        if records is None
        else {n: s.name for n, s in zip(records.sources, pool.schemas, strict=True)},
        pool_metrics=whole,
        metrics=assessed,
        groups=groups,
        clusters=_clusters(pool, clusters, kept),
    )


def _name(metric: Metric) -> str:
    share = getattr(metric, "share", 1)
    return metric.name if share == 1 else f"{metric.name}_{share * 100:.0f}"


def _headline(pool: Pool, selection: Selection | None, metrics: Sequence[Assessment]) -> str:
    if selection is None:
        n_groups = "" if pool.groups is None else f" in {len(np.unique(pool.groups))} groups"
        return f"{len(pool):,} records{n_groups}, {pool.space.n_distinct:,} of them distinct."
    said = {
        "groups_touched": "Groups touched: {:.0f} of {:.0f} (random {:.0f}-{:.0f}).",
        "effective_groups": "Effective number of groups: {:.1f} of {:.1f} (random {:.1f}-{:.1f}).",
        "mean_nearest_similarity": "Mean similarity to the nearest chosen record: {:.3f} "
        "of {:.3f} (random {:.3f}-{:.3f}).",
    }
    return f"{len(selection):,} of {len(pool):,} records. " + " ".join(
        said[m.metric].format(m.value, m.pool_value, m.random_low, m.random_high)
        for m in metrics
        if m.metric in said
    )


def _random_counts(
    sizes: NDArray[np.int64], n_drawn: int, draws: int, seed: int
) -> NDArray[np.int64]:
    """How many of each label size-matched random draws give, (draws, labels)."""
    # Draws without replacement follow this law; no rows need to be drawn.
    counts: NDArray[np.int64] = np.random.default_rng(seed).multivariate_hypergeometric(
        sizes, n_drawn, size=draws, method="marginals"
    )
    return counts


def _groups(
    names: NDArray[np.str_],
    labels: NDArray[np.int64],
    kept: NDArray[np.int64] | None,
    draws: int,
    seed: int,
) -> list[GroupRow]:
    before = np.bincount(labels)
    rows = [
        GroupRow(group=str(names[g]), records=before[g], share=before[g] / len(labels))
        for g in np.argsort(-before, kind="stable")
    ]
    if kept is None:
        return rows
    number = {str(name): g for g, name in enumerate(names)}
    after = np.bincount(labels[kept], minlength=len(names))
    low, high = np.percentile(_random_counts(before, len(kept), draws, seed), [5, 95], axis=0)
    return [
        row.model_copy(
            update={
                "kept": int(after[g]),
                "kept_share": float(after[g] / len(kept)),
                "random_low": float(low[g]),
                "random_high": float(high[g]),
            }
        )
        for row in rows
        for g in [number[row.group]]
    ]


def _n_touched(counts: ArrayLike) -> float:
    return float(np.count_nonzero(counts))


def _clusters(
    pool: Pool, labels: NDArray[np.int64], kept: NDArray[np.int64] | None
) -> list[ClusterRow]:
    before = np.bincount(labels)
    after = None if kept is None else np.bincount(labels[kept], minlength=len(before))
    rows = []
    for number, cluster in enumerate(np.argsort(-before, kind="stable")):
        members = np.flatnonzero(labels == cluster)
        vectors = pool.space.vectors[members]
        middle = int(members[(vectors @ vectors.mean(axis=0)).argmax()])
        rows.append(
            ClusterRow(
                cluster=number,
                records=before[cluster],
                share=before[cluster] / len(labels),
                example="" if pool.records is None else _start(pool.text(middle)),
                kept=None if after is None else after[cluster],
                kept_share=None if after is None else after[cluster] / after.sum(),
            )
        )
    return rows


def _start(text: str) -> str:
    line = _printable(text[: 4 * _EXAMPLE])
    return line if len(line) <= _EXAMPLE else line[: _EXAMPLE - 1] + "\u2026"


def _printable(text: str) -> str:
    """One line of what prints: the rest could steer a terminal, or break a table."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _number(value: float) -> str:
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)
