"""Test-centric multi-turn arrangement: in each turn every target takes its nearest record left."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from instructdiv.arrangers._base import ArrangedRows, Arranger, Rows
from instructdiv.core.nearest_queue import NearestQueue, Turn, Weight, voters
from instructdiv.pool import Pool


class TestCentric(Arranger):
    """Give every record of the target one vote a turn, for the nearest record that is left.

    Records leave only after all have voted, so two targets may share one, and it counts once:
    a turn has 1 to as many records as the target [1]_. Near records stand early, and each
    target has had as many of its own as any other. Exact, without a matrix of all
    similarities. Time O(n * targets * d) a sweep, of which a whole arrangement needs a few,
    memory O(targets * depth).

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
    """Whether a target takes the nearest record that is left, or the farthest."""

    within_turn: Literal["shuffle", "similarity", "query", "index"] = "shuffle"
    """Order within a turn: at random; the most similar first (the least for far); by the row
    of the target that asked; or by row, as the paper's code has it, which serves the
    tasks of a file one after another where it is sorted by task."""

    weights: dict[str, Weight] | Literal["equal"] | None = None
    """How often the records of a group of the target vote: in every turn with weight 1, in
    every second with 0.5; of groups not named 1. equal: each group votes equally often,
    however many records it has."""

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
