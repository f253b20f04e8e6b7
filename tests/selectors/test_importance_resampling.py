"""Importance resampling: weights beside their formula, and draws that follow them."""

from dataclasses import replace

import numpy as np
import pytest

from instructdiv import Pool
from instructdiv.selectors import ImportanceResampling
from tests.pools import TINY, clustered


def _texts(pool: Pool, texts: list[str]) -> Pool:
    return replace(pool, known_texts=tuple(texts))


def test_log_weights_are_likelihood_ratios_of_words_and_pairs():
    pool = _texts(TINY, ["Sort it", "bake it, now", ""])
    target = _texts(TINY.take([0]), ["sort it sort"])
    selector = ImportanceResampling(n_buckets=2**18, temperature=0)
    chosen = selector.select(pool, 3, target=target)
    ours = {"sort": 1, "it": 2, "bake": 1, ",": 1, "now": 1, "sort it": 1, "bake it": 1}
    ours |= {"it ,": 1, ", now": 1}
    theirs = {"sort": 2, "it": 1, "sort it": 1, "it sort": 1}

    def share(counts: dict[str, int], word: str) -> float:
        return float(np.log(counts.get(word, 0) / sum(counts.values()) + 1e-8))

    words = {
        0: ["sort", "it", "sort it"],
        1: ["bake", "it", ",", "now", "bake it", "it ,", ", now"],
    }
    expected = {
        row: sum(share(theirs, word) - share(ours, word) for word in words.get(row, []))
        for row in range(3)
    }
    assert chosen.indices.tolist() == [0, 2, 1]
    np.testing.assert_allclose(chosen.gains, [expected[row] for row in (0, 2, 1)])


def test_the_draw_follows_the_weights_and_its_seed():
    pool = clustered(300, 4, 4)
    texts = ["a b c"] * 150 + ["x y z"] * 150
    target = _texts(TINY, ["a b c", "a b c", "x y z"])

    def share(temperature: float, seed: int = 0) -> float:
        selector = ImportanceResampling(temperature=temperature, seed=seed)
        chosen = selector.select(_texts(pool, texts), 100, target=target)
        return float((chosen.indices < 150).mean())

    assert share(0.0) == 1.0
    assert 0.6 < share(1.0) < 1.0
    assert share(1e6) == pytest.approx(0.5, abs=0.15)
    assert share(1.0, 1) != share(1.0, 2) or share(1.0, 3) != share(1.0, 4)
