"""What every arranger promises, checked for every arranger there is."""

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Arrangement, Pool, Space
from instructdiv.arrangers import Arranger
from instructdiv.errors import InputError, ParameterError, ShapeError, UnknownPart
from tests import naive
from tests.pools import (
    COPIES,
    DISTINCT,
    EQUAL,
    POOLS,
    TINY,
    clustered,
    labels,
    target_of,
    two_spaces,
)

ARRANGERS = [a() for a in Arranger.known().values() if a.__module__.startswith("instructdiv.")]
TARGETED = [a for a in ARRANGERS if a.needs_target]

every_arranger = pytest.mark.parametrize("arranger", ARRANGERS, ids=lambda a: a.name)
every_pool = pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())
targeted = pytest.mark.parametrize("arranger", TARGETED, ids=lambda a: a.name)


def test_the_arrangers_of_the_field_are_found():
    assert set(Arranger.known()) >= {
        "shuffled",
        "clustered",
        "round_robin",
        "weighted_similarity",
        "test_centric",
        "near_then_far",
        "far_then_near",
        "by_cost",
        "coverage_first",
        "replay",
    }


@every_arranger
@every_pool
def test_gives_the_same_rows_in_turns_that_count_up(arranger: Arranger, pool: Pool):
    found = arranger.arrange(pool, None, target_of(pool))
    assert found.indices.dtype == found.turn.dtype == found.query.dtype == np.int64
    assert found.similarity.dtype == np.float32
    assert sorted(found.indices.tolist()) == list(range(len(pool)))
    assert found.turn[0] == 0
    assert set(np.diff(found.turn).tolist()) <= {0, 1}
    assert found.turn_sizes.sum() == len(pool)
    assert ((found.query >= -1) & (found.query < 7)).all()
    assert (np.isnan(found.similarity) == (found.query == -1)).all()
    assert found.arranger == arranger.to_mapping()
    found.check(pool)


@every_arranger
def test_a_selection_is_arranged_alone(arranger: Arranger):
    selection = idv.KCenter().select(DISTINCT, 50)
    found = arranger.arrange(DISTINCT, selection, target_of(DISTINCT))
    assert sorted(found.indices) == sorted(selection.indices)
    again = arranger.arrange(DISTINCT, selection.indices, target_of(DISTINCT).space)
    np.testing.assert_array_equal(again.indices, found.indices)


@every_arranger
def test_does_the_same_twice_and_after_a_round_trip(arranger: Arranger, tmp_path: Path):
    again = Arranger.of(arranger.to_mapping())
    assert again == arranger
    found = arranger.arrange(DISTINCT, None, target_of(DISTINCT))
    same = again.arrange(DISTINCT, None, target_of(DISTINCT))
    read = Arrangement.load(found.save(tmp_path / "a.json"), DISTINCT)
    for field in dataclasses.fields(Arrangement):
        np.testing.assert_equal(getattr(same, field.name), getattr(found, field.name))
        np.testing.assert_equal(getattr(read, field.name), getattr(found, field.name))


@every_arranger
def test_says_what_it_costs_and_what_its_parameters_are(arranger: Arranger):
    text = type(arranger).__doc__ or ""
    assert "Examples" in text
    assert "Time" in text
    assert all(field.description for field in type(arranger).model_fields.values())


@every_arranger
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([3, 120], r"0\.\.119"),
        ([-1], r"0\.\.119"),
        ([5, 5], "row 5 is given twice"),
        ([], "there is no row to arrange"),
    ],
)
def test_rows_that_cannot_be_arranged_are_named(arranger: Arranger, rows: list[int], said: str):
    with pytest.raises(ShapeError, match=said):
        arranger.arrange(DISTINCT, rows, target_of(DISTINCT))


