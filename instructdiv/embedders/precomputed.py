"""Precomputed: vectors that were computed elsewhere."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, model_validator

from instructdiv.embedders._base import Embedder, Progress
from instructdiv.errors import InputError, ParameterError, ShapeError


@dataclass(frozen=True)
class Vectors:
    """An array in memory; a recipe names it by its digest, and does not hold it."""

    digest: str
    """Digest of its numbers, as hexadecimal text."""

    shape: tuple[int, ...]
    """Its shape, (n, d)."""

    @classmethod
    def of(cls, value: Any) -> Any:
        """An array as such; what stands for one in a recipe stays."""
        if not hasattr(value, "__array__"):
            return value
        array = np.array(_real(np.asarray(value), "the array of vectors"), np.float32)
        array.flags.writeable = False
        found = cls(hashlib.blake2b(array.tobytes(), digest_size=12).hexdigest(), array.shape)
        object.__setattr__(found, "_array", array)
        return found

    @property
    def array(self) -> NDArray[np.float32]:
        """The numbers, (n, d) float32.

        Raises
        ------
        InputError
            They were left behind where the recipe was written.
        """
        array: NDArray[np.float32] | None = self.__dict__.get("_array")
        if array is None:
            raise InputError(
                f"the vectors with the digest {self.digest} were given as an array and are not "
                "in the recipe; give the array again, or save it and give the .npy file"
            )
        return array


class Precomputed(Embedder):
    """Vectors from a ``.npy`` file or an array, row i for record i.

    Give one row for each record in the data, or one for each usable record.

    Examples
    --------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/vectors.npy"
    >>> np.save(path, [[1.0, 0.0], [0.0, 1.0]])
    >>> Precomputed(path=path).embed(["first", "second"]).shape
    (2, 2)
    >>> Precomputed(vectors=np.eye(2)).embed(["first", "second"]).shape
    (2, 2)
    """

    path: str | None = None
    """File of an (n, d) array of real numbers."""

    vectors: Annotated[Vectors | None, BeforeValidator(Vectors.of)] = None
    """An (n, d) array of real numbers in memory, in place of a file."""

    @model_validator(mode="after")
    def _one_of_them(self) -> "Precomputed":
        if (self.path is None) == (self.vectors is None):
            raise ParameterError("precomputed takes a path or vectors: give one of them")
        return self

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        return self.embed_kept(texts, np.arange(len(texts)), len(texts), progress)

    def embed_kept(
        self,
        texts: Sequence[str],
        kept: NDArray[np.int64],
        n_read: int,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        called = self.path or "the array of vectors"
        vectors = self._from_file() if self.vectors is None else self.vectors.array
        if vectors.ndim != 2 or len(vectors) not in (len(texts), n_read):
            raise ShapeError(
                f"{called} has shape {vectors.shape}, but there are {len(texts)} records; "
                "one row is needed for each record that is read, or each that can be used"
            )
        found = np.asarray(_real(vectors, called), np.float32)
        return found if len(found) == len(texts) else found[kept]

    def _from_file(self) -> NDArray[Any]:
        try:
            array: NDArray[Any] = np.load(str(self.path), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{self.path} is not a .npy array: {error}") from error
        return array

    def shares_space(self, other: Embedder) -> bool:
        return True  # only the user knows where the vectors are from


def _real(vectors: NDArray[Any], called: str) -> NDArray[Any]:
    if vectors.dtype.kind not in "fiub":
        raise ShapeError(f"{called} must hold real numbers, got dtype {vectors.dtype}")
    return vectors
