"""Near copies beside all pairs."""

from itertools import combinations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import instructdiv as idv
from instructdiv import Pool, Random, Selection, Space
from instructdiv.core import near_pairs as near_pairs_module
from instructdiv.core.near_pairs import near_pairs
from tests.pools import COPIES, DISTINCT, EQUAL, ONE, POOLS, TINY, clustered


def plain_pairs(space: Space, least: float) -> set[tuple[int, int]]:
    firsts = np.unique(space.first_copies)
    similarity = space.similarity(firsts, firsts)
    assert (abs(similarity - least) > 1e-6).all()
    pairs = combinations(range(len(firsts)), 2)
    return {(int(firsts[i]), int(firsts[j])) for i, j in pairs if similarity[i, j] >= least}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())
@pytest.mark.parametrize("least", [0.21, 0.71, 0.951])
def test_near_pairs_are_all_pairs_that_are_similar_enough(pool, least, monkeypatch):
    monkeypatch.setattr(near_pairs_module, "_PAIR_TILE", 7)
    rows, similarities = near_pairs(pool.space, least)
    assert set(map(tuple, rows.tolist())) == plain_pairs(pool.space, least)
    for (a, b), similarity in zip(rows, similarities, strict=True):
        assert similarity == pytest.approx(float(pool.space.similarity([a], [b])[0, 0]), abs=1e-6)


def test_of_very_many_vectors_hardly_a_near_copy_is_missed(monkeypatch):
    random = np.random.default_rng(0)
    some = clustered(1500, 24, 30).space.vectors
    copies = some[:300] + 0.04 * random.standard_normal((300, 24))
    space = Space.of(np.concatenate([some, copies]))
    exact = set(map(tuple, near_pairs(space, 0.95)[0].tolist()))
    monkeypatch.setattr(near_pairs_module, "_EXACT_PAIRS", 100)
    found = set(map(tuple, near_pairs(space, 0.95)[0].tolist()))
    assert found <= exact
    assert len(found) >= 0.98 * len(exact) >= 280


def test_a_row_with_very_many_partners_keeps_the_most_similar(monkeypatch):
    monkeypatch.setattr(near_pairs_module, "_PARTNERS", 3)
    rows, similarities = near_pairs(DISTINCT.space, 0)
    assert np.bincount(rows[:, 0]).max() == 3
    later = DISTINCT.space.similarity([0], np.arange(1, 120))[0]
    assert sorted(similarities[rows[:, 0] == 0]) == pytest.approx(sorted(later)[-3:], abs=1e-6)


@pytest.mark.parametrize("pool", [DISTINCT, COPIES, TINY, ONE, EQUAL])
@pytest.mark.parametrize("least", [0.3, 0.9])
def test_groups_of_near_copies_are_the_connected_rows(pool, least):
    similarity = pool.space.similarity(np.arange(len(pool)), np.arange(len(pool)))
    n_parts, label = connected_components(coo_array(similarity >= least), directed=False)
    sizes = np.bincount(label)
    found = idv.coverage(
        pool, Random().select(pool, 1), similarity_threshold=least, n_draws=2
    ).redundancy
    assert found.groups == (sizes > 1).sum()
    assert found.records == sizes[sizes > 1].sum()
    assert found.superfluous == len(pool) - n_parts
    assert found.kept_superfluous == 0
    assert [g.records for g in found.largest] == sorted(sizes[sizes > 1], reverse=True)[:20]
    for group in found.largest:
        assert group.examples[0].similarity == 1
        rows = np.flatnonzero(label == label[group.examples[0].row])
        near = similarity[np.ix_(rows, rows)]
        below, above = (
            connected_components(
                coo_array(near >= group.similarity_threshold + shift), directed=False
            )
            for shift in (-1e-5, 1e-5)
        )
        assert below[0] == 1
        assert above[0] > 1 or group.similarity_threshold == 1


def test_chosen_near_copies_are_counted():
    found = idv.coverage(COPIES, Selection(np.arange(120), np.zeros(120)), n_draws=2).redundancy
    assert (found.exact_copies, found.kept_superfluous) == (80, found.superfluous)
    assert {g.kept for g in found.largest} == {g.records for g in found.largest}


@pytest.mark.parametrize("hub", [0, 50, 100])
def test_near_copies_hang_together_wherever_their_middle_stands(hub):
    # A hundred variants of one record, each near to it and not to each other.
    spokes = 0.96 * np.eye(200)[0] + np.sqrt(1 - 0.96**2) * np.eye(200)[1:101]
    pool = Pool.from_embeddings(np.insert(spokes, hub, np.eye(200)[0], axis=0))
    found = idv.coverage(pool, metrics=[]).redundancy
    assert (found.groups, found.records, found.superfluous) == (1, 101, 100)
