"""Several targets, each with its share."""

from typing import Any

import numpy as np
import pytest

import instructdiv as idv
from instructdiv.core import nearest_first as nearest_first_module
from instructdiv.core.apportion import apportion_order
from instructdiv.errors import ShapeError
from instructdiv.selectors import TargetBalanced, round_robin_by_rank
from tests.pools import COPIES, DISTINCT, clustered, target_of


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
            "weights of test_centric .* within target_balanced",
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
