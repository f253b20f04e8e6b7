"""Names: words that tell a part of a pool from the rest, without any model."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.pool import Pool

_READ = 2000
_WORD = r"(?u)\b[^\W\d_][\w'-]*\w\b"


class Names:
    """Names parts of a pool by class-based TF-IDF [1]_: frequent words that others lack.

    A word of a part weighs its share of the part's words times log(1 + A / f), where f is
    how often all parts have it and A the mean number of words of a part. A record counts a
    word once; a word of one record only gives way to those of several. English stop words do
    not count.

    Parameters
    ----------
    texts
        Text of each row; the first 2,000 characters are read.
    n_parts
        Into how many parts the pool is divided.

    References
    ----------
    .. [1] M. Grootendorst, "BERTopic: neural topic modeling with a class-based TF-IDF
       procedure", arXiv 2203.05794, 2022.

    Examples
    --------
    >>> names = Names(["sort a list", "sort a dictionary", "bake bread", "bake a cake"], 2)
    >>> names.of([2, 3]).split(", ")[0]
    'bake'
    """

    def __init__(self, texts: Sequence[str], n_parts: int) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        vectorizer = CountVectorizer(
            token_pattern=_WORD,
            stop_words="english",
            max_features=50_000,
            binary=True,
            dtype=np.int32,
        )
        try:
            self._counts = vectorizer.fit_transform([text[:_READ] for text in texts])
        except ValueError:  # no text holds a word
            self._words = np.empty(0, np.str_)
            return
        self._words = vectorizer.get_feature_names_out()
        often = np.asarray(self._counts.sum(axis=0)).ravel()
        self._weights = np.log1p(often.sum() / n_parts / often)

    def of(self, rows: ArrayLike, n_words: int = 4) -> str:
        """The words that tell these rows best from the others; empty where there are none."""
        rows = np.asarray(rows, np.int64)
        if not len(self._words) or not len(rows):
            return ""
        counts: NDArray[np.float64] = np.asarray(self._counts[rows].sum(axis=0), np.float64).ravel()
        scores = counts / max(1, counts.sum()) * self._weights
        best = np.lexsort((-scores, counts < min(2, len(rows))))[:n_words]
        return ", ".join(str(self._words[word]) for word in best if scores[word] > 0)


def part_names(pool: Pool, labels: NDArray[np.int64]) -> list[str]:
    """A name for each part 0..p-1 of a pool: its words, or its number, each only once."""
    n_parts = int(labels.max()) + 1
    words = Names(pool.texts, n_parts) if pool.has_texts else None
    names: list[str] = []
    for part in range(n_parts):
        name = words.of(np.flatnonzero(labels == part)) if words else ""
        names.append(name if name and name not in names else f"{name} cluster {part}".strip())
    return names
