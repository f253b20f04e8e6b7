"""Threads: arithmetic whose last digits must not depend on how many there are."""

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """Hold linear algebra to one thread: decompositions round otherwise on two."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=1)
    return limit
