"""Schemas: layouts are recognized and read as messages."""

import json
from typing import Any

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv.errors import ParameterError, RowError, UnknownPart, UnknownSchema
from instructdiv.schemas import (
    Alpaca,
    Baize,
    Dolly,
    Lima,
    LlamaFactoryV1,
    MarkedText,
    Messages,
    Nemotron,
    OasstFlat,
    OasstTree,
    OpenaiPreference,
    Preference,
    PromptCompletion,
    QuestionAnswer,
    Schema,
    SelfInstruct,
    Sharegpt,
    SuperNi,
    UnnaturalInstructions,
    Xlam,
)
from tests.conversations import (
    ASSISTANT,
    CHAT,
    LAYOUTS,
    NAN,
    PROMPTER,
    REPLY,
    SAID,
    USER,
    VARIANTS,
    first,
    part,
)

# Rows of every layout in which "Hi" is answered "Hello".


# Other forms of a layout, in which "Hi" is asked, and answered "Hello" if at all.


def test_a_layout_stands_for_every_schema() -> None:
    assert sorted(LAYOUTS) == sorted(Schema.known())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_recognized_and_read(name: str) -> None:
    schema = idv.recognize(LAYOUTS[name])
    assert schema.name == name
    row = first(schema, LAYOUTS[name])
    assert schema.messages(row) == SAID[name]
    assert schema.prompt(row) == schema.instruction(row) == "Hi"


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_recognized_in_a_dataset(name: str) -> None:
    dataset = datasets.Dataset.from_list(LAYOUTS[name] * 3)
    schema = idv.recognize(dataset)
    assert schema.name == name
    assert schema.messages(first(schema, dataset)) == SAID[name]


@pytest.mark.parametrize("name", LAYOUTS)
def test_columns_beside_a_layout_do_not_hide_it(name: str) -> None:
    others = {"id": 1, "domain": "x", "tools": "[]", "label": True, "images": ["a.png"]}
    assert idv.recognize([others | row for row in LAYOUTS[name]]).name == name


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_conversation_is_read_from_the_columns_that_are_named(name: str) -> None:
    schema = idv.recognize(LAYOUTS[name])
    row = first(schema, LAYOUTS[name])
    assert schema.columns(row) <= row.keys()
    assert schema.messages({column: row[column] for column in schema.columns(row)}) == SAID[name]


MAY_LACK = {
    "alpaca": {"input"},
    "nemotron": {"system_prompt"},
    "open_orca": {"system_prompt"},
    "preference": {"prompt"},
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_without_a_column_of_its_own_a_layout_is_no_longer_recognized(name: str) -> None:
    rows = LAYOUTS[name]
    schema = idv.recognize(rows)
    for column in schema.columns(rows[0]) - MAY_LACK.get(name, set()):
        without = [{k: v for k, v in row.items() if k != column} for row in rows]
        assert not schema.matches(list(without[0]), without), column


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


def test_a_history_may_be_json() -> None:
    row = {"instruction": "And you?", "output": "Fine", "history": '[["Hi", "Hello"]]'}
    assert Alpaca().messages(row)[:2] == CHAT


@pytest.mark.parametrize(
    "history", ["[", "[5]", ["x"], [["only a question"]], "text", 5, [{"q": "a"}], [5]]
)
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
        {"role": "assistant", "content": "", "tool_calls": calls, "weight": 1},
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


@pytest.mark.parametrize("held", [5, None, "Hi", [5], [], [None], {"role": "user"}])
@pytest.mark.parametrize("name", ["messages", "llama_factory_v1", "sharegpt", "lima"])
def test_a_row_of_another_form_does_not_hide_a_layout(name: str, held: Any) -> None:
    (column,) = LAYOUTS[name][0].keys() & {"messages", "conversations"}
    assert idv.recognize([{column: held}, *LAYOUTS[name] * 2]).name == name


ODD = [
    {"messages": CHAT},
    {"prompt": "Hi", "chosen": "Hello", "rejected": "Go"},
    {"instruction": "Hi", "context": "c", "response": "Hello"},
    {"input": "Hi", "output": "Hello", "system_prompt": "Be kind."},
]


@pytest.mark.parametrize("name", ["alpaca", "question_answer", "sharegpt", "prompt_completion"])
@pytest.mark.parametrize("odd", ODD, ids=lambda row: "-".join(row))
def test_one_odd_row_does_not_decide_the_layout(name: str, odd: dict[str, Any]) -> None:
    rows = [odd, *LAYOUTS[name] * 9]
    assert idv.recognize(rows).name == name
    # In a table every row has all the columns, with nothing in most of them.
    columns = dict.fromkeys(key for row in rows for key in row)
    table, frame = ([dict.fromkeys(columns, e) | row for row in rows] for e in (None, NAN))
    assert idv.recognize(frame).name == name
    assert idv.recognize(datasets.Dataset.from_list(table)).name == name


def test_of_layouts_that_none_most_rows_have_the_most_frequent_is_taken() -> None:
    rows = LAYOUTS["messages"] + LAYOUTS["flan"] + LAYOUTS["alpaca"] * 2 + [{"foo": "a"}] * 3
    assert idv.recognize(rows).name == "alpaca"


def test_a_table_of_which_most_lacks_a_context_is_dolly() -> None:
    row = LAYOUTS["dolly"][0] | {"context": None}
    assert idv.recognize([row, row, row | {"context": "c"}]).name == "dolly"


def test_messages_that_most_are_replies_are_known_by_their_prompts_too() -> None:
    assert idv.recognize([PROMPTER, PROMPTER, REPLY]).name == "oasst_flat"
    assert idv.recognize([PROMPTER, *LAYOUTS["flan"]]).name == "oasst_flat"


def test_columns_with_nothing_in_them_tell_the_layout_where_no_row_does() -> None:
    assert idv.recognize([{"instruction": None, "input": "a", "output": None}]).name == "alpaca"


def test_rows_of_one_source_may_use_different_pairs() -> None:
    rows = [{"question": "a", "answer": "b"}, {"problem": "c", "solution": "d"}]
    schema = idv.recognize(rows)
    assert [schema.messages(row)[0]["content"] for row in rows] == ["a", "c"]


def test_a_column_may_have_another_name() -> None:
    schema = Alpaca(instruction_column="task", output_columns=("gold",))
    assert schema.messages({"task": "Hi", "gold": "Hello"}) == CHAT
    assert QuestionAnswer(pairs=(("q", "a"),)).messages({"q": "Hi", "a": "Hello"}) == CHAT


@pytest.mark.parametrize("column", ["context", "passage"])
def test_a_question_is_asked_with_its_context(column: str) -> None:
    row = {"question": "Who?", column: "By Ada.", "answer": "Ada"}
    schema = idv.recognize([row])
    assert schema.name == "question_answer"
    assert schema.prompt(row) == schema.messages(row)[0]["content"] == "Who?\n\nBy Ada."
    assert schema.instruction(row) == "Who?"
    assert schema.columns(row) == row.keys()
    written = {"question": "Who?\n\nBy Ada.", "answer": "Ada"}
    assert schema.like(row).write(schema.read(row)) == written
    named = Schema.of({"question": "q", column: "c", "answer": "a"})
    assert named.prompt({"q": "Who?", "c": "By Ada.", "a": "Ada"}) == "Who?\n\nBy Ada."
    assert named.prompt({"q": "Who?", "c": None, "a": "Ada", "": "7"}) == "Who?"


def test_a_response_beside_an_answer_is_read_where_there_is_a_system_prompt() -> None:
    row = {"system_prompt": "", "question": "Hi", "answer": "Yo", "response": "Hello"}
    assert idv.recognize([row]).name == "open_orca"
    rows = [row | {"system_prompt": None}] * 3
    assert idv.recognize([row, *rows]).name == "question_answer"


# Quirks of messages.


CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
WRITTEN_CALL = '{"name": "add", "arguments": {"a": 1}}'


def said(turn: dict[str, Any], schema: Schema | None = None) -> dict[str, Any]:
    return (schema or Messages()).read({"messages": [turn]}).messages[0]


def test_a_call_from_before_there_were_several_is_a_call() -> None:
    row = {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "function_call": CALL["function"]},
            {"role": "function", "name": "add", "content": "1"},
        ],
        "functions": [{"name": "add", "parameters": {}}],
    }
    conversation = Messages().read(row)
    assert conversation.messages[1] == {"role": "assistant", "content": "", "tool_calls": [CALL]}
    assert conversation.messages[2] == {"role": "tool", "content": "1", "name": "add"}
    assert conversation.tools == [{"type": "function", "function": row["functions"][0]}]  # type: ignore[index]
    assert Messages().columns(row) == {"messages", "functions"}


