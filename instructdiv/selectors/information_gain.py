"""Information gain: records that spread information over labels."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.errors import InputError
from instructdiv.pool import Pool
from instructdiv.selectors._base import scaled
from instructdiv.selectors._maximizer import Maximizer
from instructdiv.selectors._sparse_rows import SparseRows

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class InformationGain(Maximizer):
    """Choose records that spread information over tags or clusters (MIG).

    Maximizes the sum over labels l of ( sum over chosen i of A_il ) ^ power [1]_: each further
    record of a label adds less. Labels are the tags in `tags_column`, or else clusters. A record
    adds its quality score, if the pool has any, to each of its tags; with clusters, also times its
    similarity to the center. A part of it spreads to labels with similar mean vectors, in
    proportion to their similarity. Monotone and submodular; gains are exact differences, where the
    paper's code takes the slope. Greedy reaches 1 - 1/e of the best value. Time: the clusters, and
    O(n * labels of a record); memory the same.

    References
    ----------
    .. [1] Y. Chen et al., "MIG: Automatic data selection for instruction tuning by
       maximizing information gain in semantic space", arXiv 2504.13835, 2025.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.0, 1.0]])
    >>> InformationGain().select(pool, 2).indices.tolist()
    [1, 3]
    """

    tags_column: str | None = None
    """Column that holds the list of tags of each record; clusters if not given."""

    clusterer: Clusterer = KMeans(resolution=2)
    """Clusterer for pools without tags."""

    power: float = Field(default=0.8, gt=0, le=1)
    """How much further records of a label add: 1 as much as the first, near 0 nothing."""

    label_similarity_threshold: float = Field(default=0.9, ge=0, le=1)
    """Least cosine similarity between the mean vectors of two labels for information to spread."""

    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        labels_of = self._labels(pool)
        middles = _middles(labels_of, pool.space)
        if self.tags_column is None:
            labels = labels_of.indices
            nearness = np.einsum("ij,ij->i", pool.space.vectors, middles[labels])
            labels_of.data = np.maximum(nearness, 0).astype(np.float64)
        if pool.quality is not None:
            labels_of.data *= np.repeat(scaled(pool.quality), np.diff(labels_of.indptr))
        return _Information(
            _spread(labels_of, middles, self.label_similarity_threshold), self.power
        )

    def _labels(self, pool: Pool) -> "csr_array[Any, tuple[int, int]]":
        """Labels of each row, (n, labels) CSR of ones."""
        from scipy.sparse import csr_array

        if self.tags_column is None:
            clusters = self.clusterer.cluster(pool.space, pool.groups)
            starts = np.arange(len(pool) + 1)
            return csr_array((np.ones(len(pool)), clusters, starts))
        if pool.records is None:
            raise InputError(
                f"a pool of vectors alone has no column {self.tags_column!r} of tags; "
                "build it with Pool.of, or leave tags_column out to use clusters"
            )
        number: dict[str, int] = {}
        columns: list[int] = []
        starts_of = [0]
        for tags in pool.records.column(self.tags_column):
            found = [tags] if isinstance(tags, str) else list(tags or ())
            columns += [number.setdefault(t, len(number)) for t in dict.fromkeys(map(str, found))]
            starts_of.append(len(columns))
        shape = (len(pool), max(1, len(number)))
        return csr_array((np.ones(len(columns)), np.array(columns, np.int64), starts_of), shape)


def _middles(labels_of: "csr_array[Any, tuple[int, int]]", space: Space) -> NDArray[np.float32]:
    """Unit mean vector of each label, (labels, d)."""
    sums = np.asarray(labels_of.T.tocsr() @ space.vectors, np.float64)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
    return np.asarray(unit, np.float32)


def _spread(
    labels_of: "csr_array[Any, tuple[int, int]]",
    middles: NDArray[np.float32],
    similarity_threshold: float,
) -> "csr_array[Any, tuple[int, int]]":
    """Amount that each row adds to each label, spread to similar labels, (n, labels) CSR."""
    from scipy.sparse import csr_array

    from instructdiv.core.threads import one_thread

    rows, columns, weights = [], [], []
    for start in range(0, len(middles), 1024):
        with one_thread():
            similarities = middles[start : start + 1024] @ middles.T
        label, other = np.nonzero(similarities >= similarity_threshold)
        apart = label + start != other
        rows.append(label[apart] + start)
        columns.append(other[apart])
        weights.append(similarities[label[apart], other[apart]])
    own = np.arange(len(middles))
    alike = csr_array(
        (
            np.concatenate([*weights, np.ones(len(own))]).astype(np.float64),
            (np.concatenate([*rows, own]), np.concatenate([*columns, own])),
        ),
        shape=(len(own), len(own)),
    )
    alike.data /= np.repeat(np.asarray(alike.sum(axis=1)), np.diff(alike.indptr))
    return (labels_of @ alike).tocsr()


class _Information(Objective):
    def __init__(self, amounts: "csr_array[Any, tuple[int, int]]", power: float) -> None:
        self._entries = SparseRows(amounts.indptr)
        self._labels, self._amounts = amounts.indices, amounts.data
        self._n_labels, self._power = amounts.shape[1], power
        self.clear()

    def clear(self) -> None:
        self._mass = np.zeros(self._n_labels)

    @property
    def value(self) -> float:
        return float((self._mass**self._power).sum())

    def gains(self, rows: Rows) -> NDArray[np.float64]:
        gains = np.zeros(len(rows))
        filled, places, firsts = self._entries.places(rows)
        if not len(places):
            return gains
        mass = self._mass[self._labels[places]]
        more = (mass + self._amounts[places]) ** self._power - mass**self._power
        gains[filled] = np.add.reduceat(more, firsts)
        return gains

    def add(self, row: int) -> None:
        places = self._entries.of(row)
        self._mass[self._labels[places]] += self._amounts[places]
