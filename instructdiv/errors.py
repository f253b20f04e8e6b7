"""Errors: one root, and below it one class for each thing that can go wrong.

::

    InstructdivError              exit code 1: the run failed
    ├── UsageError                exit code 2: the request cannot be met as it is
    │   ├── InputError            data that cannot be read
    │   │   ├── UnknownSchema     records in a layout that no schema knows
    │   │   └── RowError          one record that its schema cannot read
    │   ├── ShapeError            arrays of a wrong shape, or with values that are no vectors
    │   ├── BudgetError           a budget that cannot be spent
    │   ├── UnknownPart           a name that no selector, metric or other part has
    │   ├── ParameterError        a parameter that does not exist, or has a wrong value
    │   └── RecipeError           a recipe that cannot be read
    ├── ModelNotFound             an embedding model that is not available
    ├── OutputError               a file or folder that cannot be written
    └── GateFailed                exit code 3: the run is done, but misses a required limit
"""

from typing import ClassVar

__all__ = [
    "BudgetError",
    "GateFailed",
    "InputError",
    "InstructdivError",
    "ModelNotFound",
    "OutputError",
    "ParameterError",
    "RecipeError",
    "RowError",
    "ShapeError",
    "UnknownPart",
    "UnknownSchema",
    "UsageError",
]


class InstructdivError(Exception):
    """Root of every error that this library raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(InstructdivError):
    """The request cannot be met as it is; the message names a way out."""

    exit_code = 2


class InputError(UsageError):
    """Data that cannot be read."""


class UnknownSchema(InputError):
    """Records in a layout that no schema knows."""


class RowError(InputError):
    """One record that its schema cannot read."""


class ShapeError(UsageError):
    """Arrays of a wrong shape, or with values that are no vectors."""


class BudgetError(UsageError):
    """A budget that cannot be spent."""


class UnknownPart(UsageError):
    """A name that no selector, metric or other part of the family has."""


class ParameterError(UsageError):
    """A parameter that does not exist, or has a value out of its range."""


class RecipeError(UsageError):
    """A recipe that cannot be read."""


class ModelNotFound(InstructdivError):
    """The embedding model is not available."""


class OutputError(InstructdivError):
    """A file or folder that cannot be written."""


class GateFailed(InstructdivError):
    """The run is done, but its result misses a limit that was required."""

    exit_code = 3