@pytest.mark.parametrize("arguments", [{"a": 1}, '{"a": 1}', "not JSON", None])
def test_arguments_stay_as_they_are(arguments: Any) -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": arguments}}]
    turn = {"role": "assistant", "content": None, "tool_calls": calls}
    assert said(turn)["tool_calls"] == calls


def test_calls_may_be_json_or_lack_a_function() -> None:
    assert said({"role": "assistant", "tool_calls": f"[{WRITTEN_CALL}]"})["tool_calls"] == [CALL]
    flat = {"name": "add", "arguments": {"a": 1}, "id": "c1"}
    assert said({"role": "assistant", "tool_calls": [flat]})["tool_calls"] == [{"id": "c1"} | CALL]


@pytest.mark.parametrize("calls", ["add", [5], 5, [{}], {"function": {}}, ["add"]])
def test_calls_of_another_form_are_a_row_error(calls: Any) -> None:
    with pytest.raises(RowError, match="'tool_calls' is not"):
        said({"role": "assistant", "content": "", "tool_calls": calls})


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_what_is_thought_has_one_name(key: str) -> None:
    thought = said({"role": "assistant", "content": "4", key: "2 and 2"})
    assert thought == {"role": "assistant", "content": "4", "reasoning_content": "2 and 2"}


def test_a_developer_gives_the_system_text() -> None:
    assert said({"role": "developer", "content": "Be brief."})["role"] == "system"


@pytest.mark.parametrize(
    "shown",
    [
        {"type": "image"},
        {"type": "image_url", "image_url": {"url": "a.png"}},
        {"type": "image_url", "value": "a.png"},
        {"type": "input_audio", "input_audio": {"data": "x"}},
        {"type": "video", "text": None, "video": "a.mp4"},
        {"image": "a.png"},
    ],
)
def test_what_is_shown_stays_in_its_place(shown: dict[str, Any]) -> None:
    parts = [shown, {"type": "text", "text": "What is it?"}]
    message = said({"role": "user", "content": parts})
    assert message == {"role": "user", "content": "What is it?", "parts": parts}
    row = {"messages": [{"role": "user", "content": parts}]}
    assert Messages().write(Messages().read(row)) == row
    alone = {"messages": [{"role": "user", "content": [shown]}]}
    assert Messages().messages(alone)[0]["content"] == ""


@pytest.mark.parametrize("part", [{}, {"type": "text", "text": None}, None, {"type": None}])
def test_a_part_that_says_nothing_shows_nothing_either(part: Any) -> None:
    with pytest.raises(RowError, match="no instruction"):
        Messages().messages({"messages": [{"role": "user", "content": [part]}]})


def test_marks_of_images_stay_in_the_text() -> None:
    row = {"conversations": [{"from": "human", "value": "<image>What is it?"}], "images": ["a.png"]}
    assert Sharegpt().messages(row)[0]["content"] == "<image>What is it?"
    assert Sharegpt().columns(row) == {"conversations"}


def test_values_of_llama_factory_are_told_apart() -> None:
    content = [
        part("reasoning", "2 and 2"),
        part("text", "I add."),
        part("tool_call", WRITTEN_CALL),
    ]
    row = {"messages": [{"role": "assistant", "content": content, "loss_weight": 0.0}]}
    assert LlamaFactoryV1().read(row).messages == [
        {
            "role": "assistant",
            "content": "I add.",
            "reasoning_content": "2 and 2",
            "tool_calls": [CALL],
            "weight": 0.0,
        }
    ]
    assert Messages().read(row) == LlamaFactoryV1().read(row)
    assert LlamaFactoryV1().write(LlamaFactoryV1().read(row)) == row


def test_placeholders_of_llama_factory_stay() -> None:
    turn = {"role": "assistant", "content": [part("text", "I am {{name}}.")]}
    assert said(turn, LlamaFactoryV1())["content"] == "I am {{name}}."


