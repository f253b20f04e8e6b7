"""Tokenizer: number of tokens of a text for a model."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.errors import ModelNotFound

_PART = 1000


def count_tokens(folder: Path, texts: Sequence[str]) -> NDArray[np.int64]:
    """Tokens of each text by the tokenizer.json of a model's folder, (n,) int64, at least 1.

    Untruncated, and without special tokens.

    Raises
    ------
    ModelNotFound
        The folder has no tokenizer.json, or one that cannot be read.
    """
    counts = [len(encoding.ids) for encoding in _encoded(folder, texts)]
    return np.maximum(np.array(counts, np.int64), 1)


def windows(folder: Path, texts: Sequence[str], size: int) -> list[list[tuple[str, int]]]:
    """Cut each text between words into pieces of at most `size` tokens, with the tokens of each.

    A text that fits is its only piece. A word of more tokens than `size` is cut too.

    Raises
    ------
    ModelNotFound
        As :func:`count_tokens`.
    """
    return [
        _windows(text, encoding, size)
        for text, encoding in zip(texts, _encoded(folder, texts), strict=True)
    ]


def _encoded(folder: Path, texts: Sequence[str]) -> Iterator[Any]:
    tokenizer = _tokenizer(folder)
    for start in range(0, len(texts), _PART):
        part = list(texts[start : start + _PART])
        yield from tokenizer.encode_batch(part, add_special_tokens=False)


def _windows(text: str, encoding: Any, size: int) -> list[tuple[str, int]]:
    n, words = len(encoding.ids), encoding.word_ids
    if n <= size:
        return [(text, max(n, 1))]
    pieces, start = [], 0
    while start < n:
        end = min(start + size, n)
        while start + 1 < end < n and words[end] == words[end - 1]:
            end -= 1
        if end == start + 1 and n - start > size:  # one word fills the window
            end = start + size
        first, last = encoding.offsets[start][0], encoding.offsets[end - 1][1]
        pieces.append((text[first:last], end - start))
        start = end
    return pieces


@lru_cache(maxsize=2)
def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelNotFound(f"{folder} has no tokenizer.json to count tokens with; give costs=")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises no class of its own
        raise ModelNotFound(f"{path} cannot be read as a tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
