"""Turns: messages as the rows of trainers hold them, and what can be asked of them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from instructdiv.exporters._settings import Form
from instructdiv.schemas import Conversation
from instructdiv.schemas.conversation import Message, call_arguments, call_name, spoken


def of_tools(said: Message) -> bool:
    """Whether a message calls a tool, or is what one gave back."""
    return said["role"] == "tool" or bool(said.get("tool_calls"))


def weight(said: Message) -> float:
    """How much a message counts in training, where it is an answer; else 1."""
    return float(said.get("weight", 1)) if said["role"] == "assistant" else 1.0


def answers(said: Message) -> bool:
    """Whether a message is an answer that is trained on, and is not empty."""
    full = bool(said["content"] or said.get("reasoning_content") or said.get("tool_calls"))
    return said["role"] == "assistant" and weight(said) > 0 and full


def answered(conversation: Conversation) -> bool:
    """Whether the assistant says anything."""
    return any(said["role"] == "assistant" for said in conversation.messages)


def worse(conversation: Conversation) -> list[Message]:
    """All that is said if the worse answer is given."""
    return [*conversation.prompt, *(conversation.rejected or [])]


def plain(messages: list[Message]) -> list[dict[str, Any]]:
    """Messages of role and content alone; the reasoning stands in the content."""
    return [
        {"role": said["role"], "content": spoken({**said, "tool_calls": []})} for said in messages
    ]


def plain_row(conversation: Conversation, form: Form) -> dict[str, Any]:
    """A row of plain messages, or of two such chats that differ in the answer."""
    if form == "messages":
        return {"messages": plain(conversation.messages)}
    return {"chosen": plain(conversation.messages), "rejected": plain(worse(conversation))}


def turns(
    messages: list[Message], arguments: Callable[[Mapping[str, Any]], Any]
) -> list[dict[str, Any]]:
    """Messages with their names and calls, whose arguments are written so; without weights."""
    written = plain(messages)
    for turn, said in zip(written, messages, strict=True):
        turn |= {key: said[key] for key in ("name", "tool_call_id") if key in said}
        if "tool_calls" in said:
            turn["tool_calls"] = [
                ({"id": call["id"]} if call.get("id") else {})
                | {"type": "function"}
                | {"function": {"name": call_name(call), "arguments": arguments(call)}}
                for call in said["tool_calls"]
            ]
    return written


def as_mapping(call: Mapping[str, Any]) -> Any:
    """The arguments of a call, as a mapping; text that is no JSON as it is."""
    found = call_arguments(call)
    return {} if found in (None, "") else found


def as_json(call: Mapping[str, Any]) -> str:
    """The arguments of a call, as JSON."""
    return json.dumps(as_mapping(call), ensure_ascii=False)


def tools_text(conversation: Conversation) -> str:
    """The tools as JSON, since columns of nested mappings are read as one type for all rows."""
    return json.dumps(conversation.tools, ensure_ascii=False)


def two_messages(conversation: Conversation) -> bool:
    """Whether each of two answers is one message of the assistant."""
    both = conversation.completion, conversation.rejected or []
    return all([said["role"] for said in answer] == ["assistant"] for answer in both)
