"""Test-centric: in each turn every target record takes its nearest record that is left."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from instructdiv.arrangers._base import ArrangedRows, Arranger
from instructdiv.core.nearest_queue import NearestQueue, Turn, Weight, voters
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool


class TestCentric(Arranger):
    """Order rows in turns: each target record takes the nearest row that is left.

    Rows leave only after all target records have voted, so two may share one row, and it counts
    once: a turn has from 1 row to as many as the target has records [1]_. Near rows come early, and
    each target record has had as many rows of its own as any other. Exact, without a matrix of all
    similarities. Time O(n * targets * d) a sweep over the rows, of which a whole arrangement needs
    a few; memory O(targets * depth).

    References
    ----------
    .. [1] H. He et al., "The right time matters: data arrangement affects zero-shot
       generalization in instruction tuning", Findings of ACL 2025, Algorithm 1.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]])
    >>> arranger = TestCentric(within_turn="similarity")
    >>> arrangement = arranger.arrange(pool, None, target=[[1.0, 0.1], [0.3, 1.0]])
    >>> arrangement.indices.tolist(), arrangement.turn.tolist()
    ([1, 2, 0, 3], [0, 0, 1, 1])
    """

    __test__: ClassVar[bool] = False  # its name is no invitation to pytest
    needs_target: ClassVar[bool] = True

    direction: Literal["near", "far"] = "near"
    """Whether a target record takes the nearest row that is left, or the farthest."""

    within_turn: Literal["shuffle", "similarity", "query", "index"] = "shuffle"
    """Order within a turn. shuffle: at random; similarity: the most similar first (the least for
    far); query: by the row of the target that asked; index: by row, as in the paper's code, which
    keeps tasks together where the file is sorted by task."""

    weights: dict[str, Weight] | Literal["equal"] | None = None
    """How often the records of each group of the target vote: 1 in every turn, 0.5 in every second
    turn; 1 for groups that are not named. equal: each group casts equally many votes, however many
    records it has."""

    seed: int = Field(default=0, ge=0)
    """Seed of the order within a turn."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        assert target is not None  # noqa: S101
        far = self.direction == "far"
        queue = NearestQueue(pool.space, target.space, np.sort(rows), len(rows), farthest=far)
        random = np.random.default_rng(self.seed)
        voting = voters(target.groups, len(target), self.weights)
        turns = [self._ordered(turn, random) for turn in queue.turns(voting)]
        return ArrangedRows(
            np.concatenate([turn.rows for turn in turns]),
            np.repeat(np.arange(len(turns)), [len(turn.rows) for turn in turns]),
            np.concatenate([turn.targets for turn in turns]),
            np.concatenate([turn.similarities for turn in turns]),
        )

    def _ordered(self, turn: Turn, random: np.random.Generator) -> Turn:
        if self.within_turn == "similarity":
            return turn
        if self.within_turn == "shuffle":
            by_row = np.argsort(turn.rows)
            places = by_row[random.permutation(len(by_row))]
        elif self.within_turn == "query":
            places = np.lexsort((turn.rows, turn.targets))
        else:
            places = np.argsort(turn.rows)
        return Turn(turn.rows[places], turn.targets[places], turn.similarities[places])
