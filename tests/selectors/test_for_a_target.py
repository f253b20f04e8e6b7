"""Selectors that choose for a target, beside their obvious forms."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget, Pool, Space
from instructdiv.core import nearest_first as nearest_first_module
from instructdiv.core.apportion import apportion_order
from instructdiv.errors import ParameterError, ShapeError, UsageError
from instructdiv.selectors import (
    ImportanceResampling,
    KnnKde,
    KnnUniform,
    NearestToAny,
    RoundRobin,
    RoundRobinByRank,
    Selector,
    TargetBalanced,
    UnbalancedTransport,
    round_robin_by_rank,
)
from instructdiv.selectors.knn_uniform import _transported
from tests import naive
from tests.pools import (
    COPIES,
    DISTINCT,
    TINY,
    clustered,
    labels,
    readable,
    select,
    target_of,
    two_spaces,
)

TARGETED = [s() for s in Selector.known().values() if s.needs_target]
every_selector = pytest.mark.parametrize("selector", TARGETED, ids=lambda s: s.name)


@every_selector
def test_a_target_is_asked_for(selector: Selector):
    with pytest.raises(ShapeError, match=f"{selector.name} chooses for a target; give one"):
        selector.select(DISTINCT, 3)


@every_selector
@pytest.mark.parametrize("target", [np.empty((0, 16)), {}, []])
def test_an_empty_target_is_refused(selector: Selector, target: Any):
    with pytest.raises(ShapeError, match="the target has no record"):
        selector.select(DISTINCT, 3, target=target)


@every_selector
def test_more_targets_than_records_one_target_and_equal_ones_do(selector: Selector):
    many = readable(clustered(50, 4, 3, seed=5))
    assert len(select(selector, TINY, 2, target=many)) == 2
    one = target_of(DISTINCT).take([0])
    alone = select(selector, DISTINCT, 20, target=one).indices
    thrice = select(selector, DISTINCT, 20, target=one.take([0, 0, 0])).indices
    assert len(set(alone) & set(thrice)) >= 19


@every_selector
def test_what_is_barred_is_not_chosen_and_caps_hold(selector: Selector):
    target = target_of(DISTINCT)
    usual = select(selector, DISTINCT, 30, target=target).indices
    barred = select(selector, DISTINCT, 30, target=target, never_keep=usual[:10]).indices
    assert not set(usual[:10]) & set(barred)
    budget = Budget(records=30, caps={"group 0": 0.1, "group 1": 0.2})
    capped = labels(DISTINCT)[select(selector, DISTINCT, budget, target=target).indices]
    assert len(capped) == 30
    assert (capped == "group 0").sum() <= 3
    assert (capped == "group 1").sum() <= 6


@every_selector
def test_outside_features_are_welcome(selector: Selector):
    random = np.random.default_rng(0)
    features, asked = random.standard_normal((60, 33)), random.standard_normal((5, 33))
    if selector.name == "importance_resampling":
        with pytest.raises(ShapeError, match="reads texts, and the pool has vectors alone"):
            selector.select(Pool.from_embeddings(features), 5, target=asked)
        return
    target = Pool.from_embeddings(asked, groups=["a", "a", "b", "b", "b"])
    assert len(selector.select(Pool.from_embeddings(features), 12, target=target)) == 12


def test_pools_of_two_calls_of_an_embedder_that_learns_are_not_compared():
    rows = [{"instruction": f"Count to {n}.", "output": "1, 2"} for n in range(2, 9)]
    pool, target = Pool.of(rows, "lexical"), Pool.of(rows[::-1], "lexical")
    with pytest.raises(ShapeError, match="two calls of lexical cannot be compared"):
        idv.TestCentric().select(pool, 2, target=target)


# Test-centric and its kin.


@settings(max_examples=100, deadline=None)
@given(two_spaces(), st.data())
def test_it_takes_whole_turns_and_trims_the_last_by_similarity(
    spaces: tuple[Space, Space], data: st.DataObject
):
    space, target = spaces
    pool = Pool.from_embeddings(space)
    budget = data.draw(st.integers(1, len(space)))
    found = idv.TestCentric().select(pool, budget, target=target)
    similarities = naive.dense(space, target)
    left = found.indices.tolist()
    for turn in naive.turns(similarities):
        taken, left = left[: len(turn)], left[len(turn) :]
        assert set(taken) <= set(turn.tolist())
        if len(taken) < len(turn):
            # The others of the turn were asked for by targets that they are less similar to.
            asked = {
                row: similarities[row][similarities[turn].argmax(axis=0) == i].max()
                for i, row in enumerate(turn.tolist())
            }
            least = min((asked[row] for row in taken), default=2)
            assert all(asked[row] <= least + 1e-6 for row in np.setdiff1d(turn, taken).tolist())
    arranged = idv.arrangers.TestCentric(within_turn="similarity").arrange(pool, None, target)
    np.testing.assert_array_equal(arranged.indices[:budget], found.indices)


@settings(max_examples=100, deadline=None)
@given(two_spaces())
def test_a_round_robin_is_one_by_one(spaces: tuple[Space, Space]):
    space, target = spaces
    found = RoundRobin().select(Pool.from_embeddings(space), len(space), target=target)
    assert found.indices.tolist() == naive.one_by_one(naive.dense(space, target))


@settings(max_examples=100, deadline=None)
@given(two_spaces(), st.data())
def test_a_round_robin_by_rank_wastes_the_turn_of_a_rank_that_is_taken(
    spaces: tuple[Space, Space], data: st.DataObject
):
    space, target = spaces
    budget = data.draw(st.integers(1, len(space)))
    found = RoundRobinByRank().select(Pool.from_embeddings(space), budget, target=target)
    similarities = naive.dense(space, target)
    assert found.indices.tolist() == naive.by_rank(similarities)[:budget]
    # The closed form: by the best rank, then by who gives it.
    order = np.argsort(-similarities, axis=0, kind="stable")
    rank = np.argsort(order, axis=0, kind="stable")
    by_rank = np.lexsort((rank.argmin(axis=1), rank.min(axis=1)))
    assert found.indices.tolist() == by_rank[:budget].tolist()


@settings(max_examples=50, deadline=None)
@given(two_spaces())
def test_the_nearest_to_any_have_the_highest_similarity(spaces: tuple[Space, Space]):
    space, target = spaces
    pool = Pool.from_embeddings(space)
    found = NearestToAny().select(pool, len(space), target=target)
    best = naive.dense(space, target).max(axis=1)
    np.testing.assert_allclose(best[found.indices], -np.sort(-best), atol=1e-6)
    far = NearestToAny(direction="far").select(pool, len(space), target=target)
    np.testing.assert_allclose(best[far.indices], np.sort(best), atol=1e-6)


def test_every_target_gets_its_share_where_the_nearest_to_any_serve_a_few():
    random = np.random.default_rng(3)
    centers = random.standard_normal((20, 12))
    # Tight clusters, of which a few are tighter than all others.
    spread = np.where(np.arange(20) < 4, 0.02, 0.3)
    rows = np.repeat(np.arange(20), 100)
    pool = Pool.from_embeddings(
        centers[rows] + spread[rows, None] * random.standard_normal((2000, 12))
    )
    targets = Space.of(centers)

    def covered(selector: Selector) -> int:
        chosen = selector.select(pool, 200, target=targets).indices
        return len(set(rows[chosen].tolist()))

    assert covered(idv.TestCentric()) == covered(RoundRobin()) == 20
    assert covered(NearestToAny()) < 10


def test_weights_share_out_the_turns_of_a_selection():
    target = {"often": target_of(DISTINCT).take([0]), "rare": target_of(DISTINCT).take([3])}
    chosen = idv.TestCentric(weights={"rare": 0.25}).select(DISTINCT, 20, target=target)
    near = naive.dense(DISTINCT.space.take(chosen.indices), target_of(DISTINCT).space)
    assert np.isclose(near[:, 0], chosen.gains, atol=1e-6).sum() >= 14


@pytest.mark.parametrize("weights", [{"a": 0.0}, {"a": 1.5}, {"a": -1.0}, "even", 3])
def test_weights_are_shares_of_the_turns(weights: Any):
    with pytest.raises(ParameterError, match="weights"):
        idv.TestCentric(weights=weights)


def test_a_floor_out_of_reach_is_left_and_the_budget_spent():
    pool = replace(DISTINCT, known_costs=np.where(labels(DISTINCT) == "group 5", 1000, 10))
    budget = Budget(tokens=500, floors={"group 5": 0.0, "group 4": 0.1})
    for selector in TARGETED:
        chosen = select(selector, pool, budget, target=target_of(pool)).indices
        assert 490 < pool.costs[chosen].sum() <= 500
        assert (labels(pool)[chosen] == "group 4").sum() >= 5


def test_a_vote_is_not_wasted_on_a_group_that_is_full():
    near_first = [[1, 0.0], [1, 0.01], [1, 0.02], [1, 0.03]]
    near_second = [[0.0, 1], [0.05, 1], [0.1, 1], [0.6, 1]]
    pool = Pool.from_embeddings(near_first + near_second, groups=[*"aaaabbbb"])
    budget = Budget(records=4, caps={"a": 0.25})
    chosen = idv.TestCentric().select(pool, budget, target=[[1, 0.0], [0.0, 1.0]])
    # In the second turn the first target takes row 7, which is the nearest to it of b.
    assert chosen.indices.tolist() == [0, 4, 5, 7]


def test_what_was_passed_over_is_looked_at_again_where_a_floor_cannot_be_reached():
    random = np.random.default_rng(11)
    left_over = 0
    for _ in range(150):
        n = int(random.integers(4, 9))
        pool = Pool.from_embeddings(
            random.standard_normal((n, 3)),
            groups=random.choice([*"ab"], n),
            costs=random.integers(1, 12, n),
        )
        if len(set(labels(pool))) < 2:
            continue
        limit = int(random.integers(pool.costs.min(), pool.costs.sum() + 1))
        budget = Budget(tokens=limit, floors={"a": float(random.choice([0.3, 0.5]))})
        for selector in (idv.TestCentric(), TargetBalanced()):
            target = {"x": np.eye(3)[:1], "y": np.eye(3)[1:2]}
            try:
                chosen = selector.select(pool, budget, target=target).indices
            except idv.errors.BudgetError:
                continue
            left = limit - pool.costs[chosen].sum()
            rest = np.delete(pool.costs, chosen)
            assert left >= 0
            assert not len(rest) or left < rest.min()
            left_over += 1
    assert left_over > 100


def test_shares_hold_in_tokens_to_within_a_record():
    random = np.random.default_rng(5)
    dear = np.arange(300) < 100
    vectors = np.where(dear[:, None], [1.0, 0.0], [0.0, 1.0]) + random.uniform(0, 0.3, (300, 2))
    pool = Pool.from_embeddings(vectors, costs=np.where(dear, 50, 5))
    targets = {"a": [[1.0, 0.1]], "b": [[0.1, 1.0]]}
    selector = TargetBalanced(shares={"a": 0.3, "b": 0.7})
    chosen = selector.select(pool, Budget(tokens=1000), target=targets).indices
    spent = pool.costs[chosen]
    assert spent.sum() == 1000
    assert abs(spent[dear[chosen]].sum() - 300) <= 50


@pytest.mark.parametrize("budget", [1, 7, 60, 119])
def test_ranks_that_are_not_known_yet_are_looked_up(budget: int, monkeypatch: pytest.MonkeyPatch):
    usual = RoundRobinByRank().select(DISTINCT, budget, target=target_of(DISTINCT)).indices
    # Lists of unequal lengths, too short.
    monkeypatch.setattr(round_robin_by_rank, "likely_depth", lambda *_: 4)
    monkeypatch.setattr(nearest_first_module, "_TILE", 16)
    monkeypatch.setattr(nearest_first_module, "_BEYOND", 1)
    found = RoundRobinByRank().select(DISTINCT, budget, target=target_of(DISTINCT)).indices
    np.testing.assert_array_equal(found, usual)


# Transport.


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


# Importance resampling.


def _texts(pool: Pool, texts: list[str]) -> Pool:
    return replace(pool, known_texts=tuple(texts))


def test_log_weights_are_likelihood_ratios_of_words_and_pairs():
    pool = _texts(TINY, ["Sort it", "bake it, now", ""])
    target = _texts(TINY.take([0]), ["sort it sort"])
    selector = ImportanceResampling(n_buckets=2**18, temperature=0)
    chosen = selector.select(pool, 3, target=target)
    ours = {"sort": 1, "it": 2, "bake": 1, ",": 1, "now": 1, "sort it": 1, "bake it": 1}
    ours |= {"it ,": 1, ", now": 1}
    theirs = {"sort": 2, "it": 1, "sort it": 1, "it sort": 1}

    def share(counts: dict[str, int], word: str) -> float:
        return float(np.log(counts.get(word, 0) / sum(counts.values()) + 1e-8))

    words = {
        0: ["sort", "it", "sort it"],
        1: ["bake", "it", ",", "now", "bake it", "it ,", ", now"],
    }
    expected = {
        row: sum(share(theirs, word) - share(ours, word) for word in words.get(row, []))
        for row in range(3)
    }
    assert chosen.indices.tolist() == [0, 2, 1]
    np.testing.assert_allclose(chosen.gains, [expected[row] for row in (0, 2, 1)])


def test_the_draw_follows_the_weights_and_its_seed():
    pool = clustered(300, 4, 4)
    texts = ["a b c"] * 150 + ["x y z"] * 150
    target = _texts(TINY, ["a b c", "a b c", "x y z"])

    def share(temperature: float, seed: int = 0) -> float:
        selector = ImportanceResampling(temperature=temperature, seed=seed)
        chosen = selector.select(_texts(pool, texts), 100, target=target)
        return float((chosen.indices < 150).mean())

    assert share(0.0) == 1.0
    assert 0.6 < share(1.0) < 1.0
    assert share(1e6) == pytest.approx(0.5, abs=0.15)
    assert share(1.0, 1) != share(1.0, 2) or share(1.0, 3) != share(1.0, 4)


# Several targets.


def test_quotas_of_several_targets_hold_exactly():
    pool = clustered(400, 16, 6)
    targets = {"a": target_of(pool).take([0, 1]), "b": target_of(pool).take([2, 3, 4])}
    selector = TargetBalanced(shares={"a": 0.75, "b": 0.25})
    chosen = selector.select(pool, 40, target=targets)
    alone = {
        name: idv.TestCentric().select(pool, 40, target=target).indices.tolist()
        for name, target in targets.items()
    }
    taken: list[int] = []
    for turn in apportion_order(40, [0.75, 0.25]).tolist():
        taken.append(next(row for row in alone["ab"[turn]] if row not in taken))
    assert chosen.indices.tolist() == taken
    equal = TargetBalanced().select(pool, 41, target=targets).indices
    assert len(set(equal) & set(alone["a"][:21])) == 21


def test_a_group_with_no_share_gets_nothing():
    targets = {"a": target_of(DISTINCT).take([0]), "b": target_of(DISTINCT).take([2])}
    chosen = TargetBalanced(shares={"a": 1, "b": 0}).select(DISTINCT, 15, target=targets)
    expected = idv.TestCentric().select(DISTINCT, 15, target=targets["a"])
    np.testing.assert_array_equal(chosen.indices, expected.indices)


@pytest.mark.parametrize("name", ["facility_location", "nearest_to_any", "knn_uniform"])
def test_any_selector_that_ranks_for_a_target_can_choose_within(name: str):
    targets = {"a": target_of(COPIES).take([0]), "b": target_of(COPIES).take([2])}
    assert len(TargetBalanced(within=name).select(COPIES, 30, target=targets)) == 30


@pytest.mark.parametrize(
    ("selector", "target", "said"),
    [
        (TargetBalanced(), DISTINCT.space.take([1]), "needs groups of the target"),
        (TargetBalanced(shares={"a": 1}), {"b": DISTINCT.take([1])}, "groups are b"),
        (TargetBalanced(shares={"a": 0}), {"a": DISTINCT.take([1])}, "one above 0"),
        (
            TargetBalanced(within=idv.TestCentric(weights="equal")),
            {"a": DISTINCT.take([1])},
            "weights of test_centric say nothing within target_balanced",
        ),
        (TargetBalanced(within=idv.KCenter()), {"a": DISTINCT.take([1])}, "takes no target"),
    ],
)
def test_shares_that_do_not_fit_the_target_are_refused(selector: Any, target: Any, said: str):
    with pytest.raises(ShapeError, match=said):
        selector.select(DISTINCT, 5, target=target)


def test_ranks_beyond_the_shortest_list_are_not_told(monkeypatch: pytest.MonkeyPatch):
    worth = np.array([0.9, 0.8, 0.7], np.float32)
    lists = [nearest_first_module.keys_of(worth, np.array([2, 0, 1]))]
    lists += [nearest_first_module.keys_of(worth[:1], np.array([1]))]
    monkeypatch.setattr(round_robin_by_rank, "nearest_first", lambda *_: lists)
    target = target_of(DISTINCT).take([0, 1])
    order, gains = round_robin_by_rank._by_best_rank(DISTINCT, target, np.arange(4), 3)
    assert order.tolist() == [2, 1]
    assert gains.tolist() == pytest.approx([0.9, 0.9])
