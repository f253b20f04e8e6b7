"""Stanza: the lines of a trainer's configuration that keep the order of a mix.

What is said of a trainer was read in its source: trl 1.16.0, transformers 5.24.0 (and 4.57.6 to
5.6.0, for when a key came), accelerate 1.15.0, axolotl 0.21.0, llamafactory 0.9.5, torchtune 0.6.1.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import yaml

from instructdiv.errors import UsageError

_READERS = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}

Settings = list[tuple[str, Any, str]]
"""Key, value, and why it is set so."""


@dataclass(frozen=True)
class _Trainer:
    """What keeps the order in one trainer, and what would lose it."""

    read_in: str
    """Versions whose source was read."""

    use: str
    """How its file is used."""

    data: Callable[[Sequence[str]], Settings]
    """Where the data files are named."""

    kept_by: Settings
    """What keeps the order."""

    lost_by: tuple[str, ...]
    """Settings that lose the order even so."""


def stanza(trainer: str, files: Iterable[str | PurePath] = ("mix.jsonl",)) -> str:
    """What to set in a trainer so that it sees the records of a mix in their order.

    Parameters
    ----------
    trainer
        One of :data:`TRAINERS`.
    files
        Files of the mix in their order, relative to where the configuration is written;
        what holds no records, like a README, is left out.

    Returns
    -------
    str
        YAML, with a reason above each setting. The model, the learning rate and whatever else
        the trainer wants are not in it.

    Raises
    ------
    UsageError
        The trainer is not known, or no file holds records in a form that trainers read.

    Examples
    --------
    >>> yaml.safe_load(stanza("transformers"))["train_sampling_strategy"]
    'sequential'
    """
    found = _TRAINERS[checked_trainer(trainer)]
    names = [PurePath(file) for file in files]
    data = [name.as_posix() for name in names if name.suffix in _READERS]
    if not data:
        given = ", ".join(map(str, names)) or "none"
        raise UsageError(
            f"no file that a trainer reads ({', '.join(_READERS)}) is in the mix; files: {given}"
        )
    settings = [*found.data(data), *found.kept_by]
    return "\n".join(
        [
            f"# What keeps the order of this mix in {trainer} (read in {found.read_in}).",
            f"# {found.use}",
            "",
            *(_lines(*setting) for setting in settings),
            "",
            "# Even so the order is lost by:",
            *(f"# - {way}" for way in found.lost_by),
            "",
        ]
    )


def checked_trainer(trainer: str) -> str:
    """Give the name back, if a stanza is known for it.

    Raises
    ------
    UsageError
        It is not.
    """
    if trainer not in _TRAINERS:
        raise UsageError(f"no trainer is named {trainer!r}; known: {', '.join(TRAINERS)}")
    return trainer


def _lines(key: str, value: Any, reason: str) -> str:
    text = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True).rstrip()
    return f"# {reason}\n{text}"


def _reader(files: Sequence[str]) -> str:
    return _READERS[PurePath(files[0]).suffix]


def _one_or_list(files: Sequence[str]) -> str | list[str]:
    return files[0] if len(files) == 1 else list(files)


def _trl_data(files: Sequence[str]) -> Settings:
    rows = {"path": _reader(files), "data_files": _one_or_list(files), "split": "train"}
    return [("datasets", [rows], "the records, if trl is run in this folder")]


def _axolotl_data(files: Sequence[str]) -> Settings:
    rows = [{"path": file, "ds_type": _reader(files), "split": "train"} for file in files]
    reason = "the records, if axolotl is run in this folder; add the `type` that fits the rows"
    return [("datasets", rows, reason)]


def _llama_factory_data(files: Sequence[str]) -> Settings:
    # Of a folder llamafactory takes the files as os.listdir gives them: in no order.
    many = len(files) > 1
    names = [f"mix_{i:05d}" for i in range(len(files))] if many else ["mix"]
    entries = {name: {"file_name": file} for name, file in zip(names, files, strict=True)}
    return [
        ("dataset_dir", ".", "the folder of dataset_info.json, if llamafactory-cli is run in it"),
        ("dataset", ",".join(names), f"dataset_info.json holds: {json.dumps(entries)}"),
        ("mix_strategy", "concat", "interleave takes records of several data sets in turn"),
    ]


def _torchtune_data(files: Sequence[str]) -> Settings:
    rows = {
        "source": _reader(files),
        "data_files": _one_or_list(files),
        "split": "train",
        "packed": False,
    }
    reason = "the records, if tune is run in this folder; add the `_component_` that fits the rows"
    return [("dataset", rows, reason)]


_ONE_EPOCH = "a second epoch starts again at the first record"
_SAMPLING = (
    "train_sampling_strategy",
    "sequential",
    "the default, random, shuffles every epoch; transformers has the key from 5.2 on",
)
_RESUME = (
    "ignore_data_skip",
    False,
    "on resume, what was trained on is skipped; true would start again at the first record",
)
_TRAINER_LOSES = (
    "dataloader_in_order: false with dataloader_num_workers: batches come as they are ready",
    "a block of rows for each rank: let accelerate deal the batches out in turn, as it does",
)

_TRAINERS = {
    "axolotl": _Trainer(
        read_in="axolotl 0.21.0",
        use="Put these lines into the YAML that you give to axolotl.",
        data=_axolotl_data,
        kept_by=[
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
            ("num_epochs", 1, _ONE_EPOCH),
        ],
        lost_by=(
            "group_by_length, balance_labels",
            "shards or weight in an entry of datasets: both shuffle it first",
            "streaming with shuffle_merged_datasets",
            "ignore_data_skip: true, when a run is resumed",
        ),
    ),
    "llama_factory": _Trainer(
        read_in="llamafactory 0.9.5",
        use="Put these lines into the YAML that you give to llamafactory-cli train.",
        data=_llama_factory_data,
        kept_by=[
            ("disable_shuffling", True, "the default shuffles every epoch"),
            ("val_size", 0.0, "a split shuffles; name an eval_dataset to evaluate on"),
            ("packing", False, "packs by length, 1,000 records at a time; so does neat_packing"),
            ("streaming", False, "shuffles in a buffer, whatever disable_shuffling says"),
            ("num_train_epochs", 1, _ONE_EPOCH),
            _RESUME,
        ],
        lost_by=(
            "num_samples in dataset_info.json: draws at random",
            "file_name: a folder, in dataset_info.json: its files are read in no order",
            "USE_V1=1 in the environment: it shuffles, and has no flag against it",
        ),
    ),
    "torchtune": _Trainer(
        read_in="torchtune 0.6.1",
        use="Put these lines into the YAML that you give to tune run.",
        data=_torchtune_data,
        kept_by=[
            ("shuffle", False, "the recipes' own configurations say True"),
            ("epochs", 1, _ONE_EPOCH),
        ],
        lost_by=(
            "a list of data sets in dev/lora_finetune_distributed_multi_dataset: drawn by weight",
            "resuming within an epoch, which it cannot do: it begins the epoch again",
        ),
    ),
    "transformers": _Trainer(
        read_in="transformers 5.24.0",
        use="Arguments of TrainingArguments, or a file for HfArgumentParser.parse_yaml_file.",
        data=lambda files: [],
        kept_by=[_SAMPLING, ("num_train_epochs", 1, _ONE_EPOCH), _RESUME],
        lost_by=(
            "train_sampling_strategy: group_by_length, batch_rebalance",
            "train_test_split without shuffle=False, before the data come to the trainer",
            *_TRAINER_LOSES,
        ),
    ),
    "trl": _Trainer(
        read_in="trl 1.16.0 and transformers 5.24.0",
        use="Put these lines into the YAML of trl sft --config, or give them to SFTConfig.",
        data=_trl_data,
        kept_by=[
            _SAMPLING,
            ("shuffle_dataset", False, "true shuffles before the records are packed"),
            ("packing", False, "packed records have no id, so their order cannot be audited"),
            (
                "packing_strategy",
                "wrapped",
                "if packing is on: the default, bfd, sorts by length, 1,000 records at a time; so "
                "does bfd_split",
            ),
            ("num_train_epochs", 1, _ONE_EPOCH),
            _RESUME,
        ],
        lost_by=(
            "test_split_size: shuffles before it splits; give a data set to evaluate on",
            "train_sampling_strategy: group_by_length, batch_rebalance",
            *_TRAINER_LOSES,
        ),
    ),
}

TRAINERS: tuple[str, ...] = tuple(_TRAINERS)
"""Names of the trainers for which a stanza is known."""
