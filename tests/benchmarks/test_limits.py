"""What speed may not cost: value and memory. Slow; run by make test-all."""

from pathlib import Path

import numpy as np
import pytest

from instructdiv import DiverseCoverage, FacilityLocation, Pool, Space, TestCentric
from instructdiv.metrics import FacilityLocation as FacilityLocationMetric
from tests.benchmarks.measuring import Watch, pool_and_target, vectors

pytestmark = pytest.mark.slow


def test_neighbors_cost_less_than_half_a_percent_of_the_value_of_exact_greedy():
    space = Space(vectors(10_000))
    similarities = np.clip(space.vectors @ space.vectors.T, 0, None)
    best, exact = np.zeros(len(space), np.float32), 0.0
    bounds = similarities.sum(axis=0, dtype="f8")
    for _ in range(1000):
        while True:
            row = int(bounds.argmax())
            gain = np.maximum(similarities[row] - best, 0).sum(dtype="f8")
            bounds[row] = gain
            if gain >= bounds.max() - 1e-9:
                break
        best = np.maximum(best, similarities[row])
        exact += gain
        bounds[row] = -np.inf
    chosen = FacilityLocation().select(Pool.from_embeddings(space), 1000).indices
    value = FacilityLocationMetric().score(space.take(chosen), space)
    assert value >= 0.995 * exact


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("selector", [FacilityLocation(), DiverseCoverage()])
def test_memory_stays_below_twice_the_vectors_and_the_graph(selector):
    selector.select(Pool.from_embeddings(vectors(3000)), 10)  # libraries are loaded
    space = Space(vectors(60_000))
    with Watch() as memory:
        selector.select(Pool.from_embeddings(space), 1000)
    graph = len(space) * selector.n_neighbors * 8
    grown = memory.peak - memory.before
    assert grown + space.vectors.nbytes < 2 * space.vectors.nbytes + graph


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_million_rows_and_a_thousand_targets_fit_into_four_gigabytes():
    space, target = pool_and_target(1_000_000, 1000, "spread")
    for budget in (50, 10_000):
        with Watch() as memory:
            chosen = TestCentric().select(Pool.from_embeddings(space), budget, target=target)
        assert len(chosen) == budget
        assert memory.peak < 4e9


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_target_as_large_as_the_pool_makes_no_matrix():
    space, target = pool_and_target(20_000, 20_000, "spread", 64)
    with Watch() as memory:
        TestCentric().select(Pool.from_embeddings(space), 500, target=target)
    assert memory.peak - memory.before < 4 * 20_000**2 / 4
