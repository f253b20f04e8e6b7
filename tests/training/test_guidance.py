"""Guidance: what the tracker, the attribution and the leak check say, beside obvious twins."""

import csv
import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from instructdiv import FacilityLocation, Lexical, Pool, Space
from instructdiv.errors import InputError, OutputError, ParameterError, ShapeError, UsageError
from instructdiv.report import leakage
from instructdiv.report.leakage import leak_check
from instructdiv.training import (
    LossMonitor,
    SimilarityPoint,
    SimilarityTracker,
    attribute_drop,
    similarity_tracker,
    track,
)
from tests.pools import COPIES, DISTINCT, EQUAL, ONE, clustered, readable

POOL = readable(clustered(90, 12, 5, seed=11))
TARGETS = {
    "apart": readable(clustered(9, 12, 4, seed=12)),
    "within": POOL.take([3, 50, 7]),
    "one": readable(clustered(1, 12, 1, seed=13)),
    "identical": POOL.take([4, 4, 4]),
    "opposite": readable(Pool.from_embeddings(-POOL.space.vectors[:5])),
}
EVERY_TARGET = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))


def plain_divergence(read: list[str], target: list[str]) -> float | None:
    counts = []
    for texts in (read, target):
        words = [text.split() for text in texts]
        counts.append(Counter((w[i], w[i + 1]) for w in words for i in range(len(w) - 1)))
    if not all(counts):
        return None
    vocabulary = set(counts[0]) | set(counts[1])
    p, q = (
        np.array([count[pair] + 1e-10 for pair in vocabulary])
        / (count.total() + 1e-10 * len(vocabulary))
        for count in counts
    )
    middle = (p + q) / 2
    return float((p * np.log2(p / middle) + q * np.log2(q / middle)).sum() / 2)


def plain_point(read: Pool, target: Pool) -> SimilarityPoint:
    """All measures from every pair at once."""
    x, t = (
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        for vectors in (p.space.vectors.astype(np.float64) for p in (read, target))
    )
    cosine, euclidean = x @ t.T, np.linalg.norm(x[:, None] - t[None], axis=2)
    a, b = x.mean(axis=0), t.mean(axis=0)
    return SimilarityPoint(
        examples=len(x),
        coverage=cosine.max(axis=0).mean(),
        mean_similarity=cosine.mean(),
        nearest_similarity=cosine.max(),
        farthest_similarity=cosine.min(),
        centroid_similarity=a @ b / (np.linalg.norm(a) * np.linalg.norm(b)),
        mean_euclidean=euclidean.mean(),
        nearest_euclidean=euclidean.min(),
        farthest_euclidean=euclidean.max(),
        centroid_euclidean=float(np.linalg.norm(a - b)),
        bigram_divergence=plain_divergence(list(read.texts), list(target.texts)),
    )


@EVERY_TARGET
@pytest.mark.parametrize("every", [1, 7, 64, 90])
def test_the_tracker_equals_all_pairs_at_once(
    target: Pool, every: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(similarity_tracker, "_ROWS", 5)
    monkeypatch.setattr(similarity_tracker, "_TARGETS", 2)
    order = np.random.default_rng(every).permutation(len(POOL))
    points = track(POOL, order, target, every=every).points
    assert [p.examples for p in points] == [*range(every, len(POOL), every), len(POOL)]
    for point in points:
        expected = plain_point(POOL.take(order[: point.examples]), target)
        assert asdict(point) == pytest.approx(asdict(expected), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 9))
def test_how_examples_are_batched_does_not_matter(sizes: list[int], seed: int):
    order = np.random.default_rng(seed).integers(0, len(POOL), sum(sizes))
    target, several = TARGETS["apart"], SimilarityTracker(TARGETS["apart"])
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        several.update(POOL.take(order[end - size : end]))
    at_once = track(POOL, order, target, every=len(order))
    assert asdict(several.points[-1]) == pytest.approx(asdict(at_once.points[-1]), abs=1e-9)
    np.testing.assert_allclose(several.coverage_after, at_once.coverage_after, atol=1e-9)
    np.testing.assert_allclose(several.similarities, at_once.similarities, atol=1e-9)


