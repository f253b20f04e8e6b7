"""The sweet spot: the best share, what hurts, and how sure that is."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv.errors import InputError, InstructdivError, ShapeError
from instructdiv.experiments import sweet_spot

SHARES = [0.0, 0.05, 0.10, 0.15, 0.20, 0.25]

NAN = math.nan


def test_the_best_share_of_the_paper_is_inside_its_grid():
    rows = [row for row in idv.evidence() if row.id in {f"only-if-1.{i}" for i in range(1, 7)}]
    found = sweet_spot([row.beyond_core for row in rows], [row.printed["average"] for row in rows])
    assert found.best == pytest.approx(0.1)
    assert found.interior
    assert found.gain == pytest.approx(2.9)
    assert found.loses == ()
    assert (found.interval, found.best_row.best_in, found.n_seeds) == (None, None, 1)
    assert "one seed, so there is no interval" in str(found)


SCORES = st.integers(1, 4).flatmap(
    lambda seeds: st.lists(
        st.lists(st.integers(0, 100), min_size=6, max_size=6), min_size=seeds, max_size=seeds
    )
)


@settings(max_examples=60, deadline=None)
@given(SCORES, st.permutations(range(6)))
def test_unsorted_shares_are_sorted_with_their_scores(scores: list[list[int]], order: list[int]):
    sorted_ = sweet_spot(SHARES, scores, n_draws=20)
    found = sweet_spot(
        [SHARES[i] for i in order], [[row[i] for i in order] for row in scores], n_draws=20
    )
    assert found == sorted_
    means = np.mean(scores, axis=0)
    assert found.best == SHARES[int(means.argmax())]
    assert found.interior == (found.best not in (0.0, 0.25))
    assert found.loses == tuple(s for s, mean in zip(SHARES, means, strict=True) if mean < means[0])
    if found.n_seeds > 1:
        assert sum(row.best_in or 0 for row in found.rows) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(SCORES, st.integers(-50, 50))
def test_what_a_seed_adds_everywhere_changes_no_gain(scores: list[list[int]], more: int):
    shifted = [[value + more * seed for value in row] for seed, row in enumerate(scores)]
    before, after = (sweet_spot(SHARES, table, n_draws=20) for table in (scores, shifted))
    for one, other in zip(after.rows, before.rows, strict=True):
        assert one.gain == pytest.approx(other.gain)
        assert np.allclose(one.interval or 0, other.interval or 0)


def test_the_bootstrap_is_paired_and_its_seed_decides():
    paired = [[10 + s, 12 + s, 11 + s] for s in (0, 20, -20, 5)]
    found = sweet_spot([0, 0.1, 0.2], paired)
    assert found.interval == pytest.approx((2, 2))
    assert [row.best_in for row in found.rows] == [0.0, 1.0, 0.0]
    mixed = [[10, 12, 11], [10, 11, 14], [10, 9, 12], [11, 14, 9]]
    assert sweet_spot([0, 0.1, 0.2], mixed) == sweet_spot([0, 0.1, 0.2], mixed)
    assert sweet_spot([0, 0.1, 0.2], mixed) != sweet_spot([0, 0.1, 0.2], mixed, seed=1)


def test_the_interval_of_two_seeds_goes_from_one_to_the_other():
    found = sweet_spot({0: [50, 50], 0.1: [52, 58]})  # both draws alike in half of the cases
    assert [row.interval for row in found.rows] == [(0, 0), (2, 8)]
    assert found.gain == 5


def test_shares_that_hurt_are_told():
    found = sweet_spot({0: [50, 51], 0.1: [49, 50], 0.5: [40, 41]})
    assert found.best == 0
    assert not found.interior
    assert found.gain == 0
    assert "no share scores above the 0 % control" in str(found)
    assert "below the control: 10 %, 50 %" in str(found)


def test_the_best_at_the_end_of_the_grid_may_lie_beyond_it():
    assert "end of the grid, so try more" in str(sweet_spot([0, 0.1, 0.2], [1, 2, 3]))


def test_equal_shares_give_the_lowest():
    assert sweet_spot([0.2, 0, 0.1], [5, 1, 5]).best == 0.1


@pytest.mark.parametrize(
    ("shares", "scores", "error", "message"),
    [
        ([0.1, 0.2], [1, 2], InputError, "0 % control is never left out.*given: 0.1, 0.2"),
        ({0.1: [1], 0.2: [2]}, None, InputError, "0 % control is never left out"),
        ({}, None, InputError, "no column 'share'; it has: none"),
        ([], [], InputError, "0 % control is never left out.*given: none"),
        ([0], [1], ShapeError, "two shares at least"),
        ([0, 0.1], [1, 2, 3], ShapeError, r"shape \(n_seeds, 2\).*got \(3,\)"),
        ([0, 0.1], [[1, 2], [3]], ShapeError, "scores must be numbers"),
        ([0, 0.1], ["a", "b"], ShapeError, "scores must be numbers"),
        ({0: [1, 2], 0.1: [1]}, None, ShapeError, "number of scores: 0: 2, 0.1: 1"),
        ({0: [], 0.1: []}, None, ShapeError, "number of scores"),
        ({0: [1, NAN], 0.1: [1, 2]}, None, InputError, "share 0: a score .* got nan"),
        ([0, 0.1], [1, NAN], InputError, "run 1 at share 0.1 is nan"),
        ([0, NAN], [1, 2], InputError, "a share must be a finite number, got nan"),
        ([0, 10], [1, 2], InputError, "between 0 and 1, got 10; divide percent by 100"),
        ([0, 0.1, 0.1], [1, 2, 3], InputError, "the share 0.1 comes twice"),
        ({0: [1], 0.1: [2]}, [1, 2], ShapeError, "holds its own"),
        ([{"share": 0, "score": 1}, {"share": 0, "score": 1}], None, InputError, "comes twice"),
        (
            [{"share": 0, "score": 1, "seed": 0}, {"share": 0.1, "score": 1, "seed": 1}],
            None,
            InputError,
            "share 0 was not run with seed 1",
        ),
        ([{"share": 0, "loss": 1}], None, InputError, "no column 'score'; it has: share, loss"),
    ],
)
def test_a_grid_that_cannot_be_read_is_named(
    shares: Any, scores: Any, error: type[InstructdivError], message: str
):
    with pytest.raises(error, match=message):
        sweet_spot(shares, scores)
