"""What is special of each metric: golden values, obvious twins, and the edges."""

import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import Field

from instructdiv import Pool, Space
from instructdiv.clusterers import ByLabel, Clusterer, KMeans
from instructdiv.errors import ParameterError, ShapeError
from instructdiv.metrics import (
    ClusterEntropy,
    CompressionRatio,
    CoverageAt,
    CoverageRadius,
    DistinctN,
    EffectiveClusters,
    FacilityLocation,
    FiveNumbers,
    GroupBalance,
    GroupCoverage,
    LogDeterminant,
    MeanNearestSimilarity,
    Metric,
    NearestDistanceSummary,
    NovelSum,
    RandomBaseline,
    SelfRepetition,
    Vendi,
    _cluster_spread,
    _ngrams,
    _spectrum,
    novel_sum,
)
from instructdiv.metrics._remembered import remembered
from instructdiv.selectors import LogDeterminant as LogDeterminantSelector
from instructdiv.selectors import Random
from tests.pools import COPIES, DISTINCT, EQUAL, clustered, normal, selecting
from tests.shared_data import DATA

GOLDEN = DATA.parent / "golden"
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden values are not here")


def values(kind: str) -> dict[str, float]:
    if not GOLDEN.is_dir():
        return {}
    found: dict[str, float] = json.loads((GOLDEN / "toy_metrics.json").read_text())[kind]
    return found


def toy(part: str) -> Pool:
    pool = Pool.from_embeddings(np.load(GOLDEN / "candidates.npy"))
    rows = {"all": (0, 1000), "first300": (0, 300), "last300": (700, 1000)}[part]
    return pool.take(np.arange(*rows))


def texts(*given: str) -> Pool:
    return replace(Pool.from_embeddings(np.eye(len(given))), known_texts=given)


def of(metric: Metric, *given: str) -> float:
    return metric.score(texts(*given), texts("target"))


@golden
@pytest.mark.parametrize("key", values("novelsum"))
def test_novel_sum_is_that_of_its_authors(key: str):
    part, *setting = key.split("|")
    metric = NovelSum(density_power=0, rank_power=0)
    if len(setting) == 2:
        _, neighbors, _, density, _, distance = setting[1].split("_")
        metric = NovelSum(
            n_neighbors=int(neighbors),
            density_power=float(density),
            rank_power=float(distance),
        )
    expected = values("novelsum")[key]
    assert metric.score(toy(part), toy("all")) == pytest.approx(expected, rel=1e-6)


