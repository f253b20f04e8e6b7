"""TRL: rows and settings for its trainers."""

from pathlib import PurePath
from typing import Any

from instructdiv.exporters._messages import as_mapping, tools_text, turns
from instructdiv.exporters._settings import (
    LOST_BY_LOADING,
    LOST_BY_SAMPLING,
    ONCE,
    SEQUENTIAL,
    DataFiles,
    Form,
    Settings,
    TrainerSettings,
    one_or_list,
    reader,
)
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.schemas import Conversation


def _data(files: DataFiles) -> Settings:
    if files.evaluation and files.form:
        # What `datasets` lists holds no split but train, so that none could be evaluated on; and
        # a dataset_name must be more than ".", so that the files are in a folder of their own.
        return [
            (
                "dataset_name",
                PurePath(files.evaluation).parent.as_posix(),
                "the folder of the records, if trl is run in this one: train.jsonl and eval.jsonl "
                "are found by their names",
            ),
            ("dataset_train_split", "train", "train.jsonl"),
            ("dataset_test_split", "test", "eval.jsonl, which datasets calls so"),
            ("eval_strategy", "steps", "the default, no, evaluates nothing; see eval_steps"),
        ]
    rows = {"path": reader(files.train), "data_files": one_or_list(files.train), "split": "train"}
    reason = "the records, if trl is run in this folder"
    if files.evaluation:
        reason += "; to evaluate, write the rows as trl wants them too: exporter trl"
    return [("datasets", [rows], reason)]


def _kept_by(form: Form | None) -> Settings:
    if form in ("preference", "label"):
        return [*SEQUENTIAL, *ONCE]
    return [
        *SEQUENTIAL,
        ("shuffle_dataset", False, "true shuffles before the records are packed"),
        ("packing", False, "packed records have no id, so their order cannot be audited"),
        (
            "packing_strategy",
            "wrapped",
            "if packing is on: the default, bfd, sorts by length, 1,000 records at a time; so "
            "does bfd_split",
        ),
        *ONCE,
    ]


class Trl(TrainerExporter):
    """Rows and settings for TRL: SFT, DPO (preference) and KTO (label).

    SFT reads messages, where all tokens are trained on unless ``assistant_only_loss`` is set, or
    prompt and completion, where the completion alone is. Arguments of tool calls are mappings, as
    chat templates expect; the tools are JSON. Rows longer than ``max_length`` (1024 unless set) are
    cut, and dropped if nothing of the answer is left: lengths are not checked here.

    Examples
    --------
    >>> from instructdiv.schemas import PromptCompletion
    >>> said = PromptCompletion().read({"prompt": "2 + 2 =", "completion": "4"})
    >>> Trl().row(said, "messages")["messages"][1]
    {'role': 'assistant', 'content': '4'}
    """

    trainer = "TRL"
    folder = "data"
    forms = ("messages", "prompt_completion", "preference", "label")
    tools_in = forms
    trainer_settings = TrainerSettings(
        read_in="trl 1.16.0 and transformers 5.24.0",
        use="Put these lines into the YAML of trl sft --config (or dpo, kto), or give them to "
        "SFTConfig.",
        data=_data,
        kept_by=_kept_by,
        lost_by=(
            "test_split_size: shuffles before it splits; give a data set to evaluate on",
            LOST_BY_SAMPLING,
            *LOST_BY_LOADING,
        ),
    )

    def fault(self, conversation: Conversation, form: Form) -> str | None:
        if form != "messages" and not conversation.prompt:
            return "it has no prompt before the answer"
        if form in ("prompt_completion", "label") and not conversation.completion:
            return "it has no answer"
        return None

    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        if form == "messages":
            row: dict[str, Any] = {"messages": turns(conversation.messages, as_mapping)}
        else:
            answer = "chosen" if form == "preference" else "completion"
            row = {
                "prompt": turns(conversation.prompt, as_mapping),
                answer: turns(conversation.completion, as_mapping),
            }
        if form == "preference":
            row["rejected"] = turns(conversation.rejected or [], as_mapping)
        if form == "label":
            row["label"] = conversation.label
        return row | ({"tools": tools_text(conversation)} if conversation.tools else {})
