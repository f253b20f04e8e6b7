"""Draws: random draws from a pool, and how near each comes to a target."""

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instructdiv.errors import ShapeError
from instructdiv.pool import Pool

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

# A band measures each draw against each target row: above this many it is taken on a sample.
SAMPLE = 20_000
# Products of components that may be spent on it, about 6 seconds of two cores.
_WORK = 1.5e11
_LEAST = 1000
# Share of the target rows whose list may hold no row of a draw.
_MISSED = 1e-3
_LONGEST = 2**25
_FIRST_LOOK = 2


class Draws:
    """Random draws of any size from a pool, the same rows first whatever the size.

    Parameters
    ----------
    pool
        What is drawn from.
    target
        What the draws have to cover.
    n_draws, seed
        Number of draws, and the seed of them.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    >>> drawn = Draws(pool, pool, n_draws=2, seed=0)
    >>> [set(few) <= set(more) for few, more in zip(drawn.rows(1), drawn.rows(2))]
    [True, True]
    >>> drawn.nearest_similarity(3).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    def __init__(self, pool: Pool, target: Pool, n_draws: int, seed: int) -> None:
        if n_draws < 1:
            raise ShapeError(f"a random band needs at least 1 draw, got {n_draws}")
        self.pool, self.target, self.n_draws, self.seed = pool, target, n_draws, seed

    def rows(self, size: int) -> Iterator[Rows]:
        """Rows of each draw of a size, ascending (size,) int64.

        Raises
        ------
        ShapeError
            The pool has fewer rows, or none are asked for.
        """
        if not 1 <= size <= len(self.pool):
            raise ShapeError(f"the size of a draw must lie in 1..{len(self.pool)}, got {size}")
        return (np.sort(self._order(draw)[:size]) for draw in range(self.n_draws))

    def nearest_similarity(self, size: int) -> Floats:
        """How near the nearest row of each draw is to each target row, (draws, t) float32.

        Equal to ``Space.nearest_similarity`` of the rows of each draw, to rounding. Either
        each draw is compared with the target, O(draws * size * t * d), or each target row
        looks up the first member of a draw in the list of its nearest pool rows, which takes
        O(n * t * d) once for all sizes; whichever is less.
        """
        found = np.empty((self.n_draws, len(self.target)), np.float32)
        if size == len(self.pool):
            found[:] = self.of_pool()
            return found
        listed = "_lists" in self.__dict__ or size * self.n_draws > len(self.pool)
        for draw, rows in enumerate(self.rows(size)):
            if listed:
                found[draw] = self._look_up(rows)
            else:
                found[draw] = self.pool.space.take(rows).nearest_similarity(self.target.space)
        return found

    def of_pool(self) -> Floats:
        """How near the nearest row of the whole pool is to each target row, (t,) float32."""
        if "_lists" in self.__dict__:
            return self._lists[0][:, 0]
        return self.pool.space.nearest_similarity(self.target.space)

    def _order(self, draw: int) -> Rows:
        return np.random.default_rng([self.seed, draw]).permutation(len(self.pool))

    @cached_property
    def _distinct(self) -> tuple[Rows, Rows]:
        """First row of each distinct vector (u,), and which of them each row has (n,)."""
        firsts, number_of = np.unique(self.pool.space.first_copies, return_inverse=True)
        return firsts, number_of

    @cached_property
    def _lists(self) -> tuple[Floats, NDArray[np.int32]]:
        """The distinct vectors nearest to each target row and their similarity, (t, k) each.

        Long enough for the smallest draws that are looked up, so that they are made once.
        """
        firsts, _ = self._distinct
        n = len(firsts)
        wanted = (
            math.ceil(math.log(_MISSED) / math.log1p(-1 / self.n_draws)) if self.n_draws > 1 else n
        )
        length = max(1, min(n, wanted, _LONGEST // len(self.target)))
        similarities, numbers = self.pool.space.take(firsts).nearest(self.target.space, length)
        return similarities, numbers.astype(np.int32)

    def _look_up(self, drawn: Rows) -> Floats:
        similarities, numbers = self._lists
        firsts, number_of = self._distinct
        member = np.zeros(len(firsts), np.bool_)
        member[number_of[drawn]] = True
        found = np.empty(len(self.target), np.float32)
        pending = np.arange(len(self.target))
        start, width = 0, _FIRST_LOOK * math.ceil(len(self.pool) / len(drawn))
        while len(pending) and start < numbers.shape[1]:
            here = member[numbers[pending, start : start + width]]
            place = here.argmax(axis=1)
            hit = here[np.arange(len(here)), place]
            found[pending[hit]] = similarities[pending[hit], start + place[hit]]
            pending = pending[~hit]
            start, width = start + width, 2 * width
        if len(pending):
            left = self.target.space.take(pending)
            found[pending] = self.pool.space.take(drawn).nearest_similarity(left)
        return found


def measured_on(target: Pool, pool: Pool, size: int, n_draws: int, seed: int) -> Pool:
    """The target, or the random sample of it on which draws of a size are measured in seconds.

    At most 20,000 rows, and fewer, down to 1,000, where the pool is so large that comparing
    it with them would take long.
    """
    # Another target is compared with the whole pool too, for the value of the pool.
    n_compared = min(size * n_draws, len(pool)) if target is pool else len(pool)
    work = max(1, n_compared * pool.space.n_dimensions)
    return sampled(target, min(SAMPLE, max(_LEAST, int(_WORK / work))), seed)


def sampled(pool: Pool, most: int, seed: int) -> Pool:
    """The pool, or a random sample of so many of its rows, in their order."""
    if len(pool) <= most:
        return pool
    random = np.random.default_rng(seed)
    return pool.take(np.sort(random.choice(len(pool), most, replace=False)))
