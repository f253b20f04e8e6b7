"""OpenAI: rows and settings of a fine-tuning job."""

from collections.abc import Mapping, Sequence
from typing import Any

from instructdiv.exporters._messages import as_json, as_mapping, turns, weight
from instructdiv.exporters._settings import ONE_EPOCH, DataFiles, Form, Settings, TrainerSettings
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.schemas import Conversation
from instructdiv.schemas.conversation import Message

_SHOWN = ("text", "image_url")


def _data(files: DataFiles) -> Settings:
    upload = 'upload it with purpose="fine-tune", and give the id that you get'
    data: Settings = [("training_file", files.train[0], f"at least 10 rows; {upload}")]
    if files.evaluation:
        data.append(("validation_file", files.evaluation, upload))
    kind = "dpo" if files.form == "preference" else "supervised"
    method = {"type": kind, kind: {"hyperparameters": {"n_epochs": 1}}}
    return [*data, ("method", method, ONE_EPOCH)]


class Openai(TrainerExporter):
    """Rows for OpenAI's fine-tuning: supervised, and DPO (preference).

    An answer keeps its weight of 0 or 1; arguments of tool calls are JSON, and calls and results
    are linked by ids. Rows have no added columns, since the service accepts none. It accepts all
    rows of a file or none, and has no setting for their order.

    Examples
    --------
    >>> from instructdiv.schemas import PromptCompletion
    >>> said = PromptCompletion().read({"prompt": "2 + 2 =", "completion": "4"})
    >>> Openai().row(said, "messages")["messages"][1]
    {'role': 'assistant', 'content': '4'}
    """

    trainer = "OpenAI"
    forms = ("messages", "preference")
    tools_in = forms
    one_message = True
    reads_weights = True
    reads_parts = True
    reads_tables = False
    trainer_settings = TrainerSettings(
        read_in="openai 3.57.0 and the published rules of the service",
        use="Arguments of client.fine_tuning.jobs.create.",
        data=_data,
        kept_by=lambda form: [],
        lost_by=("the service, if it shuffles: it does not say, and has no setting",),
    )

    def fault(self, conversation: Conversation, form: Form) -> str | None:
        said = [*conversation.messages, *(conversation.rejected or [])]
        if not all(map(_is_shown, said)):
            return "it holds audio or video, or images outside user messages"
        if any(isinstance(as_mapping(call), str) for one in said for call in _calls(one)):
            return "the arguments of a tool call are not JSON"
        bound = _bound(conversation.messages)
        if any(turn["role"] == "tool" and "tool_call_id" not in turn for turn in bound):
            return "a tool result has no tool call"
        if _waits(bound):
            return "a tool call has no result"
        if not conversation.messages or conversation.messages[-1]["role"] != "assistant":
            return "it does not end with an answer"
        if not any(weight(one) for one in conversation.messages if one["role"] == "assistant"):
            return "all answers are excluded from training"
        return None

    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        callable_ = {"tools": conversation.tools} if conversation.tools else {}
        if form == "messages":
            said = _bound(conversation.messages)
            for turn, one in zip(said, conversation.messages, strict=True):
                if one["role"] == "assistant" and "weight" in one:
                    turn["weight"] = int(one["weight"])
            return {"messages": said} | callable_
        return {
            "input": {"messages": _bound(conversation.prompt)} | callable_,
            "preferred_output": _bound(conversation.completion),
            "non_preferred_output": _bound(conversation.rejected or []),
        }


def _is_shown(said: Message) -> bool:
    kinds = [
        part.get("type") if isinstance(part, Mapping) else None for part in said.get("parts", ())
    ]
    return not kinds or (said["role"] == "user" and all(kind in _SHOWN for kind in kinds))


def _calls(said: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return said.get("tool_calls") or ()


def _waits(bound: list[dict[str, Any]]) -> bool:
    """Whether the conversation continues before every tool call has its result."""
    waiting: set[str] = set()
    for turn in bound:
        if turn["role"] == "tool":
            waiting.discard(turn["tool_call_id"])
        elif waiting:
            return True
        else:
            waiting = {call["id"] for call in _calls(turn)}
    return False


def _bound(messages: list[Message]) -> list[dict[str, Any]]:
    """Messages in which every tool call has an id, and every result the id of its call.

    A result without an id belongs to the first call that has no result yet; so does a result
    whose id no call has, where the calls have none.
    """
    written = turns(messages, as_json)
    waiting: list[str] = []
    unnamed: set[str] = set()
    for place, (turn, said) in enumerate(zip(written, messages, strict=True)):
        if "parts" in said:
            turn["content"] = said["parts"]
        if "tool_calls" in turn:
            for n, call in enumerate(turn["tool_calls"]):
                if "id" not in call:
                    unnamed.add(f"call_{place}_{n}")
                call["id"] = str(call.get("id", f"call_{place}_{n}"))
                waiting.append(call["id"])
            turn["content"] = turn["content"] or None
        if said["role"] == "tool":
            turn.pop("name", None)
            told = str(turn.pop("tool_call_id", ""))
            fits = [one for one in waiting if one == told or not told or one in unnamed]
            known = told if told in fits else next(iter(fits), None)
            if known is not None:
                turn["tool_call_id"] = known
                waiting.remove(known)
    return written
