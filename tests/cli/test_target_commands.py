"""A target and an order, from files to the folder of a mix: commands, recipes and rebalance()."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

import instructdiv as idv
from instructdiv import Arrangement, Recipe
from instructdiv.arrangers import Arranger
from instructdiv.errors import InputError, ParameterError, ShapeError, UsageError
from instructdiv.selectors import TargetBalanced
from tests.cli.commands import ROWS, done, fails, invoke, mix_of, one_object, select

ASKED = [
    {"messages": [{"role": "user", "content": f"Bake {thing} now."}], "kind": kind}
    for thing, kind in [("bread", "food"), ("a cake", "food"), ("a brick", "other")]
]


@pytest.fixture
def asked(tmp_path: Path) -> str:
    path = tmp_path / "asked.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ASKED))
    return str(path)


def _manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    return found


def test_select_chooses_for_a_target_in_another_layout(data: str, asked: str, out: Path) -> None:
    result = done(*select(data, out, "--selector", "test_centric", "--target", asked))
    assert sum(row["domain"] == "bake" for row in mix_of(out)) >= 4
    assert "target records" in " ".join(result.stdout.split())
    assert _manifest(out)["target"]["inputs"][0]["file"] == asked
    summary = json.loads((out / "summary.json").read_text())
    assert summary["target"]["records"] == 3
    assert summary["target"]["leaks"] in summary["headline"].replace("None of", "none of")


@pytest.mark.parametrize("name", sorted(Arranger.known()))
def test_every_arranger_can_be_named(name: str, data: str, asked: str, out: Path) -> None:
    done(
        "arrange", data, "--arranger", name, "--target", asked, "--group", "domain",
        "--embedder", "lexical", "--output", out, "-q",
    )  # fmt: skip
    manifest = _manifest(out)
    assert manifest["arrangement"]["arranger"]["name"] == name
    mix = mix_of(out)
    assert sorted(map(str, mix)) == sorted(map(str, ROWS))
    assert mix == [ROWS[i] for i in manifest["arrangement"]["indices"]]


def test_a_mix_stands_in_the_order_of_its_arrangement(data: str, asked: str, out: Path) -> None:
    done(
        *select(data, out, "--selector", "test_centric", "--target", asked, budget=20),
        "--arranger", '{"name": "far_then_near", "start_share": 0}', "--trainer", "trl",
        "--exporter", "jsonl",
    )  # fmt: skip
    manifest = _manifest(out)
    chosen, arranged = manifest["selection"]["indices"], manifest["arrangement"]["indices"]
    assert sorted(chosen) == sorted(arranged) != arranged
    assert mix_of(out) == [ROWS[i] for i in arranged]
    assert [ROWS[line - 1] for line in manifest["selection"]["line"]] == [ROWS[i] for i in chosen]
    assert "sequential" in (out / "trl.yaml").read_text()
    assert "trl.yaml" in manifest["outputs"]
    read = Arrangement.from_mapping(manifest["arrangement"])
    assert read.indices.tolist() == arranged
    assert read.turn_sizes.sum() == 20
    again = idv.curate(Recipe.model_validate(manifest["recipe"]))
    assert again.order.tolist() == arranged


def test_a_recipe_has_a_target_and_an_order(data: str, asked: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"data: {data}\ntarget: {asked}\ntarget_group: kind\nembedder: lexical\nbudget: 12\n"
        "selector: {name: target_balanced, shares: {food: 0.75, other: 0.25}}\n"
        "arranger: {name: test_centric, within_turn: query}\ntrainer: axolotl\nn_draws: 2\n"
    )
    recipe = Recipe.load(path, ["arranger.within_turn=index"])
    assert recipe.arranger == idv.arrangers.TestCentric(within_turn="index")
    mix = idv.curate(recipe)
    assert mix.arrangement is not None
    assert sorted(mix.order) == sorted(mix.selection.indices)
    assert mix.dataset["instruction"] == [ROWS[i]["instruction"] for i in mix.order]
    files = [file.name for file in mix.export(tmp_path / "mix")]
    assert "axolotl.yaml" in files


def test_rebalance_takes_a_target_of_any_kind(asked: str) -> None:
    expected = idv.rebalance(ROWS, 6, target=asked, selector="test_centric", embedder="lexical")
    for target in (ASKED, Dataset.from_list(ASKED)):
        found = idv.rebalance(ROWS, 6, target=target, selector="test_centric", embedder="lexical")
        assert found == expected
    arranged = idv.rebalance(
        Dataset.from_list(ROWS), 6, target=ASKED, target_group=["a", "a", "b"],
        selector=TargetBalanced(), arranger="test_centric", embedder="lexical",
    )  # fmt: skip
    assert len(arranged) == 6


def test_a_target_may_be_there_for_the_order_alone(data: str, asked: str, out: Path) -> None:
    fails(2, "k_center covers the pool itself",
           *select(data, out, "--selector", "k_center", "--target", asked))  # fmt: skip
    done(
        *select(data, out, "--selector", "k_center", "--target", asked),
        "--arranger", "test_centric",
    )  # fmt: skip
    usual = idv.rebalance(ROWS, 5, selector="k_center", embedder="lexical")
    assert len(mix_of(out)) == len(usual) == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--selector", "test_centric"], "test_centric needs a target"),
        (["--arranger", "test_centric"], "test_centric needs a target"),
        (["--arranger", "curriculum"], "no arranger is named 'curriculum'; known: by_cost, "),
        (["--trainer", "keras"], "no trainer is named 'keras'; known: "),
        (["--target-group", "kind"], "target_group is a column of a target; give a target too"),
        (["--arranger", '{"name": "replay", "share": 2}'], "share"),
    ],
)
def test_what_does_not_fit_is_said_before_a_folder_is_made(
    options: list[str], said: str, data: str, out: Path
) -> None:
    fails(2, said, *select(data, out, *options))
    assert not out.exists()


def test_a_group_column_that_the_target_lacks_is_named(data: str, asked: str, out: Path) -> None:
    options = ["--target", asked, "--target-group", "topic"]
    fails(2, "named 'topic'; known: ", *select(data, out, *options))
    assert not out.exists()


def test_leaks_are_counted_listed_and_held_to_a_limit(
    data: str, asked: str, tmp_path: Path
) -> None:
    same = tmp_path / "same.jsonl"
    same.write_text(
        json.dumps({"instruction": "bake  BREAD", "output": ""}) + "\n"
        + json.dumps({"instruction": "Sell a song.", "output": ""}) + "\n"
        + json.dumps({"instruction": "What is a qubit?", "output": ""}) + "\n"
    )  # fmt: skip
    command = [
        "leaks",
        data,
        "--target",
        same,
        "--embedder",
        "lexical",
        "--similarity-threshold",
        "1",
    ]
    written = tmp_path / "leaks.json"
    result = done(*command, "--most", 2, "-o", written)
    assert "2 of 3 target records are in the pool: 2 of its 42 records, 1 exact, 1" in result.stdout
    found = one_object(done(*command, "--json").stdout)
    assert found == json.loads(written.read_text())
    assert [ROWS[i]["instruction"] for i in found["rows"]] == ["Bake bread.", "Sell a song."]
    over = invoke(*command, "--most", 1)
    assert over.exit_code == 3
    assert "2 records of the data leak, more than 1" in over.stderr
    clean = done(
        "leaks",
        data,
        "--target",
        asked,
        "--embedder",
        "lexical",
        "--similarity-threshold",
        "1",
    )
    assert "none of 3 target records" in clean.stdout


def test_a_report_says_first_what_leaks(data: str, tmp_path: Path) -> None:
    pools = idv.Pool.together({"data": ROWS, "target": ROWS[:4]}, embedder="lexical")
    pool, target = pools["data"], pools["target"]
    selection = idv.TestCentric().select(pool, 6, target=target)
    summary = idv.coverage(pool, selection, target, n_draws=2)
    assert summary.target is not None
    assert (summary.target.leaked, summary.target.leaking) == (4, 4)
    assert summary.target.leaking_selected == 4
    assert "4 of 4 target records are in the pool" in summary.headline
    assert "; 4 of these records were chosen. Mean similarity" in summary.headline
    assert "4 of 4 target records" in summary.to_markdown()
    kept_out = idv.TestCentric().select(pool, 6, target=target, never_keep=[0, 1, 2, 3])
    assert (
        "; 0 of these records were chosen"
        in idv.coverage(pool, kept_out, target, n_draws=2).headline
    )


def test_a_comparison_and_a_log_say_what_leaks_too(caplog: pytest.LogCaptureFixture) -> None:
    pools = idv.Pool.together({"data": ROWS, "target": ROWS[:4]}, embedder="lexical")
    found = idv.compare(pools["data"], ["random"], [5], target=pools["target"], n_draws=2)
    assert "4 of 4 target records are in the pool" in found.headline
    with caplog.at_level("WARNING", "instructdiv"):
        idv.rebalance(ROWS, 3, target=ROWS[:4], embedder="lexical")
    assert "4 of 4 target records are in the pool" in caplog.text


def test_records_of_a_target_that_cannot_be_used_are_not_lost(
    data: str, tmp_path: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        '{"instruction": "", "output": "x"}\n{"instruction": "Bake it.", "output": ""}\n'
    )
    result = done(*select(data, out, "--selector", "test_centric", "--target", bad))
    assert "target: 1 record cannot be used" in result.stderr
    assert "bad.jsonl" in (out / "quarantine.jsonl").read_text()
    assert _manifest(out)["target"]["quarantined"] == 1
    assert _manifest(out)["counts"]["quarantined"] == 0


def test_where_all_are_chosen_an_arranger_gets_them_in_the_order_of_the_file(
    data: str, out: Path
) -> None:
    for seed in ("0", "1"):
        result = done(
            "arrange", data, "--arranger", "clustered", "--group", "domain", "--seed", seed,
            "--embedder", "lexical", "-o", out, "--overwrite",
        )  # fmt: skip
        assert mix_of(out) == ROWS
        assert "42 records in 6 turns by clustered" in result.stdout
    aimed = done(
        "arrange", data, "--arranger", "clustered", "--group", "domain", "--target", data,
        "--embedder", "lexical", "-o", out, "--overwrite",
    )  # fmt: skip
    assert "42 of 42 target records are in the pool" in aimed.stdout
    by_path = Arrangement.load(out)
    assert by_path.turn_sizes.tolist() == [7] * 6


def test_a_trainer_that_is_given_when_writing_stands_in_the_manifest(
    data: str, tmp_path: Path
) -> None:
    recipe = Recipe(data=(data,), budget=3, embedder="lexical", n_draws=2)
    idv.curate(recipe).export(tmp_path / "m", trainer="torchtune")
    assert _manifest(tmp_path / "m")["recipe"]["trainer"] == "torchtune"


def test_a_layout_is_that_of_the_data_alone(data: str, asked: str) -> None:
    for command in (
        ["leaks", data, "--embedder", "lexical"],
        ["compare", data, "--embedder", "lexical", "--selectors", "random", "--budgets", "3"],
    ):
        assert done(*command, "--target", asked, "--schema", "alpaca").stdout


@pytest.mark.parametrize("target", ["asked.jsonl", ASKED, Path("asked.jsonl")])
def test_records_that_are_not_embedded_are_no_target_of_a_selector(target: Any) -> None:
    pool = idv.Pool.of(ROWS, embedder="lexical")
    with pytest.raises(ShapeError, match="embed its records with the others, with Pool.together"):
        idv.TestCentric().select(pool, 3, target=target)


def test_targets_by_name_are_embedded_alike() -> None:
    pools = idv.Pool.together({"data": ROWS, "a": ROWS[:3], "b": ROWS[9:12]}, embedder="lexical")
    targets = {"a": pools["a"], "b": pools["b"]}
    found = TargetBalanced().select(pools["data"], 6, target=targets)
    assert set(found.indices) == {0, 1, 2, 9, 10, 11}
    other = idv.Pool.of([*ROWS, *ROWS[:6]], embedder=idv.Lexical(n_dimensions=20))
    with pytest.raises(ShapeError, match="cannot be compared|do not fit"):
        TargetBalanced().select(pools["data"], 6, target={"a": pools["a"], "c": other})
    with pytest.raises(ShapeError, match="the target 'c' has no record"):
        idv.TestCentric().select(pools["data"], 6, target={"a": pools["a"], "c": other.take([])})


def test_columns_are_those_of_single_data_sets() -> None:
    rows = [row | {"n": i + 1, "good": i} for i, row in enumerate(ROWS)]
    pools = idv.Pool.together(
        {"data": rows, "target": ASKED},
        embedder="lexical",
        each={
            "data": {"group": "domain", "costs": "n", "quality": np.arange(42)},
            "target": {"group": "kind", "schema": "messages"},
        },
    )
    assert pools["data"].costs.tolist() == list(range(1, 43))
    assert pools["data"].quality is not None
    assert pools["target"].quality is None
    assert pools["target"].groups is not None
    assert pools["target"].groups.tolist() == ["food", "food", "other"]
    with pytest.raises(InputError, match="no data set is named 'pool'; known: data"):
        idv.Pool.together({"data": rows}, embedder="lexical", each={"pool": {"costs": "n"}})


def test_a_wrong_trainer_or_arranger_is_refused_in_python() -> None:
    with pytest.raises(UsageError, match="no trainer is named 'keras'"):
        Recipe(budget=3, trainer="keras")
    with pytest.raises(ParameterError, match="expected a arranger|expected an arranger"):
        Recipe.model_validate({"budget": 3, "arranger": 7})


def test_the_lab_says_what_it_cannot_read(tmp_path: Path) -> None:
    asked = ("lab", "arrangement", "--tasks", tmp_path / "none.jsonl", "-q")
    assert fails(2, "no file or folder", *asked).stdout == ""
