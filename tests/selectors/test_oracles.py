"""Against the peers, on what they do right."""

import numpy as np
import pytest

from instructdiv import FacilityLocation, Space
from instructdiv.metrics import Vendi
from tests.pools import clustered

POOL = clustered(400, 24, 10, seed=7)
SIMILARITIES = np.clip(POOL.space.vectors @ POOL.space.vectors.T, 0, None).astype(np.float64)
np.fill_diagonal(SIMILARITIES, 1)


def test_facility_location_on_all_neighbors_picks_what_apricot_picks():
    apricot = pytest.importorskip("apricot")
    theirs = apricot.FacilityLocationSelection(60, metric="precomputed", optimizer="lazy")
    theirs.fit(SIMILARITIES)
    ours = FacilityLocation(n_neighbors=400).select(POOL, 60)
    np.testing.assert_array_equal(ours.indices[:50], theirs.ranking[:50])  # then comes a tie
    np.testing.assert_allclose(ours.gains, theirs.gains, rtol=1e-4)


def test_facility_location_on_all_neighbors_picks_what_submodlib_picks():
    submodlib = pytest.importorskip("submodlib")
    theirs = submodlib.FacilityLocationFunction(
        n=400, mode="dense", sijs=SIMILARITIES, separate_rep=False
    ).maximize(
        budget=40,
        optimizer="LazyGreedy",
        stopIfZeroGain=False,
        stopIfNegativeGain=False,
        verbose=False,
        show_progress=False,
    )
    ours = FacilityLocation(n_neighbors=400).select(POOL, 40)
    assert ours.indices.tolist() == [row for row, _ in theirs]


@pytest.mark.parametrize("order", [0.5, 1, 2, 8])
@pytest.mark.parametrize(("n", "d"), [(2000, 64), (50, 64), (300, 8)])
def test_vendi_is_the_score_of_vendi_score(order, n, d):
    vendi = pytest.importorskip("vendi_score.vendi")
    space = Space.of(np.random.default_rng(0).standard_normal((n, d)) + 0.5)
    theirs = vendi.score_dual(space.vectors.astype(np.float64), q=order)
    assert Vendi(order=order).score(space, space) == pytest.approx(theirs, rel=1e-4)


def test_vendi_of_orthogonal_rows_is_their_number():
    assert Vendi().score(Space.of(np.eye(20)), Space.of(np.eye(20))) == pytest.approx(20)
    for order in (0, 0.5, 1 + 1e-12, 2, 400, np.inf):
        score = Vendi(order=order).score(Space.of(np.eye(20)), Space.of(np.eye(20)))
        assert score == pytest.approx(20)
