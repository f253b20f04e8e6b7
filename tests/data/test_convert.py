"""Convert: other layouts, and the way back."""

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from instructdiv.cli import app
from instructdiv.data.convert import UNCONVERTED, convert
from instructdiv.errors import InputError, OutputError
from instructdiv.schemas import Schema

CALL = {"name": "add", "arguments": {"a": 1, "b": [2]}}
ROWS: dict[str, list[dict[str, Any]]] = {
    "alpaca": [
        {"instruction": "Name a color.", "input": "", "output": "Blue", "id": 7},
        {"instruction": "Add.\n\nAll.", "input": "1 + 1\n\n2", "output": "4"},
        {"instruction": "Go on.", "input": "<noinput>", "output": "Fine", "system": "Be brief."},
        {"instruction": "And?", "input": None, "output": "So", "history": [["a", "b"], ["", ""]]},
        {"instruction": "And?", "output": "So", "history": []},
        {"instruction": "Other key", "response": "yes", "category": ["x"]},
        {"instruction": "Wanted?", "input": "", "output": "no", "label": False},
        {"instruction": "", "input": "Only an input", "output": ""},
    ],
    "dolly": [{"instruction": "Who?", "context": "By Ada.", "response": "Ada", "category": "qa"}],
    "question_answer": [
        {"problem": "1 + 1?", "solution": "2"},
        {"question": "x", "answer": "y", "answers": ["y", "z"]},
    ],
    "prompt_completion": [
        {"prompt": "2 + 2 =", "completion": " 4<|endoftext|>"},
        {
            "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "Hi"}],
            "completion": [{"role": "assistant", "content": "Hello"}],
        },
    ],
    "sharegpt": [
        {
            "conversations": [
                {"from": "human", "value": "Add 1 and 2."},
                {"from": "function_call", "value": json.dumps(CALL, indent=1)},
                {"from": "observation", "value": "3"},
                {"from": "gpt", "value": "3 it is."},
            ],
            "tools": json.dumps([{"name": "add", "parameters": {}}], indent=2),
            "id": "a_0",
        },
        {"conversations": [{"from": "user", "value": "Hi"}, {"from": "chatgpt", "value": ""}]},
        {"conversations": [{"from": "human", "value": "Hi"}], "system": "Be kind."},
    ],
    "messages": [
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Look"}]},
                {"role": "assistant", "content": None, "tool_calls": [{"function": CALL}]},
                {"role": "tool", "content": "3", "tool_call_id": "1"},
                {"role": "assistant", "content": "3", "weight": 0},
            ],
            "tools": [{"type": "function", "function": {"name": "add"}}],
            "source": "mine",
        }
    ],
}


@pytest.mark.parametrize("layout", ROWS)
def test_messages_and_back_give_the_same_rows(layout: str) -> None:
    for row in ROWS[layout]:
        there = convert([row], "messages", schema=layout)
        back = convert(list(there.rows), layout)
        assert list(back.rows) == [row]
        assert json.dumps(back.rows[0], sort_keys=True) == json.dumps(row, sort_keys=True)


def _converted(row: dict[str, Any], to: str, layout: str | None = None) -> Any:
    """The row converted, or None if the layout says that it has no place for it."""
    try:
        return convert([row], to, schema=layout)
    except InputError as error:
        said = str(error)
    assert any(words in said for words in ("no field for", "but not written", "needs a"))
    return None


def test_most_rows_have_a_place_in_most_layouts() -> None:
    tried = [
        _converted(row, middle, layout) is not None
        for layout, rows in ROWS.items()
        for row in rows
        for middle in ("alpaca", "sharegpt", "prompt_completion", "messages")
    ]
    assert sum(tried) >= 0.9 * len(tried)


