"""Far, then near: half of the rows from the farthest on, then the others up to the nearest."""

from instructdiv.arrangers.near_then_far import NearThenFar
from instructdiv.arrangers.test_centric import TestCentric


class FarThenNear(NearThenFar):
    """Begin with the farthest rows, and end with the nearest.

    The start is that of the farthest-first arrangement; the other rows follow in reversed
    test-centric order, as in the FFT of the paper [1]_. A full pass over the data ends with the
    rows nearest the target. Where the target holds several kinds of records, the row farthest from
    one may be near another, and the far start then uses up near rows: with `start_share` 0 the
    order is the reversed test-centric one, which did better in our own runs
    (docs/explanation/arrangement.md). Time and memory as ``test_centric``.

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
    """Arranger of the start."""

    end: TestCentric = TestCentric(direction="near")
    """Arranger of the other rows, whose order is then reversed."""
