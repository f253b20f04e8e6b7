"""Test-centric: in each turn every target record takes its nearest record that is left."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.nearest_queue import NearestQueue, Weight, voters
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._by_turns import ByTurns


class TestCentric(ByTurns):
    """Choose, in turns, the nearest record left for every record of the target.

    Each target record votes once a turn. Records leave only after all have voted, so two target
    records may share one, and it counts once [1]_. Target records that lie close together share
    what they ask for, and the others get as many turns, so the choice covers the whole target; the
    globally nearest records may all lie near a few target records. Within a turn the most similar
    records come first, so the last turn is cut there. Exact copies of a record are taken in
    different turns. Rows of `given` are skipped. The gain of a record is its similarity to the
    target record that took it. Exact, without a matrix of all similarities. Time O(n * targets *
    d), memory O(targets * budget) at most.

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
    """How often the records of each group of the target vote: 1 in every turn, 0.5 in every second
    turn; 1 for groups that are not named. equal: each group casts equally many votes, however many
    records it has."""

    def asked_for(
        self, queue: NearestQueue, target: Pool
    ) -> Iterator[tuple[Rows, NDArray[np.float32]]]:
        voting = voters(target.groups, len(target), self.weights)
        for turn in queue.turns(voting):
            yield turn.rows, turn.similarities
