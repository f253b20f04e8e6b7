"""ms-swift: rows and settings."""

from typing import Any

from instructdiv.exporters._messages import as_json, tools_text, turns, weight, worse
from instructdiv.exporters._settings import (
    ONE_EPOCH,
    DataFiles,
    Form,
    Settings,
    TrainerSettings,
)
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.schemas import Conversation
from instructdiv.schemas.conversation import Message


def _data(files: DataFiles) -> Settings:
    data: Settings = [("dataset", list(files.train), "the records, if swift is run in this folder")]
    if files.evaluation:
        data.append(("val_dataset", [files.evaluation], "the records to evaluate on"))
    if files.form in ("preference", "label"):
        kind = "dpo" if files.form == "preference" else "kto"
        data.append(("rlhf_type", kind, "what the rows are for: give these lines to swift rlhf"))
    return data


class MsSwift(TrainerExporter):
    """Rows and settings for ms-swift: SFT, DPO (preference) and KTO (label).

    An answer with weight 0 has ``loss: false``. Arguments of tool calls and the tools are JSON.
    Names of speakers are left out. ms-swift may drop rows longer than ``max_length``: lengths are
    not checked here.

    Examples
    --------
    >>> from instructdiv.schemas import PromptCompletion
    >>> said = PromptCompletion().read({"prompt": "2 + 2 =", "completion": "4"})
    >>> MsSwift().row(said, "messages")["messages"][1]
    {'role': 'assistant', 'content': '4'}
    """

    trainer = "ms-swift"
    forms = ("messages", "preference", "label")
    tools_in = forms
    reads_weights = True
    trainer_settings = TrainerSettings(
        read_in="ms-swift 4.6.0",
        use="Give this file, with what else you set, to swift sft or swift rlhf.",
        data=_data,
        kept_by=lambda form: [
            ("dataset_shuffle", False, "the default shuffles when the data are loaded"),
            ("train_dataloader_shuffle", False, "the default shuffles every epoch"),
            ("split_dataset_ratio", 0, "a split shuffles; name a val_dataset to evaluate on"),
            ("packing", False, "true packs by length"),
            ("num_train_epochs", 1, ONE_EPOCH),
        ],
        lost_by=(
            "#500 after the name of a file: draws at random",
            "interleave_prob: takes records of several data sets in turn",
            "group_by_length",
        ),
    )

    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        row: dict[str, Any] = {"messages": _turns(conversation.messages)}
        if form == "preference":
            row["rejected_messages"] = _turns(worse(conversation))
        if form == "label":
            row["label"] = conversation.label
        return row | ({"tools": tools_text(conversation)} if conversation.tools else {})


def _turns(messages: list[Message]) -> list[dict[str, Any]]:
    return [
        turn | ({} if weight(said) else {"loss": False})
        for turn, said in zip(turns(messages, as_json), messages, strict=True)
    ]
