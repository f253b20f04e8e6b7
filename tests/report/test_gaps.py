"""Gaps beside where facility location would go on."""

import numpy as np
import pytest

import instructdiv as idv
from instructdiv import Pool, Selection, Space
from instructdiv.report import gaps as gaps_module
from instructdiv.report.gaps import Nearness, find_regions
from tests.pools import DISTINCT, clustered, normal, selecting


def test_the_gaps_are_where_facility_location_would_go_on():
    space, kept = DISTINCT.space, DISTINCT.space.take([5, 17])
    regions = find_regions(space, Nearness.of(space, kept, 0), seed=0)
    nearest = kept.nearest_similarity(space)
    best = nearest
    similarity = space.similarity(np.arange(120), np.arange(120))
    for region in regions:
        gains = np.maximum(similarity - best, 0).sum(axis=1)
        row = region.rows[0]
        assert gains[row] == pytest.approx(gains.max(), rel=1e-5)
        assert region.gain == pytest.approx(gains[row], rel=1e-5)
        inside = np.flatnonzero(similarity[row] - best >= 0.05)
        assert set(region.rows) == set(inside) | {row}
        assert region.records == len(inside)
        assert region.similarity == pytest.approx(nearest[inside].mean(), abs=1e-5)
        assert region.similarity_then == pytest.approx(similarity[row][inside].mean(), abs=1e-5)
        best = np.maximum(best, similarity[row])
    assert len(regions) == 8


def test_nothing_is_a_gap_where_all_is_chosen():
    near = Nearness.of(DISTINCT.space, DISTINCT.space, 0)
    assert find_regions(DISTINCT.space, near, seed=0) == []


def test_of_many_rows_a_sample_estimates_the_gaps(monkeypatch):
    pool = clustered(600, 16, 3)
    kept = pool.space.take(np.flatnonzero(pool.groups != "group 2")[:50])
    exact = find_regions(pool.space, Nearness.of(pool.space, kept, 0), seed=0)[0]
    monkeypatch.setattr(gaps_module, "_LOOKED_AT", 300)
    sampled = find_regions(pool.space, Nearness.of(pool.space, kept, 0), seed=0)[0]
    assert sampled.records == pytest.approx(exact.records, rel=0.3)
    assert sampled.gain == pytest.approx(exact.gain, rel=0.3)


def test_a_gap_of_a_target_says_whether_the_pool_can_fill_it():
    pool = Pool.from_embeddings(np.eye(4)[[0, 0, 1, 1]])
    target = Space.of(np.eye(4)[[1, 1, 2, 2]])
    found = idv.coverage(pool, Selection(np.array([0]), np.zeros(1)), target, n_draws=2).gaps
    of_target = {gap.examples[0].row: gap for gap in found if gap.of == "target"}
    assert of_target[0].candidate is not None
    assert of_target[0].candidate.similarity == 1
    assert of_target[2].candidate is not None
    assert of_target[2].candidate.similarity == 0


def test_every_gap_says_how_near_the_chosen_records_are_to_it():
    middles = np.repeat(normal(6, 12, 1), 30, axis=0)
    pool = Pool.from_embeddings(2 * middles + 0.5 * normal(180, 12, 2))
    kept = np.array([0, 3, 35])
    vectors = pool.space.vectors.astype(float)
    nearest = (vectors @ vectors[kept].T).max(axis=1)
    best = nearest.copy()
    found = idv.coverage(pool, selecting(kept), metrics=[], n_draws=2).gaps
    assert len(found) > 3
    for gap in found:
        to = vectors @ vectors[gap.examples[0].row]
        inside = to - best >= 0.05
        assert gap.records == inside.sum()
        assert gap.similarity == pytest.approx(nearest[inside].mean(), abs=1e-5)
        assert gap.similarity_then == pytest.approx(to[inside].mean(), abs=1e-5)
        assert gap.gain == pytest.approx((np.maximum(best, to) - best).sum(), abs=1e-3)
        best = np.maximum(best, to)
