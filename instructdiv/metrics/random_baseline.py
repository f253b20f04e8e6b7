"""RandomBaseline: random draws under a budget, and a metric of a selection beside them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.allowance import Allowance
from instructdiv.core.threads import products
from instructdiv.errors import ShapeError
from instructdiv.metrics._base import Metric, Score
from instructdiv.metrics._cluster_spread import ClusterSpread
from instructdiv.metrics._nearest import Nearest
from instructdiv.metrics.assessment import Assessment
from instructdiv.pool import Pool
from instructdiv.pool_input import Target, as_target
from instructdiv.selection import Selection

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Values = NDArray[np.float64]

# A band measures each draw against each target row: above this many it is taken on a sample.
SAMPLE = 20_000
# Products of components that may be spent on it, about 6 seconds of two cores.
_WORK = 1.5e11
_LEAST = 1000
# Share of the target rows whose list may hold no row of a draw.
_MISSED = 1e-3
_LONGEST = 2**25
_FIRST_LOOK = 2
# Listed rows of a draw, on average, below which a draw is compared instead.
_RARE = 4


class RandomBaseline:
    """Random draws from a pool, and what metrics give of them.

    Every band of a report comes from here: the draws of a budget are the same for every
    metric, and those of fewer records are the start of those of more. Where pool and target
    are large, metrics of vectors look at a random sample of the target, of 1,000 to 20,000
    rows; groups and texts are those of all rows.

    Parameters
    ----------
    pool
        What is drawn from.
    target
        What should be covered; the pool itself if not given.
    n_draws
        Number of random draws.
    seed
        Seed of the draws, of the sample, and of metrics that have none of their own.

    Raises
    ------
    ShapeError
        There is not one draw, or pool and target cannot be compared.

    Examples
    --------
    >>> from instructdiv.metrics import CoverageRadius
    >>> from instructdiv.selectors import KCenter
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]])
    >>> baseline = RandomBaseline(pool, n_draws=8)
    >>> [set(few) <= set(more) for few, more in zip(baseline.rows(1), baseline.rows(2))][:2]
    [True, True]
    >>> found = baseline.assess([CoverageRadius()], KCenter().select(pool, 3))
    >>> found[0].metric, round(found[0].value, 3), found[0].verdict
    ('coverage_radius', 0.006, 'like random')
    """

    def __init__(
        self, pool: Pool, target: Target | None = None, *, n_draws: int = 64, seed: int = 0
    ) -> None:
        if n_draws < 1:
            raise ShapeError(f"a random band needs at least 1 draw, got {n_draws}")
        whole = pool if target is None or target is pool.space else as_target(target)
        # Another target is compared with the whole pool: of a large one, as many rows as take
        # seconds, whatever the size of a draw, so that all budgets have the same sample.
        work = max(1, len(pool) * pool.space.n_dimensions)
        sample = sampled(whole, min(SAMPLE, max(_LEAST, int(_WORK / work))), seed)
        self.pool, self.target, self.n_draws, self.seed = pool, sample, n_draws, seed
        self._whole_target = whole
        self._measures: dict[str, _Measure] = {}
        self._of_pool: dict[str, float] = {}

    def assess(
        self, metrics: Sequence[Metric], selection: Selection, drawn: Values | None = None
    ) -> list[Assessment]:
        """Measure a selection by several metrics, each beside the draws.

        Parameters
        ----------
        metrics
            What is measured.
        selection
            What was chosen of the pool.
        drawn
            (n_draws, m) float64, values of the draws by :meth:`values`; those of draws of as
            many records if not given.

        Raises
        ------
        ShapeError
            The selection is empty or not of this pool, the target has another dimension, or
            groups that a metric looks at are missing.
        InputError
            Texts that a metric looks at are missing.
        """
        rows = selection.indices
        if not 1 <= len(rows) <= len(self.pool) or rows.max() >= len(self.pool):
            raise ShapeError("the selection is empty, or not of this pool")
        measures = self._checked(metrics)
        if drawn is None:
            drawn = self.values(metrics, self.rows(len(rows)))
        chosen, n_target = self._subset(np.sort(rows)), len(self._whole_target)
        return [
            Assessment.of(
                metric.title,
                one.score(chosen),
                self.of_pool(metric),
                drawn[:, i],
                higher_is_better=metric.higher_is_better,
                measured_on=len(one.target),
                standard_error=one.metric.standard_error(chosen, one.target, n_target),
            )
            for i, (metric, one) in enumerate(zip(metrics, measures, strict=True))
        ]

    def check(self, metrics: Sequence[Metric]) -> None:
        """Raise what :meth:`assess` raises of the metrics, without measuring."""
        for metric in metrics:
            metric.check(self.pool, self._whole_target)

    def rows(self, budget: int | Allowance) -> Iterator[Rows]:
        """Rows of each draw under a budget, ascending (m,) int64.

        Parameters
        ----------
        budget
            A number of records, or an allowance: then each draw takes rows in random order
            as long as they fit.

        Raises
        ------
        ShapeError
            The pool has fewer rows, or none are asked for.
        """
        if isinstance(budget, int | np.integer):
            if not 1 <= budget <= len(self.pool):
                raise ShapeError(
                    f"the size of a draw must lie in 1..{len(self.pool)}, got {budget}"
                )
            return (np.sort(order[:budget]) for order in self._orders())
        return (np.sort(budget.fill(order)) for order in self._orders())

    def values(self, metrics: Sequence[Metric], draws: Iterable[Rows]) -> Values:
        """Each metric (m) of each of some draws, (draws, m) float64."""
        measures = self._checked(metrics)
        near = [isinstance(metric, Nearest) for metric in metrics]
        by_rows = all(isinstance(metric, Nearest | ClusterSpread) for metric in metrics)
        # What is counted of all texts of the pool need not be counted of each draw.
        for metric, of_nearest in zip(metrics, near, strict=True):
            if not of_nearest:
                self.of_pool(metric)
        found = []
        for rows in draws:
            similarity = self._nearest(rows) if any(near) else None
            subset = None if by_rows else self._subset(rows)
            found.append([one.of_draw(rows, subset, similarity) for one in measures])
        return np.array(found, np.float64)

    def values_by_size(self, metric: Nearest, sizes: Sequence[int]) -> Values:
        """A metric of each draw of several ascending numbers of records, (draws, sizes) float64.

        As :meth:`values` gives it of each number of records, to rounding.
        """
        (one,) = self._checked([metric])
        return np.array(
            [
                [one.of_draw(rows, None, near) for rows, near in self._nested(order, sizes)]
                for order in self._orders()
            ]
        )

    def of_pool(self, metric: Metric) -> float:
        """A metric of the whole pool."""
        name = metric.title
        if name not in self._of_pool:
            (one,) = self._checked([metric])
            similarity = self._pool_similarity if isinstance(metric, Nearest) else None
            rows = np.arange(len(self.pool))
            self._of_pool[name] = one.of_draw(rows, self.pool, similarity)
        return self._of_pool[name]

    def nearest_similarity(self, size: int) -> Floats:
        """How near the nearest row of each draw is to each target row, (draws, t) float32.

        Equal to ``Space.nearest_similarity`` of the rows of each draw, to rounding.
        """
        return np.array([self._nearest(rows) for rows in self.rows(size)])

    def _checked(self, metrics: Sequence[Metric]) -> list["_Measure"]:
        """The metrics, seeded and ready to measure."""
        for metric in metrics:
            if metric.title not in self._measures:
                self.check([metric])
                # A sample would lack rare groups, and counting all of them costs nothing.
                of_vectors = metric.looks_at == "vectors"
                target = self.target if of_vectors else self._whole_target
                seeded = metric.seeded(self.seed)
                score = seeded.against(target)
                clusters = None
                if isinstance(seeded, ClusterSpread):
                    clusters = seeded.clusters(self.pool, target)
                self._measures[metric.title] = _Measure(seeded, target, score, clusters)
        return [self._measures[metric.title] for metric in metrics]

    def _orders(self) -> Iterator[Rows]:
        """A permutation of the rows for each draw, (n,) int64."""
        for draw in range(self.n_draws):
            # A draw 0 would be the choice of the selector Random of the same seed.
            yield np.random.default_rng([self.seed, 1 + draw]).permutation(len(self.pool))

    def _subset(self, rows: Rows) -> Pool:
        return self.pool if len(rows) == len(self.pool) else self.pool.take(rows)

    def _nearest(self, rows: Rows) -> Floats:
        """How near the nearest of some rows is to each target row, (t,) float32.

        Either the rows are compared with the target, O(m * t * d), or each target row looks
        up the first of them in the list of its nearest pool rows, which takes O(n * t * d)
        once for all draws; whichever is less.
        """
        if len(rows) == len(self.pool):
            return self._pool_similarity
        if "_lists" in self.__dict__ or len(rows) * self.n_draws > len(self.pool):
            return self._look_up(rows)
        return self.pool.space.take(rows).nearest_similarity(self.target.space)

    @property
    def _pool_similarity(self) -> Floats:
        """How near the nearest row of the whole pool is to each target row, (t,) float32."""
        if "_lists" in self.__dict__:
            return self._lists[0][:, 0]
        return self.pool.space.nearest_similarity(self.target.space)

    @cached_property
    def _distinct(self) -> tuple[Rows, Rows]:
        """First row of each distinct vector (u,), and which of them each row has (n,)."""
        firsts, number_of = np.unique(self.pool.space.first_copies, return_inverse=True)
        return firsts, number_of

    @cached_property
    def _lists(self) -> tuple[Floats, NDArray[np.int32]]:
        """The distinct vectors nearest to each target row and their similarity, (t, k) each.

        Long enough for the smallest draws that are looked up, so that they are made once.
        """
        firsts, _ = self._distinct
        n = len(firsts)
        wanted = (
            math.ceil(math.log(_MISSED) / math.log1p(-1 / self.n_draws)) if self.n_draws > 1 else n
        )
        length = max(1, min(n, wanted, _LONGEST // len(self.target)))
        similarities, numbers = self.pool.space.take(firsts).nearest(self.target.space, length)
        return similarities, numbers.astype(np.int32)

    def _look_up(self, drawn: Rows) -> Floats:
        similarities, numbers = self._lists
        firsts, number_of = self._distinct
        member = np.zeros(len(firsts), np.bool_)
        member[number_of[drawn]] = True
        found = np.empty(len(self.target), np.float32)
        pending = np.arange(len(self.target))
        start, width = 0, _FIRST_LOOK * math.ceil(len(self.pool) / len(drawn))
        while len(pending) and start < numbers.shape[1]:
            here = member[numbers[pending, start : start + width]]
            place = here.argmax(axis=1)
            hit = here[np.arange(len(here)), place]
            found[pending[hit]] = similarities[pending[hit], start + place[hit]]
            pending = pending[~hit]
            start, width = start + width, 2 * width
        if len(pending):
            left = self.target.space.take(pending)
            found[pending] = self.pool.space.take(drawn).nearest_similarity(left)
        return found

    def _nested(self, order: Rows, sizes: Sequence[int]) -> Iterator[tuple[Rows, Floats]]:
        """The first rows of an order, and how near their nearest is to each target row, (t,)."""
        similarities, numbers = self._lists
        firsts, number_of = self._distinct
        # The first of the sizes that holds each distinct vector; of copies the earliest counts.
        first_size = np.empty(len(firsts), np.uint8)
        at = np.arange(len(order) - 1, -1, -1)
        first_size[number_of[order[::-1]]] = np.searchsorted(sizes, at, side="right")
        so_far = np.minimum.accumulate(first_size[numbers], axis=1)
        # The lists hold hardly a row of the smallest draws: these are compared, all at once.
        n_few = sum(size * numbers.shape[1] < _RARE * len(order) for size in sizes)
        n_few = min(n_few, sum(size < len(order) for size in sizes))
        if n_few:
            some = self.pool.space.vectors[order[: sizes[n_few - 1]]]
            similarity = products(self.target.space.vectors, some)
            parts = np.maximum.reduceat(similarity, [0, *sizes[: n_few - 1]], axis=1)
            near_few = np.minimum(np.maximum.accumulate(parts, axis=1), 1)
        for i, size in enumerate(sizes):
            rows = np.sort(order[:size])
            if i < n_few:
                yield rows, near_few[:, i]
                continue
            if size == len(order):
                yield rows, self._pool_similarity
                continue
            place = np.count_nonzero(so_far > i, axis=1)
            missed = np.flatnonzero(place == numbers.shape[1])
            listed = np.minimum(place, numbers.shape[1] - 1)
            found = similarities[np.arange(len(listed)), listed]
            if len(missed):
                left = self.target.space.take(missed)
                found[missed] = self.pool.space.take(rows).nearest_similarity(left)
            yield rows, found


@dataclass(frozen=True, eq=False)
class _Measure:
    """A metric that is ready to measure."""

    metric: Metric
    target: Pool
    score: Score
    clusters: Rows | None
    """(n,) number of the cluster of the target that each row of the pool lies in."""

    def of_draw(self, rows: Rows, subset: Pool | None, similarity: Floats | None) -> float:
        """The metric of some rows: from how near they are to the target, if that is told."""
        if isinstance(self.metric, Nearest) and similarity is not None:
            return self.metric.value_of(similarity)
        if isinstance(self.metric, ClusterSpread) and self.clusters is not None:
            n_clusters = int(self.clusters.max()) + 1
            return self.metric.value_of(np.bincount(self.clusters[rows], minlength=n_clusters))
        assert subset is not None  # noqa: S101
        return self.score(subset)


def sampled(pool: Pool, most: int, seed: int) -> Pool:
    """The pool, or a random sample of so many of its rows, in their order."""
    if len(pool) <= most:
        return pool
    random = np.random.default_rng(seed)
    return pool.take(np.sort(random.choice(len(pool), most, replace=False)))
