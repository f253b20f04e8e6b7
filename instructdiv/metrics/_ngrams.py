"""N-grams: counts of word n-grams, kept for subsets of the last records counted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.rows import Rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Numbers = Rows


class NgramCounter:
    """Counts n-grams of words, and reuses the counts for subsets of the last texts counted.

    Words are runs of letters, digits and underscores, in lower case; no n-gram crosses records.
    Different n-grams have different columns, but for a chance of about m^2 / 2^64 with m n-grams.

    Examples
    --------
    >>> words = NgramCounter(2)
    >>> words.count(["Sum the list.", "the SUM; the sum", "sum"]).toarray().sum(axis=1).tolist()
    [2, 3, 0]
    >>> sorted(words.count(["The sum, the sum."]).data.tolist())
    [1, 2]
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._row: dict[str, int] = {}
        self._known: csr_array

    def count(self, texts: Sequence[str]) -> "csr_array":
        """Number of times each n-gram occurs in each text, (texts, n-grams) int64 CSR."""
        if not self._row.keys() >= set(texts):
            self._row = {text: row for row, text in enumerate(dict.fromkeys(texts))}
            self._known = self._counted(list(self._row))
        return self._known[np.fromiter(map(self._row.__getitem__, texts), np.int64, len(texts))]

    def _counted(self, texts: Sequence[str]) -> "csr_array":
        from scipy.sparse import csr_array

        words, text = _words(texts)
        digests = self._digests(words)
        # An n-gram lies in one text: its first and last word, and so all words between.
        whole = text[: len(digests)] == text[len(text) - len(digests) :]
        kind, n_kinds = _numbered(digests[whole])
        starts = np.searchsorted(text[: len(digests)][whole], np.arange(len(texts) + 1))
        once = np.ones(len(kind), np.int64)
        counts = csr_array((once, kind, starts), (len(texts), n_kinds))
        counts.sum_duplicates()
        return counts

    def _digests(self, words: Numbers) -> NDArray[np.uint64]:
        """A hash of each run of n words, (words - n + 1,)."""
        odd = np.random.default_rng(0).integers(0, 2**63, self._n, np.uint64) * np.uint64(2)
        odd += np.uint64(1)
        ids = words.astype(np.uint64)
        digests = np.zeros(max(0, len(ids) - self._n + 1), np.uint64)
        for i, weight in enumerate(odd):
            digests += ids[i : i + len(digests)] * weight
        return digests


def _words(texts: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Number of each word of all texts, and the row of its text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    separators = _Separators()
    spaced = pa.array([text.lower().translate(separators) for text in texts], pa.large_string())
    split = pc.ascii_split_whitespace(spaced)
    words, text = split.flatten(), pc.list_parent_indices(split).to_numpy()
    # The split gives an empty word before a leading space and after a trailing one.
    real = pc.not_equal(words, "").to_numpy(zero_copy_only=False)
    return _numbered(words)[0][real], text[real]


def _numbered(values: Any) -> tuple[Numbers, int]:
    """Equal numbers for equal values, and the number of distinct values."""
    import pyarrow as pa

    found = pa.array(values).dictionary_encode()
    return found.indices.to_numpy().astype(np.int64), len(found.dictionary)


class _Separators(dict[int, str]):
    """Table for `str.translate` that maps characters outside words to a space."""

    def __missing__(self, character: int) -> str:
        self[character] = c if (c := chr(character)).isalnum() or c == "_" else " "
        return self[character]
