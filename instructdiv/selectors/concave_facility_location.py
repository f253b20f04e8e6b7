"""Concave facility location: coverage that counts less in clusters covered well."""

from typing import ClassVar

from pydantic import Field

from instructdiv.clusterers import Clusterer, KMeans
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Objective
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._maximizer import Maximizer
from instructdiv.selectors.facility_location import Coverage


class ConcaveFacilityLocation(Maximizer):
    """Facility location that rewards covering clusters which are covered badly.

    Maximizes the sum over clusters c of ( sum over i in c of max over chosen j of s_ij ) ^ (1 -
    concavity), in the line of diversity rewards [1]_ and deep submodular functions [2]_. It is
    monotone and submodular, so lazy greedy reaches 1 - 1/e of the best value on the neighbor graph.
    Clusters are those of the target. Time and memory as facility location.

    References
    ----------
    .. [1] H. Lin, J. Bilmes, "A class of submodular functions for document
       summarization", ACL 2011.
    .. [2] B. Dolhansky, J. Bilmes, "Deep submodular functions", NIPS 2016.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> sorted(ConcaveFacilityLocation().select(pool, 2).indices.tolist())
    [1, 2]
    """

    covers_target: ClassVar[bool] = True

    concavity: float = Field(default=0.25, ge=0, lt=1)
    """How fast the gain from a cluster shrinks as it gets covered: 0 is plain facility location;
    near 1 all clusters count alike, whatever their size."""

    clusterer: Clusterer = KMeans()
    """Clusterer that finds the clusters; by default as many as the square root of the number of
    rows."""

    n_neighbors: int = Field(default=128, ge=1)
    """Number of nearest records that can represent a record; all of them where there are fewer."""

    def objective(self, pool: Pool, target: Space, allowance: Allowance) -> Objective:
        groups = pool.groups if target is pool.space else None
        clusters = self.clusterer.cluster(target, groups)
        return Coverage(target, pool.space, self.n_neighbors, clusters, 1 - self.concavity)
