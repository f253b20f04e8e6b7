"""Coverage first: every prefix of the order covers as much as it can."""

from instructdiv.arrangers._base import ArrangedRows, Arranger
from instructdiv.core.rows import Rows
from instructdiv.errors import ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors import FacilityLocation, Selector


class CoverageFirst(Arranger):
    """Order rows as a selector chooses them, so that stopping early loses little coverage.

    Every prefix is a selection of its size: with the default it covers the rows, or the target if
    there is one, to at least 1 - 1/e of the best at that size. In one turn. Time and memory as the
    selector.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> CoverageFirst().arrange(pool).indices.tolist()
    [1, 2, 0]
    """

    selector: Selector = FacilityLocation()
    """Selector that gives the order; a smaller budget must give a prefix."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        if not self.selector.nested:
            raise ShapeError(
                f"{self.selector.name} gives no order: its smaller selections are no prefixes; "
                "take another selector"
            )
        part = pool.take(rows)
        aim = target if self.selector.covers_target else None
        return ArrangedRows.of(rows[self.selector.select(part, len(rows), target=aim).indices])
