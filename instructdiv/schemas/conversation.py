"""Conversation: messages of a record, whatever its layout."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from instructdiv.errors import RowError

Row = Mapping[str, Any]
Message = dict[str, Any]

_ROLES = {
    "user": "user human prompter input",
    "assistant": "assistant gpt chatgpt chatbot bard model output bot ai function_call",
    "system": "system developer bing",
    "tool": "tool function observation ipython environment",
}
_ROLE_OF = {alias: role for role, aliases in _ROLES.items() for alias in aliases.split()}
_SHOWN_TYPES = ("image", "video", "audio", "file")


@dataclass(frozen=True)
class Conversation:
    """Messages of a record in OpenAI style, with tools, rejected answer and label.

    A message has a ``role`` (system, user, assistant or tool) and a text ``content``. Where there
    are any it also has ``tool_calls``, ``tool_call_id``, ``name``, ``reasoning_content`` and
    ``weight`` (0: not trained on), and ``parts``: its content with images, audio and video in their
    places.

    Examples
    --------
    >>> asked, answered = message("human", "Hi"), message("gpt", "Hello")
    >>> Conversation([asked, answered]).completion
    [{'role': 'assistant', 'content': 'Hello'}]
    """

    messages: list[Message]
    """All messages; of two answers the better one."""

    tools: list[Any] = field(default_factory=list)
    """Tools that the assistant may call, in the format of OpenAI."""

    rejected: list[Message] | None = None
    """Worse answer, an alternative to the completion."""

    label: bool | None = None
    """Whether the answer is wanted; None where the data do not say."""

    asked: int | None = None
    """Number of messages of the prompt, where the layout says; see :attr:`prompt`."""

    @property
    def prompt(self) -> list[Message]:
        """Messages before the answer: up to the last that is not of the assistant."""
        return self.messages[: self._n_asked]

    @property
    def completion(self) -> list[Message]:
        """The answer: the messages of the assistant at the end."""
        return self.messages[self._n_asked :]

    @property
    def _n_asked(self) -> int:
        if self.asked is not None:
            return self.asked
        n = len(self.messages)
        while n and self.messages[n - 1]["role"] == "assistant":
            n -= 1
        return n


def asks(message: Message) -> bool:
    """Whether a message is of the user, and not empty."""
    return message["role"] == "user" and bool(message["content"].strip() or message.get("parts"))


def is_missing(value: Any) -> bool:
    """Whether a cell is None, or NaN, by which a table marks an empty cell."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_empty(value: Any) -> bool:
    """Whether a cell is missing, or an empty text, list or mapping."""
    return is_missing(value) or (isinstance(value, str | list | tuple | Mapping) and not value)


def listed(value: Any) -> Any:
    """List in a cell that holds it as JSON text; else the cell itself."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def text(value: Any) -> str:
    """Text of a cell or of the content of a message: a string, or a list of parts with texts.

    Raises
    ------
    RowError
        The value is nested too deeply to be written.
    """
    if is_missing(value):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "\n".join(part for part in map(_part_text, value) if part)
    return _as_json(value)


def _part_text(part: Any) -> str:
    if part is None or isinstance(part, str):
        return part or ""
    if not isinstance(part, Mapping):
        return _as_json(part)
    if is_shown(part):
        return ""
    held = part.get("value") if part.get("text") is None else part["text"]
    return held if isinstance(held, str) else "" if held is None else _as_json(held)


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise RowError(f"a value of type {type(value).__name__} is no text: {error}") from None


def message(role: Any, content: Any, **others: Any) -> Message:
    """One message, with its role in one spelling; empty keys are left out.

    Raises
    ------
    RowError
        The role is unknown.
    """
    known = _ROLE_OF.get(role.strip().lower()) if isinstance(role, str) else None
    if known is None:
        raise RowError(f"unknown role {role!r}; known: {', '.join(_ROLE_OF)}")
    more = {key: value for key, value in others.items() if value not in (None, "", [], {})}
    return {"role": known, "content": text(content)} | _shown(content) | more


def weight_of(turn: Mapping[str, Any]) -> float | None:
    """Weight of a turn in training; None if it has none.

    Axolotl excludes a turn by ``train`` or ``training``, ms-swift by ``loss``.

    Raises
    ------
    RowError
        The weight is not a number.
    """
    weights = (turn[key] for key in ("weight", "loss_weight") if turn.get(key) is not None)
    weight = next(weights, None)
    if weight is not None and not isinstance(weight, int | float):
        raise RowError(f"the weight of a message is not a number: {weight!r:.80}")
    is_muted = any(turn.get(key) is False for key in ("train", "training", "loss"))
    return 0 if weight is None and is_muted else weight


def _shown(content: Any) -> dict[str, Any]:
    """The parts of a content, where it holds more than text."""
    if isinstance(content, list | tuple) and any(map(is_shown, content)):
        return {"parts": list(content)}
    return {}


def is_shown(part: Any) -> bool:
    """Whether a part of a content is an image, audio or video, or holds no text."""
    if not isinstance(part, Mapping):
        return False
    kind = str(part.get("type"))
    if any(shown in kind for shown in _SHOWN_TYPES):
        return True
    says = "text" in kind or any(part.get(key) is not None for key in ("text", "value"))
    return not says and any(value is not None for value in part.values())


def tool_call(name: Any, arguments: Any, call_id: Any = None) -> dict[str, Any]:
    """One tool call in the format of OpenAI."""
    named = {} if call_id is None else {"id": call_id}
    return named | {"type": "function", "function": {"name": name, "arguments": arguments}}


def tool_calls(value: Any) -> list[dict[str, Any]] | None:
    """Tool calls from JSON of a name and arguments, or a list of these; None if it is neither."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None
    calls = found if isinstance(found, list) else [found]
    if not calls or not all(isinstance(call, Mapping) and "name" in call for call in calls):
        return None
    return [tool_call(call["name"], call.get("arguments", {}), call.get("id")) for call in calls]


