"""The leak check beside every pair at once."""

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv import FacilityLocation, Lexical, Pool, Space
from instructdiv.errors import ParameterError, ShapeError
from instructdiv.report import leakage
from instructdiv.report.leakage import leak_check
from tests.pools import COPIES, DISTINCT, NINETY, ONE, clustered, readable


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
        with pytest.raises(ParameterError, match="similarity_threshold"):
            leak_check(NINETY, NINETY, similarity_threshold=near)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="the target has no record"):
        leak_check(NINETY, NINETY.take([]))
    with pytest.raises(ShapeError, match="at least one record"):
        leak_check(NINETY.take([]), NINETY)
    with pytest.raises(ShapeError, match="dimensions"):
        leak_check(NINETY, ONE)
    rows = [{"instruction": f"Name {n} birds.", "output": "x"} for n in range(4)]
    with pytest.raises(ShapeError, match="cannot be compared"):
        leak_check(Pool.of(rows, embedder=Lexical()), Pool.of(rows, embedder=Lexical()))


def test_answers_are_compared_only_where_they_were_embedded():
    rows = [{"instruction": f"Name {n} birds.", "output": f"answer {n} " * 9} for n in range(9)]
    other = [{"instruction": "Name 3 birds.", "output": "something else entirely, at length"}]
    sets = {"pool": rows, "target": other}
    prompts = Pool.together(sets, embedder="lexical")
    assert (
        leak_check(prompts["pool"], prompts["target"], similarity_threshold=1).counts["exact"] == 1
    )
    whole = Pool.together(sets, embedder="lexical", view="conversation")
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
