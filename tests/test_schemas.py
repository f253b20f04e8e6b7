"""Schemas: layouts are recognized and read as messages."""

from typing import Any

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv.errors import ParameterError, RowError, UnknownPart, UnknownSchema
from instructdiv.schemas import (
    Alpaca,
    Dolly,
    Messages,
    PromptCompletion,
    QuestionAnswer,
    Schema,
    Sharegpt,
)

USER = {"role": "user", "content": "Hi"}
ASSISTANT = {"role": "assistant", "content": "Hello"}
CHAT = [USER, ASSISTANT]

# One row of every layout that says "Hi" and is answered "Hello".
LAYOUTS: dict[str, dict[str, Any]] = {
    "alpaca": {"instruction": "Hi", "input": "", "output": "Hello"},
    "dolly": {"instruction": "Hi", "context": "", "response": "Hello", "category": "qa"},
    "messages": {"messages": CHAT},
    "sharegpt": {
        "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
    },
    "prompt_completion": {"prompt": "Hi", "completion": "Hello"},
    "question_answer": {"question": "Hi", "answer": "Hello"},
}

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("alpaca", {"instruction": "Hi", "output": "Hello"}),
    ("alpaca", {"instruction": "Hi", "input": None, "response": "Hello"}),
    ("alpaca", {"instruction": "Hi", "input": "<noinput>", "output": None, "response": "Hello"}),
    ("alpaca", {"instruction": "Hi", "input": "  N/A ", "output": "Hello"}),
    ("alpaca", {"instruction": "", "input": "Hi", "output": "Hello"}),
    ("dolly", {"instruction": "Hi", "context": None, "response": "Hello"}),
    ("messages", {"messages": [{"role": "Human", "content": "Hi"}, ASSISTANT]}),
    ("messages", {"messages": [{"role": "user", "content": ["Hi"]}, ASSISTANT]}),
    ("messages", {"messages": [{"role": "user", "content": [{"type": "t", "text": "Hi"}]}]}),
    ("messages", {"messages": [{"role": "user", "content": [{"type": "t", "value": "Hi"}]}]}),
    ("sharegpt", {"conversations": [{"from": "user", "value": "Hi"}]}),
    ("prompt_completion", {"prompt": [USER], "completion": [ASSISTANT]}),
    ("question_answer", {"problem": "Hi", "solution": "Hello"}),
    ("question_answer", {"query": "Hi", "response": "Hello"}),
]


def test_a_layout_stands_for_every_schema() -> None:
    assert sorted(LAYOUTS) == sorted(Schema.known())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_recognized_and_read(name: str) -> None:
    schema = idv.recognize([LAYOUTS[name]])
    assert schema.name == name
    assert schema.messages(LAYOUTS[name]) == CHAT


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_recognized_in_a_dataset(name: str) -> None:
    dataset = datasets.Dataset.from_list([LAYOUTS[name]] * 3)
    schema = idv.recognize(dataset)
    assert schema.name == name
    assert schema.messages(dataset[1]) == CHAT


@pytest.mark.parametrize("name", LAYOUTS)
def test_columns_beside_a_layout_do_not_hide_it(name: str) -> None:
    others = {"id": 1, "domain": "x", "tools": "[]", "label": True}
    assert idv.recognize([others | LAYOUTS[name]]).name == name


@pytest.mark.parametrize(("name", "row"), VARIANTS)
def test_a_variant_of_a_layout_asks_the_same(name: str, row: dict[str, Any]) -> None:
    schema = idv.recognize([row])
    assert schema.name == name
    messages = schema.messages(row)
    assert messages[0] == USER
    assert messages[1:] in ([], [ASSISTANT])


def test_instruction_and_input_are_asked_together_but_told_apart() -> None:
    row = {"instruction": "Add.", "input": "1 + 1", "output": "2"}
    assert Alpaca().messages(row)[0]["content"] == "Add.\n\n1 + 1"
    assert Alpaca().instruction(row) == "Add."
    dolly = {"instruction": "Who?", "context": "By Ada.", "response": "Ada"}
    assert Dolly().messages(dolly)[0]["content"] == "Who?\n\nBy Ada."
    assert Dolly().instruction(dolly) == "Who?"


def test_an_input_alone_stands_for_the_instruction() -> None:
    assert Alpaca().instruction({"instruction": None, "input": "1 + 1"}) == "1 + 1"


def test_system_and_history_come_before_the_instruction() -> None:
    row = {
        "system": "Be brief.",
        "history": [["Hi", "Hello"]],
        "instruction": "And you?",
        "output": "Fine",
    }
    assert Alpaca().messages(row) == [
        {"role": "system", "content": "Be brief."},
        *CHAT,
        {"role": "user", "content": "And you?"},
        {"role": "assistant", "content": "Fine"},
    ]


@pytest.mark.parametrize("history", [["x"], [["only a question"]], "text", 5, [{"q": "a"}], [5]])
def test_a_history_of_another_form_is_a_row_error(history: Any) -> None:
    with pytest.raises(RowError):
        Alpaca().messages({"instruction": "a", "output": "b", "history": history})


def test_tool_calls_stay_on_their_message() -> None:
    calls = [{"function": {"name": "add"}}]
    row = {
        "messages": [
            {"role": "system", "content": "s"},
            USER,
            {"role": "assistant", "content": None, "tool_calls": calls, "weight": 1},
            {"role": "tool", "content": "2", "tool_call_id": "7", "tool_calls": None},
        ]
    }
    assert Messages().messages(row)[2:] == [
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "content": "2", "tool_call_id": "7"},
    ]


