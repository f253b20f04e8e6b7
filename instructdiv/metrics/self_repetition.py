"""Self-repetition: how many n-grams records share."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from instructdiv.metrics._base import Metric, Score
from instructdiv.metrics._ngrams import NgramCounter
from instructdiv.pool import Pool


class SelfRepetition(Metric):
    """Mean over the records of the logarithm of how often others repeat their n-grams [1]_.

    mean_i log(1 + sum_g (r(g) - 1)) over the n-grams g of words of record i, counted as often as
    they occur, where r(g) is the number of records of the subset that hold g. Words are in lower
    case, and no n-gram crosses records. Measures the subset alone, and grows with the number and
    length of the texts. Lower is better, from 0. Time and memory O(words).

    References
    ----------
    .. [1] N. Salkar et al., "Self-repetition in abstractive neural summarizers", AACL 2022.

    Examples
    --------
    >>> texts = ("Sort the list by name", "Sort the list by age", "Say hello")
    >>> rows = [{"instruction": text, "output": ""} for text in texts]
    >>> pool = Pool.of(rows, embedder="lexical")
    >>> round(SelfRepetition().score(pool, pool), 4)
    0.4621
    """

    higher_is_better: ClassVar[bool] = False
    looks_at: ClassVar[Literal["vectors", "groups", "texts"]] = "texts"

    n: int = Field(default=4, ge=1)
    """Number of words of an n-gram."""

    def against(self, target: Pool) -> Score:
        words = NgramCounter(self.n)

        def score(subset: Pool) -> float:
            counts = words.count(subset.texts)
            others = np.bincount(counts.indices, minlength=counts.shape[1]) - 1
            return float(np.log1p(counts @ others).mean())

        return score