def obvious_novel_sum(metric: NovelSum, subset: Space, target: Space) -> float:
    novelties = []
    for i, row in enumerate(subset.vectors.astype(np.float64)):
        others = [1 - row @ v for j, v in enumerate(subset.vectors.astype(np.float64)) if j != i]
        distances = np.array(sorted(others + ([0.0] if metric.include_self else [])))
        weights = np.arange(1, len(distances) + 1) ** -metric.rank_power
        novelty = np.average(distances, weights=weights)
        squared = sorted(((target.vectors.astype(np.float64) - row) ** 2).sum(axis=1))
        if any(np.array_equal(subset.vectors[i], v) for v in target.vectors):
            squared = squared[1:]
        near = np.mean(squared[: metric.n_neighbors])
        novelties.append(novelty * max(near, 1e-3) ** -metric.density_power)
    return float(np.mean(novelties))


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("n_neighbors", [1, 4, 500])
@pytest.mark.parametrize("subset", [DISTINCT, clustered(30, 16, 3, seed=5)], ids=["in", "out"])
def test_novel_sum_drops_the_own_row_only_where_the_target_has_it(
    subset: Pool, n_neighbors: int, include_self: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(novel_sum, "_TILE", 200)
    metric = NovelSum(n_neighbors=n_neighbors, include_self=include_self)
    few = subset.space.take(np.arange(5, 30))
    expected = obvious_novel_sum(metric, few, DISTINCT.space)
    assert metric.score(few, DISTINCT.space) == pytest.approx(expected, rel=1e-4)


def test_a_copy_in_the_target_is_a_neighbor():
    subset, metric = COPIES.space.take([0]), NovelSum(n_neighbors=2, rank_power=0)
    lone = Space.of(np.concatenate([subset.vectors, -subset.vectors]))
    # Its two copies are its nearest others: the density is as high as it gets.
    assert metric.score(lone, COPIES.space) > 0.9 * np.sqrt(1000) / 2


def test_novel_sum_of_nothing_new_is_0():
    for include_self in (True, False):
        metric = NovelSum(include_self=include_self)
        assert metric.score(EQUAL, EQUAL) == pytest.approx(0, abs=1e-4)
        assert metric.score(DISTINCT.take([4]), DISTINCT) == 0
        assert metric.score(DISTINCT.take([4]), DISTINCT.take([4])) == 0


def test_novel_sum_measures_a_sample_of_many_rows_and_says_how_far_it_is_off():
    pool = clustered(2000, 16, 6, seed=8)
    whole = NovelSum(n_sampled=2000).score(pool, pool)
    off, errors = [], []
    for seed in range(30):
        metric = NovelSum(n_sampled=100, seed=seed)
        off.append(metric.score(pool, pool) - whole)
        errors.append(metric.standard_error(pool, pool))
    assert np.std(off) == pytest.approx(np.mean(errors), rel=0.35)
    assert abs(np.mean(off)) < np.mean(errors)
    assert NovelSum(n_sampled=2000).standard_error(pool, pool) == 0


def test_the_sample_of_novel_sum_does_not_depend_on_the_order():
    pool = clustered(300, 16, 6, seed=8)
    turned = pool.take(np.random.default_rng(0).permutation(300))
    metric = NovelSum(n_sampled=50)
    assert metric.score(pool, pool) == pytest.approx(metric.score(turned, pool), rel=1e-6)


@golden
@pytest.mark.parametrize("key", values("vendi"))
def test_vendi_is_that_of_its_authors(key: str):
    part, _, order = key.partition("|q=")
    found = Vendi(order=float(order)).score(toy(part), toy("all"))
    assert found == pytest.approx(values("vendi")[key], rel=1e-6)


@pytest.mark.parametrize(("n", "d"), [(40, 8), (8, 40), (1, 3), (3000, 12)])
@pytest.mark.parametrize("noise", [0.1, 3])
def test_the_log_determinant_is_that_of_the_matrix(n: int, d: int, noise: float):
    space = Space.of(np.random.default_rng(0).standard_normal((n, d)))
    vectors = space.vectors.astype(np.float64)
    _, expected = np.linalg.slogdet(np.eye(d) + vectors.T @ vectors / noise)
    assert LogDeterminant(noise=noise).score(space, space) == pytest.approx(expected, rel=1e-6)


def test_the_log_determinant_is_what_its_selector_gains():
    selector = LogDeterminantSelector(typicality_power=0)
    selection = selector.select(DISTINCT, 20)
    metric = LogDeterminant(noise=selector.noise)
    found = metric.score(DISTINCT.take(selection.indices), DISTINCT)
    assert found == pytest.approx(selection.gains.sum(), rel=1e-4)


@pytest.mark.parametrize("n", [1, 7, 5000])
def test_equal_rows_span_one_direction(n: int):
    space = Space.of(np.ones((n, 48)))
    assert LogDeterminant().score(space, space) == pytest.approx(np.log1p(n / 0.1), rel=1e-5)
    for order in (0, 0.5, 1, 2, np.inf):
        assert Vendi(order=order).score(space, space) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("n", [10, 3000])
def test_rounding_does_not_depend_on_tiles_at_once(n: int, monkeypatch: pytest.MonkeyPatch):
    vectors = np.random.default_rng(0).standard_normal((n, 24))
    one = _spectrum.eigenvalues(Space.of(vectors))
    monkeypatch.setattr(_spectrum, "_AT_ONCE", 1)
    assert (_spectrum.eigenvalues(Space.of(vectors)) == one).all()
    assert one.sum() == pytest.approx(n)


def test_one_spectrum_serves_all_metrics_of_it(monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    eigvalsh = np.linalg.eigvalsh

    def counted(matrix: np.ndarray) -> np.ndarray:
        asked.append(len(matrix))
        return eigvalsh(matrix)

    monkeypatch.setattr(np.linalg, "eigvalsh", counted)
    subset = DISTINCT.take(np.arange(50))
    for metric in (Vendi(), Vendi(order=2), LogDeterminant(), LogDeterminant(noise=1)):
        metric.score(subset, DISTINCT)
    assert len(asked) == 1
    Vendi().score(DISTINCT.take(np.arange(50)), DISTINCT)
    assert len(asked) == 2


def test_what_is_remembered_is_forgotten_with_its_object():
    asked = []

    @remembered
    def size(space: Space, by: float) -> float:
        asked.append(by)
        return len(space) * by

    space = DISTINCT.space.take([1, 2])
    assert [size(space, 2), size(space, 2), size(space, 3)] == [4, 4, 6]
    assert asked == [2, 3]
    for by in range(10, 40):
        size(space, by)
    assert (size(space, 39), asked[-1]) == (78, 39)
    assert (size(space, 2), asked[-1]) == (4, 2)
    del space
    assert size(DISTINCT.space.take([1]), 2) == 2


def test_within_a_radius_is_the_other_side_of_the_radius():
    subset = DISTINCT.take([3, 50, 77])
    for share in (0.1, 0.5, 0.95, 1):
        radius = CoverageRadius(share=share).score(subset, DISTINCT)
        assert CoverageAt(radius=radius).score(subset, DISTINCT) >= share
        assert CoverageAt(radius=radius - 1e-4).score(subset, DISTINCT) < share


def test_a_distance_of_just_the_radius_is_within_it():
    pool = Pool.from_embeddings([[1.0, 0.0], [0.7, np.sqrt(1 - 0.49)]])
    assert CoverageAt(radius=0.3).score(pool.take([0]), pool) == 1
    assert CoverageAt(radius=0.2999).score(pool.take([0]), pool) == 0.5
    assert CoverageAt(radius=0).score(pool.take([0]), pool) == 0.5


def test_the_five_numbers_are_those_of_the_distances():
    subset = DISTINCT.take([3, 50, 77])
    distances = np.sort(1 - (DISTINCT.space.vectors @ subset.space.vectors.T).max(axis=1))
    found = NearestDistanceSummary().five(subset, DISTINCT)
    assert list(found.model_dump().values()) == pytest.approx(
        np.percentile(distances, [0, 25, 50, 75, 100]), abs=1e-6
    )
    assert found.median == NearestDistanceSummary().score(subset, DISTINCT)
    assert found.maximum == pytest.approx(CoverageRadius().score(subset, DISTINCT))
    assert FiveNumbers.of(subset.space.nearest_similarity(DISTINCT.space)) == found


def test_the_mean_is_one_minus_the_mean_distance():
    subset = DISTINCT.take([3, 50, 77])
    distances = 1 - (DISTINCT.space.vectors @ subset.space.vectors.T).max(axis=1)
    found = MeanNearestSimilarity().score(subset, DISTINCT)
    assert found == pytest.approx(1 - distances.mean(), abs=1e-6)


def test_what_points_away_counts_nothing_for_facility_location():
    target = Pool.from_embeddings([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]])
    assert FacilityLocation().score(target.take([0]), target) == pytest.approx(1.6)


def test_rows_count_for_the_cluster_with_the_nearest_middle():
    target = Pool.from_embeddings(
        [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], groups=["a", "a", "b", "b"]
    )
    metric = EffectiveClusters(clusterer=ByLabel())
    subset = Pool.from_embeddings([[2.0, 1.0], [1.0, 2.0], [1.0, 0.0], [0.0, 1.0]])
    assert metric.score(subset, target) == 2
    assert metric.score(subset.take([0, 2]), target) == 1
    assert ClusterEntropy(clusterer=ByLabel()).score(subset, target) == pytest.approx(np.log(2))


def test_as_many_rows_in_each_cluster_is_the_number_of_clusters():
    target = Pool.from_embeddings(np.repeat(np.eye(6), 5, axis=0))
    for n in (1, 3, 6):
        subset = target.take(np.arange(n) * 5)
        clusterer = KMeans(n_clusters=6)
        assert EffectiveClusters(clusterer=clusterer).score(subset, target) == pytest.approx(n)
        found = ClusterEntropy(clusterer=clusterer).score(subset, target)
        assert found == pytest.approx(np.log(n))


class _Noisy(Clusterer):
    """Some rows are noise, and the rest lie by the sign of their first component."""

    noise: list[int] = Field([0, 1])

    def cluster(self, space: Space, groups: NDArray[np.str_] | None = None) -> NDArray[np.int64]:
        labels = (space.vectors[:, 0] > 0).astype(np.int64)
        labels[self.noise] = -1
        return labels


def test_noise_has_no_middle_and_rows_that_cancel_out_have_one():
    rows = np.array([[0, 1], [0, -1], [1, 0], [-1, 1], [-1, -1], [0, 1]])
    target = Pool.from_embeddings(rows)
    assert EffectiveClusters(clusterer=_Noisy()).score(target, target) == pytest.approx(
        np.exp(-(4 / 6 * np.log(4 / 6) + 2 / 6 * np.log(2 / 6)))
    )
    everything = EffectiveClusters(clusterer=_Noisy(noise=list(range(6))))
    assert everything.score(target, target) == 1
    opposite = Pool.from_embeddings([[1.0, 0.0], [-1.0, 0.0]], groups=["a", "a"])
    assert EffectiveClusters(clusterer=ByLabel()).score(opposite, opposite) == 1


def test_a_target_is_clustered_once_for_all_metrics_of_it():
    clusterer = KMeans(n_clusters=4)
    target = DISTINCT.take(np.arange(100))
    one = _cluster_spread._centers(target, clusterer)
    ClusterEntropy(clusterer=clusterer).score(DISTINCT, target)
    assert _cluster_spread._centers(target, KMeans(n_clusters=4)) is one
    assert _cluster_spread._centers(target, KMeans(n_clusters=5)) is not one
    counts = _cluster_spread._counts(DISTINCT.space, one)
    assert counts.sum() == len(DISTINCT)


names = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=30)


