"""Made up: records and vectors that stand for data that are not there, or not embedded yet."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.embedders._base import Embedder, Progress

GROUP, QUALITY = "group", "quality"
"""Columns of the group and the score of a made-up record."""

GROUPS = 20
"""Number of groups of made-up records, of unequal sizes."""

_CENTERS = 100
_WORDS = 20_000
# Mean number of words in prompts and responses.
_PROMPT, _RESPONSE = 40, 120


def made_up_vectors(
    n_rows: int, n_dimensions: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Vectors (n_rows, n_dimensions) float32 around centers of unequal weight."""
    centers = random.standard_normal((_CENTERS, n_dimensions), np.float32)
    vectors = 0.7 * random.standard_normal((n_rows, n_dimensions), np.float32)
    vectors += centers[unequal(random, _CENTERS, n_rows)]
    return vectors


def write_made_up(path: Path, n_records: int, seed: int = 0) -> Path:
    """Write records of made-up words as JSON lines: a prompt, a response, a group and a score."""
    random = np.random.default_rng(seed)
    lengths = random.integers(3, 12, _WORDS)
    letters = random.integers(97, 123, lengths.sum()).astype(np.uint8).tobytes().decode("ascii")
    ends = np.cumsum(lengths)
    words = [letters[a:b] for a, b in zip(ends - lengths, ends, strict=True)]
    groups = unequal(random, GROUPS, n_records).tolist()

    def text(mean: int) -> str:
        n_words = 1 + int(random.lognormal(np.log(mean), 0.8))
        return " ".join(words[i] for i in unequal(random, _WORDS, n_words).tolist())

    with path.open("w", encoding="utf-8") as file:
        for group in groups:
            record: dict[str, Any] = {"instruction": text(_PROMPT), "output": text(_RESPONSE)}
            record |= {GROUP: f"group {group}", QUALITY: int(random.integers(1, 6))}
            file.write(json.dumps(record) + "\n")
    return path


def unequal(random: np.random.Generator, n_kinds: int, n: int) -> NDArray[np.int64]:
    """Numbers of kinds, (n,) int64, the k-th about k times rarer than the first (Zipf's law)."""
    found = np.exp(random.random(n) * np.log(n_kinds + 1)).astype(np.int64) - 1
    return np.asarray(np.minimum(found, n_kinds - 1), np.int64)


def stand_in(embedder: Embedder) -> Embedder:
    """An embedder of one dimension in place of another, which still counts the tokens."""
    return _StandIn(stands_for=embedder)


class _StandIn(Embedder):
    """Not listed, as its name begins with an underscore."""

    stands_for: Embedder

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        return np.ones((len(texts), 1), np.float32)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return self.stands_for.count_tokens(texts)

    def overlong(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        return self.stands_for.overlong(texts)
