"""Word runs: the n-grams of records, as numbers."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Runs = NDArray[np.uint64]

_WORD = re.compile(r"\w+")


class WordRuns:
    """Reads the n-grams of records; of a text that it has read it knows them.

    Words are runs of letters, digits and underscores, in lower case; no n-gram crosses
    records. Equal n-grams have equal numbers, and different ones different numbers but for
    a chance of about m^2 / 2^64 with m n-grams.

    Examples
    --------
    >>> runs, record = WordRuns(2).read(["Sum the list.", "sum THE tree", "sum"])
    >>> len(set(runs.tolist())), record.tolist()
    (3, [0, 0, 1, 1])
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._weights = np.random.default_rng(0).integers(0, 2**63, n, np.uint64) * np.uint64(2)
        self._weights += np.uint64(1)
        self._words: dict[str, int] = {}
        self._known: dict[str, Runs] = {}

    def read(self, texts: Sequence[str]) -> tuple[Runs, NDArray[np.int64]]:
        """Number of each n-gram, (m,) uint64, and the record it stands in, (m,) int64."""
        for text in texts:
            if text not in self._known:
                self._known[text] = self._runs(text)
        runs = [self._known[text] for text in texts]
        lengths = np.fromiter(map(len, runs), np.int64, len(runs))
        return np.concatenate(runs), np.repeat(np.arange(len(runs)), lengths)

    def _runs(self, text: str) -> Runs:
        words = self._words
        numbers = [words.setdefault(word, len(words)) for word in _WORD.findall(text.lower())]
        n_runs = len(numbers) - self._n + 1
        if n_runs < 1:
            return np.empty(0, np.uint64)
        ids = np.array(numbers, np.uint64)
        runs: Runs = ids[:n_runs] * self._weights[0]
        for i in range(1, self._n):
            runs += ids[i : i + n_runs] * self._weights[i]
        return runs