def read_calls(value: Any) -> list[dict[str, Any]]:
    """Tool calls of a message in the format of OpenAI; names may be outside ``function``.

    Raises
    ------
    RowError
        They are no tool calls.
    """
    try:
        found = json.loads(value) if isinstance(value, str) and value else value
    except (ValueError, RecursionError) as error:
        raise RowError(f"'tool_calls' is not JSON: {error}") from None
    found = [found] if isinstance(found, Mapping) else found or []
    if not isinstance(found, list | tuple) or not all(map(_is_call, found)):
        raise RowError(f"'tool_calls' is not a list of calls with a name: {value!r:.80}")
    return [
        dict(call)
        if isinstance(call.get("function"), Mapping)
        else tool_call(call["name"], call.get("arguments"), call.get("id"))
        for call in found
    ]


def _is_call(call: Any) -> bool:
    return isinstance(call, Mapping) and "name" in _called(call)


def _called(call: Mapping[str, Any]) -> Mapping[str, Any]:
    function = call.get("function")
    return function if isinstance(function, Mapping) else call


def written_calls(calls: Sequence[Mapping[str, Any]]) -> str:
    """Tool calls as JSON of a name and arguments; a list if there are several."""
    plain = [{"name": call_name(call), "arguments": call_arguments(call)} for call in calls]
    return _as_json(plain[0] if len(plain) == 1 else plain)


def call_name(call: Mapping[str, Any]) -> Any:
    """Name of the tool that is called."""
    return _called(call).get("name")


def call_arguments(call: Mapping[str, Any]) -> Any:
    """Arguments of a tool call: a mapping, where they are one or JSON of one."""
    given = _called(call).get("arguments")
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given


def tools(value: Any) -> list[Any]:
    """Tools in the format of OpenAI, from a list or from JSON of one.

    Raises
    ------
    RowError
        The value is neither.
    """
    if is_empty(value):
        return []
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise RowError(f"'tools' is not JSON: {error}") from None
    found = [found] if isinstance(found, Mapping) else found
    if not isinstance(found, list | tuple) or not all(isinstance(tool, Mapping) for tool in found):
        raise RowError(f"'tools' is not a list of tools: {value!r:.80}")
    return list(map(_tool, found))


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """One tool with its type, which data often lack."""
    if "function" in tool:
        return {"type": "function"} | {k: v for k, v in tool.items() if k != "type" or v}
    if "name" not in tool:
        return dict(tool)
    # Anthropic's name of the parameters.
    named = {"parameters" if k == "input_schema" else k: v for k, v in tool.items()}
    return {"type": "function", "function": named}


def spoken(said: Message) -> str:
    """A message as one text: its reasoning, its content and its tool calls.

    Examples
    --------
    >>> print(spoken(message("assistant", "4", reasoning_content="2 and 2")))
    <think>
    2 and 2
    </think>
    <BLANKLINE>
    4
    """
    thought = said.get("reasoning_content")
    before = f"<think>\n{thought}\n</think>" if thought else ""
    calls = written_calls(said["tool_calls"]) if said.get("tool_calls") else ""
    return "\n\n".join(part for part in (before, said["content"], calls) if part)
