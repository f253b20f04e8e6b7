"""What is exported for a trainer, loaded by that trainer's own code.

The trainers are installed apart, without what they need (``make .venv/trainers.installed``), and
run in a process of their own, on tests/trainers/feed_<name>.py; where one is not there, its test
is skipped.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import instructdiv as idv
from instructdiv.data.load import read
from instructdiv.exporters import Exporter, Split, TrainerExporter, Trl, Unsloth
from instructdiv.schemas import Conversation, Messages, Preference
from instructdiv.schemas.conversation import call_arguments
from tests.shared_data import ROOT
from tests.trainers.rows import GOOD, LOOK_UP, ODD, ODD_PAIRS, PAIRS, REASONED, TOOLS

SITES = ROOT / ".venv" / "trainers"
INSTALLED = {
    "axolotl": "axolotl",
    "llama_factory": "llamafactory",
    "ms_swift": "ms-swift",
    "openai": "openai",
    "torchtune": "torchtune",
    "trl": "trl",
    "unsloth": "unsloth_zoo",
}

# The records, and why each is left out: by the name of what is odd about it.

CHATS = {name: {"messages": said} for name, said in {**GOOD, "reasoned": REASONED, **ODD}.items()}
CALLS = {name: {"messages": said, "tools": LOOK_UP} for name, said in TOOLS.items()}
ANSWERS = {
    name: {"prompt": asked, "chosen": better, "rejected": worse}
    for name, (asked, better, worse) in {**PAIRS, **ODD_PAIRS}.items()
}
LABELS = {
    name: {"messages": said, "label": n % 3 > 0} for n, (name, said) in enumerate(GOOD.items())
}
LABELS["an empty answer"] = {"messages": ODD["an empty answer"], "label": True}
LABELS["no answer"] = {"messages": ODD["no answer"], "label": False}

UNREAD = {
    "a picture": "it holds images, audio or video",
    "an answer of weight 0": "it holds an answer excluded from training",
    "no answer of weight 1": "it holds an answer excluded from training",
    "an answer of weight 0.5": "it holds an answer excluded from training",
}
TOOLLESS = dict.fromkeys(
    [
        *TOOLS,
        "a call with a text",
        "arguments that are no JSON",
        "a result before any call",
        "an answer with a call",
        "an answer of several messages",
    ],
    "it holds tools",
)
UNANSWERED = {
    "no answer": "it has no answer",
    "a system text and no answer": "it has no answer",
}
ODD_ROLES = dict.fromkeys(
    ["begins with an answer", "two questions", "two answers"], "roles do not alternate"
) | {"a late system text": "a system message is not the first"}
NO_END = dict.fromkeys(
    ["no answer", "a system text and no answer", "ends with a question"],
    "it does not end with an answer",
)
WEIGHT = {"an answer of weight 0.5": "the weight of an answer is neither 0 nor 1"}
SEVERAL = {"answers with nothing in common": "an answer is not one message"}
ONE_MESSAGE = SEVERAL | {"an answer of several messages": "an answer is not one message"}
NO_PROMPT = {"answers with nothing in common": "it has no prompt before the answer"}

LEFT_OUT: dict[str, dict[str, dict[str, str]]] = {
    "axolotl": {
        "messages": UNANSWERED
        | WEIGHT
        | {"a picture": UNREAD["a picture"]}
        | dict.fromkeys(["an empty answer", "no answer of weight 1"], "it has no answer"),
        "preference": SEVERAL
        | {"an empty answer": "an answer is empty"}
        | dict.fromkeys(
            ["an answer with a call", "an answer of several messages"],
            "it holds tools",
        ),
    },
    "llama_factory": {
        "messages": UNREAD
        | ODD_ROLES
        | NO_END
        | {
            "a call with a text": "a message has both text and a tool call",
            "a result before any call": "roles do not alternate",
        },
        "preference": ONE_MESSAGE
        | dict.fromkeys(
            ["a prompt that ends with an answer", "two questions"], "roles do not alternate"
        ),
        "label": NO_END | {"an empty answer": "an empty answer would count as not wanted"},
    },
    "ms_swift": {"messages": WEIGHT | {"a picture": UNREAD["a picture"]}},
    "open_instruct": {
        "messages": UNREAD | TOOLLESS | UNANSWERED,
        "preference": TOOLLESS | SEVERAL,
    },
    "openai": {
        "messages": WEIGHT
        | NO_END
        | {
            "no answer of weight 1": "all answers are excluded from training",
            "a result before any call": "a tool result has no tool call",
            "arguments that are no JSON": "the arguments of a tool call are not JSON",
        },
        "preference": ONE_MESSAGE,
    },
    "torchtune": {
        "messages": UNREAD | TOOLLESS | UNANSWERED | ODD_ROLES,
        "preference": TOOLLESS,
    },
    "trl": {
        "messages": UNREAD,
        "prompt_completion": dict.fromkeys(NO_END, "it has no answer")
        | {
            "a picture": UNREAD["a picture"],
            "no answer of weight 1": UNREAD["no answer of weight 1"],
            "an answer of weight 0.5": UNREAD["an answer of weight 0.5"],
        },
        "preference": NO_PROMPT,
        "label": {"no answer": "it has no answer"},
    },
    "unsloth": {
        "messages": UNREAD | TOOLLESS | UNANSWERED,
        "preference": TOOLLESS | NO_PROMPT,
        "label": {"no answer": "it has no answer"},
    },
}
TRAINERS = sorted(LEFT_OUT)


def test_every_trainer_is_looked_at():
    known = {name for name, part in Exporter.known().items() if issubclass(part, TrainerExporter)}
    assert known == set(LEFT_OUT)


def records_of(form: str) -> dict[str, dict[str, Any]]:
    """Records of a form, by their names."""
    held: dict[str, dict[str, Any]] = {"preference": ANSWERS, "label": LABELS}
    return held.get(form, {**CHATS, **CALLS})


def split_of(rows: list[dict[str, Any]]) -> Split:
    layout = Preference() if "chosen" in rows[0] else Messages()
    return Split(read(rows), (layout,))


@pytest.mark.parametrize(
    ("trainer", "form"),
    [(t, form) for t in TRAINERS for form in Exporter.of(t).forms],  # type: ignore[attr-defined]
)
def test_the_preflight_says_which_records_and_why(trainer, form):
    exporter = Exporter.of({"name": trainer, "form": form})
    records = records_of(form)
    found = exporter.preflight({"train": split_of(list(records.values()))}).reasons["train"]
    names = list(records)
    expected = LEFT_OUT[trainer].get(form, {})
    assert {names[i]: why for i, why in found.items()} == {
        name: why for name, why in expected.items() if name in records
    }


@dataclass(frozen=True)
class Case:
    """A folder that was exported, and what should come out of it."""

    name: str
    folder: Path
    form: str
    mix: Any = None


def exported(trainer: str, form: str, folder: Path, share: float) -> Case:
    """All records of a form as a mix, and what is left in its files."""
    rows = list(records_of(form).values())
    recipe = idv.Recipe(
        budget=len(rows),
        embedder=idv.Lexical(),
        n_draws=1,
        eval_share=share,
        add_columns=("_source", "_rank"),
        exporter=Exporter.of({"name": trainer, "form": form}),
    )
    mix = idv.curate(recipe, rows)
    mix.export(folder)
    return Case(f"{form} {share}", folder, form, mix)


def unchecked(trainer: str, form: str, name: str, folder: Path) -> Case:
    """One record that would be left out, written with two good ones all the same."""
    records = records_of(form)
    rows = [records[name], *(records[good] for good in ("plain", "unicode"))]
    folder.mkdir()
    exporter = Exporter.of({"name": trainer, "form": form})
    exporter.write({"train": split_of(rows)}, folder)
    if trainer == "axolotl":  # which drops what teaches nothing when it packs
        with open(folder / "axolotl.yaml", "a", encoding="utf-8") as settings:
            settings.write("sample_packing: true\n")
    return Case(name, folder, form)


def faults(trainer: str, form: str) -> Iterator[str]:
    """Names of the records that can be rows, and that the trainer itself would not take."""
    exporter: Any = Exporter.of({"name": trainer, "form": form})
    records = records_of(form)
    for name in LEFT_OUT[trainer].get(form, {}):
        if name in records and name not in TOOLLESS and name not in UNREAD:
            said = split_of([records[name]]).conversations[0]
            if not exporter.misfit(said, form):
                yield name


def fed(trainer: str, cases: list[Case], scratch: Path) -> list[dict[str, Any]]:
    """What the trainer's own code makes of folders."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.trainers.feed_{trainer}", SITES / INSTALLED[trainer]],
        input=json.dumps([str(case.folder) for case in cases]),
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def said_in(conversation: Conversation, form: str) -> list[str]:
    """Every text that a row must still hold, in its order."""
    worse = conversation.rejected or [] if form == "preference" else []
    return [
        said
        for one in [*conversation.messages, *worse]
        for said in (
            one.get("reasoning_content", ""),
            one["content"],
            *(str(call["function"]["name"]) for call in one.get("tool_calls", ())),
        )
        if said.strip()
    ]


