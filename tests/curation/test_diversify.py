"""A core, what it lacks, and shares of several data sets: mixes at one number of records."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget, Pool
from instructdiv.curation.diversify import split_core
from instructdiv.errors import BudgetError, InputError, ParameterError, ShapeError, UnknownPart
from tests import naive
from tests.pools import far, labels
from tests.shared_data import CODE, FOOD, LAW, MUSIC, OTHERS


def diversify(core: Any = CODE, pools: Any = OTHERS, *given: Any, **more: Any) -> Any:
    return idv.diversify(core, pools, *given, embedder="lexical", **more)


def ids(found: Any) -> list[str]:
    return [row["id"] for row in found.mix.records.rows]


@pytest.fixture(scope="module")
def done() -> Any:
    return diversify(beyond_share=0.25)


# Diversify.


def test_the_total_stays_and_the_share_is_exact(done: Any):
    assert len(done.dataset) == len(done.mix.order) == done.plan.budget == 40
    assert [(row.domain, row.chosen) for row in done.plan.domains] == [
        ("core", 30),
        ("food", 4),
        ("law", 3),
        ("music", 3),
    ]
    assert len(done.plan.came) == len(done.plan.left) == 10


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.floats(0, 1), st.lists(st.integers(20, 25), min_size=1, max_size=3))
def test_the_budget_is_spent_exactly_at_any_share(budget: int, share: float, sizes: list[int]):
    sets = far({"core": 20} | {f"domain {i}": n for i, n in enumerate(sizes)})
    core = sets.pop("core")
    found = idv.diversify(core, sets, budget, share)
    assert len(found.mix.order) == len(set(found.mix.order.tolist())) == budget
    assert abs(len(found.plan.came) - share * budget) <= 0.5 + 1e-9
    assert found.plan.domains[0].chosen == budget - len(found.plan.came)


def test_what_left_and_what_stayed_are_the_core(done: Any):
    left = {one.id for one in done.plan.left}
    came = {one.id for one in done.plan.came}
    stayed = set(ids(done)) - came
    assert not left & stayed
    assert left | stayed == {row["id"] for row in CODE}
    assert {one.like for one in done.plan.left} <= set(ids(done))
    similar = [one.similarity for one in done.plan.left]
    assert similar == sorted(similar, reverse=True)
    # The instruction of each is shown, and those that come in the order of the mix.
    text = {row["id"]: row["instruction"] for rows in (CODE, *OTHERS.values()) for row in rows}
    assert all(text[one.id] == one.text for one in [*done.plan.left, *done.plan.came])
    assert [one.id for one in done.plan.came] == [one for one in ids(done) if one in came]
    assert all(one.id.startswith(one.domain) for one in done.plan.came)


def test_the_twin_that_stays_is_the_most_similar_record_of_the_mix(done: Any):
    row = {record["id"]: i for i, record in enumerate(done.mix.pool.records.rows)}
    mix = sorted(done.mix.order.tolist())
    similarities = naive.dense(done.mix.pool.space, done.mix.pool.space.take(mix))
    for one in done.plan.left:
        best = similarities[row[one.id]].max()
        assert one.similarity == pytest.approx(best, abs=1e-5)
        assert similarities[row[one.id], mix.index(row[one.like])] == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("radius", [0.05, 0.3, 0.5])
def test_nothing_comes_that_the_core_covers(radius: float):
    random = np.random.default_rng(2)
    core = Pool.from_embeddings(random.standard_normal((60, 8)))
    others = {name: Pool.from_embeddings(random.standard_normal((200, 8))) for name in "ab"}
    found = idv.diversify(core, others, beyond_share=0.05, radius=radius)
    pool = found.mix.pool
    near = naive.dense(pool.space, core.space).max(axis=1)
    came = found.mix.order[found.mix.order >= 60]
    assert len(came) == 3
    assert (1 - near[came] > radius).all()
    for one, row in zip(found.plan.came, came.tolist(), strict=True):
        assert one.similarity == pytest.approx(near[row], abs=1e-5)
        name = "ab"[(row - 60) // 200]
        assert (one.domain, one.id) == (name, f"row {(row - 60) % 200} of {name}")
    for row in found.plan.domains[1:]:
        inside = near[labels(pool) == row.domain]
        assert row.beyond == (1 - inside > radius).sum()


def test_numbers_of_the_plan_are_those_of_the_mix(done: Any):
    pool = done.mix.pool
    dense = naive.dense(pool.space, pool.space)
    kept = np.isin(np.arange(len(pool)), done.mix.order)
    for row in done.plan.domains:
        inside = labels(pool) == row.domain
        before = dense[inside][:, np.arange(len(pool)) < 40].max(axis=1)
        after = dense[inside][:, kept].max(axis=1)
        assert row.records == inside.sum()
        assert row.chosen == kept[inside].sum()
        for found, similarity in (
            ((row.covered_before, row.similarity_before), before),
            ((row.covered_after, row.similarity_after), after),
        ):
            assert found[0] == pytest.approx((1 - similarity <= 0.3).mean())
            assert found[1] == pytest.approx(similarity.mean(), abs=1e-5)
    reached = [row for row in done.plan.domains[1:] if row.beyond]
    assert all(row.covered_after > row.covered_before for row in reached)
    mean = np.mean([row.covered_after for row in reached])
    assert f"and {mean:.1%} is." in done.plan.headline
    assert str(done) == done.plan.headline


def test_profiles_before_and_after_are_of_the_core_and_of_the_mix(done: Any):
    assert done.before.records == done.after.records == 40
    assert [row.domain for row in done.before.domain_rows] == ["core"]
    after = {row.domain: row.records for row in done.after.domain_rows}
    assert after == {"core": 30, "food": 4, "law": 3, "music": 3}


def test_it_is_the_same_twice_and_whatever_the_order_of_the_data_sets(done: Any):
    assert ids(diversify(beyond_share=0.25)) == ids(done)
    sets = far({"core": 30, "a": 15, "b": 12, "c": 9})
    core = sets.pop("core")
    first = idv.diversify(core, sets, beyond_share=0.3)
    turned = idv.diversify(core, dict(reversed(sets.items())), beyond_share=0.3)
    assert [one.id for one in first.plan.came] == [one.id for one in turned.plan.came]
    assert first.plan.left == turned.plan.left
    for one, other in zip(first.plan.domains, turned.plan.domains, strict=True):
        assert one.model_dump() == pytest.approx(other.model_dump(), abs=1e-6)


def test_data_can_be_given_in_any_form(done: Any, tmp_path: Path):
    from datasets import Dataset

    path = tmp_path / "code.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in CODE))
    one = [row | {"topic": topic} for topic, rows in OTHERS.items() for row in rows]
    pools = Pool.together({"core": CODE, **OTHERS}, embedder="lexical")
    datasets = {name: Dataset.from_list(rows) for name, rows in OTHERS.items()}
    for found in (
        diversify(str(path), OTHERS, beyond_share=0.25),
        diversify(Dataset.from_list(CODE), datasets, beyond_share=0.25),
        diversify(CODE, one, beyond_share=0.25, group="topic"),
        diversify(CODE, {"all": one}, beyond_share=0.25, group="topic"),
        idv.diversify(pools.pop("core"), pools, beyond_share=0.25),
    ):
        assert ids(found) == ids(done)
        assert [row.chosen for row in found.plan.domains] == [30, 4, 3, 3]
        assert [row["instruction"] for row in found.dataset] == [
            row["instruction"] for row in done.dataset
        ]


def test_a_domain_of_several_data_sets_is_one_and_one_without_the_column_is_a_domain():
    both = [row | {"topic": "law"} for row in LAW], [row | {"topic": "law"} for row in FOOD]
    found = diversify(CODE, {"a": both[0], "b": both[1], "music": MUSIC}, group="topic")
    records = {row.domain: row.records for row in found.plan.domains}
    assert records == {"core": 40, "law": 42, "music": 6}


def test_one_data_set_without_groups_is_divided_by_files_or_into_clusters(tmp_path: Path):
    paths = []
    for topic, rows in OTHERS.items():
        paths.append(str(tmp_path / f"{topic}.jsonl"))
        Path(paths[-1]).write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = diversify(CODE, paths, beyond_share=0.25)
    assert {row.domain for row in files.plan.domains} == {"core", *paths}
    clusters = diversify(CODE, LAW + FOOD + MUSIC, beyond_share=0.25)
    assert len(clusters.plan.domains) == 1 + round(48**0.5)
    assert sum(row.records for row in clusters.plan.domains) == 88
    vectors = far({"core": 20, "law": 9})
    alone = idv.diversify(vectors["core"], vectors["law"], beyond_share=0.2)
    assert {row.domain for row in alone.plan.domains[1:]} == {f"cluster {i}" for i in range(3)}


def test_vectors_alone_have_a_plan_but_no_records_to_write(tmp_path: Path):
    sets = far({"core": 20, "law": 9})
    found = idv.diversify(sets.pop("core"), sets, beyond_share=0.1)
    assert {one.text for one in found.plan.left} | {one.text for one in found.plan.came} == {""}
    assert found.plan.left[0].id.endswith(" of core")
    assert found.before.records == 20
    with pytest.raises(InputError, match="vectors alone has no records to write"):
        found.export(tmp_path / "mix")
    assert not (tmp_path / "mix").exists()


def test_the_folder_that_is_written_lists_the_rows(done: Any, tmp_path: Path):
    files = done.export(tmp_path / "mix")
    assert tmp_path / "mix" / "manifest.json" in files
    manifest = json.loads((tmp_path / "mix" / "manifest.json").read_text())
    assert manifest["selection"]["ids"] == ids(done)
    counts = {"read": 88, "quarantined": 0, "selected": 40, "dropped": 48, "excluded": {}}
    assert manifest["counts"] == counts
    assert manifest["recipe"]["selector"]["name"] == "specialist"
    assert manifest["recipe"]["selector"]["beyond_share"] == 0.25
    assert [row["id"] for row in idv.load(str(tmp_path / "mix"))] == ids(done)


def test_a_plan_is_written_as_json_and_as_markdown(done: Any, tmp_path: Path):
    assert type(done.plan).model_validate(json.loads(done.plan.to_json())) == done.plan
    text = done.plan.save(tmp_path / "plan.md").read_text()
    for title in ("# Plan of an exchange", "## Domains", "## Leave: 10", "## Come: 10"):
        assert title in text


def test_rows_that_cannot_be_used_are_left_out_and_told():
    found = diversify([*CODE, {"output": "no question"}], OTHERS, beyond_share=0.25)
    assert found.plan.budget == 40
    assert found.mix.pool.records.quarantine[0].file == "list"
    with pytest.raises(InputError):
        diversify([*CODE, {"output": "no question"}], OTHERS, strict=True)


@pytest.mark.parametrize("within", ["random", idv.KCenter(), "facility_location"])
def test_any_selector_can_choose_within(within: Any):
    found = diversify(beyond_share=0.25, within=within, seed=3)
    assert Counter(one.split()[0] for one in ids(found)) == {
        "code": 30,
        "food": 4,
        "law": 3,
        "music": 3,
    }


def test_a_seed_is_that_of_the_draw_within():
    found = [ids(diversify(beyond_share=0.25, within="random", seed=s)) for s in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


# What speaks against it.


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15, 0.25])
def test_advice_cites_the_rows_that_lost_too(share: float):
    found = diversify(beyond_share=share).plan.advice
    cited = [id_ for one in found for id_ in one.evidence]
    rows = [row for row in idv.evidence() if row.id in cited]
    assert all(idv.evidence(id_).id == id_ for id_ in cited)
    assert {row.id for row in idv.evidence() if row.gains.get("average", 0) < 0} <= set(cited)
    assert any("average" in row.loses for row in rows)
    # More than a tenth beyond the core gained less.
    assert ("only-if-1.6" in cited) is (share > 0.1)


def test_shares_that_come_to_nothing_are_noted():
    found = diversify(CODE[:4], OTHERS, beyond_share=0.1)
    assert found.plan.came == found.plan.left == []
    [note] = [note for note in found.plan.notes if "no whole record" in note]
    assert note == "0.1 of the budget comes to no whole record: the mix is of the core alone"
    assert diversify(beyond_share=0).plan.notes == []


def test_fewer_records_than_domains_are_noted():
    found = diversify(beyond_share=0.05)
    assert (
        found.plan.notes[0] == "2 records beyond the core do not reach every domain; none of: music"
    )


def test_domains_that_the_core_covers_are_noted():
    sets = far({"core": 20, "law": 9})
    near = Pool.from_embeddings(sets["core"].space.vectors[:7] + 0.01)
    found = idv.diversify(sets["core"], {"law": sets["law"], "near": near}, beyond_share=0.2)
    assert [row.chosen for row in found.plan.domains if row.domain == "near"] == [0]
    assert "the core covers all of: near; nothing comes from there" in found.plan.notes


def test_a_core_without_redundancy_is_noted():
    core = Pool.from_embeddings(np.eye(12)[:8])
    law = Pool.from_embeddings(np.eye(12)[8:])
    found = idv.diversify(core, {"law": law}, beyond_share=0.25)
    assert found.plan.notes == [
        "the core has little to spare: 2 of the 2 records that leave have none like them (within "
        "0.3) in the mix"
    ]
    assert "2 leave; 0 of them have one like them that stays" in found.plan.headline


def test_several_layouts_are_noted():
    chat = [{"messages": [{"role": "user", "content": row["instruction"]}]} for row in LAW]
    found = diversify(CODE, {"law": chat}, beyond_share=0.1)
    [note] = [note for note in found.plan.notes if "layouts" in note]
    assert note.startswith("records have 2 layouts (")
    assert len(found.dataset) == 40


# Bad input.


@pytest.mark.parametrize(
    ("core", "pools", "more", "error", "said"),
    [
        (CODE, OTHERS, {"budget": 60}, BudgetError, "take 54 of the core, which has 40"),
        (CODE, {"law": LAW}, {"beyond_share": 0.5}, BudgetError, "are 20, but 12 of 12"),
        (CODE, {"copies": CODE}, {}, BudgetError, "nothing lies beyond the core: all 40 records"),
        (CODE, OTHERS, {"budget": 0}, BudgetError, "records = 0"),
        (CODE, OTHERS, {"budget": Budget(tokens=99)}, BudgetError, "keeps the number of records"),
        (CODE, OTHERS, {"beyond_share": 1.5}, ParameterError, "beyond_share = 1.5"),
        (CODE, OTHERS, {"beyond_share": -0.1}, ParameterError, "beyond_share = -0.1"),
        (CODE, OTHERS, {"radius": -1}, ParameterError, "radius = -1"),
        (CODE, OTHERS, {"balance": 2}, ParameterError, "balance = 2"),
        (CODE, OTHERS, {"within": "best"}, UnknownPart, "no selector is named 'best'"),
        (CODE, OTHERS, {"view": "all"}, ParameterError, "view = 'all'"),
        (CODE, OTHERS, {"group": "topic"}, InputError, "no column is named 'topic'"),
        (CODE, {}, {}, ShapeError, "there is nothing that may come; give pools by name"),
        ([], OTHERS, {}, InputError, "list holds no records"),
        (CODE, {"law": []}, {}, InputError, "list holds no records"),
        (CODE, {"core": LAW}, {}, ShapeError, "'core' is the name of the core"),
        (CODE, {1: LAW, "1": FOOD}, {}, ShapeError, "two have the same name: 1, 1"),
    ],
)
def test_what_cannot_be_diversified_is_said(
    core: Any, pools: Any, more: dict[str, Any], error: type[Exception], said: str
):
    with pytest.raises(error, match=said):
        diversify(core, pools, **more)


def test_pools_are_not_diversified_with_records():
    with pytest.raises(ShapeError, match="'core'"):
        diversify(CODE, {"law": Pool.of(LAW, embedder="lexical")})


def test_a_group_that_is_called_core_is_refused():
    data = [row | {"topic": "core"} for row in LAW]
    with pytest.raises(ShapeError, match="'core' is the name of the core; give the domain another"):
        diversify(CODE, {"law": data}, group="topic")


def test_pools_of_other_dimensions_and_other_calls_are_refused():
    with pytest.raises(ShapeError, match="3 dimensions do not fit a pool of 2"):
        idv.diversify(Pool.from_embeddings(np.eye(2)), {"a": Pool.from_embeddings(np.eye(3))})
    two = Pool.of(CODE, embedder="lexical"), Pool.of(CODE, embedder="lexical")
    with pytest.raises(ShapeError, match="two calls of lexical cannot be compared"):
        idv.diversify(two[0], {"law": two[1]})


def test_the_share_that_an_error_names_can_be_taken():
    sets = far({"core": 30, "law": 4})
    core = sets.pop("core")
    with pytest.raises(BudgetError, match="take a share of at most 0.133"):
        idv.diversify(core, sets, beyond_share=0.5)
    assert len(idv.diversify(core, sets, beyond_share=0.133).plan.came) == 4
    with pytest.raises(BudgetError, match="are 5, but 4 of 4 are farther"):
        idv.diversify(core, sets, beyond_share=5 / 30)


# Shares of groups.


def test_groups_without_a_share_are_never_chosen_from():
    pool = Pool.from_embeddings(np.eye(6), groups=[*"aaabbb"])
    for shares in ({"a": 1.0}, {"a": 3.0, "b": 0.0}):
        selector = idv.GroupBalanced(shares=shares)
        assert sorted(selector.select(pool, 3).indices) == [0, 1, 2]
        with pytest.raises(BudgetError, match="4 cannot be shared out: the capacities hold 3"):
            selector.select(pool, 4)


# A group as the core.


def test_a_group_is_a_core_and_all_other_groups_the_rest():
    pool = Pool.from_embeddings(np.eye(6), groups=list("abacba"))
    core, others = split_core(pool, "a")
    assert core.space.vectors.tolist() == np.eye(6)[[0, 2, 5]].tolist()
    assert others.groups is not None
    assert others.groups.tolist() == ["b", "c", "b"]


@pytest.mark.parametrize(
    ("groups", "core", "says"),
    [
        (None, "a", "has none"),
        (["a", "b", "a"], "c", "no group is named 'c'; known: a, b"),
        (["a", "a", "a"], "a", "all records are of 'a'"),
    ],
)
def test_a_core_that_is_not_one_of_several_groups_is_refused(groups: Any, core: str, says: str):
    with pytest.raises(ShapeError, match=says):
        split_core(Pool.from_embeddings(np.eye(3), groups=groups), core)
