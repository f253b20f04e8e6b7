"""Remembered: results computed from an object, kept as long as the object lives."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

# Results kept for one object; older ones are dropped.
_KEPT = 8

P = ParamSpec("P")
R = TypeVar("R")


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Cache the results of a function for each object given as its first argument.

    Several metrics then share one computation on a subset. The object must not change, and the
    other arguments, which are compared by value, must not refer to it.

    Examples
    --------
    >>> size = remembered(lambda words: print("counted") or len(words))
    >>> words = frozenset({"sum", "sort"})
    >>> size(words) + size(words)
    counted
    4
    """
    known: WeakKeyDictionary[Any, list[tuple[Any, R]]] = WeakKeyDictionary()

    @wraps(function)
    def ask(*arguments: P.args, **keywords: P.kwargs) -> R:
        # Parts are compared by their parameters, which may be unhashable.
        answers = known.setdefault(arguments[0], [])
        rest = arguments[1:]
        for asked, answer in answers:
            if asked == rest:
                return answer
        answers.append((rest, function(*arguments, **keywords)))
        del answers[:-_KEPT]
        return answers[-1][1]

    return ask
