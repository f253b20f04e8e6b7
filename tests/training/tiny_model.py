"""A tiny model, records for it, and their losses one by one."""

import math
from typing import Any

import numpy as np

NAN = math.nan


def model_of(seed: int = 0) -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    config = GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=24, n_positions=16)
    return GPT2LMHeadModel(config)


def rows_of(n: int, length: int | None = None, seed: int = 0) -> list[dict[str, list[int]]]:
    """A question of three tokens, and an answer that counts on from the last of them."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        asked = random.integers(0, 24, 3).tolist()
        more = (length or int(random.integers(5, 12))) - 3
        answer = [(asked[-1] + i) % 24 for i in range(1, more + 1)]
        rows.append({"input_ids": asked + answer, "labels": [-100] * 3 + answer})
    return rows


def plain_losses(model: Any, rows: list[dict[str, list[int]]]) -> list[float]:
    import torch

    model.eval()
    found = []
    for row in rows:
        ids = torch.tensor([row["input_ids"]])
        with torch.no_grad():
            likelihoods = model(ids).logits[0].log_softmax(-1)
        own = [
            -float(likelihoods[i - 1, token])
            for i, token in enumerate(row["labels"])
            if i and token != -100
        ]
        found.append(float(np.mean(own)) if own else NAN)
    return found
