"""Push: what would be pushed is shown first, and it is private unless said otherwise."""

import json
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest
from typer.testing import CliRunner

import instructdiv as idv
from instructdiv.cli import app
from instructdiv.curation.push import would_push
from instructdiv.errors import InputError, OutputError

ROWS = [
    {"instruction": f"Name {n} colors.", "output": "Blue", "license": "MIT" if n % 2 else "CC0"}
    for n in range(20)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recipe = idv.Recipe.model_validate(
        {
            "budget": 10,
            "embedder": "lexical",
            "n_draws": 2,
            "eval_share": 0.2,
            "exporter": {"name": "hub_folder", "pretty_name": "Colors"},
        }
    )
    idv.curate(recipe, ROWS).export(tmp_path / "mix")
    return tmp_path / "mix"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the Hub was asked for."""
    asked: list[tuple[str, Any]] = []

    def noted(name: str) -> Any:
        return lambda *args, **more: asked.append((name, (args[1:], more)))

    for name in ("create_repo", "upload_file"):
        monkeypatch.setattr(huggingface_hub.HfApi, name, noted(name))
    monkeypatch.setattr(datasets.DatasetDict, "push_to_hub", noted("push_to_hub"))
    return asked


def test_nothing_is_pushed_before_it_was_shown(folder: Path, hub: list[Any]) -> None:
    found = would_push(folder, "me/colors")
    assert not hub
    assert not found.done
    assert found.private
    assert found.splits == {"train": 8, "validation": 2}
    assert set(found.licenses) == {"mit", "cc0"}
    assert str(found).startswith("would push me/colors, private: train 8, validation 2 records")
    assert str(found).endswith("nothing is pushed yet")


def test_it_is_private_unless_it_is_to_be_public(folder: Path, hub: list[Any]) -> None:
    assert idv.push_to_hub(folder, "me/colors").done
    assert [name for name, _ in hub] == ["create_repo", *["upload_file"] * 3, "push_to_hub"]
    assert hub[0][1][1]["private"] is True
    assert hub[-1][1] == (("me/colors",), {"private": True})
    hub.clear()
    idv.push_to_hub(folder, "me/colors", private=False)
    assert hub[0][1][1]["private"] is False
    assert hub[-1][1] == (("me/colors",), {"private": False})


def test_the_command_shows_and_pushes_if_told_to(folder: Path, hub: list[Any]) -> None:
    shown = CliRunner().invoke(app, ["push", str(folder), "me/colors"])
    assert (shown.exit_code, hub) == (0, [])
    assert "would push me/colors, private" in shown.stdout
    done = CliRunner().invoke(
        app, ["push", str(folder), "me/colors", "--yes", "--public", "--json"]
    )
    assert json.loads(done.stdout)["done"] is True
    assert hub[0][1][1]["private"] is False


def test_what_cannot_be_pushed_says_why(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="holds no mix for the Hub"):
        idv.push_to_hub(tmp_path / "nowhere", "me/colors")
    with pytest.raises(InputError, match="'me/my/colors' is no name of a data set on the Hub"):
        idv.push_to_hub(folder, "me/my/colors")
    recipe = idv.Recipe.model_validate({"budget": 5, "embedder": "lexical", "n_draws": 2})
    idv.curate(recipe, ROWS).export(tmp_path / "plain")
    with pytest.raises(InputError, match="written by the exporter jsonl; write it by hub_folder"):
        idv.push_to_hub(tmp_path / "plain", "me/colors")

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse)
    with pytest.raises(OutputError, match="did not take me/colors: ConnectionError: no network"):
        idv.push_to_hub(folder, "me/colors")


def test_a_folder_that_was_changed_is_not_pushed(folder: Path, hub: list[Any]) -> None:
    card = (folder / "README.md").read_text()
    (folder / "README.md").write_text("# nothing\n")
    with pytest.raises(InputError, match="holds no mix for the Hub"):
        idv.push_to_hub(folder, "me/colors")
    (folder / "README.md").write_text(card)
    [train] = (folder / "data").glob("train-*")
    content = train.read_bytes()
    train.write_bytes(content + b"x")
    with pytest.raises(InputError, match="was changed since the mix was written"):
        idv.push_to_hub(folder, "me/colors")
    train.unlink()
    with pytest.raises(InputError, match="holds no mix for the Hub"):
        idv.push_to_hub(folder, "me/colors")
    assert not hub


def test_the_card_names_every_source_and_all_licenses(folder: Path) -> None:
    card = huggingface_hub.DatasetCard.load(folder / "README.md")
    assert sorted(card.data.license) == ["cc0", "mit"]
    assert card.data.pretty_name == "Colors"
    assert card.data.size_categories == ["n<1K"]
    splits = [one["split"] for one in card.data.configs[0]["data_files"]]
    assert splits == ["train", "validation"]
    assert "| list | 10 | cc0, mit |" in card.text
    assert "10 instruction records (train 8, validation 2)" in card.text
    loaded = datasets.load_dataset(str(folder))
    assert {name: len(split) for name, split in loaded.items()} == {"train": 8, "validation": 2}


def test_a_folder_that_datasets_cannot_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise ValueError("columns differ")

    monkeypatch.setattr(datasets, "load_dataset", never)
    with pytest.raises(InputError, match=r"datasets cannot read .*: ValueError: columns differ"):
        idv.push_to_hub(folder, "me/colors")