@settings(deadline=None)
@given(names, names)
def test_groups_are_counted_as_one_would_by_hand(subset: list[str], target: list[str]):
    pools = [Pool.from_embeddings(np.ones((len(g), 2)), groups=g) for g in (subset, target)]
    known = set(target)
    counts = Counter(group for group in subset if group in known)
    assert GroupCoverage().score(*pools) == len(counts) / len(known)
    shares = np.array([c / counts.total() for c in counts.values()])
    expected = np.exp(-(shares * np.log(shares)).sum()) / len(known) if len(counts) else 0
    assert GroupBalance().score(*pools) == pytest.approx(expected)


def test_groups_spread_evenly_are_1_whatever_their_sizes_in_the_target():
    target = Pool.from_embeddings(np.eye(10), groups=["a"] * 8 + ["b", "c"])
    assert GroupBalance().score(target.take([0, 8, 9]), target) == pytest.approx(1)
    assert GroupBalance().score(target.take([0, 1]), target) == pytest.approx(1 / 3)
    assert GroupCoverage().score(target.take([0, 1]), target) == pytest.approx(1 / 3)


words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=7).map(" ".join)
odd = st.text(
    st.sampled_from("aB\u00c9\u0130\u00b2\u4e2d_7 .-\x00\x1c\u2028\ud800\u0301"), max_size=9
)
corpora = st.lists(words | odd | st.text(max_size=9), min_size=1, max_size=6)


