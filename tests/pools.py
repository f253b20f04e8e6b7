"""Pools that the common tests share."""

from dataclasses import replace
from typing import Any

import numpy as np

from instructdiv import Budget, Pool, Selection, Space
from instructdiv.selectors import Selector


def clustered(n: int, d: int, n_clusters: int, seed: int = 0) -> Pool:
    """Rows around a few centers of unequal weight, with the center as group and unequal costs."""
    random = np.random.default_rng(seed)
    centers = random.standard_normal((n_clusters, d))
    weights = 1 / np.arange(1, n_clusters + 1)
    labels = random.choice(n_clusters, n, p=weights / weights.sum())
    vectors = centers[labels] + 0.7 * random.standard_normal((n, d))
    groups = [f"group {label}" for label in labels]
    costs, quality = random.integers(5, 60, n), random.integers(1, 6, n)
    return Pool.from_embeddings(vectors, groups, costs, quality)


def labels(pool: Pool) -> np.ndarray:
    """The groups of a pool that has them."""
    assert pool.groups is not None
    return pool.groups


def scores(pool: Pool) -> np.ndarray:
    """The quality of a pool that has it."""
    assert pool.quality is not None
    return pool.quality


def rotated(pool: Pool, seed: int = 0) -> Pool:
    """The same pool turned in space."""
    d = pool.space.n_dimensions
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))
    return replace(pool, space=Space.of(pool.space.vectors @ turn))


def readable(pool: Pool) -> Pool:
    """The same pool with a text a row, equal for equal rows."""
    words = ["sort", "sum", "name", "list", "count", "the", "of", "letters", "into", "by"]
    texts = []
    for vector in pool.space.vectors:
        random = np.random.default_rng(np.abs(vector * 1e6).astype(np.int64))
        texts.append(" ".join(random.choice(words, random.integers(2, 9))))
    return replace(pool, known_texts=tuple(texts))


def contents(pool: Pool, indices: np.ndarray) -> list[bytes]:
    """What was chosen, wherever it stood."""
    return sorted(pool.space.vectors[i].tobytes() for i in indices)


DISTINCT = readable(clustered(120, 16, 6))
_once = readable(clustered(40, 8, 4, seed=1))
COPIES = _once.take(np.random.default_rng(2).permutation(np.repeat(np.arange(40), 3)))
TINY = readable(clustered(3, 4, 2, seed=3))
ONE = readable(clustered(1, 4, 1, seed=4))
EQUAL = readable(Pool.from_embeddings(np.ones((7, 5)), ["same"] * 7, np.full(7, 9), np.arange(7)))

POOLS = {"distinct": DISTINCT, "copies": COPIES, "tiny": TINY, "one": ONE, "equal": EQUAL}


def target_of(pool: Pool) -> Pool:
    """A few records to choose for, of several groups; none is in the pool."""
    return readable(clustered(7, pool.space.n_dimensions, 2, seed=9))


def select(selector: Selector, pool: Pool, budget: Budget | int, **more: Any) -> Selection:
    """What a selector chooses; for a target, where it needs one."""
    if selector.needs_target:
        more = {"target": target_of(pool)} | more
        pool = pool if pool.has_texts else readable(pool)
    return selector.select(pool, budget, **more)
