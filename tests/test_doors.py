"""Doors: every public verb takes data with a reading, and every part says how a pool is made."""

from typing import Any

import numpy as np
import pytest
from datasets import Dataset

import instructdiv as idv
from instructdiv import Pool
from instructdiv.arrangers import Shuffled
from instructdiv.errors import ParameterError, ShapeError
from instructdiv.metrics import Metric
from instructdiv.selectors import Selector

ROWS = [
    {"instruction": f"{verb} {thing}.", "output": f"{thing}!", "kind": verb}
    for verb in ("Bake", "Paint", "Describe", "Sell", "Draw")
    for thing in ("bread", "a door", "the moon", "two numbers", "a song")
]
OTHER = [{"instruction": "Paint the moon.", "output": "!"}, {"instruction": "Sing.", "output": "!"}]
DATA = Dataset.from_list(ROWS)
LEXICAL: dict[str, Any] = {"embedder": "lexical", "seed": 3}


def _same(found: Any, expected: Any) -> None:
    assert found.to_json() == expected.to_json()


def test_verbs_take_data_as_they_take_pools():
    pools = Pool.together({"data": DATA, "target": OTHER}, **LEXICAL, group="kind")
    pool, target = pools["data"], pools["target"]
    alone = Pool.of(DATA, **LEXICAL, group="kind")
    few: dict[str, Any] = {"n_draws": 3}
    _same(
        idv.coverage(DATA, None, OTHER, **LEXICAL, group="kind", **few),
        idv.coverage(pool, None, target, seed=3, **few),
    )
    _same(idv.coverage(DATA, **LEXICAL, **few), idv.coverage(replace_groups(alone), seed=3, **few))
    _same(idv.diff(DATA, OTHER, **LEXICAL, group="kind"), idv.diff(pool, target, seed=3))
    _same(
        idv.instruction_profile(DATA, **LEXICAL, group="kind"),
        idv.instruction_profile(Pool.of(DATA, **LEXICAL, group="kind", view="instruction"), seed=3),
    )
    assert str(idv.leak_check(DATA, OTHER, **LEXICAL)) == str(idv.leak_check(pool, target))
    compared = idv.compare(DATA, ["random", "k_center"], 5, OTHER, **LEXICAL, group="kind", **few)
    expected = idv.compare(pool, ["random", "k_center"], 5, target, seed=3, **few)
    untimed: Any = {"seconds"}
    assert [row.model_dump(exclude=untimed) for row in compared.rows] == [
        row.model_dump(exclude=untimed) for row in expected.rows
    ]
    advised = idv.advise(ROWS, {"others": OTHER}, 1, **LEXICAL)
    both = Pool.together({"data": ROWS, "others": OTHER}, **LEXICAL)
    _same(advised, idv.advise(both["data"], {"others": both["others"]}, 1, seed=3))


def test_a_layout_is_that_of_the_data_and_what_is_left_out_names_its_data_set(caplog: Any):
    chats = [
        {"messages": [{"role": "user", "content": "Paint the moon."}]},
        {"messages": [{"role": "user", "content": ""}]},
    ]
    found = idv.leak_check(DATA, chats, schema="alpaca", **LEXICAL)
    assert len(found) == 1
    assert "target: 1 record" in caplog.text
    caplog.clear()
    idv.coverage(DATA, references={"chats": chats}, n_draws=2, **LEXICAL)
    assert "reference chats: 1 record" in caplog.text


def replace_groups(pool: Pool) -> Pool:
    from dataclasses import replace

    return replace(pool, groups=None)


def test_a_pool_is_not_read_again():
    pool = Pool.of(ROWS, **LEXICAL)
    with pytest.raises(ParameterError, match="embedder: a pool is read already"):
        idv.coverage(pool, embedder="lexical")
    with pytest.raises(ShapeError, match=r"Pool\.together"):
        idv.diff(ROWS, pool, embedder="lexical")


@pytest.mark.parametrize("data", [DATA, ROWS, "data.jsonl", np.eye(3)])
def test_parts_say_how_a_pool_is_made(data: Any):
    for act in (
        lambda: idv.FacilityLocation().select(data, 3),
        lambda: Shuffled().arrange(data),
    ):
        with pytest.raises(ShapeError, match=r"make one with Pool\.of\(data.*from_embeddings"):
            act()


@pytest.mark.parametrize("part", [*Selector.known().values(), *Metric.known().values()])
def test_a_parameter_without_a_name_is_refused(part: Any):
    with pytest.raises(ParameterError, match=f"{part.__name__} takes parameters by name only"):
        part(100)
    if issubclass(part, Selector):
        with pytest.raises(ParameterError, match=r"select\(pool, budget\)"):
            part(100)


def test_a_selector_goes_by_its_name():
    assert Selector.of("k_center") == idv.KCenter() == Selector.of(idv.KCenter())
