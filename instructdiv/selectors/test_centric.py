"""Test-centric selection: in each turn every target takes its nearest record that is left."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.greedy import Rows
from instructdiv.core.nearest_queue import NearestQueue, Weight, voters
from instructdiv.pool import Pool
from instructdiv.selectors._by_turns import ByTurns


class TestCentric(ByTurns):
    """Give every record of the target one vote a turn, for the nearest record that is left.

    Records leave only after all have voted, so two targets may share one, and it counts once
    [1]_. Targets that lie close together share what they ask for, and the others get as many
    turns: the choice covers what the target covers, where the globally nearest records may all
    lie near a few of its records. In a turn the most similar records come first, and so the
    last turn is cut. Copies of a record are taken in as many turns. Records given already
    are passed by. The gain of a record is its similarity to the target that took it. Exact,
    without a matrix of all similarities. Time O(n * targets * d), memory O(targets * budget)
    at most.

    References
    ----------
    .. [1] H. He et al., "The right time matters: data arrangement affects zero-shot
       generalization in instruction tuning", Findings of ACL 2025, Algorithm 1.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]])
    >>> TestCentric().select(pool, 3, target=[[1.0, 0.1], [0.3, 1.0]]).indices.tolist()
    [1, 2, 0]
    """

    __test__: ClassVar[bool] = False  # its name is no invitation to pytest

    weights: dict[str, Weight] | Literal["equal"] | None = None
    """How often the records of a group of the target vote: in every turn with weight 1, in
    every second with 0.5; of groups not named 1. equal: each group votes equally often,
    however many records it has."""

    def asked_for(
        self, queue: NearestQueue, target: Pool
    ) -> Iterator[tuple[Rows, NDArray[np.float32]]]:
        voting = voters(target.groups, len(target), self.weights)
        for turn in queue.turns(voting):
            yield turn.rows, turn.similarities
