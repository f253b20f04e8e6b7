"""torchtune: the data sets that its recipes would build from the settings, row after row."""

import importlib
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.trainers.common import absent, feed, parent, prepare, settings

prepare()
importlib.import_module("transformers")  # before what is absent can be imported
absent("torchao", "torchdata", "blobfile", "omegaconf", "sentencepiece", "tiktoken", "kagglehub")
for package in ("torchtune", "torchtune.models", "torchtune.models.qwen2"):
    parent(package)

qwen = importlib.import_module("torchtune.models.qwen2._tokenizer")


def _tokenizer() -> Any:
    folder = Path(tempfile.mkdtemp())
    vocabulary = {c: i for i, c in enumerate(qwen.bytes_to_unicode().values())}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"<|endoftext|>": 300, "<|im_start|>": 301, "<|im_end|>": 302}
    return qwen.Qwen2Tokenizer(
        path=str(folder / "vocab.json"),
        merges_file=str(folder / "merges.txt"),
        special_tokens=special,
    )


TOKENS = _tokenizer()


def _built(told: dict[str, Any]) -> Any:
    module, _, name = told.pop("_component_").rpartition(".")
    return getattr(importlib.import_module(module), name)(TOKENS, **told)


def _decoded(row: dict[str, Any], key: str) -> str:
    return str(TOKENS.decode([t for t in row[key] if 0 <= t < 300]))


def _text(row: dict[str, Any]) -> str:
    if "tokens" in row:
        return _decoded(row, "tokens") + "\nTRAINED ON:" + _decoded(row, "labels")
    return _decoded(row, "chosen_input_ids") + _decoded(row, "rejected_input_ids")


def load() -> dict[str, Any]:
    told = settings("torchtune")
    assert told["shuffle"] is False
    named = {"train": "dataset", "eval": "dataset_val"}
    built = {split: _built(told[key]) for split, key in named.items() if key in told}
    return {split: [_text(data[i]) for i in range(len(data))] for split, data in built.items()}


feed(load)
