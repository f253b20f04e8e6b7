"""Five numbers of the distances from the target to the subset."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instructdiv.metrics._nearest import Nearest
from instructdiv.pool_input import Vectors, pool_or_vectors
from instructdiv.results import Facts, Similarity


class FiveNumbers(Facts):
    """Minimum, quartiles and maximum of a list of distances."""

    minimum: Similarity
    """Smallest distance."""

    lower_quartile: Similarity
    """A quarter of the distances are at most this."""

    median: Similarity
    """Half of the distances are at most this."""

    upper_quartile: Similarity
    """Three quarters of the distances are at most this."""

    maximum: Similarity
    """Largest distance."""

    @classmethod
    def of(cls, similarities: NDArray[np.floating[Any]]) -> "FiveNumbers":
        """Summarize the distances 1 - similarity of these similarities (t,)."""
        found = np.quantile(1 - similarities.astype(np.float64), [0, 0.25, 0.5, 0.75, 1])
        return cls(**dict(zip(cls.model_fields, found.tolist(), strict=True)))


class NearestDistanceSummary(Nearest):
    """Median over the target of the distance to the nearest row of the subset.

    median_t min_s (1 - cos(t, s)); :meth:`five` gives minimum, quartiles and maximum of these
    distances [1]_. Lower is better, 0 to 2. Time O(n * t * d).

    References
    ----------
    .. [1] J. Tukey, "Exploratory data analysis", Addison-Wesley 1977.

    Examples
    --------
    >>> target = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    >>> NearestDistanceSummary().score(target[:1], target)
    1.0
    >>> NearestDistanceSummary().five(target[:1], target).maximum
    2.0
    """

    higher_is_better: ClassVar[bool] = False

    def value_of(self, similarities: NDArray[np.floating[Any]]) -> float:
        return float(np.median(1 - similarities.astype(np.float64)))

    def five(self, subset: "Vectors", target: "Vectors") -> FiveNumbers:
        """Minimum, quartiles and maximum of the distances of one subset.

        Raises
        ------
        ShapeError
            The two have different dimensions.
        """
        subset, target = pool_or_vectors(subset), pool_or_vectors(target)
        self.check(subset, target)
        return FiveNumbers.of(subset.space.nearest_similarity(target.space))
