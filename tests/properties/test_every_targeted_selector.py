"""What every selector that needs a target promises."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import instructdiv as idv
from instructdiv import Budget, Pool
from instructdiv.errors import ShapeError
from instructdiv.selectors import (
    Selector,
)
from tests.pools import (
    DISTINCT,
    TINY,
    clustered,
    labels,
    readable,
    select,
    target_of,
)

TARGETED = [s() for s in Selector.known().values() if s.needs_target]
every_selector = pytest.mark.parametrize("selector", TARGETED, ids=lambda s: s.name)


@every_selector
def test_a_target_is_asked_for(selector: Selector):
    with pytest.raises(ShapeError, match=f"{selector.name} needs a target"):
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
    pool, target = Pool.of(rows, embedder="lexical"), Pool.of(rows[::-1], embedder="lexical")
    with pytest.raises(ShapeError, match="two calls of lexical cannot be compared"):
        idv.TestCentric().select(pool, 2, target=target)


def test_a_floor_out_of_reach_is_left_and_the_budget_spent():
    pool = replace(DISTINCT, known_costs=np.where(labels(DISTINCT) == "group 5", 1000, 10))
    budget = Budget(tokens=500, floors={"group 5": 0.0, "group 4": 0.1})
    for selector in TARGETED:
        chosen = select(selector, pool, budget, target=target_of(pool)).indices
        assert 490 < pool.costs[chosen].sum() <= 500
        assert (labels(pool)[chosen] == "group 4").sum() >= 5
