"""Arrangement: chosen rows in the order they are trained on, with the turn of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.described import Described
from instructdiv.core.files import MANIFEST, write_text
from instructdiv.errors import InputError, ShapeError
from instructdiv.pool import Pool

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Arrangement(Described):
    """Rows of a pool in training order.

    Examples
    --------
    >>> arrangement = Arrangement([5, 2, 9], turn=[0, 0, 1])
    >>> arrangement.turn_sizes.tolist()
    [2, 1]
    >>> arrangement.prefix(2).indices.tolist()
    [5, 2]
    """

    indices: Rows
    """(b,) int64: distinct rows of the pool, the first to be trained on first."""

    turn: Rows
    """(b,) int64, from 0, never falling: the turn in which each row came."""

    query: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    """(b,) int64: the row of the target that asked for each; -1 where none did."""

    similarity: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    """(b,) float32: how similar the two are; NaN where none asked."""

    arranger: Mapping[str, Any] = field(default_factory=dict)
    """What arranged, as its name and parameters."""

    fingerprint: str | None = None
    """What tells the pool from others: see :attr:`instructdiv.Pool.fingerprint`."""

    def __post_init__(self) -> None:
        b = len(np.asarray(self.indices))
        kinds: tuple[tuple[str, Any, Any], ...] = (
            ("indices", np.int64, None),
            ("turn", np.int64, None),
            ("query", np.int64, -1),
            ("similarity", np.float32, np.nan),
        )
        for name, dtype, missing in kinds:
            given = np.asarray(getattr(self, name))
            if missing is not None and not given.size:
                given = np.full(b, missing, dtype)
            if given.shape != (b,) or (dtype is np.int64 and b and given.dtype.kind not in "iu"):
                raise ShapeError(
                    f"an arrangement of {b} rows needs as many numbers of {name}, got an array of "
                    f"shape {given.shape} and type {given.dtype}"
                )
            array = given.astype(dtype)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if b and (self.indices.min() < 0 or len(np.unique(self.indices)) < b):
            raise ShapeError("the rows of an arrangement must be distinct and at least 0")
        if b and self.query.min() < -1:
            raise ShapeError("the queries of an arrangement are rows of the target, or -1 for none")
        if b and (self.turn[0] != 0 or not np.isin(np.diff(self.turn), (0, 1)).all()):
            raise ShapeError("the turns of an arrangement must count up from 0")

    def __len__(self) -> int:
        return len(self.indices)

    def _facts(self) -> dict[str, object]:
        return {
            "records": len(self),
            "turns": len(self.turn_sizes),
            "arranger": self.arranger.get("name"),
        }

    @property
    def turn_sizes(self) -> Rows:
        """How many rows came in each turn, (turns,) int64."""
        return np.bincount(self.turn).astype(np.int64)

    def prefix(self, n_records: int) -> "Arrangement":
        """The first rows, as when training is stopped after so many.

        Raises
        ------
        ShapeError
            There are not so many.
        """
        if not 0 <= n_records <= len(self):
            raise ShapeError(f"a prefix must lie in 0..{len(self)} records, got {n_records}")
        names = ("indices", "turn", "query", "similarity")
        return replace(self, **{name: getattr(self, name)[:n_records] for name in names})

    def check(self, pool: Pool) -> None:
        """See whether this is an arrangement of that pool.

        Raises
        ------
        ShapeError
            It is one of another.
        """
        if len(self) and self.indices.max() >= len(pool):
            raise ShapeError(
                f"the arrangement holds row {self.indices.max()}, but the pool has {len(pool)}: "
                "it was made from another pool"
            )
        if self.fingerprint is not None and self.fingerprint != pool.fingerprint:
            raise ShapeError(
                "the arrangement was made from another pool than this: its fingerprint is "
                f"{self.fingerprint}, not {pool.fingerprint}; arrange this pool anew"
            )

    def to_mapping(self) -> dict[str, Any]:
        """The arrangement as plain JSON values; where none asked, similarity is null."""
        asked = np.isfinite(self.similarity)
        return {
            "arranger": dict(self.arranger),
            "fingerprint": self.fingerprint,
            "indices": self.indices.tolist(),
            "turn": self.turn.tolist(),
            "query": self.query.tolist(),
            "similarity": [
                value if known else None
                for value, known in zip(self.similarity.tolist(), asked.tolist(), strict=True)
            ],
        }

    def save(self, path: str | Path) -> Path:
        """Write the arrangement as JSON."""
        return write_text(path, json.dumps(self.to_mapping()) + "\n")

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> "Arrangement":
        """The arrangement that :meth:`to_mapping` gave.

        Raises
        ------
        ShapeError, KeyError, TypeError, ValueError
            It is something else.
        """
        similarity = [np.nan if value is None else value for value in content["similarity"]]
        return cls(
            np.array(content["indices"] or np.empty(0, np.int64)),
            np.array(content["turn"] or np.empty(0, np.int64)),
            np.array(content["query"] or np.empty(0, np.int64)),
            np.array(similarity, np.float32),
            dict(content["arranger"]),
            None if content["fingerprint"] is None else str(content["fingerprint"]),
        )

    @classmethod
    def load(cls, path: str | Path, pool: Pool | None = None) -> "Arrangement":
        """Read what :meth:`save` wrote, or that of the mix in a folder.

        With a pool, see that it is one of that pool.

        Raises
        ------
        InputError
            The file cannot be read, or is not an arrangement.
        ShapeError
            It is an arrangement of another pool.
        """
        try:
            folder = Path(path).is_dir()
            file = Path(path) / MANIFEST if folder else Path(path)
            content = json.loads(file.read_text(encoding="utf-8"))
            found = cls.from_mapping(content["arrangement"] if folder else content)
        except (OSError, ValueError, KeyError, TypeError, ShapeError) as error:
            raise InputError(f"{path} does not hold an arrangement: {error!r}") from error
        if pool is not None:
            found.check(pool)
        return found
