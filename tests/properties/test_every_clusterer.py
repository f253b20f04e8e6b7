"""What every clusterer promises."""

import numpy as np
import pytest

from instructdiv.clusterers import Clusterer, KMeans
from tests.pools import COPIES, DISTINCT, POOLS, labels

CLUSTERERS = [c() for c in Clusterer.known().values() if c.__module__.startswith("instructdiv.")]
every_clusterer = pytest.mark.parametrize("clusterer", CLUSTERERS, ids=lambda c: c.name)


@every_clusterer
@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())
def test_gives_each_row_a_number_and_uses_every_number(clusterer, pool):
    clusters = clusterer.cluster(pool.space, pool.groups)
    assert clusters.shape == (len(pool),)
    assert clusters.dtype == np.int64
    assert set(clusters) == set(range(clusters.max() + 1))


@every_clusterer
def test_copies_share_a_cluster(clusterer):
    clusters = clusterer.cluster(COPIES.space, COPIES.groups)
    np.testing.assert_array_equal(clusters, clusters[COPIES.space.first_copies])


@every_clusterer
def test_the_order_of_the_rows_does_not_count(clusterer):
    order = np.random.default_rng(0).permutation(len(DISTINCT))
    before = clusterer.cluster(DISTINCT.space, DISTINCT.groups)[order]
    shuffled = DISTINCT.take(order)
    np.testing.assert_array_equal(clusterer.cluster(shuffled.space, shuffled.groups), before)


def test_k_means_finds_what_is_there():
    clusters = KMeans(n_clusters=6).cluster(DISTINCT.space)
    for group in np.unique(labels(DISTINCT)):
        within = np.bincount(clusters[labels(DISTINCT) == group])
        assert within.max() / within.sum() > 0.5


def test_k_means_makes_no_more_clusters_than_there_are_distinct_rows():
    assert KMeans(n_clusters=99).cluster(COPIES.space).max() + 1 <= 40


def test_another_seed_may_cluster_otherwise():
    a, b = (KMeans(n_clusters=9, seed=s).cluster(DISTINCT.space) for s in (0, 1))
    assert (a != b).any()