def test_a_call_of_llama_factory_that_is_not_json_is_a_row_error() -> None:
    with pytest.raises(RowError, match="a tool_call is not JSON of a name and arguments: 'add'"):
        said({"role": "assistant", "content": [part("tool_call", "add")]})


@pytest.mark.parametrize("mark", [{"train": False}, {"weight": 0}, {"weight": 0, "train": True}])
def test_an_answer_that_is_not_trained_on_is_told_in_every_layout_of_turns(
    mark: dict[str, Any],
) -> None:
    asked, answered = {"from": "human", "value": "?"}, {"from": "gpt", "value": "!"} | mark
    row = {"conversations": [asked | {"train": False}, answered, asked, answered | {"train": True}]}
    [_, first, _, last] = Sharegpt().read(row).messages
    assert first["weight"] == 0
    assert last.get("weight", 1) == mark.get("weight", 1)
    there = idv.convert([row], "messages").rows
    assert [m.get("weight", 1) for m in there[0]["messages"] if m["role"] == "assistant"] == [
        0,
        mark.get("weight", 1),
    ]
    assert list(idv.convert(list(there), "sharegpt").rows) == [row]
    turns = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "!"} | mark,
    ]
    assert Messages().read({"messages": turns}).messages[1]["weight"] == 0


def test_a_weight_is_a_number() -> None:
    assert (
        said({"role": "assistant", "content": "", "weight": None, "loss_weight": 1})["weight"] == 1
    )
    with pytest.raises(RowError, match="weight of a message is not a number: 'much'"):
        said({"role": "assistant", "content": "", "weight": "much"})


def test_tools_are_json_or_a_list() -> None:
    tools = [{"type": "function", "function": {"name": "add"}}]
    for held in (tools, '[{"name": "add"}]', '{"name": "add"}', [{"name": "add"}]):
        assert Messages().read({"messages": CHAT, "tools": held}).tools == tools
        assert Sharegpt().read({"conversations": [], "tools": held}).tools == tools


@pytest.mark.parametrize("given", [{}, {"type": None}, {"type": "function"}])
def test_a_tool_has_a_type(given: dict[str, Any]) -> None:
    row = {"messages": CHAT, "tools": [given | {"function": {"name": "add"}}, {"type": "search"}]}
    assert Messages().read(row).tools == [
        {"type": "function", "function": {"name": "add"}},
        {"type": "search"},
    ]


def test_functions_are_read_where_a_table_has_no_tools() -> None:
    row = {"messages": CHAT, "tools": NAN, "functions": [{"name": "add"}]}
    assert len(Messages().read(row).tools) == 1


@pytest.mark.parametrize("column", ["label", "kto_tag"])
@pytest.mark.parametrize("name", ["messages", "prompt_completion", "alpaca", "sharegpt"])
def test_an_answer_may_be_marked_as_unwanted(name: str, column: str) -> None:
    schema = idv.recognize(LAYOUTS[name])
    conversation = schema.read(LAYOUTS[name][0] | {column: False})
    assert conversation.label is False
    assert schema.write(conversation)["label"] is False


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ({"label": "True"}, True),
        ({"label": " false "}, False),
        ({"label": 0}, None),
        ({"label": 7}, None),
        ({"label": "1"}, None),
        ({"label": 3, "kto_tag": "FALSE"}, False),
        ({"kto_tag": 1}, True),
        ({"kto_tag": 0}, False),
        ({"kto_tag": "0"}, False),
        ({"kto_tag": 2}, None),
        ({"kto_tag": None}, None),
        ({"label": [True]}, None),
    ],
)
def test_a_label_may_be_a_text_but_not_the_number_of_a_class(
    row: dict[str, Any], label: bool | None
) -> None:
    assert Alpaca().read(LAYOUTS["alpaca"][0] | row).label is label


# Preferences.


GO = {"role": "assistant", "content": "Go"}
HUMAN = {"from": "human", "value": "Hi"}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "chosen": "Hello", "rejected": "Go"},
        {"question": "Hi", "chosen": "Hello", "rejected": "Go"},
        {"question": "Hi", "system": "", "chosen": "Hello", "rejected": "Go"},
        {"instruction": "Hi", "input": "", "chosen": "Hello", "rejected": "Go"},
        {"instruction": "Hi", "chosen": [ASSISTANT], "rejected": [GO], "prompt": None},
        {"prompt": [USER], "chosen": [ASSISTANT], "rejected": [GO]},
        {"prompt": [USER], "chosen": "Hello", "rejected": "Go"},
        {"prompt": [HUMAN], "chosen": ASSISTANT, "rejected": GO},
        {"messages": [USER], "chosen": ASSISTANT, "rejected": GO},
        {
            "conversations": [HUMAN],
            "chosen": {"from": "gpt", "value": "Hello"},
            "rejected": {"from": "gpt", "value": "Go"},
        },
        {"chosen": [USER, ASSISTANT], "rejected": [USER, GO]},
        {"prompt": "Hi", "chosen": [USER, ASSISTANT], "rejected": [USER, GO]},
        {"prompt": "Hi", "messages": CHAT, "chosen": CHAT, "rejected": [USER, GO]},
        {
            "chosen": "\n\nHuman: Hi\n\nAssistant: Hello",
            "rejected": "\n\nHuman: Hi\n\nAssistant: Go",
        },
    ],
)
def test_a_prompt_and_two_answers_stand_in_many_forms(row: dict[str, Any]) -> None:
    schema = idv.recognize([row])
    assert schema.name == "preference"
    conversation = schema.read(row)
    assert (conversation.prompt, conversation.completion) == ([USER], [ASSISTANT])
    assert conversation.rejected == [GO]
    assert conversation.asked == 1


@pytest.mark.parametrize("answers", [("Hello", "Go"), ("2 + 2 = 4", "2 + 2 = 5")])
def test_answers_alone_ask_nothing_though_they_begin_alike(answers: tuple[str, str]) -> None:
    with pytest.raises(RowError, match="no instruction: nothing is asked in 'prompt'"):
        Preference().messages(dict(zip(("chosen", "rejected"), answers, strict=True)))


