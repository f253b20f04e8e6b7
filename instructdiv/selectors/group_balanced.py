"""Quotas for the known groups of a pool."""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.clusterers import ByLabel
from instructdiv.core.rows import Rows
from instructdiv.errors import ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors._balanced import Balanced


class GroupBalanced(Balanced):
    """Give each known group (source, task, language) a quota, and choose within each group.

    Quotas are equal, in proportion to size, or given by `shares`. Groups take turns, so every
    prefix is balanced. A group with fewer records than its quota gives all it has, and the others
    share the rest. Time: the inner selector on each group.

    Raises
    ------
    ShapeError
        The pool has no groups, or lacks one that `shares` names.

    Examples
    --------
    >>> pool = Pool.from_embeddings(np.eye(4), groups=["a", "a", "a", "b"])
    >>> GroupBalanced().select(pool, 2).indices.tolist()
    [0, 3]
    >>> GroupBalanced(shares={"a": 0.75, "b": 0.25}).select(pool, 4).indices.tolist()
    [0, 1, 3, 2]
    """

    needs: ClassVar[tuple[str, ...]] = ("group",)
    shares: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Share of the budget for each group by name, or weights in proportion to it; groups that are
    not named get nothing. If not given, `balance` decides."""

    def labels(self, pool: Pool) -> Rows:
        return ByLabel().cluster(pool.space, pool.groups)

    def weights(self, pool: Pool, sizes: Rows) -> NDArray[np.float64]:
        if self.shares is None:
            return super().weights(pool, sizes)
        names = np.unique(pool.groups if pool.groups is not None else []).tolist()
        unknown = sorted(self.shares.keys() - set(names))
        if unknown or not any(self.shares.values()):
            raise ShapeError(
                f"{self.name} needs shares of groups of the pool, one above 0: the groups are "
                f"{', '.join(names)}, but shares names {', '.join(self.shares) or 'none'}"
            )
        return np.array([self.shares.get(name, 0.0) for name in names])
