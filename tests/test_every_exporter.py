"""What every exporter promises."""

import json

import pytest

import instructdiv as idv
from instructdiv.errors import OutputError
from instructdiv.exporters import Exporter
from instructdiv.files import sha256

ROWS = [
    {
        "id": i,
        "instruction": f'Task {i}: \u2028 \x85 é 漢字 "quoted" \\',
        "output": str(i),
        "meta": {"k": [i]},
    }
    for i in range(30)
]


@pytest.fixture(params=sorted(Exporter.known()))
def exporter(request):
    return Exporter.from_mapping(request.param)


@pytest.fixture(scope="module")
def mix():
    return idv.curate(idv.Recipe(budget=12, embedder=idv.Lexical(), draws=2), ROWS)


def test_writes_every_row_whole_and_in_order(exporter, mix, tmp_path):
    exporter.export(mix, tmp_path / "mix")
    back = idv.load(str(tmp_path / "mix"))
    assert list(back) == [ROWS[i] for i in mix.selection.indices]


def test_the_manifest_can_rebuild_it(exporter, mix, tmp_path):
    files = exporter.export(mix, tmp_path / "mix")
    manifest = json.loads((tmp_path / "mix" / "manifest.json").read_text())
    assert manifest["selection"]["ids"] == [ROWS[i]["id"] for i in mix.selection.indices]
    assert idv.Recipe.model_validate(manifest["recipe"]) == mix.recipe
    for name, digest in manifest["outputs"].items():
        assert sha256(tmp_path / "mix" / name) == digest
    listed = {tmp_path / "mix" / name for name in [*manifest["outputs"], "manifest.json"]}
    assert listed == set(files) == {p for p in (tmp_path / "mix").rglob("*") if p.is_file()}


def test_writes_the_same_bytes_twice(exporter, mix, tmp_path):
    for name in ("a", "b"):
        exporter.export(mix, tmp_path / name)
    first, second = (json.loads((tmp_path / n / "manifest.json").read_text()) for n in ("a", "b"))
    assert first["outputs"] == second["outputs"]


def test_refuses_a_folder_that_is_not_empty_and_leaves_it_alone(exporter, mix, tmp_path):
    (tmp_path / "mix").mkdir()
    (tmp_path / "mix" / "thesis.txt").write_text("do not lose me")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="not empty|not ours"):
            exporter.export(mix, tmp_path / "mix", overwrite=overwrite)
    assert [p.name for p in tmp_path.rglob("*.*")] == ["thesis.txt"]


def test_replaces_its_own_folder_when_told_to(exporter, mix, tmp_path):
    exporter.export(mix, tmp_path / "mix")
    (tmp_path / "mix" / "stale.txt").write_text("from before")
    exporter.export(mix, tmp_path / "mix", overwrite=True)
    assert not (tmp_path / "mix" / "stale.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["mix"]


def test_comes_back_from_its_mapping(exporter):
    assert Exporter.from_mapping(exporter.to_mapping()) == exporter


def test_the_hub_card_says_what_the_folder_holds(mix, tmp_path):
    Exporter.from_mapping({"name": "hub_folder", "license": "apache-2.0"}).export(
        mix, tmp_path / "m"
    )
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(tmp_path / "m" / "README.md")
    assert card.data.license == "apache-2.0"
    assert card.data.size_categories == ["n<1K"]
    assert card.data.configs[0]["data_files"] == [{"split": "train", "path": "data/train-*"}]
