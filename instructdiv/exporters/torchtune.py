"""torchtune: rows and settings."""

from typing import Any

from instructdiv.exporters._messages import answered, plain_row
from instructdiv.exporters._settings import (
    ONE_EPOCH,
    DataFiles,
    Form,
    Settings,
    TrainerSettings,
    one_or_list,
    reader,
)
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.schemas import Conversation


def _entry(files: tuple[str, ...], form: Form | None) -> dict[str, Any]:
    read = {"source": reader(files), "data_files": one_or_list(files), "split": "train"}
    if form == "preference":
        return {"_component_": "torchtune.datasets.preference_dataset", **read}
    if form == "messages":
        return {
            "_component_": "torchtune.datasets.chat_dataset",
            **read,
            "conversation_column": "messages",
            "conversation_style": "openai",
            "packed": False,
        }
    return {**read, "packed": False}


def _data(files: DataFiles) -> Settings:
    reason = "the records, if tune is run in this folder"
    if files.form is None:
        reason += "; add the `_component_` that fits the rows"
    data: Settings = [("dataset", _entry(files.train, files.form), reason)]
    if files.evaluation:
        entry = _entry((files.evaluation,), files.form)
        why = "the records to evaluate on, in recipes that do; those of 0.6.1 do not"
        data.append(("dataset_val", entry, why))
    return data


class Torchtune(TrainerExporter):
    """Rows and settings for torchtune: chats, and DPO (preference).

    It has no field for tools: it ignores them, takes the text before an empty tool call as the
    answer, and fails on an answer after a tool result. Names of speakers are left out. Nothing is
    dropped: a row that torchtune cannot read ends the run when its turn comes.

    Examples
    --------
    >>> from instructdiv.schemas import PromptCompletion
    >>> said = PromptCompletion().read({"prompt": "2 + 2 =", "completion": "4"})
    >>> Torchtune().row(said, "messages")["messages"][1]
    {'role': 'assistant', 'content': '4'}
    """

    trainer = "torchtune"
    forms = ("messages", "preference")
    trainer_settings = TrainerSettings(
        read_in="torchtune 0.6.1",
        use="Put these lines into the YAML that you give to tune run.",
        data=_data,
        kept_by=lambda form: [
            ("shuffle", False, "the recipes' own configurations say True"),
            ("epochs", 1, ONE_EPOCH),
        ],
        lost_by=(
            "a list of data sets in dev/lora_finetune_distributed_multi_dataset: drawn by weight",
            "resuming within an epoch, which it cannot do: it begins the epoch again",
        ),
    )

    def fault(self, conversation: Conversation, form: Form) -> str | None:
        if form == "preference":  # whose roles are not looked at
            chosen = conversation.completion and conversation.rejected
            return None if chosen else "it has no answer"
        roles = [said["role"] for said in conversation.messages]
        if "system" in roles[1:]:
            return "a system message is not the first"
        if not answered(conversation):
            return "it has no answer"
        pairs = list(zip(["system", *roles], roles, strict=False))
        if any(now == "assistant" and before != "user" for before, now in pairs):
            return "roles do not alternate"
        return "roles do not alternate" if ("user", "user") in pairs else None

    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        return plain_row(conversation, form)
