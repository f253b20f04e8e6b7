"""Similarity tracker: similarity to a target of the examples trained on so far."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.arrangement import Arrangement
from instructdiv.core.rows import row_numbers
from instructdiv.core.threads import products
from instructdiv.errors import ParameterError, ShapeError
from instructdiv.pool_input import Target, Vectors, as_pool, as_target
from instructdiv.results import Facts
from instructdiv.selection import Selection
from instructdiv.training.bigrams import Bigrams
from instructdiv.training.curves import Column, figure, save

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Doubles = NDArray[np.float64]

TrainingOrder: TypeAlias = Arrangement | Selection | ArrayLike
"""An order of training: an arrangement, a selection, or rows of a pool (b,)."""

_ROWS = 1024
_TARGETS = 4096


class SimilarityPoint(Facts):
    """Similarity to the target of all examples consumed so far.

    The paper tracks "cosine distance", which is the negative of the cosine: its `avg`, `min`,
    `max` and `centroid` are here `-mean_similarity`, `-nearest_similarity`,
    `-farthest_similarity` and `-centroid_similarity`.
    """

    examples: int
    """Number of examples consumed so far; an example trained on twice counts twice."""

    coverage: float
    """Mean over the target of the similarity to the nearest example so far, -1 to 1."""

    mean_similarity: float
    """Mean similarity of all pairs of an example and a target record."""

    nearest_similarity: float
    """Similarity of the nearest pair so far; never falls."""

    farthest_similarity: float
    """Similarity of the farthest pair so far; never rises."""

    centroid_similarity: float
    """Cosine of the mean of the examples and the mean of the target; 0 where a mean is 0."""

    mean_euclidean: float
    """Mean Euclidean distance of all pairs, between unit vectors, 0 to 2."""

    nearest_euclidean: float
    """Euclidean distance of the nearest pair so far."""

    farthest_euclidean: float
    """Euclidean distance of the farthest pair so far."""

    centroid_euclidean: float
    """Euclidean distance of the mean of the examples to the mean of the target."""

    bigram_divergence: float | None
    """Jensen-Shannon divergence of the distributions of word pairs, in bits, 0 to 1; None
    where the target or some examples have no texts, or no pair of words."""


_NAMES = list(SimilarityPoint.model_fields)


class SimilarityTracker:
    """Measures of similarity between a target and the records consumed so far.

    Coverage, and nine measures between the two sets [1]_: four of cosine similarity, the same
    four of Euclidean distance between unit vectors, and the divergence of word pairs. A batch
    of b examples takes O(b * M * d) for M target records, and no example is read twice; memory
    is O(M * d), two numbers an example, and the distinct word pairs. The result does not depend
    on how the examples are batched.

    Parameters
    ----------
    target
        Records to cover: a pool, a space, vectors (M, d), or several of these by name.

    Raises
    ------
    ShapeError
        The target is empty or cannot be normalized.

    References
    ----------
    .. [1] "Improving Zero-Shot Generalization of Instruction Tuning by Data Arrangement",
       arXiv 2406.11721, 2024.

    Examples
    --------
    >>> tracker = SimilarityTracker([[1.0, 0.0], [0.0, 1.0]])
    >>> tracker.update([[1.0, 0.0]]).coverage
    0.5
    >>> tracker.update([[0.0, 2.0]]).coverage
    1.0
    >>> tracker.table()["examples"], tracker.table()["mean_similarity"]
    ([1, 2], [0.5, 0.5])
    """

    def __init__(self, target: "Target") -> None:
        self.target = as_target(target)
        self._vectors = _unit(self.target.space.vectors)
        self._mean = self._vectors.mean(axis=0)
        self._sum = np.zeros(self._vectors.shape[1])
        self._best = np.full(len(self._vectors), -1.0)
        self._farthest = 1.0
        self._euclidean = 0.0
        self._coverage: list[Doubles] = []
        self._similarities: list[Doubles] = []
        self._bigrams = Bigrams(self.target.texts) if self.target.has_texts else None
        self._points: list[SimilarityPoint] = []

    @property
    def points(self) -> tuple[SimilarityPoint, ...]:
        """The measures after each update."""
        return tuple(self._points)

    @property
    def examples(self) -> int:
        """Number of examples consumed so far."""
        return self._points[-1].examples if self._points else 0

    @property
    def best_similarity(self) -> Doubles:
        """Similarity of each target row to the nearest example so far, (M,) float64; -1 before."""
        return self._best.copy()

    @property
    def coverage_after(self) -> Doubles:
        """Coverage after each single example, (examples,) float64."""
        return np.concatenate(self._coverage) if self._coverage else np.empty(0)

    @property
    def similarities(self) -> Doubles:
        """Similarity of each example to the nearest target row, (examples,) float64."""
        return np.concatenate(self._similarities) if self._similarities else np.empty(0)

    def update(self, batch: "Vectors") -> SimilarityPoint:
        """Consume the next examples: a pool, a space, or vectors (b, d).

        Raises
        ------
        ShapeError
            The batch is empty, or its vectors cannot be compared with those of the target.
        """
        batch = as_pool(batch)
        self.target.check_comparable(batch)
        return self._consume(batch.space.vectors, batch.texts if batch.has_texts else None)

    def table(self) -> dict[str, list[Any]]:
        """A column for each measure, with a value for each update."""
        return {name: [getattr(point, name) for point in self._points] for name in _NAMES}

    def plot(self) -> "Figure":
        """The measures over the examples consumed, as a plotly figure."""
        table = self.table()
        panels: dict[str, dict[str, Column]] = {"similarity": {"coverage": table["coverage"]}}
        for kind in ("similarity", "euclidean"):
            panels.setdefault(kind, {}).update(
                {name.replace("_", " "): table[name] for name in table if name.endswith(kind)}
            )
        if any(value is not None for value in table["bigram_divergence"]):
            panels["bits"] = {"bigram divergence": table["bigram_divergence"]}
        return figure(table["examples"], "examples", panels)

    def save(self, path: str | Path) -> Path:
        """Write the measures as .json (a list of points), .csv, or .html (the figure).

        Raises
        ------
        InputError
            The name has another ending.
        OutputError
            The file cannot be written.
        """
        return save(path, "similarity tracker", self._points, self.table(), self.plot)

    def _consume(
        self, vectors: NDArray[np.float32], texts: Sequence[str] | None
    ) -> SimilarityPoint:
        if not len(vectors):
            raise ShapeError("a batch needs at least one example")
        for start in range(0, len(vectors), _ROWS):
            self._compare(_unit(vectors[start : start + _ROWS]))
        if texts is None:
            self._bigrams = None
        elif self._bigrams is not None:
            self._bigrams.add(texts)
        self._points.append(self._point(self.examples + len(vectors)))
        return self._points[-1]

    def _compare(self, tile: Doubles) -> None:
        """Compare a tile of examples (h, d) with the target."""
        covered = np.zeros(len(tile))
        nearest = np.full(len(tile), -1.0)
        for start in range(0, len(self._vectors), _TARGETS):
            best = self._best[start : start + _TARGETS]
            found = products(tile, self._vectors[start : start + _TARGETS])
            similarities = np.clip(found, -1, 1, out=found)
            np.maximum(nearest, similarities.max(axis=1), out=nearest)
            self._farthest = min(self._farthest, float(similarities.min()))
            self._euclidean += float(_euclidean(similarities).sum())
            so_far = np.maximum.accumulate(similarities, axis=0)
            np.maximum(so_far, best, out=so_far)
            covered += so_far.sum(axis=1)
            best[:] = so_far[-1]
        self._sum += tile.sum(axis=0)
        self._coverage.append(covered / len(self._vectors))
        self._similarities.append(nearest)

    def _point(self, examples: int) -> SimilarityPoint:
        mean = self._sum / examples
        lengths = float(np.linalg.norm(mean) * np.linalg.norm(self._mean))
        nearest = float(self._best.max())
        product = float(mean @ self._mean)
        return SimilarityPoint(
            examples=examples,
            coverage=float(self._best.mean()),
            mean_similarity=product,
            nearest_similarity=nearest,
            farthest_similarity=self._farthest,
            centroid_similarity=min(1.0, max(-1.0, product / lengths)) if lengths > 1e-12 else 0.0,
            mean_euclidean=self._euclidean / (examples * len(self._vectors)),
            nearest_euclidean=float(_euclidean(np.array(nearest))),
            farthest_euclidean=float(_euclidean(np.array(self._farthest))),
            centroid_euclidean=float(np.linalg.norm(mean - self._mean)),
            bigram_divergence=None if self._bigrams is None else self._bigrams.divergence(),
        )


def track(
    pool: "Vectors",
    order: "TrainingOrder",
    target: "Target",
    *,
    every: int = 160,
) -> SimilarityTracker:
    """Track the similarity to a target along an order of training, batch by batch.

    Parameters
    ----------
    pool
        The records.
    order
        An arrangement, a selection, or rows of the pool (b,) in the order of training.
    target
        Records to cover: a pool, vectors, or several of these by name.
    every
        Examples between two points; the paper measures every 160.

    Raises
    ------
    ShapeError
        Pool and target cannot be compared, or the order is empty or has other rows.
    ParameterError
        `every` is below 1.

    Examples
    --------
    >>> from instructdiv import Pool
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    >>> [round(p.coverage, 3) for p in track(pool, [2, 1, 0], [[1.0, 0.0]], every=1).points]
    [0.0, 0.6, 1.0]
    """
    if every < 1:
        raise ParameterError(f"every must be at least 1 example, got {every}")
    pool = as_pool(pool)
    tracker = SimilarityTracker(target)
    tracker.target.check_comparable(pool)
    if isinstance(order, Arrangement):  # an arrangement knows its pool
        order.check(pool)
    rows = order_rows(order, len(pool))
    texts = pool.texts if pool.has_texts else None
    for start in range(0, len(rows), every):
        batch = rows[start : start + every]
        read = None if texts is None else [texts[row] for row in batch.tolist()]
        tracker._consume(pool.space.vectors[batch], read)
    return tracker


def order_rows(order: "TrainingOrder", n_rows: int | None = None) -> NDArray[np.int64]:
    """The rows of an arrangement, a selection, or an array of rows, (b,) int64.

    Raises
    ------
    ShapeError
        There are none, or a row is not below `n_rows`.
    """
    indices = np.asarray(getattr(order, "indices", order))
    if indices.size == 0:
        raise ShapeError("an order needs at least one row")
    most = np.iinfo(np.int64).max if n_rows is None else n_rows
    if indices.dtype.kind not in "iu":
        raise ShapeError(f"an order is made of rows, whole numbers, not of {indices.dtype}")
    return row_numbers(indices, most)


def _unit(vectors: NDArray[np.float32]) -> Doubles:
    """Rows of length 1 to the last digit, so that equal ones have a distance of 0."""
    unit = vectors.astype(np.float64)
    unit /= np.sqrt(np.einsum("ij,ij->i", unit, unit))[:, None]
    return unit


def _euclidean(similarities: NDArray[np.floating[Any]]) -> Doubles:
    distances: Doubles = np.sqrt(np.maximum(2 - 2 * similarities, 0))
    return distances
