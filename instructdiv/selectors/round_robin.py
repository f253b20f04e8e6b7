"""Round robin over the target: each record of it takes its nearest that is left, one by one."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.greedy import Rows
from instructdiv.core.nearest_queue import NearestQueue
from instructdiv.pool import Pool
from instructdiv.selectors._by_turns import ByTurns


class RoundRobin(ByTurns):
    """Let the records of the target take one record each, one after the other, again and again.

    What is gone is gone: who comes later takes its nearest of what is left [1]_. So every
    target gets as many records as any other, also where they all ask for the same few; with
    budgets of more than a few times the number of targets it chooses nearly what
    ``test_centric`` does. The order of the target decides between its records. The gain of a
    record is its similarity to the target that took it. Time O(n * targets * d), memory
    O(targets * budget) at most.

    References
    ----------
    .. [1] "A critical look at targeted instruction selection", ICML 2026, arXiv 2602.14696.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]])
    >>> RoundRobin().select(pool, 3, target=[[1.0, 0.1], [0.3, 1.0]]).indices.tolist()
    [1, 2, 0]
    """

    def asked_for(
        self, queue: NearestQueue, target: Pool
    ) -> Iterator[tuple[Rows, NDArray[np.float32]]]:
        while len(queue):
            rows, similarities = queue.nearest()
            n_taken = 0
            for j in range(len(target)):
                if not len(queue):
                    break
                if not queue.left[rows[j]]:
                    [rows[j]], [similarities[j]] = queue.nearest(np.array([j]))
                queue.take(rows[j : j + 1])
                n_taken += 1
            yield rows[:n_taken], similarities[:n_taken]
