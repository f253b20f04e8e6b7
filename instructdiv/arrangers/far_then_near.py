"""Far, then near: the far half farthest first, then on to the nearest."""

from instructdiv.arrangers.near_then_far import NearThenFar
from instructdiv.arrangers.test_centric import TestCentric


class FarThenNear(NearThenFar):
    """Begin with the farthest rows, and end with the nearest.

    The start is that of the farthest-first arrangement; what is left follows in the reverse
    of the test-centric arrangement, as in the FFT of the paper [1]_. On a full pass over the
    data it leaves the target freshest in mind. Where the target has several kinds, the record
    farthest from one may be near another, and the far start then uses up near records:
    with `start_share` 0 the order is the test-centric one turned around, which did better in our
    own runs (docs/explanation/arrangement.md). Time and memory as ``test_centric``.

    References
    ----------
    .. [1] H. He et al., "The right time matters: data arrangement affects zero-shot
       generalization in instruction tuning", Findings of ACL 2025, section 4.

    Examples
    --------
    >>> from instructdiv import Pool
    >>> pool = Pool.from_embeddings([[0.0, 1.0], [0.9, 0.1], [1.0, 0.0], [0.1, 0.9]])
    >>> FarThenNear().arrange(pool, None, target=[[1.0, 0.0]]).indices.tolist()
    [0, 3, 1, 2]
    """

    start: TestCentric = TestCentric(direction="far")
    """What arranges the start."""

    end: TestCentric = TestCentric(direction="near")
    """What arranges the rest, which is then turned around."""