def test_a_longer_prompt_within_the_answers_is_read_once() -> None:
    system = {"role": "system", "content": "Be kind."}
    row = {"prompt": "Hi", "chosen": [system, *CHAT], "rejected": [system, USER, GO]}
    assert Preference().read(row).messages == [system, *CHAT]
    row = {"prompt": [system, USER], "chosen": CHAT, "rejected": [USER, GO]}
    assert Preference().read(row).messages == [system, *CHAT]


@pytest.mark.parametrize("blank", ["Hi ", "\nHi"])
def test_a_prompt_that_differs_by_blanks_from_its_copy_is_read_once(blank: str) -> None:
    row = {"prompt": blank, "chosen": CHAT, "rejected": [USER | {"content": "Hi\n"}, GO]}
    conversation = Preference().read(row)
    assert (conversation.messages, conversation.rejected) == (CHAT, [GO])
    row["prompt"] = [{"role": "system", "content": "s"}, USER | {"content": blank}]
    assert Preference().read(row).completion == [ASSISTANT]


def test_an_empty_prompt_of_a_table_is_looked_for_elsewhere() -> None:
    row = {"prompt": NAN, "question": "Hi", "chosen": "Hello", "rejected": "Go", "system": NAN}
    assert Preference().read(row).messages == CHAT


def test_system_and_input_come_with_the_instruction_of_a_preference() -> None:
    row = {
        "system": "Be brief.",
        "instruction": "Add.",
        "input": "1 + 1",
        "chosen": "2",
        "rejected": "3",
    }
    conversation = Preference().read(row)
    assert [m["content"] for m in conversation.prompt] == ["Be brief.", "Add.\n\n1 + 1"]
    assert Preference().instruction(row) == "Add."
    assert Preference().columns(row) == row.keys()


@pytest.mark.parametrize("column", ["prompt", "question", "messages"])
def test_a_system_text_comes_before_a_prompt_that_has_none(column: str) -> None:
    row = {column: [USER], "system": "Be brief.", "chosen": "Hello", "rejected": "Go"}
    system = {"role": "system", "content": "Be brief."}
    assert Preference().read(row).prompt == [system, USER]
    own = {"role": "system", "content": "Be kind."}
    assert Preference().read(row | {column: [own, USER]}).prompt == [own, USER]


SYSTEM = {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize("column", ["system", "system_prompt"])
@pytest.mark.parametrize("said", ["Be brief.", [{"type": "text", "text": "Be brief."}]])
def test_a_system_text_beside_turns_is_read_once(column: str, said: Any) -> None:
    shared = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
    for row in (
        {"messages": CHAT},
        {"messages": [SYSTEM, *CHAT]},
        {"conversations": CHAT},
        {"conversations": shared},
        {"conversations": [{"from": "system", "value": "Be brief."}, *shared]},
        {"conversation": [{"input": "Hi", "output": "Hello"}]},
        {"text": "USER: Hi\nASSISTANT: Hello"},
    ):
        schema = idv.recognize([row | {column: said}])
        assert schema.messages(row | {column: said}) == [SYSTEM, *CHAT]
        assert column in schema.columns(row | {column: said})
        assert schema.messages(row | {column: None})[-2:] == CHAT
    other = {"messages": [{"role": "system", "content": "Be kind."}, *CHAT], column: said}
    assert [m["content"] for m in Messages().messages(other)[:2]] == ["Be brief.", "Be kind."]
    [there] = idv.convert([{"messages": CHAT, column: said}], "alpaca").rows
    assert there["system"] == "Be brief."
    assert list(idv.convert([there], "messages").rows) == [{"messages": CHAT, column: said}]


def test_a_worse_answer_beside_messages_is_that_of_ms_swift() -> None:
    go = {"role": "assistant", "content": "Go"}
    for worse in (
        {"rejected_response": "Go"},
        {"rejected_response": [go]},
        {"rejected_messages": [USER, go]},
        {"rejected_messages": json.dumps([USER, go])},
    ):
        found = Messages().read({"messages": CHAT} | worse)
        assert (found.prompt, found.completion, found.rejected) == ([USER], [ASSISTANT], [go])
    told = Messages().read(
        {"messages": [*CHAT, *CHAT], "rejected_messages": [*CHAT, USER, go], "system": "Be brief."}
    )
    assert (told.prompt, told.rejected) == ([SYSTEM, *CHAT, USER], [go])
    assert Messages().read({"messages": CHAT, "rejected_response": ""}).rejected is None
    with pytest.raises(
        RowError, match="'rejected_response' is neither a text nor a list of messages: 5"
    ):
        Messages().read({"messages": CHAT, "rejected_response": 5})


def test_calls_and_results_of_anthropic_are_those_of_everyone() -> None:
    row = {
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "1 + 2, 3 + 4?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Add.", "signature": "x"},
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "a", "name": "add", "input": {"of": [1, 2]}},
                    {"type": "tool_use", "id": "b", "name": "add", "input": {"of": [3, 4]}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "3"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "b",
                        "content": [{"type": "text", "text": "7"}],
                    },
                    {"type": "text", "text": "And?"},
                ],
            },
            {"role": "assistant", "content": "3 and 7."},
        ],
        "tools": [{"name": "add", "description": "Adds.", "input_schema": {"type": "object"}}],
    }
    found = Messages().read(row)
    calls = [
        {"type": "function", "id": i, "function": {"name": "add", "arguments": {"of": of}}}
        for i, of in (("a", [1, 2]), ("b", [3, 4]))
    ]
    assert found.messages == [
        SYSTEM,
        {"role": "user", "content": "1 + 2, 3 + 4?"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": calls,
            "reasoning_content": "Add.",
        },
        {"role": "tool", "content": "3", "tool_call_id": "a"},
        {"role": "tool", "content": "7", "tool_call_id": "b"},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "3 and 7."},
    ]
    function = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}
    assert found.tools == [{"type": "function", "function": function}]


CHOICES = ["red", "blue"]


