"""Space against the obvious: every similarity, fully sorted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from instructdiv import Space
from instructdiv.core.threads import in_tiles, one_thread, products
from instructdiv.errors import ShapeError
from tests.pools import COPIES, DISTINCT


def exact(n: int, d: int, seed: int) -> np.ndarray:
    """Rows whose cosines are exact in float32, so that equal ones are equal to the bit."""
    random = np.random.default_rng(seed)
    rows = np.zeros((n, d), np.float32)
    for row in rows:
        row[random.choice(d, 4, replace=False)] = random.choice([-0.5, 0.5], 4)
    return rows


def brute(rows: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    similarities = queries.astype(np.float64) @ rows.T.astype(np.float64)
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(similarities, order, axis=1), order


@given(
    n=st.integers(1, 300),
    d=st.integers(4, 9),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_nearest_equals_a_full_sort_with_copies_and_ties(n, d, share, seed, data):
    rows = exact(n, d, seed)
    random = np.random.default_rng(seed)
    copied = random.random(n) < share
    rows[copied] = rows[random.integers(0, n, copied.sum())]
    k = data.draw(st.integers(1, n))
    queries = np.concatenate([rows[:40], exact(5, d, seed + 1)])
    similarities, indices = Space.of(rows).nearest(queries, k)
    expected, order = brute(rows, queries, k)
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(similarities, expected)


@pytest.mark.parametrize(("n", "d", "k"), [(5000, 12, 7), (3000, 6, 40), (1025, 32, 3)])
def test_nearest_equals_a_full_sort_where_faiss_is_asked(n, d, k):
    rows = exact(n, d, 0)
    rows[::9] = rows[0]
    similarities, indices = Space.of(rows).nearest(rows[:600], k)
    expected, order = brute(rows, rows[:600], k)
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(similarities, expected)


@pytest.mark.parametrize(("n", "k"), [(4000, 10), (700, 300), (90, 90)])
def test_nearest_finds_the_same_rows_as_a_full_sort_among_real_numbers(n, k):
    rows = Space.of(np.random.default_rng(1).standard_normal((n, 24))).vectors
    similarities, indices = Space.of(rows).nearest(rows[:90], k)
    expected, order = brute(rows, rows[:90], k)
    np.testing.assert_allclose(similarities, expected, atol=1e-6)
    assert (indices == order).mean() > 0.999
    assert (indices[:, 0] == np.arange(90)).all()


@pytest.mark.parametrize("n_queries", [1, 5, 63, 64, 65, 4095])
def test_an_answer_depends_on_how_queries_are_batched_by_rounding_alone(n_queries):
    space = Space.of(np.random.default_rng(2).standard_normal((4097, 33)))
    whole = space.nearest(space, 6)
    part = space.nearest(space.vectors[:n_queries], 6)
    np.testing.assert_allclose(part[0], whole[0][:n_queries], atol=1e-6)
    np.testing.assert_array_equal(part[1], whole[1][:n_queries])


@pytest.mark.parametrize(("n", "m"), [(1, 1), (700, 3), (3, 700), (1500, 1300), (5000, 64)])
def test_products_are_the_same_to_the_bit_on_one_thread(n, m):
    random = np.random.default_rng(n)
    a, b = (random.standard_normal((k, 40)).astype(np.float32) for k in (n, m))
    many = products(a, b)
    np.testing.assert_allclose(many, a.astype("f8") @ b.T.astype("f8"), atol=1e-4)
    with one_thread():
        np.testing.assert_array_equal(products(a, b), many)


def test_neighbors_are_the_same_to_the_bit_on_one_thread():
    vectors = np.random.default_rng(3).standard_normal((3000, 40))
    many = Space.of(vectors).neighbors(20)
    with one_thread():
        one = Space.of(vectors).neighbors(20)
    np.testing.assert_array_equal(one.indices, many.indices)
    np.testing.assert_array_equal(one.data, many.data)


def test_a_failure_in_a_tile_is_raised():
    def fail(rows: slice) -> None:
        raise ValueError(rows.start)

    with pytest.raises(ValueError, match="0"):
        in_tiles(fail, 2000)


@pytest.mark.parametrize("pool", [DISTINCT, COPIES], ids=["distinct", "copies"])
@pytest.mark.parametrize("k", [1, 5, 100])
def test_neighbors_are_the_nearest_of_each_row(pool, k):
    graph = pool.space.neighbors(k)
    similarities, indices = pool.space.nearest(pool.space, k)
    assert graph.shape == (len(pool), len(pool))
    np.testing.assert_array_equal(graph.indices.reshape(-1, k), indices)
    np.testing.assert_allclose(graph.data.reshape(-1, k), similarities, atol=1e-6)
    np.testing.assert_array_equal(np.diff(graph.indptr), np.full(len(pool), k))


def test_nearest_similarity_is_the_first_column_of_nearest():
    subset = DISTINCT.space.take([4, 90, 33])
    expected = subset.nearest(DISTINCT.space, 1)[0][:, 0]
    np.testing.assert_array_equal(subset.nearest_similarity(DISTINCT.space), expected)
    other = Space.of(DISTINCT.space.vectors[:7] * 2)
    assert len(subset.nearest_similarity(other)) == 7  # and not the answer to the last question
    np.testing.assert_array_equal(subset.nearest_similarity(DISTINCT.space), expected)


def test_a_space_is_at_similarity_one_to_what_was_taken_from_it():
    np.testing.assert_array_equal(
        DISTINCT.space.nearest_similarity(DISTINCT.space.take([1, 2])), [1, 1]
    )
    assert (DISTINCT.space.take([1]).nearest_similarity(DISTINCT.space) < 1).any()


@given(
    nps.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int64]),
        st.tuples(st.integers(1, 20), st.integers(1, 6)),
        elements=st.integers(-9, 9),
    )
)
def test_rows_have_length_one_or_are_named(vectors):
    empty = np.flatnonzero(~vectors.any(axis=1))
    if len(empty):
        with pytest.raises(ShapeError, match=f"row {empty[0]} is all zeros"):
            Space.of(vectors)
    else:
        lengths = np.linalg.norm(Space.of(vectors).vectors.astype(np.float64), axis=1)
        np.testing.assert_allclose(lengths, 1, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e-20, 1e20, 1e300])
def test_length_does_not_matter_however_large_or_small(scale):
    vectors = np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_allclose(
        Space.of(vectors * scale).vectors, Space.of(vectors).vectors, atol=1e-7
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_named(value):
    vectors = np.ones((5000, 3))
    vectors[4321, 1] = value
    with pytest.raises(ShapeError, match="row 4321 holds NaN or infinity"):
        Space.of(vectors)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.ones(3), r"\(3,\)"),
        (np.ones((0, 3)), r"\(0, 3\)"),
        (np.ones((2, 0)), r"\(2, 0\)"),
        ([[1, 2], [3]], "shape"),
        ([["a", "b"]], "real numbers"),
        (np.ones((2, 2), complex), "real numbers"),
    ],
)
def test_what_is_no_array_of_vectors_is_refused_with_its_shape(vectors, said):
    with pytest.raises(ShapeError, match=said):
        Space.of(vectors)


@pytest.mark.parametrize("k", [0, -1, 121])
def test_no_more_neighbors_than_rows(k):
    with pytest.raises(ShapeError, match=rf"1\.\.120, got {k}"):
        DISTINCT.space.nearest(DISTINCT.space, k)
    with pytest.raises(ShapeError, match=rf"1\.\.120, got {k}"):
        DISTINCT.space.neighbors(k)


def test_queries_of_another_dimension_are_refused():
    with pytest.raises(ShapeError, match="8 dimensions .* 16"):
        DISTINCT.space.nearest(COPIES.space, 1)


def test_vectors_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        DISTINCT.space.vectors[0, 0] = 1


def test_copies_are_found_where_two_vectors_share_a_digest(monkeypatch):
    space = Space.of(COPIES.space.vectors.copy())
    space.__dict__["_digests"] = np.zeros(len(space), np.uint64)
    np.testing.assert_array_equal(space.first_copies, COPIES.space.first_copies)
    _, first = np.unique(COPIES.space.vectors, axis=0, return_index=True)
    assert sorted(set(space.first_copies)) == sorted(first)


def test_negative_zero_is_zero():
    space = Space.of([[1.0, -0.0], [1.0, 0.0]])
    assert space.n_distinct == 1


def test_near_copies_cost_no_more_memory_than_others():
    import tracemalloc

    center = np.random.default_rng(0).standard_normal(256)
    rows = center + 1e-3 * np.random.default_rng(1).standard_normal((2000, 256))
    space = Space.of(rows)
    tracemalloc.start()
    space.neighbors(128)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # the vectors of all pairs would be 260 MB
