"""What to add next: gains against the obvious form, whole records, and what speaks against it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Pool
from instructdiv.errors import ParameterError, ShapeError
from instructdiv.report.advice import SAME, _held_back
from tests import naive
from tests.pages import every_advice
from tests.pools import clustered, far
from tests.shared_data import CODE, FOOD, LAW, MUSIC

# Less than what float32 can tell apart in a sum over some dozens of records.
TIED = 1e-5


def greedily(
    target: np.ndarray, covered: np.ndarray, candidates: np.ndarray, n: int
) -> tuple[list[float], int]:
    """What each record adds to the mean similarity to the nearest, one after another.

    And how many of these are certain: two records that cover only each other gain the same, so
    that rounding decides which is taken, and so what the next ones add.
    """
    similarities = np.maximum(target.astype("f8") @ candidates.T.astype("f8"), 0)
    best = np.maximum(covered, 0).astype("f8")
    gains: list[float] = []
    certain = n
    left = list(range(len(candidates)))
    for _ in range(n):
        sums = [np.maximum(similarities[:, row] - best, 0).sum() for row in left]
        if max(sums) > TIED and sum(one > max(sums) - TIED for one in sums) > 1:
            certain = min(certain, len(gains) + 1)
        row = left.pop(int(np.argmax(sums)))
        gains.append(max(sums) / len(target))
        best = np.maximum(best, similarities[:, row])
    return gains, certain


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Pool, dict[str, Pool], int, int]:
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    n_there = draw(st.integers(1, 25))
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    sources = {
        f"source {i}": Pool.from_embeddings(random.standard_normal((n, 4)))
        for i, n in enumerate(sizes)
    }
    pool = Pool.from_embeddings(random.standard_normal((n_there, 4)))
    return pool, sources, draw(st.integers(1, 30)), draw(st.integers(0, 3))


@settings(max_examples=40, deadline=None)
@given(scenes())
def test_gains_are_those_of_facility_location_row_by_row(
    scene: tuple[Pool, dict[str, Pool], int, int],
):
    pool, sources, add, seed = scene
    found = idv.advise(pool, sources, add, seed=seed)
    everything = np.concatenate([one.space.vectors for one in (pool, *sources.values())])
    held_back = _held_back(len(pool), add, np.random.default_rng(seed))
    there = np.delete(pool.space.vectors, held_back, axis=0)
    covered = (everything @ there.T).max(axis=1)
    assert found.measured_on == len(everything)
    assert found.coverage == pytest.approx(np.maximum(covered, 0).mean(), abs=1e-5)
    for row in found.sources:
        vectors = sources[row.source].space.vectors
        near = naive.dense(sources[row.source].space, pool.space).max(axis=1)
        assert row.records == len(vectors)
        assert row.known == (near >= 0.95).sum()
        assert row.probed == min(add, len(vectors) - row.known)
        gains, certain = greedily(everything, covered, vectors[near < 0.95], row.probed)
        assert row.gain >= sum(gains[:certain]) - 1e-5
        assert row.per_thousand == pytest.approx(1000 * row.gain / max(1, row.probed))
        if certain < row.probed:
            continue
        assert row.gain == pytest.approx(sum(gains), abs=1e-5)
        if sum(gains) > 1e-4:
            # Nine tenths of the gain are reached with so many, and not with one fewer.
            assert row.enough is not None
            assert sum(gains[: row.enough]) >= 0.9 * sum(gains) - 1e-5
            assert sum(gains[: row.enough - 1]) < 0.9 * sum(gains) + 1e-5
    same, certain = greedily(everything, covered, pool.space.vectors[held_back], len(held_back))
    assert found.same.records == found.same.probed == min(len(pool) // 5, add)
    assert found.same.gain >= sum(same[:certain]) - 1e-5
    if certain == len(held_back):
        assert found.same.gain == pytest.approx(sum(same), abs=1e-5)
    both = np.concatenate([one.space.vectors for one in sources.values()])
    n = min(add, len(both))
    gains, certain = greedily(everything, covered, both, n)
    curve = found.coverage + np.cumsum([0.0, *gains])
    assert found.curve.added[0] == 0
    assert found.curve.added[-1] == n
    for added, coverage in zip(found.curve.added, found.curve.coverage, strict=True):
        if added <= certain:
            assert coverage == pytest.approx(curve[added], abs=1e-5)
    in_order = [row.gain for row in found.sources]
    assert in_order == sorted(in_order, reverse=True)
    assert sum(row.records for row in found.clusters) == len(both)


@settings(max_examples=40, deadline=None)
@given(scenes(), st.sampled_from(["specialist", "generalist"]))
def test_the_allocation_adds_up_and_no_source_gives_more_than_it_has(
    scene: tuple[Pool, dict[str, Pool], int, int], mode: Any
):
    pool, sources, add, seed = scene
    found = idv.advise(pool, sources, add, mode, seed=seed)
    shares = [found.same.allocated, *(row.allocated for row in found.sources)]
    assert None not in shares
    assert sum(shares) == add  # type: ignore[arg-type]
    assert all(0 <= (row.allocated or 0) <= row.records - row.known for row in found.sources)
    beyond = sum(row.allocated or 0 for row in found.sources)
    wanted = round(add / 2) if mode == "generalist" else min(add, round((len(pool) + add) / 10))
    held = sum(row.records - row.known for row in found.sources if row.per_thousand > 0)
    assert beyond == min(wanted, held)
    assert any("more of the same gets the rest" in note for note in found.notes) is (held < wanted)
    # In proportion to the gain, but for those that are used up.
    open_ = [row for row in found.sources if 0 < (row.allocated or 0) < row.records - row.known]
    total = sum(row.gain for row in open_)
    given_out = sum(row.allocated or 0 for row in open_)
    for row in open_:
        assert abs((row.allocated or 0) - given_out * row.gain / total) <= len(open_)
    assert all(row.allocated is None for row in found.clusters)


def test_a_specialist_keeps_a_tenth_of_all_beyond_and_a_generalist_half_of_what_is_added():
    sets = far({"core": 400, "law": 200, "food": 200})
    pool = sets.pop("core")
    for mode, beyond in (("specialist", 50), ("generalist", 50)):
        found = idv.advise(pool, sets, 100, mode)  # type: ignore[arg-type]
        assert found.same.allocated == 100 - beyond
        assert abs((found.sources[0].allocated or 0) - 25) <= 2
    few = idv.advise(pool, sets, 10, "specialist")
    assert few.same.allocated == 0  # a tenth of 410 is more than all that is added
    many = idv.advise(pool, sets, 300, "specialist")
    assert many.same.allocated == 230


def test_what_is_there_already_is_not_counted():
    sets = far({"core": 50, "law": 20})
    pool, law = sets["core"], sets["law"]
    mixed = Pool.from_embeddings(np.concatenate([pool.space.vectors[:30], law.space.vectors]))
    found = idv.advise(pool, {"mixed": mixed, "copies": pool}, 100)
    assert {row.source: (row.records, row.known) for row in found.sources} == {
        "mixed": (50, 30),
        "copies": (50, 50),
    }
    assert [row.source for row in found.sources] == ["mixed", "copies"]
    assert (found.sources[0].allocated, found.sources[1].allocated) == (20, 0)
    assert "all records are there already, or nearly so, of: copies" in found.notes


def test_candidates_that_are_the_pool_add_nothing():
    pool = clustered(40, 8, 4)
    found = idv.advise(pool, Pool.from_embeddings(pool.space), 20)
    [row] = found.sources
    assert (row.source, row.known, row.probed, row.gain, row.enough) == (
        "candidates",
        40,
        0,
        0,
        None,
    )
    assert found.same.allocated == 20
    assert found.same.gain > 0
    assert found.advice[0].says.startswith("no source adds more to the coverage than more of the")


def test_more_of_the_same_says_nothing_where_the_pool_repeats_itself():
    pool = Pool.from_embeddings(np.repeat(np.eye(8)[:2], 20, axis=0))
    law = Pool.from_embeddings(np.eye(8)[4:7])
    found = idv.advise(pool, {"law": law}, 10)
    assert found.same.probed == 8
    assert found.same.gain == pytest.approx(0, abs=1e-6)
    assert found.advice[0].says.startswith("add law:")
    assert found.curve.flattens_at == 3


def test_tiny_pools_have_nothing_to_hold_back():
    one, other = Pool.from_embeddings([[1.0, 0.0]]), Pool.from_embeddings([[0.0, 1.0]])
    found = idv.advise(one, other, 1)
    assert (found.same.records, found.same.probed, found.same.gain) == (0, 0, 0)
    assert found.coverage == 0.5
    assert found.sources[0].gain == 0.5
    assert found.curve.coverage == [0.5, 1.0]
    assert found.curve.flattens_at == 1
    assert "more of the same" not in found.headline
    again = idv.advise(one, one, 10_000)
    assert again.coverage == 1
    assert again.curve.flattens_at is None
    assert again.same.allocated == 10_000


def test_groups_of_one_pool_of_candidates_are_the_sources():
    sets = far({"core": 30, "law": 10, "food": 8})
    pool = sets.pop("core")
    joined = Pool.joined(sets)
    apart, together = idv.advise(pool, sets, 20), idv.advise(pool, joined, 20)
    assert {row.source: row for row in apart.sources} == {
        row.source: row for row in together.sources
    }
    assert [
        row.source for row in idv.advise(pool, Pool.from_embeddings(joined.space), 5).sources
    ] == ["candidates"]


def test_a_target_decides_what_helps():
    sets = far({"core": 30, "law": 10, "food": 10, "asked": 5})
    pool, asked = sets["core"], sets["law"].take([0, 1, 2])
    sources = {name: sets[name] for name in ("law", "food")}
    found = idv.advise(pool, sources, 6, target=asked)
    assert (found.covered, found.measured_on) == ("the target", 3)
    assert found.coverage < 0.2
    assert [row.source for row in found.sources] == ["law", "food"]
    assert found.sources[1].gain < 0.05
    # Its records are in the candidates: three of them cover it wholly.
    assert found.curve.coverage[-1] == pytest.approx(1, abs=1e-5)
    several = idv.advise(pool, sources, 6, target={"a": asked, "b": sets["food"].space.vectors})
    assert several.measured_on == 13
    raw = idv.advise(pool, sources, 6, target=asked.space.vectors)
    assert raw == found


def test_what_is_covered_in_the_other_direction_counts_as_not_covered():
    pool = Pool.from_embeddings([[1.0, 0.0]])
    found = idv.advise(pool, Pool.from_embeddings([[-1.0, 0.0]]), 1)
    assert found.coverage == 0.5
    assert found.sources[0].gain == pytest.approx(0.5)


def test_advice_is_the_same_twice_and_whatever_the_order_of_the_sources():
    random = np.random.default_rng(4)
    pool = Pool.from_embeddings(random.standard_normal((60, 6)))
    sets = {name: Pool.from_embeddings(random.standard_normal((30, 6))) for name in "abc"}
    first, again = (idv.advise(pool, sets, 50, seed=2) for _ in range(2))
    assert first == again
    turned = idv.advise(pool, dict(reversed(sets.items())), 50, seed=2)
    for a, b in zip(first.sources, turned.sources, strict=True):
        assert (a.source, a.known, a.allocated) == (b.source, b.known, b.allocated)
        assert a.gain == pytest.approx(b.gain, abs=1e-5)
    other = idv.advise(pool, sets, 50, seed=3)
    assert other.same != first.same  # another fifth was held back


def test_records_are_named_by_their_words_and_few_instructions_said():
    pools = Pool.together(
        {"code": CODE, "law": LAW, "food": FOOD, "music": MUSIC}, embedder="lexical"
    )
    found = idv.advise(pools.pop("code"), pools, 30)
    words = " ".join(row["instruction"] for rows in (LAW, FOOD, MUSIC) for row in rows).split()
    for row in found.clusters:
        assert set(row.source.split(" cluster")[0].split(", ")) <= set(words)
    assert any(
        "40 instructions: more records of them will not help" in a.says for a in found.advice
    )


# What speaks against it.


@pytest.mark.parametrize("mode", ["specialist", "generalist"])
@pytest.mark.parametrize("helpful", [True, False])
def test_both_modes_cite_the_rows_that_lost(mode: Any, helpful: bool):
    sets = far({"core": 40, "law": 30})
    source = sets["law"] if helpful else sets["core"]
    found = idv.advise(sets["core"], source, 100, mode)
    assert every_advice(found) == found.advice
    cited = {id_ for one in found.advice for id_ in one.evidence}
    assert all(idv.evidence(id_).id == id_ for id_ in cited)
    rows = {row.id: row for row in idv.evidence() if row.id in cited}
    if mode == "generalist":
        lost = {row.id for row in idv.evidence() if row.gains.get("without_if", 0) < 0}
        assert len(lost) == 5
        assert "5 of 14 published mixes" in " ".join(one.says for one in found.advice)
    else:
        lost = {
            row.id for row in idv.evidence() if row.table < 3 and row.gains.get("average", 0) < 0
        }
        assert "only-if-1.6" in rows  # a quarter beyond the core
    assert lost
    assert lost <= set(rows)
    assert all(one.evidence for one in found.advice)


def test_a_curve_that_flattens_early_is_said():
    law = Pool.from_embeddings(np.repeat(np.eye(8)[4:6], 20, axis=0))
    pool = Pool.from_embeddings(np.eye(8)[:2])
    found = idv.advise(pool, law, 40)
    assert found.curve.flattens_at == 2
    assert any("coverage flattens after 2 of 40 records" in one.says for one in found.advice)
    assert "2 of 40 added records reach nine tenths" in found.headline


def test_advice_is_written_as_json_and_as_markdown(tmp_path: Path):
    sets = far({"core": 40, "law": 30})
    found = idv.advise(sets["core"], {"law | tort": sets["law"]}, 20)
    assert type(found).model_validate(json.loads(found.to_json())) == found
    text = found.save(tmp_path / "advice.md").read_text()
    for title in ("# What to add next", "## Advice", "## Sources", "## Clusters", "## Coverage"):
        assert title in text
    assert found.headline.replace("|", "\\|") in text
    sources = text[text.index("## Sources") : text.index("## Clusters")]
    lines = [line.replace("\\|", "") for line in sources.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {9}


def test_progress_is_told_to_its_end():
    told: list[tuple[str, int, int]] = []
    sets = far({"core": 9, "law": 9})
    idv.advise(sets["core"], sets["law"], 3, progress=lambda *at: told.append(at))
    assert told[-1][1] == told[-1][2]
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


# Bad input.

POOL = Pool.from_embeddings(np.eye(3))


@pytest.mark.parametrize("add", [0, -1, 2.5, "3", None, True])
def test_so_many_records_cannot_be_added(add: Any):
    with pytest.raises(ParameterError, match="at least 1 record is to be added, got"):
        idv.advise(POOL, POOL, add)


@pytest.mark.parametrize(
    ("candidates", "more", "error", "said"),
    [
        (
            POOL,
            {"mode": "expert"},
            ParameterError,
            "mode is specialist or generalist, got 'expert'",
        ),
        ({}, {}, ShapeError, "candidates are pools by name with a record each"),
        (LAW, {}, ShapeError, "candidates are pools by name with a record each"),
        ({"law": LAW}, {}, ShapeError, "candidates are pools by name with a record each"),
        ({"a": POOL, "b": POOL.take([])}, {}, ShapeError, "with a record each at least"),
        ({SAME: POOL}, {}, ShapeError, "'more of the same' is the name of what is there"),
        ({1: POOL, "1": POOL}, {}, ShapeError, "two have the same name: 1, 1"),
        ({"a": Pool.from_embeddings(np.eye(2))}, {}, ShapeError, "2 dimensions do not fit a pool"),
        (POOL, {"target": np.eye(2)}, ShapeError, "2 dimensions do not fit a pool"),
        (POOL, {"target": []}, ShapeError, "the target has no record"),
        (POOL, {"target": LAW}, ShapeError, "a target is a pool or vectors"),
    ],
)
def test_what_cannot_be_advised_on_is_said(
    candidates: Any, more: dict[str, Any], error: type[Exception], said: str
):
    with pytest.raises(error, match=said):
        idv.advise(POOL, candidates, 5, **more)


def test_pools_of_two_calls_are_not_compared():
    with pytest.raises(ShapeError, match="two calls of lexical cannot be compared"):
        idv.advise(Pool.of(CODE, embedder="lexical"), Pool.of(CODE, embedder="lexical"), 5)
