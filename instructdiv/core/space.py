"""Space: unit vectors, and cosine similarity between them."""

import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.core.neighbors import (
    NEAR_ONE,
    Distinct,
    digests_of,
    neighbor_graph,
    similarities_between,
    tiles,
)
from instructdiv.core.rows import Floats, Rows, row_numbers
from instructdiv.core.threads import products
from instructdiv.errors import ShapeError

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Space:
    """Unit vectors, and cosine similarity between them.

    Build one with :meth:`Space.of`. Similarities are cosines in [-1, 1], highest first,
    ties by lowest row; distance is ``1 - similarity``. Exact copies of a vector are
    searched once and given back as the rows they are. Results do not depend on the
    number of threads or on how queries are batched.

    Examples
    --------
    >>> space = Space.of([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    >>> similarities, rows = space.nearest([[1.0, 0.1]], n_neighbors=2)
    >>> rows.tolist()
    [[0, 2]]
    >>> space.take([2, 1]).vectors.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    vectors: Floats
    """(n, d) float32, each row of length 1, read-only."""

    def __init__(self, vectors: Floats) -> None:
        self.vectors = vectors.view()
        self.vectors.flags.writeable = False
        self._similarity_to: tuple[weakref.ref[Space], Floats] | None = None
        self._taken_from: weakref.ref[Space] | None = None
        self._graph: weakref.ref[Any] | None = None

    @classmethod
    def of(cls, vectors: "ArrayLike | Space") -> "Space":
        """Normalize raw vectors (n, d) of any real dtype.

        Raises
        ------
        ShapeError
            The array is not (n, d) with n, d >= 1, or a row has length zero or holds a
            value that is not finite; the row is named.
        """
        if isinstance(vectors, Space):
            return vectors
        try:
            raw = np.asarray(vectors)
        except ValueError as error:
            raise ShapeError(f"embeddings must have shape (n, d): {error}") from None
        if raw.ndim != 2 or 0 in raw.shape:
            raise ShapeError(f"embeddings must have shape (n, d), got {raw.shape}")
        if raw.dtype.kind not in "fiub":
            raise ShapeError(f"embeddings must be real numbers, got dtype {raw.dtype}")
        unit = np.empty(raw.shape, np.float32)
        for start, part in tiles(raw):
            tile = part.astype(np.float64)
            if not np.isfinite(tile).all():
                row = start + int(np.flatnonzero(~np.isfinite(tile).all(axis=1))[0])
                raise ShapeError(f"embeddings must be finite, but row {row} holds NaN or infinity")
            peak = np.abs(tile).max(axis=1, keepdims=True)
            if not peak.all():
                row = start + int(np.flatnonzero(peak == 0)[0])
                raise ShapeError(f"embeddings need a direction, but row {row} is all zeros")
            tile /= peak
            tile /= np.sqrt(np.einsum("ij,ij->i", tile, tile))[:, None]
            unit[start : start + len(tile)] = tile + 0.0
        return cls(unit)

    def __getstate__(self) -> dict[str, Any]:
        return {"vectors": self.vectors}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["vectors"])  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        return f"Space(n={len(self)}, d={self.n_dimensions})"

    @property
    def n_dimensions(self) -> int:
        """Number of components of a vector."""
        return int(self.vectors.shape[1])

    @property
    def n_distinct(self) -> int:
        """Number of rows that differ."""
        return len(self._distinct)

    @property
    def first_copies(self) -> NDArray[np.int64]:
        """First row with the same vector as each row, often itself, (n,) int64."""
        return self._distinct.firsts[self._distinct.number_of]

    def take(self, indices: "ArrayLike") -> "Space":
        """The space of these rows, in this order."""
        rows = row_numbers(indices, len(self))
        taken = Space(self.vectors[rows])
        taken._taken_from = weakref.ref(self)
        if "digests" in self.__dict__:
            taken.__dict__["digests"] = self.digests[rows]
        return taken

    def nearest(
        self, queries: "ArrayLike | Space", n_neighbors: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The rows of this space nearest to each query.

        Parameters
        ----------
        queries
            (q, d) vectors, or another space.
        n_neighbors
            How many rows to give for each query, at most ``len(self)``.

        Returns
        -------
        similarities
            (q, n_neighbors) float32, highest first.
        indices
            (q, n_neighbors) int64, ties by lowest row.

        Raises
        ------
        ShapeError
            The queries have another dimension, or too many neighbors are asked for.
        """
        queries = self._like(queries)
        if not 1 <= n_neighbors <= len(self):
            raise ShapeError(f"n_neighbors must lie in 1..{len(self)}, got {n_neighbors}")
        similarities = np.empty((len(queries), n_neighbors), np.float32)
        indices = np.empty((len(queries), n_neighbors), np.int64)
        for start, tile in tiles(queries.vectors):
            end = start + len(tile)
            similarities[start:end], indices[start:end] = self._distinct.nearest(tile, n_neighbors)
        return similarities, indices

    def neighbors(self, n_neighbors: int) -> "csr_array[Any, tuple[int, int]]":
        """Graph of each row's nearest rows, itself among them, as (n, n) CSR.

        The graph is kept as long as a caller refers to it, so that several selectors share
        one. It must not be changed.

        Row i holds ``self.nearest(self, n_neighbors)[0][i]`` float32, highest first, at
        the columns ``[1][i]`` int32; explicit zeros and negative similarities are kept.
        Memory 8 * n * n_neighbors bytes.
        """
        if not 1 <= n_neighbors <= len(self):
            raise ShapeError(f"n_neighbors must lie in 1..{len(self)}, got {n_neighbors}")
        graph = None if self._graph is None else self._graph()
        if graph is not None and graph.nnz == n_neighbors * len(self):
            return graph
        distinct = self._distinct
        similarities = np.empty((len(distinct), n_neighbors), np.float32)
        indices = np.empty((len(distinct), n_neighbors), np.int32)
        for start, tile in tiles(distinct.vectors):
            end = start + len(tile)
            similarities[start:end], indices[start:end] = self._distinct.nearest(tile, n_neighbors)
        if len(distinct) < len(self):
            similarities = similarities[distinct.number_of]
            indices = indices[distinct.number_of]
        graph = neighbor_graph(similarities, indices, len(self))
        self._graph = weakref.ref(graph)
        return graph

    def nearest_similarity(self, target: "ArrayLike | Space") -> NDArray[np.float32]:
        """Similarity of each target row to its nearest row of this space, (t,) float32."""
        target = self._like(target)
        if target is self or (target._taken_from is not None and target._taken_from() is self):
            return np.ones(len(target), np.float32)  # every row of it is here
        if self._similarity_to is not None and self._similarity_to[0]() is target:
            return self._similarity_to[1]
        best = np.full(len(target), -1, np.float32)
        for start, tile in tiles(target.vectors):
            for _, block in tiles(self.vectors):
                found = similarities_between(tile, block).max(axis=1)
                np.maximum(
                    best[start : start + len(tile)], found, out=best[start : start + len(tile)]
                )
        np.clip(best, -1, 1, out=best)
        best[np.isin(target.digests, self.digests)] = 1
        best.flags.writeable = False
        # Several metrics ask this of one subset in a row: keep the last answer.
        self._similarity_to = (weakref.ref(target), best)
        return best

    def similarity(self, rows: "ArrayLike", other_rows: "ArrayLike") -> NDArray[np.float32]:
        """Similarities between two lists of rows of this space, (len(a), len(b)) float32."""
        a, b = np.asarray(rows, np.int64), np.asarray(other_rows, np.int64)
        similarities = np.clip(similarities_between(self.vectors[a], self.vectors[b]), -1, 1)
        one, other = np.nonzero(similarities > NEAR_ONE)
        equal = self.digests[a[one]] == self.digests[b[other]]
        similarities[one[equal], other[equal]] = 1
        return similarities

    def products(self, vector: NDArray[np.floating[Any]]) -> Floats:
        """Dot product of every row with a vector (d,), of any length, (n,) float32."""
        found: Floats = products(self.vectors, vector.astype(np.float32)[None])[:, 0]
        return found

    def local_similarity(self, n_neighbors: int) -> Floats:
        """Mean similarity of each row to its nearest other rows, (n,) float32.

        High where rows are dense. 1 for a row alone in its space.
        """
        if len(self) == 1:
            return np.ones(1, np.float32)
        k = min(n_neighbors, len(self) - 1)
        graph = self.neighbors(k + 1)
        nearest = graph.data.reshape(len(self), k + 1).sum(axis=1, dtype=np.float64)
        return np.asarray((nearest - 1) / k, np.float32)

    def mean(self) -> Floats:
        """Mean of the rows, (d,) float32; not a unit vector."""
        sums = [tile.sum(axis=0) for _, tile in tiles(self.vectors)]
        total: NDArray[np.float64] = np.sum(sums, axis=0, dtype=np.float64)
        return (total / len(self)).astype(np.float32)

    def content_order(self) -> Rows:
        """Rows in an order that depends on their vectors, not on their positions, (n,) int64.

        Along one fixed direction, so that rounding moves a row past its neighbors at most.
        """
        direction = np.random.default_rng(0).standard_normal(self.n_dimensions)
        heights = [(tile * direction).sum(axis=1) for _, tile in tiles(self.vectors)]
        return np.argsort(np.concatenate(heights), kind="stable")

    def _like(self, other: "ArrayLike | Space") -> "Space":
        other = Space.of(other)
        if other.n_dimensions != self.n_dimensions:
            raise ShapeError(
                f"vectors of {other.n_dimensions} dimensions cannot be compared with "
                f"vectors of {self.n_dimensions}"
            )
        return other

    @cached_property
    def digests(self) -> NDArray[np.uint64]:
        """One number a row, equal for equal rows, (n,) uint64."""
        return digests_of(self.vectors)

    @cached_property
    def _distinct(self) -> Distinct:
        return Distinct(self.vectors, self.digests)