@pytest.mark.parametrize("layout", ROWS)
@pytest.mark.parametrize("middle", ["alpaca", "sharegpt", "prompt_completion", "messages"])
def test_any_layout_that_can_hold_it_gives_it_back(layout: str, middle: str) -> None:
    for row in ROWS[layout]:
        there = _converted(row, middle, layout)
        if there is None:
            continue
        assert list(convert(list(there.rows), layout, schema=middle).rows) == [row]


def test_what_a_layout_cannot_hold_is_said_and_kept() -> None:
    rows = [ROWS["alpaca"][0], ROWS["alpaca"][1]]
    done = convert(rows, "messages")
    assert done.unconverted == {"instruction": 1, "input": 1}
    assert UNCONVERTED not in done.rows[0]
    assert done.rows[0] == {
        "messages": [
            {"role": "user", "content": "Name a color."},
            {"role": "assistant", "content": "Blue"},
        ],
        "id": 7,
    }
    assert done.rows[1][UNCONVERTED]["values"] == {
        "instruction": "Add.\n\nAll.",
        "input": "1 + 1\n\n2",
    }
    assert "values that messages cannot hold, by column (records): " in str(done)
    assert "instruction (1), input (1); kept in the column _unconverted" in str(done)
    bare = convert(rows, "messages", drop_unconverted=True)
    assert all(UNCONVERTED not in row for row in bare.rows)
    assert "left out" in str(bare)


def test_what_was_edited_on_the_way_is_not_undone() -> None:
    there = [dict(row) for row in convert([ROWS["alpaca"][1]], "messages").rows]
    there[0]["messages"] = [
        {"role": "user", "content": "Subtract."},
        {"role": "assistant", "content": "0"},
    ]
    back = convert(there, "alpaca")
    assert back.rows[0] == {"instruction": "Subtract.", "input": "", "output": "0"}
    assert (back.n_edited, back.n_restored) == (1, 0)
    assert "1 were edited since" in str(back)


def test_a_column_added_on_the_way_stays() -> None:
    there = [dict(row) | {"score": 0.5} for row in convert(ROWS["alpaca"][1:2], "messages").rows]
    assert convert(there, "alpaca").rows[0] == ROWS["alpaca"][1] | {"score": 0.5}


def test_the_first_origin_is_kept_over_several_steps() -> None:
    row = ROWS["alpaca"][1]
    one = convert([row], "messages").rows
    two = convert(list(one), "sharegpt").rows
    assert list(two[0]["conversations"][0].values()) == ["human", "Add.\n\nAll.\n\n1 + 1\n\n2"]
    assert two[0][UNCONVERTED]["schema"]["name"] == "alpaca"


def test_calls_of_tools_have_no_place_in_columns_and_the_others_go_on() -> None:
    done = convert([ROWS["sharegpt"][0], ROWS["sharegpt"][2]], "alpaca")
    assert [row["instruction"] for row in done.rows] == ["Hi"]
    [bad] = done.quarantine
    assert bad.line == 1
    assert "tool calls" in bad.reason
    assert "1 are left out: the layout alpaca has no field for tool calls" in str(done)
    with pytest.raises(InputError, match="record 1: the layout alpaca has no field"):
        convert([ROWS["sharegpt"][0], ROWS["sharegpt"][2]], "alpaca", strict=True)


def test_columns_may_be_named_on_both_sides() -> None:
    rows = [{"task": "Add.", "gold": "2"}]
    names = {"instruction": "q", "output": "a"}
    done = convert(rows, names, schema={"instruction": "task", "output": "gold"})
    assert {k: v for k, v in done.rows[0].items() if k in "qa"} == {"q": "Add.", "a": "2"}


def test_a_data_set_can_be_converted() -> None:
    dataset = datasets.Dataset.from_list(ROWS["alpaca"][:2])
    done = convert(dataset, "messages")
    assert convert(list(done.rows), "alpaca").rows[1] == dataset[1]


