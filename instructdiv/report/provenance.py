"""Provenance: what a report was made from and by."""

import hashlib
import importlib.metadata

import numpy as np
from numpy.typing import NDArray

from instructdiv.pool import Pool
from instructdiv.report.facts import Provenance
from instructdiv.selection import Selection


def provenance(
    pool: Pool, selection: Selection | None, cut_share: float | None, n_draws: int, seed: int
) -> Provenance:
    """Fingerprints of a pool and a selection, and the parameters of both."""
    records = pool.records
    chosen = {} if selection is None else dict(selection.selector)
    budget = None if selection is None else selection.budget
    return Provenance(
        version=importlib.metadata.version("instructdiv"),
        inputs=[] if records is None else records.digests(),
        vectors=pool.fingerprint,
        cut_share=cut_share,
        view=None if records is None else pool.view,
        embedder={}
        if pool.embedder is None
        else pool.embedder.to_mapping() | pool.embedder.describe(),
        selector=chosen,
        budget=None if budget is None else str(budget),
        selection=None if selection is None else _digest(selection.indices),
        n_draws=n_draws,
        seed=seed,
    )


def _digest(array: NDArray[np.generic]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
