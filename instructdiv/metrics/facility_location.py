"""The facility location objective."""

from instructdiv.metrics.base import Metric, Score
from instructdiv.space import Space


class FacilityLocation(Metric):
    """Sum over the target of the similarity to the nearest row of the subset, not below 0.

    The objective that facility location maximizes [1]_, exact, in records: a value of 900
    for 1,000 records says as much as 900 records represented without loss. Higher is
    better, 0 to the size of the target.

    References
    ----------
    .. [1] G. Cornuejols, M. Fisher, G. Nemhauser, "Location of bank accounts to optimize
       float", Management Science 23, 1977.

    Examples
    --------
    >>> target = Space.of([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> FacilityLocation().score(target.take([0]), target)
    2.0
    """

    def against(self, target: Space) -> Score:
        return lambda subset: float(subset.nearest_similarity(target).clip(0).sum(dtype="f8"))
