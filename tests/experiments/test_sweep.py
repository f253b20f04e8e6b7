"""Mixes that differ in one thing only: what they share, and the scripts that train on them."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget, Pool
from instructdiv.core.files import sha256
from instructdiv.curation.manifest import selection_of
from instructdiv.errors import (
    BudgetError,
    InputError,
    OutputError,
    ParameterError,
    ShapeError,
    UsageError,
)
from instructdiv.experiments import budget_curve, instructions_vs_examples, share_grid
from instructdiv.experiments.sweep_script import SWEPT
from instructdiv.exporters import Parquet
from tests.pools import far, labels
from tests.shared_data import CODE, FOOD, LAW, MUSIC, OTHERS

SHARES = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25]


def grid(*given: Any, **more: Any) -> Any:
    return share_grid(CODE, OTHERS, *given, embedder="lexical", **more)


def groups_of(sweep: Any, name: str) -> list[str]:
    mix = sweep.mixes[name]
    return [str(group) for group in labels(mix.pool)[mix.order]]


# A grid of shares.


def test_the_published_shares_are_the_default_and_all_mixes_are_of_one_size(sweep: Any):
    assert [cell.beyond_share for cell in sweep.plan.rows] == SHARES
    assert list(sweep.mixes) == [f"share-{round(100 * share):02d}" for share in SHARES]
    assert [len(mix.order) for mix in sweep.mixes.values()] == [40] * 6
    assert [cell.records for cell in sweep.plan.rows] == [40] * 6
    for share, name in zip(SHARES, sweep.mixes, strict=True):
        assert groups_of(sweep, name).count("core") == 40 - round(40 * share)
    assert sweep.plan.notes == [
        "2 records beyond the core do not reach every domain; none of: music"
    ]


def test_the_core_alone_is_never_left_out(sweep: Any):
    found = grid(shares=[0.1])
    assert list(found.mixes) == ["share-00", "share-10"]
    assert set(groups_of(found, "share-00")) == {"core"}
    [note] = found.plan.notes
    assert note.startswith("0 %, the core alone, was added")
    assert list(grid(shares=[]).mixes) == ["share-00"]
    assert not any("was added" in note for note in sweep.plan.notes)


def test_a_larger_share_has_what_a_smaller_one_has_of_each_domain(sweep: Any):
    before: set[int] = set()
    core = set(range(40))
    for mix in sweep.mixes.values():
        rows = mix.order.tolist()
        beyond, inside = {row for row in rows if row >= 40}, {row for row in rows if row < 40}
        assert before <= beyond
        assert inside <= core
        before, core = beyond, inside
    assert len(before) == 10


def test_a_mix_of_a_grid_is_what_diversify_makes_at_its_share(sweep: Any):
    done = idv.diversify(CODE, OTHERS, beyond_share=0.15, embedder="lexical")
    assert done.mix.order.tolist() == sweep.mixes["share-15"].order.tolist()


def test_cells_count_what_is_in_the_mix(sweep: Any):
    for cell, (name, mix) in zip(sweep.plan.rows, sweep.mixes.items(), strict=True):
        assert cell.name == name
        assert cell.domains == len(set(groups_of(sweep, name)))
        texts = {row["instruction"] for row in mix.records.rows}
        assert cell.instructions <= len(texts)
        assert cell.examples_per_instruction == pytest.approx(40 / cell.instructions)
    assert str(sweep) == "6 mixes of 40 records, from 0 to 25% beyond the core."


def test_shares_that_are_no_whole_percent_have_names_of_their_own():
    found = grid(shares=[0.125, 0.12, 0.25, 0.25])
    assert list(found.mixes) == ["share-00", "share-12", "share-12.5", "share-25"]


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([1.5], "shares are between 0 and 1, got 1.5"),
        ([-0.1], "shares are between 0 and 1, got -0.1"),
        ([float("nan")], "shares are between 0 and 1, got nan"),
        (["some"], "shares are a list of numbers"),
        (0.1, "shares are a list of numbers, got 0.1"),
    ],
)
def test_shares_out_of_range_are_refused(shares: Any, said: str):
    with pytest.raises(ParameterError, match=said):
        grid(shares=shares)


def test_a_grid_that_cannot_be_made_is_refused():
    with pytest.raises(BudgetError, match="of the core, which has 40"):
        grid(50)  # the control needs 50 of the core
    with pytest.raises(BudgetError, match="farther than 0.3 from every record"):
        share_grid(CODE, {"music": MUSIC}, shares=[0.5], embedder="lexical")
    with pytest.raises(ShapeError, match="nothing that may come"):
        share_grid(CODE, {}, embedder="lexical")


# Curves.


@st.composite
def domains(draw: st.DrawFn) -> tuple[dict[str, int], int, int]:
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
    named = {f"domain {i}": n for i, n in enumerate(sizes)}
    return named, draw(st.integers(1, max(sizes))), draw(st.integers(0, 3))


@settings(max_examples=40, deadline=None)
@given(domains())
def test_more_domains_hold_those_of_fewer_at_one_size(case: tuple[dict[str, int], int, int]):
    sizes, budget, seed = case
    pools = far(sizes)
    found = budget_curve(pools, budget, range(1, len(sizes) + 1), seed=seed)
    assert [cell.name for cell in found.plan.rows] == [
        f"domains-{n:04d}" for n in range(1, len(sizes) + 1)
    ]
    before: set[str] = set()
    rows_of: dict[str, set[int]] = {}
    for n, cell in enumerate(found.plan.rows, 1):
        if cell.why_not is not None:
            assert cell.name not in found.mixes
            assert cell.records == 0
            # Too few records for so many domains; fewer than the budget only without a choice.
            assert (n > budget) is ("are fewer than" in cell.why_not)
            continue
        rows = found.mixes[cell.name].order
        groups = Counter(groups_of(found, cell.name))
        assert len(rows) == len(set(rows.tolist())) == cell.records == budget
        assert len(groups) == cell.domains == n
        assert before <= set(groups)
        before = set(groups)
        # Quotas as equal as sizes let them be.
        most = max(groups.values())
        assert all(groups[name] >= min(sizes[name], most - 1) for name in groups)
        for name in groups:
            inside = {r for r in rows.tolist() if labels(found.mixes[cell.name].pool)[r] == name}
            assert inside <= rows_of.get(name, inside)
            rows_of[name] = inside
    # One domain holds the budget, so that the first mix can be made.
    assert found.plan.rows[0].why_not is None


def test_numbers_of_domains_go_by_twos_and_end_with_all():
    pools = far(dict.fromkeys("abcdefghijk", 12))
    found = budget_curve(pools, 12)
    assert [cell.domains for cell in found.plan.rows] == [1, 2, 4, 8, 11]
    assert str(found) == "5 mixes of 12 records, from 1 to 11 domains."
    once = budget_curve(pools, 12, [3])
    assert [cell.domains for cell in once.plan.rows] == [3]


def test_domains_that_cannot_hold_the_budget_are_said_and_the_others_made():
    found = budget_curve(far({"a": 3, "b": 3, "c": 3}), 5)
    assert [cell.why_not for cell in found.plan.rows] == [
        "its 1 domains hold 3 of 5 records",
        None,
        None,
    ]
    assert list(found.mixes) == ["domains-0002", "domains-0003"]
    assert found.plan.notes == ["cannot be made: domains-0001"]
    text = found.plan.to_markdown()
    assert "why not" in text
    with pytest.raises(BudgetError, match="no mix of 10 records can be made: domains-0001: its 1"):
        budget_curve(far({"a": 3, "b": 3, "c": 3}), 10)


def test_a_seed_draws_the_domains_and_records_are_drawn_within():
    pools = far(dict.fromkeys("abcdef", 9))
    first = {
        groups_of(budget_curve(pools, 9, [1], seed=seed), "domains-0001")[0] for seed in range(12)
    }
    assert len(first) > 2
    a, b = (budget_curve(pools, 9, [2], seed=4).mixes["domains-0002"].order for _ in "ab")
    np.testing.assert_array_equal(a, b)


def test_a_column_names_the_domains_of_one_data_set():
    data = [row | {"topic": topic} for topic, rows in OTHERS.items() for row in rows]
    found = budget_curve(data, 6, [1, 3], group="topic", embedder="lexical")
    assert set(groups_of(found, "domains-0003")) == set(OTHERS)
    with pytest.raises(ShapeError, match="the data have no groups; name the column"):
        budget_curve(data, 6, embedder="lexical")


@st.composite
def instructions(draw: st.DrawFn) -> tuple[list[int], int, int]:
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=8))
    return sizes, draw(st.integers(1, max(sizes))), draw(st.integers(0, 3))


@settings(max_examples=60, deadline=None)
@given(instructions())
def test_each_instruction_has_the_same_number_of_records(case: tuple[list[int], int, int]):
    sizes, budget, seed = case
    pool = Pool.from_embeddings(np.repeat(np.eye(len(sizes)), sizes, axis=0))
    of = np.repeat(np.arange(len(sizes)), sizes)
    found = instructions_vs_examples(pool, budget, range(1, len(sizes) + 1), seed=seed)
    before: set[int] = set()
    for n, cell in enumerate(found.plan.rows, 1):
        each = budget // n
        feasible = bool(each) and sum(size >= each for size in sizes) >= n
        assert (cell.why_not is None) is feasible
        if not feasible:
            continue
        rows = found.mixes[cell.name].order
        assert cell.records == len(set(rows.tolist())) == n * each
        assert (cell.instructions, cell.examples_per_instruction) == (n, each)
        counts = Counter(of[rows].tolist())
        assert len(counts) == n
        assert set(counts.values()) == {each}
        assert before <= set(counts)
        before = set(counts)
        # Those with most records come first.
        assert min(sizes[i] for i in counts) >= max(
            (sizes[i] for i in range(len(sizes)) if i not in counts), default=0
        )
        # Every prefix has as many of each.
        assert len(set(of[rows[:n]].tolist())) == n
    assert found.plan.rows[0].why_not is None


def test_fewer_records_of_an_instruction_are_among_the_more():
    pool = Pool.from_embeddings(np.repeat(np.eye(4), 12, axis=0))
    found = instructions_vs_examples(pool, 12, [1, 2, 3, 4])
    chosen = [set(mix.order.tolist()) for mix in found.mixes.values()]
    for fewer, more in pairwise(chosen):
        instructions = {row // 12 for row in fewer}
        assert {row for row in more if row // 12 in instructions} <= fewer


def test_numbers_of_instructions_go_by_ones_twos_and_fives():
    pool = Pool.from_embeddings(np.repeat(np.eye(30), 2, axis=0))
    found = instructions_vs_examples(pool, 60)
    assert [cell.name for cell in found.plan.rows] == [
        f"instructions-{n:06d}" for n in (1, 2, 5, 10, 20, 30)
    ]
    assert [cell.why_not for cell in found.plan.rows][:2] == [
        "0 instructions have 60 records",
        "0 instructions have 30 records",
    ]
    assert list(found.mixes) == ["instructions-000030"]
    with pytest.raises(BudgetError, match="no mix of 60 records can be made: instructions-000002"):
        instructions_vs_examples(pool, 60, [2, 5])
    few = instructions_vs_examples(pool, 2)
    assert few.plan.rows[-1].why_not == "2 records are fewer than 30 instructions"


def test_near_copies_are_one_instruction_of_a_curve():
    pool = Pool.from_embeddings([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [0.0, 1.0]])
    found = instructions_vs_examples(pool, 4, [2])
    assert found.plan.rows[0].examples_per_instruction == 2
    with pytest.raises(ParameterError, match="from 1 to the 2 there are"):
        instructions_vs_examples(pool, 4, [3])
    assert instructions_vs_examples(pool, 3, [3], similarity_threshold=1).plan.rows[0].records == 3


@pytest.mark.parametrize("curve", [budget_curve, instructions_vs_examples])
@pytest.mark.parametrize("numbers", [[], [0], [-1], [4], ["1"], [1.5], [1, None]])
def test_numbers_that_are_none_are_refused(curve: Any, numbers: Any):
    pool = Pool.from_embeddings(np.eye(3), groups=[*"abc"])
    with pytest.raises(ParameterError, match="are whole, from 1 to the 3 there are; got"):
        curve(pool, 1, numbers)


@pytest.mark.parametrize("curve", [budget_curve, instructions_vs_examples])
@pytest.mark.parametrize("budget", [0, -1, 2.5, "3", None, Budget(tokens=5)])
def test_budgets_that_are_none_are_refused(curve: Any, budget: Any):
    pool = Pool.from_embeddings(np.eye(3), groups=[*"abc"])
    with pytest.raises(BudgetError, match="records"):
        curve(pool, budget)


@pytest.mark.parametrize("curve", [budget_curve, instructions_vs_examples])
def test_a_curve_may_have_one_point(curve: Any):
    one = Pool.from_embeddings([[1.0, 0.0]], groups=["a"])
    assert [cell.records for cell in curve(one, 1).plan.rows] == [1]


# What is written.


def test_every_mix_is_written_as_it_is_and_for_every_trainer_in_its_order(
    sweep: Any, tmp_path: Path
):
    folder = tmp_path / "a sweep"
    files = sweep.export(folder)
    assert sorted(files) == sorted(path for path in folder.rglob("*") if path.is_file())
    for name, mix in sweep.mixes.items():
        rows = list(mix.records.rows)
        assert list(idv.load(str(folder / name))) == rows
        manifest = json.loads((folder / name / "manifest.json").read_text())
        assert manifest["selection"]["ids"] == [row["id"] for row in rows]
        for trainer in SWEPT:
            lines = (folder / "train" / trainer / f"{name}.jsonl").read_text().splitlines()
            assert [[m["content"] for m in json.loads(line)["messages"]] for line in lines] == [
                [m["content"] for m in mix.pool.messages(row)] for row in mix.order.tolist()
            ]
            assert [json.loads(line)["messages"][0]["content"] for line in lines] == [
                row["instruction"] for row in rows
            ]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["sweep"] == list(sweep.mixes)
    for name, digest in manifest["outputs"].items():
        assert sha256(folder / name) == digest
    assert len(manifest["outputs"]) == len(files) - 1
    plan = json.loads((folder / "sweep.json").read_text())
    assert type(sweep.plan).model_validate(plan) == sweep.plan
    assert (folder / "sweep.md").read_text().startswith("# Sweep\n")


def test_llama_factory_is_told_where_the_files_are_and_what_they_hold(small: Any, tmp_path: Path):
    small.export(tmp_path / "sweep", trainers=["llama_factory"])
    info = json.loads(
        (tmp_path / "sweep" / "train" / "llama_factory" / "dataset_info.json").read_text()
    )
    assert list(info) == ["share-00", "share-25"]
    for entry in info.values():
        assert (tmp_path / "sweep" / "train" / "llama_factory" / entry["file_name"]).is_file()
        assert entry["formatting"] == "sharegpt"
        assert entry["columns"] == {"messages": "messages", "tools": "tools"}
        assert entry["tags"]["role_tag"] == "role"
        assert entry["tags"]["user_tag"] == "user"
    assert [path.name for path in (tmp_path / "sweep").glob("*.sh")] == ["sweep-llama_factory.sh"]


def test_layouts_that_differ_are_messages_where_they_are_trained_on(tmp_path: Path):
    chat = [
        {
            "messages": [
                {"role": "user", "content": row["instruction"]},
                {"role": "assistant", "content": "é"},
            ]
        }
        for row in LAW
    ]
    found = share_grid(CODE, {"law": chat}, shares=[0.2], embedder="lexical")
    found.export(tmp_path / "sweep", trainers=["trl"])
    lines = (
        (tmp_path / "sweep" / "train" / "trl" / "share-20.jsonl").read_text("utf-8").splitlines()
    )
    assert len(lines) == 40
    roles = {tuple(m["role"] for m in json.loads(line)["messages"]) for line in lines}
    assert roles == {("user", "assistant")}
    assert any("é" in line for line in lines)


def _calling(i: int) -> dict[str, Any]:
    call = {"type": "function", "function": {"name": "court", "arguments": {"of": str(i)}}}
    return {
        "messages": [
            {"role": "user", "content": f"Which court hears appeal {i}?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "the next higher"},
            {"role": "assistant", "content": "The next higher."},
        ],
        "tools": [{"type": "function", "function": {"name": "court", "parameters": {}}}],
    }


def test_each_trainer_reads_calls_in_its_form_or_is_told_that_it_cannot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    calls = [_calling(i) for i in range(9)]
    found = share_grid(CODE, {"law": calls}, shares=[0.2], embedder="lexical")
    found.export(tmp_path / "sweep")
    rows = {
        trainer: list(map(json.loads, (folder / "share-20.jsonl").read_text().splitlines()))
        for trainer in SWEPT
        if (folder := tmp_path / "sweep" / "train" / trainer).is_dir()
    }
    assert {name: len(own) for name, own in rows.items()} == {
        name: 32 if name == "torchtune" else 40 for name in SWEPT
    }
    roles = {
        name: Counter(m["role"] for row in own for m in row["messages"])
        for name, own in rows.items()
    }
    assert roles["llama_factory"]["function_call"] == roles["llama_factory"]["tool"] == 8
    assert roles["trl"]["tool"] == roles["axolotl"]["tool"] == roles["transformers"]["tool"] == 8
    [said] = [r.getMessage() for r in caplog.records]
    assert said == (
        "train/torchtune/share-20.jsonl: 8 rows are left out for torchtune: it holds tools"
    )
    left_out = tmp_path / "sweep" / "train" / "torchtune" / "share-20.quarantine.jsonl"
    assert len(left_out.read_text().splitlines()) == 8
    manifest = json.loads((tmp_path / "sweep" / "manifest.json").read_text())
    assert "train/torchtune/share-20.quarantine.jsonl" in manifest["outputs"]


def test_a_trainer_that_has_no_place_for_a_mix_is_told_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    calls = [_calling(i) for i in range(12)]
    found = share_grid(calls, {"code": CODE}, shares=[0.5], embedder="lexical")
    found.export(tmp_path / "sweep")
    assert [r.getMessage() for r in caplog.records] == [
        "torchtune can read no record of the mix share-00; 12 rows are left out for "
        "torchtune: it holds tools"
    ]
    written = {path.name for path in (tmp_path / "sweep" / "train").iterdir()}
    assert written == set(SWEPT) - {"torchtune"}
    scripts = {path.name for path in (tmp_path / "sweep").glob("*.sh")}
    assert scripts == {f"sweep-{name}.sh" for name in written}


def test_answers_that_are_worse_or_not_wanted_are_trained_on_by_no_trainer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    core = [
        {"messages": [{"role": "user", "content": row["instruction"]}, answer], "label": i % 2 == 0}
        for i, row in enumerate(CODE)
        for answer in [{"role": "assistant", "content": "wanted" if i % 2 == 0 else "unwanted"}]
    ]
    pairs = [{"prompt": row["instruction"], "chosen": "good", "rejected": "bad"} for row in LAW]
    found = share_grid(core, {"law": pairs}, shares=[0.2], embedder="lexical")
    found.export(tmp_path / "sweep")
    told = [r.getMessage() for r in caplog.records]
    for trainer in SWEPT:
        text = (tmp_path / "sweep" / "train" / trainer / "share-20.jsonl").read_text()
        assert "good" in text
        assert "bad" not in text
        assert "unwanted" not in text
        [said] = [one for one in told if f"train/{trainer}/share-20" in one]
        assert "rejected answer of" in said
        assert "labelled as not wanted" in said


def test_another_exporter_writes_the_mixes(small: Any, tmp_path: Path):
    small.export(tmp_path / "sweep", exporter=Parquet(), trainers=["trl"])
    assert (tmp_path / "sweep" / "share-25" / "mix.parquet").is_file()
    assert (tmp_path / "sweep" / "train" / "trl" / "share-25.jsonl").is_file()


def test_a_sweep_is_written_whole_or_not_at_all(small: Any, tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("do not lose me")
    for overwrite in (False, True):
        with pytest.raises(OutputError):
            small.export(folder, overwrite=overwrite)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]
    with pytest.raises(UsageError, match="no_trainer"):
        small.export(tmp_path / "other", trainers=["trl", "no_trainer"])
    assert not (tmp_path / "other").exists()
    vectors = far({"core": 20, "law": 9})
    with pytest.raises(InputError, match="vectors alone has no records to write"):
        share_grid(vectors.pop("core"), vectors, shares=[0.1]).export(tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_ours_can_be_overwritten(small: Any, tmp_path: Path):
    small.export(tmp_path / "sweep")
    with pytest.raises(OutputError, match="is not empty"):
        small.export(tmp_path / "sweep")
    small.export(tmp_path / "sweep", trainers=["trl"], overwrite=True)
    assert [path.name for path in (tmp_path / "sweep").glob("*.sh")] == ["sweep-trl.sh"]


def test_what_was_trained_is_not_overwritten(small: Any, tmp_path: Path):
    small.export(tmp_path / "sweep")
    weights = tmp_path / "sweep" / "runs" / "trl" / "share-00-seed-0" / "weights"
    weights.parent.mkdir(parents=True)
    weights.write_text("dear")
    with pytest.raises(OutputError, match="holds trained runs"):
        small.export(tmp_path / "sweep", overwrite=True)
    assert weights.read_text() == "dear"


def test_curves_are_written_too(tmp_path: Path):
    curves = {
        "domains": budget_curve(
            {"code": CODE, "food": FOOD}, 8, [1, 2], embedder="lexical", seed=1
        ),
        "instructions": instructions_vs_examples(CODE[:6] * 3, 6, [3, 6], embedder="lexical"),
    }
    for called, found in curves.items():
        found.export(tmp_path / called, trainers=["trl"])
        for name, mix in found.mixes.items():
            rows = list(idv.load(str(tmp_path / called / name)))
            assert rows == list(mix.records.rows)
            assert len(rows) == found.plan.budget
            # What was chosen is found again in the same records.
            saved = selection_of(tmp_path / called / name, mix.pool)
            assert saved.rows_in(mix.pool)[1] == ()


@pytest.fixture(scope="module")
def sweep() -> Any:
    return grid()