@EVERY_TARGET
def test_coverage_after_each_example_is_that_of_the_space(
    target: Pool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(similarity_tracker, "_ROWS", 5)
    monkeypatch.setattr(similarity_tracker, "_TARGETS", 2)
    tracker = track(POOL, range(40), target, every=13)
    for n in (1, 13, 40):
        nearest = POOL.space.take(np.arange(n)).nearest_similarity(target.space)
        assert tracker.coverage_after[n - 1] == pytest.approx(nearest.mean(), abs=1e-6)
    np.testing.assert_allclose(tracker.best_similarity, nearest, atol=1e-6)
    np.testing.assert_allclose(
        tracker.similarities, target.space.nearest_similarity(POOL.space)[:40], atol=1e-6
    )


def test_what_is_seen_again_changes_neither_coverage_nor_extremes():
    tracker = track(POOL, range(30), TARGETS["apart"], every=30)
    again = tracker.update(POOL.take([5, 5, 9]))
    once = tracker.points[0]
    for name in ("coverage", "nearest_similarity", "farthest_similarity"):
        assert getattr(again, name) == getattr(once, name)
    assert (np.diff(tracker.coverage_after)[-3:] == 0).all()


def test_equal_vectors_have_no_distance_and_full_similarity():
    point = track(EQUAL, range(7), EQUAL, every=3).points[-1]
    assert point.coverage == pytest.approx(1, abs=1e-12)
    assert point.mean_euclidean == pytest.approx(0, abs=1e-7)
    assert point.centroid_similarity == pytest.approx(1, abs=1e-12)


def test_means_that_cancel_out_have_no_similarity():
    assert track([[1.0, 0.0], [-1.0, 0.0]], [0, 1], [[1.0, 0.0]]).points[0].centroid_similarity == 0


def test_the_same_words_twice_do_not_diverge_and_other_words_do():
    def divergence(read: tuple[str, ...], target: tuple[str, ...]) -> float | None:
        pools = [
            replace(Pool.from_embeddings(np.ones((len(texts), 2))), known_texts=texts)
            for texts in (read, target)
        ]
        return track(pools[0], range(len(read)), pools[1]).points[-1].bigram_divergence

    assert divergence(("a b c", "a b c"), ("a b c",)) == pytest.approx(0, abs=1e-9)
    assert divergence(("d e f",), ("a b c",)) == pytest.approx(1, abs=1e-6)
    assert divergence(("a b", "b c"), ("a b c",)) == pytest.approx(0, abs=1e-9)
    assert divergence(("a b a b", "x"), ("b a b", "c d")) == pytest.approx(
        plain_divergence(["a b a b", "x"], ["b a b", "c d"]) or 0, abs=1e-9
    )
    assert divergence(("word",), ("a b c",)) is None
    assert divergence(("a b c",), ("word",)) is None


def test_without_the_texts_of_all_there_is_no_divergence():
    bare = Pool.from_embeddings(POOL.space)
    assert track(bare, range(5), TARGETS["one"]).points[0].bigram_divergence is None
    assert track(POOL, range(5), TARGETS["one"].space).points[0].bigram_divergence is None
    tracker = track(POOL, range(5), TARGETS["one"])
    assert tracker.points[0].bigram_divergence is not None
    assert tracker.update(POOL.space.take([5])).bigram_divergence is None
    assert tracker.update(POOL.take([6])).bigram_divergence is None


def test_an_order_may_be_rows_a_selection_or_an_arrangement():
    selection = FacilityLocation().select(POOL, 8)
    arrangement = SimpleNamespace(indices=selection.indices, turn=np.zeros(8, np.int64))
    expected = track(POOL, selection.indices.tolist(), TARGETS["apart"]).points
    assert track(POOL, selection, TARGETS["apart"]).points == expected
    assert track(POOL, arrangement, TARGETS["apart"]).points == expected


def test_targets_may_come_by_name():
    named = {"one": TARGETS["one"], "within": TARGETS["within"]}
    together = POOL.space.vectors[[3, 50, 7]]
    together = np.concatenate([TARGETS["one"].space.vectors, together])
    expected = track(POOL.space, range(9), together).points
    assert track(POOL.space, range(9), named).points == expected
    tracker = SimilarityTracker(named)
    tracker.update(POOL.take(range(9)))
    assert tracker.points[0].coverage == expected[0].coverage
    assert tracker.points[0].bigram_divergence is not None
    leaks = leak_check(POOL, named)
    assert {(p.pool_row, p.target_row) for p in leaks.pairs if p.kind == "exact"} == {
        (3, 1),
        (50, 2),
        (7, 3),
    }
    found = attribute_drop(monitored([3.0, 1.0], 9), range(9), pool=POOL, target=named)
    assert found.coverage_after == expected[0].coverage


def test_an_arrangement_of_another_pool_is_refused():
    from instructdiv.arrangement import Arrangement

    arrangement = Arrangement(np.array([1, 89]), np.array([0, 0]))
    with pytest.raises(ShapeError, match="row 89"):
        track(POOL.take(range(50)), arrangement, TARGETS["one"])


@pytest.mark.parametrize(
    ("order", "message"),
    [([], "at least one row"), ([90], r"0\.\.89"), ([0.5], "whole numbers"), ([[1]], "rows")],
)
def test_an_order_of_other_rows_is_refused(order: list[int], message: str):
    with pytest.raises(ShapeError, match=message):
        track(POOL, order, TARGETS["one"])


def test_the_tracker_refuses_what_it_cannot_compare():
    nothing: list[Any] = [POOL.take([]), np.empty((0, 3)), {}]
    for empty in nothing:
        with pytest.raises(ShapeError, match="has no record"):
            SimilarityTracker(empty)
    with pytest.raises(ShapeError, match="dimensions"):
        SimilarityTracker(POOL).update(ONE)
    with pytest.raises(ShapeError, match="dimensions"):
        track(POOL, [0], ONE)
    with pytest.raises(ShapeError, match="finite"):
        SimilarityTracker([[1.0, 0.0]]).update([[np.nan, 0.0]])
    with pytest.raises(ShapeError, match="at least one example"):
        SimilarityTracker(POOL).update(POOL.take([]))
    with pytest.raises(ParameterError, match="got 0"):
        track(POOL, [0], POOL, every=0)
    rows = [{"instruction": f"Name {n} birds.", "output": "x"} for n in range(4)]
    one, other = (Pool.of(rows, Lexical()) for _ in range(2))
    with pytest.raises(ShapeError, match="cannot be compared"):
        track(one, [0], other)


def test_the_tracker_is_saved_in_each_form(tmp_path: Path):
    tracker = track(POOL, range(20), TARGETS["apart"], every=8)
    saved = json.loads(tracker.save(tmp_path / "points.json").read_text())
    assert [SimilarityPoint(**point) for point in saved] == list(tracker.points)
    with tracker.save(tmp_path / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["coverage"]) for row in rows] == tracker.table()["coverage"]
    page = tracker.save(tmp_path / "points.html").read_text()
    assert "Plotly.newPlot" in page
    assert '<script src="' not in page
    with pytest.raises(InputError, match=r"\.json, \.csv or \.html"):
        tracker.save(tmp_path / "points.png")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        tracker.save(tmp_path / "file" / "points.json")


