"""Speed beside peers and naive forms, as ratios within one run: make bench.

Each group holds ours and what it is compared with; the number in brackets is the ratio to
the fastest of the group.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from instructdiv import (
    DiverseCoverage,
    FacilityLocation,
    KCenter,
    Pool,
    SentenceTransformer,
    Space,
    TestCentric,
    arrangers,
)
from instructdiv.metrics import Vendi
from instructdiv.selectors import LogDeterminant
from tests.benchmarks.measuring import Vectors, by_the_paper, pool_and_target, vectors


@pytest.fixture(scope="module")
def ten_thousand() -> Vectors:
    return vectors(10_000)


@pytest.fixture(scope="module")
def fifty_thousand() -> Vectors:
    return vectors(50_000)


@pytest.fixture(scope="module")
def hundred_thousand() -> Vectors:
    return vectors(100_000)


def timed(benchmark: Any, work: Callable[[], Any], rounds: int = 3) -> Any:
    return benchmark.pedantic(work, rounds=rounds, iterations=1)


def fresh(array: Vectors) -> Pool:
    """A pool that remembers nothing of an earlier round."""
    return Pool.from_embeddings(Space(array))


FACILITY = "facility location, n=10,000, d=384, budget 1,000"


@pytest.mark.benchmark(group=FACILITY)
@pytest.mark.parametrize("selector", [FacilityLocation(), DiverseCoverage()], ids=lambda s: s.name)
def test_facility_location(benchmark, ten_thousand, selector):
    chosen = timed(benchmark, lambda: selector.select(fresh(ten_thousand), 1000))
    assert len(chosen) == 1000


@pytest.mark.benchmark(group=FACILITY)
def test_facility_location_apricot_lazy(benchmark, ten_thousand):
    apricot = pytest.importorskip("apricot")

    def work() -> Any:
        similarities = np.clip(ten_thousand @ ten_thousand.T, 0, None).astype(np.float64)
        selector = apricot.FacilityLocationSelection(1000, metric="precomputed", optimizer="lazy")
        return selector.fit(similarities).ranking

    assert len(timed(benchmark, work, rounds=1)) == 1000


@pytest.mark.benchmark(group=FACILITY)
def test_facility_location_submodlib_lazy(benchmark, ten_thousand):
    submodlib = pytest.importorskip("submodlib")

    def work() -> Any:
        similarities = np.clip(ten_thousand @ ten_thousand.T, 0, None)
        goal = submodlib.FacilityLocationFunction(
            n=len(similarities), mode="dense", sijs=similarities, separate_rep=False
        )
        return goal.maximize(
            budget=1000,
            optimizer="LazyGreedy",
            stopIfZeroGain=False,
            stopIfNegativeGain=False,
            show_progress=False,
        )

    assert len(timed(benchmark, work, rounds=1)) == 1000


@pytest.mark.benchmark(group=FACILITY)
def test_the_search_for_neighbors_alone(benchmark, ten_thousand):
    assert timed(benchmark, lambda: Space(ten_thousand).neighbors(128)).nnz == 1_280_000


DETERMINANT = "log-determinant, n=50,000, d=384, budget 1,000"


@pytest.mark.benchmark(group=DETERMINANT)
def test_log_determinant(benchmark, fifty_thousand):
    selector = LogDeterminant(typicality_power=0)
    assert len(timed(benchmark, lambda: selector.select(fresh(fifty_thousand), 1000))) == 1000


@pytest.mark.benchmark(group=DETERMINANT)
def test_log_determinant_pyversity(benchmark, fifty_thousand):
    strategies = pytest.importorskip("pyversity.strategies.dpp")
    scores = np.zeros(len(fifty_thousand), np.float32)
    work = lambda: strategies.dpp(fifty_thousand, scores, 1000, diversity=1.0)  # noqa: E731
    assert timed(benchmark, work, rounds=1).indices.size >= 384


@pytest.mark.benchmark(group="k-center, n=50,000, d=384, budget 1,000")
def test_k_center(benchmark, fifty_thousand):
    chosen = timed(benchmark, lambda: KCenter(ignored_share=0).select(fresh(fifty_thousand), 1000))
    assert len(chosen) == 1000


@pytest.mark.benchmark(group="k-center, n=50,000, d=384, budget 1,000")
def test_k_center_six_lines_of_numpy(benchmark, fifty_thousand):
    def work() -> list[int]:
        rows = fifty_thousand
        picks = [int((rows @ rows.mean(axis=0)).argmax())]
        distance = 1 - rows @ rows[picks[0]]
        while len(picks) < 1000:
            picks.append(int(distance.argmax()))
            distance = np.minimum(distance, 1 - rows @ rows[picks[-1]])
        return picks

    assert len(timed(benchmark, work)) == 1000


@pytest.mark.benchmark(group="Vendi score, n=4,000, d=384")
def test_vendi(benchmark, ten_thousand):
    space = Space(ten_thousand[:4000].copy())
    assert timed(benchmark, lambda: Vendi().score(Space(space.vectors), space)) > 100


@pytest.mark.benchmark(group="Vendi score, n=4,000, d=384")
def test_vendi_score_on_the_similarity_matrix(benchmark, ten_thousand):
    vendi = pytest.importorskip("vendi_score.vendi")
    rows = ten_thousand[:4000].astype(np.float64)
    assert timed(benchmark, lambda: vendi.score_K(rows @ rows.T), rounds=1) > 100


@pytest.mark.benchmark(group="Vendi score, n=100,000, d=384")
def test_vendi_of_a_hundred_thousand(benchmark, hundred_thousand):
    space = Space(hundred_thousand)
    assert timed(benchmark, lambda: Vendi().score(Space(space.vectors), space)) > 100


@pytest.mark.benchmark(group="Vendi score, n=100,000, d=384")
def test_vendi_score_dual_of_a_hundred_thousand(benchmark, hundred_thousand):
    vendi = pytest.importorskip("vendi_score.vendi")
    assert timed(benchmark, lambda: vendi.score_dual(hundred_thousand), rounds=1) > 100


def texts() -> list[str]:
    """Texts of 3 to 60 words, each fourth one a copy."""
    random = np.random.default_rng(0)
    words = [f"word{i}" for i in range(2000)]
    made = [" ".join(random.choice(words, random.integers(3, 60))) for _ in range(600)]
    return made + made[::4]


@pytest.mark.benchmark(group="embedding 750 texts with MiniLM, 150 of them copies")
@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_embedding(benchmark, precision):
    embedder = SentenceTransformer(cache=False, precision=precision)
    embedder.embed(["warm"])
    found = texts()
    assert timed(benchmark, lambda: embedder.embed(found), rounds=2).shape == (750, 384)


@pytest.mark.benchmark(group="embedding 750 texts with MiniLM, 150 of them copies")
def test_embedding_as_they_come_in_batches_of_32(benchmark):
    embedder = SentenceTransformer(cache=False, precision="float32")
    model, _ = embedder._loaded()
    found = texts()

    def work() -> np.ndarray:
        return np.concatenate(
            [
                model.encode(found[start : start + 32], show_progress_bar=False)
                for start in range(0, len(found), 32)
            ]
        )

    assert timed(benchmark, work, rounds=2).shape == (750, 384)


@pytest.mark.benchmark(group="embedding 750 texts with MiniLM, 150 of them copies")
def test_embedding_from_the_cache(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUCTDIV_CACHE", str(tmp_path))
    embedder, found = SentenceTransformer(), texts()
    embedder.embed(found)
    assert timed(benchmark, lambda: embedder.embed(found)).shape == (750, 384)


@pytest.mark.benchmark(group="starting up")
@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import numpy, pydantic"],
        ["-c", "import instructdiv"],
        ["-m", "instructdiv", "--help"],
    ],
    ids=["numpy and pydantic", "import instructdiv", "instructdiv --help"],
)
def test_start(benchmark, arguments):
    def work() -> int:
        return subprocess.run(
            [sys.executable, *arguments], capture_output=True, env=dict(os.environ)
        ).returncode

    assert timed(benchmark, work, rounds=7) == 0


TARGET = "for a target, n=200,000, 500 targets, d=384, budget 10,000"


@pytest.fixture(scope="module")
def aimed() -> tuple[Space, Space]:
    return pool_and_target(200_000, 500, "spread")


@pytest.mark.benchmark(group=TARGET)
def test_the_plain_product(benchmark, aimed):
    space, target = aimed

    def work() -> int:
        tiles = range(0, len(space), 4096)
        return sum((space.vectors[row : row + 4096] @ target.vectors.T).size for row in tiles)

    assert timed(benchmark, work) == len(space) * len(target)


@pytest.mark.benchmark(group=TARGET)
def test_a_test_centric_choice(benchmark, aimed):
    space, target = aimed
    work = lambda: TestCentric().select(fresh(space.vectors), 10_000, target=target)  # noqa: E731
    assert len(timed(benchmark, work)) == 10_000


@pytest.mark.benchmark(group=TARGET)
def test_a_test_centric_arrangement_of_the_choice(benchmark, aimed):
    space, target = aimed
    chosen = TestCentric().select(fresh(space.vectors), 10_000, target=target)
    work = lambda: arrangers.TestCentric().arrange(fresh(space.vectors), chosen, target)  # noqa: E731
    assert len(timed(benchmark, work)) == 10_000


@pytest.mark.benchmark(group=TARGET)
def test_the_code_of_the_paper(benchmark, aimed):
    space, target = aimed
    assert timed(benchmark, lambda: by_the_paper(space, target, 10_000), rounds=1) >= 10_000