@every_arranger
@pytest.mark.parametrize(
    ("target", "said"),
    [
        (TINY, "vectors of 4 dimensions do not fit a pool of 16"),
        (np.empty((0, 16)), "the target has no record"),
        ({}, "the target has no record"),
        (np.full((2, 16), np.nan), "row 0 holds NaN"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(arranger: Arranger, target: Pool, said: str):
    with pytest.raises(ShapeError, match=said):
        arranger.arrange(DISTINCT, None, target)


@targeted
def test_a_target_is_asked_for(arranger: Arranger):
    with pytest.raises(ShapeError, match=f"{arranger.name} needs a target"):
        arranger.arrange(DISTINCT)


def test_a_target_is_asked_for_where_an_arranger_within_needs_one():
    with pytest.raises(ShapeError, match="test_centric needs a target"):
        idv.arrangers.Replay().arrange(DISTINCT)
    within = idv.arrangers.Shuffled()
    assert len(idv.arrangers.Replay(within=within).arrange(DISTINCT)) == 120
    with pytest.raises(ShapeError, match="nearest_to_any needs a target"):
        idv.arrangers.CoverageFirst(selector="nearest_to_any").arrange(DISTINCT)


@targeted
def test_several_targets_by_name_are_one(arranger: Arranger):
    target = target_of(DISTINCT)
    several: Any = {"a": target.take([0, 1, 2]), "b": target.take([3, 4, 5, 6]).space}
    found = arranger.arrange(DISTINCT, None, several)
    np.testing.assert_array_equal(found.indices, arranger.arrange(DISTINCT, None, target).indices)


@targeted
@every_pool
def test_one_target_and_equal_targets_do(arranger: Arranger, pool: Pool):
    one = target_of(pool).take([0])
    alone = arranger.arrange(pool, None, one)
    thrice = arranger.arrange(pool, None, one.take([0, 0, 0]))
    if pool is not COPIES:  # of whose copies any may stand first
        np.testing.assert_array_equal(alone.indices, thrice.indices)
    assert sorted(thrice.indices) == sorted(alone.indices)


def test_an_unknown_name_or_parameter_is_answered_with_the_known_ones():
    with pytest.raises(UnknownPart, match="no arranger is named 'curriculum'; known: by_cost"):
        Arranger.of("curriculum")
    with pytest.raises(ParameterError, match="within_turn"):
        Arranger.of({"name": "test_centric", "within_turn": "random"})


# Test-centric.


@settings(max_examples=200, deadline=None)
@given(two_spaces(), st.booleans())
def test_by_index_it_is_the_code_of_the_paper(spaces: tuple[Space, Space], far: bool):
    space, target = spaces
    pool = Pool.from_embeddings(space)
    arranger = idv.arrangers.TestCentric(direction="far" if far else "near", within_turn="index")
    found = arranger.arrange(pool, None, target)
    expected = naive.turns(naive.dense(space, target), farthest=far)
    assert found.indices.tolist() == np.concatenate(expected).tolist()
    assert found.turn_sizes.tolist() == [len(turn) for turn in expected]


@settings(max_examples=50, deadline=None)
@given(two_spaces())
def test_a_targets_picks_never_rise(spaces: tuple[Space, Space]):
    space, target = spaces
    found = idv.arrangers.TestCentric().arrange(Pool.from_embeddings(space), None, target)
    for query in range(len(target)):
        assert (np.diff(found.similarity[found.query == query]) <= 0).all()


def test_the_order_within_a_turn_is_the_one_asked_for():
    def order(within_turn: str, **more: object) -> Arrangement:
        arranger = Arranger.of({"name": "test_centric", "within_turn": within_turn} | more)
        return arranger.arrange(DISTINCT, None, target_of(DISTINCT))

    by_index, by_query = order("index"), order("query")
    by_similarity, shuffled = order("similarity"), order("shuffle", seed=3)
    for turn in range(by_index.turn[-1] + 1):
        inside = by_index.turn == turn
        rows = by_index.indices[inside]
        assert (np.diff(rows) > 0).all()
        assert (np.diff(by_query.query[inside]) >= 0).all()
        assert (np.diff(by_similarity.similarity[inside]) <= 0).all()
        for other in (by_query, by_similarity, shuffled):
            assert set(other.indices[inside]) == set(rows)
    assert (shuffled.indices != by_index.indices).any()
    assert (shuffled.indices != order("shuffle", seed=4).indices).any()
    far = order("similarity", direction="far")
    assert (np.diff(far.similarity[far.turn == 0]) >= 0).all()
    farthest = naive.dense(DISTINCT.space, target_of(DISTINCT).space).min()
    assert far.similarity[0] == pytest.approx(farthest, abs=1e-6)


def test_a_group_of_the_target_votes_as_often_as_its_weight_says():
    target = {"rare": target_of(DISTINCT).take([0]), "often": target_of(DISTINCT).take([1])}
    arranger = idv.arrangers.TestCentric(weights={"rare": 0.25})
    found = arranger.arrange(DISTINCT, None, target)
    asked = found.query[:40]
    assert 4 * (asked == 0).sum() == pytest.approx((asked == 1).sum(), abs=4)
    with pytest.raises(ShapeError, match="no group of the target is named 'rare'"):
        arranger.arrange(DISTINCT, None, {"often": target_of(DISTINCT)})
    with pytest.raises(ShapeError, match="give the target its groups"):
        arranger.arrange(DISTINCT, None, target_of(DISTINCT).space)


# The others.


def test_near_then_far_is_the_reverse_of_neither_half_alone():
    target = target_of(DISTINCT)
    near = idv.arrangers.TestCentric().arrange(DISTINCT, None, target)
    found = idv.arrangers.NearThenFar().arrange(DISTINCT, None, target)
    np.testing.assert_array_equal(found.indices[:60], near.indices[:60])
    rest = np.sort(near.indices[60:])
    far = idv.arrangers.TestCentric(direction="far").arrange(DISTINCT, rest, target)
    np.testing.assert_array_equal(found.indices[60:], far.indices[::-1])
    other = idv.arrangers.FarThenNear(start_share=0.25).arrange(DISTINCT, None, target)
    far = idv.arrangers.TestCentric(direction="far").arrange(DISTINCT, None, target)
    np.testing.assert_array_equal(other.indices[:30], far.indices[:30])
    assert other.similarity[other.turn == other.turn[-1]].max() == near.similarity.max()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_half_may_be_all(share: float):
    for arranger in (
        idv.arrangers.NearThenFar(start_share=share),
        idv.arrangers.FarThenNear(start_share=share),
    ):
        found = arranger.arrange(DISTINCT, None, target_of(DISTINCT))
        whole = (arranger.start if share else arranger.end).arrange(
            DISTINCT, None, target_of(DISTINCT)
        )
        expected = whole.indices if share else whole.indices[::-1]
        np.testing.assert_array_equal(found.indices, expected)


def test_far_first_is_near_first_turned_around():
    near = idv.arrangers.WeightedSimilarity().arrange(DISTINCT, None, target_of(DISTINCT))
    far = idv.arrangers.WeightedSimilarity(direction="far").arrange(
        DISTINCT, None, target_of(DISTINCT)
    )
    np.testing.assert_array_equal(far.indices, near.indices[::-1])


def test_the_weighted_similarity_distance_is_that_of_the_paper():
    random = np.random.default_rng(4)
    pool = Pool.from_embeddings(random.standard_normal((120, 16)) + 1)
    target = Pool.from_embeddings(random.standard_normal((5, 16)) + 1)
    cosine = naive.dense(pool.space, target.space).astype("f8")
    nearest, mean = (-cosine).min(axis=1), (-cosine).mean(axis=1)
    expected = np.argsort(nearest + nearest.mean() / mean.mean() * mean, kind="stable")
    found = idv.arrangers.WeightedSimilarity().arrange(pool, None, target)
    np.testing.assert_array_equal(found.indices, expected)
    np.testing.assert_array_equal(found.query, cosine.argmax(axis=1)[expected])


@pytest.mark.parametrize("clusterer", ["by_label", "k_means"])
def test_whole_parts_stay_together(clusterer: str):
    target = target_of(DISTINCT)
    for name in ("weighted_similarity", "clustered"):
        arranger = Arranger.of({"name": name, "clusterer": clusterer})
        found = arranger.arrange(DISTINCT, None, target)
        part = labels(DISTINCT) if clusterer == "by_label" else DISTINCT.clusters
        for turn in range(found.turn[-1] + 1):
            rows = found.indices[found.turn == turn]
            assert len(set(part[rows])) == 1
            assert (np.diff(rows) > 0).all()
        assert found.turn[-1] + 1 == len(set(part))


def test_parts_are_ordered_by_their_means():
    pool = Pool.from_embeddings(
        [[1, 0.0], [0.0, 1], [0.2, 1], [-1, 0.1]], groups=["a", "b", "b", "c"]
    )
    arranger = idv.arrangers.WeightedSimilarity(clusterer="by_label")
    assert arranger.arrange(pool, None, [[0.0, 1.0]]).indices.tolist() == [1, 2, 3, 0]
    cancelling = Pool.from_embeddings([[1, 0.0], [-1, 0.0], [0.0, 1]], groups=["a", "a", "b"])
    assert arranger.arrange(cancelling, None, [[0.0, 1.0]]).indices.tolist() == [2, 0, 1]


def test_a_round_robin_deals_one_of_each_part():
    found = idv.arrangers.RoundRobin().arrange(DISTINCT)
    groups = labels(DISTINCT)[found.indices]
    counts = np.unique(labels(DISTINCT), return_counts=True)[1]
    for turn, size in enumerate(found.turn_sizes.tolist()):
        assert len(set(groups[found.turn == turn])) == size == (counts > turn).sum()


def test_short_records_come_first_or_last():
    short = idv.arrangers.ByCost().arrange(DISTINCT)
    assert (np.diff(DISTINCT.costs[short.indices]) >= 0).all()
    long = idv.arrangers.ByCost(first="long").arrange(DISTINCT)
    assert (np.diff(DISTINCT.costs[long.indices]) <= 0).all()
    with pytest.raises(ShapeError, match="needs costs"):
        idv.arrangers.ByCost().arrange(Pool.from_embeddings(np.eye(3)))


def test_every_prefix_covers_as_the_selector_would():
    found = idv.arrangers.CoverageFirst().arrange(DISTINCT)
    for n in (5, 20, 60):
        expected = idv.FacilityLocation().select(DISTINCT, n).indices
        np.testing.assert_array_equal(found.prefix(n).indices, expected)
    with pytest.raises(ShapeError, match="pairwise_dedup"):
        idv.arrangers.CoverageFirst(selector="pairwise_dedup").arrange(DISTINCT)
    aimed = idv.arrangers.CoverageFirst(selector="test_centric")
    assert len(aimed.arrange(DISTINCT, None, target_of(DISTINCT))) == 120


@pytest.mark.parametrize("spread", ["random", "last"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_replayed_rows_are_spread_evenly_and_the_others_keep_their_order(spread: str, share: float):
    arranger = idv.arrangers.Replay(replayed=spread, share=share, seed=2)
    target = target_of(DISTINCT)
    usual = arranger.within.arrange(DISTINCT, None, target).indices.tolist()
    found = arranger.arrange(DISTINCT, None, target).indices.tolist()
    n_spread = round(share * 120)
    place = {row: i for i, row in enumerate(usual)}
    if spread == "last":
        spread_rows = set(usual[120 - n_spread :])
        others = [row for row in found if row not in spread_rows]
        assert others == usual[: 120 - n_spread]
        at = [i for i, row in enumerate(found) if row in spread_rows]
        gaps = np.diff(at)
        assert not len(gaps) or gaps.max() - gaps.min() <= 1
        assert [found[i] for i in at] == usual[120 - n_spread :]
    else:
        rises = sum(place[a] > place[b] for a, b in pairwise(found))
        assert rises <= 2 * n_spread
        assert found != usual


@pytest.mark.parametrize("rows", [[1], [1, 2], [3, 4, 5]])
@pytest.mark.parametrize("share", [0.001, 0.6, 0.999])
def test_few_rows_can_be_replayed(rows: list[int], share: float):
    found = idv.arrangers.Replay(share=share).arrange(DISTINCT, rows, target_of(DISTINCT))
    assert sorted(found.indices) == rows


def test_spread_rows_are_in_the_turn_of_the_row_before_them():
    arranger = idv.arrangers.Replay(share=0.2, replayed="last")
    target = target_of(DISTINCT)
    usual = arranger.within.arrange(DISTINCT, None, target)
    turn_of = dict(zip(usual.indices.tolist(), usual.turn.tolist(), strict=True))
    found = arranger.arrange(DISTINCT, None, target)
    last = set(usual.indices[96:].tolist())
    at = [i for i, row in enumerate(found.indices.tolist()) if row in last and i]
    assert [found.turn[i] for i in at] == [found.turn[i - 1] for i in at]
    others = [row for row in found.indices.tolist() if row not in last]
    kept = [found.turn[i] for i, row in enumerate(found.indices.tolist()) if row not in last]
    assert kept == [turn_of[row] for row in others]


def test_a_selection_of_another_pool_is_refused():
    selection = idv.KCenter().select(DISTINCT, 5)
    other = clustered(120, 16, 6, seed=8)
    with pytest.raises(ShapeError, match="selection is of another pool"):
        idv.arrangers.Shuffled().arrange(other, selection)
    again = Pool.from_embeddings(DISTINCT.space)
    assert len(idv.arrangers.Shuffled().arrange(again, selection)) == 5


def test_the_scale_of_the_mean_is_one_where_it_says_nothing():
    pool = Pool.from_embeddings([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    target = [[1.0, 0.0], [-1.0, 0.0]]  # on average like nothing
    found = idv.arrangers.WeightedSimilarity().arrange(pool, None, target)
    assert found.indices.tolist() == [0, 2, 1]


def test_one_target_makes_a_turn_of_each_row():
    one = target_of(DISTINCT).take([0])
    found = idv.arrangers.TestCentric().arrange(DISTINCT, None, one)
    assert found.turn.tolist() == list(range(120))
    near = naive.dense(DISTINCT.space, one.space)[:, 0]
    np.testing.assert_array_equal(found.indices, np.argsort(-near, kind="stable"))


def test_equal_rows_keep_their_order():
    found = idv.arrangers.TestCentric(within_turn="index").arrange(EQUAL, None, target_of(EQUAL))
    assert found.indices.tolist() == list(range(7))
    assert found.turn.tolist() == list(range(7))


# Arrangements.


def test_a_prefix_is_what_was_trained_on_so_far():
    found = idv.arrangers.TestCentric().arrange(DISTINCT, None, target_of(DISTINCT))
    half = found.prefix(60)
    np.testing.assert_array_equal(half.indices, found.indices[:60])
    assert half.turn_sizes.sum() == 60
    assert len(found.prefix(0)) == 0
    with pytest.raises(ShapeError, match=r"0\.\.120 records, got 121"):
        found.prefix(121)


def test_an_arrangement_of_another_pool_is_refused(tmp_path: Path):
    found = idv.arrangers.Shuffled().arrange(DISTINCT)
    path = found.save(tmp_path / "a.json")
    other = clustered(120, 16, 6, seed=8)
    with pytest.raises(ShapeError, match="made from another pool .* fingerprint"):
        Arrangement.load(path, other)
    with pytest.raises(ShapeError, match="the pool has 3"):
        found.check(TINY)
    turned = DISTINCT.take(np.arange(120)[::-1])
    with pytest.raises(ShapeError, match="another pool"):
        found.check(turned)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"indices": [1], "turn": [0, 1], "query": [], "similarity": []}']
)
def test_a_file_that_is_no_arrangement_is_named(content: str, tmp_path: Path):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"x\.json does not hold an arrangement"):
        Arrangement.load(path)


@pytest.mark.parametrize(
    ("indices", "turn", "said"),
    [
        ([0, 0], [0, 0], "distinct"),
        ([-1, 0], [0, 0], "at least 0"),
        ([0, 1], [0], "as many numbers of turn"),
        ([0, 1], [1, 2], "count up from 0"),
        ([0, 1], [0, 2], "count up from 0"),
        ([0, 1], [0, -1], "count up from 0"),
        ([[0, 1]], [0], "numbers of indices"),
        ([0.5, 1.0], [0, 0], "numbers of indices"),
    ],
)
def test_numbers_that_are_no_arrangement_are_refused(
    indices: list[float], turn: list[int], said: str
):
    with pytest.raises(ShapeError, match=said):
        Arrangement(np.array(indices), np.array(turn))
