"""Unbalanced transport: the mass of the target moved to the pool, with uneven arrivals."""

import warnings
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.nearest_first import nearest_first, rows_of
from instructdiv.core.rows import Rows
from instructdiv.errors import ParameterError, UsageError
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector
from instructdiv.selectors.knn_uniform import by_mass


class UnbalancedTransport(Selector):
    """Choose the records that receive most mass in an unbalanced optimal transport plan.

    Every target record gives away all of its mass; a record of the pool may receive more or less
    than its even share, at a price; an entropy term makes the plan smooth [1]_. Sinkhorn's
    algorithm finds the plan [2]_, here among the records near any target record; the others receive
    nothing and come last, by their similarity to the nearest target record. Needs POT, the extra
    ``transport``. The gain of a record is its mass. Time O(n * targets * d) and O(u * targets) an
    iteration for the u records near a target record, memory O(u * targets).

    References
    ----------
    .. [1] L. Chizat et al., "Scaling algorithms for unbalanced optimal transport problems",
       Mathematics of Computation 87, 2018.
    .. [2] R. Flamary et al., "POT: Python Optimal Transport", JMLR 22, 2021.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [-1.0, 1.0]])
    >>> selector = UnbalancedTransport()
    >>> selector.select(pool, 2, target=[[1.0, 0.1], [0.3, 1.0]]).indices.tolist()
    [2, 1]
    """

    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    entropy_weight: float = Field(default=0.01, gt=0)
    """Weight of the entropy, in units of distance: higher values make the plan smoother."""

    evenness_weight: float = Field(default=1e-4, gt=0)
    """Weight of the price for a record that receives more or less than its even share."""

    n_neighbors: int = Field(default=1000, ge=1)
    """Number of records nearest to each target record that may receive mass."""

    n_iterations: int = Field(default=1000, ge=1)
    """Largest number of Sinkhorn iterations."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        able = np.union1d(allowance.rows, given)
        depth = min(self.n_neighbors, len(able))
        lists = nearest_first(pool.space, target.space, able, depth)
        rows = np.unique(np.concatenate([rows_of(keys[:depth]) for keys in lists]))
        mass = np.zeros(len(pool))
        mass[rows] = self._received(pool, target, rows)
        return by_mass(pool, allowance, target, mass, np.zeros(len(pool)))

    def _received(self, pool: Pool, target: Pool, rows: Rows) -> NDArray[np.float64]:
        try:
            from ot.unbalanced import sinkhorn_unbalanced
        except ImportError:
            raise UsageError(
                f"{self.name} needs POT, which is not installed; install the extra: "
                'pip install "instructdiv[transport]", or take knn_uniform'
            ) from None
        from instructdiv.core.threads import one_thread, products

        distance = 1 - products(target.space.vectors, pool.space.vectors[rows]).astype(np.float64)
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the result is checked below
            plan = sinkhorn_unbalanced(
                np.full(len(target), 1 / len(target)),
                np.full(len(rows), 1 / len(rows)),
                distance.clip(0, 2),
                self.entropy_weight,
                (np.inf, self.evenness_weight),
                method="sinkhorn_stabilized",
                numItermax=self.n_iterations,
            )
        received = np.asarray(plan.sum(axis=0), np.float64)
        if not 0.9 < received.sum() < 1.1:
            raise ParameterError(
                f"{self.name} moved {received.sum():.3g} of the mass instead of 1: entropy_weight "
                f"{self.entropy_weight:g} is too small for float64, or {self.n_iterations} "
                "iterations are too few; raise entropy_weight or n_iterations"
            )
        return received
