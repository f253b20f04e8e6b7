"""TRL: its own scripts, up to where training would begin, with a model of one layer."""

import contextlib
import importlib
import tempfile
from collections.abc import Callable
from typing import Any

from tests.trainers.common import decoded, feed, prepare, settings, tokenizer

prepare()

trl = importlib.import_module("trl")


class _Ready(Exception):
    pass


def _model() -> str:
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tempfile.mkdtemp()
    shape: Any = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    heads: Any = {"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 8}
    tokens = tokenizer()
    tokens.save_pretrained(folder)
    config = LlamaConfig(vocab_size=len(tokens), max_position_embeddings=20_000, **shape, **heads)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


MODEL, TOKENS = _model(), tokenizer()


def _script() -> str:
    with open("data/train.jsonl", encoding="utf-8") as file:
        first = file.readline()
    if '"label"' in first:
        return "kto"
    return "dpo" if '"chosen"' in first else "sft"


def _rows(data: Any) -> list[str]:
    keys = ("input_ids", "prompt_ids", "chosen_ids", "rejected_ids", "completion_ids")
    return [decoded(TOKENS, row, *keys) + str(row.get("label", "")) for row in data]


def load() -> dict[str, Any]:
    name = _script()
    script = importlib.import_module(f"trl.scripts.{name}")
    given = ["--model_name_or_path", MODEL, "--output_dir", tempfile.mkdtemp()]
    given += ["--report_to", "none", "--use_cpu", "true", "--bf16", "false"]
    given += ["--max_length", "16000"]
    arguments = script.make_parser().parse_args_and_config(["--config", "trl.yaml", *given])
    found: dict[str, Any] = {}

    def train(self: Any, *_: Any, **__: Any) -> None:
        order = list(self._get_train_sampler(self.train_dataset))
        rows = _rows(self.train_dataset)
        found["train"] = [rows[i] for i in order]
        if self.eval_dataset is not None:
            found["eval"] = _rows(self.eval_dataset)
        raise _Ready

    trainer: Callable[..., Any] = getattr(trl, f"{name.upper()}Trainer")
    trainer.train = train  # type: ignore[attr-defined]
    with contextlib.suppress(_Ready):
        script.main(*arguments)
    assert settings("trl")["train_sampling_strategy"] == "sequential"
    return found


feed(load)
