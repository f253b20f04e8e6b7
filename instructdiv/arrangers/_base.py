"""Arranger: puts chosen rows in the order they are trained on."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.arrangement import Arrangement
from instructdiv.clusterers import Clusterer
from instructdiv.core.rows import row_numbers
from instructdiv.errors import ShapeError
from instructdiv.part import Part
from instructdiv.pool import Pool, Target, as_target
from instructdiv.selection import Selection

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class ArrangedRows:
    """Rows in a new order, with what is known of each."""

    rows: Rows
    """(b,) int64 rows of the pool."""

    turn: Rows
    """(b,) int64, from 0, never falling."""

    query: Rows
    """(b,) int64 rows of the target; -1 for none."""

    similarity: NDArray[np.float32]
    """(b,) float32; NaN for none."""

    @classmethod
    def of(cls, rows: Rows, turn: Rows | None = None) -> "ArrangedRows":
        """An order that no target asked for, in one turn if not told otherwise."""
        b = len(rows)
        turn = np.zeros(b, np.int64) if turn is None else turn
        return cls(rows, turn, np.full(b, -1, np.int64), np.full(b, np.nan, np.float32))

    @classmethod
    def joined(cls, orders: "list[ArrangedRows]") -> "ArrangedRows":
        """One after the other; the turns count on."""
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
        """What stands at these places, in this order, in the turns that are left, from 0."""
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
        """The last first."""
        return self.take(slice(None, None, -1))


class Arranger(Part):
    """Puts chosen rows into a new order: the same rows, each once."""

    family = "arranger"
    needs_target: ClassVar[bool] = False
    """Whether it arranges for a target only."""

    def arrange(
        self,
        pool: Pool,
        selection: Selection | ArrayLike | None = None,
        target: Target | None = None,
    ) -> Arrangement:
        """Put rows of a pool in order.

        Parameters
        ----------
        pool
            Where the rows are.
        selection
            What was chosen, or rows of the pool; all of it if not given.
        target
            What training should be good for: a pool, vectors, or several of them by name.

        Raises
        ------
        ShapeError
            A row is not one of the pool, or is given twice; there is none; the target is
            missing, has no record or another dimension, or comes from another embedder.
        """
        if isinstance(selection, Selection):
            made_from = selection.pool
            if made_from is not None and made_from.fingerprint != pool.fingerprint:
                raise ShapeError("the selection was made from another pool than is given here")
            selection = selection.indices
        every = np.arange(len(pool))
        rows = every if selection is None else row_numbers(selection, len(pool))
        if not len(rows):
            raise ShapeError("there is no row to arrange")
        if len(np.unique(rows)) < len(rows):
            twice = np.flatnonzero(np.bincount(rows) > 1)[0]
            raise ShapeError(f"rows to arrange must be distinct, but row {twice} is given twice")
        if target is None and (needing := self._needing_target()):
            raise ShapeError(f"{needing} arranges for a target; give one with target=")
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
        """Name of the arranger, this or one within it, that cannot do without a target."""
        if self.needs_target:
            return self.name
        within = [getattr(self, field) for field in type(self).model_fields]
        found = [part._needing_target() for part in within if isinstance(part, Arranger)]
        return next(filter(None, found), None)

    @abstractmethod
    def order(self, pool: Pool, rows: Rows, target: Pool | None) -> ArrangedRows:
        """These distinct rows (b,) of a pool in their order, with checked arguments."""


def parts_of(pool: Pool, rows: Rows, clusterer: Clusterer) -> Rows:
    """Part of each of these rows (b,), numbered by the first row that is in it."""
    labels = clusterer.cluster(pool.space, pool.groups)[rows]
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[number]
