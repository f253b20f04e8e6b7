"""The value of any choice by the objective of a selector."""

from typing import Any

import numpy as np
import pytest

import instructdiv as idv
from instructdiv import Budget
from instructdiv.core.allowance import Allowance
from instructdiv.errors import ShapeError
from tests.pools import DISTINCT, SMALL, every_greedy, select

pytestmark = pytest.mark.usefixtures("one_thread")


@every_greedy
def test_the_value_depends_on_the_set_alone(selector: Any):
    rows = np.random.default_rng(1).choice(60, 12, replace=False)
    value = selector.evaluate(SMALL, rows)
    mask = np.isin(np.arange(60), rows)
    for same in (rows[::-1], rows.tolist(), np.concatenate([rows, rows[:3]]), mask):
        assert selector.evaluate(SMALL, same) == pytest.approx(value, rel=1e-9)
    chosen = idv.Random().select(SMALL, 12)
    assert selector.evaluate(SMALL, chosen) == selector.evaluate(SMALL, chosen.indices)
    assert selector.evaluate(SMALL, []) == 0


@every_greedy
def test_the_value_is_that_of_the_objective_grown_by_hand(selector: Any):
    rows = np.random.default_rng(1).choice(60, 12, replace=False)
    ones = np.ones(60, np.int64)
    goal = selector.objective(SMALL, SMALL.space, Allowance(ones, 12, np.arange(60)))
    total = 0.0
    for row in rows.tolist():
        total += float(goal.gains(np.array([row]))[0])
        goal.add(row)
    assert selector.evaluate(SMALL, rows) == pytest.approx(total, rel=1e-5)


@every_greedy
@pytest.mark.parametrize(
    "budget",
    [
        Budget(records=12),
        Budget(records=12, caps={"group 0": 0.25}, floors={"group 3": 0.25}),
        Budget(tokens=300),
    ],
    ids=["records", "constrained", "tokens"],
)
def test_the_gains_of_a_selection_add_up_to_its_value(selector: Any, budget: Budget):
    selection = select(selector, SMALL, budget, must_keep=[5, 50])
    value = selector.evaluate(SMALL, selection, budget=budget)
    assert selection.gains.sum() == pytest.approx(value, rel=1e-5)


@every_greedy
@pytest.mark.parametrize(
    "rows", [[-1], [60], [0.5], ["a"], [[1, 2]], [True, False], float("nan")], ids=repr
)
def test_rows_that_are_not_in_the_pool_have_no_value(selector: Any, rows: Any):
    with pytest.raises(ShapeError, match=r"0\.\.59"):
        selector.evaluate(SMALL, rows)


@every_greedy
def test_a_target_is_measured_or_refused_as_when_selecting(selector: Any):
    target = SMALL.take(np.arange(20))
    if not selector.covers_target:
        with pytest.raises(ShapeError, match="for a target use"):
            selector.evaluate(SMALL, [1, 2], target=target)
        return
    selection = select(selector, SMALL, 6, target=target)
    value = selector.evaluate(SMALL, selection, target=target)
    assert value == pytest.approx(selection.gains.sum(), rel=1e-5)
    with pytest.raises(ShapeError, match="16 dimensions"):
        selector.evaluate(SMALL, [1, 2], target=DISTINCT)