def test_the_figure_has_a_line_for_each_measure():
    drawn = track(POOL, range(20), TARGETS["apart"], every=8).plot()
    names = {str(line.name).replace(" ", "_") for line in drawn.data}
    assert names == {field.name for field in fields(SimilarityPoint)} - {"examples"}
    bare = track(POOL.space, range(20), TARGETS["apart"], every=8)
    assert len(bare.plot().data) == len(names) - 1
    SimilarityTracker(POOL).plot()


def test_guidance_does_not_import_what_is_heavy():
    heavy = ("torch", "transformers", "plotly", "scipy.stats", "sentence_transformers")
    code = f"import sys, instructdiv.training; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Attribution.


def monitored(losses: list[float], batch_size: int = 10) -> LossMonitor:
    monitor = LossMonitor(batch_size=batch_size)
    for step, loss in enumerate(losses):
        monitor.record(step, [loss])
    return monitor


LOSSES = [3.0, 2.8, 2.7, 1.5, 1.4, 1.45, 1.3]


def test_the_window_is_where_the_loss_fell_most():
    order = np.random.default_rng(3).permutation(len(POOL))
    found = attribute_drop(monitored(LOSSES), order, pool=POOL, target=TARGETS["apart"], top=None)
    assert (found.from_step, found.to_step, found.examples) == (2, 3, (20, 30))
    assert (found.loss_before, found.loss_after) == (2.7, 1.5)
    assert {r.row for r in found.records} == set(order[20:30].tolist())
    assert all(order[r.example] == r.row for r in found.records)
    assert "steps 2 and 3, from 2.7000 to 1.5000, on examples 20 to 29" in str(found)


