"""Errors: one root, and under it one class for each thing that can go wrong.

::

    InstructdivError              exit code 1: the run failed
    ├── UsageError                exit code 2: it cannot be done as it was asked for
    │   ├── InputError            data that cannot be read
    │   │   ├── UnknownSchema     records in a layout that no schema knows
    │   │   └── RowError          one record that a schema cannot use
    │   ├── ShapeError            arrays that do not fit, or hold what a vector cannot
    │   ├── BudgetError           a budget that cannot be spent
    │   ├── UnknownPart           a name that no part has
    │   ├── ParameterError        a parameter that a part does not have, or a wrong value
    │   └── RecipeError           a recipe that cannot be read
    ├── ModelNotFound             no embedding model at hand
    ├── OutputError               a place that cannot be written to
    └── GateFailed                exit code 3: the run is done, but below what was demanded
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
    """What was asked for cannot be done as it was asked for."""

    exit_code = 2


class InputError(UsageError):
    """Data that cannot be read."""


class UnknownSchema(InputError):
    """Records in a layout that no schema knows."""


class RowError(InputError):
    """One record that its schema cannot use."""


class ShapeError(UsageError):
    """Arrays that do not fit, or that hold what a vector cannot hold."""


class BudgetError(UsageError):
    """A budget that cannot be spent."""


class UnknownPart(UsageError):
    """A name that no part of the family has."""


class ParameterError(UsageError):
    """A parameter that a part does not have, or a value it cannot take."""


class RecipeError(UsageError):
    """A recipe that cannot be read."""


class ModelNotFound(InstructdivError):
    """No embedding model is at hand."""


class OutputError(InstructdivError):
    """A place that cannot be written to."""


class GateFailed(InstructdivError):
    """The run is done, but its result is below what was demanded."""

    exit_code = 3
