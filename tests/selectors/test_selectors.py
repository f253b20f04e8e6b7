"""Each selector against the plainest form of what it says it does."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget, Pool, Selection, Space
from instructdiv.core.allowance import Allowance
from instructdiv.errors import BudgetError, InputError
from instructdiv.selectors import (
    DensityBalanced,
    GraphCut,
    Herding,
    InformationGain,
    LogDeterminant,
    NovelSelect,
    PairwiseDedup,
    Prototypes,
    QualityDiversity,
    RepresentationFilter,
    SaturatedCoverage,
    Selector,
    SemanticDedup,
    _deduplicate,
    dedupe_to,
)
from tests.pools import COPIES, DISTINCT, SMALL, clustered, every_selector, labels, scores, select

ALL = np.iinfo(np.int64).max
sizes = st.integers(2, 40)
seeds = st.integers(0, 10**6)


def cosines(pool: Pool) -> np.ndarray:
    vectors = pool.space.vectors.astype(np.float64)
    similar = vectors @ vectors.T
    first = pool.space.first_copies
    similar[first[:, None] == first] = 1
    return similar


def drawn(pool: Pool, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(len(pool), n, replace=False)


@given(n=sizes, seed=seeds, weight=st.sampled_from([0.0, 0.3, 0.5, 1.0, 2.0]), data=st.data())
@settings(max_examples=40, deadline=None)
def test_graph_cut_is_the_cut_of_the_whole_graph(n, seed, weight, data):
    pool = clustered(n, 5, 3, seed)
    rows = drawn(pool, data.draw(st.integers(1, n)), seed)
    similar = cosines(pool).clip(0)
    within = similar[np.ix_(rows, rows)]
    cut = similar[:, rows].sum() - weight * (within.sum() - np.trace(within))
    graph_cut = GraphCut(redundancy_weight=weight, n_neighbors=ALL)
    assert graph_cut.evaluate(pool, rows) == pytest.approx(cut, rel=1e-4, abs=1e-4)


@given(n=sizes, seed=seeds, saturation=st.sampled_from([0.05, 0.3, 1.0]), data=st.data())
@settings(max_examples=40, deadline=None)
def test_saturated_coverage_pays_up_to_the_share(n, seed, saturation, data):
    pool = clustered(n, 5, 3, seed)
    rows = drawn(pool, data.draw(st.integers(1, n)), seed)
    similar = cosines(pool).clip(0)
    value = np.minimum(similar[:, rows].sum(axis=1), saturation * similar.sum(axis=1)).sum()
    selector = SaturatedCoverage(saturation=saturation, n_neighbors=ALL)
    assert selector.evaluate(pool, rows) == pytest.approx(value, rel=1e-4)


@given(n=sizes, seed=seeds, noise=st.sampled_from([0.01, 0.1, 1.0]), data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_log_determinant_is_that_of_the_matrix(n, seed, noise, data):
    pool = clustered(n, 5, 3, seed)
    rows = drawn(pool, data.draw(st.integers(1, n)), seed)
    matrix = np.eye(len(rows)) + cosines(pool)[np.ix_(rows, rows)] / noise
    selector = LogDeterminant(noise=noise, typicality_power=0)
    assert selector.evaluate(pool, rows) == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-4)


def test_log_determinant_chooses_what_looking_at_every_determinant_chooses():
    pool = clustered(60, 8, 4)
    matrix = np.eye(60) + cosines(pool) / 0.1
    chosen = [0]
    while len(chosen) < 15:
        values = [
            -np.inf
            if j in chosen
            else np.linalg.slogdet(matrix[np.ix_([*chosen, j], [*chosen, j])])[1]
            for j in range(60)
        ]
        chosen.append(int(np.argmax(values)))
    assert LogDeterminant(typicality_power=0).select(pool, 15).indices.tolist() == chosen


def test_information_is_the_sum_over_tags_of_a_power():
    rows = [
        {"instruction": f"Do {i}.", "output": "x", "tags": tags}
        for i, tags in enumerate([["a"], ["a", "b"], ["b"], ["c", "c"], [], None, "a"])
    ]
    pool = Pool.of(rows, embedder="lexical")
    selector = InformationGain(tags_column="tags", power=0.5, label_similarity_threshold=1)
    assert selector.evaluate(pool, [0, 1, 6]) == pytest.approx(3**0.5 + 1)
    assert selector.evaluate(pool, [3]) == pytest.approx(1)
    assert selector.evaluate(pool, [4, 5]) == 0
    assert set(select(selector, pool, 2).indices.tolist()) == {1, 3}
    with pytest.raises(InputError, match="no column is named 'topics'"):
        InformationGain(tags_column="topics").select(pool, 2)
    with pytest.raises(InputError, match="no column 'tags' of tags"):
        InformationGain(tags_column="tags").select(DISTINCT, 2)


def test_information_spreads_to_labels_alike_and_none_is_lost():
    pool = clustered(200, 6, 4)
    alone = InformationGain(label_similarity_threshold=1, power=1).evaluate(pool, range(200))
    spread = InformationGain(label_similarity_threshold=0.2, power=1).evaluate(pool, range(200))
    assert spread == pytest.approx(alone)
    bent = {
        least: InformationGain(label_similarity_threshold=least, power=0.5).evaluate(pool, [0])
        for least in (0.2, 1)
    }
    assert bent[0.2] > bent[1]  # spread out, the same information is worth more


def test_quality_weight_one_takes_the_best_scores_and_zero_none_of_them():
    by_score = np.argsort(-scores(DISTINCT), kind="stable")[:30]
    best = QualityDiversity(quality_weight=1).select(DISTINCT, 30)
    np.testing.assert_array_equal(best.indices, by_score)
    assert best.gains.sum() == pytest.approx(1)
    plain = idv.FacilityLocation().select(DISTINCT, 30).indices
    none = QualityDiversity(quality_weight=0).select(DISTINCT, 30).indices
    np.testing.assert_array_equal(none, plain)
    means = [
        scores(DISTINCT)[QualityDiversity(quality_weight=w).select(DISTINCT, 30).indices].mean()
        for w in (0, 0.3, 0.6, 1)
    ]
    assert means == sorted(means)


def test_scores_of_any_size_are_scaled_without_overflow():
    pool = Pool.from_embeddings(np.eye(3), quality=[-1.7e308, 0, 1.7e308])
    assert QualityDiversity(quality_weight=1).select(pool, 2).indices.tolist() == [2, 1]


def plain_filter(pool: Pool, most: float) -> list[int]:
    similar = cosines(pool)
    kept: list[int] = []
    for row in np.argsort(-scores(pool), kind="stable").tolist():
        if not kept or similar[row, kept].max() < most:
            kept.append(row)
    return kept


@pytest.mark.parametrize("tile", [1, 3, 512])
@pytest.mark.parametrize("most", [0.3, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("pool", [DISTINCT, COPIES], ids=["distinct", "copies"])
def test_the_representation_filter_keeps_what_going_one_by_one_keeps(pool, most, tile, monkeypatch):
    monkeypatch.setattr(_deduplicate, "_TILE", tile)
    kept = plain_filter(pool, most)
    selection = RepresentationFilter(similarity_threshold=most).select(pool, len(kept))
    assert selection.indices.tolist() == kept
    more = RepresentationFilter(similarity_threshold=most).select(pool, len(pool)).indices
    left = [r for r in np.argsort(-scores(pool), kind="stable").tolist() if r not in kept]
    assert more.tolist() == kept + left


@pytest.mark.parametrize("survivor", ["first", "quality", "nearest", "farthest"])
def test_survivors_are_unlike_and_stand_for_every_copy(survivor):
    pool = clustered(300, 6, 8)
    selector = SemanticDedup(
        similarity_threshold=0.8, survivor=survivor, clusterer=idv.clusterers.KMeans(n_clusters=1)
    )
    whole = select(selector, pool, 300)
    survivors = whole.indices[: int((whole.gains > 0.2).sum())]
    similar = cosines(pool)
    among = similar[np.ix_(survivors, survivors)] - np.eye(len(survivors))
    copies = np.setdiff1d(np.arange(300), survivors)
    assert 20 < len(survivors) < 280
    assert among.max() < 0.8
    assert similar[np.ix_(copies, survivors)].max(axis=1).min() >= 0.8 - 1e-6
    if survivor == "quality":
        assert scores(pool)[survivors].mean() > scores(pool).mean()


def test_what_is_given_survives_before_all_others():
    selector = SemanticDedup(
        similarity_threshold=0.99, clusterer=idv.clusterers.KMeans(n_clusters=3)
    )
    first = COPIES.space.first_copies
    given = np.flatnonzero(first == first[0])[:1]
    rest = select(selector, COPIES, 39, given=given).indices
    assert len(set(first[rest])) == 39
    assert first[0] not in first[rest]


def plain_dedup(pool: Pool, n_left: int, rank: np.ndarray) -> list[int]:
    similar = pool.space.similarity(range(len(pool)), range(len(pool))).copy()
    np.fill_diagonal(similar, -9)
    alive = np.ones(len(pool), bool)
    while alive.sum() > n_left:
        part = np.where(alive[:, None] & alive, similar, -9)
        one, other = np.unravel_index(part.argmax(), part.shape)
        alive[one if rank[one] > rank[other] else other] = False
    return np.flatnonzero(alive).tolist()


@given(n=sizes, seed=seeds, k=st.integers(1, 6), data=st.data())
@settings(max_examples=60, deadline=None)
def test_dedupe_to_leaves_what_dropping_one_of_the_closest_pair_leaves(n, seed, k, data):
    pool = clustered(n, 5, 3, seed)
    n_left = data.draw(st.integers(1, n))
    found = PairwiseDedup(n_neighbors=k).select(pool, n_left).indices.tolist()
    assert found == plain_dedup(pool, n_left, np.arange(n))
    best = PairwiseDedup(n_neighbors=k, survivor="quality").select(pool, n_left)
    rank = np.argsort(np.argsort(-scores(pool), kind="stable"))
    assert best.indices.tolist() == plain_dedup(pool, n_left, rank)


def test_dedupe_to_leaves_one_of_each_copy():
    assert dedupe_to(COPIES, 40).indices.tolist() == np.unique(COPIES.space.first_copies).tolist()
    assert len(dedupe_to(COPIES, 41)) == 41
    tokens = dedupe_to(COPIES, idv.Budget(tokens=500)).indices
    left = 500 - COPIES.costs[tokens].sum()
    assert 0 <= left < np.delete(COPIES.costs, tokens).min()


def test_given_rows_are_not_dropped_for_their_copies():
    given = np.flatnonzero(COPIES.space.first_copies == COPIES.space.first_copies[5])
    rest = PairwiseDedup(n_neighbors=1).select(COPIES, 39, given=given).indices
    assert sorted(COPIES.space.first_copies[rest]) == sorted(
        set(COPIES.space.first_copies) - {COPIES.space.first_copies[5]}
    )


def test_rare_regions_are_drawn_more_often_the_higher_the_power():
    pool = clustered(600, 8, 6)
    spread = {}
    for power in (0, 1, 8):
        counts = np.zeros(600)
        for seed in range(20):
            counts[DensityBalanced(sparsity_power=power, seed=seed).select(pool, 60).indices] += 1
        local = pool.space.local_similarity(16)
        spread[power] = np.average(local, weights=counts)
    assert spread[8] < spread[1] < spread[0]


def test_local_similarity_is_the_mean_over_the_nearest_others():
    similar = cosines(DISTINCT) - 9 * np.eye(120)
    nearest = np.sort(similar, axis=1)[:, -16:].mean(axis=1)
    np.testing.assert_allclose(DISTINCT.space.local_similarity(16), nearest, atol=1e-5)
    assert Space.of([[1.0, 0.0]]).local_similarity(3).tolist() == [1.0]
    np.testing.assert_allclose(Space.of([[1.0, 0.0], [0.0, 1.0]]).local_similarity(9), [0, 0])


def test_prototypes_are_the_middles_of_as_many_clusters():
    pool = clustered(300, 8, 5, seed=4)
    chosen = Prototypes().select(pool, 5).indices
    clusters = idv.clusterers.KMeans(n_clusters=5).cluster(pool.space)
    assert sorted(clusters[chosen]) == [0, 1, 2, 3, 4]
    for row in chosen:
        members = np.flatnonzero(clusters == clusters[row])
        nearness = pool.space.vectors[members] @ pool.space.vectors[members].sum(axis=0)
        assert members[nearness.argmax()] == row
    sizes_of = np.bincount(clusters)[clusters[chosen]]
    assert (np.diff(sizes_of) <= 0).all()


def test_prototypes_leave_the_clusters_of_given_rows_for_last():
    pool = clustered(300, 8, 5, seed=4)
    given = np.flatnonzero(labels(pool) == "group 0")[:1]
    chosen = Prototypes().select(pool, 4, given=given).indices
    clusters = idv.clusterers.KMeans(n_clusters=5).cluster(pool.space)
    assert clusters[given[0]] not in clusters[chosen]


def test_herding_follows_the_mean_closer_than_random_draws():
    pool = clustered(400, 8, 6)
    mean = pool.space.vectors.mean(axis=0)

    def error(rows: np.ndarray) -> float:
        return float(np.linalg.norm(pool.space.vectors[rows].mean(axis=0) - mean))

    herded = error(Herding().select(pool, 40).indices)
    assert herded < 0.2 * min(error(drawn(pool, 40, seed)) for seed in range(20))


def plain_novel_select(pool: Pool, budget: int) -> list[int]:
    distance = 1 - cosines(pool)
    nearest = np.sort(distance + 9 * np.eye(len(pool)), axis=1)[:, :10].mean(axis=1)
    density = (2 * nearest) ** -0.25
    chosen = [int(density.argmax())]
    while len(chosen) < budget:
        ranked = np.sort(distance[:, chosen], axis=1)
        weights = 1 / np.arange(1, len(chosen) + 1) ** 2
        novelty = density * (ranked @ weights) / weights.sum()
        novelty[chosen] = -np.inf
        chosen.append(int(novelty.argmax()))
    return chosen


def test_novel_select_chooses_what_its_formula_says():
    assert NovelSelect().select(DISTINCT, 30).indices.tolist() == plain_novel_select(DISTINCT, 30)
    few = NovelSelect(n_ranks=1000).select(DISTINCT, 60).indices
    assert few.tolist() == plain_novel_select(DISTINCT, 60)


def test_an_allowance_of_groups_is_respected_by_filling_in_order():
    allowance = Allowance(
        np.ones(6, np.int64),
        3,
        np.arange(6),
        np.array([0, 0, 0, 1, 1, 1]),
        np.array([0, 1]),
        np.array([3, 3]),
        ("a", "b"),
    )
    assert allowance.fill(np.arange(6)).tolist() == [0, 1, 3]


@given(n=sizes, seed=seeds, weight=st.sampled_from([0.0, 0.1, 2.0]), data=st.data())
@settings(max_examples=30, deadline=None)
def test_diverse_coverage_is_the_coverage_and_the_rewards(n, seed, weight, data):
    pool = clustered(n, 5, 3, seed)
    rows = drawn(pool, data.draw(st.integers(1, n)), seed)
    value = cosines(pool).clip(0)[:, rows].max(axis=1).sum()
    for resolution in (0.5, 1, 2):
        clusters = idv.clusterers.KMeans(resolution=resolution).cluster(pool.space)
        counts = np.bincount(clusters[rows], minlength=clusters.max() + 1)
        value += weight * n * np.log1p(counts).mean() / 3
    selector = idv.DiverseCoverage(diversity_weight=weight, n_neighbors=ALL)
    assert selector.evaluate(pool, rows) == pytest.approx(value, rel=1e-4)


def test_a_reward_is_for_what_a_target_asks_for():
    pool = clustered(400, 8, 6, seed=2)
    target = pool.take(np.flatnonzero(labels(pool) == "group 4"))
    selector = idv.DiverseCoverage(diversity_weight=1, n_neighbors=5)
    chosen = select(selector, pool, 10, target=target).indices
    near = pool.space.nearest(target.space, 5)[1]
    assert set(chosen) <= set(near.ravel())
    assert np.mean(labels(pool)[chosen] == "group 4") >= 0.8


def test_diverse_coverage_spreads_more_evenly_than_facility_location_where_kinds_differ_in_spread():
    random = np.random.default_rng(0)
    centers = random.standard_normal((10, 32))
    spread = np.linspace(0.05, 1.2, 10)
    kinds = np.repeat(np.arange(10), 60)
    vectors = centers[kinds] + spread[kinds, None] * random.standard_normal((600, 32))
    pool = Pool.from_embeddings(vectors, kinds)

    def fewest(selector: idv.selectors.Selector) -> int:
        chosen = select(selector, pool, 100).indices
        return int(np.bincount(kinds[chosen], minlength=10).min())

    assert fewest(idv.DiverseCoverage(diversity_weight=0.3)) > fewest(idv.FacilityLocation())


def test_k_center_leaves_the_loneliest_for_last():
    pool = clustered(200, 8, 4)
    lonely = np.argsort(pool.space.local_similarity(3), kind="stable")[:20]
    assert not set(lonely) & set(idv.KCenter().select(pool, 180).indices.tolist())
    assert set(lonely) == set(idv.KCenter().select(pool, 200).indices[180:].tolist())
    assert set(lonely) & set(idv.KCenter(ignored_share=0).select(pool, 20).indices.tolist())


def test_typical_records_are_preferred_by_log_determinant():
    pool = clustered(400, 8, 6)
    local = pool.space.local_similarity(3)
    means = [
        local[LogDeterminant(typicality_power=t).select(pool, 20).indices].mean() for t in (0, 1, 4)
    ]
    assert means == sorted(means)


def test_log_determinant_forgets_nothing_over_many_choices(monkeypatch):
    from instructdiv.selectors import log_determinant

    pool = clustered(500, 12, 6)
    usual = LogDeterminant().select(pool, 300)
    monkeypatch.setattr(log_determinant, "_FEW", 5)
    monkeypatch.setattr(log_determinant._Volume, "block", 3)
    few = LogDeterminant().select(pool, 300)
    np.testing.assert_allclose(few.gains, usual.gains, atol=1e-5)
    value = LogDeterminant().evaluate(pool, usual)
    assert value == pytest.approx(usual.gains.sum(), rel=1e-5)


def test_a_graph_is_shared_as_long_as_somebody_holds_it():
    space = Space.of(DISTINCT.space.vectors.copy())
    graph = space.neighbors(5)
    assert space.neighbors(5) is graph
    assert space.neighbors(6) is not graph
    held = graph.data.copy()
    idv.FacilityLocation(n_neighbors=5).select(Pool.from_embeddings(space), 20)
    GraphCut(n_neighbors=5).select(Pool.from_embeddings(space), 20)
    np.testing.assert_array_equal(graph.data, held)


def test_clusters_of_one_space_are_extended_to_another():
    k_means = idv.clusterers.KMeans(n_clusters=6)
    same = k_means.extend(DISTINCT.space, DISTINCT.space)
    np.testing.assert_array_equal(
        np.unique(same, return_inverse=True)[1], k_means.cluster(DISTINCT.space)
    )
    np.testing.assert_array_equal(
        k_means.extend(DISTINCT.space, DISTINCT.space.take([5])), same[5:6]
    )


@pytest.mark.parametrize("within", idv.selectors.Selector.known())
def test_any_selector_can_choose_within_parts(within):
    selector = idv.GroupBalanced(within=within)
    assert len(set(select(selector, DISTINCT, 40).indices.tolist())) == 40


def test_two_parts_of_one_size_get_different_draws():
    pool = Pool.from_embeddings(np.eye(80), groups=["a"] * 40 + ["b"] * 40)
    chosen = idv.GroupBalanced(within=idv.Random()).select(pool, 20).indices
    assert set(chosen[chosen < 40].tolist()) != set((chosen[chosen >= 40] - 40).tolist())


def test_floors_and_caps_that_parts_with_a_weight_cannot_meet_are_errors() -> None:
    pool = Pool.from_embeddings(
        np.random.default_rng(0).standard_normal((40, 8)), groups=["a"] * 20 + ["b"] * 20
    )
    only_a = idv.GroupBalanced(shares={"a": 1.0})
    with pytest.raises(BudgetError, match="floor of 'b' cannot be met"):
        only_a.select(pool, Budget(records=10, floors={"b": 0.5}))
    with pytest.raises(BudgetError, match="caps leave 5 of 10 records"):
        only_a.select(pool, Budget(records=10, caps={"a": 0.5}))
    assert len(only_a.select(pool, Budget(records=10, floors={"a": 0.5}))) == 10


def test_the_cheapest_copy_stands_for_its_copies_under_a_token_budget():
    dear = Pool.from_embeddings(np.array([[1, 0], [1, 0]]), costs=[100, 1])
    for start in ("mean", "first"):
        chosen = idv.KCenter(start=start).select(dear, Budget(tokens=50))
        assert chosen.indices.tolist() == [1]
    pool = Pool.from_embeddings(
        np.array([[1, 0], [0, 1], [0, 1], [1, 0.01], [1, 0.02]]), costs=[1, 100, 1, 1, 1]
    )
    assert idv.KCenter(start="first").select(pool, Budget(tokens=3)).indices.tolist()[:2] == [0, 2]


def test_a_seed_that_was_set_is_kept_and_one_that_was_not_follows_the_recipe():
    assert idv.Random(seed=0).seeded(9).seed == 0
    assert Selector.of(idv.Random().to_mapping()).seeded(9) == idv.Random(seed=9)


@pytest.mark.parametrize("budget", [Budget(records=10), Budget(tokens=10)])
def test_what_is_given_counts_toward_the_quota_of_its_group(budget):
    pool = clustered(100, 8, 4)
    pool = Pool.from_embeddings(pool.space, ["a"] * 60 + ["b"] * 40, np.ones(100))
    chosen = idv.GroupBalanced().select(pool, budget, given=np.arange(50)).indices
    assert (chosen >= 60).all()
    assert len(chosen) == 10


@pytest.mark.parametrize(
    "selector",
    [
        RepresentationFilter(similarity_threshold=1),
        QualityDiversity(quality_weight=1),
    ],
    ids=lambda s: s.name,
)
def test_where_scores_alone_count_the_best_are_chosen(selector: Selector):
    pool = Pool.from_embeddings(SMALL.space, quality=np.random.default_rng(2).permutation(60) - 30)
    assert pool.quality is not None
    chosen = select(selector, pool, 15).indices
    assert pool.quality[chosen].tolist() == sorted(pool.quality, reverse=True)[:15]


@every_selector
def test_shifting_and_stretching_the_scores_changes_no_choice(selector: Selector):
    stretched = Pool.from_embeddings(
        SMALL.space, SMALL.groups, SMALL.costs, np.asarray(SMALL.quality) * 4 - 64
    )
    before, after = select(selector, SMALL, 20), select(selector, stretched, 20)
    assert before.indices.tolist() == after.indices.tolist()


@pytest.mark.parametrize("scores", [[5.0] * 60, [1e308, -1e308] * 30, [5e-324, 0] * 30])
@every_selector
def test_scores_of_any_size_are_fine(selector: Selector, scores: list[float]):
    pool = Pool.from_embeddings(SMALL.space, SMALL.groups, SMALL.costs, scores)
    selection = select(selector, pool, 12)
    assert len(selection) == 12
    assert np.isfinite(selection.gains).all()
    if selector.name == "representation_filter":
        assert all(a >= b for a, b in pairwise(np.array(scores)[selection.indices[:3]]))


def test_arrays_of_the_caller_stay_the_callers():
    rows, vectors = np.array([3, 1, 2]), np.eye(3, dtype=np.float32)
    selection = Selection(rows[:2], np.zeros(2))
    Space(vectors)
    rows[0], vectors[0, 0] = 7, 2
    assert selection.indices.tolist() == [3, 1]
    groups = clustered(5, 3, 2).groups
    assert groups is not None
    with pytest.raises(ValueError, match="read-only"):
        groups[0] = "other"
