"""Views: which part of a conversation is embedded."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from instructdiv.errors import ParameterError

View = Literal["prompt", "instruction", "response", "conversation"]
VIEWS: tuple[View, ...] = get_args(View)

Message = Mapping[str, Any]


def view_text(messages: Sequence[Message], view: View) -> str:
    """The text that a view shows of a conversation; system text is never part of it.

    ``prompt`` and ``instruction`` are the first user turn that says something (a schema
    that holds the instruction apart from its input gives the instruction alone),
    ``response`` every assistant turn, ``conversation`` every turn but the system's.

    Examples
    --------
    >>> chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    >>> view_text(chat, "prompt"), view_text(chat, "conversation")
    ('Hi', 'Hi\\n\\nHello')
    """
    if view in ("prompt", "instruction"):
        return next(
            (m["content"] for m in messages if m["role"] == "user" and m["content"].strip()), ""
        )
    if view == "response":
        return _joined(messages, ("assistant",))
    if view == "conversation":
        return _joined(messages, ("user", "assistant", "tool"))
    raise ParameterError(f"no view is named {view!r}; known: {', '.join(VIEWS)}")


def _joined(messages: Sequence[Message], roles: tuple[str, ...]) -> str:
    return "\n\n".join(m["content"] for m in messages if m["role"] in roles and m["content"])
