"""Random draws: nested, and as near to the target as the obvious way says."""

import numpy as np
import pytest

from instructdiv import Pool, Space
from instructdiv.core import neighbors
from instructdiv.errors import ShapeError
from instructdiv.metrics import MeanNearestSimilarity, RandomBaseline
from instructdiv.metrics import random_baseline as draws_module
from tests.pools import COPIES, DISTINCT, POOLS, clustered

FEW = clustered(60, 8, 3, seed=9)
FEW_COPIES = FEW.take(np.random.default_rng(0).integers(0, 20, 60))


def obvious(baseline: RandomBaseline, size: int) -> np.ndarray:
    """The nearest of each draw, one draw at a time and from all products."""
    target = baseline.target.space.vectors
    vectors = baseline.pool.space.vectors
    return np.array([(target @ vectors[rows].T).max(axis=1) for rows in baseline.rows(size)])


@pytest.mark.parametrize("pool", [FEW, FEW_COPIES, POOLS["one"], POOLS["equal"]])
@pytest.mark.parametrize("tile", [7, 4096])
@pytest.mark.parametrize("longest", [1, 60, 2**25], ids=["no lists", "lists of one", "lists"])
def test_nearest_similarity_is_that_of_all_products(
    pool: Pool, tile: int, longest: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(neighbors, "_TILE", tile)
    monkeypatch.setattr(draws_module, "_LONGEST", longest)
    target = Pool.from_embeddings(np.concatenate([pool.space.vectors, -pool.space.vectors]))
    for size in range(1, len(pool) + 1):
        baseline = RandomBaseline(pool, target, n_draws=4, seed=size)
        np.testing.assert_allclose(
            baseline.nearest_similarity(size), obvious(baseline, size), atol=1e-5
        )


def test_one_set_of_draws_serves_all_sizes_in_any_order():
    baseline = RandomBaseline(COPIES, COPIES, n_draws=8, seed=0)
    sizes = np.random.default_rng(0).permutation(np.arange(1, len(COPIES) + 1)).tolist()
    for size in sizes:
        np.testing.assert_allclose(
            baseline.nearest_similarity(size), obvious(baseline, size), atol=1e-5
        )


def test_a_row_that_is_drawn_is_as_near_as_can_be():
    baseline = RandomBaseline(COPIES, COPIES, n_draws=8, seed=0)
    for size in (3, 60, 120):
        for rows, nearest in zip(
            baseline.rows(size), baseline.nearest_similarity(size), strict=True
        ):
            assert (nearest[rows] == 1).all()


def test_the_lists_are_made_once(monkeypatch: pytest.MonkeyPatch):
    made: list[int] = []
    nearest = Space.nearest

    def counted(space: Space, queries: Space, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
        made.append(n_neighbors)
        return nearest(space, queries, n_neighbors)

    monkeypatch.setattr(Space, "nearest", counted)
    baseline = RandomBaseline(DISTINCT, DISTINCT, n_draws=8, seed=0)
    for size in (119, 3, 60, 16):
        baseline.nearest_similarity(size)
    assert len(made) == 1
    assert RandomBaseline(DISTINCT, n_draws=8).nearest_similarity(15).shape == (8, 120)
    assert len(made) == 1, "few small draws are compared with the target themselves"


def test_a_smaller_draw_is_the_start_of_a_larger_one():
    baseline = RandomBaseline(DISTINCT, DISTINCT, n_draws=6, seed=3)
    for few, more in zip(baseline.rows(10), baseline.rows(40), strict=True):
        assert set(few) < set(more)
        assert len(set(more)) == 40
        assert (np.diff(more) > 0).all()
    near = [baseline.nearest_similarity(size) for size in (5, 10, 40, 90, 120)]
    assert (np.diff(near, axis=0) >= -1e-6).all()


def test_draws_are_all_different_and_the_seed_decides():
    one, same, other = (RandomBaseline(DISTINCT, n_draws=5, seed=seed) for seed in (0, 0, 1))
    rows = [tuple(r) for r in one.rows(30)]
    assert len(set(rows)) == 5
    assert rows == [tuple(r) for r in same.rows(30)]
    assert not set(rows) & {tuple(r) for r in other.rows(30)}


def test_every_row_is_drawn_as_often_as_any_other():
    drawn = np.concatenate(list(RandomBaseline(FEW, n_draws=2000).rows(15)))
    counts = np.bincount(drawn, minlength=60)
    assert counts.sum() == 2000 * 15
    assert abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


@pytest.mark.parametrize("size", [0, 121, -1])
def test_a_size_that_cannot_be_drawn_is_refused(size: int):
    with pytest.raises(ShapeError, match=r"must lie in 1\.\.120, got"):
        RandomBaseline(DISTINCT, n_draws=2).nearest_similarity(size)
    with pytest.raises(ShapeError, match="at least 1 draw"):
        RandomBaseline(DISTINCT, n_draws=0)


@pytest.mark.parametrize("pool", [FEW, FEW_COPIES, POOLS["one"], POOLS["equal"], COPIES])
@pytest.mark.parametrize("longest", [1, 500, 2**25], ids=["lists of one", "short", "lists"])
def test_several_sizes_at_once_give_what_each_gives_alone(
    pool: Pool, longest: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(draws_module, "_LONGEST", longest)
    sizes = sorted({1, min(3, len(pool)), max(1, len(pool) // 2), len(pool)})
    baseline, metric = RandomBaseline(pool, n_draws=6, seed=2), MeanNearestSimilarity()
    alone = [baseline.values([metric], baseline.rows(size))[:, 0] for size in sizes]
    together = RandomBaseline(pool, n_draws=6, seed=2).values_by_size(metric, sizes)
    np.testing.assert_allclose(together, np.transpose(alone), atol=1e-5)
