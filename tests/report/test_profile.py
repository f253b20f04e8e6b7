"""How many instructions a pool has, and how records are spread over them."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Pool
from instructdiv.clusterers import KMeans
from instructdiv.errors import InputError, ParameterError
from instructdiv.report.profile import CAVEAT, Counts, instruction_numbers
from tests.pages import every_advice
from tests.pools import clustered

WORDS = ["apple", "river", "cloud", "tiger", "piano", "rocket", "copper", "falcon", "walnut"]


def rows(*instructions: str, **more: Any) -> list[dict[str, Any]]:
    return [{"instruction": text, "output": "?", **more} for text in instructions]


def profile(data: Any, **more: Any) -> Any:
    return idv.instruction_profile(Pool.of(data, embedder="lexical"), **more)


def vectors_of(sizes: list[int]) -> Pool:
    """So many copies of vectors that are at right angles."""
    return Pool.from_embeddings(np.repeat(np.eye(len(sizes)), sizes, axis=0))


# Counts.


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_counts_are_those_of_their_definitions(counts: list[int]):
    found, total = Counts.of(counts), sum(counts)
    shares = [count / total for count in counts]
    assert found.distinct == len(counts)
    assert found.mean == pytest.approx(total / len(counts))
    assert found.hill_1 == pytest.approx(math.exp(-sum(s * math.log(s) for s in shares)))
    assert found.hill_2 == pytest.approx(1 / sum(s * s for s in shares))
    pairs = [abs(a - b) for a in counts for b in counts]
    assert found.gini == pytest.approx(sum(pairs) / (2 * len(counts) * total), abs=1e-12)
    assert found.largest_share == max(shares)
    assert found.at_least == {m: sum(c >= m for c in counts) for m in (1, 2, 5, 10, 100)}
    # The orders of Hill numbers fall, and equal counts are worth what they are.
    assert found.hill_2 <= found.hill_1 + 1e-9 <= found.distinct + 2e-9
    assert Counts.of(counts[::-1]) == found


def test_equal_counts_have_no_gini():
    found = Counts.of([7, 7, 7])
    assert (found.hill_1, found.hill_2) == pytest.approx((3, 3))
    assert found.gini == 0


# Instructions.


def test_texts_that_differ_in_how_they_are_written_count_once():
    told = profile(rows("Name a river.", "  name a  RIVER", "Name a river!", "Paint the house."))
    assert told.texts.distinct == told.instructions.distinct == 2
    assert told.texts.largest_share == 0.75
    [frequent] = told.frequent
    assert (frequent.instruction, frequent.records, frequent.wordings) == ("Name a river.", 3, 1)


def test_signs_tell_instructions_apart():
    assert profile(rows("What is 3 * 4?", "What is 3 - 4?", "What is 3 + 4")).texts.distinct == 3


def test_near_copies_are_one_instruction_and_their_wordings_are_counted():
    vectors = np.array([[1, 0, 0.0], [1, 0.01, 0], [0, 1, 0], [1, 0.02, 0], [0, 0, 1]])
    pool = Pool.from_embeddings(vectors)
    told = idv.instruction_profile(pool)
    assert (told.texts.distinct, told.instructions.distinct) == (5, 3)
    [frequent] = told.frequent
    assert (frequent.records, frequent.wordings) == (3, 3)
    assert instruction_numbers(pool).tolist() in ([0, 0, 1, 0, 2], [0, 0, 2, 0, 1])
    # At a similarity of 1 only copies are one; at -1 all are.
    assert idv.instruction_profile(pool, similarity_threshold=1).instructions.distinct == 5
    assert idv.instruction_profile(pool, similarity_threshold=-1).instructions.distinct == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.randoms())
def test_what_is_counted_does_not_depend_on_the_order(sizes: list[int], random: Any):
    data = [row for word, n in zip(WORDS, sizes, strict=False) for row in rows(*[word] * n)]
    random.shuffle(data)
    # Each word an axis of its own: lexical has one axis fewer than there are texts.
    axes = np.eye(len(WORDS))[[WORDS.index(row["instruction"]) for row in data]]
    found = idv.instruction_profile(
        replace(Pool.of(data, embedder="lexical"), space=idv.Space.of(axes))
    )
    assert found.texts == found.instructions == Counts.of(sizes)
    assert found.records == sum(sizes)


def test_the_input_of_an_instruction_is_not_counted():
    data = [{"instruction": "Add.", "input": f"{n} + {n}", "output": "?"} for n in range(9)]
    assert profile(data).instructions.distinct == 1
    # The pool was of prompts: the instructions themselves are embedded, to find near copies.
    pool = Pool.of([*data, *rows("Sing a song.")], embedder="lexical")
    assert len(set(pool.texts)) == 10
    assert idv.instruction_profile(pool).instructions.at_least[2] == 1


def test_near_copies_are_found_among_the_instructions_whatever_the_pool_shows():
    asked = ["Sort the stones, then count them.", "Count them, then sort the stones.", "Sing."]
    data = [
        {"instruction": text, "input": word, "output": "?"}
        for text, word in zip(asked, WORDS, strict=False)
    ]
    # Vectors of prompts that have nothing in common.
    pool = replace(Pool.of(data, embedder="lexical"), space=idv.Space.of(np.eye(3)))
    assert idv.instruction_profile(pool).instructions.distinct == 2
    # Vectors of the instructions themselves are taken as they are, and so are those of a file.
    shown = replace(
        Pool.of(data, embedder="lexical", view="instruction"), space=idv.Space.of(np.eye(3))
    )
    assert idv.instruction_profile(shown).instructions.distinct == 3
    own = replace(pool, embedder=idv.Precomputed(path="none.npy"))
    assert idv.instruction_profile(own).instructions.distinct == 3


def test_long_texts_take_the_room_that_they_need():
    data = rows(*(f"{word} {n}" for n in range(40) for word in WORDS), "long " * 40_000)
    pool = Pool.of(data, embedder="lexical", view="instruction")
    import tracemalloc

    tracemalloc.start()
    numbers = idv.instruction_profile(pool).texts.distinct
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # As an array of text each would be as wide as the longest: 600 MB.
    assert numbers == 40 * len(WORDS) + 1
    assert peak < 1e8


# Domains.


def test_the_view_of_data_is_that_which_tells_their_domains_apart():
    asked = [
        {"instruction": f"{word} {n}", "input": "x", "output": "?"}
        for n in range(3)
        for word in WORDS
    ]
    varied = idv.instruction_profile(asked, embedder="lexical")
    assert varied.view == "instruction"
    one = [row | {"instruction": "Solve.", "input": row["instruction"]} for row in asked]
    told = idv.instruction_profile(one, embedder="lexical")
    assert (told.view, told.domains_are) == ("prompt", "clusters")
    assert "domains are told from prompts" in told.headline
    assert "told from prompts" not in varied.headline
    assert told.domains == idv.instruction_profile(one, embedder="lexical", view="prompt").domains
    as_said = idv.instruction_profile(one, embedder="lexical", view="instruction")
    assert (as_said.view, as_said.domains.distinct) == ("instruction", 1)
    assert idv.instruction_profile(vectors_of([2, 1])).view is None


def test_domains_are_the_groups_the_largest_first():
    data = [
        *rows("Sort a list.", "Sort a list.", "Reverse text.", "Open a file.", topic="code"),
        *rows("Cite the law.", topic="law"),
    ]
    told = idv.instruction_profile(Pool.of(data, embedder="lexical", group="topic"))
    assert told.domains_are == "groups"
    assert told.domains == Counts.of([4, 1])
    code, law = told.domain_rows
    assert (code.domain, code.records, code.share) == ("code", 4, 0.8)
    assert (code.instructions, code.largest_share) == (3, 0.5)
    assert (law.domain, law.records, law.instructions, law.largest_share) == ("law", 1, 1, 1)


def test_without_groups_clusters_are_the_domains():
    pool = clustered(60, 8, 3)
    alone = Pool.from_embeddings(pool.space)
    told = idv.instruction_profile(alone, clusterer=KMeans(n_clusters=4))
    assert told.domains_are == "clusters"
    assert told.domains.distinct == len(told.domain_rows) == 4
    sizes = [row.records for row in told.domain_rows]
    assert sum(sizes) == 60
    assert sizes == sorted(sizes, reverse=True)
    assert not any("one domain" in one.says for one in told.warnings)
    # A clusterer that is given goes before groups.
    assert idv.instruction_profile(pool, clusterer=KMeans(n_clusters=2)).domains.distinct == 2


def test_vectors_alone_have_instructions_without_texts():
    told = idv.instruction_profile(vectors_of([5, 3, 1]))
    assert told.instructions == Counts.of([5, 3, 1])
    assert [(row.instruction, row.records) for row in told.frequent] == [("", 5), ("", 3)]
    one = idv.instruction_profile(Pool.from_embeddings([[1.0, 2.0]]))
    assert one.records == one.instructions.distinct == one.domains.distinct == 1


def test_twenty_are_shown_and_none_that_one_record_has():
    assert len(idv.instruction_profile(vectors_of([2] * 30)).frequent) == 20
    assert idv.instruction_profile(vectors_of([1] * 30)).frequent == []


# Warnings.


CONSTANT = vectors_of([9])
FEW = vectors_of([3, 3])
BAND = vectors_of([1] * 300)
MANY = vectors_of([1] * 1000)
PEAKED = vectors_of([600, *[1] * 299])
ONE_DOMAIN = Pool.from_embeddings(np.eye(3), groups=["code"] * 3)


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        (CONSTANT, ["all records have one instruction", "1 instruction: more records"]),
        (FEW, ["2 instructions: more records of them will not help"]),
        (vectors_of([1] * 299), ["299 instructions: more records of them"]),
        (BAND, ["300 instructions lie in the band from 300 to 1,000"]),
        (vectors_of([1] * 999), ["999 instructions lie in the band"]),
        (MANY, []),
        (PEAKED, ["lie in the band", "a few instructions have most records"]),
        (ONE_DOMAIN, ["3 instructions", "all records are of one domain"]),
    ],
    ids=["constant", "few", "299", "300", "999", "1000", "peaked", "one domain"],
)
def test_warnings_name_what_they_rest_on(pool: Pool, said: list[str]):
    told = idv.instruction_profile(pool, clusterer=None if pool.groups is not None else One())
    assert len(told.warnings) == len(said)
    assert every_advice(told) == told.warnings
    for one, words in zip(told.warnings, said, strict=True):
        assert words in one.says
        for id_ in one.evidence:
            assert idv.evidence(id_).id == id_
        if "instruction" in one.says and one.evidence:
            assert CAVEAT in one.says


class One(KMeans):
    """All rows in one cluster: fast, where clusters do not matter."""

    n_clusters: int | None = 1


def test_every_piece_of_evidence_that_is_cited_is_there():
    cited = [
        id_
        for pool in (CONSTANT, FEW, BAND, PEAKED, ONE_DOMAIN)
        for one in idv.instruction_profile(pool).warnings
        for id_ in one.evidence
    ]
    assert {idv.evidence(id_).id for id_ in cited} == {
        "only-if-fig-2a",
        "only-if-fig-3",
        "only-if-fig-4",
        "unseen-tasks-table-1",
    }


# Documents.


def test_a_profile_is_written_as_json_and_as_markdown(tmp_path: Path):
    told = profile(rows("Name a river | lake.", "Name a river | lake.", "Count to <ten>."))
    assert type(told).model_validate(json.loads(told.to_json())) == told
    assert json.loads(told.save(tmp_path / "a.json").read_text())["records"] == 3
    text = told.save(tmp_path / "a.md").read_text()
    assert text.startswith("# Profile of the instructions\n")
    assert told.headline in text
    for title in ("Warnings", "Counts", "Domains", "Frequent instructions"):
        assert f"## {title}" in text
    table = text[text.index("## Frequent") :].splitlines()
    lines = [line for line in table if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    with pytest.raises(InputError, match=r"\.json or \.md"):
        told.save(tmp_path / "a.txt")


def test_the_headline_has_the_numbers():
    told = profile(rows("Name a river.", "Name a river.", "Count to ten."))
    assert told.headline.startswith("3 records, 2 distinct instructions")
    assert "1.5 records per instruction" in told.headline
    assert "66.7% of the records" in told.headline


@pytest.mark.parametrize("similarity_threshold", [1.1, -2, math.nan])
def test_a_similarity_is_from_minus_1_to_1(similarity_threshold: float):
    with pytest.raises(ParameterError, match="similarity_threshold must lie in -1..1, got"):
        idv.instruction_profile(FEW, similarity_threshold=similarity_threshold)
