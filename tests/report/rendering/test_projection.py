"""Projections: PCA and PaCMAP place records that are alike near each other."""

import importlib.util
import re

import numpy as np
import pytest

from instructdiv import Space
from instructdiv.errors import InputError
from instructdiv.report.rendering.projection import check_projection, project
from tests.pools import DISTINCT, clustered, labels

HAS_PACMAP = importlib.util.find_spec("pacmap") is not None


def test_unknown_projections_are_named():
    with pytest.raises(InputError, match="no projection is named 'umap'; known: auto, pacmap, pca"):
        project(DISTINCT.space, "umap")  # type: ignore[arg-type]


def test_pacmap_is_asked_for_by_its_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=re.escape("instructdiv[map]")):
        project(DISTINCT.space, "pacmap")
    with pytest.raises(InputError, match="install the extra"):
        check_projection("pacmap")
    check_projection("pca")
    assert project(DISTINCT.space, "auto").method.startswith("PCA")


def test_pca_shows_where_rows_differ_most():
    vectors = np.random.default_rng(0).standard_normal((300, 9)) * [9, 4, 1, 1, 1, 1, 1, 1, 1]
    space = Space.of(vectors)
    points = project(space, "pca").points.astype(float)
    centered = space.vectors.astype(float) - space.vectors.mean(axis=0)
    axes = np.linalg.svd(centered, full_matrices=False)[2][:2]
    expected = centered @ axes.T
    for axis in range(2):
        same = np.abs(points[:, axis] @ expected[:, axis])
        assert same == pytest.approx((expected[:, axis] ** 2).sum(), rel=1e-3)


@pytest.mark.skipif(not HAS_PACMAP, reason="pacmap is not installed")
def test_pacmap_repeats_itself_and_leaves_faiss_its_threads():
    import faiss

    threads = faiss.omp_get_max_threads()
    one, other = (project(Space.of(DISTINCT.space.vectors), "pacmap") for _ in range(2))
    assert one.method == "PaCMAP"
    assert np.array_equal(one.points, other.points)
    assert faiss.omp_get_max_threads() == threads


@pytest.mark.skipif(not HAS_PACMAP, reason="pacmap is not installed")
def test_pacmap_places_the_rest_beside_their_like(monkeypatch):
    monkeypatch.setattr("instructdiv.report.rendering.projection.MOST_FITTED", 200)
    pool = clustered(600, 16, 3)
    found = project(pool.space, "pacmap")
    assert "a random 200 of the records" in found.method
    numbers = np.unique(labels(pool), return_inverse=True)[1]
    middles = np.stack([found.points[numbers == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(found.points[:, None] - middles, axis=2).argmin(axis=1)
    assert (nearest == numbers).mean() > 0.9