TEXT = st.text(max_size=12)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"instruction": TEXT, "output": TEXT},
            optional={
                "input": st.none() | TEXT,
                "system": TEXT,
                "history": st.lists(st.tuples(TEXT, TEXT).map(list), max_size=2),
                "id": st.integers() | TEXT,
                "messages": TEXT,
            },
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=100, deadline=None)
def test_any_alpaca_rows_come_back(rows: list[dict[str, Any]]) -> None:
    try:
        there = convert(rows, "messages", schema="alpaca")
    except InputError:  # nothing is asked in any
        return
    kept = [row for i, row in enumerate(rows, 1) if i not in {b.line for b in there.quarantine}]
    assert list(convert(list(there.rows), "alpaca", schema="messages").rows) == kept
    assert len(there.rows) + len(there.quarantine) == len(rows)


def test_a_file_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    done = convert(ROWS["alpaca"][:1], "messages")
    path = tmp_path / "a.jsonl"
    path.write_text("thesis")
    with pytest.raises(OutputError, match="exists already; give another file, or overwrite it"):
        done.save(path)
    assert path.read_text() == "thesis"
    assert done.save(path, overwrite=True) == [path]


# What is kept is looked at before it is believed.


def test_a_table_has_the_column_in_every_row_and_it_says_nothing_there(tmp_path: Path) -> None:
    rows = [{"instruction": "Name it.", "input": "", "output": "x"}, ROWS["alpaca"][1]]
    path = tmp_path / "there.parquet"
    convert(rows, "messages").save(path)
    back = convert(str(path), "alpaca")
    assert list(back.rows) == rows


def test_what_is_kept_may_have_become_text() -> None:
    there = [dict(row) for row in convert([ROWS["alpaca"][1]], "messages").rows]
    there[0][UNCONVERTED] = json.dumps(there[0][UNCONVERTED])
    assert list(convert(there, "alpaca").rows) == [ROWS["alpaca"][1]]


@pytest.mark.parametrize("mine", ["mine", {"k": 1}, {"schema": 5}, {"schema": "nonsense"}, [1]])
def test_a_column_of_that_name_that_is_not_ours_is_refused(mine: Any) -> None:
    with pytest.raises(InputError, match="the column _unconverted was not written by convert"):
        convert([ROWS["alpaca"][0] | {UNCONVERTED: mine}], "messages", schema="alpaca")


def test_by_way_of_a_third_layout_rows_come_back_too() -> None:
    row = {
        "messages": [
            {"role": "user", "content": "Hi", "name": "Ada"},
            {"role": "assistant", "content": "Hello"},
        ]
    }
    one = convert([row], "alpaca").rows
    two = convert(list(one), "prompt_completion").rows
    assert list(convert(list(two), "messages").rows) == [row]


def test_values_that_are_no_json_are_compared_too() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    for value in (np.arange(3), {1, 2}, deep):
        done = convert([ROWS["alpaca"][0] | {"t": value}], "messages", schema="alpaca")
        assert len(done.rows) == 1


def test_paths_of_a_tree_hold_nothing_back() -> None:
    rows = [
        {"message_id": "a", "parent_id": None, "text": "Hi", "role": "prompter", "rank": None},
        {"message_id": "b", "parent_id": "a", "text": "Hello", "role": "assistant", "rank": 0},
        {"message_id": "c", "parent_id": "a", "text": "Go", "role": "assistant", "rank": 1},
    ]
    done = convert(rows, "messages")
    assert [UNCONVERTED in row for row in done.rows] == [False]
    assert (done.n_read, done.unconverted) == (3, {})
    assert "3 were read; some hold several conversations, or a part of one" in str(done)


# The command.


def _run(*args: object) -> Any:
    return CliRunner().invoke(app, ["convert", *map(str, args)])


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".parquet"])
def test_the_command_writes_and_reads_back(ending: str, tmp_path: Path) -> None:
    rows = [{"id": i, **row} for i, row in enumerate(ROWS["alpaca"][:2])]
    a, b, c = tmp_path / "a.json", tmp_path / f"b{ending}", tmp_path / "c.jsonl"
    a.write_text(json.dumps(rows))
    found = _run(a, b, "--to", "messages")
    assert found.exit_code == 0, found.output
    assert "2 records in the layout messages" in found.output
    assert _run(b, c, "--to", "alpaca").exit_code == 0
    back = [json.loads(line) for line in c.read_text().splitlines()]
    assert back[1] == rows[1]
    assert {k: v for k, v in back[0].items() if v is not None} == rows[0]


