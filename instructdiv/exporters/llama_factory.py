"""LLaMA-Factory: rows, dataset_info.json and settings."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from instructdiv.core.files import write_text
from instructdiv.exporters._messages import answers, tools_text
from instructdiv.exporters._settings import (
    ONCE,
    DataFiles,
    Form,
    Settings,
    TrainerSettings,
)
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.schemas import Conversation
from instructdiv.schemas.conversation import Message, spoken

_NAMES = {"train": "mix", "eval": "mix_eval"}
_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "function_call",
    "system_tag": "system",
}
_COLUMNS: dict[Form, tuple[str, ...]] = {
    "messages": ("messages", "tools"),
    "preference": ("messages", "tools", "chosen", "rejected"),
    "label": ("messages", "tools", "kto_tag"),
}
# Separator that LLaMA-Factory itself puts between the results of parallel tool calls.
_BETWEEN_RESULTS = "\n</tool_response>\n<tool_response>\n"


def dataset_info(files: Mapping[str, str], form: Form = "messages") -> str:
    """Text of ``dataset_info.json``, in which LLaMA-Factory looks up the files by name."""
    held: dict[str, Any] = {"formatting": "sharegpt"}
    if form == "preference":
        held["ranking"] = True
    held |= {"columns": {name: name for name in _COLUMNS[form]}, "tags": _TAGS}
    entries = {name: {"file_name": file} | held for name, file in files.items()}
    return json.dumps(entries, indent=2) + "\n"


def _data(files: DataFiles) -> Settings:
    # Of a folder llamafactory takes the files as os.listdir gives them: in no order.
    many = len(files.train) > 1
    names = [f"mix_{i:05d}" for i in range(len(files.train))] if many else ["mix"]
    entries = {name: {"file_name": file} for name, file in zip(names, files.train, strict=True)}
    if files.evaluation:
        entries[_NAMES["eval"]] = {"file_name": files.evaluation}
    holds = f"dataset_info.json holds: {json.dumps(entries)}"
    if files.form is not None:
        holds = "described in dataset_info.json"
    data: Settings = [
        ("dataset_dir", ".", "the folder of dataset_info.json, if llamafactory-cli is run in it"),
        ("dataset", ",".join(names), holds),
        ("mix_strategy", "concat", "interleave takes records of several data sets in turn"),
    ]
    if files.evaluation:
        data.append(("eval_dataset", _NAMES["eval"], "described in dataset_info.json"))
    stages: dict[Form, tuple[str, str]] = {
        "messages": ("sft", "the rows are conversations"),
        "preference": ("dpo", "the rows are pairs of answers; rm trains a reward model on them"),
        "label": ("kto", "the rows are answers with a label"),
    }
    if files.form is not None:
        data.append(("stage", *stages[files.form]))
    return data


class LlamaFactory(TrainerExporter):
    """Rows, ``dataset_info.json`` and settings for LLaMA-Factory: SFT, DPO, KTO (label).

    Rows have its ShareGPT format, the only one in which tool calls keep their arguments: a tool
    call is a message of role ``function_call``, the tools are a JSON column. Results of parallel
    tool calls become one message, as LLaMA-Factory joins them itself. Names of speakers are left
    out.

    Examples
    --------
    >>> from instructdiv.schemas import PromptCompletion
    >>> said = PromptCompletion().read({"prompt": "2 + 2 =", "completion": "4"})
    >>> LlamaFactory().row(said, "messages")["messages"][1]
    {'role': 'assistant', 'content': '4'}
    """

    trainer = "LLaMA-Factory"
    forms = ("messages", "preference", "label")
    tools_in = forms
    one_message = True
    trainer_settings = TrainerSettings(
        read_in="llamafactory 0.9.5",
        use="Put these lines into the YAML that you give to llamafactory-cli train.",
        data=_data,
        kept_by=lambda form: [
            ("disable_shuffling", True, "the default shuffles every epoch"),
            ("val_size", 0.0, "a split shuffles; name an eval_dataset to evaluate on"),
            ("packing", False, "packs by length, 1,000 records at a time; so does neat_packing"),
            ("streaming", False, "shuffles in a buffer, whatever disable_shuffling says"),
            *ONCE,
        ],
        lost_by=(
            "num_samples in dataset_info.json: draws at random",
            "file_name: a folder, in dataset_info.json: its files are read in no order",
            "USE_V1=1 in the environment: it shuffles, and has no flag against it",
        ),
    )

    def fault(self, conversation: Conversation, form: Form) -> str | None:
        said = [*conversation.messages, *(conversation.rejected or [])]
        if any(one.get("tool_calls") and one["content"] for one in said):
            return "a message has both text and a tool call"
        rounds = _joined(conversation.prompt if form == "preference" else conversation.messages)
        if rounds and rounds[0]["role"] == "system":
            rounds = rounds[1:]
        answered = [one["role"] == "assistant" for one in rounds]
        if any(role == "system" for role in (one["role"] for one in rounds)):
            return "a system message is not the first"
        if answered != [i % 2 == 1 for i in range(len(rounds))]:
            return "roles do not alternate"
        if form == "preference":
            return None if len(rounds) % 2 else "roles do not alternate"
        if len(rounds) % 2:
            return "it does not end with an answer"
        if form == "label" and conversation.label and not answers(conversation.messages[-1]):
            return "an empty answer would count as not wanted"
        return None

    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        asked = conversation.prompt if form == "preference" else conversation.messages
        row: dict[str, Any] = {"messages": list(map(_turn, _joined(asked)))}
        if form == "preference":
            [chosen], [rejected] = conversation.completion, conversation.rejected or []
            row |= {"chosen": _turn(chosen), "rejected": _turn(rejected)}
        if form == "label":
            row["kto_tag"] = conversation.label
        # In every row, since a column that is named must be in the file.
        return row | {"tools": tools_text(conversation) if conversation.tools else ""}

    def settings(self, form: Form, files: Mapping[str, str], folder: Path) -> list[Path]:
        named = {_NAMES[split]: file for split, file in files.items()}
        described = write_text(folder / "dataset_info.json", dataset_info(named, form))
        return [described, *super().settings(form, files, folder)]


def _joined(messages: list[Message]) -> list[Message]:
    """Messages in which consecutive tool results are joined."""
    joined: list[Message] = []
    for said in messages:
        if said["role"] == "tool" and joined and joined[-1]["role"] == "tool":
            both = joined[-1]["content"] + _BETWEEN_RESULTS + said["content"]
            joined[-1] = {**joined[-1], "content": both}
        else:
            joined.append(said)
    return joined


def _turn(said: Message) -> dict[str, Any]:
    role = "function_call" if said.get("tool_calls") else said["role"]
    return {"role": role, "content": spoken(said)}
