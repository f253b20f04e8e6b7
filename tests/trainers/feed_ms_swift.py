"""ms-swift: its own AutoPreprocessor, of the files that the settings name."""

import contextlib
import importlib
import json
import logging
import tempfile
from typing import Any

from tests.trainers.common import absent, feed, parent, prepare, settings

prepare(USE_HF="1", MODELSCOPE_CACHE=tempfile.mkdtemp())
importlib.import_module("accelerate")
importlib.import_module("transformers.trainer")  # before what is absent can be imported
absent("modelscope", "peft", "json_repair", "trl", "binpacking")
hub: Any = importlib.import_module("modelscope.hub.utils.utils")
hub.get_cache_dir = lambda *_: tempfile.mkdtemp()
logs: Any = importlib.import_module("modelscope.utils.logger")


def _logger(*_: Any, **__: Any) -> logging.Logger:
    found = logging.getLogger("modelscope")
    if not found.handlers:
        found.addHandler(logging.NullHandler())
    return found


logs.get_logger = _logger
parent("swift")
importlib.import_module("swift.utils.logger")
template: Any = parent("swift.template", Template=type("Template", (), {}))
template.history_to_messages = importlib.import_module("swift.template.utils").history_to_messages
template.MaxLengthError = type("MaxLengthError", (ValueError,), {})
parent("swift.dataset")

core = importlib.import_module("swift.dataset.preprocessor.core")


def _text(row: dict[str, Any]) -> str:
    said = [*row["messages"], *(row.get("rejected_messages") or [])]
    texts = [
        turn["content"]
        if isinstance(turn["content"], str)
        else f"{turn['role']}: {json.dumps(turn['content'])}"
        for turn in said
    ]
    return "\n".join([*texts, json.dumps(row.get("tools")), str(row.get("label", ""))])


def load() -> dict[str, Any]:
    from datasets import load_dataset

    told = settings("ms_swift")
    assert told["dataset_shuffle"] is told["train_dataloader_shuffle"] is False
    rows: dict[str, Any] = {}
    for split, key in (("train", "dataset"), ("eval", "val_dataset")):
        if key in told:
            data: Any = load_dataset("json", data_files=told[key], split="train")
            with contextlib.redirect_stdout(None):
                rows[split] = core.AutoPreprocessor()(
                    data, strict=False, load_from_cache_file=False, enable_auto_mapping=True
                )
    return {split: list(map(_text, data)) for split, data in rows.items()}


feed(load)
