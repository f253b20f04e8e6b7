"""Space: unit vectors and who is near whom. The only module that knows faiss."""

import weakref
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.core.rows import row_numbers
from instructdiv.core.threads import in_tiles, products
from instructdiv.errors import ShapeError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_TILE = 4096
# Near copies are found among all pairs up to this many vectors, and in tiles of so many rows.
_EXACT_PAIRS = 16_384
_PAIR_TILE = 1024
_PARTNERS = 64
_CELL_ROUNDS = 2
# k-means has come to rest when the mean similarity to the centroids rises by less.
_SETTLED = 1e-4
# Rows a centroid that k-means learns from: more hardly move it.
_LEARN = 256
# Below this many rows BLAS takes kernels for small matrices, whose sums round otherwise:
# a similarity would depend on how many rows were compared with it.
_LEAST = 64
# Equal vectors have a similarity of 1, and rounding leaves it a little beside.
_NEAR_ONE = 1 - 1e-5


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
        for start in range(0, len(raw), _TILE):
            tile = raw[start : start + _TILE].astype(np.float64)
            if not np.isfinite(tile).all():
                row = start + int(np.flatnonzero(~np.isfinite(tile).all(axis=1))[0])
                raise ShapeError(f"embeddings must be finite, but row {row} holds NaN or infinity")
            peak = np.abs(tile).max(axis=1, keepdims=True)
            if not peak.all():
                row = start + int(np.flatnonzero(peak == 0)[0])
                raise ShapeError(f"embeddings need a direction, but row {row} is all zeros")
            tile /= peak
            tile /= np.sqrt(np.einsum("ij,ij->i", tile, tile))[:, None]
            unit[start : start + _TILE] = tile + 0.0
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
        return len(self._copies[0])

    @property
    def first_copies(self) -> NDArray[np.int64]:
        """The first row that is equal to each row, often itself, (n,) int64."""
        firsts, number_of = self._copies
        return firsts[number_of]

    def take(self, indices: ArrayLike) -> "Space":
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
        for start, tile in _tiles(queries.vectors):
            end = start + len(tile)
            similarities[start:end], indices[start:end] = self._nearest(tile, n_neighbors)
        return similarities, indices

    def neighbors(self, n_neighbors: int) -> "csr_array[Any, tuple[int, int]]":
        """The graph of each row's nearest rows, itself among them, as (n, n) CSR.

        As long as somebody holds the graph it is not made again: several selectors can
        share it. Nobody may change it.

        Row i holds ``self.nearest(self, n_neighbors)[0][i]`` float32, highest first, at
        the columns ``[1][i]`` int32; explicit zeros and negative similarities are kept.
        Memory 8 * n * n_neighbors bytes.
        """
        if not 1 <= n_neighbors <= len(self):
            raise ShapeError(f"n_neighbors must lie in 1..{len(self)}, got {n_neighbors}")
        graph = None if self._graph is None else self._graph()
        if graph is not None and graph.nnz == n_neighbors * len(self):
            return graph
        firsts, number_of = self._copies
        similarities = np.empty((len(firsts), n_neighbors), np.float32)
        indices = np.empty((len(firsts), n_neighbors), np.int32)
        for start, tile in _tiles(self._distinct):
            end = start + len(tile)
            similarities[start:end], indices[start:end] = self._nearest(tile, n_neighbors)
        if len(firsts) < len(self):
            similarities, indices = similarities[number_of], indices[number_of]
        graph = neighbor_graph(similarities, indices, len(self))
        self._graph = weakref.ref(graph)
        return graph

    def nearest_similarity(self, target: "ArrayLike | Space") -> NDArray[np.float32]:
        """How near the nearest row of this space is to each target row, (t,) float32."""
        target = self._like(target)
        if target is self or (target._taken_from is not None and target._taken_from() is self):
            return np.ones(len(target), np.float32)  # every row of it is here
        if self._similarity_to is not None and self._similarity_to[0]() is target:
            return self._similarity_to[1]
        best = np.full(len(target), -1, np.float32)
        for start, tile in _tiles(target.vectors):
            for _, block in _tiles(self.vectors):
                found = _similarities(tile, block).max(axis=1)
                np.maximum(
                    best[start : start + len(tile)], found, out=best[start : start + len(tile)]
                )
        np.clip(best, -1, 1, out=best)
        best[np.isin(target.digests, self.digests)] = 1
        best.flags.writeable = False
        # Several metrics ask this of one subset in a row: keep the last answer.
        self._similarity_to = (weakref.ref(target), best)
        return best

    def similarity(self, rows: ArrayLike, other_rows: ArrayLike) -> NDArray[np.float32]:
        """Similarities between two lists of rows of this space, (len(a), len(b)) float32."""
        a, b = np.asarray(rows, np.int64), np.asarray(other_rows, np.int64)
        similarities = np.clip(_similarities(self.vectors[a], self.vectors[b]), -1, 1)
        one, other = np.nonzero(similarities > _NEAR_ONE)
        equal = self.digests[a[one]] == self.digests[b[other]]
        similarities[one[equal], other[equal]] = 1
        return similarities

    def near_pairs(self, similarity_threshold: float) -> tuple[NDArray[np.int64], Floats]:
        """Pairs of different vectors that are at least so similar, and how similar they are.

        A vector that several rows have stands for the first of them. Of a vector with more
        than 64 partners after it, the 64 most similar are given, and of the others as many as
        keep what is linked in one piece. Exact up to 16,384 vectors;
        beyond, only vectors that share one of their three nearest centroids are compared,
        which misses hardly a pair of near copies, and time stays O(n^1.5 * d).

        Returns
        -------
        rows
            (p, 2) int64, the lower row first, in ascending order.
        similarities
            (p,) float32.
        """
        firsts, _ = self._copies
        found: list[tuple[Rows, Rows, Floats]] = []
        for members in self._cells():
            vectors = self._distinct[members]
            for start in range(0, len(members), _PAIR_TILE):
                tile = members[start : start + _PAIR_TILE]
                similarities = _similarities(vectors[start : start + _PAIR_TILE], vectors)
                similarities[tile[:, None] >= members] = -2
                near = similarities >= similarity_threshold
                if len(near) and near.sum(axis=1).max() > _PARTNERS:
                    near = _thinned(near, similarities, start)
                own, other = np.nonzero(near)
                found.append((tile[own], members[other], similarities[own, other]))
        lower, higher, similarity = (np.concatenate(parts) for parts in zip(*found, strict=True))
        _, once = np.unique(lower * len(firsts) + higher, return_index=True)
        rows = np.stack([firsts[lower[once]], firsts[higher[once]]], axis=1)
        return rows, similarity[once].clip(-1, 1)

    def _cells(self) -> Iterator[Rows]:
        """Numbers of distinct vectors that are compared with each other, ascending."""
        u = len(self._distinct)
        if u <= _EXACT_PAIRS:
            yield np.arange(u)
            return
        distinct = Space(self._distinct)
        centroids = Space.of(distinct.centroids(2 * round(u**0.5), _CELL_ROUNDS, 0))
        cells = centroids.nearest(distinct, 3)[1]
        order = np.argsort(cells.ravel(), kind="stable")
        starts = np.searchsorted(cells.ravel()[order], np.arange(len(centroids) + 1))
        for start, end in pairwise(starts):
            yield order[start:end] // cells.shape[1]

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
        sums = [tile.sum(axis=0) for _, tile in _tiles(self.vectors)]
        total: NDArray[np.float64] = np.sum(sums, axis=0, dtype=np.float64)
        return (total / len(self)).astype(np.float32)

    def content_order(self) -> Rows:
        """Rows in an order that depends on what they hold, not on where they stand, (n,) int64.

        Along one fixed direction, so that rounding moves a row past its neighbors at most.
        """
        direction = np.random.default_rng(0).standard_normal(self.n_dimensions)
        heights = [(tile * direction).sum(axis=1) for _, tile in _tiles(self.vectors)]
        return np.argsort(np.concatenate(heights), kind="stable")

    def centroids(self, n_centroids: int, n_iterations: int, seed: int) -> Floats:
        """Spherical k-means of the rows: (n_centroids, d) float32 unit vectors.

        Does not depend on the order of the rows. Above 256 rows a centroid it learns
        from a random 256 a centroid. A centroid that no row is nearest to moves to the row
        of a large cluster that is least like its middle.

        Raises
        ------
        ShapeError
            There are fewer distinct rows than centroids.
        """
        firsts, _ = self._copies
        if not 1 <= n_centroids <= len(firsts):
            raise ShapeError(
                f"n_centroids must lie in 1..{len(firsts)}, the number of distinct rows, "
                f"got {n_centroids}"
            )
        random = np.random.default_rng(seed)
        order = self.content_order()
        start = random.permutation(order[np.isin(order, firsts)])
        if len(order) > _LEARN * n_centroids:
            order = order[np.sort(random.choice(len(order), _LEARN * n_centroids, replace=False))]
        centroids: Floats = self.vectors[start[:n_centroids]].copy()
        learned = self.vectors[order]
        reached = -np.inf
        for _ in range(n_iterations):
            labels, similarity = _most_similar(learned, centroids)
            before, reached = reached, float(similarity.mean(dtype=np.float64))
            if reached - before < _SETTLED:
                break
            sums = _sums(learned, labels, n_centroids)
            lengths = np.linalg.norm(sums, axis=1)
            moved = lengths > 1e-6  # one whose rows cancel out stays where it is
            centroids[moved] = sums[moved] / lengths[moved, None]
            sizes = np.bincount(labels, minlength=n_centroids)
            largest = np.argsort(-sizes, kind="stable")
            for empty, large in zip(np.flatnonzero(sizes == 0), largest, strict=False):
                inside = np.flatnonzero(labels == large)
                centroids[empty] = learned[inside[similarity[inside].argmin()]]
        return centroids

    def _like(self, other: "ArrayLike | Space") -> "Space":
        other = Space.of(other)
        if other.n_dimensions != self.n_dimensions:
            raise ShapeError(
                f"vectors of {other.n_dimensions} dimensions cannot be compared with "
                f"vectors of {self.n_dimensions}"
            )
        return other

    def _exact(self, similarities: Floats, queries: Floats, numbers: Rows) -> Floats:
        """Make the similarity of equal vectors 1, which rounding leaves a little beside it.

        Two rows that only have each other then gain the same, and the tie goes to the lower.
        """
        firsts, _ = self._copies
        query, place = np.nonzero(similarities > _NEAR_ONE)
        digests = self.digests[firsts[numbers[query, place]]]
        equal = Space(queries).digests[query] == digests
        similarities = np.clip(similarities, -1, 1)
        similarities[query[equal], place[equal]] = 1
        return similarities

    @cached_property
    def digests(self) -> NDArray[np.uint64]:
        """One number a row, equal for equal rows, (n,) uint64."""
        word: type[np.uint64 | np.uint32] = np.uint64 if self.n_dimensions % 2 == 0 else np.uint32
        n_words = self.n_dimensions * 4 // word().itemsize
        weights = np.random.default_rng(0).integers(1, 2**63, n_words, np.uint64) * 2 + 1
        digests = np.empty(len(self), np.uint64)
        for start, tile in _tiles(self.vectors):
            words = tile.view(word).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            words ^= words >> np.uint64(29)
            words *= weights
            digests[start : start + len(tile)] = words.sum(axis=1)
        return digests

    @cached_property
    def _copies(self) -> tuple[Rows, Rows]:
        """First row of each distinct vector, ascending (u,); number of each row among them (n,)."""
        _, firsts, number_of = np.unique(self.digests, return_index=True, return_inverse=True)
        for start, tile in _tiles(self.vectors) if len(firsts) < len(self) else ():
            twins = self.vectors[firsts[number_of[start : start + len(tile)]]]
            if not np.array_equal(twins, tile):  # two vectors share a digest
                _, firsts, number_of = np.unique(
                    self.vectors, axis=0, return_index=True, return_inverse=True
                )
                break
        rank = np.empty(len(firsts), np.int64)
        rank[np.argsort(firsts)] = np.arange(len(firsts))
        return np.sort(firsts).astype(np.int64), rank[number_of.ravel()]

    @cached_property
    def _distinct(self) -> Floats:
        firsts, _ = self._copies
        return self.vectors if len(firsts) == len(self) else self.vectors[firsts]

    @cached_property
    def _rows_of(self) -> tuple[Rows, Rows]:
        """Rows sorted by distinct number (n,), and where each number starts (u + 1,)."""
        firsts, number_of = self._copies
        starts = np.searchsorted(np.sort(number_of), np.arange(len(firsts) + 1))
        return np.argsort(number_of, kind="stable"), starts.astype(np.int64)

    def _nearest(self, tile: Floats, n_neighbors: int) -> tuple[Floats, Rows]:
        similarities, numbers = self._nearest_distinct(tile, min(n_neighbors, len(self._distinct)))
        if len(self._distinct) == len(self):
            return similarities, numbers
        return self._with_copies(similarities, numbers, n_neighbors)

    def _nearest_distinct(self, tile: Floats, k: int) -> tuple[Floats, Rows]:
        u = len(self._distinct)
        if u <= max(4 * (k + 1), _LEAST):
            return self._sorted(tile, k)
        # faiss cuts ties wherever it stands; one more neighbor shows whether it cut one.
        similarities, numbers = _search(tile, self._distinct, k + 1)
        similarities = self._exact(similarities, tile, numbers)
        order = np.lexsort((numbers, -similarities))
        similarities = np.take_along_axis(similarities, order, axis=1)
        numbers = np.take_along_axis(numbers, order, axis=1)
        tied = np.flatnonzero(similarities[:, k - 1] == similarities[:, k])
        for start in range(0, len(tied), 64):
            rows = tied[start : start + 64]
            similarities[rows, :k], numbers[rows, :k] = self._sorted(tile[rows], k)
        return similarities[:, :k], numbers[:, :k]

    def _sorted(self, tile: Floats, k: int) -> tuple[Floats, Rows]:
        numbers = np.broadcast_to(np.arange(len(self._distinct)), (len(tile), len(self._distinct)))
        similarities = _similarities(tile, self._distinct)
        similarities = self._exact(similarities, tile, numbers)
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(similarities, order, axis=1), order

    def _with_copies(self, similarities: Floats, numbers: Rows, k: int) -> tuple[Floats, Rows]:
        rows, starts = self._rows_of
        copies = np.minimum(starts[numbers + 1] - starts[numbers], k)
        before = np.cumsum(copies, axis=1) - copies
        last = np.take_along_axis(similarities, (before < k).sum(axis=1, keepdims=True) - 1, axis=1)
        query, place = np.nonzero(similarities >= last)
        length = copies[query, place]
        query, similarity = np.repeat(query, length), np.repeat(similarities[query, place], length)
        offset = np.arange(len(query)) - np.repeat(np.cumsum(length) - length, length)
        number = np.repeat(numbers[np.nonzero(similarities >= last)], length)
        row = rows[starts[number] + offset]
        order = np.lexsort((row, -similarity, query))
        first = np.searchsorted(query, np.arange(len(similarities)))
        taken = order[first[:, None] + np.arange(k)]
        return similarity[taken], row[taken]


