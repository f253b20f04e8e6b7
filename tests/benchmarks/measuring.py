"""What is measured on, and with: vectors, pools and targets, memory; the paper's own choosing."""

import threading
import time
from pathlib import Path

import numpy as np

from instructdiv import Space


def pool_and_target(n: int, m: int, kind: str, d: int = 384) -> tuple[Space, Space]:
    """Rows around 200 centers, and targets around the same, or around one of them."""
    random = np.random.default_rng(0)
    centers = random.standard_normal((200, d), dtype=np.float32)

    def around(n_rows: int, of: int) -> np.ndarray:
        rows = np.empty((n_rows, d), np.float32)
        for start in range(0, n_rows, 10_000):
            tile = rows[start : start + 10_000]
            random.standard_normal(tile.shape, np.float32, tile)
            tile *= 1.2
            tile += centers[random.integers(0, of, len(tile))]
            tile /= np.linalg.norm(tile, axis=1, keepdims=True)
        return rows

    return Space(around(n, 200)), Space(around(m, 200 if kind == "spread" else 1))


def by_the_paper(space: Space, target: Space, budget: int) -> int:
    """The code of the paper: a dense matrix, and all of it looked through in every turn."""
    worth = space.vectors @ target.vectors.T
    chosen: list[int] = []
    while len(chosen) < budget:
        rows = np.unique(worth.argmax(axis=0))
        chosen += rows.tolist()
        worth[rows] = -2
    return len(chosen)


Vectors = np.ndarray


def vectors(n: int, d: int = 384) -> Vectors:
    random = np.random.default_rng(0)
    centers = random.standard_normal((200, d), dtype=np.float32)
    noise = 1.2 * random.standard_normal((n, d), dtype=np.float32)
    return Space.of(centers[random.integers(0, 200, n)] + noise).vectors


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Watch:
    """The most memory of the process while a block runs, and what it was before."""

    def __enter__(self) -> "Watch":
        self.before, self.peak, self._done = resident(), 0, threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._done.is_set():
            self.peak = max(self.peak, resident())
            time.sleep(0.005)
