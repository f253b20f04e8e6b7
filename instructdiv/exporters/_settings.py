"""Settings: what a trainer is told of the files of a mix, each with its reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

import yaml

Form = Literal["messages", "prompt_completion", "preference", "label"]
"""What a trainer learns from: a conversation, an answer to a prompt, the better of two answers,
or answers of which some are wanted and some are not."""

Settings = list[tuple[str, Any, str]]
"""Key, value, and why it is set so."""

READERS = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}
"""What ``datasets`` reads a file with, by the end of its name."""


@dataclass(frozen=True)
class DataFiles:
    """The files of a mix, relative to where the configuration is written."""

    train: tuple[str, ...]
    """What is trained on, in its order."""

    evaluation: str | None = None
    """What is evaluated on, if anything."""

    form: Form | None = None
    """What the rows hold; none if they have the layout that they were read in."""


@dataclass(frozen=True)
class TrainerSettings:
    """What one trainer is told: where the data are, and what keeps their order."""

    read_in: str
    """Versions whose source was read."""

    use: str
    """How the settings are used."""

    data: Callable[[DataFiles], Settings]
    """Where the files are, and what they hold."""

    kept_by: Callable[[Form | None], Settings]
    """What keeps the order."""

    lost_by: tuple[str, ...]
    """What loses the order even so."""

    def text(self, trainer: str, files: DataFiles) -> str:
        """YAML, with a reason above each setting."""
        settings = [*self.data(files), *self.kept_by(files.form)]
        return "\n".join(
            [
                f"# What keeps the order of this mix in {trainer} (read in {self.read_in}).",
                f"# {self.use}",
                "",
                *(_lines(*setting) for setting in settings),
                "",
                "# Even so the order is lost by:",
                *(f"# - {way}" for way in self.lost_by),
                "",
            ]
        )


def _lines(key: str, value: Any, reason: str) -> str:
    text = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True).rstrip()
    return f"# {reason}\n{text}"


def reader(files: Sequence[str]) -> str:
    """What ``datasets`` reads these files with."""
    return READERS[PurePath(files[0]).suffix]


def one_or_list(files: Sequence[str]) -> str | list[str]:
    """The file, or all of them if there are several."""
    return files[0] if len(files) == 1 else list(files)


# What transformers.Trainer and the trainers made from it have in common.

ONE_EPOCH = "a second epoch starts again at the first record"
SEQUENTIAL: Settings = [
    (
        "train_sampling_strategy",
        "sequential",
        "the default, random, shuffles every epoch; transformers has the key from 5.2 on",
    )
]
ONCE: Settings = [
    ("num_train_epochs", 1, ONE_EPOCH),
    (
        "ignore_data_skip",
        False,
        "on resume, what was trained on is skipped; true would start again at the first record",
    ),
]
LOST_BY_SAMPLING = "train_sampling_strategy: group_by_length, batch_rebalance"
LOST_BY_LOADING = (
    "dataloader_in_order: false with dataloader_num_workers: batches come as they are ready",
    "a block of rows for each rank: let accelerate deal the batches out in turn, as it does",
)
TRANSFORMERS = TrainerSettings(
    read_in="transformers 5.24.0",
    use="Arguments of TrainingArguments, or a file for HfArgumentParser.parse_yaml_file.",
    data=lambda files: [],
    kept_by=lambda form: [*SEQUENTIAL, *ONCE],
    lost_by=(
        LOST_BY_SAMPLING,
        "train_test_split without shuffle=False, before the data come to the trainer",
        *LOST_BY_LOADING,
    ),
)