def test_the_turns_of_sharegpt_have_roles() -> None:
    said = ["system", "human", "function_call", "observation", "gpt"]
    row = {"conversations": [{"from": who, "value": who} for who in said], "system": "Be kind."}
    assert [m["role"] for m in Sharegpt().messages(row)] == [
        "system",
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]


def test_rows_of_one_source_may_use_different_pairs() -> None:
    rows = [{"question": "a", "answer": "b"}, {"problem": "c", "solution": "d"}]
    schema = idv.recognize(rows)
    assert [schema.messages(row)[0]["content"] for row in rows] == ["a", "c"]


def test_a_column_may_have_another_name() -> None:
    schema = Alpaca(instruction_column="task", output_columns=("gold",))
    assert schema.messages({"task": "Hi", "gold": "Hello"}) == CHAT
    assert QuestionAnswer(pairs=(("q", "a"),)).messages({"q": "Hi", "a": "Hello"}) == CHAT


# Rows that ask nothing.


@pytest.mark.parametrize(
    ("schema", "row", "asked_in"),
    [
        (Alpaca(), {"output": "b"}, "'instruction' and 'input'"),
        (Alpaca(), {"instruction": None, "input": "", "output": "b"}, "'instruction' and 'input'"),
        (Alpaca(), {"instruction": " \n", "input": "N/A"}, "'instruction' and 'input'"),
        (Dolly(), {"instruction": "", "context": None}, "'instruction' and 'context'"),
        (Messages(), {"messages": []}, "a user turn of 'messages'"),
        (Messages(), {"messages": [ASSISTANT]}, "a user turn of 'messages'"),
        (Messages(), {"messages": [{"role": "user", "content": None}]}, "a user turn of"),
        (Sharegpt(), {"conversations": [{"from": "gpt", "value": "b"}]}, "'conversations'"),
        (PromptCompletion(), {"completion": "b"}, "'prompt'"),
        (PromptCompletion(), {"prompt": [], "completion": "b"}, "'prompt'"),
        (QuestionAnswer(), {"question": None, "answer": "b"}, "'question' or 'problem'"),
    ],
)
def test_a_row_that_asks_nothing_says_where_it_should(
    schema: Schema, row: dict[str, Any], asked_in: str
) -> None:
    with pytest.raises(RowError, match=f"^no instruction: nothing is asked in .*{asked_in}"):
        schema.messages(row)


@pytest.mark.parametrize("turns", [None, "text", 5, ["Hi"], [None], {"role": "user"}])
def test_a_conversation_of_another_form_names_its_column(turns: Any) -> None:
    with pytest.raises(RowError, match="'messages' is not a list of messages"):
        Messages().messages({"messages": turns})
    with pytest.raises(RowError, match="'conversations' is not a list of turns"):
        Sharegpt().messages({"conversations": turns})


@pytest.mark.parametrize("role", ["narrator", "", None, 7])
def test_an_unknown_role_is_named_with_the_known_ones(role: Any) -> None:
    with pytest.raises(RowError) as caught:
        Messages().messages({"messages": [USER, {"role": role, "content": "x"}]})
    assert f"unknown role {role!r}; known: user, human" in str(caught.value)


# Layouts that nobody knows.


@pytest.mark.parametrize(
    "row",
    [
        {"foo": "a", "bar": "b"},
        {"instruction": "a"},
        {"prompt": "a"},
        {"question": "a", "solution": "b"},
        {"messages": "text"},
        {"conversations": []},
        {"conversations": [{"role": "user", "content": "a"}]},
    ],
)
def test_an_unknown_layout_names_its_columns_and_the_known_schemas(row: dict[str, Any]) -> None:
    with pytest.raises(UnknownSchema) as caught:
        idv.recognize([row])
    assert str(caught.value) == (
        f"no schema fits the columns {', '.join(row)}; known schemas: "
        "messages, sharegpt, dolly, alpaca, prompt_completion, question_answer"
    )


@pytest.mark.parametrize("rows", [[], [{}]])
def test_no_columns_at_all_are_an_unknown_layout(rows: list[Any]) -> None:
    with pytest.raises(UnknownSchema, match=r"no schema fits the columns \(none\)"):
        idv.recognize(rows)


def test_an_unknown_schema_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownPart) as caught:
        Schema.from_mapping("alpaka")
    assert "no schema is named 'alpaka'; known: " + ", ".join(sorted(LAYOUTS)) == str(caught.value)


def test_an_unknown_parameter_of_a_schema_lists_the_known_ones() -> None:
    with pytest.raises(ParameterError, match="messages has no parameter 'columns'; known: column"):
        Schema.from_mapping({"name": "messages", "columns": "chat"})


@given(st.text(min_size=1).filter(str.strip), st.text(), st.text())
@settings(max_examples=60, deadline=None)
def test_what_is_asked_and_answered_is_never_changed(asked: str, about: str, answer: str) -> None:
    row = {"instruction": asked, "input": about, "output": answer}
    messages = idv.recognize([row]).messages(row)
    assert messages[0]["content"].startswith(asked)
    assert messages[-1] == {"role": "assistant", "content": answer}
    assert row == {"instruction": asked, "input": about, "output": answer}
