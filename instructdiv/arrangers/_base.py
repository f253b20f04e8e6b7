"""Arranger: puts chosen rows in the order they are trained on."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.arrangement import Arrangement
from instructdiv.clusterers import Clusterer
from instructdiv.core.rows import Rows, row_numbers
from instructdiv.errors import ShapeError
from instructdiv.part import Part
from instructdiv.pool import Pool
from instructdiv.pool_input import Target, as_target, check_pool
from instructdiv.selection import Selection


@dataclass(frozen=True)
class ArrangedRows:
    """Rows in a new order, with the turn, query and similarity of each."""

    rows: Rows
    """(b,) int64 rows of the pool."""

    turn: Rows
    """(b,) int64 number of the turn, from 0, never decreasing."""

    query: Rows
    """(b,) int64 row of the target that asked for each; -1 for none."""

    similarity: NDArray[np.float32]
    """(b,) float32 similarity of each row to its query; NaN for none."""

    @classmethod
    def of(cls, rows: Rows, turn: Rows | None = None) -> "ArrangedRows":
        """Rows in an order without queries; in one turn if `turn` is not given."""
        b = len(rows)
        turn = np.zeros(b, np.int64) if turn is None else turn
        return cls(rows, turn, np.full(b, -1, np.int64), np.full(b, np.nan, np.float32))

    @classmethod
    def joined(cls, orders: "list[ArrangedRows]") -> "ArrangedRows":
        """Orders one after another; turns are renumbered to continue."""
        begin = 0
        turns = []
        for order in orders:
            turns.append(order.turn + begin)
            begin += int(order.turn[-1]) + 1 if len(order.turn) else 0
        return cls(
            np.concatenate([order.rows for order in orders]),
            np.concatenate(turns),
            np.concatenate([order.query for order in orders]),
            np.concatenate([order.similarity for order in orders]),
        )

    def take(self, places: NDArray[np.integer] | slice) -> "ArrangedRows":
        """Rows at these places, in this order; turns are renumbered from 0."""
        turn = self.turn[places]
        steps = np.append(0, np.diff(turn) != 0)[: len(turn)]
        return replace(
            self,
            rows=self.rows[places],
            turn=np.cumsum(steps),
            query=self.query[places],
            similarity=self.similarity[places],
        )

    @property
    def reversed(self) -> "ArrangedRows":
        """The order from last to first."""
        return self.take(slice(None, None, -1))


class Arranger(Part):
    """Puts chosen rows into a new order: the same rows, each once."""

    family = "arranger"
    needs_target: ClassVar[bool] = False
    """Whether `target` is required."""

    def arrange(
        self,
        pool: Pool,
        selection: Selection | ArrayLike | None = None,
        target: "Target | None" = None,
    ) -> Arrangement:
        """Put rows of a pool in order.

        Parameters
        ----------
        pool
            Pool of the rows.
        selection
            A selection, or row numbers; all rows of the pool if not given.
        target
            Records to train for: a pool, vectors, or a mapping of names to these.

        Raises
        ------
        ShapeError
            There is no row, a row is not one of the pool, or occurs twice; the target is
            missing, is empty, or has other dimensions or another embedder than the pool.
        """
        check_pool(pool)
        if isinstance(selection, Selection):
            made_from = selection.pool
            if made_from is not None and made_from.fingerprint != pool.fingerprint:
                raise ShapeError("the selection is of another pool; give the one it was made from")
            selection = selection.indices
        every = np.arange(len(pool))
        rows = every if selection is None else row_numbers(selection, len(pool))
        if not len(rows):
            raise ShapeError("there is no row to arrange")
        if len(np.unique(rows)) < len(rows):
            twice = np.flatnonzero(np.bincount(rows) > 1)[0]
            raise ShapeError(f"rows to arrange must be distinct, but row {twice} is given twice")
        if target is None and (needing := self._needing_target()):
            raise ShapeError(f"{needing} needs a target to arrange for; give one with target=")
        aim = None if target is None else as_target(target)
        if aim is not None:
            pool.check_comparable(aim)
        order = self.order(pool, rows, aim)
        return Arrangement(
            order.rows,
            order.turn,
            order.query,
            order.similarity,
            self.to_mapping(),
            pool.fingerprint,
        )

    def _needing_target(self) -> str | None:
        """Name of the arranger, this or one inside it, that needs a target."""
        if self.needs_target:
            return self.name
        within = [getattr(self, field) for field in type(self).model_fields]
        found = [part._needing_target() for part in within if isinstance(part, Arranger)]
        return next(filter(None, found), None)

    @abstractmethod
    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        """These distinct rows (b,) of a pool in a new order; arguments are checked."""


def labels_of(pool: Pool, rows: Rows, clusterer: Clusterer) -> Rows:
    """Cluster or group of each of these rows (b,), numbered in order of first appearance."""
    labels = clusterer.cluster(pool.space, pool.groups)[rows]
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[number]
