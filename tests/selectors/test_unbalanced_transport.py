"""Unbalanced transport beside the published walk."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv import Pool
from instructdiv.errors import ParameterError, UsageError
from instructdiv.selectors import KnnKde, KnnUniform, UnbalancedTransport
from instructdiv.selectors.knn_uniform import _transported
from tests.pools import DISTINCT, target_of


def _walked(similarities: np.ndarray, share: np.ndarray, similarity_weight: float) -> np.ndarray:
    """The published walk: a heap of targets, by how deep each is, until going on costs more."""
    import heapq

    m, k = similarities.shape
    distance = np.sqrt(np.maximum(2 - 2 * similarities, 0))
    heap = [(float(share[j, 0]), 0, j) for j in range(m)]
    heapq.heapify(heap)
    weighted = share[:, 0] * distance[:, 0]
    cost = np.zeros(m)
    depth = 0.0
    while heap:
        depth, place, j = heapq.heappop(heap)
        if place + 1 == k:
            break
        cost[j] = distance[j, place + 1] * depth - weighted[j]
        if similarity_weight / 5 * cost.sum() >= (1 - similarity_weight) * m:
            break
        deeper = depth + share[j, place + 1]
        weighted[j] += share[j, place + 1] * distance[j, place + 1]
        heapq.heappush(heap, (deeper, place + 1, j))
    mass = np.zeros((m, k))
    for j in range(m):
        left = depth
        for place in range(k):
            mass[j, place] = min(share[j, place], left) / depth / m
            left -= min(share[j, place], left)
    return mass


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 30), st.booleans(),
    st.sampled_from([0.05, 0.5, 0.9, 0.99]),
)  # fmt: skip
def test_mass_is_that_of_the_published_walk(
    seed: int, m: int, k: int, even: bool, similarity_weight: float
):
    random = np.random.default_rng(seed)
    similarities = -np.sort(-random.uniform(-1, 1, (m, k)), axis=1)
    share = np.ones((m, k)) if even else 1 / random.uniform(1, 9, (m, k))
    found = _transported(similarities, share, similarity_weight)
    np.testing.assert_allclose(found, _walked(similarities, share, similarity_weight), atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1 / m)


def test_the_nearer_the_fewer_receive_mass():
    target = target_of(DISTINCT)

    def receiving(similarity_weight: float) -> int:
        chosen = KnnUniform(similarity_weight=similarity_weight).select(
            DISTINCT, 120, target=target
        )
        assert chosen.gains.sum() == pytest.approx(1)
        assert (np.diff(chosen.gains) <= 1e-12).all()
        return int((chosen.gains > 0).sum())

    assert 7 >= receiving(0.999) >= 1
    assert receiving(0.999) < receiving(0.9) < receiving(0.2) == 120


def test_a_record_and_its_copies_receive_what_one_alone_would():
    vectors = [[1.0, 0.1], [1.0, 0.1], [1.0, 0.1], [0.9, 0.5], [-1.0, 0.2]]
    chosen = KnnKde(bandwidth=0.05, similarity_weight=0.9).select(
        Pool.from_embeddings(vectors), 5, target=[[1.0, 0.3]]
    )
    gain = dict(zip(chosen.indices.tolist(), chosen.gains.tolist(), strict=True))
    assert [gain[row] for row in (0, 1, 2)] == pytest.approx([gain[3] / 3] * 3)
    assert chosen.indices[0] == 3
    lone = Pool.from_embeddings(vectors[2:])
    usual = KnnUniform(similarity_weight=0.9).select(lone, 3, target=[[1.0, 0.3]])
    assert usual.gains.max() == pytest.approx(gain[3])


def test_unbalanced_transport_prefers_what_targets_are_near_to():
    target = target_of(DISTINCT)
    chosen = UnbalancedTransport().select(DISTINCT, 120, target=target)
    assert chosen.gains.sum() == pytest.approx(1, abs=1e-3)
    best = target.space.nearest_similarity(DISTINCT.space)
    assert best[chosen.indices[:20]].mean() > best.mean() + 0.1
    few = UnbalancedTransport(n_neighbors=2).select(DISTINCT, 120, target=target)
    assert (few.gains > 0).sum() <= 14
    np.testing.assert_array_equal(best[few.indices[14:]], -np.sort(-best[few.indices[14:]]))


def test_unbalanced_transport_says_how_to_get_its_library(monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "ot.unbalanced", None)
    with pytest.raises(UsageError, match=r"instructdiv\[transport\]"):
        UnbalancedTransport().select(DISTINCT, 3, target=target_of(DISTINCT))


def test_transport_that_lost_its_mass_is_an_error():
    with pytest.raises(ParameterError, match="raise entropy_weight or n_iterations"):
        UnbalancedTransport(entropy_weight=1e-4).select(DISTINCT, 3, target=target_of(DISTINCT))
