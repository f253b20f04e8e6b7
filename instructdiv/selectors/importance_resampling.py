"""Importance resampling: records whose words are those of the target."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.errors import ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors._base import Selector

_WORDS = r"\w+|[^\w\s]+"


class ImportanceResampling(Selector):
    """Draw records by how much likelier their words and word pairs are in the target.

    Words and pairs of words are counted in hashed buckets; the weight of a record is the
    likelihood ratio of its counts under those of the target and of the pool [1]_. The draw is
    without replacement, by adding Gumbel noise to the logarithm and taking the highest. It
    looks at texts, not at vectors, and at the target as a whole: no record of it is promised
    anything. Where no temperature is set the ratios of long records are so extreme that the noise
    seldom matters. No record is left out for being short. The gain of a record is the
    logarithm of its weight. Time O(words), memory O(words of the pool).

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
    """What is added to the share of each bucket, so that none is zero."""

    temperature: float = Field(default=1.0, ge=0)
    """How much noise is added: 0 takes the records of highest weight, without a draw."""

    seed: int = Field(default=0, ge=0)
    """Seed of the draw."""

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
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
                    "Pool.of, or take a selector that looks at vectors"
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