@pytest.mark.parametrize(
    ("choices", "answer"),
    [
        (CHOICES, 1),
        (CHOICES, "B"),
        ({"text": CHOICES, "label": ["A", "B"]}, "B"),
        ({"A": "red", "B": "blue"}, "B "),
    ],
)
@pytest.mark.parametrize("column", ["choices", "options"])
def test_a_question_shows_its_choices_and_the_answer_is_one(
    choices: Any, answer: Any, column: str
) -> None:
    row = {"question": "Which color?", column: choices, "answer": answer}
    assert idv.recognize([row]).name == "question_answer"
    asked, answered = QuestionAnswer().messages(row)
    assert asked["content"] == "Which color?\nA. red\nB. blue"
    assert answered["content"] == "B. blue"
    assert QuestionAnswer().instruction(row) == "Which color?"
    assert QuestionAnswer().columns(row) == set(row)
    told = row | {"question": "Which color: red or blue?"}
    assert [m["content"] for m in QuestionAnswer().messages(told)] == [told["question"], "blue"]
    there = idv.convert([row], "messages").rows
    assert list(idv.convert(list(there), "question_answer").rows) == [row]


@pytest.mark.parametrize("answer", [True, 2, -1, "C", "blue, I think", None, 0.5])
def test_an_answer_that_is_none_of_the_choices_stays(answer: Any) -> None:
    row = {"question": "Which color?", "choices": CHOICES, "answer": answer}
    asked, answered = QuestionAnswer().messages(row)
    assert asked["content"] == "Which color?\nA. red\nB. blue"
    plain = QuestionAnswer().messages({"question": "Which color?", "answer": answer})
    assert answered == plain[1]


@pytest.mark.parametrize("choices", [[], None, "red, blue", [1, 2], 5, {"A": 1}, ["x"] * 27])
def test_choices_of_another_form_are_not_shown(choices: Any) -> None:
    row = {"question": "Which color?", "choices": choices, "answer": "blue"}
    assert [m["content"] for m in QuestionAnswer().messages(row)] == ["Which color?", "blue"]


def test_answers_that_may_be_wrong_are_not_read() -> None:
    with pytest.raises(RowError, match="'answers' holds answers that are no texts"):
        QuestionAnswer().read({"question": "?", "answers": [{"text": "a", "score": 1}]})


def test_a_marked_text_has_a_system_text_tools_and_many_turns() -> None:
    text = (
        "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello </s>"
        "<s>[INST] Hi [/INST] Hello </s>"
    )
    assert MarkedText().messages({"text": text}) == [SYSTEM, *CHAT, *CHAT]
    text = "Be brief. ### Instruction: Hi ### Input: there ### Response: Hello"
    assert MarkedText().messages({"text": text}) == [
        SYSTEM,
        {"role": "user", "content": "Hi\n\nthere"},
        ASSISTANT,
    ]
    text = "USER: Hi\n\nASSISTANT: wait\n\nFUNCTION RESPONSE: {}\n\nASSISTANT: Hello"
    assert [m["role"] for m in MarkedText().messages({"chat": text})] == [
        "user", "assistant", "tool", "assistant",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["A novel.", "", 5, None, "### Human: Hi", "### Assistant: Hello"])
def test_a_text_without_marks_of_both_is_no_conversation(text: Any) -> None:
    with pytest.raises(UnknownSchema):
        idv.recognize([{"text": text}])
    with pytest.raises(RowError):
        MarkedText().messages({"text": text})


def test_prompts_alone_are_a_target_but_never_taken_for_what_has_an_answer() -> None:
    answers = {
        "expected_answer": "4",
        "response_j": "Hello",
        "Gold": ["x"],
        "note": "a text of four words",
        "kept": {"a": ["a text of four words"]},
    }
    for column, held in answers.items():
        with pytest.raises(UnknownSchema, match="where nothing is answered"):
            idv.recognize([{"question": "Hi", column: held}])
        row = {"question": "Hi", column: held}
        assert Schema.of({"prompt": "question"}).messages(row) == [USER]
    assert Schema.of("prompt_only").messages({"turns": ["Hi", "Hello"]}) == [
        USER,
        {"role": "user", "content": "Hello"},
    ]


def test_calls_of_xlam_are_written_for_a_trainer() -> None:
    calls = [{"name": "add", "arguments": {"a": 1}}, {"name": "sub", "arguments": {}}]
    tools = [{"name": "add", "description": "Adds.", "parameters": {"a": {"type": "int"}}}]
    for write in (json.dumps, list):
        row = {"query": "1 + 1?", "answers": write(calls), "tools": write(tools)}
        assert idv.recognize([row]).name == "xlam"
        [there] = idv.convert([row], "messages").rows
        called = there["messages"][1]["tool_calls"]
        assert [call["function"] for call in called] == calls
        assert there["tools"] == [{"type": "function", "function": tools[0]}]
    with pytest.raises(RowError, match="is not JSON"):
        Xlam().read(row | {"answers": "add(1)"})


@pytest.mark.parametrize("answer", [None, [], {"text": "Hello"}, {"role": "narrator"}])
@pytest.mark.parametrize("column", ["chosen", "rejected"])
def test_a_preference_needs_both_answers(answer: Any, column: str) -> None:
    row = {"prompt": "Hi", "chosen": "Hello", "rejected": "Go"} | {column: answer}
    with pytest.raises(RowError):
        Preference().read(row)


def test_preferences_are_written_as_texts_where_they_are_plain() -> None:
    plain = {"prompt": "Hi", "chosen": "Hello", "rejected": "Go"}
    assert Preference().write(Preference().read(plain)) == plain
    system = {"role": "system", "content": "Be kind."}
    more = {"prompt": [system, USER], "chosen": [ASSISTANT], "rejected": [GO]}
    assert Preference().write(Preference().read(more)) == more


@pytest.mark.parametrize("schema", [Preference(), OpenaiPreference()], ids=lambda s: s.name)
def test_a_conversation_without_a_worse_answer_is_no_preference(schema: Schema) -> None:
    with pytest.raises(RowError, match=f"the layout {schema.name} needs a worse answer"):
        schema.write(Messages().read({"messages": CHAT}))


def test_preferences_of_openai_hold_tools_in_their_input() -> None:
    row = LAYOUTS["openai_preference"][0]
    tools = [{"type": "function", "function": {"name": "add"}}]
    row = row | {"input": {"messages": [USER], "tools": tools}}
    conversation = OpenaiPreference().read(row)
    assert (conversation.prompt, conversation.completion) == ([USER], [ASSISTANT])
    assert (conversation.rejected, conversation.tools) == ([GO], tools)
    assert OpenaiPreference().write(conversation) == row


# Several conversations in a record, and several records in a conversation.


