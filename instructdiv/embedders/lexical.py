"""Lexical: vectors from character n-grams, without a model."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.threads import one_thread
from instructdiv.embedders._base import Embedder, Progress


class Lexical(Embedder):
    """Embed texts by TF-IDF of character n-grams and truncated SVD [1]_; needs no model.

    Works without a network, in every language and script. It learns its axes from the texts of a
    call, so vectors of two calls cannot be compared: embed all texts that are to share a space in
    one call. The last axis belongs to texts that share nothing with the others.

    References
    ----------
    .. [1] S. Deerwester et al., "Indexing by latent semantic analysis", JASIS 41, 1990.

    Examples
    --------
    >>> Lexical(n_dimensions=2).embed(["add two numbers", "add three numbers", "bake bread"]).shape
    (3, 3)
    """

    n_dimensions: int = Field(default=256, ge=1)
    """Number of axes of the reduced space; fewer where the texts have fewer."""

    min_ngram: int = Field(default=2, ge=1)
    """Number of characters of the shortest n-grams."""

    max_ngram: int = Field(default=5, ge=1)
    """Number of characters of the longest n-grams."""

    max_features: int = Field(default=100_000, ge=1)
    """Largest number of n-grams to keep: the most frequent ones."""

    seed: int = Field(default=0, ge=0)
    """Seed of the randomized SVD."""

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        report = progress or (lambda _stage, _done, _total: None)
        report("embed", 0, len(texts))
        vectorizer = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=(self.min_ngram, max(self.min_ngram, self.max_ngram)),
            min_df=1 if len(texts) < 1000 else 2,
            max_features=self.max_features,
            sublinear_tf=True,
            dtype=np.float32,
        )
        # Without a mark, texts of white space alone would leave the vocabulary empty.
        marked = [text if text.strip() else "\u2400" for text in texts]
        try:
            weights = vectorizer.fit_transform(marked)
        except ValueError:  # no n-gram stands in two texts
            weights = vectorizer.set_params(min_df=1).fit_transform(marked)
        axes = min(self.n_dimensions, min(weights.shape) - 1)
        if axes < 1:
            reduced = weights.toarray()
        else:
            with one_thread(), np.errstate(invalid="ignore", divide="ignore"):
                reduced = TruncatedSVD(axes, random_state=self.seed).fit_transform(weights)
        lost = np.linalg.norm(reduced, axis=1) < 1e-4
        report("embed", len(texts), len(texts))
        return np.column_stack([np.where(lost[:, None], 0, reduced), lost]).astype(np.float32)

    def shares_space(self, other: Embedder) -> bool:
        return False  # the axes of each call are its own
