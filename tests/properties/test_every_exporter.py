"""What every exporter promises; test_trainers.py has the trainers themselves look at it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from typer.testing import CliRunner

import instructdiv as idv
from instructdiv import write_mix
from instructdiv.cli import app
from instructdiv.core.files import sha256
from instructdiv.data.load import read
from instructdiv.errors import GateFailed, OutputError, ParameterError
from instructdiv.exporters import (
    Exporter,
    LlamaFactory,
    Openai,
    Preflight,
    Split,
    TrainerExporter,
    Trl,
)
from instructdiv.schemas import Messages, Preference
from tests.trainers.rows import GOOD, LOOK_UP, TOOLS, answered, asked, calls, result

ROWS = [
    {
        "id": i,
        "instruction": f'Task {i}: \u2028 \x85 é 漢字 "quoted" \\',
        "output": str(i),
        "meta": {"k": [i]},
        "kind": "abc"[i % 3],
    }
    for i in range(30)
]
PAIRS = [{"prompt": f"Pair {i}?", "chosen": f"Yes, {i}.", "rejected": "No."} for i in range(9)]
LABELS = [{"prompt": f"Wanted {i}?", "completion": f"{i}.", "label": i > 3} for i in range(9)]
GENERIC = ["hub_folder", "jsonl", "parquet"]
TRAINERS = sorted(set(Exporter.known()) - set(GENERIC))


@pytest.fixture(params=sorted(Exporter.known()))
def exporter(request):
    return Exporter.of(request.param)


def mix_of(rows: list[dict[str, Any]], **recipe: Any) -> Any:
    recipe = {"budget": len(rows), "embedder": idv.Lexical(), "n_draws": 1} | recipe
    return idv.curate(idv.Recipe(**recipe), rows)


@pytest.fixture(scope="module")
def mix():
    return mix_of(ROWS, budget=12)


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


# The files.


@pytest.mark.parametrize("name", GENERIC)
def test_writes_every_row_whole_and_in_order(name, mix, tmp_path):
    write_mix(mix, Exporter.of(name), tmp_path / "mix")
    back = idv.load(str(tmp_path / "mix"))
    assert list(back) == [ROWS[i] for i in mix.selection.indices]


@pytest.mark.parametrize("name", TRAINERS)
def test_what_is_said_comes_back_as_it_was_and_in_order(name, mix, tmp_path):
    write_mix(mix, Exporter.of(name), tmp_path / "mix")
    column = "conversations" if name == "unsloth" else "messages"
    back = [Messages(column=column).messages(row) for row in idv.load(str(tmp_path / "mix"))]
    assert back == [conversation.messages for conversation in mix.splits["train"].conversations]


@pytest.mark.parametrize("name", TRAINERS)
def test_both_answers_come_back_as_they_were(name, tmp_path):
    pairs = mix_of(PAIRS)
    write_mix(pairs, Exporter.of(name), tmp_path / "mix")
    rows = idv.load(str(tmp_path / "mix"))
    layout = idv.recognize(rows)
    back = [layout.conversation(row) for row in rows]
    for found, given in zip(back, pairs.splits["train"].conversations, strict=True):
        assert (found.prompt, found.completion) == (given.prompt, given.completion)
        assert found.rejected == given.rejected


@pytest.mark.parametrize("name", ["axolotl", "ms_swift", "openai"])
def test_an_answer_that_is_not_trained_on_comes_back_as_such(name, tmp_path):
    said = [asked("A?"), answered("B.", weight=0), asked("C?"), answered("D.")]
    rows = [{"messages": said} for _ in range(3)]
    mix_of(rows, budget=3).export(tmp_path / "mix", Exporter.of(name))
    for row in idv.load(str(tmp_path / "mix")):
        found = Messages().messages(row)
        weights = [m.get("weight", 1) for m in found if m["role"] == "assistant"]
        assert weights == [0, 1]


def test_the_manifest_can_rebuild_it(exporter, mix, tmp_path):
    files = write_mix(mix, exporter, tmp_path / "mix")
    manifest = json.loads((tmp_path / "mix" / "manifest.json").read_text())
    assert manifest["selection"]["ids"] == [ROWS[i]["id"] for i in mix.selection.indices]
    written = mix.recipe.model_copy(update={"exporter": exporter})
    assert idv.Recipe.model_validate(manifest["recipe"]) == written
    assert (manifest["eval"], manifest["left_out"]) == ([], 0)
    for name, digest in manifest["outputs"].items():
        assert sha256(tmp_path / "mix" / name) == digest
    listed = {tmp_path / "mix" / name for name in [*manifest["outputs"], "manifest.json"]}
    assert listed == set(files) == {p for p in (tmp_path / "mix").rglob("*") if p.is_file()}


def test_writes_the_same_bytes_twice(exporter, mix, tmp_path):
    for name in ("a", "b"):
        write_mix(mix, exporter, tmp_path / name)
    first, second = (json.loads((tmp_path / n / "manifest.json").read_text()) for n in ("a", "b"))
    assert first["outputs"] == second["outputs"]


def test_refuses_a_folder_that_is_not_empty_and_leaves_it_alone(exporter, mix, tmp_path):
    (tmp_path / "mix").mkdir()
    (tmp_path / "mix" / "thesis.txt").write_text("do not lose me")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="not empty|not ours"):
            write_mix(mix, exporter, tmp_path / "mix", overwrite=overwrite)
    assert [p.name for p in tmp_path.rglob("*.*")] == ["thesis.txt"]


def test_replaces_its_own_folder_when_told_to(exporter, mix, tmp_path):
    write_mix(mix, exporter, tmp_path / "mix")
    (tmp_path / "mix" / "stale.txt").write_text("from before")
    write_mix(mix, exporter, tmp_path / "mix", overwrite=True)
    assert not (tmp_path / "mix" / "stale.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["mix"]


def test_comes_back_from_its_mapping(exporter):
    assert Exporter.of(exporter.to_mapping()) == exporter


# What is held out.


def test_some_of_every_group_is_held_out_and_never_trained_on(exporter, tmp_path):
    held = mix_of(ROWS, group="kind", eval_share=0.2)
    write_mix(held, exporter, tmp_path / "mix")
    manifest = json.loads((tmp_path / "mix" / "manifest.json").read_text())
    files = {name: manifest[key] for name, key in (("train", "mix"), ("eval", "eval"))}
    ids = {name: [row["id"] for row in split.rows()] for name, split in held.splits.items()}
    assert sorted(ids["train"] + ids["eval"]) == list(range(30))
    assert Counter(i % 3 for i in ids["eval"]) == {0: 2, 1: 2, 2: 2}
    place = {ROWS[row]["id"]: n for n, row in enumerate(held.order.tolist())}
    for name, (file,) in files.items():
        assert [place[i] for i in ids[name]] == sorted(place[i] for i in ids[name])
        written = json.dumps(list(idv.load(str(tmp_path / "mix" / file))))
        at = [written.index(json.dumps(f"Task {i}: ")[1:-1]) for i in ids[name]]
        assert at == sorted(at)
        assert written.count("Task ") == len(ids[name])


ODD: list[dict[str, Any]] = [
    {"id": i, "score": 1, "note": None, "extra": {"a": 1}}
    | {"messages": [{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": "!"}]}
    for i in range(12)
]
ODD[7] |= {"id": "x", "score": 0.5, "note": "late", "extra": {"b": "s"}}


@pytest.mark.parametrize("seed", range(3))
def test_columns_have_one_type_in_what_is_trained_and_evaluated_on(exporter, seed, tmp_path):
    splits = mix_of(ODD, eval_share=0.5, seed=seed).splits
    files = exporter.fitted(splits).write(splits, tmp_path)
    if exporter.name in ("openai", "jsonl"):  # which are not read as tables
        n_lines = [len(lines_of(files[name][0])) for name in ("train", "eval")]
        assert n_lines == [len(splits[name]) for name in ("train", "eval")] == [6, 6]
        return
    kind = "json" if files["train"][0].suffix == ".jsonl" else "parquet"
    named = {name: [str(file) for file in files[name]] for name in ("train", "eval")}
    found = load_dataset(kind, data_files=named, cache_dir=str(tmp_path / "cache"))
    assert found["train"].features == found["eval"].features
    ids = {str(i) for split in found.values() for i in split["id"]}
    assert ids == {str(row["id"]) for row in ODD}


def test_what_is_written_for_a_trainer_is_read_once(tmp_path, monkeypatch):
    held = mix_of(ODD, eval_share=0.5)
    held.summary  # noqa: B018 - measured before
    read_one, was_read = Messages.read, []

    def counted(schema, row):
        was_read.append(row["id"])
        return read_one(schema, row)

    monkeypatch.setattr(Messages, "read", counted)
    held.export(tmp_path / "mix", trainer="trl")
    assert len(was_read) == len(ODD)


def test_what_is_left_out_is_told_in_python_too(tmp_path, caplog):
    rows = [{"messages": [asked(f"{i}?")] + [answered("!")] * (i % 2)} for i in range(8)]
    mix_of(rows).export(tmp_path / "mix", trainer="llama_factory")
    [told] = [record.getMessage() for record in caplog.records]
    assert told.endswith(f"; they are in {tmp_path / 'mix' / 'quarantine.jsonl'}")
    assert len(lines_of(tmp_path / "mix" / "quarantine.jsonl")) == told.count("4 rows") * 4 > 0


# What the trainer would drop.

TALK = [{"messages": said} for said in GOOD.values()]
DROPPED = [
    {"messages": [asked("Only a question?")]},
    {"messages": [asked("One?"), asked("Two?"), answered("Both.")]},
    {"messages": [asked("Three?"), asked("Four?"), answered("Both.")]},
]


def test_what_would_be_dropped_is_left_out_and_reported(tmp_path):
    talk = mix_of(TALK + DROPPED, exporter="llama_factory")
    found = talk.preflight()
    assert len(found) == 3
    assert str(found).splitlines() == [
        "LLaMA-Factory would drop 2 rows: roles do not alternate",
        "LLaMA-Factory would drop 1 row: it does not end with an answer",
    ]
    talk.export(tmp_path / "mix")
    manifest = json.loads((tmp_path / "mix" / "manifest.json").read_text())
    assert manifest["left_out"] == 3
    assert len(lines_of(tmp_path / "mix" / "train.jsonl")) == len(TALK)
    reasons = Counter(row["reason"] for row in lines_of(tmp_path / "mix" / "quarantine.jsonl"))
    assert reasons == {
        "LLaMA-Factory would drop it: roles do not alternate": 2,
        "LLaMA-Factory would drop it: it does not end with an answer": 1,
    }


@pytest.mark.parametrize("name", GENERIC)
def test_a_form_of_files_drops_nothing(name, tmp_path):
    talk = mix_of(TALK + DROPPED, exporter=name)
    assert len(talk.preflight()) == 0
    talk.export(tmp_path / "mix")
    assert len(idv.load(str(tmp_path / "mix"))) == len(TALK) + 3


def test_a_mix_of_which_nothing_is_left_is_not_written(tmp_path):
    with pytest.raises(OutputError, match="no record is left to write: LLaMA-Factory would drop"):
        write_mix(mix_of(DROPPED), LlamaFactory(), tmp_path / "mix")
    assert not list(tmp_path.iterdir())


def test_a_preflight_fails_only_if_something_would_be_dropped():
    Preflight("TRL", {"train": {}}).check()
    Preflight("TRL", {"train": {}}, notes=("the rejected answer of 2 rows is not written",)).check()
    with pytest.raises(GateFailed, match="TRL would drop 1 row: it has no answer"):
        Preflight("TRL", {"train": {3: "it has no answer"}}).check()


def left_out(exporter: Exporter, rows: list[dict[str, Any]]) -> dict[int, str]:
    """Which of these rows are left out, and why."""
    split = Split(read(rows), (idv.recognize(rows),))
    return dict(exporter.preflight({"train": split}).reasons["train"])


def test_what_has_no_place_is_told_apart_from_what_the_trainer_would_drop(tmp_path):
    muted = {"messages": [asked("A?"), answered("B.", weight=0), asked("C?"), answered("D.")]}
    mix = mix_of([*TALK, muted, DROPPED[1]], exporter="llama_factory")
    assert sorted(str(mix.preflight()).splitlines()) == [
        "1 row is left out for LLaMA-Factory: it holds an answer excluded from training",
        "LLaMA-Factory would drop 1 row: roles do not alternate",
    ]
    mix.export(tmp_path / "mix")
    assert {row["reason"] for row in lines_of(tmp_path / "mix" / "quarantine.jsonl")} == {
        "left out for LLaMA-Factory: it holds an answer excluded from training",
        "LLaMA-Factory would drop it: roles do not alternate",
    }


@pytest.mark.parametrize("name", TRAINERS)
def test_an_unwanted_answer_is_trained_on_in_no_form_but_label(name):
    chats = Exporter.of({"name": name, "form": "messages"})
    assert isinstance(chats, TrainerExporter)
    unwanted = dict.fromkeys(range(4), "its answer is labelled as not wanted")
    assert left_out(chats, LABELS) == unwanted
    if "label" in chats.forms:
        assert left_out(Exporter.of(name), LABELS) == {}


@pytest.mark.parametrize("name", TRAINERS)
def test_a_worse_answer_that_is_not_written_is_noted(name):
    chats = Exporter.of({"name": name, "form": "messages"})
    found = mix_of(PAIRS).preflight(chats)
    note = "the rejected answer of 9 rows is not written: the form is messages, not preference"
    assert (str(found), len(found)) == (note, 0)
    for rows in (PAIRS, TALK):
        assert not mix_of(rows).preflight(Exporter.of(name)).notes


@pytest.mark.parametrize("column", ["image", "images", "video", "videos", "audio", "audios"])
@pytest.mark.parametrize("name", TRAINERS)
def test_images_in_a_column_are_not_lost_without_a_word(name, column):
    said = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}]
    held = [["0.png"], {"bytes": b"0", "path": None}, "0.png", [None], [], None, "", float("nan")]
    rows = [{"conversations": said, column: cell} for cell in held]
    shown = dict.fromkeys(range(3), "it holds images, audio or video")
    assert left_out(Exporter.of(name), rows) == shown


@pytest.mark.parametrize("name", GENERIC)
def test_a_column_of_the_records_is_never_overwritten(name, tmp_path):
    taken = mix_of([{**row, "_rank": "mine"} for row in ROWS], add_columns=("_rank",))
    with pytest.raises(OutputError, match="add_columns would overwrite the column '_rank'"):
        write_mix(taken, Exporter.of(name), tmp_path / "mix")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("ids", "written"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([1, "b", None], ["1", "b", None]),
        ([1, 2, float("nan")], [1, 2, None]),
        (["a", float("nan"), 1.5], ["a", None, "1.5"]),
        ([True, False, True], ["True", "False", "True"]),
        ([[1], [2], {"a": 3}], ["[1]", "[2]", "{'a': 3}"]),
    ],
)
def test_odd_ids_stay_as_text(ids, written, tmp_path):
    rows = [{**row, "id": id_} for row, id_ in zip(PAIRS, ids, strict=False)]
    files = Trl().write({"train": Split(read(rows), (Preference(),))}, tmp_path)
    assert [row["id"] for row in lines_of(files["train"][0])] == written


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--fail-on-drop"], 3)])
def test_the_command_line_says_what_is_dropped_and_fails_if_told_to(tmp_path, flags, code):
    data = tmp_path / "talk.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in TALK + DROPPED), encoding="utf-8")
    given = ["select", str(data), "--budget", "9", "--embedder", "lexical", "--n-draws", "1"]
    given += ["--exporter", "llama_factory", "--output", str(tmp_path / "mix"), *flags]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == code, done.output
    assert "LLaMA-Factory would drop 2 rows: roles do not alternate" in done.output
    assert len(lines_of(tmp_path / "mix" / "train.jsonl")) == len(TALK)


# What is trained on.


@pytest.mark.parametrize(
    ("rows", "form"), [(TALK, "messages"), (PAIRS, "preference"), (LABELS, "label")]
)
@pytest.mark.parametrize("name", TRAINERS)
def test_the_form_is_told_by_the_records(name, rows, form):
    fitted = Exporter.of(name).fitted(mix_of(rows).splits)
    assert isinstance(fitted, TrainerExporter)
    assert fitted.form == (form if form in fitted.forms else "messages")


def test_what_is_left_out_does_not_change_the_form(tmp_path):
    unlabelled = {"messages": DROPPED[1]["messages"], "label": None}
    labelled = [{**row, "label": True} for row in TALK]
    write_mix(mix_of([*labelled, unlabelled]), LlamaFactory(), tmp_path / "mix")
    assert not [row for row in lines_of(tmp_path / "mix" / "train.jsonl") if "kto_tag" in row]


def test_a_form_that_the_trainer_does_not_read_is_an_error(tmp_path):
    axolotl = Exporter.of({"name": "axolotl", "form": "label"})
    with pytest.raises(ParameterError, match="axolotl has no form 'label'; known: messages, pref"):
        write_mix(mix_of(LABELS), axolotl, tmp_path / "mix")


def test_rows_carry_what_they_are_told_to_where_the_trainer_bears_it(exporter, tmp_path):
    carried = mix_of(ROWS, add_columns=("_rank", "_source"))
    write_mix(carried, exporter, tmp_path / "mix")
    back = list(idv.load(str(tmp_path / "mix")))
    if exporter.name == "openai":
        assert {tuple(row) for row in back} == {("messages",)}
    else:
        assert [row["_rank"] for row in back] == list(range(1, 31))


@pytest.mark.parametrize("name", ["trl", "axolotl", "ms_swift", "llama_factory"])
def test_calls_that_come_late_are_read_as_those_that_come_first(name, tmp_path):
    # datasets tells the types of columns by the first part of a file.
    rows = [{"messages": [asked(f"{i}? " * 50), answered(f"{i}.")]} for i in range(300)]
    rows += [{"messages": said, "tools": LOOK_UP} for said in TOOLS.values()]
    exporter = Exporter.of(name)
    [file] = exporter.write({"train": Split(read(rows), (Messages(),))}, tmp_path)["train"]
    back = load_dataset(
        "json",
        data_files=str(file),
        split="train",
        chunksize=20_000,
        cache_dir=str(tmp_path / "cache"),
    )
    assert list(back) == lines_of(file)


def test_rows_of_plain_talk_have_no_more_than_role_and_content(exporter, tmp_path):
    files = exporter.write({"train": Split(read(TALK), (Messages(),))}, tmp_path)
    if isinstance(exporter, TrainerExporter):
        cells = [cell for row in lines_of(files["train"][0]) for cell in row.values() if cell]
        assert {tuple(turn) for cell in cells for turn in cell} == {("role", "content")}


def test_openai_binds_results_to_calls():
    said = [asked("?"), calls({"a": 1}, {"b": 2}), result("one"), result("two"), answered("!")]
    for turn in said:
        turn.pop("tool_call_id", None)
        for call in turn.get("tool_calls", ()):
            call.pop("id")
    conversation = Messages().conversation({"messages": said, "tools": LOOK_UP})
    written = Openai().row(conversation, "messages")["messages"]
    ids = [call["id"] for call in written[1]["tool_calls"]]
    assert len(set(ids)) == 2
    assert [turn["tool_call_id"] for turn in written[2:4]] == ids
    assert written[1]["content"] is None
    assert [json.loads(c["function"]["arguments"]) for c in written[1]["tool_calls"]] == [
        {"a": 1},
        {"b": 2},
    ]


TWO_CALLS = [asked("?"), calls({"a": 1}, {"b": 2})]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([*TWO_CALLS, result("one"), result("two", 1), answered("!")], None),
        (TWO_CALLS, None),
        ([*TWO_CALLS, result("one"), answered("!")], "a tool call has no result"),
        ([*TWO_CALLS, asked("Well?"), answered("!")], "a tool call has no result"),
        (
            [*TWO_CALLS, result("one"), result("two", 7), answered("!")],
            "a tool result has no tool call",
        ),
        ([asked("?"), calls("oops"), result("one")], "the arguments of a tool call are not JSON"),
    ],
)
def test_openai_takes_calls_only_with_their_results(said, reason):
    rows = [{"messages": said, "tools": LOOK_UP}]
    assert left_out(Openai(), rows) == ({0: reason} if reason else {})


@pytest.mark.parametrize("name", ["trl", "axolotl", "ms_swift", "llama_factory", "openai"])
def test_tools_say_that_they_are_functions(name):
    tools = [{"function": tool["function"]} for tool in LOOK_UP]
    said = Messages().conversation({"messages": TOOLS["a call"], "tools": tools})
    exporter = Exporter.of(name)
    assert isinstance(exporter, TrainerExporter)
    written = exporter.row(said, "messages")["tools"]
    assert (json.loads(written) if isinstance(written, str) else written) == LOOK_UP


def test_reasoning_stands_before_the_answer():
    said = [asked("91?"), answered("No.", reasoning_content="7 times 13.")]
    conversation = Messages().conversation({"messages": said})
    for name in TRAINERS:
        exporter = Exporter.of(name)
        assert isinstance(exporter, TrainerExporter)
        [cell] = [c for c in exporter.row(conversation, "messages").values() if c]
        assert cell[1] == {
            "role": "assistant",
            "content": "<think>\n7 times 13.\n</think>\n\nNo.",
        }


def test_trl_has_mappings_of_arguments_and_llama_factory_json_of_the_call():
    conversation = Messages().conversation({"messages": TOOLS["a call written as JSON"]})
    [call] = Trl().row(conversation, "messages")["messages"][1]["tool_calls"]
    assert call["function"]["arguments"] == {"zone": "Lima"}
    turn = LlamaFactory().row(conversation, "messages")["messages"][1]
    assert turn["role"] == "function_call"
    assert json.loads(turn["content"]) == {"name": "look_up", "arguments": {"zone": "Lima"}}


# The card.


def test_the_hub_card_says_what_the_folder_holds(tmp_path):
    from huggingface_hub import DatasetCard

    for name, rows in (("free", ROWS[:15]), ("bound", ROWS[15:])):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    recipe = idv.Recipe.model_validate(
        {
            "sources": [
                {"data": str(tmp_path / "free.jsonl"), "records": 10, "license": "MIT"},
                {"data": str(tmp_path / "bound.jsonl"), "records": 6, "license": "CC BY-NC 4.0"},
            ],
            "embedder": "lexical",
            "n_draws": 1,
            "eval_share": 0.25,
            "exporter": "hub_folder",
        }
    )
    folder = tmp_path / "mix"
    idv.curate(recipe).export(folder)
    card = DatasetCard.load(folder / "README.md")
    assert card.data.license == ["cc-by-nc-4.0", "mit"]
    assert card.data.size_categories == ["n<1K"]
    assert card.data.configs[0]["data_files"] == [
        {"split": "train", "path": "data/train-*"},
        {"split": "validation", "path": "data/validation-*"},
    ]
    cells = [line.split(" | ")[1:] for line in card.text.splitlines() if ".jsonl | " in line]
    assert cells == [["10", "mit |"], ["6", "cc-by-nc-4.0 |"]]
    back = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in back.items()} == {"train": 12, "validation": 4}
    assert not {row["id"] for row in back["train"]} & {row["id"] for row in back["validation"]}


def test_a_license_that_is_given_stands_on_the_card(mix, tmp_path):
    from huggingface_hub import DatasetCard

    write_mix(mix, Exporter.of({"name": "hub_folder", "license": "apache-2.0"}), tmp_path / "m")
    assert DatasetCard.load(tmp_path / "m" / "README.md").data.license == "apache-2.0"
