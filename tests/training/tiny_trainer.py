"""A real trainer on a tiny model."""

import random
from pathlib import Path
from typing import Any

import pytest

from instructdiv.training.order_audit import OrderAudit

IDS = [f"r{i}" for i in range(48)]


def rows_of(ids: list[str], most: int = 8) -> Any:
    """Records of at most so many tokens; of different lengths where that is more than 8."""
    from datasets import Dataset

    draw = random.Random(0)
    rows = []
    for id_ in ids:
        length = 8 if most == 8 else draw.randrange(2, most)
        tokens = [draw.randrange(32) for _ in range(length)]
        rows.append({"id": id_, "input_ids": tokens, "labels": tokens})
    return Dataset.from_list(rows)


def trainer_on(
    data: Any, folder: Path, collate: Any = None, eval_data: Any = None, **settings: Any
) -> Any:
    pytest.importorskip("accelerate", reason="transformers.Trainer needs it")
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        Trainer,
        TrainingArguments,
        default_data_collator,
        set_seed,
    )

    arguments = TrainingArguments(
        str(folder),
        **{
            "use_cpu": True,
            "report_to": [],
            "per_device_train_batch_size": 4,
            "num_train_epochs": 1,
            "disable_tqdm": True,
            "logging_strategy": "no",
            "save_strategy": "no",
            "remove_unused_columns": False,
            **settings,
        },
    )
    set_seed(0)
    shape: Any = {"vocab_size": 32, "n_positions": 32, "n_embd": 8, "n_layer": 1, "n_head": 1}
    model = GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=0, eos_token_id=0))
    return Trainer(
        model,
        arguments,
        collate or default_data_collator,
        train_dataset=data,
        eval_dataset=eval_data,
    )


def audited(trainer: Any, audit: OrderAudit | None = None, **how: Any) -> OrderAudit:
    audit = audit or OrderAudit(IDS)
    audit.attach(trainer)
    trainer.train(**how)
    return audit
