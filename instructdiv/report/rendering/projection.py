"""Projection: a space in two dimensions, to be looked at. The only module that knows PaCMAP."""

import importlib.util
import logging
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.space import Space
from instructdiv.core.threads import one_thread
from instructdiv.errors import InputError

Projection = Literal["auto", "pacmap", "pca"]

Points = NDArray[np.float32]
Rows = NDArray[np.int64]

MOST_DRAWN = 100_000
MOST_FITTED = 50_000
# PaCMAP weighs near, middling and far pairs: with fewer points there are not enough of each.
_LEAST_FITTED = 50
_NEIGHBORS = 5


@dataclass(frozen=True, eq=False)
class Map2D:
    """Where each row lies on a map, and how it came there."""

    points: Points
    """(n, 2) float32."""

    method: str
    """What laid the map out, as the page says it."""


def project(space: Space, how: Projection = "auto", seed: int = 0) -> Map2D:
    """Lay a space out in two dimensions; the same for the same space and seed.

    Parameters
    ----------
    space
        What is laid out.
    how
        `pacmap` keeps neighbors together [1]_; it learns from at most 50,000 rows, and places
        the others among them. `pca` shows the two directions in which the rows differ most.
        `auto` is PaCMAP where it is installed, and PCA elsewhere.
    seed
        Seed of what is drawn.

    Raises
    ------
    InputError
        There is no such projection, or PaCMAP is asked for and not installed.

    References
    ----------
    .. [1] Y. Wang, H. Huang, C. Rudin, Y. Shaposhnik, "Understanding how dimension reduction
       tools work", JMLR 22, 2021.

    Examples
    --------
    >>> map2d = project(Space.of([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]]), "pca")
    >>> map2d.points.shape
    (3, 2)
    """
    check_projection(how)
    installed = how != "pca" and _installed()
    if space.n_distinct == 1:
        return Map2D(
            np.zeros((len(space), 2), np.float32),
            "all records have the same vector, so they lie on one point",
        )
    if installed and space.n_distinct >= _LEAST_FITTED:
        return _pacmap(space, seed)
    found = _pca(space, seed)
    if installed:
        few = f"fewer than {_LEAST_FITTED} different records, too few for PaCMAP"
        return Map2D(found.points, f"{found.method}; {few}")
    return found


def check_projection(how: str) -> None:
    """Raise what :func:`project` would, before the work that comes ahead of it.

    Raises
    ------
    InputError
        There is no such projection, or PaCMAP is asked for and not installed.
    """
    if how not in get_args(Projection):
        known = ", ".join(get_args(Projection))
        raise InputError(f"no projection is named {how!r}; known: {known}")
    if how == "pacmap" and not _installed():
        raise InputError(
            "the projection 'pacmap' is not installed; install the extra: "
            'pip install "instructdiv[map]", or take pca'
        )


def _installed() -> bool:
    return importlib.util.find_spec("pacmap") is not None


def drawn(clusters: Rows, kept: Rows | None, most: int = MOST_DRAWN, seed: int = 0) -> Rows:
    """Rows of a pool that a map shows, ascending: all, or a sample of `most`.

    Chosen rows come first, up to half of the sample. Both the chosen and the others are
    drawn from each cluster in proportion to its size.
    """
    n = len(clusters)
    if n <= most:
        return np.arange(n)
    random = np.random.default_rng(seed)
    chosen = np.zeros(n, bool)
    chosen[[] if kept is None else kept] = True
    ours, others = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    n_ours = min(len(ours), max(most // 2, most - len(others)))
    parts = [
        _evenly(rows[np.lexsort((random.permutation(len(rows)), clusters[rows]))], size)
        for rows, size in ((ours, n_ours), (others, most - n_ours))
    ]
    return np.sort(np.concatenate(parts))


def _evenly(rows: Rows, size: int) -> Rows:
    """So many of these rows, at even steps."""
    return rows[((np.arange(size) + 0.5) * (len(rows) / max(size, 1))).astype(np.int64)]


def _pca(space: Space, seed: int) -> Map2D:
    from sklearn.decomposition import PCA

    n_axes = min(2, len(space), space.n_dimensions)
    pca = PCA(n_axes, random_state=seed)
    points = np.zeros((len(space), 2), np.float32)
    with one_thread():
        points[:, :n_axes] = pca.fit_transform(space.vectors)
    share = float(pca.explained_variance_ratio_.sum())
    return Map2D(points, f"PCA; its two axes hold {share:.0%} of the variance")


def _pacmap(space: Space, seed: int) -> Map2D:
    # Copies of a record lie where it lies, and would crowd out its other neighbors.
    firsts = space.first_copies
    distinct = np.unique(firsts)
    random = np.random.default_rng(seed)
    fitted = distinct
    if len(distinct) > MOST_FITTED:
        fitted = np.sort(random.choice(distinct, MOST_FITTED, replace=False))
    points = np.zeros((len(space), 2), np.float32)
    points[fitted] = _fit(space.vectors[fitted], seed)
    rest = np.setdiff1d(distinct, fitted)
    if len(rest):
        _, near = space.take(fitted).nearest(space.take(rest), _NEIGHBORS)
        points[rest] = points[fitted[near]].mean(axis=1)
    how = "PaCMAP"
    if len(rest):
        how += (
            f", learned from a random {len(fitted):,} of the records; the others lie at the "
            f"mean of the {_NEIGHBORS} records most similar to them"
        )
    return Map2D(points[firsts], how)


def _fit(vectors: Points, seed: int) -> Points:
    import pacmap
    from threadpoolctl import threadpool_limits

    # It warns that a seed was set, and leaves faiss on one thread: both are undone here.
    log = logging.getLogger(pacmap.pacmap.__name__)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with threadpool_limits(1):
            reducer: Any = pacmap.PaCMAP(n_components=2, random_state=seed)
            return np.asarray(reducer.fit_transform(vectors.copy(), init="pca"), np.float32)
    finally:
        log.setLevel(level)
