"""open-instruct: rows and settings."""

from typing import Any

from instructdiv.exporters._messages import answered, plain_row
from instructdiv.exporters._settings import (
    ONE_EPOCH,
    DataFiles,
    Form,
    Settings,
    TrainerSettings,
)
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.schemas import Conversation


def _data(files: DataFiles) -> Settings:
    mixed = [part for file in files.train for part in (file, "1.0")]
    why = 'the records, if it is run in this folder, and all of them: "1" would be one'
    if files.evaluation:
        why += f"; {files.evaluation} has no place here, since these scripts do not evaluate"
    return [
        ("dataset_mixer_list", mixed, why),
        ("dataset_mixer_list_splits", ["train"], "of a file there is no other"),
    ]


class OpenInstruct(TrainerExporter):
    """Rows and settings for open-instruct: SFT, and DPO (preference).

    It has no field for tools, and names of speakers are left out. Its loaders shuffle, and no
    setting keeps the order.

    Examples
    --------
    >>> from instructdiv.schemas import PromptCompletion
    >>> said = PromptCompletion().read({"prompt": "2 + 2 =", "completion": "4"})
    >>> OpenInstruct().row(said, "messages")["messages"][1]
    {'role': 'assistant', 'content': '4'}
    """

    trainer = "open-instruct"
    forms = ("messages", "preference")
    one_message = True
    trainer_settings = TrainerSettings(
        read_in="several versions of its repository; none is on PyPI",
        use="Put these lines into the YAML that you give to open_instruct/finetune.py or "
        "dpo_tune_cache.py.",
        data=_data,
        kept_by=lambda form: [("num_train_epochs", 1, ONE_EPOCH)],
        lost_by=("its data loader: it draws at random, and has no setting against it",),
    )

    def fault(self, conversation: Conversation, form: Form) -> str | None:
        return None if answered(conversation) else "it has no answer"

    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        return plain_row(conversation, form)
