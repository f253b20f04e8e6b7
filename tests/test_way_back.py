"""The way back: from rows of a pool to the records and rows of the data that were given."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

import instructdiv as idv
from instructdiv import Pool, Selection
from instructdiv.errors import ShapeError

MUTE = {"instruction": " ", "output": "nothing is asked here", "n": -1}
GIVEN: list[dict[str, Any]] = [
    {"instruction": f"{verb} {thing}.", "output": f"{thing}!", "n": 10 * i + j}
    for i, verb in enumerate(("Bake", "Paint", "Describe", "Sell"))
    for j, thing in enumerate(("bread", "a door", "the moon"))
]
GIVEN = [*GIVEN[:3], MUTE, *GIVEN[3:7], MUTE, *GIVEN[7:]]
"""Records that can be used, and two in the middle that cannot."""


def _list(_: Path) -> Any:
    return GIVEN


def _dataset(_: Path) -> Any:
    return Dataset.from_list(GIVEN)


def _file(folder: Path) -> Any:
    path = folder / "data.jsonl"
    lines = [json.dumps(row) for row in GIVEN]
    path.write_text("\n".join([*lines[:5], "", "no JSON", *lines[5:]]))
    return str(path)


def _stream(_: Path) -> Any:
    return Dataset.from_list(GIVEN).to_iterable_dataset()


every_form = pytest.mark.parametrize("form", [_list, _dataset, _file, _stream])


@every_form
def test_a_selection_leads_back_to_the_rows_that_were_given(form: Any, tmp_path: Path):
    pool = Pool.of(form(tmp_path), embedder="lexical")
    assert len(pool) == len(GIVEN) - 2
    selection = idv.KCenter().select(pool, 6)
    asked = [pool.text(row) for row in selection.indices.tolist()]
    assert [GIVEN[row]["instruction"] for row in selection.source_rows.tolist()] == asked
    assert selection.dataset["instruction"][:] == asked
    assert [row["instruction"] for row in selection.records.rows] == asked
    # Chosen beyond the first row that is left out, where the two differ.
    assert (selection.source_rows != selection.indices).any()


@every_form
def test_rebalance_gives_the_records_that_were_chosen(form: Any, tmp_path: Path):
    data = form(tmp_path)
    pool = Pool.of(data, embedder="lexical")
    asked = [pool.text(row) for row in idv.KCenter().select(pool, 6).indices.tolist()]
    found = idv.rebalance(data, 6, embedder="lexical", selector="k_center")
    assert [row["instruction"] for row in found] == asked


def test_rows_of_a_file_are_those_of_the_loaded_data_set(tmp_path: Path):
    path = _file(tmp_path)
    selection = idv.KCenter().select(Pool.of(path, embedder="lexical"), 5)
    again = idv.load(path).select(selection.source_rows)
    assert again["n"][:] == selection.dataset["n"][:]


def test_a_part_of_a_pool_leads_back_too():
    pool = Pool.of(GIVEN, embedder="lexical").take([9, 5, 0, 7])
    selection = idv.KCenter().select(pool, 3)
    found = [GIVEN[row]["n"] for row in selection.source_rows.tolist()]
    assert found == [row["n"] for row in selection.records.rows]


def test_what_is_left_out_is_said(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING, "instructdiv"):
        Pool.of(GIVEN, embedder="lexical")
    [told] = caplog.messages
    assert "2 records cannot be used and are left out" in told
    assert "record 4: no instruction" in told
    caplog.clear()
    with caplog.at_level(logging.WARNING, "instructdiv"):
        Pool.together({"a": GIVEN, "b": GIVEN[:3]}, embedder="lexical")
    assert [message.split(":")[0] for message in caplog.messages] == ["a"]


def test_a_selection_that_was_read_asks_for_its_pool(tmp_path: Path):
    pool = Pool.of(GIVEN, embedder="lexical")
    selection = idv.KCenter().select(pool, 6)
    path = selection.save(tmp_path / "selection.json")
    for name in ("dataset", "records", "source_rows"):
        with pytest.raises(ShapeError, match=r"Selection.load\(path, pool\)"):
            getattr(Selection.load(path), name)
    again = Selection.load(path, pool)
    assert again.dataset["n"][:] == selection.dataset["n"][:]
    # In another pool the records have other rows.
    shuffled = Pool.of(GIVEN[::-1], embedder="lexical")
    assert Selection.load(path, shuffled).dataset["n"][:] == selection.dataset["n"][:]
    with pytest.raises(ShapeError, match=r"of the 6 records chosen are not in this pool"):
        Selection.load(path, shuffled.take([0, 1, 2, 3]))


def test_vectors_alone_lead_back_to_their_rows():
    selection = idv.KCenter().select(Pool.from_embeddings(np.eye(5)), 3)
    assert selection.source_rows.tolist() == selection.indices.tolist()
    with pytest.raises(ShapeError, match="vectors alone"):
        selection.dataset  # noqa: B018


@pytest.mark.parametrize("n", [30, 3000])
def test_large_objects_are_shown_in_one_line_and_in_a_small_table(n: int):
    rows = [{"instruction": f"Task {i} " * 9, "output": "x", "kind": i % 7} for i in range(n)]
    recipe = idv.Recipe.model_validate({"budget": 20, "embedder": "lexical", "group": "kind"})
    mix = idv.curate(recipe.model_copy(update={"selector": idv.Random()}), rows)
    arrangement = idv.arrangers.Shuffled().arrange(mix.pool, mix.selection)
    for one in (mix, mix.pool, mix.selection, mix.records, arrangement):
        shown = repr(one)
        assert "\n" not in shown
        assert len(shown) < 200
        assert shown.startswith(type(one).__name__)
        assert str(len(one.order if isinstance(one, idv.Mix) else one)) in shown.replace(",", "")
        assert len(one._repr_html_()) < 1000
        assert one._repr_html_().startswith("<table>")
