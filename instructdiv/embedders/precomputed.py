"""Vectors that were computed elsewhere."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from instructdiv.embedders._base import Embedder, Progress
from instructdiv.errors import InputError, ShapeError


class Precomputed(Embedder):
    """Reads the vectors from a ``.npy`` file, row i for record i.

    Examples
    --------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/vectors.npy"
    >>> np.save(path, [[1.0, 0.0], [0.0, 1.0]])
    >>> Precomputed(path=path).embed(["first", "second"]).shape
    (2, 2)
    """

    path: str
    """File of an (n, d) array of real numbers."""

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        try:
            vectors = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{self.path} is not a .npy array: {error}") from error
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise ShapeError(
                f"{self.path} has shape {vectors.shape}, but there are {len(texts)} records; "
                "one row is needed for each record that can be used"
            )
        if vectors.dtype.kind not in "fiub":
            raise ShapeError(f"{self.path} must hold real numbers, got dtype {vectors.dtype}")
        return np.asarray(vectors, np.float32)

    def shares_space(self, other: Embedder) -> bool:
        return True  # only the user knows where the vectors are from
