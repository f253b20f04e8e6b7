"""Messages as trainers read them, and questions about them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from instructdiv.exporters._settings import Form
from instructdiv.schemas import Conversation
from instructdiv.schemas.conversation import Message, call_arguments, call_name, spoken


def of_tools(said: Message) -> bool:
    """Whether a message calls a tool, or holds the result of a call."""
    return said["role"] == "tool" or bool(said.get("tool_calls"))


def weight(said: Message) -> float:
    """Weight of a message in training; 1 for messages that are no answers."""
    return float(said.get("weight", 1)) if said["role"] == "assistant" else 1.0


def answers(said: Message) -> bool:
    """Whether a message is an answer to train on, and not empty."""
    full = bool(said["content"] or said.get("reasoning_content") or said.get("tool_calls"))
    return said["role"] == "assistant" and weight(said) > 0 and full


def answered(conversation: Conversation) -> bool:
    """Whether a conversation has an answer."""
    return any(said["role"] == "assistant" for said in conversation.messages)


def worse(conversation: Conversation) -> list[Message]:
    """Messages of a conversation with the rejected answer."""
    return [*conversation.prompt, *(conversation.rejected or [])]


def plain(messages: list[Message]) -> list[dict[str, Any]]:
    """Messages with role and content only; reasoning becomes part of the content."""
    return [
        {"role": said["role"], "content": spoken({**said, "tool_calls": []})} for said in messages
    ]


def plain_row(conversation: Conversation, form: Form) -> dict[str, Any]:
    """Row of plain messages, or of two chats that differ in the answer."""
    if form == "messages":
        return {"messages": plain(conversation.messages)}
    return {"chosen": plain(conversation.messages), "rejected": plain(worse(conversation))}


def turns(
    messages: list[Message], arguments: Callable[[Mapping[str, Any]], Any]
) -> list[dict[str, Any]]:
    """Messages with names and tool calls, arguments written by a function; without weights."""
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
    """Arguments of a call as a mapping; text that is no JSON is unchanged."""
    found = call_arguments(call)
    return {} if found in (None, "") else found


def as_json(call: Mapping[str, Any]) -> str:
    """Arguments of a call as JSON."""
    return json.dumps(as_mapping(call), ensure_ascii=False)


def tools_text(conversation: Conversation) -> str:
    """Tools as JSON, as a column of nested mappings would need one type for all rows."""
    return json.dumps(conversation.tools, ensure_ascii=False)


def two_messages(conversation: Conversation) -> bool:
    """Whether both answers are one message of the assistant."""
    both = conversation.completion, conversation.rejected or []
    return all([said["role"] for said in answer] == ["assistant"] for answer in both)
