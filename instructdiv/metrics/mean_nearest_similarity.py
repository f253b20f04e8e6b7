"""How near the target is to the subset on average."""

from instructdiv.metrics.base import Metric, Score
from instructdiv.space import Space


class MeanNearestSimilarity(Metric):
    """Mean over the target of the similarity to the nearest row of the subset.

    One minus the mean quantization error under cosine. Higher is better, -1 to 1.

    Examples
    --------
    >>> target = Space.of([[1.0, 0.0], [-1.0, 0.0]])
    >>> MeanNearestSimilarity().score(target.take([0]), target)
    0.0
    """

    def against(self, target: Space) -> Score:
        return lambda subset: float(subset.nearest_similarity(target).mean(dtype="f8"))
