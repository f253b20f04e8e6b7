"""LLaMA-Factory: its own get_dataset, of what dataset_info.json and the settings say."""

import contextlib
import importlib
import types
from typing import Any

from tests.trainers.common import decoded, feed, parent, prepare, settings, tokenizer

prepare(DISABLE_VERSION_CHECK="1")
hf = importlib.import_module("transformers")
WANTED = hf.Seq2SeqTrainingArguments, hf.Seq2SeqTrainer  # before peft can be imported
parent("peft", PeftModel=type("PeftModel", (), {}))
parent("peft.utils", SAFETENSORS_WEIGHTS_NAME="", WEIGHTS_NAME="")
parent("torchaudio")
parent("llamafactory.hparams")

loader = importlib.import_module("llamafactory.data.loader")
templates = importlib.import_module("llamafactory.data.template")
arguments = importlib.import_module("llamafactory.hparams.data_args")
finetuning = importlib.import_module("llamafactory.hparams.finetuning_args")


def _rows(data: Any, tokens: Any) -> list[str]:
    keys = ("input_ids", "chosen_input_ids", "rejected_input_ids")
    return [decoded(tokens, row, *keys) + str(row.get("kto_tags", "")) for row in data]


def load() -> dict[str, Any]:
    told = settings("llama_factory") | {"template": "qwen", "cutoff_len": 16000}
    told |= {"output_dir": "out", "report_to": [], "use_cpu": True}
    known = (arguments.DataArguments, finetuning.FinetuningArguments, WANTED[0])
    parser = hf.HfArgumentParser(known)
    data, tuning, _ = parser.parse_dict(told)
    assert tuning.disable_shuffling
    stage = {"dpo": "rm"}.get(tuning.stage, tuning.stage)
    tokens = tokenizer()
    template = templates.get_template_and_fix_tokenizer(tokens, data)
    model = types.SimpleNamespace(cache_dir=None, hf_hub_token=None)
    training = types.SimpleNamespace(
        local_process_index=0,
        seed=1,
        should_log=False,
        predict_with_generate=False,
        main_process_first=lambda **_: contextlib.nullcontext(),
    )
    found = loader.get_dataset(template, model, data, training, stage, tokens)
    rows = {"train": _rows(found["train_dataset"], tokens)}
    if "eval_dataset" in found:
        rows["eval"] = _rows(found["eval_dataset"], tokens)
    return rows


feed(load)
