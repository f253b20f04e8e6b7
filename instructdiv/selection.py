"""Selection: the rows that were chosen, in order, with what each added."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.budget import Budget
from instructdiv.errors import InputError, ShapeError
from instructdiv.files import write_text


@dataclass(frozen=True, eq=False)
class Selection:
    """Rows of a pool, best first, with the gain of each.

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
    """What it was allowed to spend."""

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

    def prefix(self, n_records: int) -> "Selection":
        """The first rows of this selection: with a nested selector, its choice at that budget."""
        if not 0 <= n_records <= len(self):
            raise ShapeError(f"a prefix must lie in 0..{len(self)} records, got {n_records}")
        return replace(
            self,
            indices=self.indices[:n_records],
            gains=self.gains[:n_records],
            budget=Budget(records=n_records) if n_records else None,
        )

    def save(self, path: str | Path) -> Path:
        """Write the selection as JSON."""
        content = {
            "selector": dict(self.selector),
            "budget": self.budget and self.budget.model_dump(),
            "indices": self.indices.tolist(),
            "gains": self.gains.tolist(),
        }
        return write_text(path, json.dumps(content) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Selection":
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            The file cannot be read, or is not a selection.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(
                np.array(content["indices"] or np.empty(0, np.int64)),
                np.array(content["gains"], np.float64),
                content["selector"],
                Budget(**content["budget"]) if content["budget"] else None,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} does not hold a selection: {error!r}") from error