def node(name: str, parent: str | None, text: str, **others: Any) -> dict[str, Any]:
    role = "prompter" if text[0].isupper() else "assistant"
    told = {"message_id": name, "parent_id": parent, "message_tree_id": "1", "lang": "en"}
    return told | {"role": role, "text": text} | others


# Prompts are upper case, answers lower case.
MESSAGES_OF_A_TREE = [
    node("1", None, "A"),
    node("2", "1", "a", rank=1),
    node("3", "1", "b", rank=0),
    node("4", "1", "c", rank=None),
    node("5", "1", "d", rank=-1, deleted=True),
    node("6", "3", "B"),
    node("7", "3", "C"),
    node("8", "6", "e"),
    node("9", "5", "D"),
    node("10", "9", "f"),
    node("11", "2", "E"),
    node("12", "2", "F"),
]


def nested(rows: list[dict[str, Any]]) -> dict[str, Any]:
    def with_replies(row: dict[str, Any]) -> dict[str, Any]:
        below = [with_replies(r) for r in rows if r["parent_id"] == row["message_id"]]
        return row | {"replies": below}

    return {"message_tree_id": "1", "tree_state": "ready", "prompt": with_replies(rows[0])}


TREES: list[tuple[type[OasstFlat] | type[OasstTree], list[dict[str, Any]]]] = [
    (OasstFlat, MESSAGES_OF_A_TREE),
    (OasstTree, [nested(MESSAGES_OF_A_TREE)]),
]


def spoken(unfolded: Any) -> list[str]:
    return ["".join(m["content"] for m in row["messages"]) for _, row in unfolded]


@pytest.mark.parametrize(("layout", "rows"), TREES)
def test_of_a_tree_the_best_path_is_read(layout: Any, rows: list[dict[str, Any]]) -> None:
    ((_, row),) = layout().unfold(rows)
    assert spoken([(0, row)]) == ["AbBe"]
    assert (row["message_id"], row["message_tree_id"], row["lang"]) == ("8", "1", "en")
    assert [m["role"] for m in layout().messages(row)] == ["user", "assistant"] * 2
    assert Messages().messages(row) == layout().messages(row)
    assert layout().columns(row) == {"messages"}


@pytest.mark.parametrize(("layout", "rows"), TREES)
def test_of_a_tree_every_path_to_an_answer_is_read_once(
    layout: Any, rows: list[dict[str, Any]]
) -> None:
    # What hangs on the deleted d is gone, and of A-a-E, A-a-F there is A-a once.
    assert spoken(layout(paths="all").unfold(rows)) == ["AbBe", "Ab", "Aa", "Ac"]


def test_replies_may_come_before_what_they_reply_to() -> None:
    back = OasstFlat(paths="all").unfold(MESSAGES_OF_A_TREE[::-1])
    assert sorted(spoken(back)) == ["Aa", "Ab", "AbBe", "Ac"]


def test_a_path_is_from_the_row_of_its_last_message() -> None:
    places = [place for place, _ in OasstFlat(paths="all").unfold(MESSAGES_OF_A_TREE)]
    assert [MESSAGES_OF_A_TREE[place]["text"] for place in places] == ["e", "b", "a", "c"]


def test_equal_ranks_are_decided_by_order() -> None:
    rows = [node("1", None, "A"), node("2", "1", "x", rank=0), node("3", "1", "y", rank=0)]
    assert spoken(OasstFlat().unfold(rows)) == ["Ax"]
    assert spoken(OasstTree().unfold([nested(rows)])) == ["Ax"]


def test_an_unknown_rank_is_the_last_even_as_nan() -> None:
    ranks = [float("nan"), 2, None, 1, float("nan")]
    rows = [node(str(i + 1), "0", "abcde"[i], rank=rank) for i, rank in enumerate(ranks)]
    rows = [node("0", None, "A"), *rows]
    assert spoken(OasstFlat(paths="all").unfold(rows)) == ["Ad", "Ab", "Aa", "Ac", "Ae"]


def test_a_deep_tree_does_not_overflow() -> None:
    rows = [node(str(i), str(i - 1) if i else None, "Aa"[i % 2]) for i in range(3000)]
    ((place, row),) = OasstFlat().unfold(rows)
    assert (place, len(row["messages"])) == (2999, 3000)


def faults(rows: list[dict[str, Any]], paths: Any = "best") -> list[tuple[int, str]]:
    found = []
    for place, row in OasstFlat(paths=paths).unfold(rows):
        try:
            OasstFlat().messages(row)
        except RowError as error:
            found.append((place, str(error)))
    return found


def test_a_message_without_a_way_to_a_prompt_says_so() -> None:
    rows = [
        *MESSAGES_OF_A_TREE,
        node("20", "19", "z"),
        node("21", "20", "Z"),
        node("22", "21", "y"),
    ]
    assert [place for place, _ in faults(rows)] == [12, 13, 14]
    assert faults(rows)[0][1].startswith("the message '20' hangs on '19', from which no way leads")


def test_messages_that_reply_to_each_other_do_not_hang() -> None:
    rows = [node("1", "2", "A"), node("2", "1", "a"), node("3", "3", "b")]
    assert [place for place, _ in faults(rows)] == [0, 1, 2]


def test_a_repeated_message_is_read_once() -> None:
    rows = [node("1", None, "A"), node("2", "1", "a"), node("2", "1", "b"), node("1", "2", "c")]
    assert spoken(OasstFlat(paths="all").unfold(rows)) == ["Aa"]
    assert spoken(OasstFlat(paths="all").unfold(MESSAGES_OF_A_TREE * 2)) == [
        "AbBe",
        "Ab",
        "Aa",
        "Ac",
    ]


@pytest.mark.parametrize("answer", [[], [node("2", "1", "a", deleted=True)], [node("2", "1", "B")]])
def test_a_tree_without_an_answer_says_so(answer: list[dict[str, Any]]) -> None:
    rows = [node("1", None, "A"), *answer]
    assert faults(rows) == [(0, "the tree of the message '1' has no answer")]
    ((_, row),) = OasstTree().unfold([nested(rows)])
    with pytest.raises(RowError, match="the tree '1' has no answer"):
        OasstTree().messages(row)


