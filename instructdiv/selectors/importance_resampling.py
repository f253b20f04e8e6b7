"""Importance resampling: records whose words are those of the target."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.rows import Rows
from instructdiv.errors import ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector

_WORDS = r"\w+|[^\w\s]+"


class ImportanceResampling(Selector):
    """Draw records whose words are more likely in the target than in the pool (DSIR).

    Words and pairs of words are counted in hashed buckets; the weight of a record is the likelihood
    ratio of its counts under those of the target and of the pool [1]_. The draw is without
    replacement: Gumbel noise is added to the log weight, and the highest are taken. It reads texts,
    not vectors, and matches the target as a whole, so single target records may stay uncovered. At
    the default temperature the ratios of long records are so extreme that the noise seldom matters.
    Short records are not filtered out. The gain of a record is its log weight. Time O(words),
    memory O(words of the pool).

    References
    ----------
    .. [1] S. M. Xie, S. Santurkar, T. Ma, P. Liang, "Data selection for language models via
       importance resampling", NeurIPS 2023.

    Examples
    --------
    >>> texts = ["sort the list", "bake a cake", "sort these words"]
    >>> rows = [{"instruction": text, "output": "done"} for text in texts]
    >>> asked = [{"instruction": "sort the numbers", "output": "1, 2"}]
    >>> pools = Pool.together({"pool": rows, "target": asked}, embedder="lexical")
    >>> selector = ImportanceResampling()
    >>> selector.select(pools["pool"], 2, target=pools["target"]).indices.tolist()
    [0, 2]
    """

    covers_target: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    n_buckets: int = Field(default=10_000, ge=1)
    """Number of buckets that words and pairs of words are hashed into."""

    smoothing: float = Field(default=1e-8, gt=0)
    """Constant added to the share of each bucket, so that none is zero."""

    temperature: float = Field(default=1.0, ge=0)
    """Amount of noise: 0 takes the records of highest weight without a draw."""

    seed: int = Field(default=0, ge=0)
    """Seed of the draw."""

    def pick(self, pool: Pool, allowance: Allowance, target: Pool, given: Rows) -> Picks:
        weight = self._log_weights(pool, target)
        noise = np.random.default_rng(self.seed).gumbel(size=len(pool))
        score = (weight + self.temperature * noise)[allowance.rows]
        indices = allowance.fill(allowance.rows[np.argsort(-score, kind="stable")])
        return indices, weight[indices]

    def _log_weights(self, pool: Pool, target: Pool) -> NDArray[np.float64]:
        from sklearn.feature_extraction.text import HashingVectorizer

        for name, one in (("pool", pool), ("target", target)):
            if not one.has_texts:
                raise ShapeError(
                    f"{self.name} reads texts, and the {name} has vectors alone; build it with "
                    "Pool.of, or take a selector that reads vectors"
                )
        counter = HashingVectorizer(
            n_features=self.n_buckets,
            ngram_range=(1, 2),
            token_pattern=_WORDS,
            norm=None,
            alternate_sign=False,
        )
        counts = counter.transform(pool.texts)
        shares = []
        for found in (counter.transform(target.texts), counts):
            total = np.asarray(found.sum(axis=0), np.float64).ravel()
            shares.append(np.log(total / max(total.sum(), 1) + self.smoothing))
        return np.asarray(counts @ (shares[0] - shares[1]), np.float64)