def n_grams(text: str, n: int) -> list[tuple[str, ...]]:
    split = re.findall(r"\w+", text.lower())
    return [tuple(split[i : i + n]) for i in range(len(split) - n + 1)]


def plain_distinct_n(corpus: list[str], n: int) -> float:
    found = [gram for text in corpus for gram in n_grams(text, n)]
    return len(set(found)) / len(found) if found else 0


def plain_self_repetition(corpus: list[str], n: int) -> float:
    grams = [n_grams(text, n) for text in corpus]
    shared = [
        sum(sum(g in other for other in grams[:i] + grams[i + 1 :]) for g in own)
        for i, own in enumerate(grams)
    ]
    return float(np.log1p(np.array(shared, np.float64)).mean())


PLAIN = {DistinctN: plain_distinct_n, SelfRepetition: plain_self_repetition}
of_words = pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.name)


@of_words
@settings(deadline=None)
@given(corpus=corpora, n=st.integers(1, 5))
def test_n_grams_are_counted_as_one_would_by_hand(kind: Any, corpus: list[str], n: int):
    assert of(kind(n=n), *corpus) == PLAIN[kind](corpus, n)


@of_words
@settings(deadline=None)
@given(corpus=corpora, others=corpora, n=st.integers(1, 3), data=st.data())
def test_records_that_were_read_before_count_as_if_read_anew(
    kind: Any, corpus: list[str], others: list[str], n: int, data: st.DataObject
):
    score = kind(n=n).against(texts("target"))
    for subset in (corpus, data.draw(st.lists(st.sampled_from(corpus), min_size=1)), others):
        assert score(texts(*subset)) == PLAIN[kind](subset, n)


def test_random_draws_of_a_pool_are_not_read_again(monkeypatch: pytest.MonkeyPatch):
    pool, read = texts(*(f"sum {i} of the {i % 7}" for i in range(50))), []
    words_of = _ngrams._words

    def counted(given: list[str]) -> Any:
        read.append(len(given))
        return words_of(given)

    monkeypatch.setattr(_ngrams, "_words", counted)
    for metric in (DistinctN(), SelfRepetition()):
        RandomBaseline(pool, n_draws=5).assess([metric], Random().select(pool, 9))
    assert read == [50, 50]


