"""Unsloth: rows and settings for its trainers, which are TRL's."""

from typing import Any

from instructdiv.exporters._messages import answered, plain
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
)
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.exporters.trl import Trl
from instructdiv.schemas import Conversation


def _data(files: DataFiles) -> Settings:
    named: dict[str, Any] = {"train": one_or_list(files.train)}
    if files.evaluation:
        named["test"] = files.evaluation
    return [("data_files", named, 'the records: load_dataset("json", data_files=...)')]


def _kept_by(form: Form | None) -> Settings:
    packed: Settings = [("packing", False, "true packs by length")]
    return [*SEQUENTIAL, *([] if form in ("preference", "label") else packed), *ONCE]


class Unsloth(TrainerExporter):
    """Rows and settings for Unsloth: SFT, DPO (preference) and KTO (label).

    Conversations have role and content only, as ``standardize_data_formats`` requires, so there is
    no field for tools, and names of speakers are left out. Pairs and labels are written as by
    :class:`Trl`, without tools. ``train_on_responses_only`` drops rows without an answer.

    Examples
    --------
    >>> from instructdiv.schemas import PromptCompletion
    >>> said = PromptCompletion().read({"prompt": "2 + 2 =", "completion": "4"})
    >>> Unsloth().row(said, "messages")["conversations"][0]
    {'role': 'user', 'content': '2 + 2 ='}
    """

    trainer = "Unsloth"
    forms = ("messages", "preference", "label")
    trainer_settings = TrainerSettings(
        read_in="unsloth_zoo 2026.10.9, trl 1.16.0 and transformers 5.24.0",
        use="data_files are for load_dataset, then standardize_data_formats; the others are "
        "arguments of SFTConfig, DPOConfig or KTOConfig.",
        data=_data,
        kept_by=_kept_by,
        lost_by=(
            "train_test_split or shuffle, before the data come to the trainer",
            LOST_BY_SAMPLING,
            *LOST_BY_LOADING,
        ),
    )

    def fault(self, conversation: Conversation, form: Form) -> str | None:
        if form != "messages":
            return Trl().fault(conversation, form)
        return None if answered(conversation) else "it has no answer"

    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        if form == "messages":
            return {"conversations": plain(conversation.messages)}
        return Trl().row(conversation, form)
