"""Settings: what to set in a trainer for the files of a mix, each with its reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

import yaml

Form = Literal["messages", "prompt_completion", "preference", "label"]
"""What a row holds: a conversation, a prompt and its completion, a better and a worse answer
(preference), or an answer labelled wanted or not."""

Settings = list[tuple[str, Any, str]]
"""Key, value and reason of each setting."""

READERS = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}
"""Reader of ``datasets`` for each file name extension."""


@dataclass(frozen=True)
class DataFiles:
    """Files of a mix, relative to the folder of the configuration."""

    train: tuple[str, ...]
    """Files to train on, in order."""

    evaluation: str | None = None
    """File to evaluate on, if any."""

    form: Form | None = None
    """What the rows hold; None if they have the layout that they were read in."""


@dataclass(frozen=True)
class TrainerSettings:
    """Settings of one trainer: where the data are, and what keeps their order."""

    read_in: str
    """Versions whose source code these settings were read from."""

    use: str
    """Where the settings go."""

    data: Callable[[DataFiles], Settings]
    """Settings that load the files."""

    kept_by: Callable[[Form | None], Settings]
    """Settings that keep the order."""

    lost_by: tuple[str, ...]
    """Trainer options that still reorder the data with these settings."""

    def text(self, trainer: str, files: DataFiles) -> str:
        """YAML of the settings, with a reason above each."""
        settings = [*self.data(files), *self.kept_by(files.form)]
        return "\n".join(
            [
                f"# Settings that keep the order of this mix in {trainer} (from {self.read_in}).",
                f"# {self.use}",
                "",
                *(_lines(*setting) for setting in settings),
                "",
                "# Options that still reorder the data:",
                *(f"# - {way}" for way in self.lost_by),
                "",
            ]
        )


def _lines(key: str, value: Any, reason: str) -> str:
    text = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True).rstrip()
    return f"# {reason}\n{text}"


def reader(files: Sequence[str]) -> str:
    """Reader of ``datasets`` for these files."""
    return READERS[PurePath(files[0]).suffix]


def one_or_list(files: Sequence[str]) -> str | list[str]:
    """The file, or all of them if there are several."""
    return files[0] if len(files) == 1 else list(files)


# Shared by transformers.Trainer and the trainers built on it.

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
