"""Compression ratio: how repetitive the texts are."""

from typing import ClassVar, Literal

from pydantic import Field

from instructdiv.metrics._base import Metric, Score
from instructdiv.pool import Pool


class CompressionRatio(Metric):
    """Size of the texts of the subset divided by their size compressed with zstd [1]_.

    |bytes| / |compressed bytes| of the records in alphabetical order, one a line, so that their
    order in the subset does not count; 1 without any text. Repetition is seen within the window of
    the compressor, 2 MB at the default level: similar records that start differently and stand
    farther apart do not shorten each other. Measures the subset alone, not the target. Lower is
    better (more diverse), above 0, and below 1 only for a few bytes. Time and memory O(bytes).

    References
    ----------
    .. [1] C. Shaib et al., "Standardizing the measurement of text diversity", arXiv
       2403.00553, 2024.

    Examples
    --------
    >>> rows = [{"instruction": "Sum the list. " * 100, "output": ""}]
    >>> pool = Pool.of(rows * 2, embedder="lexical")
    >>> CompressionRatio().score(pool, pool) > 50
    True
    """

    higher_is_better: ClassVar[bool] = False
    looks_at: ClassVar[Literal["vectors", "groups", "texts"]] = "texts"

    level: int = Field(default=3, ge=1, le=22)
    """Level of zstd: higher ones search farther, and take up to a hundred times longer."""

    def against(self, target: Pool) -> Score:
        import pyarrow as pa

        codec = pa.Codec("zstd", compression_level=self.level)

        def score(subset: Pool) -> float:
            text = "\n".join(sorted(subset.texts)).encode("utf-8", "surrogatepass")
            return len(text) / len(codec.compress(text)) if text else 1.0

        return score
