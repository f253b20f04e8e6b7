"""Coverage first: however early training stops, what was seen covers the rows."""

from instructdiv.arrangers._base import ArrangedRows, Arranger, Rows
from instructdiv.errors import ShapeError
from instructdiv.pool import Pool
from instructdiv.selectors import FacilityLocation, Selector


class CoverageFirst(Arranger):
    """Order rows as a selector chooses them, so that every prefix is a choice at its size.

    With the default each prefix covers the rows to at least 1 - 1/e of the best that so many
    can; with a target, the target. In one turn. Time and memory as the selector.

    Examples
    --------
    >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> CoverageFirst().arrange(pool).indices.tolist()
    [1, 2, 0]
    """

    selector: Selector = FacilityLocation()
    """What chooses; a smaller budget must give a prefix."""

    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        if not self.selector.nested:
            raise ShapeError(
                f"{self.selector.name} does not choose in an order: a smaller budget is no prefix; "
                "take another selector"
            )
        part = pool.take(rows)
        aim = target if self.selector.covers_target else None
        return ArrangedRows.of(rows[self.selector.select(part, len(rows), target=aim).indices])
