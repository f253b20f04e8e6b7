"""Cache: vectors on disk, found by model and text."""

import hashlib
import logging
import os
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger("instructdiv")


def cache_folder() -> Path:
    """Folder of cached vectors: $INSTRUCTDIV_CACHE, else the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("INSTRUCTDIV_CACHE") or Path(home) / "instructdiv")


class VectorCache:
    """Vectors of one model, in parts that are written atomically and never changed.

    A part is two ``.npy`` files: vectors (m, d), then keys (m, 16) uint8, the first bytes of
    SHA-256 of each text. A part counts once its keys are there, so a run that is killed loses the
    part it was writing and no more, and several runs can write at once.

    Examples
    --------
    >>> import tempfile
    >>> cache = VectorCache(Path(tempfile.mkdtemp()))
    >>> cache.add(["a"], np.array([[1.0, 2.0]], np.float32))
    >>> cache.find(["b", "a"])
    (array([1]), array([[1., 2.]], dtype=float32))
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts: list[NDArray[np.floating]] = []
        self._place: dict[bytes, tuple[int, int]] = {}
        whole = []
        for path in sorted(folder.glob("*.keys.npy")):
            try:
                keys = np.load(path, allow_pickle=False)
                vectors = np.load(_vectors_of(path), mmap_mode="r", allow_pickle=False)
                if keys.shape != (len(vectors), 16) or vectors.ndim != 2:
                    raise ValueError(f"{keys.shape} keys for {vectors.shape} vectors")
            except (OSError, ValueError, EOFError) as error:
                _skip(path, error)
                continue
            whole.append((path, keys, vectors))
        widths = Counter(vectors.shape[1] for _, _, vectors in whole)
        for path, keys, vectors in whole:
            if vectors.shape[1] != max(widths, key=widths.__getitem__):
                _skip(path, f"vectors of {vectors.shape[1]} dimensions")
                continue
            self._place |= {key.tobytes(): (len(self._parts), i) for i, key in enumerate(keys)}
            self._parts.append(vectors)

    def find(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions of the texts that are cached, ascending (m,), and their vectors (m, d)."""
        places = [self._place.get(_key(text), (-1, 0)) for text in texts]
        parts = np.array([part for part, _ in places], np.int64)
        rows = np.array([row for _, row in places], np.int64)
        found = np.flatnonzero(parts >= 0)
        n_dimensions = self._parts[0].shape[1] if self._parts else 0
        vectors = np.empty((len(found), n_dimensions), np.float32)
        for part in np.unique(parts[found]).tolist():
            here = parts[found] == part
            vectors[here] = self._parts[part][rows[found[here]]]
        return found, vectors

    def add(self, texts: Sequence[str], vectors: NDArray[np.floating]) -> None:
        """Write a part; a cache that cannot be written to is a warning, not an error."""
        keys = np.frombuffer(b"".join(map(_key, texts)), np.uint8).reshape(-1, 16)
        path = self.folder / f"{uuid.uuid4().hex}.keys.npy"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for content, place in ((vectors, _vectors_of(path)), (keys, path)):
                draft = place.with_suffix(".part")
                with open(draft, "wb") as file:
                    np.save(file, content, allow_pickle=False)
                draft.replace(place)
        except OSError as error:
            _log.warning("vectors are not cached: %s", error)
        self._place |= {_key(text): (len(self._parts), i) for i, text in enumerate(texts)}
        self._parts.append(vectors)


def _skip(path: Path, why: object) -> None:
    _log.warning("skipping a damaged part of the cache, %s: %s", path, why)


def _vectors_of(keys: Path) -> Path:
    return keys.with_name(keys.name.replace(".keys.npy", ".vectors.npy"))


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