def test_a_deleted_prompt_takes_its_tree_along() -> None:
    rows = [node("1", None, "A", deleted=True), node("2", "1", "a"), node("3", "2", "B")]
    assert list(OasstFlat().unfold(rows)) == []


def test_a_message_without_a_name_says_so() -> None:
    assert faults([node("1", None, "A") | {"message_id": None}]) == [
        (0, "a message has no 'message_id'")
    ]


@pytest.mark.parametrize("layout", [SelfInstruct, UnnaturalInstructions])
def test_every_instance_is_a_conversation(layout: type[Schema]) -> None:
    held = [{"input": str(i), "output": "x", "constraints": "None."} for i in range(3)]
    rows = [{"instruction": "Say", "instances": held, "id": 7}, LAYOUTS["self_instruct"][0]]
    unfolded = list(layout().unfold(rows))
    assert [place for place, _ in unfolded] == [0, 0, 0, 1]
    asked = [layout().messages(row)[0]["content"] for _, row in unfolded]
    assert asked == ["Say\n\n0", "Say\n\n1", "Say\n\n2", "Hi"]
    assert all(row["id"] == 7 and len(row["instances"]) == 1 for _, row in unfolded[:3])


def test_constraints_are_asked_too_unless_there_are_none() -> None:
    def asked(**others: str) -> str:
        row = {"instruction": "Add.", "instances": [{"input": "1", "output": "x", **others}]}
        assert UnnaturalInstructions().instruction(row) == "Add."
        return str(UnnaturalInstructions().messages(row)[0]["content"])

    assert asked(constraints="None.") == "Add.\n\n1"
    assert asked(constraints="Be brief.") == "Add.\n\n1\n\nBe brief."
    assert asked(constraints="None.", instruction_with_input="Add 1.") == "Add 1."


@pytest.mark.parametrize("held", [None, [], "text", [5], {}])
def test_an_instruction_without_instances_is_a_row_error(held: Any) -> None:
    with pytest.raises(RowError, match="'instances' holds no instance"):
        SelfInstruct().read({"instruction": "Add.", "instances": held})


def test_a_task_of_super_ni_gives_its_instances() -> None:
    task = {
        "Definition": ["Add."],
        "Categories": ["Mathematics"],
        "Positive Examples": [{"input": "0", "output": "0", "explanation": "e"}],
        "Negative Examples": [],
        "Instances": [{"id": "t-0", "input": "1", "output": ["1", "one"]}, {"id": "t-1"}, 5],
    }
    schema = idv.recognize([task])
    rows = [row for _, row in schema.unfold([task])]
    assert [row.get("id") for row in rows] == ["t-0", "t-1", None]
    assert rows[0] == {
        "Definition": ["Add."],
        "Categories": ["Mathematics"],
        "Positive Examples": [{"input": "0", "output": "0", "explanation": "e"}],
        "Negative Examples": [],
        "id": "t-0",
        "input": "1",
        "output": ["1", "one"],
    }
    assert schema.messages(rows[0])[0]["content"] == "Add.\n\n1"
    assert schema.messages(rows[0])[1]["content"] == "1"
    assert schema.instruction(rows[0]) == "Add."
    with pytest.raises(RowError, match="'Instances' holds no instance"):
        schema.messages(rows[2])


def test_super_ni_writes_the_columns_that_a_row_has() -> None:
    row = {"Definition": ["Hi"], "inputs": "", "targets": ["Hello"]}
    assert SuperNi().like(row).write(SuperNi().read(row)) == row


# Layouts of dialogue.


def test_baize_tells_its_system_text_and_an_open_end() -> None:
    row = {"input": "A chat.\n[|Human|] Hi\n[|AI|] Two\nlines\n[|Human|] "}
    assert [(m["role"], m["content"]) for m in Baize().messages(row)] == [
        ("system", "A chat."),
        ("user", "Hi"),
        ("assistant", "Two\nlines"),
    ]
    assert Baize().write(Baize().read(row)) == row


def test_marks_of_baize_within_alpaca_do_not_make_it_baize() -> None:
    row = {"instruction": "Go on.", "input": "[|Human|] Hi", "output": "[|AI|] Hello"}
    assert idv.recognize([row]).name == "alpaca"


@pytest.mark.parametrize("held", [np.arange(3), np.array([]), NAN, 5, ["a"], {}])
@pytest.mark.parametrize("name", LAYOUTS)
def test_an_odd_cell_matches_or_not_but_never_fails(name: str, held: Any) -> None:
    for schema in (Schema.of(name), Schema.of("baize")):
        row = LAYOUTS[name][0] | {"input": held, "conversations": held, "data": held}
        assert schema.matches(list(row), [row]) in (True, False)


def test_the_system_of_a_dialogue_answers_but_that_of_messages_does_not() -> None:
    turns = LAYOUTS["dialogue_turns"][0]
    assert idv.recognize([turns]).messages(turns)[1] == ASSISTANT
    assert said({"role": "SYSTEM", "content": "x"})["role"] == "system"


@pytest.mark.parametrize("speaker", ["AGENT", None, 5])
def test_an_unknown_speaker_is_named(speaker: Any) -> None:
    schema = idv.recognize(LAYOUTS["dialogue_turns"])
    with pytest.raises(RowError, match=f"unknown speaker {speaker!r}; known: USER, SYSTEM"):
        schema.read({"turns": [{"speaker": speaker, "utterance": "x"}]})


def test_what_nemotron_thinks_stays_in_its_text() -> None:
    row = {"input": [USER], "output": "<think>\nx\n</think>\n4", "system_prompt": "Think."}
    messages = Nemotron().messages(row)
    assert messages[0] == {"role": "system", "content": "Think."}
    assert messages[2] == {"role": "assistant", "content": row["output"]}
    assert Nemotron().write(Nemotron().read(row)) == row


def test_of_two_system_texts_nemotron_keeps_both() -> None:
    system = {"role": "system", "content": "Be brief."}
    row = {"input": [system, system, USER], "output": "Hello", "system_prompt": ""}
    assert Nemotron().messages(row) == [system, system, *CHAT]
    assert Nemotron().write(Nemotron().read(row)) == row


@pytest.mark.parametrize("held", [None, "text", [5], ["Hi", None], {"a": "b"}])
def test_a_list_of_other_than_texts_is_a_row_error(held: Any) -> None:
    with pytest.raises(RowError, match="'conversations' is not a list of texts"):
        Lima().read({"conversations": held})


