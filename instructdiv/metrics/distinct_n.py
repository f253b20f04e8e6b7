"""Distinct-n: how many of the n-grams differ."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from instructdiv.metrics._base import Metric, Score
from instructdiv.metrics._ngrams import NgramCounter
from instructdiv.pool import Pool


class DistinctN(Metric):
    """Number of different word n-grams divided by the number of all word n-grams (distinct-n) [1]_.

    |set of n-grams| / |n-grams|. Words are in lower case, and no n-gram crosses records; records of
    fewer than n words do not count, and the value is 0 where no record has an n-gram. Measures the
    subset alone, and falls as the texts grow in number and length. Higher is better, 0 to 1. Time
    and memory O(words).

    References
    ----------
    .. [1] J. Li et al., "A diversity-promoting objective function for neural conversation
       models", NAACL 2016.

    Examples
    --------
    >>> rows = [{"instruction": text, "output": ""} for text in ("Sum the list", "Sum the tree")]
    >>> pool = Pool.of(rows, embedder="lexical")
    >>> DistinctN().score(pool, pool)
    0.75
    """

    looks_at: ClassVar[Literal["vectors", "groups", "texts"]] = "texts"

    n: int = Field(default=2, ge=1)
    """Number of words of an n-gram."""

    def against(self, target: Pool) -> Score:
        words = NgramCounter(self.n)

        def score(subset: Pool) -> float:
            counts = words.count(subset.texts)
            seen = np.zeros(counts.shape[1], np.bool_)
            seen[counts.indices] = True
            return int(np.count_nonzero(seen)) / max(int(counts.sum()), 1)

        return score
