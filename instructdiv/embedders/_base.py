"""Embedder: turns texts into vectors."""

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from instructdiv.part import Part

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""

_TOKEN = re.compile(r"\w+|[^\w\s]")


class Embedder(Part):
    """Turns texts into vectors, row i from text i.

    The vectors of a text do not depend on the texts it is batched with, to the precision
    of the arithmetic; the same texts give the same vectors.
    """

    family = "embedder"

    @abstractmethod
    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        """Vectors of these texts, (n, d) float32, not yet normalized."""

    def shares_space(self, other: "Embedder") -> bool:
        """Whether vectors of this one can be compared with those of another call of another."""
        return self == other

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text, at least 1, (n,) int64: words and punctuation marks.

        An embedder with a tokenizer of its own counts with that.
        """
        return np.array([max(1, len(_TOKEN.findall(text))) for text in texts], np.int64)

    def overlong(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Which texts are longer than what this embedder sees of them, (n,) bool."""
        return np.zeros(len(texts), np.bool_)

    def describe(self) -> dict[str, str]:
        """What this embedder used that its parameters do not say, for the manifest."""
        return {}