def test_records_are_ranked_by_what_each_added():
    order = np.random.default_rng(4).permutation(len(POOL))
    target = TARGETS["apart"]
    found = attribute_drop(monitored(LOSSES), order, track(POOL, order, target), top=None)
    covered = [
        POOL.space.take(order[:n]).nearest_similarity(target.space).astype(np.float64).mean()
        for n in range(20, 31)
    ]
    gains = dict(zip(order[20:30].tolist(), np.diff(covered), strict=True))
    for record in found.records:
        assert record.gain == pytest.approx(gains[record.row], abs=1e-6)
    ranks = [(record.gain or 0, record.similarity or 0) for record in found.records]
    assert ranks == sorted(ranks, reverse=True)
    assert found.coverage_before == pytest.approx(covered[0], abs=1e-6)
    assert found.coverage_after == pytest.approx(covered[-1], abs=1e-6)
    assert attribute_drop(
        monitored(LOSSES), order, pool=POOL, target=target, top=3
    ).records == pytest.approx(found.records[:3])


def test_the_correlations_are_those_of_scipy():
    order = np.random.default_rng(5).permutation(len(POOL))
    tracker = track(POOL, order, TARGETS["apart"])
    found = attribute_drop(monitored(LOSSES), order, tracker)
    at = np.concatenate([[0], tracker.coverage_after])[np.arange(7) * 10]
    change, growth = np.diff(LOSSES), np.diff(at)
    assert found.correlation == pytest.approx(spearmanr(change, growth).statistic)
    assert found.lagged_correlation == pytest.approx(spearmanr(change[1:], growth[:-1]).statistic)
    assert found.intervals == 6
    assert f"{found.correlation:.2f}" in str(found)


def test_a_loss_that_follows_coverage_is_correlated_with_it():
    order = np.random.default_rng(6).permutation(len(POOL))
    tracker = track(POOL, order, TARGETS["apart"])
    covered = np.concatenate([[0], tracker.coverage_after])[::10]
    same = attribute_drop(monitored((3 - covered).tolist()), order, tracker)
    assert same.correlation == pytest.approx(-1)
    later = monitored([3.0, *(3 - covered).tolist()[:-1]])
    assert attribute_drop(later, order, tracker).lagged_correlation == pytest.approx(-1)


def test_few_or_even_changes_have_no_correlation():
    found = attribute_drop(
        monitored([3.0, 2.0, 1.0]), range(20), pool=POOL, target=TARGETS["one"], top=None
    )
    assert found.correlation is None
    assert found.lagged_correlation is None
    even = attribute_drop(
        monitored([5.0, 4.0, 3.0, 2.0, 1.0]), range(40), pool=POOL, target=TARGETS["one"]
    )
    assert even.correlation is None
    assert "rank correlation" not in str(even)


