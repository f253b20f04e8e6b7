"""Conversations: what is written in a layout is read again, and nothing is made up."""

import copy
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from instructdiv.errors import RowError
from instructdiv.schemas import Conversation, Messages, Schema, recognize
from instructdiv.schemas.conversation import call_arguments, call_name, spoken
from tests.conversations import LAYOUTS, SAID, VARIANTS, conversations, first, messages, texts

ALL = {name: schema() for name, schema in Schema.known().items()}
READ_ONLY = {"marked_text", "oasst_flat", "oasst_tree", "prompt_only", "xlam"}
WRITTEN = [schema for name, schema in ALL.items() if name not in READ_ONLY]
PREFERENCES = {"preference", "openai_preference"}
# These hold messages one by one, with all that belongs to them.
WHOLE = {"messages", "chatml", "wildchat", "prompt_completion"} | PREFERENCES

HOLD_TOOLS = WHOLE | {"llama_factory_v1", "sharegpt"}
TEXTS = {schema.name for schema in WRITTEN} - WHOLE - {"llama_factory_v1", "nemotron"}

each_written = pytest.mark.parametrize("schema", WRITTEN, ids=lambda schema: schema.name)


# Conversations of every kind.


def plain_calls(message: dict[str, Any]) -> list[Any]:
    return [(call_name(call), call_arguments(call)) for call in message.get("tool_calls", [])]


