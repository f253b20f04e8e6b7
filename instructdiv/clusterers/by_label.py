"""By label: the known groups as clusters."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.clusterers._base import Clusterer
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.errors import ShapeError


class ByLabel(Clusterer):
    """Takes the known groups (source, task, language) as clusters, in alphabetical order.

    Examples
    --------
    >>> space = Space.of([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> ByLabel().cluster(space, np.array(["maths", "code", "maths"])).tolist()
    [1, 0, 1]
    """

    def cluster(self, space: Space, groups: NDArray[np.str_] | None = None) -> Rows:
        if groups is None:
            raise ShapeError(
                "by_label needs the group of each record; name the column of the groups (group, or "
                "--group on the command line)"
            )
        if len(groups) != len(space):
            raise ShapeError(
                f"by_label needs one group a row, got {len(groups)} for {len(space)} rows"
            )
        return np.unique(groups, return_inverse=True)[1].astype(np.int64)