# Columns of other names.


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (["messages"], "messages"),
        (["messages", "tools"], "messages"),
        (["conversations"], "sharegpt"),
        (["conversation"], "wildchat"),
        (["data"], "ultrachat"),
        (["turns"], "dialogue_turns"),
        (["prompt", "completion"], "prompt_completion"),
        (["question", "answer"], "question_answer"),
        (["article", "summary"], "question_answer"),
        (["input", "output"], "question_answer"),
        (["input", "output", "system_prompt"], "nemotron"),
        (["instruction", "output"], "alpaca"),
        (["instruction", "input", "output"], "alpaca"),
        (["instruction", "input", "response"], "alpaca"),
        (["instruction", "context", "response"], "dolly"),
        (["question", "response"], "open_orca"),
        (["system_prompt", "question", "response"], "open_orca"),
        (["inputs", "targets"], "flan"),
        (["inputs_pretokenized", "targets_pretokenized"], "p3"),
        (["definition", "input", "output"], "super_ni"),
        (["Definition", "inputs", "targets"], "super_ni"),
        (["instruction", "instances"], "unnatural_instructions"),
        (["prompt", "chosen", "rejected"], "preference"),
        (["chosen", "rejected"], "preference"),
        (["instruction", "input", "chosen", "rejected"], "preference"),
        (["input", "preferred_output", "non_preferred_output"], "openai_preference"),
        (["topic", "input"], "baize"),
    ],
)
def test_columns_of_other_names_say_the_layout(columns: list[str], name: str) -> None:
    schema = Schema.of({column: column.upper() for column in columns})
    assert schema.name == name
    told = str(schema.to_mapping())
    assert all(column.upper() in told for column in columns if column != "topic")


@pytest.mark.parametrize(
    "columns",
    [
        [],
        ["input"],
        ["output"],
        ["tools"],
        ["answer"],
        ["chosen"],
        ["prompt", "chosen"],
        ["definition", "input"],
        ["best"],
        ["instruction", "output", "foo"],
        ["messages", "output"],
        ["system_prompt"],
        ["preferred_output", "non_preferred_output"],
    ],
)
def test_columns_that_lack_one_are_no_layout(columns: list[str]) -> None:
    with pytest.raises(ParameterError, match="no layout has the columns"):
        Schema.of({column: column.upper() for column in columns})


@pytest.mark.parametrize("given", [3, ["alpaca"], None, Alpaca])
def test_what_is_no_name_and_no_mapping_is_no_schema(given: Any) -> None:
    with pytest.raises(ParameterError, match="a schema is the name of a layout or a mapping"):
        Schema.of(given)


@pytest.mark.parametrize("name", sorted(LAYOUTS.keys() - {"oasst_flat", "oasst_tree"}))
def test_a_layout_with_renamed_columns_reads_the_same(name: str) -> None:
    row = LAYOUTS[name][0]
    schema = idv.recognize([row])
    renamed = {column: f"my {column}" for column in schema.columns(row)}
    if name == "baize":
        renamed["topic"] = "my topic"
    own = Schema.of(renamed)
    other = {renamed.get(column, column): value for column, value in row.items()}
    if isinstance(own, type(schema)):
        assert own.messages(other) == SAID[name]
    else:  # one column is in several layouts, and the usual one is meant
        assert (own.name, name) in {
            ("sharegpt", "chatml"),
            ("sharegpt", "lima"),
            ("wildchat", "xtuner"),
            ("messages", "llama_factory_v1"),
        }


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
        {"question": "a", "highlights": "b"},
        {"messages": "text"},
        {"conversations": []},
        {"conversations": [5]},
        {"data": {"a": "b"}},
        {"inputs": [1, 2], "targets": [3]},
        {"input": [1, 2], "output": [3]},
        {"topic": "a", "input": "no marks"},
        {"chosen": 1, "rejected": 2},
        {"definition": "a", "input": "b"},
        {"instances": [{"input": "a", "output": "b"}]},
        {"prompt": {"text": "a"}},
        {"message_id": "a", "text": "b"},
    ],
)
def test_an_unknown_layout_names_its_columns_and_the_known_schemas(row: dict[str, Any]) -> None:
    with pytest.raises(UnknownSchema) as caught:
        idv.recognize([row])
    assert str(caught.value) == (
        f"no schema fits the columns {', '.join(row)}; known schemas: preference, "
        "openai_preference, llama_factory_v1, messages, sharegpt, chatml, lima, wildchat, "
        "xtuner, ultrachat, dialogue_turns, oasst_tree, oasst_flat, baize, super_ni, "
        "unnatural_instructions, self_instruct, nemotron, p3, flan, open_orca, xlam, dolly, "
        "alpaca, prompt_completion, question_answer, marked_text, prompt_only. Name the columns, "
        'as in --schema \'{"instruction": "your column", "output": "another"}\', or '
        '\'{"prompt": "your column"}\' where nothing is answered'
    )


@pytest.mark.parametrize("rows", [[], [{}]])
def test_no_columns_at_all_are_an_unknown_layout(rows: list[Any]) -> None:
    with pytest.raises(UnknownSchema, match=r"no schema fits the columns \(none\)"):
        idv.recognize(rows)


def test_an_unknown_schema_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownPart) as caught:
        Schema.of("alpaka")
    said = str(caught.value)
    assert said.startswith("no schema is named 'alpaka'; known: " + ", ".join(sorted(LAYOUTS)))
    assert said.endswith("did you mean alpaca?")


def test_an_unknown_parameter_of_a_schema_lists_the_known_ones() -> None:
    with pytest.raises(ParameterError, match="messages has no parameter 'columns'; known: column"):
        Schema.of({"name": "messages", "columns": "chat"})


@given(st.text(min_size=1).filter(str.strip), st.text(), st.text())
@settings(max_examples=60, deadline=None)
def test_what_is_asked_and_answered_is_never_changed(asked: str, about: str, answer: str) -> None:
    row = {"instruction": asked, "input": about, "output": answer}
    messages = idv.recognize([row]).messages(row)
    assert messages[0]["content"].startswith(asked)
    assert messages[-1] == {"role": "assistant", "content": answer}
    assert row == {"instruction": asked, "input": about, "output": answer}
