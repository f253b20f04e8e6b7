"""Round robin: the records of the target take their nearest record left, one by one."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.nearest_queue import NearestQueue
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool
from instructdiv.selectors._by_turns import ByTurns


class RoundRobin(ByTurns):
    """Give every target record equally many records: each takes its nearest that is left, in turn.

    A record is taken once, so a later target record takes its nearest of what is left [1]_. Every
    target record gets as many as any other, also where all want the same few. At budgets of more
    than a few times the number of target records the choice is nearly that of ``test_centric``. The
    order of the target decides ties between its records. The gain of a record is its similarity to
    the target record that took it. Time O(n * targets * d), memory O(targets * budget) at most.

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
