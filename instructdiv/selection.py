"""Selection: the rows that were chosen, with gains and reasons; one long class over its pool."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.budget import Budget
from instructdiv.core.described import Described
from instructdiv.core.files import write_text
from instructdiv.data.records import Records
from instructdiv.errors import BudgetError, InputError, ShapeError
from instructdiv.pool import Pool

if TYPE_CHECKING:
    from datasets import Dataset

_FARTHER = 4


@dataclass(frozen=True)
class Reason:
    """Why a row was chosen, or why not."""

    row: int
    """The row of the pool."""

    chosen: bool
    """Whether it was chosen."""

    rank: int | None
    """Its place, from 0, in the order of choice; of a row that was not chosen, the place it
    takes when the selector goes on with a budget of records; None if that place is beyond the
    search, or the row may not be chosen."""

    gain: float | None
    """Gain at that place; None without a place."""

    nearest: int | None
    """The most similar other chosen row; None if there is no other."""

    similarity: float | None
    """Their cosine similarity."""

    cluster: int
    """Its cluster among the square root of n that k-means finds in the pool."""

    group: str | None
    """Its known group, if the pool has groups."""

    note: str
    """What decided, in words."""

    def __str__(self) -> str:
        place = f"row {self.row}, cluster {self.cluster}"
        if self.group is not None:
            place += f", group {self.group!r}"
        near = ""
        if self.nearest is not None:
            near = f"; nearest chosen row {self.nearest}, similarity {self.similarity:.3f}"
        return f"{place}: {self.note}{near}"


@dataclass(frozen=True)
class Change:
    """What a selection changed against an earlier one."""

    kept: tuple[int, ...]
    """Rows of the pool that both chose."""

    added: tuple[int, ...]
    """Rows that only the later one chose."""

    dropped: tuple[str, ...]
    """Keys of records that only the earlier one chose."""

    missing: tuple[str, ...]
    """Those of the dropped that are no longer in the pool."""

    @property
    def share_kept(self) -> float:
        """Share of the earlier choice that was kept, of what is still in the pool."""
        present = len(self.kept) + len(self.dropped) - len(self.missing)
        return len(self.kept) / present if present else 1.0

    def __str__(self) -> str:
        gone = f", of them {len(self.missing):,} no longer in the pool" if self.missing else ""
        return (
            f"{len(self.kept):,} of {len(self.kept) + len(self.dropped):,} kept, "
            f"{len(self.added):,} added, {len(self.dropped):,} dropped{gone}"
        )


@dataclass(frozen=True, eq=False)
class Origin:
    """How a selection was made, and how to go on choosing beyond its budget."""

    go_on: Callable[[int], "Selection"]
    """The selection of so many records that the same selector makes, without floors and caps."""

    given: NDArray[np.int64]
    """Rows that were in already."""

    must_keep: NDArray[np.int64]
    """Rows that had to be chosen."""

    never_keep: NDArray[np.int64]
    """Rows that could not be chosen."""


@dataclass(frozen=True, eq=False, repr=False)
class Selection(Described):
    """Rows of a pool, best first, with the gain of each.

    The rows are those of the pool, from which records that cannot be used were left out.
    :attr:`dataset`, :attr:`records` and :attr:`source_rows` lead back to the data.

    Examples
    --------
    >>> selection = Selection(np.array([5, 2, 9]), np.array([3.0, 2.0, 0.5]))
    >>> selection.prefix(2).indices.tolist()
    [5, 2]
    >>> len(selection)
    3
    """

    indices: NDArray[np.int64]
    """(b,) int64: distinct rows of the pool, best first."""

    gains: NDArray[np.float64]
    """(b,) float64: what each row added to the objective; zeros where there is none."""

    selector: Mapping[str, Any] = field(default_factory=dict)
    """The selector that chose, as its name and parameters."""

    budget: Budget | None = None
    """The budget it was made with."""

    saved_keys: tuple[str, ...] = ()
    """Keys of the chosen records, of a selection that was read from a file."""

    change: Change | None = None
    """What it changed against an earlier selection, if one was to be kept."""

    pool: Pool | None = None
    """The pool it was made from; not saved."""

    origin: Origin | None = None
    """How it was made, for :meth:`why` and :meth:`why_not`; not saved."""

    def __post_init__(self) -> None:
        if np.asarray(self.indices).dtype.kind not in "iu":
            raise ShapeError("the indices of a selection must be whole numbers")
        indices = np.array(self.indices, np.int64)
        gains = np.array(self.gains, np.float64)
        if indices.ndim != 1 or indices.shape != gains.shape:
            raise ShapeError(
                f"a selection needs one gain a row, got indices of shape {indices.shape} "
                f"and gains of shape {gains.shape}"
            )
        if len(indices) and (indices.min() < 0 or len(np.unique(indices)) < len(indices)):
            raise ShapeError("the indices of a selection must be distinct and at least 0")
        for name, array in (("indices", indices), ("gains", gains)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.indices)

    def _facts(self) -> dict[str, object]:
        return {
            "records": len(self),
            "of": None if self.pool is None else len(self.pool),
            "selector": self.selector.get("name"),
            "budget": self.budget,
        }

    @cached_property
    def records(self) -> Records:
        """The chosen records with all their columns, best first.

        Raises
        ------
        ShapeError
            The selection does not know its pool, or that has vectors alone.
        """
        records = self._known_pool.records
        if records is None:
            raise ShapeError(
                "a pool of vectors alone has no records; take the rows of your data with indices"
            )
        return records.take(self.indices)

    @cached_property
    def dataset(self) -> "Dataset":
        """The chosen records as a ``datasets.Dataset``, best first.

        Examples
        --------
        >>> from instructdiv import KCenter
        >>> rows = [{"instruction": text, "output": "."} for text in ("Add 1.", "", "Sing a song.")]
        >>> KCenter().select(Pool.of(rows, embedder="lexical"), 1).dataset["instruction"][:]
        ['Add 1.']
        """
        return self.records.to_dataset()

    @property
    def source_rows(self) -> NDArray[np.int64]:
        """Row of each chosen record in the data that were given, (b,) int64.

        ``train.select(selection.source_rows)`` takes them from the data set that the pool was
        made of; see :attr:`Pool.source_rows`.

        Raises
        ------
        ShapeError
            The selection does not know its pool.
        """
        return self._known_pool.source_rows[self.indices]

    @property
    def _known_pool(self) -> Pool:
        if self.pool is None:
            raise ShapeError(
                "this selection does not know its pool; read it with the pool it was made from, "
                "as in Selection.load(path, pool)"
            )
        return self.pool

    def prefix(self, n_records: int) -> "Selection":
        """The first rows of this selection: with a nested selector, its choice at that budget."""
        if not 0 <= n_records <= len(self):
            raise ShapeError(f"a prefix must lie in 0..{len(self)} records, got {n_records}")
        return replace(
            self,
            indices=self.indices[:n_records],
            gains=self.gains[:n_records],
            budget=Budget(records=n_records) if n_records else None,
            saved_keys=self.saved_keys[:n_records],
            change=None,
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """What tells the chosen records apart in a later pool too: see :meth:`Pool.keys`."""
        if self.saved_keys or self.pool is None:
            return self.saved_keys
        return tuple(self.pool.keys(self.indices))

    def rows_in(self, pool: Pool) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Where the chosen records stand in another pool, and the keys of those that do not.

        Of several equal records the first are taken.

        Raises
        ------
        ShapeError
            Nothing tells the records of this selection apart.
        """
        if len(self) and not self.keys:
            raise ShapeError("this selection does not know its records: select from a pool")
        rows_of: dict[str, list[int]] = {}
        wanted = set(self.keys)
        for row, key in enumerate(pool.keys(np.arange(len(pool)))):
            if key in wanted:
                rows_of.setdefault(key, []).append(row)
        found: list[int] = []
        missing: list[str] = []
        for key, own in zip(self.keys, self.indices.tolist(), strict=True):
            rows = rows_of.get(key)
            if rows:
                found.append(rows.pop(rows.index(own) if own in rows else 0))
            else:
                missing.append(key)
        return np.array(found, np.int64), tuple(missing)

    def why(self, row: int) -> Reason:
        """Why a row was chosen.

        Raises
        ------
        ShapeError
            It was not chosen, or the selection does not know its pool.

        Examples
        --------
        >>> from instructdiv import FacilityLocation
        >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> str(FacilityLocation().select(pool, 2).why(1))
        'row 1, cluster 0: chosen as number 1, gain 2.104; nearest chosen row 2, similarity 0.110'
        """
        origin = self._checked(row)
        place = np.flatnonzero(self.indices == row)
        if not len(place):
            raise ShapeError(f"row {row} was not chosen; ask why_not({row})")
        rank, gain = int(place[0]), float(self.gains[place[0]])
        note = f"chosen as number {rank + 1}, gain {gain:.3f}"
        if row in origin.must_keep:
            note = f"it must be kept; {note}"
        return self._reason(row, rank, gain, note, chosen=True)

    def why_not(self, row: int, look_ahead: int | None = None) -> Reason:
        """Why a row was not chosen, and when it would have been.

        Parameters
        ----------
        row
            A row of the pool that was not chosen.
        look_ahead
            How many records to choose, in all, to see when its turn comes; four times as
            many as were chosen if not given.

        Raises
        ------
        ShapeError
            It was chosen, or the selection does not know its pool.

        Examples
        --------
        >>> from instructdiv import FacilityLocation
        >>> pool = Pool.from_embeddings([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> FacilityLocation().select(pool, 2).why_not(0).rank
        2
        """
        origin = self._checked(row)
        if row in self.indices:
            raise ShapeError(f"row {row} was chosen; ask why({row})")
        for rows, note in (
            (origin.given, "it is given: in the training set already"),
            (origin.never_keep, "it is never to be kept"),
        ):
            if row in rows:
                return self._reason(row, None, None, note, chosen=False)
        ranking = self._ranking(look_ahead)
        place = np.flatnonzero(ranking.indices == row)
        if not len(place):
            note = f"not among the first {len(ranking):,} when the selector goes on"
            return self._reason(row, None, None, note, chosen=False)
        rank, gain = int(place[0]), float(ranking.gains[place[0]])
        note = f"it would have entered as number {rank + 1}, gain {gain:.3f}"
        bound = self.budget is not None and (self.budget.tokens or self.budget.constrained)
        if rank < len(self) and bound:
            note = f"costs, floors or caps kept it out; by records alone {note}"
        return self._reason(row, rank, gain, note, chosen=False)

    def _ranking(self, look_ahead: int | None) -> "Selection":
        assert self.origin is not None  # noqa: S101
        free = len(self._known_pool) - len(self.origin.given) - len(self.origin.never_keep)
        least = max(1, len(self.origin.must_keep))
        wanted = max(0, min(_FARTHER * len(self) if look_ahead is None else look_ahead, free))
        n_records = max(wanted, least)
        if n_records not in self._rankings:
            self._rankings[n_records] = self.origin.go_on(n_records)
        return self._rankings[n_records].prefix(wanted)

    @cached_property
    def _rankings(self) -> "dict[int, Selection]":
        """Rankings looked at so far, by their length."""
        return {}

    def _checked(self, row: int) -> Origin:
        n = len(self._known_pool)
        if self.origin is None:
            raise ShapeError("reasons are told by the selection that a selector gives, not a file")
        whole = isinstance(row, int | np.integer) and not isinstance(row, bool)
        if not whole or not 0 <= row < n:
            raise ShapeError(f"the pool has rows 0..{n - 1}, got {row!r}")
        return self.origin

    def _reason(
        self, row: int, rank: int | None, gain: float | None, note: str, *, chosen: bool
    ) -> Reason:
        pool = self._known_pool
        others = np.sort(self.indices[self.indices != row])
        nearest = similarity = None
        if len(others):
            similarities = pool.space.similarity([row], others)[0]
            nearest = int(others[similarities.argmax()])
            similarity = float(similarities.max())
        group = None if pool.groups is None else str(pool.groups[row])
        return Reason(
            int(row), chosen, rank, gain, nearest, similarity, int(pool.clusters[row]), group, note
        )

    def save(self, path: str | Path) -> Path:
        """Write the selection as JSON."""
        content = {
            "selector": dict(self.selector),
            "budget": self.budget and self.budget.model_dump(),
            "indices": self.indices.tolist(),
            "gains": self.gains.tolist(),
            "keys": list(self.keys),
        }
        return write_text(path, json.dumps(content) + "\n")

    def of_pool(self, pool: Pool) -> "Selection":
        """The same choice in a pool that holds its records, whatever their rows there.

        Raises
        ------
        ShapeError
            A record of it is not in the pool.
        """
        rows, missing = self.rows_in(pool) if self.keys else (self.indices, ())
        if missing or (len(rows) and rows.max() >= len(pool)):
            raise ShapeError(
                f"{len(missing) or 'rows'} of the {len(self):,} records chosen are not in this "
                "pool; give the pool that the selection was made from"
            )
        return replace(self, indices=rows, pool=pool)

    @classmethod
    def load(cls, path: str | Path, pool: Pool | None = None) -> "Selection":
        """Read what :meth:`save` wrote; with its pool it leads back to the records.

        Raises
        ------
        InputError
            The file cannot be read, or is not a selection.
        ShapeError
            A record of it is not in the pool.
        """
        found = cls._load(path)
        return found if pool is None else found.of_pool(pool)

    @classmethod
    def _load(cls, path: str | Path) -> "Selection":
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            indices = np.array(content["indices"] or np.empty(0, np.int64))
            keys = checked_keys(content.get("keys", []), len(indices))
            return cls(
                indices,
                np.array(content["gains"], np.float64),
                dict(content["selector"]),
                Budget(**content["budget"]) if content["budget"] else None,
                keys,
            )
        except (OSError, ValueError, KeyError, TypeError, ShapeError, BudgetError) as error:
            raise InputError(f"{path} does not hold a selection: {error!r}") from error


def checked_keys(keys: Any, n_rows: int) -> tuple[str, ...]:
    """Keys that were read from a file: none, or one a row.

    Raises
    ------
    ValueError
        They are something else.
    """
    if not isinstance(keys, list) or len(keys) not in (0, n_rows):
        raise ValueError(f"{n_rows} rows need as many keys")
    return tuple(map(str, keys))
