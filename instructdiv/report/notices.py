"""Notices: what a reader should know of the data before the numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from instructdiv.core.wording import counted, start_of
from instructdiv.errors import ModelNotFound
from instructdiv.pool import Pool

_FEW = 20
_CONSTANT = 0.5
_REASONS = 5
_SOURCES = 3


def notices(pool: Pool, cut: float | None = None) -> list[str]:
    """What was left out, what all records of a source share, and what was not seen of long texts.

    Parameters
    ----------
    pool
        The records; of vectors alone nothing is known.
    cut
        See :func:`cut_share`.
    """
    return [] if pool.records is None else [*_left_out(pool), *_constant(pool), *_cut(cut, pool)]


def cut_share(pool: Pool) -> float | None:
    """Share of the texts that the embedding model truncates; None where it does not report that."""
    if pool.embedder is None or not pool.has_texts:
        return None
    try:
        return float(pool.embedder.overlong(pool.texts).mean())
    except ModelNotFound:
        return None


def most_are_equal(texts: Sequence[str]) -> bool:
    """Whether most of some texts, if they are not very few, are one and the same."""
    if len(texts) < _FEW:
        return False
    return Counter(texts).most_common(1)[0][1] > _CONSTANT * len(texts)


def _left_out(pool: Pool) -> Iterator[str]:
    assert pool.records is not None  # noqa: S101
    for reason, n in pool.records.excluded:
        yield f"{counted(n, 'record')} left out: {reason}"
    reasons = Counter(bad.reason for bad in pool.records.quarantine)
    for reason, n in reasons.most_common(_REASONS):
        yield f"{counted(n, 'record')} cannot be used: {reason}"
    others = sum(n for _, n in reasons.most_common()[_REASONS:])
    if others:
        yield f"{counted(others, 'record')} cannot be used, for other reasons"


def _constant(pool: Pool) -> Iterator[str]:
    """Sources of which most records ask the same, and views that show of most the same."""
    assert pool.records is not None  # noqa: S101
    told: dict[bool, list[str]] = {True: [], False: []}
    names, number = np.unique(pool.records.source_names, return_inverse=True)
    by_source = np.split(
        np.argsort(number, kind="stable"), np.cumsum(np.bincount(number, minlength=len(names)))[:-1]
    )
    for name, rows in zip(names.tolist(), by_source, strict=True):
        if len(rows) < _FEW:
            continue
        asked, n = Counter(pool.instruction(i) for i in rows.tolist()).most_common(1)[0]
        if n <= _CONSTANT * len(rows):
            continue
        shown, n_shown = Counter(pool.text(i) for i in rows.tolist()).most_common(1)[0]
        same = f"{n:,} of {len(rows):,} records of {name} have one instruction, {_quoted(asked)}"
        blind = n_shown > _CONSTANT * len(rows)
        other = "prompt" if pool.view == "instruction" else "all_user_turns or conversation"
        told[blind].append(
            f"{same}; the view {pool.view} shows {_quoted(shown)} of {n_shown:,} of them, so they "
            f"cannot be told apart: take the view {other}"
            if blind
            else f"{same}; the view {pool.view} shows the input that tells them apart too"
        )
    for several in told.values():
        yield from several[:_SOURCES]
        if len(several) > _SOURCES:
            yield f"so it is with {counted(len(several) - _SOURCES, 'more source')}"


def _cut(share: float | None, pool: Pool) -> Iterator[str]:
    if share:
        yield (
            f"{round(share * len(pool)):,} of {len(pool):,} texts ({share:.1%}) are longer than "
            "the embedder sees: it has seen their beginning alone. To see all of them, give "
            '--embedder \'{"name": "sentence_transformer", "long_texts": "mean"}\''
        )


def _quoted(text: str) -> str:
    return f"“{start_of(text, 60)}”"
