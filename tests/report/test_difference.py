"""The difference of two data sets."""

import pytest

import instructdiv as idv
from instructdiv import Pool
from tests.pools import DISTINCT, POOLS


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())
def test_a_data_set_lacks_nothing_of_itself(pool):
    found = idv.diff(pool, pool)
    assert found.a.covered == found.b.covered == found.a.similarity == 1
    assert found.a.lacking == found.b.lacking == []
    assert found.a.shared == len(pool)


def test_a_gate_on_the_difference_fails_below_its_value():
    found = idv.diff(DISTINCT, DISTINCT.take([0, 1]))
    found.check(None)
    found.check(found.a.similarity)
    with pytest.raises(idv.errors.GateFailed, match="coverage .* is below the least allowed, 0.99"):
        found.check(0.99)


def test_a_record_with_almost_the_same_vector_is_not_shared():
    a = Pool.from_embeddings([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    b = Pool.from_embeddings([[1.0, 1e-5, 0.0], [0.0, 1.0, 0.0]])
    assert [side.shared for side in (idv.diff(a, b).a, idv.diff(a, b).b)] == [1, 1]