def test_one_task_and_later_steps_can_be_looked_at():
    monitor = LossMonitor(groups=["sum", "sort"], batch_size=10)
    for step, (one, other) in enumerate([(5.0, 2.0), (1.0, 2.0), (1.0, 1.0), (0.9, 0.9)]):
        monitor.record(step, [one, other])
    assert attribute_drop(monitor, range(40)).to_step == 1
    assert attribute_drop(monitor.only("sort"), range(40)).to_step == 2
    assert attribute_drop(monitor, range(40), from_step=2).to_step == 3


def test_without_a_tracker_the_similarities_of_the_arrangement_rank():
    similarity = np.array([0.1, np.nan, 0.9, 0.3])
    order = SimpleNamespace(indices=np.array([7, 5, 3, 1]), similarity=similarity)
    records = attribute_drop(monitored([3.0, 1.0], 4), order).records
    assert [(r.row, r.similarity, r.gain) for r in records] == [
        (3, 0.9, None),
        (1, 0.3, None),
        (7, 0.1, None),
        (5, None, None),
    ]
    plain = attribute_drop(monitored([3.0, 1.0], 4), [7, 5, 3, 1])
    assert [r.row for r in plain.records] == [7, 5, 3, 1]
    assert plain.coverage_before is None
    assert "row 7, row 5, row 3" in str(plain)


def test_attribution_refuses_what_does_not_fit():
    with pytest.raises(UsageError, match="two evaluations"):
        attribute_drop(monitored([1.0]), range(9))
    with pytest.raises(UsageError, match="two evaluations"):
        attribute_drop(monitored([math.nan, 1.0, math.nan]), range(90))
    with pytest.raises(UsageError, match="never fell"):
        attribute_drop(monitored([1.0, 1.0, 2.0]), range(90))
    with pytest.raises(ShapeError, match="60 examples were trained on, but the order has 50"):
        attribute_drop(monitored(LOSSES), range(50))
    with pytest.raises(ShapeError, match="but the tracker has 59"):
        attribute_drop(monitored(LOSSES), range(90), track(POOL, range(59), TARGETS["one"]))
    unknown = LossMonitor()
    for step, loss in enumerate(LOSSES):
        unknown.record(step, [loss])
    with pytest.raises(UsageError, match="batch_size"):
        attribute_drop(unknown, range(90))


def test_attribution_sees_whose_arrangement_it_is():
    from instructdiv.arrangement import Arrangement

    order = Arrangement(np.arange(9), np.zeros(9, np.int64), fingerprint=POOL.fingerprint)
    monitor, target = monitored([3.0, 1.0], 4), TARGETS["one"]
    attribute_drop(monitor, order, pool=POOL, target=target)
    other = POOL.take(range(50))
    tracker = track(other, range(9), target)
    with pytest.raises(ShapeError, match="another pool"):
        attribute_drop(monitor, order, tracker, pool=other, target=target)


def test_attribution_ignores_no_argument():
    monitor = monitored(LOSSES)
    for one in ("pool", "target"):
        with pytest.raises(UsageError, match="both"):
            attribute_drop(monitor, range(90), **{one: POOL})  # type: ignore[arg-type]
    for top in (0, -1, 1.5, True):
        with pytest.raises(ParameterError, match="top"):
            attribute_drop(monitor, range(90), top=top)  # type: ignore[arg-type]


# The leak check.


def texts(*given: str, vectors: np.ndarray | None = None) -> Pool:
    embedded = np.eye(max(len(given), 12))[: len(given)] if vectors is None else vectors
    return replace(Pool.from_embeddings(embedded), known_texts=given)


