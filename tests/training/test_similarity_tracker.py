"""The similarity tracker beside all pairs at once."""

import csv
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv import FacilityLocation, Lexical, Pool
from instructdiv.errors import InputError, OutputError, ParameterError, ShapeError
from instructdiv.report.leakage import leak_check
from instructdiv.training import (
    SimilarityPoint,
    SimilarityTracker,
    attribute_drop,
    similarity_tracker,
    track,
)
from tests.pools import EQUAL, NINETY, ONE, TARGETS
from tests.training.monitored import monitored

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
    order = np.random.default_rng(every).permutation(len(NINETY))
    points = track(NINETY, order, target, every=every).points
    assert [p.examples for p in points] == [*range(every, len(NINETY), every), len(NINETY)]
    for point in points:
        expected = plain_point(NINETY.take(order[: point.examples]), target)
        assert point.model_dump() == pytest.approx(expected.model_dump(), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 9))
def test_how_examples_are_batched_does_not_matter(sizes: list[int], seed: int):
    order = np.random.default_rng(seed).integers(0, len(NINETY), sum(sizes))
    target, several = TARGETS["apart"], SimilarityTracker(TARGETS["apart"])
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        several.update(NINETY.take(order[end - size : end]))
    at_once = track(NINETY, order, target, every=len(order))
    assert several.points[-1].model_dump() == pytest.approx(
        at_once.points[-1].model_dump(), abs=1e-9
    )
    np.testing.assert_allclose(several.coverage_after, at_once.coverage_after, atol=1e-9)
    np.testing.assert_allclose(several.similarities, at_once.similarities, atol=1e-9)


@EVERY_TARGET
def test_coverage_after_each_example_is_that_of_the_space(
    target: Pool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(similarity_tracker, "_ROWS", 5)
    monkeypatch.setattr(similarity_tracker, "_TARGETS", 2)
    tracker = track(NINETY, range(40), target, every=13)
    for n in (1, 13, 40):
        nearest = NINETY.space.take(np.arange(n)).nearest_similarity(target.space)
        assert tracker.coverage_after[n - 1] == pytest.approx(nearest.mean(), abs=1e-6)
    np.testing.assert_allclose(tracker.best_similarity, nearest, atol=1e-6)
    np.testing.assert_allclose(
        tracker.similarities, target.space.nearest_similarity(NINETY.space)[:40], atol=1e-6
    )


def test_what_is_seen_again_changes_neither_coverage_nor_extremes():
    tracker = track(NINETY, range(30), TARGETS["apart"], every=30)
    again = tracker.update(NINETY.take([5, 5, 9]))
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
    bare = Pool.from_embeddings(NINETY.space)
    assert track(bare, range(5), TARGETS["one"]).points[0].bigram_divergence is None
    assert track(NINETY, range(5), TARGETS["one"].space).points[0].bigram_divergence is None
    tracker = track(NINETY, range(5), TARGETS["one"])
    assert tracker.points[0].bigram_divergence is not None
    assert tracker.update(NINETY.space.take([5])).bigram_divergence is None
    assert tracker.update(NINETY.take([6])).bigram_divergence is None


def test_an_order_may_be_rows_a_selection_or_an_arrangement():
    selection = FacilityLocation().select(NINETY, 8)
    arrangement = SimpleNamespace(indices=selection.indices, turn=np.zeros(8, np.int64))
    expected = track(NINETY, selection.indices.tolist(), TARGETS["apart"]).points
    assert track(NINETY, selection, TARGETS["apart"]).points == expected
    assert track(NINETY, arrangement, TARGETS["apart"]).points == expected


def test_targets_may_come_by_name():
    named = {"one": TARGETS["one"], "within": TARGETS["within"]}
    together = NINETY.space.vectors[[3, 50, 7]]
    together = np.concatenate([TARGETS["one"].space.vectors, together])
    expected = track(NINETY.space, range(9), together).points
    assert track(NINETY.space, range(9), named).points == expected
    tracker = SimilarityTracker(named)
    tracker.update(NINETY.take(range(9)))
    assert tracker.points[0].coverage == expected[0].coverage
    assert tracker.points[0].bigram_divergence is not None
    leaks = leak_check(NINETY, named)
    assert {(p.pool_row, p.target_row) for p in leaks.pairs if p.kind == "exact"} == {
        (3, 1),
        (50, 2),
        (7, 3),
    }
    found = attribute_drop(monitored([3.0, 1.0], 9), range(9), track(NINETY, range(9), named))
    assert found.coverage_after == expected[0].coverage


def test_an_arrangement_of_another_pool_is_refused():
    from instructdiv.arrangement import Arrangement

    arrangement = Arrangement(np.array([1, 89]), np.array([0, 0]))
    with pytest.raises(ShapeError, match="row 89"):
        track(NINETY.take(range(50)), arrangement, TARGETS["one"])


@pytest.mark.parametrize(
    ("order", "message"),
    [([], "at least one row"), ([90], r"0\.\.89"), ([0.5], "whole numbers"), ([[1]], "rows")],
)
def test_an_order_of_other_rows_is_refused(order: list[int], message: str):
    with pytest.raises(ShapeError, match=message):
        track(NINETY, order, TARGETS["one"])


def test_the_tracker_refuses_what_it_cannot_compare():
    nothing: list[Any] = [NINETY.take([]), np.empty((0, 3)), {}]
    for empty in nothing:
        with pytest.raises(ShapeError, match="has no record"):
            SimilarityTracker(empty)
    with pytest.raises(ShapeError, match="dimensions"):
        SimilarityTracker(NINETY).update(ONE)
    with pytest.raises(ShapeError, match="dimensions"):
        track(NINETY, [0], ONE)
    with pytest.raises(ShapeError, match="finite"):
        SimilarityTracker([[1.0, 0.0]]).update([[np.nan, 0.0]])
    with pytest.raises(ShapeError, match="at least one example"):
        SimilarityTracker(NINETY).update(NINETY.take([]))
    with pytest.raises(ParameterError, match="got 0"):
        track(NINETY, [0], NINETY, every=0)
    rows = [{"instruction": f"Name {n} birds.", "output": "x"} for n in range(4)]
    one, other = (Pool.of(rows, embedder=Lexical()) for _ in range(2))
    with pytest.raises(ShapeError, match="cannot be compared"):
        track(one, [0], other)


def test_the_tracker_is_saved_in_each_form(tmp_path: Path):
    tracker = track(NINETY, range(20), TARGETS["apart"], every=8)
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
    drawn = track(NINETY, range(20), TARGETS["apart"], every=8).plot()
    names = {str(line.name).replace(" ", "_") for line in drawn.data}
    assert names == set(SimilarityPoint.model_fields) - {"examples"}
    bare = track(NINETY.space, range(20), TARGETS["apart"], every=8)
    assert len(bare.plot().data) == len(names) - 1
    SimilarityTracker(NINETY).plot()


def test_training_does_not_import_what_is_heavy():
    heavy = ("torch", "transformers", "plotly", "scipy.stats", "sentence_transformers")
    code = f"import sys, instructdiv.training; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
