"""Axolotl: its own loading of the data sets in the settings, tokenized."""

import importlib
import tempfile
from typing import Any

from tests.trainers.common import SITE, absent, decoded, feed, prepare, settings, tokenizer

prepare(AXOLOTL_DO_NOT_TRACK="1", AXOLOTL_IS_PREPROCESS="1", TRL_EXPERIMENTAL_SILENCE="1")
importlib.import_module("sys").path.insert(1, str(SITE.parent / "trl"))
for package in ("accelerate", "datasets", "transformers.trainer", "transformers.models.llama"):
    importlib.import_module(package)  # before what is absent can be imported
absent("peft", "posthog", "triton")
importlib.import_module("axolotl.loaders.tokenizer")  # first, since the others import each other

sft: Any = importlib.import_module("axolotl.utils.data.sft")
rl: Any = importlib.import_module("axolotl.utils.data.rl")
mapping = importlib.import_module("axolotl.utils.dict").DictDefault
KNOWN = importlib.import_module("axolotl.utils.schemas.config").AxolotlInputConfig.model_fields

# It only writes to disk what was loaded, in a pool of processes.
sft.save_preprocessed_dataset = rl.save_preprocessed_dataset = lambda *_, **__: None
TOKENS = tokenizer()
TOKENS.name_or_path = "bytes"
rl.load_tokenizer = lambda _: TOKENS


def _text(row: dict[str, Any]) -> str:
    if "chosen" in row:
        return str(row["prompt"] + row["chosen"] + row["rejected"])
    return decoded(TOKENS, row, "input_ids") + "\nTRAINED ON:" + decoded(TOKENS, row, "labels")


def load() -> dict[str, Any]:
    told = mapping(settings("axolotl"))
    assert told.keys() <= KNOWN.keys()
    assert told.shuffle_merged_datasets is False
    told |= {
        "sequence_len": 16_000,
        "chat_template": "tokenizer_default",
        "is_preprocess": True,
        "dataset_prepared_path": tempfile.mkdtemp(),
        "seed": 1,
        "train_on_inputs": False,
        "skip_prepare_dataset": False,
    }
    named = {"train": "datasets", "test": "test_datasets"}
    rows: dict[str, Any] = {}
    for split, key in named.items():
        if not told[key]:
            continue
        if told.rl:
            told.rl = importlib.import_module("axolotl.utils.schemas.enums").RLType(told.rl)
            data = rl._load_split(told, split)
        else:
            data, _ = sft._load_raw_datasets(told, told[key], TOKENS, split)
        rows[{"train": "train", "test": "eval"}[split]] = map(_text, data)
    return rows


feed(load)