def cells(mask: np.ndarray) -> list[tuple[int, int]]:
    rows, columns = np.nonzero(mask)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def plain_leaks(pool: Pool, target: Pool, near: float) -> dict[tuple[int, int], str]:
    """The strongest kind of each pair, from every pair at once."""
    cosine = pool.space.vectors.astype(np.float64) @ target.space.vectors.astype(np.float64).T
    equal = (pool.space.vectors[:, None] == target.space.vectors[None]).all(axis=2)
    cosine[equal] = 1
    found = dict.fromkeys(cells(cosine >= near), "near")
    if not (pool.has_texts and target.has_texts):
        return found | dict.fromkeys(cells(equal), "exact")
    for i, one in enumerate(pool.texts):
        for j, other in enumerate(target.texts):
            if one == other:
                found[i, j] = "exact"
            elif (plain := "".join(c for c in one.lower() if c.isalnum() or c == " ").split()) and (
                plain == "".join(c for c in other.lower() if c.isalnum() or c == " ").split()
            ):
                found[i, j] = "normalized"
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 25), st.integers(1, 9), st.booleans())
def test_leaks_are_those_of_all_pairs(seed: int, n: int, m: int, worded: bool):
    random = np.random.default_rng(seed)
    bases = random.standard_normal((4, 6))
    pools = []
    for size in (n, m):
        vectors = bases[random.integers(0, 4, size)]
        vectors = vectors + 0.15 * random.integers(0, 2, (size, 1)) * random.standard_normal(
            (size, 6)
        )
        forms = random.choice(["Sum it!", "sum  IT", "sum it", "Sort it.", "?!", "Name it"], size)
        pool = Pool.from_embeddings(vectors)
        pools.append(replace(pool, known_texts=tuple(map(str, forms))) if worded else pool)
    expected = plain_leaks(pools[0], pools[1], 0.97)
    found = leak_check(pools[0], pools[1], similarity_threshold=0.97)
    assert found.rows.tolist() == sorted({i for i, _ in expected})
    assert found.target_rows.tolist() == sorted({j for _, j in expected})
    strength = {"exact": 0, "normalized": 1, "near": 2}
    for pair in found.pairs:
        assert expected[pair.pool_row, pair.target_row] == pair.kind
        best = min([strength[k] for (i, _), k in expected.items() if i == pair.pool_row], default=9)
        other = min([strength[k] for (_, j), k in expected.items() if j == pair.target_row])
        assert strength[pair.kind] in (best, other)
    kinds = Counter(
        min((k for (i, _), k in expected.items() if i == row), key=strength.__getitem__)
        for row in found.rows.tolist()
    )
    assert {kind: n for kind, n in found.counts.items() if n} == kinds
    assert len(found) == len(found.rows)


