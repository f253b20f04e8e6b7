"""Near, then far: half of the rows from the nearest on, then the others up to the farthest."""

from typing import ClassVar

from pydantic import Field

from instructdiv.arrangers._base import ArrangedRows, Arranger
from instructdiv.arrangers.test_centric import TestCentric
from instructdiv.core.rows import Rows
from instructdiv.pool import Pool


class NearThenFar(Arranger):
    """Begin with the nearest rows, and end with the farthest.

    The start is that of the test-centric arrangement; the other rows follow in reversed
    farthest-first order, as in the NFT of the paper [1]_. Loss on the target falls early. A small
    model at a usual learning rate forgets it again while the far rows are trained on: stop by loss,
    or take ``far_then_near``. Time and memory as ``test_centric``.

    References
    ----------
    .. [1] H. He et al., "The right time matters: data arrangement affects zero-shot
       generalization in instruction tuning", Findings of ACL 2025, section 4.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[0.0, 1.0], [0.9, 0.1], [1.0, 0.0], [0.1, 0.9]])
    >>> NearThenFar().arrange(pool, None, target=[[1.0, 0.0]]).indices.tolist()
    [2, 1, 3, 0]
    """

    needs_target: ClassVar[bool] = True

    start: TestCentric = TestCentric(direction="near")
    """Arranger of the start."""

    end: TestCentric = TestCentric(direction="far")
    """Arranger of the other rows, whose order is then reversed."""

    start_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the rows in the start."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        start = self.start.order(pool, rows, target)
        n_start = round(self.start_share * len(rows))
        rest = start.rows[n_start:]
        if not len(rest):
            return start
        end = self.end.order(pool, rest, target).reversed
        return ArrangedRows.joined([start.take(slice(n_start)), end]) if n_start else end
