"""Axolotl: rows and settings."""

from typing import Any

from instructdiv.exporters._messages import (
    answers,
    as_json,
    plain,
    tools_text,
    turns,
    weight,
)
from instructdiv.exporters._settings import (
    ONE_EPOCH,
    DataFiles,
    Form,
    Settings,
    TrainerSettings,
    reader,
)
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.schemas import Conversation

_FIELDS = {
    "field_messages": "messages",
    "message_property_mappings": {"role": "role", "content": "content"},
}
_HELD: dict[Form | None, dict[str, Any]] = {
    None: {},
    "messages": {
        "type": "chat_template",
        **_FIELDS,
        "roles_to_train": ["assistant"],
        "train_on_eos": "turn",
        "message_field_training": "training",
    },
    "preference": {
        "type": "chat_template.default",
        **_FIELDS,
        "field_chosen": "chosen",
        "field_rejected": "rejected",
    },
}


def _entry(file: str, form: Form | None) -> dict[str, Any]:
    return {"path": file, "ds_type": reader([file]), "split": "train", **_HELD[form]}


def _data(files: DataFiles) -> Settings:
    reason = "the records, if axolotl is run in this folder"
    if files.form is None:
        reason += "; add the `type` that fits the rows"
    data: Settings = [("datasets", [_entry(file, files.form) for file in files.train], reason)]
    if files.evaluation:
        entry = _entry(files.evaluation, files.form)
        data.append(("test_datasets", [entry], "the records to evaluate on"))
    if files.form == "preference":
        data.append(("rl", "dpo", "the rows are pairs of answers"))
    return data


class Axolotl(TrainerExporter):
    """Rows and settings for Axolotl: chats, and DPO (preference).

    An answer with weight 0 has ``training: false``. Arguments of tool calls and the tools are JSON;
    Axolotl passes tool calls and names on if the chat template calls its loop variable ``message``.
    DPO has no field for tools. Rows longer than ``sequence_len`` are dropped by Axolotl: lengths
    are not checked here.

    Examples
    --------
    >>> from instructdiv.schemas import PromptCompletion
    >>> said = PromptCompletion().read({"prompt": "2 + 2 =", "completion": "4"})
    >>> Axolotl().row(said, "messages")["messages"][1]
    {'role': 'assistant', 'content': '4'}
    """

    trainer = "Axolotl"
    forms = ("messages", "preference")
    tools_in = ("messages",)
    one_message = True
    reads_weights = True
    trainer_settings = TrainerSettings(
        read_in="axolotl 0.19.0 and 0.21.0",
        use="Put these lines into the YAML that you give to axolotl.",
        data=_data,
        kept_by=lambda form: [
            ("shuffle_merged_datasets", False, "the default shuffles when data sets are merged"),
            ("curriculum_sampling", True, "the default shuffles every epoch"),
            (
                "sample_packing_sequentially",
                True,
                "if sample_packing is on: the default packs by length",
            ),
            (
                "dataset_prepared_path",
                "prepared-in-order",
                "found by a hash that knows neither the shuffling nor what the files hold: "
                "a folder of its own, to be emptied when the mix changes",
            ),
            (
                "val_set_size",
                0,
                "else the last records are held out; name test_datasets to evaluate on",
            ),
            ("num_epochs", 1, ONE_EPOCH),
        ],
        lost_by=(
            "rl: dpo, whose trainer does not read curriculum_sampling and draws at random",
            "group_by_length, balance_labels",
            "shards or weight in an entry of datasets: both shuffle it first",
            "streaming with shuffle_merged_datasets",
            "ignore_data_skip: true, when a run is resumed",
        ),
    )

    def fault(self, conversation: Conversation, form: Form) -> str | None:
        if form == "messages":
            # Sample packing drops such a row; without packing it stays and teaches nothing.
            return None if any(map(answers, conversation.messages)) else "it has no answer"
        if not conversation.prompt:
            return "it has no prompt before the answer"
        # The answer is searched in the rendered template, where an empty one is found at once.
        if not all(map(answers, [*conversation.completion, *(conversation.rejected or [])])):
            return "an answer is empty"
        return None

    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        if form == "preference":
            [chosen], [rejected] = conversation.completion, conversation.rejected or []
            return {
                "messages": plain(conversation.prompt),
                "chosen": plain([chosen])[0],
                "rejected": plain([rejected])[0],
            }
        said = turns(conversation.messages, as_json)
        for turn, one in zip(said, conversation.messages, strict=True):
            if not weight(one):
                turn["training"] = False
        tools = {"tools": tools_text(conversation)} if conversation.tools else {}
        return {"messages": said} | tools