def test_the_partner_named_is_the_strongest():
    vectors = np.array([[1.0, 0.0], [0.99, 0.14], [0.0, 1.0]])
    pool = texts("add two", "sum", "other", vectors=vectors)
    target = texts("Add two!", "add two", "sums", vectors=vectors[[1, 0, 1]])
    pairs = [
        (p.pool_row, p.target_row, p.kind)
        for p in leak_check(pool, target, similarity_threshold=0.9).pairs
    ]
    assert pairs == [(0, 0, "normalized"), (0, 1, "exact"), (1, 0, "near"), (1, 2, "near")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sort the list.", "sort the LIST"),
        ("Sort  the\n list", "sort the list"),
        ("Sort «the» list…", "sort the list"),
        ("\uff33ort the list", "sort the list"),
        ("so\u00adrt the\u200b list", "sort the list"),
        ("STRASSE", "straße"),
        ("caf\u0065\u0301", "caf\u00e9"),
        ("What is 3 * 4?", "what is 3 * 4"),
        ("What is 3 * 4 ?", "What is 3 * 4."),
        ("What is \uff13 \uff0b \uff14\uff1f", "what is 3 + 4"),
        ('"What is -5 plus 3?"', "what is -5 plus 3"),
        ("\u201c(3 + 4) * 2\u201d", "(3 + 4) * 2"),
        ("\u00bfCu\u00e1nto es?", "cu\u00e1nto es"),
        ("\u6392\u5e8f\u3002", "\u6392\u5e8f"),
        ("don\u2019t, ever", "Don't ever"),
        ("3 \u2212 4", "3 - 4"),
    ],
)
def test_texts_that_only_look_otherwise_are_normalized(one: str, other: str):
    found = leak_check(texts(one), texts("unlike", other))
    assert [(p.kind, p.target_row) for p in found.pairs if p.kind != "near"] == [("normalized", 1)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 3+2?", "What is 3*2?"),
        ("What is 3 * 4?", "What is 3 - 4?"),
        ("What is -5 plus 3?", "What is 5 plus 3?"),
        ("What is a[i]?", "What is a(i)?"),
        ("Double 2.5.", "Double 2,5."),
        ("What is .5 plus 1?", "What is 5 plus 1?"),
        ('"What is .5 plus 1?"', "What is 5 plus 1?"),
        ("Write it in C#.", "write it in c."),
        ("Write it in C++.", "write it in c."),
        ("Is a != b?", "Is a = b?"),
        ("Take 20% of 5.", "Take 20 of 5."),
        ("What is 5\u00b2?", "What is 52?"),
        ("a & b", "a @ b"),
        ("a\\b", "a/b"),
        ("?!", "!?"),
    ],
)
def test_texts_that_differ_in_more_are_not(one: str, other: str):
    kinds = {p.kind for p in leak_check(texts(one), texts("unlike", other)).pairs}
    assert kinds <= {"near"}


def test_leaks_do_not_depend_on_tiles_or_on_the_order_of_the_pool(monkeypatch: pytest.MonkeyPatch):
    pool = readable(clustered(60, 6, 4, seed=21))
    target = readable(Pool.from_embeddings(pool.space.vectors[[2, 9, 9, 30]] + 0.05))
    whole = leak_check(pool, target)
    assert whole.counts["near"] > 4
    shuffled = np.random.default_rng(0).permutation(60)
    assert sorted(shuffled[leak_check(pool.take(shuffled), target).rows]) == whole.rows.tolist()
    monkeypatch.setattr(leakage, "_ROWS", 7)
    monkeypatch.setattr(leakage, "_TARGETS", 3)
    tiled = leak_check(pool, target)
    assert tiled.pairs == pytest.approx(whole.pairs)


def test_leaks_can_be_kept_out_of_a_selection():
    pool = COPIES
    leaks = leak_check(pool, pool.take([0, 17]))
    assert len(leaks) == 6
    assert leaks.counts == {"exact": 6, "normalized": 0, "near": 0}
    chosen = FacilityLocation().select(pool, len(pool) - 6, never_keep=leaks.rows)
    assert not set(chosen.indices.tolist()) & set(leaks.rows.tolist())


def test_only_equal_vectors_are_near_at_one():
    pool = Pool.from_embeddings(DISTINCT.space.vectors)
    found = leak_check(pool, pool.take([8, 3, 8]), similarity_threshold=1)
    assert [(p.pool_row, p.target_row, p.similarity) for p in found.pairs] == [
        (3, 1, 1.0),
        (8, 0, 1.0),
        (8, 2, 1.0),
    ]


@pytest.mark.parametrize("worded", [True, False])
def test_every_vector_is_equal_to_itself(worded: bool):
    pool = target = Pool.from_embeddings(DISTINCT.space)
    if worded:
        pool, target = (
            replace(pool, known_texts=tuple(f"{name} {row}" for row in range(len(pool))))
            for name in ("ours", "theirs")
        )
    found = leak_check(pool, target, similarity_threshold=1)
    assert found.counts["near" if worded else "exact"] == len(DISTINCT)
    assert all(p.similarity == 1 and p.pool_row == p.target_row for p in found.pairs)


