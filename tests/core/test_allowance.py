"""Allowances and ledgers: what may still be spent, and on which groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructdiv import Budget
from instructdiv.core.allowance import Allowance
from tests.cases import Case, cases, few, fitting

pytestmark = pytest.mark.usefixtures("one_thread")


@given(case=st.one_of(cases("records"), cases("tokens")), data=st.data())
@few(60)
def test_an_allowance_after_some_rows_is_the_ledger_after_taking_them(case: Case, data):
    allowance = case.allowance
    ledger, taken = allowance.ledger(), []
    for row in data.draw(st.permutations(allowance.rows.tolist()))[:12]:
        if ledger.fits(row):
            ledger.take(row)
            taken.append(row)
    rest = allowance.after(np.array(taken, np.int64))
    assert rest.limit == ledger.left
    assert rest.rows.tolist() == sorted(set(allowance.rows.tolist()) - set(taken))
    # What was found out of reach may have been forgotten, and is found again.
    assert rest.ledger().fitting(rest.rows).tolist() == ledger.fitting(rest.rows).tolist()


@given(case=st.one_of(cases("records"), cases("tokens")), data=st.data())
@few(60)
def test_filling_under_floors_and_caps_stops_only_where_nothing_fits(case: Case, data):
    allowance = case.allowance
    order = data.draw(st.permutations(allowance.rows.tolist()))
    taken = allowance.fill(order)
    assert not len(fitting(allowance, taken, set()))
    ledger = allowance.ledger()
    for row in taken.tolist():
        assert ledger.fits(row)
        ledger.take(row)
    assert not ledger.fitting(np.setdiff1d(allowance.rows, taken)).any()


def test_filling_comes_back_to_rows_that_a_floor_out_of_reach_sets_free():
    groups = np.array(["a", "a", "b", "b"])
    budget = Budget(tokens=10, floors={"a": 0.7})
    allowance = budget.allowance(np.array([6, 6, 5, 4]), np.arange(4), groups)
    assert allowance.fill([2, 3, 0, 1]).tolist() == [0, 3]


@given(case=st.one_of(cases("records"), cases("tokens")), data=st.data())
@few(60)
def test_fitting_asks_each_row_by_itself_and_take_tells_when_room_grows(case: Case, data):
    allowance = case.allowance
    ledger = allowance.ledger()
    rows = allowance.rows
    for row in data.draw(st.permutations(rows.tolist())):
        before = ledger.fitting(rows)
        assert before.tolist() == [ledger.fits(r) for r in rows.tolist()]
        if ledger.fits(row):
            freed = ledger.take(row)
            assert freed or not (ledger.fitting(rows) & ~before).any()


@given(
    costs=st.lists(st.integers(1, 30), min_size=1, max_size=30),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_filling_takes_the_first_that_fit_until_nothing_does(costs, share, seed):
    array = np.array(costs)
    limit = int(share * array.sum())
    order = np.random.default_rng(seed).permutation(len(array))
    left, expected = limit, []
    for row in order:
        if array[row] <= left:
            expected.append(row)
            left -= array[row]
    taken = Allowance(array, limit, np.arange(len(array))).fill(order)
    assert taken.tolist() == expected
