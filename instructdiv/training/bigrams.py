"""Bigrams: divergence of the word pairs of texts from those of a target."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

# Keeps the logarithms finite.
_SMOOTHING = 1e-10
# A pair is one number: its first word in the upper bits. A text ends with a mark that is no word.
_BITS, _END = 31, -1
Numbers = NDArray[np.int64]


class Bigrams:
    """Counts of the word pairs of a target, and of texts that are added.

    Words are separated by white space; no pair crosses texts. Memory is that of the distinct
    pairs.

    Examples
    --------
    >>> bigrams = Bigrams(["sort the list", "sort the words"])
    >>> bigrams.add(["sort the list"])
    >>> round(bigrams.divergence(), 3)
    0.156
    >>> bigrams.add(["sort the words"])
    >>> round(bigrams.divergence(), 3)
    0.0
    """

    def __init__(self, target: Iterable[str]) -> None:
        self._word: dict[str, int] = {}
        pairs, self._of_target = self._counted(target)
        self._number = {pair: number for number, pair in enumerate(pairs)}
        self._counts = np.zeros(len(pairs), np.int64)
        self._n_read = 0
        # Number of pairs beside those of the target, by how often they were added.
        self._often = np.zeros(1, np.int64)

    def add(self, texts: Iterable[str]) -> None:
        """Count the word pairs of more texts."""
        number = self._number
        pairs, counts = self._counted(texts)
        touched = np.array([number.setdefault(pair, len(number)) for pair in pairs], np.int64)
        if len(number) > len(self._counts):
            room = max(len(number), 2 * len(self._counts)) - len(self._counts)
            self._counts = np.concatenate([self._counts, np.zeros(room, np.int64)])
        before = self._counts[touched]
        after = before + counts
        self._counts[touched] = after
        self._n_read += int(counts.sum())
        beside = touched >= len(self._of_target)
        most = max(len(self._often), int(after[beside].max(initial=0)) + 1)
        change = np.bincount(after[beside], minlength=most)
        change -= np.bincount(before[beside], minlength=most)
        change[: len(self._often)] += self._often
        self._often = change

    def divergence(self) -> float | None:
        """Jensen-Shannon divergence of the two distributions, in bits, 0 to 1.

        Both are smoothed over the union of their pairs. None while one of them has no pair.
        """
        n_target = len(self._of_target)
        if not n_target or not self._n_read:
            return None
        # Pairs beside those of the target with equal counts contribute equally.
        levels = np.flatnonzero(self._often[1:]) + 1
        read = np.concatenate([self._counts[:n_target], levels])
        wanted = np.concatenate([self._of_target, np.zeros(len(levels), np.int64)])
        weights = np.concatenate([np.ones(n_target, np.int64), self._often[levels]])
        added = _SMOOTHING * len(self._number)
        p = (read + _SMOOTHING) / (self._n_read + added)
        q = (wanted + _SMOOTHING) / (int(self._of_target.sum()) + added)
        middle = (p + q) / 2
        bits = p * np.log2(p / middle) + q * np.log2(q / middle)
        return min(1.0, max(0.0, float(weights @ bits) / 2))

    def _counted(self, texts: Iterable[str]) -> tuple[list[int], Numbers]:
        """The distinct word pairs of texts, each as one number, and their counts."""
        word = self._word
        ids: list[int] = []
        for text in texts:
            ids += [word.setdefault(one, len(word)) for one in text.split()]
            ids.append(_END)
        numbers = np.array(ids, np.int64)
        first, second = numbers[:-1], numbers[1:]
        whole = (first != _END) & (second != _END)
        pairs, counts = np.unique(first[whole] << _BITS | second[whole], return_counts=True)
        return pairs.tolist(), counts.astype(np.int64)