def test_of_copies_the_first_is_named_however_their_similarities_round(
    monkeypatch: pytest.MonkeyPatch,
):
    def rounding(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        later = np.arange(len(a))[:, None] + np.arange(len(b))
        return np.asarray(a @ b.T + later * 1e-7, np.float32)

    monkeypatch.setattr(leakage, "products", rounding)
    pool = texts("one", "two", "three", vectors=np.array([[1.0, 0.02], [1.0, 0.02], [0, 1]]))
    target = texts("four", "five", vectors=np.array([[1.0, 0.0], [1.0, 0.0]]))
    pairs = [(p.pool_row, p.target_row) for p in leak_check(pool, target).pairs]
    assert pairs == [(0, 0), (0, 1), (1, 0)]


def test_a_clean_pool_has_no_leaks_and_says_so():
    found = leak_check([[1.0, 0.0]], [[0.0, 1.0], [-1.0, 0.0]])
    assert not found
    assert found.rows.dtype == np.int64
    assert str(found) == (
        "none of 2 target records is among the 1 of the pool, up to a similarity of 0.95"
    )


def test_leaks_are_written_as_json():
    found = leak_check(texts("add", "Sort it."), texts("sort it"), similarity_threshold=0.9)
    content = json.loads(found.to_json())
    assert content["rows"] == [0, 1]
    assert content["pairs"][1] == {
        "pool_row": 1,
        "target_row": 0,
        "kind": "normalized",
        "similarity": 0.0,
    }
    assert content["counts"] == {"exact": 0, "normalized": 1, "near": 1}


def test_the_leak_check_refuses_what_it_cannot_compare():
    for near in (0, -0.5, 1.01, math.nan, "x", None):
        with pytest.raises(ParameterError, match="near"):
            leak_check(POOL, POOL, similarity_threshold=near)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="the target has no record"):
        leak_check(POOL, POOL.take([]))
    with pytest.raises(ShapeError, match="at least one record"):
        leak_check(POOL.take([]), POOL)
    with pytest.raises(ShapeError, match="dimensions"):
        leak_check(POOL, ONE)
    rows = [{"instruction": f"Name {n} birds.", "output": "x"} for n in range(4)]
    with pytest.raises(ShapeError, match="cannot be compared"):
        leak_check(Pool.of(rows, Lexical()), Pool.of(rows, Lexical()))


def test_answers_are_compared_only_where_they_were_embedded():
    rows = [{"instruction": f"Name {n} birds.", "output": f"answer {n} " * 9} for n in range(9)]
    other = [{"instruction": "Name 3 birds.", "output": "something else entirely, at length"}]
    sets = {"pool": rows, "target": other}
    prompts = Pool.together(sets, "lexical")
    assert (
        leak_check(prompts["pool"], prompts["target"], similarity_threshold=1).counts["exact"] == 1
    )
    whole = Pool.together(sets, "lexical", view="conversation")
    assert leak_check(whole["pool"], whole["target"], similarity_threshold=1).counts["exact"] == 0


def test_pools_of_two_views_are_refused():
    pool, target = texts("add", "sort"), replace(texts("add"), view="conversation")
    with pytest.raises(ShapeError, match=r"'prompt', the target of 'conversation'; embed both"):
        leak_check(pool, target)
    assert leak_check(pool, target.space).counts["exact"] == 1


def test_long_runs_of_punctuation_take_no_longer():
    dotted = f"Chapter one {'.' * 200_000}1"
    assert leak_check(texts(dotted), texts(f"{dotted}.")).counts["normalized"] == 1


def test_a_large_target_of_one_text_takes_no_more_than_its_rows():
    pool, target = (
        replace(Pool.from_embeddings(Space(np.tile(np.array([1, 0], "f4"), (n, 1)))), known_texts=t)
        for n, t in ((3000, ("same",) * 3000), (500, ("same",) * 500))
    )
    found = leak_check(pool, target)
    assert len(found.pairs) == 3000 + 500 - 1
    assert {p.kind for p in found.pairs} == {"exact"}
