"""Tokenizer: how many tokens a text has for a model."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.errors import ModelNotFound

_PART = 1000


def count_tokens(folder: Path, texts: Sequence[str]) -> NDArray[np.int64]:
    """Tokens of each text by the tokenizer.json of a model's folder, (n,) int64, at least 1.

    Untruncated, and without the marks that a model sets around a text.

    Raises
    ------
    ModelNotFound
        The folder has no tokenizer.json, or one that cannot be read.
    """
    tokenizer = _tokenizer(folder)
    counts = [
        len(encoding.ids)
        for start in range(0, len(texts), _PART)
        for encoding in tokenizer.encode_batch(
            list(texts[start : start + _PART]), add_special_tokens=False
        )
    ]
    return np.maximum(np.array(counts, np.int64), 1)


@lru_cache(maxsize=2)
def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelNotFound(f"{folder} has no tokenizer.json to count tokens with; give costs")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises no class of its own
        raise ModelNotFound(f"{path} cannot be read as a tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
