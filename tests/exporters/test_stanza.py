"""Stanzas: settings that keep the order of a mix, for every trainer."""

import dataclasses
import json
from typing import Any

import pytest
import yaml

import instructdiv as idv
from instructdiv.core.files import sha256
from instructdiv.errors import UsageError
from instructdiv.exporters import TRAINERS, Exporter, TrainerExporter, trainer_settings

FLAGS: dict[str, dict[str, Any]] = {
    "axolotl": {
        "shuffle_merged_datasets": False,
        "curriculum_sampling": True,
        "sample_packing_sequentially": True,
        "val_set_size": 0,
        "num_epochs": 1,
    },
    "llama_factory": {
        "disable_shuffling": True,
        "val_size": 0,
        "packing": False,
        "streaming": False,
        "num_train_epochs": 1,
        "ignore_data_skip": False,
    },
    "ms_swift": {
        "dataset_shuffle": False,
        "train_dataloader_shuffle": False,
        "split_dataset_ratio": 0,
        "packing": False,
        "num_train_epochs": 1,
    },
    "open_instruct": {"num_train_epochs": 1},
    "openai": {},
    "torchtune": {"shuffle": False, "epochs": 1},
    "transformers": {
        "train_sampling_strategy": "sequential",
        "num_train_epochs": 1,
        "ignore_data_skip": False,
    },
    "trl": {
        "train_sampling_strategy": "sequential",
        "shuffle_dataset": False,
        "packing": False,
        "packing_strategy": "wrapped",
        "num_train_epochs": 1,
        "ignore_data_skip": False,
    },
    "unsloth": {
        "train_sampling_strategy": "sequential",
        "packing": False,
        "num_train_epochs": 1,
        "ignore_data_skip": False,
    },
}


FORMS = [
    (name, form)
    for name, exporter in Exporter.known().items()
    if issubclass(exporter, TrainerExporter)
    for form in exporter.forms
]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_stanza_holds_the_flags_that_keep_the_order(trainer):
    settings = yaml.safe_load(trainer_settings(trainer))
    assert {key: settings[key] for key in FLAGS[trainer]} == FLAGS[trainer]


@pytest.mark.parametrize(("trainer", "form"), [*((t, None) for t in TRAINERS), *FORMS])
def test_every_setting_has_a_reason_above_it(trainer, form):
    text = trainer_settings(trainer, ["data/train.jsonl"], form=form, eval_file="data/eval.jsonl")
    lines = text.splitlines()
    for key in yaml.safe_load(text):
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{key}:"))
        assert lines[at - 1].startswith("# ")


@pytest.mark.parametrize(
    ("trainer", "named"),
    [
        ("axolotl", lambda s: [rows["path"] for rows in s["datasets"]]),
        ("torchtune", lambda s: s["dataset"]["data_files"]),
        ("trl", lambda s: s["datasets"][0]["data_files"]),
        ("llama_factory", lambda s: s["dataset"].split(",")),
        ("ms_swift", lambda s: s["dataset"]),
        ("open_instruct", lambda s: s["dataset_mixer_list"][::2]),
        ("unsloth", lambda s: s["data_files"]["train"]),
    ],
)
def test_a_stanza_names_the_data_files_in_their_order(trainer, named):
    shards = [f"data/train-0000{i}-of-00003.parquet" for i in range(3)]
    text = trainer_settings(trainer, [*shards, "README.md"])
    found = named(yaml.safe_load(text))
    if trainer == "llama_factory":  # names of entries, which a comment tells
        [entries] = [line for line in text.splitlines() if "dataset_info.json holds" in line]
        told = json.loads(entries.partition("holds: ")[2])
        found = [told[name]["file_name"] for name in found]
    assert found == shards
    assert "README" not in text


