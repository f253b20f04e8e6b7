"""K-means at the edges."""

import pytest

from instructdiv import Space
from instructdiv.clusterers import ByLabel, KMeans
from instructdiv.errors import ShapeError


def test_rows_that_cancel_out_can_be_clustered():
    opposite = Space.of([[1, 0], [-1, 0]])
    assert KMeans(n_clusters=1).cluster(opposite).tolist() == [0, 0]
    with pytest.raises(ShapeError, match="by_label needs .*group"):
        ByLabel().cluster(opposite)
