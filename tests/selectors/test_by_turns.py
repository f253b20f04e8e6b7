"""Test-centric and its kin: who is chosen, turn by turn, beside the dense forms."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget, Pool, Space
from instructdiv.core import nearest_first as nearest_first_module
from instructdiv.errors import ParameterError
from instructdiv.selectors import (
    NearestToAny,
    RoundRobin,
    RoundRobinByRank,
    Selector,
    TargetBalanced,
    round_robin_by_rank,
)
from tests import naive
from tests.pools import DISTINCT, labels, target_of, two_spaces


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
