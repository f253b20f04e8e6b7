"""What the common tests run over: every selector there is, and pools of every kind."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from instructdiv import Budget, Pool, Selection, Space
from instructdiv.selectors import Maximizer, Selector

SELECTORS = [s() for s in Selector.known().values() if s.__module__.startswith("instructdiv.")]
GREEDY = [s for s in SELECTORS if isinstance(s, Maximizer)]
NESTED = [s for s in SELECTORS if s.nested]
every_selector = pytest.mark.parametrize("selector", SELECTORS, ids=lambda s: s.name)


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


def far(sizes: dict[str, int], seed: int = 0, spread: float = 0.05) -> dict[str, Pool]:
    """Tight clusters at right angles, by name."""
    random = np.random.default_rng(seed)
    return {
        name: Pool.from_embeddings(
            np.eye(len(sizes) + 4)[i] + spread * random.standard_normal((n, len(sizes) + 4))
        )
        for i, (name, n) in enumerate(sizes.items())
    }


@st.composite
def two_spaces(draw: st.DrawFn) -> tuple[Space, Space]:
    """Vectors whose products are exact, and so full of ties and copies; or any vectors."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(1, 90)), draw(st.integers(1, 12))
    d = draw(st.sampled_from([4, 16]))
    if draw(st.booleans()):
        return Space.of(random.choice([-1.0, 1.0], (n, d))), Space.of(
            random.choice([-1.0, 1.0], (m, d))
        )
    vectors = random.standard_normal((n, d))
    vectors[random.integers(0, n, n // 3)] = vectors[0]
    return Space.of(vectors), Space.of(random.standard_normal((m, d)))


NINETY = readable(clustered(90, 12, 5, seed=11))
# Targets of every kind for it.
TARGETS = {
    "apart": readable(clustered(9, 12, 4, seed=12)),
    "within": NINETY.take([3, 50, 7]),
    "one": readable(clustered(1, 12, 1, seed=13)),
    "identical": NINETY.take([4, 4, 4]),
    "opposite": readable(Pool.from_embeddings(-NINETY.space.vectors[:5])),
}


def target_of(pool: Pool) -> Pool:
    """A few records to choose for, of several groups; none is in the pool."""
    return readable(clustered(7, pool.space.n_dimensions, 2, seed=9))


def select(selector: Selector, pool: Pool, budget: Budget | int, **more: Any) -> Selection:
    """What a selector chooses; for a target, where it needs one."""
    if selector.needs_target:
        more = {"target": target_of(pool)} | more
        pool = pool if pool.has_texts else readable(pool)
    return selector.select(pool, budget, **more)


def normal(n: int, d: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def selecting(rows: Any) -> Selection:
    return Selection(np.asarray(rows, np.int64), np.zeros(len(rows)))


every_greedy = pytest.mark.parametrize("selector", GREEDY, ids=lambda s: s.name)


SMALL = clustered(60, 8, 4)
