"""Views: which part of a record is embedded."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from instructdiv.errors import ParameterError
from instructdiv.schemas.conversation import written_calls

View = Literal["prompt", "instruction", "response", "conversation", "first_turn", "all_user_turns"]
VIEWS: tuple[View, ...] = get_args(View)

Message = Mapping[str, Any]


def view_text(messages: Sequence[Message], view: View) -> str:
    """Text of one view of a conversation; system text is never part of it.

    ``prompt`` is the instruction with its input, ``instruction`` the instruction without it; of
    messages alone both are the first user turn. ``first_turn`` is the first user turn with text,
    ``all_user_turns`` every user turn, ``response`` every assistant turn, ``conversation`` every
    turn but the system's.

    Examples
    --------
    >>> chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    >>> view_text(chat, "prompt"), view_text(chat, "conversation")
    ('Hi', 'Hi\\n\\nHello')
    """
    if view in ("prompt", "instruction", "first_turn"):
        asked = (m["content"] for m in messages if m["role"] == "user")
        return next((content for content in asked if content.strip()), "")
    if view == "all_user_turns":
        return _joined(messages, ("user",))
    if view == "response":
        return _joined(messages, ("assistant",))
    if view == "conversation":
        return _joined(messages, ("user", "assistant", "tool"))
    raise ParameterError(f"no view is named {view!r}; known: {', '.join(VIEWS)}")


def _joined(messages: Sequence[Message], roles: tuple[str, ...]) -> str:
    said = (_said(m) for m in messages if m["role"] in roles)
    return "\n\n".join(text for text in said if text)


def _said(message: Message) -> str:
    """Content and tool calls of a message, without its reasoning."""
    calls = written_calls(message["tool_calls"]) if message.get("tool_calls") else ""
    return "\n\n".join(text for text in (message["content"], calls) if text)
