"""Threads: arithmetic whose last digits must not depend on how many there are."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BRING_THREADS = {"faiss", "scipy.linalg", "sklearn", "torch"}
_TILE = 512
# Multiplications that are worth handing a tile to a thread.
_WORTH = 2**22


def _controller() -> Any:
    return _controller_of(_loaded())


def _loaded() -> frozenset[str]:
    return frozenset(_BRING_THREADS & sys.modules.keys())


@lru_cache(maxsize=1)
def _controller_of(loaded: frozenset[str]) -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # knows the libraries that are loaded by now


def one_thread() -> AbstractContextManager[Any]:
    """Limit linear algebra to one thread: decompositions round differently on two."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=1)
    return limit


def products(
    a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """The dot products of rows, a @ b.T, the same on any number of threads.

    Most processors round a product by where it stands in the tile that a thread works on. So
    the tiles are cut here, along the longer side, whoever works on them.
    """
    found = np.empty((len(a), len(b)), np.result_type(a, b))
    height = max(_TILE, _WORTH // (min(len(a), len(b)) * a.shape[1] + 1))

    def of_a(rows: slice) -> None:
        np.matmul(a[rows], b.T, out=found[rows])

    def of_b(rows: slice) -> None:
        found[:, rows] = a @ b[rows].T

    in_tiles(of_a if len(a) >= len(b) else of_b, max(len(a), len(b)), height)
    return found


def in_tiles(work: Callable[[slice], Any], n_rows: int, height: int = _TILE) -> None:
    """Do some work on tiles of `height` rows, on as many threads as linear algebra may use."""
    tiles = [slice(start, min(start + height, n_rows)) for start in range(0, n_rows, height)]
    n_threads = min(len(tiles), _n_threads())
    with one_thread():
        if n_threads == 1:
            for tile in tiles:
                work(tile)
        else:
            list(_pool(n_threads, _loaded(), os.getpid()).map(work, tiles))


def _n_threads() -> int:
    found = [lib.num_threads for lib in _controller().lib_controllers if lib.user_api == "blas"]
    return max(found, default=1)


@lru_cache(maxsize=4)
def _pool(n_threads: int, loaded: frozenset[str], process: int) -> ThreadPoolExecutor:
    """Threads that do linear algebra alone; keyed by process, as a fork has no threads."""
    return ThreadPoolExecutor(n_threads, "instructdiv", initializer=_alone)


def _alone() -> None:
    # OpenMP counts its threads for each thread that asks.
    _controller().limit(limits=1, user_api="openmp")
