"""What is held out: spread over the parts, whole units on one side."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv.curation.holdout import alike, held_out
from instructdiv.errors import BudgetError


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=200),
    st.floats(0.01, 0.9),
    st.integers(0, 3),
)
@settings(max_examples=100, deadline=None)
def test_what_is_held_out_is_spread_over_the_parts(
    labels: list[int], share: float, seed: int
) -> None:
    n = len(labels)
    if max(1, round(share * n)) >= n:
        with pytest.raises(BudgetError, match="nothing to train on"):
            held_out(np.array(labels), share, seed)
        return
    held = held_out(np.array(labels), share, seed)
    assert held.sum() == max(1, round(share * n))
    sizes, taken = Counter(labels), Counter(np.array(labels)[held].tolist())
    quota = held.sum() / n
    assert all(abs(taken[part] - quota * sizes[part]) < 2 for part in sizes)
    assert np.array_equal(held, held_out(np.array(labels), share, seed))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), min_size=2, max_size=60),
    st.floats(0.01, 0.6),
)
@settings(max_examples=100, deadline=None)
def test_records_of_one_unit_stay_on_one_side(records: list[tuple[int, int]], share: float) -> None:
    labels, units = np.array(records).T
    n = len(set(units.tolist()))
    if max(1, round(share * n)) >= n:
        with pytest.raises(BudgetError, match=f"of {n} different records held out leave nothing"):
            held_out(labels, share, units=units)
        return
    held = held_out(labels, share, units=units)
    sides = [set(held[units == unit].tolist()) for unit in set(units.tolist())]
    assert all(len(side) == 1 for side in sides)
    assert sum(side == {True} for side in sides) == max(1, round(share * n))


def test_paths_of_one_tree_are_one_unit() -> None:
    def said(*texts: str) -> list[dict[str, str]]:
        roles = ("user", "assistant")
        return [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]

    system = {"role": "system", "content": "Be brief."}
    units = alike(
        [
            said("Name a river.", "Nile", "And a lake?", "Chad"),
            [system, *said("name a RIVER", "Nile!", "And a sea?", "Dead")],
            said("Name a river.", "Nile"),
            said("Name a river.", "Rhine"),  # asks what the third asks
            said("Name a river.", "Rhine", "Where?", "There"),
            said("Hi", "Hello", "Name a river.", "Nile"),
            said("Hi", "Hey", "Name a lake.", "Chad"),
            said(),
        ]
    )
    assert units.tolist() == [0, 0, 0, 0, 0, 1, 2, 3]


def test_copies_of_what_is_evaluated_on_are_not_trained_on(tmp_path: Path) -> None:
    rows = [
        {"instruction": text, "output": f"{i} {n}"}
        for i in range(20)
        for n, text in enumerate((f"Name river {i}.", f"  name RIVER {i}", f"Name  river {i}!"))
    ]
    mix = idv.curate(idv.Recipe(budget=60, embedder="lexical", eval_share=0.2), rows)
    sides = [
        {"".join(filter(str.isdigit, row["instruction"])) for row in mix.splits[name].rows()}
        for name in ("train", "eval")
    ]
    assert not sides[0] & sides[1]
    assert [len(side) for side in sides] == [16, 4]
    assert [len(mix.splits[name]) for name in ("train", "eval")] == [48, 12]