@pytest.mark.parametrize(("trainer", "form"), FORMS)
def test_with_an_evaluation_file_it_is_named_and_nothing_is_split(trainer, form):
    text = trainer_settings(trainer, ["data/train.jsonl"], form=form, eval_file="data/eval.jsonl")
    assert "eval" in text
    settings = yaml.safe_load(text)
    assert not [key for key in ("val_size", "val_set_size", "test_split_size") if settings.get(key)]
    named = set(FLAGS[trainer]) - {"shuffle_dataset", "packing", "packing_strategy"}
    assert named <= settings.keys()


@pytest.mark.parametrize("form", [form for trainer, form in FORMS if trainer == "trl"])
def test_trl_has_the_arguments_of_its_form(form):
    settings = yaml.safe_load(trainer_settings("trl", form=form))
    assert ("packing" in settings) == (form in ("messages", "prompt_completion"))


def test_an_unknown_trainer_is_told_which_are_known():
    with pytest.raises(UsageError, match="'trlx'; known: axolotl, llama_factory, ms_swift"):
        trainer_settings("trlx")
    with pytest.raises(UsageError, match="torchtune has no form 'label'; known: messages, pref"):
        trainer_settings("torchtune", form="label")
    with pytest.raises(UsageError, match="transformers has no form 'messages'; known: none"):
        trainer_settings("transformers", form="messages")


def test_files_that_no_trainer_reads_are_an_error():
    with pytest.raises(UsageError, match=r"README.md"):
        trainer_settings("trl", ["README.md"])


def test_transformers_has_the_arguments_that_are_set():
    from transformers import TrainingArguments

    arguments = {field.name for field in dataclasses.fields(TrainingArguments)}
    assert arguments >= set(yaml.safe_load(trainer_settings("transformers")))


ROWS = [{"id": i, "instruction": f"Task {i} of many.", "output": str(i)} for i in range(20)]


@pytest.fixture(scope="module")
def mix():
    return idv.curate(idv.Recipe(budget=8, embedder=idv.Lexical(), n_draws=2), ROWS)


@pytest.mark.parametrize("exporter", ["hub_folder", "jsonl", "parquet"])
@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_mix_is_written_with_the_stanza_of_a_trainer(mix, tmp_path, exporter, trainer):
    folder = tmp_path / "mix"
    files = mix.export(folder, Exporter.of(exporter), trainer=trainer)
    path = folder / f"{trainer}.yaml"
    assert path in files
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["outputs"][path.name] == sha256(path)
    assert path.name not in manifest["mix"]
    assert path.read_text() == trainer_settings(trainer, manifest["mix"])
    assert [row["id"] for row in idv.load(str(folder))] == manifest["selection"]["ids"]


@pytest.mark.parametrize("trainer", sorted({trainer for trainer, _ in FORMS}))
def test_without_an_exporter_the_rows_are_those_of_the_trainer(mix, tmp_path, trainer):
    folder = tmp_path / "mix"
    files = mix.export(folder, trainer=trainer)
    manifest = json.loads((folder / "manifest.json").read_text())
    text = (folder / f"{trainer}.yaml").read_text()
    assert text == trainer_settings(trainer, manifest["mix"], form="messages")
    assert [path.name for path in files].count(f"{trainer}.yaml") == 1


def test_of_another_trainer_the_stanza_stands_beside(mix, tmp_path):
    mix.export(tmp_path / "mix", Exporter.of("trl"), trainer="transformers")
    assert {path.name for path in (tmp_path / "mix").glob("*.yaml")} == {
        "trl.yaml",
        "transformers.yaml",
    }


def test_an_unknown_trainer_is_told_before_anything_is_measured_or_written(tmp_path):
    mix = idv.curate(idv.Recipe(budget=8, embedder=idv.Lexical()), ROWS)
    with pytest.raises(UsageError, match="known"):
        mix.export(tmp_path / "mix", trainer="trlx")
    assert "summary" not in vars(mix)
    assert not list(tmp_path.iterdir())


def test_without_a_trainer_there_is_no_stanza(mix, tmp_path):
    assert not [path for path in mix.export(tmp_path / "mix") if path.suffix == ".yaml"]
