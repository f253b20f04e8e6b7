"""Two orders compared: where they differ, and how much."""

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructdiv.errors import InputError
from instructdiv.training.order import compare_order

N = 40


unhurried = hypothesis.settings(deadline=None)


SOME = st.sets(st.integers(0, N - 1), min_size=1)


@unhurried
@given(SOME)
def test_what_is_left_of_an_order_is_in_order(kept):
    order = compare_order(range(N), sorted(kept))
    assert order.held
    assert (order.broken_at, order.broken_by, order.furthest, order.streams) == (None, "", 0, 1)
    assert {*order.dropped, *order.unreached} == set(range(N)) - kept
    assert all(id_ > max(kept) for id_ in order.unreached)
    assert all(id_ < max(kept) for id_ in order.dropped)


@unhurried
@given(st.permutations(range(12)))
def test_only_the_same_order_holds(seen):
    assert compare_order(range(12), seen).held == (seen == sorted(seen))


@unhurried
@given(st.lists(st.integers(0, 9), min_size=1))
def test_it_breaks_at_the_first_id_that_comes_after_a_later_one(seen):
    order = compare_order(range(10), seen)
    fallen = [i for i in range(1, len(seen)) if seen[i] < seen[i - 1]]
    assert order.broken_at == (fallen[0] if fallen else None)


@unhurried
@given(SOME.flatmap(lambda kept: st.permutations(sorted(kept))))
def test_the_correlation_is_spearmans(seen):
    from scipy.stats import spearmanr

    found = compare_order(range(N), seen).correlation
    if len(seen) < 2:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(range(len(seen)), seen).statistic)


@unhurried
@given(st.permutations(range(12)))
def test_there_are_as_many_streams_as_the_longest_descent(seen):
    longest: list[int] = []
    for i, id_ in enumerate(seen):
        longest.append(1 + max((longest[j] for j in range(i) if seen[j] > id_), default=0))
    assert compare_order(range(12), seen).streams == max(longest)


def test_a_record_that_is_cut_in_two_is_in_order():
    order = compare_order("abc", "abbc")
    assert order.held
    assert order.repeated == ()


def test_a_record_that_comes_again_is_out_of_order():
    order = compare_order("abc", "abac")
    assert not order.held
    assert order.broken_by == "'a' came after 'b'"
    assert order.repeated == ("a",)


def test_a_record_that_was_not_expected_is_out_of_order():
    order = compare_order("abc", "axbc")
    assert (order.held, order.broken_at, order.unknown) == (False, 1, ("x",))


def test_where_nothing_was_seen_nothing_held():
    assert not compare_order("abc", "").held


def test_an_id_must_not_be_expected_twice():
    with pytest.raises(InputError, match="'a' comes twice"):
        compare_order("aba", "ab")
