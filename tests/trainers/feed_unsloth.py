"""Unsloth: its own standardize_data_formats, of what the settings name."""

import importlib
from typing import Any

from tests.trainers.common import feed, parent, prepare, settings

prepare(UNSLOTH_IS_PRESENT="1")
parent("unsloth_zoo")

utils = importlib.import_module("unsloth_zoo.dataset_utils")


def load() -> dict[str, Any]:
    from datasets import load_dataset

    found: Any = load_dataset("json", data_files=settings("unsloth")["data_files"])
    named = {"train": "train", "eval": "test"}
    rows = {
        split: utils.standardize_data_formats(found[name], num_proc=None)
        for split, name in named.items()
        if name in found
    }
    return {
        split: ["\n".join(turn["content"] for turn in row["conversations"]) for row in data]
        for split, data in rows.items()
    }


feed(load)
