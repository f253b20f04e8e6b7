"""Conversations: how long they are, before and after."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.pool import Pool
from instructdiv.report.facts import Histogram

_BINS = 24


def histograms(pool: Pool, kept: NDArray[np.int64] | None) -> list[Histogram]:
    """Characters and turns (messages other than system text) of each record of a pool."""
    counts = np.array([_counts(pool.messages(row)) for row in range(len(pool))], np.int64)
    return [
        _histogram(of, counts[:, column], kept) for column, of in enumerate(("characters", "turns"))
    ]


def _counts(messages: list[dict[str, object]]) -> tuple[int, int]:
    said = [m["content"] for m in messages if isinstance(m.get("content"), str)]
    turns = sum(m["role"] != "system" for m in messages)
    return sum(map(len, said)), turns  # type: ignore[arg-type]


def _histogram(of: str, values: NDArray[np.int64], kept: NDArray[np.int64] | None) -> Histogram:
    edges = _edges(int(values.min()), int(values.max()))
    return Histogram(
        of=of,
        edges=edges.tolist(),
        before=np.histogram(values, edges)[0].tolist(),
        after=None if kept is None else np.histogram(values[kept], edges)[0].tolist(),
        median_before=float(np.median(values)),
        median_after=None if kept is None else float(np.median(values[kept])),
    )


def _edges(least: int, most: int) -> NDArray[np.int64]:
    """Whole numbers from the least to beyond the most, by a factor; one by one where few."""
    steps = np.geomspace(max(1, least), most + 1, _BINS)
    edges = np.unique(np.concatenate([[least, most + 1], steps.round()])).astype(np.int64)
    return edges[(edges >= least) & (edges <= most + 1)]
