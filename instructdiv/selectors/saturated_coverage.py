"""Saturated coverage: each record represented by several chosen ones, up to a limit."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._maximizer import Maximizer
from instructdiv.selectors._sparse_rows import SparseRows
from instructdiv.selectors.facility_location import nearest_graph


class SaturatedCoverage(Maximizer):
    """Represent every target record by several chosen records, up to a limit.

    Maximizes the sum over the target i of min( sum over chosen j of s_ij, saturation * sum over all
    j of s_ij ) [1]_ on the graph of nearest neighbors. Monotone and submodular, so greedy reaches 1
    - 1/e of the best value on that graph. Where `saturation` is unset it is the share of the pool
    within the budget, and a smaller budget then gives no prefix. Time O(n^2 * d) for the neighbors
    and about O(budget * neighbors) after; memory O(n * neighbors).

    References
    ----------
    .. [1] H. Lin, J. Bilmes, "A class of submodular functions for document
       summarization", ACL 2011.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.0, 1.0]])
    >>> SaturatedCoverage().select(pool, 2).indices.tolist()
    [2, 1]
    """

    covers_target: ClassVar[bool] = True
    nested: ClassVar[bool] = False

    saturation: float | None = Field(default=None, gt=0, le=1)
    """Share of all its similarity at which a record is represented enough; unset: the share of the
    pool within the budget."""

    n_neighbors: int = Field(default=16, ge=1)
    """Number of nearest records that can represent a record; all of them where there are fewer."""

    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        whole = int(allowance.costs.sum())
        saturation = self.saturation or min(1.0, max(allowance.limit, 1) / whole)
        return _Saturated(target, pool.space, self.n_neighbors, saturation)


class _Saturated(Objective):
    def __init__(self, target: Space, space: Space, n_neighbors: int, saturation: float) -> None:
        by_column = nearest_graph(target, space, min(n_neighbors, len(space))).tocsc()
        self._entries = SparseRows(by_column.indptr)
        self._rows = by_column.indices
        self._similarities = np.maximum(by_column.data, 0, out=by_column.data)
        whole = np.bincount(self._rows, self._similarities, minlength=len(target))
        self._enough = saturation * whole
        self.clear()

    def clear(self) -> None:
        self._room = self._enough.copy()

    @property
    def value(self) -> float:
        return float((self._enough - self._room).sum())

    def gains(self, rows: Rows) -> NDArray[np.float64]:
        gains = np.zeros(len(rows))
        filled, places, firsts = self._entries.places(rows)
        if not len(places):
            return gains
        added = np.minimum(self._similarities[places], self._room[self._rows[places]])
        gains[filled] = np.add.reduceat(added, firsts)
        return gains

    def add(self, row: int) -> None:
        places = self._entries.of(row)
        covered = self._rows[places]
        self._room[covered] -= np.minimum(self._similarities[places], self._room[covered])
