"""What every embedder promises."""

import numpy as np
import pytest

from instructdiv import Lexical, Precomputed, SentenceTransformer, Space
from instructdiv.embedders import Embedder

# With a real model.
pytestmark = [pytest.mark.large, pytest.mark.usefixtures("own_cache")]

TEXTS = [
    "Write a function that reverses a list.",
    "Reverse a linked list in C.",
    "What is the capital of Peru?",
    "Name the capital city of Peru.",
    "把下面的句子翻译成英文。",
    "ما هي عاصمة مصر؟",
    "🙂🙃",
    "   ",
    "",
    "x",
    "long " * 2000,
    "What is the capital of Peru?",
]


@pytest.fixture(params=sorted(Embedder.known()))
def embedder(request, tmp_path):
    if request.param == "precomputed":
        texts = {text: i for i, text in enumerate(dict.fromkeys(TEXTS))}
        vectors = np.random.default_rng(0).standard_normal((len(texts), 8))
        np.save(tmp_path / "vectors.npy", vectors[[texts[text] for text in TEXTS]])
        return Precomputed(path=str(tmp_path / "vectors.npy"))
    return Embedder.of(request.param)


def test_gives_a_vector_for_every_text_that_can_be_normalized(embedder):
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert len(vectors) == len(TEXTS)
    assert len(Space.of(vectors)) == len(TEXTS)


def test_equal_texts_get_equal_vectors(embedder):
    vectors = embedder.embed(TEXTS)
    np.testing.assert_array_equal(vectors[2], vectors[-1])


def test_gives_the_same_answer_twice(embedder):
    np.testing.assert_array_equal(embedder.embed(TEXTS), embedder.embed(TEXTS))


def test_reports_its_progress_up_to_the_end(embedder):
    seen: list[tuple[int, int]] = []
    embedder.embed(TEXTS, lambda _stage, done, total: seen.append((done, total)))
    assert all(0 <= done <= total for done, total in seen)
    if embedder.name != "precomputed":
        assert seen[-1][0] == seen[-1][1]


def test_counts_at_least_one_token_for_every_text(embedder):
    counts = embedder.count_tokens(TEXTS)
    assert counts.dtype == np.int64
    assert (counts >= 1).all()
    assert counts[10] >= 2000
    assert counts[0] > counts[9]


def test_comes_back_from_its_mapping(embedder):
    assert Embedder.of(embedder.to_mapping()) == embedder


@pytest.mark.parametrize("embedder", [Lexical(), SentenceTransformer(precision="float32")])
def test_a_text_is_nearest_to_what_is_like_it(embedder):
    space = Space.of(embedder.embed(TEXTS[:6]))
    assert space.nearest(space.take([2]), 2)[1].tolist() == [[2, 3]]
    assert space.nearest(space.take([0]), 2)[1].tolist() == [[0, 1]]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_vector_of_a_text_does_not_depend_on_its_batch(precision):
    embedder = SentenceTransformer(cache=False, precision=precision)
    longest = (
        10_000 if precision == "float32" else 100
    )  # bfloat16 takes its time where it is emulated
    texts = [f"{text[:longest]} {i}" for i in range(4) for text in TEXTS]
    whole = embedder.embed(texts)
    order = np.random.default_rng(0).permutation(len(texts))
    np.testing.assert_array_equal(embedder.embed([texts[i] for i in order]), whole[order])
    np.testing.assert_array_equal(embedder.embed([texts[i] for i in order[:5]]), whole[order[:5]])


def test_bfloat16_stays_near_float32():
    rough, exact = (
        Space.of(
            SentenceTransformer(cache=False, precision=p).embed([t[:100] for t in TEXTS])
        ).vectors
        for p in ("bfloat16", "float32")
    )
    assert (rough * exact).sum(axis=1).min() >= 0.99


def test_the_order_of_the_texts_turns_lexical_vectors_only_with_the_texts():
    order = np.random.default_rng(0).permutation(len(TEXTS))
    before = Space.of(Lexical().embed(TEXTS)).vectors
    after = Space.of(Lexical().embed([TEXTS[i] for i in order])).vectors
    np.testing.assert_allclose(
        (before @ before.T)[np.ix_(order, order)], after @ after.T, atol=1e-3
    )


@pytest.mark.parametrize("texts", [["one"], ["one", "one"], ["", " "], ["a", "b"]])
def test_lexical_takes_the_smallest_corpora(texts):
    assert len(Space.of(Lexical().embed(texts))) == len(texts)


def test_minilm_counts_tokens_as_its_tokenizer_does():
    assert SentenceTransformer().count_tokens(["Hello, world!"]).tolist() == [4]
