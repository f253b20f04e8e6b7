"""Embedder: turns texts into vectors."""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from instructdiv.part import Part

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, the number of steps done, and the number of all steps."""

_TOKEN = re.compile(r"\w+|[^\w\s]")


class Embedder(Part):
    """Turns texts into vectors, row i from text i.

    The same texts give the same vectors. The vector of a text does not depend on the texts it is
    batched with, to the precision of the arithmetic.
    """

    family = "embedder"
    usage = "an array of vectors stands alone, as in embedder=array"

    @classmethod
    def of(cls, value: "EmbedderLike") -> Self:
        """An embedder from itself, or from what stands for one.

        Parameters
        ----------
        value
            An embedder, its name, or a mapping of its name and parameters; ``minilm``, the
            name of a sentence-transformers model on the Hub, or the folder of one; a ``.npy``
            file, or an array (n, d), of vectors that were computed elsewhere.

        Raises
        ------
        ParameterError
            The value is something else, or a parameter is out of its range.
        ShapeError
            An array does not hold vectors.

        Examples
        --------
        >>> Embedder.of("lexical").name, Embedder.of("me/my-model").model
        ('lexical', 'me/my-model')
        >>> Embedder.of(np.eye(3)).embed(["a", "b", "c"]).shape
        (3, 3)
        """
        return super().of(value)  # type: ignore[arg-type]

    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        if isinstance(value, str | Path) and (name := str(value)) not in cls.known():
            if name.endswith(".npy"):
                return {"name": "precomputed", "path": name}
            if name.strip():
                return {"name": "sentence_transformer", "model": name}
        if hasattr(value, "__array__"):
            return {"name": "precomputed", "vectors": value}
        return value

    @abstractmethod
    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        """Vectors of these texts, (n, d) float32, not yet normalized."""

    def embed_kept(
        self,
        texts: Sequence[str],
        kept: NDArray[np.int64],
        n_read: int,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Vectors of texts that stand at some places, kept (n,), among the records read."""
        return self.embed(texts, progress)

    def shares_space(self, other: "Embedder") -> bool:
        """Whether vectors of the two embedders can be compared, across calls."""
        return self == other

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Number of tokens of each text, at least 1, (n,) int64: words and punctuation marks.

        An embedder with a tokenizer counts with that.
        """
        return np.array([max(1, len(_TOKEN.findall(text))) for text in texts], np.int64)

    def overlong(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each text is longer than what the embedder reads of it, (n,) bool."""
        return np.zeros(len(texts), np.bool_)

    def waiting(self, texts: Sequence[str]) -> list[str]:
        """Which texts have to be embedded, each once: all but those whose vectors are at hand."""
        return list(dict.fromkeys(texts))

    def uncached(self) -> "Embedder":
        """The same embedder, embedding every text anew and keeping no vectors."""
        return self

    def describe(self) -> dict[str, str]:
        """What was used beside the parameters, such as the digest of a model; for the manifest."""
        return {}


EmbedderLike: TypeAlias = Union[Embedder, str, Path, Mapping[str, Any], "NDArray[Any]"]
"""What stands for an embedder: see :meth:`Embedder.of`."""
