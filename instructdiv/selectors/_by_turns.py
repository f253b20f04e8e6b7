"""ByTurns: base of the selectors in which target records take turns to ask for rows."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.nearest_queue import NearestQueue
from instructdiv.core.rows import Rows
from instructdiv.core.space import Space
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector


class ByTurns(Selector):
    """Lets the records of the target ask for rows, turn by turn, until the budget is spent."""

    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    direction: Literal["near", "far"] = "near"
    """Whether a target record asks for the nearest row that is left, or for the farthest."""

    @abstractmethod
    def asked_for(
        self, queue: NearestQueue, target: Pool
    ) -> Iterator[tuple[Rows, NDArray[np.float32]]]:
        """Rows that are asked for in each turn, and their similarity to the target that asked.

        The rows have left the queue.
        """

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        rows, ledger = allowance.rows, allowance.ledger()
        n_expected = min(len(rows), int(allowance.limit / allowance.costs[rows].mean()) + 1)
        far = self.direction == "far"
        queue = NearestQueue(pool.space, target.space, rows, n_expected, farthest=far)
        each_turn = not allowance.counts_records
        of_groups = _one_of_each(allowance)
        open_groups = ledger.fitting(of_groups)
        indices: list[int] = []
        gains: list[float] = []
        passed_over: list[int] = []
        for asked, similarities in self.asked_for(queue, target):
            for row, similarity in zip(asked.tolist(), similarities.tolist(), strict=True):
                if ledger.fits(row):
                    ledger.take(row)
                    indices.append(row)
                    gains.append(similarity)
                else:
                    passed_over.append(row)
            still_open = ledger.fitting(of_groups)
            if each_turn or (still_open != open_groups).any():
                open_groups = still_open
                left = np.flatnonzero(queue.left)
                barred = left[~ledger.fitting(left)]
                queue.take(barred)
                passed_over += barred.tolist()
            if not ledger.left:
                break
        # Room grows where the floor of a group turns out to be out of reach.
        rest = allowance.after(np.array(indices, np.int64)).fill(passed_over)
        nearness = _nearness(pool.space.take(rest), target.space) if len(rest) else np.empty(0)
        return np.concatenate([np.array(indices, np.int64), rest]), np.append(gains, nearness)


def _one_of_each(allowance: Allowance) -> Rows:
    """One row of each group that has floors or caps."""
    if allowance.groups is None:
        return np.empty(0, np.int64)
    first = np.unique(allowance.groups[allowance.rows], return_index=True)[1]
    return allowance.rows[first]


def _nearness(space: Space, target: Space) -> NDArray[np.float64]:
    return target.nearest_similarity(space).astype(np.float64)
