"""Clusterer: gives each row of a space the number of its cluster."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.part import Part


class Clusterer(Part):
    """Gives each row of a space the number of its cluster, 0..c-1, every number used."""

    family = "clusterer"

    @abstractmethod
    def cluster(self, space: Space, groups: NDArray[np.str_] | None = None) -> Rows:
        """Cluster of each row, (n,) int64; `groups` (n,) are the known groups, if any."""
