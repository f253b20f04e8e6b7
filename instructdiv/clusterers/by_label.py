"""Clusters that are known from the data."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.clusterers._base import Clusterer
from instructdiv.core.space import Space
from instructdiv.errors import ShapeError


class ByLabel(Clusterer):
    """Takes the known groups for clusters, numbered in alphabetical order.

    Examples
    --------
    >>> space = Space.of([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> ByLabel().cluster(space, np.array(["maths", "code", "maths"])).tolist()
    [1, 0, 1]
    """

    def cluster(self, space: Space, groups: NDArray[np.str_] | None = None) -> NDArray[np.int64]:
        if groups is None:
            raise ShapeError("by_label needs groups; name the column that holds them")
        if len(groups) != len(space):
            raise ShapeError(f"{len(groups)} groups do not fit {len(space)} rows")
        return np.unique(groups, return_inverse=True)[1].astype(np.int64)
