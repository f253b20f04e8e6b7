"""Checks of numbers that a caller gives."""

from typing import Any

import numpy as np

from instructdiv.errors import ParameterError


def whole_number(name: str, value: Any, least: int = 0) -> int:
    """The value as an int, if it is a whole number and not below the least one.

    Raises
    ------
    ParameterError
        The value is something else.

    Examples
    --------
    >>> whole_number("step", 3)
    3
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ParameterError(f"{name} must be a whole number from {least}, got {value!r}")
    return int(value)
