"""Views: which part of a conversation is embedded."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Pool
from instructdiv.data.views import VIEWS, View, view_text
from instructdiv.errors import ParameterError
from tests.shared_data import NUMBERED

CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Add 1 and 1."},
    {"role": "assistant", "content": "", "tool_calls": [{"name": "add", "arguments": {"a": 1}}]},
    {"role": "tool", "content": "2"},
    {"role": "assistant", "content": "It is 2."},
    {"role": "user", "content": "Thanks."},
    {"role": "assistant", "content": "Welcome."},
]


CALLED = '{"name": "add", "arguments": {"a": 1}}'


@pytest.mark.parametrize(
    ("view", "text"),
    [
        ("prompt", "Add 1 and 1."),
        ("instruction", "Add 1 and 1."),
        ("first_turn", "Add 1 and 1."),
        ("all_user_turns", "Add 1 and 1.\n\nThanks."),
        ("response", f"{CALLED}\n\nIt is 2.\n\nWelcome."),
        ("conversation", f"Add 1 and 1.\n\n{CALLED}\n\n2\n\nIt is 2.\n\nThanks.\n\nWelcome."),
    ],
)
def test_a_view_shows_its_turns(view: View, text: str) -> None:
    assert view_text(CHAT, view) == text


def test_every_view_has_been_looked_at() -> None:
    shown = ("prompt", "instruction", "response", "conversation", "first_turn", "all_user_turns")
    assert shown == VIEWS


@pytest.mark.parametrize("view", VIEWS)
def test_an_empty_conversation_shows_nothing(view: View) -> None:
    assert view_text([], view) == ""


def test_an_unknown_view_lists_the_known_ones() -> None:
    known = "no view is named 'answer'; known: prompt, instruction, response, conversation"
    with pytest.raises(ParameterError, match=known):
        view_text(CHAT, "answer")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="view = 'answer': .*'prompt', 'instruction'"):
        idv.Pool.of([{"instruction": "a", "output": "b"}], embedder=idv.Lexical(), view="answer")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("view", "text"),
    [
        ("prompt", "Add.\n\n1 + 1"),
        ("instruction", "Add."),
        ("response", "2"),
        ("conversation", "Add.\n\n1 + 1\n\n2"),
        ("first_turn", "Add.\n\n1 + 1"),
        ("all_user_turns", "Add.\n\n1 + 1"),
    ],
)
def test_a_pool_embeds_what_its_view_shows(view: View, text: str) -> None:
    rows = [
        {"instruction": "Add.", "input": "1 + 1", "output": "2"},
        {"instruction": "Name a color.", "input": "", "output": "Blue"},
    ]
    assert idv.Pool.of(rows, embedder=idv.Lexical(), view=view).text(0) == text


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "role": st.sampled_from(["system", "user", "assistant", "tool"]),
                "content": st.text(),
            }
        )
    ),
    st.sampled_from(VIEWS),
)
def test_a_view_never_shows_system_text_and_never_invents(
    messages: list[dict[str, Any]], view: View
) -> None:
    others = [m for m in messages if m["role"] != "system"]
    assert view_text(messages, view) == view_text(others, view)
    assert set(view_text(messages, view)) <= set("\n").union(*(m["content"] for m in others))


def test_every_view_leaves_out_the_same_records():
    rows = [*NUMBERED, {"instruction": "   ", "input": "", "output": "a"}]
    for view in ("prompt", "instruction", "response", "conversation"):
        assert len(Pool.of(rows, embedder="lexical", view=view)) == 40


def test_the_prompt_is_the_first_thing_that_was_asked():
    row = {
        "messages": [
            {"role": "user", "content": ""},
            {"role": "assistant", "content": "?"},
            {"role": "user", "content": "later"},
        ]
    }
    assert Pool.of([row], embedder="lexical").text(0) == "later"