def check_calls(conversation: Conversation, row: str, *, as_text: bool) -> None:
    """Tools are offered, and calls are calls, with arguments that are not a text of a text."""
    for tool in conversation.tools:
        assert tool["function"]["name"] in row
    for said in conversation.messages:
        for call in said.get("tool_calls", ()):
            arguments = json.dumps(call_arguments(call))
            if not arguments.startswith("{"):
                continue
            assert "tool_call" in row
            assert f'"arguments": {json.dumps(arguments) if as_text else arguments}' in row, row


def check_whole(case: Case, found: dict[str, Any]) -> None:
    """Rows in are rows out, in order, and say what the records say."""
    assert "raised" not in found, (case.name, found)
    left = case.mix.recipe.exporter.fitted(case.mix.splits).preflight(case.mix.splits)
    assert len(left) == json.loads((case.folder / "manifest.json").read_text())["left_out"]
    for split, held in case.mix.splits.items():
        kept = [c for i, c in enumerate(held.conversations) if i not in left.reasons[split]]
        assert kept
        assert len(found[split]) == len(kept), (case.name, split)
        for conversation, row in zip(kept, found[split], strict=True):
            at = 0
            for text in said_in(conversation, case.form):
                # JSON within JSON is told apart by its escapes.
                forms = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
                places = [row.find(one, at) for one in forms]
                assert max(places) >= 0, (case.name, split, text, row)
                at = min(place for place in places if place >= 0)
            check_calls(conversation, row, as_text=case.mix.recipe.exporter.name == "openai")
            if case.form == "label":
                assert row.endswith(str(conversation.label)), (case.name, row)
            _, told, trained = row.partition("TRAINED ON:")
            for one in conversation.messages if told else ():
                if one["role"] == "assistant" and one["content"]:
                    assert (one["content"] in trained) == bool(one.get("weight", 1)), row