def test_bad_rows_are_written_beside_with_file_line_and_reason(tmp_path: Path) -> None:
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    a.write_text('{"prompt": "x", "completion": "y"}\nnope\n{"prompt": "", "completion": "z"}\n')
    found = _run(a, b, "--to", "alpaca", "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["read"], told["written"], told["quarantined"]) == (3, 1, 2)
    lines = [json.loads(x) for x in (tmp_path / "b.quarantine.jsonl").read_text().splitlines()]
    assert [(x["file"], x["line"]) for x in lines] == [(str(a), 2), (str(a), 3)]
    assert lines[1]["content"] == {"prompt": "", "completion": "z"}
    again = _run(a, tmp_path / "b.json", "--to", "alpaca")
    assert (again.exit_code, "b.quarantine.jsonl exists already" in again.stderr) == (1, True)
    assert not (tmp_path / "b.json").exists()
    a.write_text('{"prompt": "x", "completion": "y"}\n')
    assert _run(a, b, "--to", "alpaca", "--overwrite").exit_code == 0
    assert not (tmp_path / "b.quarantine.jsonl").exists()
    a.write_text('{"prompt": "x", "completion": "y"}\nnope\n')
    strict = _run(a, tmp_path / "c.jsonl", "--to", "alpaca", "--strict")
    assert strict.exit_code == 2
    assert not (tmp_path / "c.jsonl").exists()


def test_wrong_arguments_say_the_way_out(tmp_path: Path) -> None:
    a = tmp_path / "a.json"
    a.write_text(json.dumps(ROWS["alpaca"]))
    for args, said in (
        ([a, tmp_path / "b.csv", "--to", "messages"], "written as .jsonl, .json, .parquet"),
        ([a, tmp_path / "b.jsonl", "--to", "chat"], "no schema is named 'chat'"),
        ([a, a, "--to", "messages"], "exists already"),
        ([a, tmp_path / "b.jsonl", "--to", '{"nonsense": "x"}'], "no layout has the columns"),
        ([a, tmp_path / "b.jsonl", "--to", "oasst_tree"], "can be read, but not written"),
    ):
        found = _run(*args)
        assert found.exit_code in (1, 2)
        assert said in found.stderr.replace("\n", " "), found.output
        assert not (tmp_path / "b.jsonl").exists()


@pytest.mark.parametrize("layout", sorted(Schema.known()))
def test_every_schema_can_be_named_as_a_target(layout: str) -> None:
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "x"}]
    done = _converted({"messages": chat}, layout)
    if done is not None:
        found = Schema.of(layout).messages(done.rows[0])
        assert [m["content"] for m in found] == ["Hi", "x"]


def test_an_answer_apart_comes_back_by_way_of_its_own_columns() -> None:
    rows = [{"prompt": f"{i}?", "chosen": "a", "rejected": "b", "id": i} for i in range(3)]
    there = convert(rows, "prompt_completion")
    assert there.rows[0]["completion"] == "a"
    assert list(convert(list(there.rows), "preference").rows) == rows


def test_a_table_comes_back_though_it_has_every_column_in_every_row(tmp_path: Path) -> None:
    pair = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    system = {"role": "system", "content": "Be brief."}
    rows = [{"messages": pair}, {"messages": [system, *pair]}, {"messages": pair * 2}]
    convert(rows, "alpaca").save(tmp_path / "there.parquet")
    back = convert(str(tmp_path / "there.parquet"), "messages")
    assert list(back.rows) == rows
    assert not back.unconverted
