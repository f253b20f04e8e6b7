"""Summarize: measure what a pool covers and, with a selection, what is left of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.core.wording import sentence
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.errors import ParameterError
from instructdiv.metrics import (
    Assessment,
    CoverageAt,
    CoverageRadius,
    EffectiveClusters,
    FacilityLocation,
    FiveNumbers,
    MeanNearestSimilarity,
    Metric,
    Nearest,
    RandomBaseline,
    Vendi,
)
from instructdiv.metrics._cluster_spread import clusters_of
from instructdiv.pool import Pool
from instructdiv.pool_input import Target as Aim
from instructdiv.pool_input import as_target, read_together
from instructdiv.report.clusters_and_groups import by_size, cluster_rows, group_rows, heat, spread
from instructdiv.report.conversations import histograms
from instructdiv.report.curve import coverage_curve
from instructdiv.report.examples import Showing
from instructdiv.report.facts import Distances, Gap, Target
from instructdiv.report.gaps import Nearness, gaps
from instructdiv.report.leakage import leak_check
from instructdiv.report.names import Names
from instructdiv.report.notices import cut_share, notices
from instructdiv.report.provenance import provenance
from instructdiv.report.redundancy import find_redundancy
from instructdiv.report.references import hold_against
from instructdiv.report.summary import Summary
from instructdiv.report.summary_facts import Ground
from instructdiv.selection import Selection

Rows = NDArray[np.int64]


def coverage(
    pool: Any,
    selection: Selection | None = None,
    target: Any = None,
    *,
    references: Mapping[str, Any] | None = None,
    metrics: Metric | str | Iterable[Metric | Mapping[str, Any] | str] | None = None,
    clusterer: Clusterer | None = None,
    similarity_threshold: float = 0.95,
    radius: float = 0.3,
    n_draws: int = 64,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> Summary:
    """Measure what a pool covers and, with a selection, what is left of it.

    Parameters
    ----------
    pool
        Everything that could be chosen.
    selection
        What was chosen of it.
    target
        What should be covered, another data set or the prompts of an evaluation, or several
        of them by name; the pool itself if not given.
    references
        Inventories of what data could hold, by name: which of their domains the pool lacks.
    metrics
        What is measured; if not given, the mean nearest similarity, the sum of it, the share
        within `radius`, the radii of all and of 95 %, and the Vendi score; "all": every metric,
        but for those of groups or texts where there are none.
    clusterer
        What finds the clusters; k-means with the square root of n if not given.
    similarity_threshold
        Similarity from which two records are near copies.
    radius
        Distance within which a record counts as covered.
    n_draws
        Size-matched random draws that the selection is compared with.
    reading
        How data that are no pool yet are read and embedded.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords.

    Raises
    ------
    ShapeError
        The selection is empty or not of this pool, the target or a reference has another
        dimension, or a similarity, a radius or the number of draws is out of range.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["a", "a", "a", "b"])
    >>> coverage(pool, Selection(np.array([0, 3]), np.zeros(2))).groups[1].kept
    1
    """
    for name, value, least in (
        ("similarity_threshold", similarity_threshold, -1),
        ("radius", radius, 0),
    ):
        if not least <= value <= least + 2:
            raise ParameterError(f"{name} must lie in {least}..{least + 2}, got {value}")
    reading = Reading.of(reading, **options)
    seed = reading.seed
    pool, target, references = read_together(reading, pool, target=target, reference=references)
    goal = None if target is None else _fitting(target, pool)
    aim = pool if goal is None else goal
    inventories = {
        name: _fitting(reference, pool) for name, reference in (references or {}).items()
    }
    finder = clusterer or KMeans()
    if isinstance(metrics, str) and metrics == "all":
        metrics = _that_fit(pool, aim)
    measures = _measures(metrics, radius, finder)
    baseline = RandomBaseline(pool, goal, n_draws=n_draws, seed=seed)
    assessed, drawn = [], []
    if selection is not None:
        assessed = baseline.assess(measures, selection)
        drawn = list(baseline.rows(len(selection)))
    whole = {one.metric: one.pool_value for one in assessed} or _of_pool(
        measures, pool, aim, seed, asked=metrics is not None
    )
    kept = None if selection is None else selection.indices
    labels = by_size(clusters_of(pool, finder.seeded(seed)))
    kinds = {"cluster": labels}
    if pool.groups is not None:
        kinds = {"group": np.unique(pool.groups, return_inverse=True)[1]} | kinds
    spreads = [spread(kind, found, kept, drawn) for kind, found in kinds.items()]
    assessed = [one for _, found in spreads for one in found] + assessed
    show = Showing(pool, kept)
    names = None if pool.records is None else Names(pool.texts, int(labels.max()) + 1)
    near = _nearness(pool, kept, goal, seed)
    cut = cut_share(pool)
    aimed_at = None if goal is None else _about(goal, pool, kept, similarity_threshold)
    summary = Summary(
        headline=_headline(pool, selection, assessed, aimed_at),
        records=len(pool),
        selected=None if selection is None else len(selection),
        quarantined=0 if pool.records is None else len(pool.records.quarantine),
        schemas={}
        if pool.records is None
        else {n: s.name for n, s in zip(pool.records.sources, pool.schemas, strict=True)},
        notices=tuple(notices(pool, cut)),
        target=aimed_at,
        pool_metrics={name: value for found, _ in spreads for name, value in found.items()} | whole,
        metrics=assessed,
        distances=[
            Distances(
                of=of, to=to, distances=FiveNumbers.of(one.similarity), measured_on=len(one.rows)
            )
            for (of, to), one in near.items()
        ],
        groups=[] if pool.groups is None else group_rows(pool.groups, kept, drawn),
        clusters=cluster_rows(pool, labels, kept, show, names, near.get(("pool", "selection"))),
        heat=None if pool.groups is None else heat(pool.groups, labels, kept),
        gaps=_gaps(near, pool, kept, goal, names, seed),
        redundancy=find_redundancy(pool.space, similarity_threshold, kept, show),
        histograms=[] if pool.records is None else histograms(pool, kept),
        curve=coverage_curve(baseline, selection),
        references=[
            hold_against(name, inventory, pool, kept, radius)
            for name, inventory in inventories.items()
        ],
        provenance=provenance(pool, selection, cut, n_draws, seed),
    )
    return summary.on(Ground(pool, kept, labels))


def _fitting(target: Aim, pool: Pool) -> Pool:
    """A target in any of its forms as a pool, if it fits another."""
    found = as_target(target)
    pool.check_comparable(found)
    return found


def _about(target: Pool, pool: Pool, kept: Rows | None, similarity_threshold: float) -> Target:
    found = leak_check(pool, target, similarity_threshold=max(similarity_threshold, 1e-6))
    return Target(
        name="target" if target.records is None else ", ".join(target.records.sources),
        records=len(target),
        leaked=len(found.target_rows),
        leaking=len(found.rows),
        leaking_selected=None if kept is None else int(np.isin(found.rows, kept).sum()),
        leaks=found.headline,
    )


def _measures(
    metrics: Metric | str | Iterable[Metric | Mapping[str, Any] | str] | None,
    radius: float,
    clusterer: Clusterer,
) -> list[Metric]:
    if isinstance(metrics, str | Mapping | Metric):
        metrics = [metrics]
    if metrics is not None:
        return [Metric.model_validate(one) for one in metrics]
    return [
        EffectiveClusters(clusterer=clusterer),
        MeanNearestSimilarity(),
        FacilityLocation(),
        CoverageAt(radius=radius),
        CoverageRadius(),
        CoverageRadius(share=0.95),
        Vendi(),
    ]


def _that_fit(pool: Pool, aim: Pool) -> list[str]:
    """Names of the metrics that pool and target have everything for."""
    there = {
        "vectors": True,
        "groups": pool.groups is not None and aim.groups is not None,
        "texts": pool.has_texts and aim.has_texts,
    }
    return [name for name, metric in Metric.known().items() if there[metric.looks_at]]


def _of_pool(
    measures: list[Metric], pool: Pool, aim: Pool, seed: int, *, asked: bool
) -> dict[str, float]:
    """The metrics of a whole pool; how near it is to itself is told to those who ask."""
    telling = [m for m in measures if asked or aim is not pool or not isinstance(m, Nearest)]
    return {metric.title: metric.seeded(seed).score(pool, aim) for metric in telling}


def _nearness(
    pool: Pool, kept: Rows | None, target: Pool | None, seed: int
) -> dict[tuple[str, str], Nearness]:
    """How near the pool is to what was chosen, and a target to both; by both of their names."""
    found = {}
    if kept is not None:
        chosen = pool.space.take(np.sort(kept))
        found["pool", "selection"] = Nearness.of(pool.space, chosen, seed)
        if target is not None:
            found["target", "selection"] = Nearness.of(target.space, chosen, seed)
    if target is not None:
        found["target", "pool"] = Nearness.of(target.space, pool.space, seed)
    return found


def _gaps(
    near: dict[tuple[str, str], Nearness],
    pool: Pool,
    kept: Rows | None,
    target: Pool | None,
    names: Names | None,
    seed: int,
) -> list[Gap]:
    """Regions of the pool, and of a target, that lie far from what was chosen."""
    found = []
    if kept is not None:
        found = gaps("pool", pool, near["pool", "selection"], pool, kept, names, seed)
    if target is not None:
        to = near["target", "pool" if kept is None else "selection"]
        words = None if target.records is None else Names(target.texts, len(found) + 1)
        found += gaps("target", target, to, pool, kept, words, seed)
    return found


def _headline(
    pool: Pool, selection: Selection | None, metrics: Sequence[Assessment], target: Target | None
) -> str:
    # What is said of a target must not be read without this.
    leaks = ""
    if target is not None:
        chosen = ""
        if target.leaking and target.leaking_selected is not None:
            chosen = f"; {target.leaking_selected:,} of these records were chosen"
        leaks = f" {sentence(target.leaks + chosen)}"
    if selection is None:
        n_groups = "" if pool.groups is None else f" in {len(np.unique(pool.groups))} groups"
        distinct = pool.space.n_distinct
        return f"{len(pool):,} records{n_groups}, {distinct:,} of them distinct.{leaks}"
    said = {
        "groups_covered": "Groups covered: {:.0f} of {:.0f} (random {:.0f}-{:.0f}).",
        "effective_groups": "Effective number of groups: {:.1f} of {:.1f} (random {:.1f}-{:.1f}).",
        "mean_nearest_similarity": "Mean similarity to the nearest chosen record: {:.3f} "
        "of {:.3f} (random {:.3f}-{:.3f}).",
    }
    measured = " ".join(
        said[m.metric].format(m.value, m.pool_value, m.random_low, m.random_high)
        for m in metrics
        if m.metric in said
    )
    return f"{len(selection):,} of {len(pool):,} records.{leaks} {measured}".rstrip()