def _most_similar(vectors: Floats, centroids: Floats) -> tuple[Rows, Floats]:
    """The centroid most similar to each vector (n,), the first of equal ones; how similar (n,)."""
    labels = np.empty(len(vectors), np.int64)
    similarity = np.empty(len(vectors), np.float32)

    def compare(rows: slice) -> None:
        found = vectors[rows] @ centroids.T
        labels[rows], similarity[rows] = found.argmax(axis=1), found.max(axis=1)

    in_tiles(compare, len(vectors), 2 * _TILE)
    return labels, similarity


def _sums(vectors: Floats, labels: Rows, n_labels: int) -> Floats:
    """Sum of the vectors of each label, (n_labels, d) float32."""
    from scipy.sparse import csr_array

    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(n_labels + 1))
    ones = np.ones(len(labels), np.float32)
    members = csr_array((ones, order, starts), shape=(n_labels, len(labels)))
    return np.asarray(members @ vectors)


def _thinned(near: NDArray[np.bool_], similarities: Floats, start: int) -> NDArray[np.bool_]:
    """The most similar of the near pairs of each row, and what else holds the rows together.

    Row i of the tile is number `start + i` of the columns.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    least = -np.partition(-similarities, _PARTNERS - 1, axis=1)[:, _PARTNERS - 1 : _PARTNERS]
    above, tied = similarities > least, similarities == least
    places = _PARTNERS - above.sum(axis=1, keepdims=True)
    left: NDArray[np.bool_] = near & (above | (tied & (tied.cumsum(axis=1) <= places)))
    own, other = np.nonzero(left)
    links = coo_array((np.ones(len(own), np.int8), (start + own, other)), (near.shape[1],) * 2)
    _, piece = connected_components(links, directed=False)
    for row, ours in enumerate(near):
        lost = np.flatnonzero(ours & (piece != piece[start + row]))
        if len(lost):
            lost = lost[np.argsort(-similarities[row, lost], kind="stable")]
            pieces, first = np.unique(piece[lost], return_index=True)
            left[row, lost[first]] = True
            piece[np.isin(piece, pieces)] = piece[start + row]
    return left


def neighbor_graph(
    similarities: Floats, indices: NDArray[np.integer], n_rows: int
) -> "csr_array[Any, tuple[int, int]]":
    """Similarities (q, k) to the rows (q, k) of a space of `n_rows`, as (q, n_rows) CSR."""
    from scipy.sparse import csr_array

    # One wide index array would make scipy widen the other, and double the graph.
    index = np.int32 if similarities.size < 2**31 else np.int64
    starts = np.arange(0, similarities.size + 1, similarities.shape[1], dtype=index)
    columns = indices.ravel().astype(index, copy=False)
    return csr_array((similarities.ravel(), columns, starts), shape=(len(similarities), n_rows))


def _tiles(vectors: Floats) -> Iterator[tuple[int, Floats]]:
    for start in range(0, len(vectors), _TILE):
        yield start, vectors[start : start + _TILE]


def _padded(vectors: Floats) -> Floats:
    if len(vectors) >= _LEAST:
        return vectors
    return np.concatenate([vectors, np.zeros((_LEAST - len(vectors), vectors.shape[1]), "f4")])


def _similarities(a: Floats, b: Floats) -> Floats:
    product: Floats = products(_padded(a), _padded(b))
    return product[: len(a), : len(b)]


def _search(queries: Floats, vectors: Floats, k: int) -> tuple[Floats, Rows]:
    import faiss

    # faiss multiplies blocks of this many vectors: let the last block not be a small one,
    # and let it multiply however few queries there are.
    block = next(
        b for b in range(1024, 2048) if len(vectors) % b == 0 or len(vectors) % b >= _LEAST
    )
    wanted = {
        "distance_compute_blas_threshold": 0,
        "distance_compute_blas_database_bs": block,
    }
    usual = {name: getattr(faiss.cvar, name) for name in wanted}
    _set(faiss.cvar, wanted)
    similarities = np.empty((len(queries), k), np.float32)
    numbers = np.empty((len(queries), k), np.int64)

    def search(rows: slice) -> None:
        tile = queries[rows]
        found = faiss.knn(_padded(tile), vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
        similarities[rows], numbers[rows] = (part[: len(tile)] for part in found)

    try:
        in_tiles(search, len(queries))
    finally:
        _set(faiss.cvar, usual)
    return similarities, numbers


def _set(variables: Any, values: dict[str, int]) -> None:
    for name, value in values.items():
        setattr(variables, name, value)