def test_no_n_gram_crosses_records_and_case_and_points_do_not_count():
    assert of(DistinctN(), "sum the", "list sum", "the list") == 1
    assert of(DistinctN(), "Sum the list!", "sum, THE (list)") == 0.5
    assert of(SelfRepetition(n=2), "a b", "b c", "c d") == 0
    assert of(SelfRepetition(n=2), "a b", "A, b.") == pytest.approx(np.log(2))


def test_what_is_too_short_for_an_n_gram():
    for few in ("", "x", "x y z"):
        assert of(DistinctN(n=4), few) == of(SelfRepetition(), few) == 0
    assert of(DistinctN(n=2), "x", "a b a b") == pytest.approx(2 / 3)


HOSTILE = ["", "x", "\x00" * 9, "\ud800 \udfff\ud800", "a b " * 16_500, "(" * 66_000, "\n\n"]


@pytest.mark.parametrize("metric", [DistinctN(), SelfRepetition(), CompressionRatio()])
def test_hostile_texts_are_measured(metric: Metric):
    for text in HOSTILE:
        assert np.isfinite(of(metric, text))
        assert np.isfinite(of(metric, text, text))
    assert np.isfinite(of(metric, *HOSTILE))


def test_what_repeats_compresses():
    random = np.random.default_rng(0)
    news = ["".join(map(chr, random.integers(97, 123, 200))) for _ in range(50)]
    ratio = CompressionRatio()
    assert of(ratio, *news) < 2 < 50 < of(ratio, *["the same text again, " * 9] * 50)
    assert of(ratio, *news, *news) > 1.5 * of(ratio, *news)
    assert of(ratio, "") == 1
    assert 0 < of(ratio, "x") < 1


def test_the_ratio_is_that_of_one_compression():
    import pyarrow as pa

    text = "list of things, " * 99
    size = len(pa.compress(text.encode(), codec="zstd", asbytes=True))
    assert of(CompressionRatio(level=1), text) == pytest.approx(len(text) / size, rel=0.1)
    corpus = [text, *map(str, range(3000))]
    assert of(CompressionRatio(level=19), *corpus) > of(CompressionRatio(level=1), *corpus)


@pytest.mark.parametrize(
    ("metric", "wrong"),
    [
        (Vendi, {"order": -1}),
        (LogDeterminant, {"noise": 0}),
        (NovelSum, {"n_neighbors": 0}),
        (NovelSum, {"n_sampled": 1}),
        (NovelSum, {"rank_power": -1}),
        (CoverageAt, {"radius": 2.1}),
        (DistinctN, {"n": 0}),
        (SelfRepetition, {"n": 0}),
        (CompressionRatio, {"level": 23}),
    ],
)
def test_a_parameter_out_of_range_is_shown(metric: type[Metric], wrong: dict[str, Any]):
    with pytest.raises(ParameterError, match=f"{metric.name}: {next(iter(wrong))} = "):
        metric(**wrong)


@pytest.mark.parametrize("order", [0.5, 3.0, float("inf")])
def test_an_order_of_any_size_comes_back_from_its_mapping(order):
    assert Metric.of(json.loads(json.dumps(Vendi(order=order).to_mapping()))) == Vendi(order=order)


@pytest.mark.parametrize("metric", [Vendi(), LogDeterminant()], ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(4))
def test_the_whole_pool_in_another_order_is_like_random(metric, seed):
    order = np.random.default_rng(seed).permutation(300)
    baseline = RandomBaseline(Pool.from_embeddings(normal(300)), n_draws=3)
    (found,) = baseline.assess([metric], selecting(order))
    assert (found.verdict, found.percentile) == ("like random", 50.0)


@pytest.mark.parametrize("metric", [FacilityLocation(), MeanNearestSimilarity()])
@pytest.mark.parametrize("seed", range(4))
def test_the_whole_pool_covers_a_target_like_random_draws_of_all_of_it(metric, seed):
    pool, target = Pool.from_embeddings(normal(300)), Pool.from_embeddings(normal(200, 16, 9))
    order = np.random.default_rng(seed).permutation(300)
    (found,) = RandomBaseline(pool, target, n_draws=3).assess([metric], selecting(order))
    assert (found.verdict, found.percentile) == ("like random", 50.0)


@pytest.mark.parametrize("given", [[{"instruction": "Add.", "output": "1"}], "data.jsonl", None])
def test_raw_data_are_refused_by_the_name_of_what_makes_a_pool(given: Any):
    with pytest.raises(ShapeError, match=r"Pool\.of\("):
        MeanNearestSimilarity().score(given, np.eye(2))