def as_texts(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What is said by whom: that of one who speaks twice as one, and nothing of who is silent."""
    found: list[tuple[str, str]] = []
    for message in messages:
        said = spoken(message)
        if not said or (message["role"] == "system" and not said.strip()):
            continue
        if found and found[-1][0] == message["role"] == "assistant":
            said = f"{found.pop()[1]}\n\n{said}"
        found.append((message["role"], said))
    return found


def assert_same(there: Conversation, back: Conversation, name: str) -> None:
    assert back.tools == (there.tools if name in HOLD_TOOLS else back.tools)
    assert back.label == there.label
    if name in WHOLE:
        assert back.messages == there.messages
    elif name == "llama_factory_v1":
        assert [spoken(m) for m in back.messages] == [spoken(m) for m in there.messages]
        assert list(map(plain_calls, back.messages)) == list(map(plain_calls, there.messages))
        assert [m.get("weight") for m in back.messages] == [m.get("weight") for m in there.messages]
    else:
        assert as_texts(back.messages) == as_texts(there.messages)
    if name in TEXTS:
        assert not any(m.get("parts") for m in there.messages)
        assert all(m.get("weight", 1) for m in there.messages if m["role"] == "assistant")
    if name in PREFERENCES | {"prompt_completion"}:
        assert (back.prompt, back.completion) == (there.prompt, there.completion)
        assert back.rejected == there.rejected


def written(schema: Schema, conversation: Conversation) -> dict[str, Any] | None:
    """The row, if the layout has a place for the conversation."""
    try:
        return schema.write(conversation)
    except RowError:
        return None


@given(conversations(), messages("assistant"))
@settings(max_examples=250, deadline=None)
def test_what_is_written_is_read_again(plain: Conversation, worse: dict[str, Any]) -> None:
    preferred = replace(plain, rejected=[worse], label=None)
    before = copy.deepcopy((plain, preferred))
    for schema in WRITTEN:
        note(schema.name)
        conversation = preferred if schema.name in PREFERENCES else plain
        row = written(schema, conversation)
        if row is not None:
            assert_same(conversation, schema.read(row), schema.name)
    assert (plain, preferred) == before


@given(conversations())
@settings(max_examples=100, deadline=None)
def test_messages_have_a_place_for_every_conversation(conversation: Conversation) -> None:
    for name in ("messages", "llama_factory_v1", "chatml", "wildchat", "prompt_completion"):
        assert written(ALL[name], conversation) is not None


@given(asked=texts.filter(str.strip), answered=texts)
@settings(max_examples=150, deadline=None)
def test_one_question_and_its_answer_have_a_place_in_every_layout(
    asked: str, answered: str
) -> None:
    said = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    worse = [{"role": "assistant", "content": "x"}]
    for schema in WRITTEN:
        note(schema.name)
        if schema.name == "baize" and "[|" in asked + answered:
            continue
        row = schema.write(Conversation(said, rejected=worse))
        assert json.loads(json.dumps(row)) == row
        assert schema.messages(row) == said


def test_a_text_with_marks_of_baize_has_no_place_in_baize() -> None:
    said = [{"role": "user", "content": "[|AI|] x"}, {"role": "assistant", "content": "y"}]
    with pytest.raises(RowError, match="baize cannot hold its marks within a text"):
        ALL["baize"].write(Conversation(said))


@each_written
def test_what_is_written_is_recognized(schema: Schema) -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    worse = [{"role": "assistant", "content": "Go"}] if schema.name in PREFERENCES else None
    assert recognize([schema.write(Conversation(said, rejected=worse))]).name == schema.name


@each_written
def test_the_usual_form_of_a_layout_is_written_as_it_was(schema: Schema) -> None:
    row = copy.deepcopy(LAYOUTS[schema.name][0])
    if schema.name == "openai_preference":  # what says nothing is not written
        row["input"] = {"messages": row["input"]["messages"]}
    if schema.name == "super_ni":
        row["output"] = row["output"][:1]
    if schema.name == "wildchat":
        row["conversation"] = [
            {"role": m["role"], "content": m["content"]} for m in row["conversation"]
        ]
    if schema.name == "unnatural_instructions":
        row["instances"] = [{"instruction_with_input": "Hi", **row["instances"][0]}]
    own = {column: row[column] for column in schema.columns(row)}
    assert schema.like(row).write(schema.read(row)) == own


@pytest.mark.parametrize("name", sorted(READ_ONLY))
def test_a_layout_that_is_only_read_says_so(name: str) -> None:
    with pytest.raises(RowError, match=f"the layout {name} can be read, but not written"):
        ALL[name].write(Conversation([]))


@each_written
def test_an_empty_conversation_is_written_empty_or_not_at_all(schema: Schema) -> None:
    try:
        row = schema.write(Conversation([]))
    except RowError:
        return
    assert schema.read(row).messages == []


@pytest.mark.parametrize(
    "said",
    [
        [{"role": "tool", "content": "1"}],
        [{"role": "user", "content": "Hi", "parts": [{"type": "image"}]}],
        [{"role": "assistant", "content": "x", "weight": 0}],
        [{"role": "assistant", "content": "x", "tool_calls": [{"function": {"name": "add"}}]}],
    ],
    ids=["tool", "image", "not trained on", "call"],
)
@pytest.mark.parametrize("name", ["alpaca", "dolly", "question_answer", "flan", "lima", "baize"])
def test_what_has_no_place_in_texts_is_refused(name: str, said: list[dict[str, Any]]) -> None:
    question = {"role": "user", "content": "Hi"}
    whole = [*said, question] if said[0]["role"] == "user" else [question, *said]
    with pytest.raises(RowError, match=f"the layout {name} "):
        ALL[name].write(Conversation(whole))


@pytest.mark.parametrize(
    "name", ["flan", "p3", "super_ni", "self_instruct", "unnatural_instructions"]
)
def test_system_text_and_rounds_are_refused_where_there_is_one_question(name: str) -> None:
    pair = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    with pytest.raises(RowError, match=f"{name} holds one round, not 2"):
        ALL[name].write(Conversation(pair * 2))
    with pytest.raises(RowError, match=f"{name} has no field for a system text"):
        ALL[name].write(Conversation([{"role": "system", "content": "Be kind."}, *pair]))


# Whatever stands in the columns.

KEYS = (  # noqa: SIM905
    "role content from value speaker utterance type text input output messages tools constraints "
    "function name arguments tool_calls weight function_call replies deleted rank id message_id"
).split()
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
roles = st.sampled_from(["user", "assistant", "tool", "human", "gpt", "function_call", "prompter"])
turns = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "role": roles,
            "from": roles,
            "content": anything,
            "value": anything,
            "tool_calls": anything,
            "function_call": anything,
            "reasoning": anything,
            "weight": anything,
        },
    ),
    max_size=3,
)
BESIDE = [
    "system",
    "history",
    "tools",
    "functions",
    "label",
    "kto_tag",
    "message_tree_id",
    "messages",
]


def columns_of(name: str) -> list[str]:
    rows = LAYOUTS[name] + [row for variant, row in VARIANTS if variant == name]
    return list(dict.fromkeys([column for row in rows for column in row] + BESIDE))


COLUMNS = {name: columns_of(name) for name in ALL}
cells = st.lists(st.one_of(anything, turns), min_size=1, max_size=6)


def filled(name: str, cells: list[Any], shift: int) -> dict[str, Any]:
    """A row of a layout, whose columns hold these cells."""
    columns = COLUMNS[name]
    shift %= len(columns)
    return dict(zip(columns[shift:] + columns[:shift], cells, strict=False))


@given(cells, st.one_of(st.just(0), st.integers(0, 20)))
@settings(max_examples=250, deadline=None)
def test_any_row_is_read_or_refused_and_never_changed(cells: list[Any], shift: int) -> None:
    before = repr(cells)
    for name, schema in ALL.items():
        note(name)
        row = filled(name, cells, shift)
        schema.matches(list(row), [row])
        assert schema.columns(row) <= row.keys()
        for verb in (schema.read, schema.messages, schema.prompt, schema.instruction):
            try:
                found = verb(row)
            except RowError:
                continue
            if isinstance(found, Conversation):
                assert_well_formed(found)
    assert repr(cells) == before


def assert_well_formed(found: Conversation) -> None:
    for message in found.messages:
        assert {"role", "content"} <= message.keys()
        assert isinstance(message["content"], str)
        assert isinstance(spoken(message), str)
    for schema in WRITTEN:
        written(schema, found)


@given(st.lists(cells, max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_rows_unfold_and_every_row_is_told_where_it_is_from(rows: list[list[Any]]) -> None:
    before = repr(rows)
    for name, schema in ALL.items():
        note(name)
        places = [place for place, _ in schema.unfold([filled(name, row, 0) for row in rows])]
        assert set(places) <= set(range(len(rows)))
    assert repr(rows) == before


@st.composite
def trees(draw: Any) -> list[dict[str, Any]]:
    """Messages that reply to any other, to themselves, to none, or to one that is not there."""
    n = draw(st.integers(1, 7))
    names = st.one_of(st.none(), st.integers(0, n).map(str))
    roles = st.sampled_from(["prompter", "assistant"])
    return [
        {
            "message_id": str(draw(st.integers(0, n - 1)) if draw(st.booleans()) else place),
            "parent_id": draw(names),
            "role": draw(roles),
            "text": str(place),
            "rank": draw(st.sampled_from([None, 0, 1, float("nan")])),
            "deleted": draw(st.sampled_from([False, False, False, True, None])),
        }
        for place in range(n)
    ]


@given(rows=trees())
@settings(max_examples=300, deadline=None)
def test_paths_lead_from_a_prompt_to_an_answer_and_are_never_the_same(
    rows: list[dict[str, Any]],
) -> None:
    schema = type(ALL["oasst_flat"])
    every = list(schema.of({"name": "oasst_flat", "paths": "all"}).unfold(rows))
    best = list(ALL["oasst_flat"].unfold(rows))
    read = [row["messages"] for _, row in every if "messages" in row]
    said = [tuple(m["content"] for m in path) for path in read]
    assert len(set(said)) == len(said)
    for path in said:
        whole = [rows[int(text)] for text in path]
        assert whole[0]["parent_id"] is None
        assert whole[-1]["role"] == "assistant"
        assert not any(row["deleted"] for row in whole)
        for above, below in pairwise(whole):
            assert below["parent_id"] == above["message_id"]
    assert all(row in [other for _, other in every] for _, row in best if "messages" in row)
    roots = [row["messages"][0]["content"] for _, row in best if "messages" in row]
    assert len(set(roots)) == len(roots)


@pytest.mark.parametrize("name", LAYOUTS)
def test_reading_does_not_share_what_it_read(name: str) -> None:
    row = first(ALL[name], copy.deepcopy(LAYOUTS[name]))
    before = copy.deepcopy(row)
    conversation = ALL[name].read(row)
    conversation.messages[0]["content"] = "changed"
    conversation.messages.clear()
    assert row == before


def test_every_layout_gives_the_same_conversation() -> None:
    for name, rows in LAYOUTS.items():
        written = Messages().write(ALL[name].read(first(ALL[name], rows)))
        assert written["messages"] == SAID[name], name
