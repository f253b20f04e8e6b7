"""Neighbors: the nearest of some unit vectors, exactly. The only module that knows faiss."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.rows import Floats, Rows
from instructdiv.core.threads import in_tiles, products

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Digests = NDArray[np.uint64]

_TILE = 4096
# Below this many rows BLAS takes kernels for small matrices, whose sums round otherwise:
# a similarity would depend on how many rows were compared with it.
_LEAST = 64
# Equal vectors have a similarity of 1, and rounding leaves it a little beside.
NEAR_ONE = 1 - 1e-5


class Distinct:
    """The distinct ones of some unit vectors, and the rows that hold each.

    Exact copies are searched once and given back as the rows they are: faiss does not break
    ties by row.
    """

    firsts: Rows
    """(u,) int64, ascending: the first row that holds each distinct vector."""

    number_of: Rows
    """(n,) int64: which distinct vector each row holds."""

    def __init__(self, vectors: Floats, digests: Digests) -> None:
        _, firsts, number_of = np.unique(digests, return_index=True, return_inverse=True)
        for start, tile in tiles(vectors) if len(firsts) < len(vectors) else ():
            twins = vectors[firsts[number_of[start : start + len(tile)]]]
            if not np.array_equal(twins, tile):  # two vectors share a digest
                _, firsts, number_of = np.unique(
                    vectors, axis=0, return_index=True, return_inverse=True
                )
                break
        rank = np.empty(len(firsts), np.int64)
        rank[np.argsort(firsts)] = np.arange(len(firsts))
        self.firsts = np.sort(firsts).astype(np.int64)
        self.number_of = rank[number_of.ravel()]
        self._all, self._digests = vectors, digests[self.firsts]

    def __len__(self) -> int:
        return len(self.firsts)

    @cached_property
    def vectors(self) -> Floats:
        """The distinct vectors, (u, d) float32."""
        return self._all if len(self) == len(self._all) else self._all[self.firsts]

    def nearest(self, queries: Floats, n_neighbors: int) -> tuple[Floats, Rows]:
        """The rows nearest to each query, and how similar they are, (q, n_neighbors) each.

        Highest similarity first, ties by lowest row.
        """
        similarities, numbers = self._nearest(queries, min(n_neighbors, len(self)))
        if len(self) == len(self._all):
            return similarities, numbers
        return self._with_copies(similarities, numbers, n_neighbors)

    def _nearest(self, tile: Floats, k: int) -> tuple[Floats, Rows]:
        u = len(self)
        if u <= max(4 * (k + 1), _LEAST):
            return self._sorted(tile, k)
        # faiss cuts ties wherever it stands; one more neighbor shows whether it cut one.
        similarities, numbers = _search(tile, self.vectors, k + 1)
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
        numbers = np.broadcast_to(np.arange(len(self)), (len(tile), len(self)))
        similarities = similarities_between(tile, self.vectors)
        similarities = self._exact(similarities, tile, numbers)
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(similarities, order, axis=1), order

    def _exact(self, similarities: Floats, queries: Floats, numbers: Rows) -> Floats:
        """Make the similarity of equal vectors 1, which rounding leaves a little beside it.

        Two rows that only have each other then gain the same, and the tie goes to the lower.
        """
        query, place = np.nonzero(similarities > NEAR_ONE)
        equal = digests_of(queries)[query] == self._digests[numbers[query, place]]
        similarities = np.clip(similarities, -1, 1)
        similarities[query[equal], place[equal]] = 1
        return similarities

    def _with_copies(self, similarities: Floats, numbers: Rows, k: int) -> tuple[Floats, Rows]:
        rows, starts = self._rows_of
        copies = np.minimum(starts[numbers + 1] - starts[numbers], k)
        before = np.cumsum(copies, axis=1) - copies
        last = np.take_along_axis(similarities, (before < k).sum(axis=1, keepdims=True) - 1, axis=1)
        query, place = np.nonzero(similarities >= last)
        length = copies[query, place]
        query, similarity = np.repeat(query, length), np.repeat(similarities[query, place], length)
        offset = np.arange(len(query)) - np.repeat(np.cumsum(length) - length, length)
        number = np.repeat(numbers[similarities >= last], length)
        row = rows[starts[number] + offset]
        order = np.lexsort((row, -similarity, query))
        first = np.searchsorted(query, np.arange(len(similarities)))
        taken = order[first[:, None] + np.arange(k)]
        return similarity[taken], row[taken]

    @cached_property
    def _rows_of(self) -> tuple[Rows, Rows]:
        """Rows sorted by distinct number (n,), and where each number starts (u + 1,)."""
        starts = np.searchsorted(np.sort(self.number_of), np.arange(len(self) + 1))
        return np.argsort(self.number_of, kind="stable"), starts.astype(np.int64)


def digests_of(vectors: Floats) -> Digests:
    """One number a row, equal for equal rows, (n,) uint64."""
    word: type[np.uint64 | np.uint32] = np.uint64 if vectors.shape[1] % 2 == 0 else np.uint32
    n_words = vectors.shape[1] * 4 // word().itemsize
    weights = np.random.default_rng(0).integers(1, 2**63, n_words, np.uint64) * 2 + 1
    digests = np.empty(len(vectors), np.uint64)
    for start, tile in tiles(vectors):
        words = tile.view(word).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        words ^= words >> np.uint64(29)
        words *= weights
        digests[start : start + len(tile)] = words.sum(axis=1)
    return digests


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


def tiles(vectors: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Parts of the rows that fit into the cache, each with the number of its first row."""
    for start in range(0, len(vectors), _TILE):
        yield start, vectors[start : start + _TILE]


def _padded(vectors: Floats) -> Floats:
    if len(vectors) >= _LEAST:
        return vectors
    return np.concatenate([vectors, np.zeros((_LEAST - len(vectors), vectors.shape[1]), "f4")])


def similarities_between(a: Floats, b: Floats) -> Floats:
    """Products of the rows of two arrays of unit vectors, (len(a), len(b)) float32.

    Each is the same however many rows are compared at once; rounding can leave it beyond 1.
    """
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
