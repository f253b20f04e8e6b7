"""Remembered: what was computed of an object, as long as the object lives."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

# Answers about one object: a pool that is measured often would gather many.
_KEPT = 8

P = ParamSpec("P")
R = TypeVar("R")


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Keep what a function of one object, and of what tells two calls apart, has given.

    Several metrics then ask for the same of one subset, and it is computed once. The object
    must not change, and what is given must not lead back to it.

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
        # Parts are told apart by their parameters, which need not have a hash.
        answers = known.setdefault(arguments[0], [])
        rest = arguments[1:]
        for asked, answer in answers:
            if asked == rest:
                return answer
        answers.append((rest, function(*arguments, **keywords)))
        del answers[:-_KEPT]
        return answers[-1][1]

    return ask
