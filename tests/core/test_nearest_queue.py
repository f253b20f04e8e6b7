"""The streamed queue gives what a matrix of all similarities would."""

from itertools import repeat
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv import Space
from instructdiv.core import nearest_first as nearest_first_module
from instructdiv.core import nearest_queue
from instructdiv.core.nearest_first import nearest_first, rows_of, similarities_of
from instructdiv.core.nearest_queue import NearestQueue, voters
from instructdiv.errors import ShapeError
from tests import naive
from tests.pools import two_spaces

sizes = st.fixed_dictionaries(
    {
        "_TILE": st.sampled_from([1, 3, 17, 2048]),
        "_TILES": st.sampled_from([1, 64]),
        "_BEYOND": st.sampled_from([1, 48]),
        "_FOUND": st.sampled_from([1, 50, 2_000_000]),
        "_MOST_FOUND": st.sampled_from([1, 16_000_000]),
    }
)


@settings(max_examples=300, deadline=None)
@given(two_spaces(), st.booleans(), sizes, st.integers(1, 90))
def test_turns_are_those_of_the_dense_algorithm_at_any_tile_size(
    spaces: tuple[Space, Space], farthest: bool, sizes: dict[str, int], n_expected: int
):
    space, target = spaces
    similarities = naive.dense(space, target)
    with pytest.MonkeyPatch.context() as patch:
        for name, size in sizes.items():
            owner = nearest_queue if hasattr(nearest_queue, name) else nearest_first_module
            patch.setattr(owner, name, size)
        queue = NearestQueue(space, target, np.arange(len(space)), n_expected, farthest=farthest)
        queue._depth[:] = min(queue._depth[0], n_expected)  # so that it has to sweep anew
        turns = queue.turns(repeat(np.arange(len(target))))
        for turn, expected in zip(turns, naive.turns(similarities, farthest=farthest), strict=True):
            np.testing.assert_array_equal(np.sort(turn.rows), expected)
            asked = similarities[turn.rows, turn.targets]
            np.testing.assert_allclose(turn.similarities, asked, atol=1e-6)
            steps = np.diff(turn.similarities)
            assert (steps >= 0).all() if farthest else (steps <= 0).all()
    assert len(queue) == 0


@settings(max_examples=100, deadline=None)
@given(two_spaces(), st.data())
def test_only_some_rows_can_be_asked_for(spaces: tuple[Space, Space], data: st.DataObject):
    space, target = spaces
    rows = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=90, max_size=90)))
    rows = rows[rows < len(space)]
    if not len(rows):
        return
    queue = NearestQueue(space, target, rows, len(rows))
    queue._depth[:] = 2
    turns = queue.turns(repeat(np.arange(len(target))))
    for turn, expected in zip(turns, naive.turns(naive.dense(space, target)[rows]), strict=True):
        np.testing.assert_array_equal(np.sort(turn.rows), rows[expected])


def test_a_target_is_never_offered_a_nearer_row_than_before():
    random = np.random.default_rng(0)
    space = Space.of(random.standard_normal((3000, 24)) + 1.5)
    target = Space.of(random.standard_normal((7, 24)) + 1.5)
    queue = NearestQueue(space, target, np.arange(3000), 10)
    queue._depth[:] = 5
    last = np.full(7, np.inf, np.float32)
    while len(queue):
        rows, similarities = queue.nearest()
        assert (similarities <= last).all()
        last = similarities
        queue.take(np.unique(rows))


@pytest.mark.parametrize("depth", [1, 5, 40, 400])
@pytest.mark.parametrize("farthest", [False, True])
def test_what_is_found_is_the_beginning_of_the_full_order(depth: int, farthest: bool):
    random = np.random.default_rng(1)
    space = Space.of(random.choice([-1.0, 0.0, 1.0], (400, 9)) + 0.25)
    target = Space.of(random.standard_normal((6, 9)))
    rows = np.sort(random.choice(400, 300, replace=False))
    worth = naive.dense(space, target)[rows] * (-1 if farthest else 1)
    found = nearest_first(space, target, rows, depth, farthest=farthest)
    for j, keys in enumerate(found):
        expected = np.sort(-worth[:, j])[: len(keys)]
        got = similarities_of(keys, farthest=farthest) * (-1 if farthest else 1)
        np.testing.assert_allclose(-got, expected, atol=1e-6)
        assert len(keys) >= min(depth, 300) / 4
        assert len(set(rows_of(keys).tolist())) == len(keys)
        assert set(rows_of(keys).tolist()) <= set(rows.tolist())


def test_a_key_gives_back_its_row_and_similarity():
    worth = np.array([-1, -0.5, -0.0, 0.0, 1e-30, 0.3, 1, 1.0000001], np.float32)
    rows = np.arange(8) + 2**32 - 8
    keys = nearest_first_module.keys_of(worth, rows)
    np.testing.assert_array_equal(rows_of(keys), rows)
    np.testing.assert_array_equal(similarities_of(keys), worth.clip(-1, 1))
    np.testing.assert_array_equal(np.argsort(keys), [6, 7, 5, 4, 2, 3, 1, 0])


def _counts(weights: Any, groups: list[str], n_turns: int) -> list[int]:
    turns = voters(np.array(groups), len(groups), weights)
    votes = np.concatenate([next(turns) for _ in range(n_turns)])
    counts: list[int] = np.bincount(votes, minlength=len(groups)).tolist()
    return counts


def test_weights_are_shares_of_the_turns():
    assert _counts({"b": 0.25}, ["a", "b", "c"], 12) == [12, 3, 12]
    assert _counts({"a": 1.0}, ["a", "b"], 5) == [5, 5]
    assert _counts("equal", ["a", "a", "b", "a"], 9) == [3, 3, 9, 3]
    assert _counts({"a": 0.07}, ["a", "b"], 100) == [7, 100]


def test_only_the_ratio_of_weights_counts_and_no_turn_is_empty():
    assert _counts({"a": 1e-12, "b": 1e-12}, ["a", "b"], 3) == [3, 3]
    assert _counts({"a": 0.25, "b": 0.125}, ["a", "b"], 8) == [8, 4]


def test_rows_that_round_nearer_in_another_sweep_come_no_earlier():
    worth = np.array([0.5, 0.25], np.float32)
    passed = nearest_first_module.keys_of(np.array([0.4], np.float32), np.array([9]))[0]
    keys = nearest_first_module.keys_of(worth, np.array([7, 3]))
    moved = nearest_queue._not_before(keys, passed)
    assert rows_of(moved).tolist() == [7, 3]
    np.testing.assert_array_equal(similarities_of(moved), np.array([0.4, 0.25], np.float32))


@pytest.mark.parametrize(
    ("weights", "groups", "said"),
    [
        ({"c": 0.5}, np.array(["a", "b"]), "no group of the target is named 'c'; known: a, b"),
        ({"c": 0.5}, None, "give the target its groups"),
        ("equal", None, "give the target its groups"),
    ],
)
def test_weights_of_groups_that_are_not_there_are_refused(weights: Any, groups: Any, said: str):
    with pytest.raises(ShapeError, match=said):
        next(voters(groups, 2, weights))
