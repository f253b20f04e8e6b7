"""Embedding cost: what an embedder will take for many texts, timed on a few of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from instructdiv.curation import growth
from instructdiv.curation.growth import (
    Costs,
    Traced,
    climbed,
    extrapolated,
    extrapolated_bytes,
    seconds_of,
)
from instructdiv.embedders import Embedder

# Texts of one length that are embedded together.
_BATCH = 32
# How many lengths of text are tried: few where a batch takes longer than this.
_MANY, _FEW, _SLOW = 8, 2, 0.25
_LEARNED = (1500, 4500)


@dataclass(frozen=True)
class EmbeddingCost:
    """What embedding all texts will take."""

    load_seconds: float
    """Seconds until the first text is embedded."""

    seconds: float
    """Seconds for all texts that have to be embedded."""

    n_bytes: float
    """Bytes at the peak, the vectors among them; those of the model are the process's own."""

    n_dimensions: int
    """Components of a vector."""

    told_from: str
    """What was embedded to tell it."""


def embedding_cost(embedder: Embedder, texts: Sequence[str], n_texts: int) -> EmbeddingCost:
    """What embedding will take, told from some texts.

    An embedder for which each text stands alone embeds batches of texts of one length, at
    several lengths of these texts; each batch holds copies of one text with a number before
    it. One that learns its axes from all texts embeds more and more of them.

    Parameters
    ----------
    embedder
        What embeds.
    texts
        The texts, or some like them.
    n_texts
        Number of texts of the run.
    """
    if not embedder.shares_space(embedder):
        return _learning(embedder, texts, n_texts)
    once = embedder.uncached()
    seconds: dict[str, float] = {}
    with seconds_of(seconds, "load"):
        n_dimensions = once.embed([texts[0]]).shape[1]
    waiting = embedder.waiting(texts)
    n_waiting = round(len(waiting) * n_texts / len(texts))
    by_length = sorted(waiting or texts, key=len)

    def batch(quantile: float, n: int = _BATCH) -> list[str]:
        text = by_length[int(quantile * len(by_length))]
        return [f"{i} {text}" for i in range(10, 10 + n)]

    with seconds_of(seconds, "median"):
        once.embed(batch(0.5))
    n_lengths = _MANY if seconds["median"] <= _SLOW else _FEW
    lengths = [(2 * i + 1) / (2 * n_lengths) for i in range(n_lengths)]
    for quantile in lengths:
        with seconds_of(seconds, f"{quantile}"):
            once.embed(batch(quantile))
    of_batch = float(np.mean([seconds[f"{quantile}"] for quantile in lengths]))
    with Traced() as traced:
        once.embed(batch(0.5))
        one = traced.peak()
        once.embed(batch(0.5, 2 * _BATCH))
        two = traced.peak()
    told_from = f"{_BATCH} texts of each of {n_lengths} lengths"
    if n_waiting < n_texts:
        told_from += f"; {n_texts - n_waiting:,} are copies or in the cache"
    return EmbeddingCost(
        load_seconds=max(0.0, seconds["load"] - seconds["median"] / _BATCH),
        seconds=of_batch * n_waiting / _BATCH,
        n_bytes=max(two - one, 0) * n_waiting / _BATCH + 4 * n_dimensions * n_texts,
        n_dimensions=n_dimensions,
        told_from=told_from,
    )


def _learning(embedder: Embedder, texts: Sequence[str], n_texts: int) -> EmbeddingCost:
    order = np.random.default_rng(0).permutation(len(texts)).tolist()
    seconds: dict[str, float] = {}
    with seconds_of(seconds, "load"):
        embedder.embed([texts[i] for i in order[:_BATCH]])

    def embed(n: int, _stages: Sequence[str]) -> dict[str, float]:
        costs: dict[str, float] = {}
        some = [texts[i] for i in order[:n]]
        with seconds_of(costs, "embed"):
            embedder.embed(some)
        return costs

    costs = climbed(embed, ["embed"], len(texts))["embed"]
    peaks: Costs = {}
    for n in sorted({min(n, len(texts)) for n in _LEARNED}):
        if not peaks or extrapolated(costs, n) <= growth.LONGEST:
            with Traced() as traced:
                n_dimensions = embedder.embed([texts[i] for i in order[:n]]).shape[1]
                peaks[n] = traced.peak()
    return EmbeddingCost(
        load_seconds=seconds["load"],
        seconds=extrapolated(costs, n_texts),
        n_bytes=extrapolated_bytes(peaks, n_texts),
        n_dimensions=n_dimensions,
        told_from=f"{min(costs):,} to {max(costs):,} texts",
    )