def mistaken(case: Case, row: str) -> bool:
    """Whether a row stays and teaches nothing, or what it does not say."""
    as_unwanted = case.form == "label" and row.endswith("False")
    return row.endswith("TRAINED ON:") or "dummy_message" in row or as_unwanted


@pytest.mark.parametrize("trainer", sorted(INSTALLED))
def test_a_trainer_reads_every_row_in_order_and_drops_what_the_preflight_says(trainer, tmp_path):
    if not (SITES / INSTALLED[trainer]).is_dir():
        pytest.skip(f"{INSTALLED[trainer]} is not installed; make .venv/trainers.installed")
    forms = Exporter.of(trainer).forms  # type: ignore[attr-defined]
    # Of Unsloth what is its own: pairs and labels are TRL's, which it is compared with below.
    forms = forms[:1] if trainer == "unsloth" else forms
    whole = [
        exported(trainer, form, tmp_path / f"{form}-{share}", share)
        for form in forms
        for share in ((0.0, 0.2) if form == forms[0] else (0.2,))
    ]
    dropped = [
        unchecked(trainer, form, name, tmp_path / f"{form}-{n}")
        for form in forms
        for n, name in enumerate(faults(trainer, form))
    ]
    if trainer in ("openai", "unsloth"):  # whose own code looks at single messages only
        dropped = []
    found = fed(trainer, whole + dropped, tmp_path)
    for case, rows in zip(whole, found, strict=False):
        check_whole(case, rows)
    for case, rows in zip(dropped, found[len(whole) :], strict=True):
        lost = "raised" in rows or len(rows["train"]) < 3
        assert lost or mistaken(case, rows["train"][0]), (case.name, case.form, rows)


@pytest.mark.parametrize("form", ["preference", "label"])
def test_unsloth_reads_pairs_and_labels_as_trl_does(form):
    unsloth = Unsloth()
    for conversation in split_of(list(records_of(form).values())).conversations:
        if not (unsloth.misfit(conversation, form) or unsloth.fault(conversation, form)):
            assert Unsloth().row(conversation, form) == Trl().row(conversation, form)


def test_open_instruct_has_the_documented_keys(tmp_path):
    # It is not on PyPI, so that its own code cannot be asked.
    for form in ("messages", "preference"):
        case = exported("open_instruct", form, tmp_path / form, 0.2)
        text = (case.folder / "train.jsonl").read_text("utf-8")
        rows = [json.loads(line) for line in text.split("\n")[:-1]]
        chats = [row[column] for row in rows for column in row if not column.startswith("_")]
        assert {tuple(turn) for chat in chats for turn in chat} == {("role", "content")}
        for row in rows:
            if form == "preference":
                assert row["chosen"][:-1] == row["rejected"][:-1]
            else:
                assert any(turn["role"] == "assistant" for turn in row["messages"])
        settings = yaml.safe_load((case.folder / "open_instruct.yaml").read_text("utf-8"))
        assert settings == {
            "dataset_mixer_list": ["train.jsonl", "1.0"],
            "dataset_mixer_list_splits": ["train"],
            "num_train_epochs": 1,
        }
