"""Every real file is read as its README says, converted and back, and written for trainers."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import instructdiv as idv
from instructdiv.data.convert import convert
from instructdiv.data.layouts import layouts
from instructdiv.data.load import read
from instructdiv.embedders import Embedder, Progress
from instructdiv.errors import UnknownSchema
from instructdiv.exporters import Exporter, Split
from instructdiv.report.notices import notices
from instructdiv.schemas.conversation import spoken
from tests.shared_data import DATA

pytestmark = pytest.mark.skipif(
    not (DATA / "README.md").is_file(), reason=f"the real data is not here: {DATA}"
)

TASKS = "multitask/superni_original_files/"
SCHEMAS = {
    "general/alpaca_random_9229.json.gz": "alpaca",
    "human/dolly_dev.jsonl.gz": "dolly",
    "code/gpteacher_codegen.json.gz": "alpaca",
    "maths/gsm8k_train.jsonl.gz": "question_answer",
    "medical/chatdoctor5k.json.gz": "alpaca",
    "tools/toolformer-dedupe-only.json.gz": "alpaca",
    "tools/toolformer-similarity-0.9.json.gz": "alpaca",
    "tools/toolformer-similarity-0.8.json.gz": "alpaca",
    "tools/toolformer-similarity-0.7.json.gz": "alpaca",
    "tools/toolformer-similarity-0.6.json.gz": "alpaca",
    "tools/glaive_toolcall_en_demo.json.gz": "sharegpt",
    "tools/reason_tool_use_demo_50.jsonl.gz": "llama_factory_v1",
    "dialogue/gpteacher_roleplay.json.gz": "alpaca",
    "dialogue/sharegpt_dummy_conversation.json.gz": "sharegpt",
    "dialogue/messages_v1_sft_demo.jsonl.gz": "llama_factory_v1",
    "preference/sharegpt_dpo_en_demo.json.gz": "preference",
    "preference/messages_kto_en_demo.json.gz": "messages",
    "multilingual/alpaca_zh_demo.json.gz": "alpaca",
    "multilingual/oaast_sft_zh.json.gz": "alpaca",
    "stress/shakespeare_windows.json.gz": "dolly",
    "multitask/p3_t0_train_dev.jsonl.gz": "prompt_completion",
    "mix/pool_dev.jsonl.gz": "alpaca",
    "human/self_instruct_seed_tasks.jsonl.gz": "self_instruct",
    "dialogue/sgd_dev_dialogues.jsonl.gz": "dialogue_turns",
    "multitask/superni_dev.jsonl.gz": "super_ni",
    "multilingual/superni_xlingual_dev.jsonl.gz": "super_ni",
    f"{TASKS}task005_mctaco_wrong_answer_generation_event_duration.json.gz": "super_ni",
    f"{TASKS}task018_mctaco_temporal_reasoning_presence.json.gz": "super_ni",
    f"{TASKS}task047_miscellaneous_answering_science_questions.json.gz": "super_ni",
}
# Sidecars of labels, which are no conversations.
UNKNOWN = [
    "general/alpaca_random_9229.labels.jsonl.gz",
    "human/dolly_dev.labels.jsonl.gz",
]
TURNS = ("messages", "sharegpt", "preference", "llama_factory_v1", "dialogue_turns", "super_ni")
# Files with rows that cannot be used, and how many for which reason: there is none.
LEFT_OUT: dict[str, Counter[str]] = {}
# Why a trainer would drop rows of a file.
_NO_TOOLS = {name: {"it holds tools"} for name in ("open_instruct", "torchtune", "unsloth")}
DROPPED: dict[str, dict[str, set[str]]] = {
    "tools/glaive_toolcall_en_demo.json.gz": _NO_TOOLS,
    "tools/reason_tool_use_demo_50.jsonl.gz": _NO_TOOLS | {"openai": {"a tool call has no result"}},
    "preference/messages_kto_en_demo.json.gz": {
        name: {"its answer is labelled as not wanted"}
        for name in ("axolotl", "open_instruct", "openai", "torchtune")
    },
    "multitask/p3_t0_train_dev.jsonl.gz": {"axolotl": {"it has no answer"}},
}
# Files of which a sample of 100 has none of the few records with an empty answer.
RARELY_DROPPED = {
    name: {"axolotl": {"it has no answer"}}
    for name in ("general/alpaca_random_9229.json.gz", "mix/pool_dev.jsonl.gz")
}


class _Ones(Embedder):
    """All the same; what is tested here is what comes before."""

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        return np.ones((len(texts), 2), np.float32)


@cache
def _counts() -> dict[str, int]:
    """Records of each file, by the table of files in the README."""
    table = (DATA / "README.md").read_text(encoding="utf-8").split("## Files")[1].split("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    return {row[1].strip(): int(row[2].replace(",", "")) for row in rows[1:]}


@cache
def _plain(name: str) -> list[dict[str, Any]]:
    """The rows as the standard library reads them."""
    with gzip.open(DATA / name) as file:
        text = file.read().decode("utf-8-sig")
    if ".jsonl" in name:
        return [json.loads(line) for line in text.split("\n") if line]
    rows = json.loads(text)
    if name.startswith(TASKS):
        task = {"task": Path(name).name.split(".")[0]} | rows
        rows = [task | one for one in task.pop("Instances")]
    found: list[dict[str, Any]] = rows
    return found


def test_every_file_of_the_table_is_spoken_of() -> None:
    assert set(_counts()) == {*SCHEMAS, *UNKNOWN}
    assert sum(_counts().values()) == 120_589


@pytest.mark.parametrize("name", SCHEMAS)
def test_load_reads_every_record_of_a_known_layout(name: str) -> None:
    dataset = idv.load(str(DATA / name), strict=True)
    assert len(dataset) == _counts()[name]
    assert idv.recognize(dataset).name == SCHEMAS[name]
    rows = _plain(name)
    assert set(dataset.column_names) == {key for row in rows for key in row}
    for i in range(0, len(rows), max(1, len(rows) // 50)):
        kept = {key: value for key, value in dataset[i].items() if key in rows[i]}
        if SCHEMAS[name] in TURNS:  # a turn may lack a key that another has
            kept = json.loads(json.dumps(kept), object_hook=_without_none)
            assert kept == json.loads(json.dumps(rows[i]), object_hook=_without_none)
        else:
            assert kept == rows[i]


def _without_none(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value is not None}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_pool_takes_every_row_or_says_why_not(name: str) -> None:
    pool = idv.Pool.of(str(DATA / name), embedder=_Ones(), view="conversation")
    assert pool.records is not None
    assert [schema.name for schema in pool.schemas] == [SCHEMAS[name]]
    left_out = Counter(bad.reason for bad in pool.records.quarantine)
    assert left_out == LEFT_OUT.get(name, Counter())
    assert len(pool) + left_out.total() == _counts()[name]
    rows = _plain(name)
    assert all(pool.records.rows[i] == rows[i] for i in range(0, len(rows), 97))
    assert all(pool.text(i).strip() for i in range(0, len(pool), 97))


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_layout_is_loaded_whole_and_its_columns_named(name: str) -> None:
    dataset = idv.load(str(DATA / name))
    assert len(dataset) == _counts()[name]
    with pytest.raises(UnknownSchema) as caught:
        idv.recognize(dataset)
    for column in dataset.column_names:
        assert column in str(caught.value)
    assert "known schemas: preference, " in str(caught.value)


# The way to messages and back.


def _there_and_back(name: str, rows: list[dict[str, Any]]) -> list[str]:
    """Rows that went to messages and came back, as JSON: 1 is not true there."""
    there = convert(rows, "messages")
    return _as_json(convert(list(there.rows), SCHEMAS[name], schema="messages").rows)


def _as_json(rows: Iterable[dict[str, Any]]) -> list[str]:
    return [json.dumps(row, sort_keys=True) for row in rows]


@pytest.mark.parametrize("name", SCHEMAS)
def test_rows_of_every_file_come_back_from_messages(name: str) -> None:
    rows = _plain(name)
    some = rows[:: max(1, len(rows) // 200)]
    assert _there_and_back(name, some) == _as_json(some)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMAS)
def test_all_rows_of_every_file_come_back_from_messages(name: str) -> None:
    assert _there_and_back(name, _plain(name)) == _as_json(_plain(name))


# Every file through every exporter that fits.


def _through(exporter: str, rows: list[dict[str, Any]], folder: Path) -> tuple[set[str], list[str]]:
    """Why an exporter leaves rows out, and those of the others that did not come out whole."""
    pool = idv.Pool.of(rows, embedder=_Ones())
    assert pool.records is not None
    splits = {"train": Split(pool.records, pool.schemas)}
    written_by = Exporter.of(exporter)
    reasons = written_by.preflight(splits).reasons["train"]
    kept = [i for i in range(len(pool)) if i not in reasons]
    lost: list[str] = []
    if kept:
        files = written_by.write({"train": splits["train"].take(kept)}, folder)
        back = read([str(file) for file in files["train"]])
        said = layouts(back)[0]
        lost = [f"{len(kept) - len(back)} rows"] * (len(kept) != len(back))
        for row, place in zip(back.rows, kept, strict=False):
            told = "".join(map(spoken, said.messages(row)))
            lost += [
                one["content"] for one in pool.messages(place) if one["content"].strip() not in told
            ]
    return set(reasons.values()), lost


@pytest.mark.parametrize("exporter", sorted(Exporter.known()))
@pytest.mark.parametrize("name", SCHEMAS)
def test_every_file_goes_through_every_exporter(name: str, exporter: str, tmp_path: Path) -> None:
    rows = _plain(name)
    reasons, lost = _through(exporter, rows[:: max(1, len(rows) // 100)], tmp_path)
    assert reasons == DROPPED.get(name, {}).get(exporter, set())
    assert not lost


@pytest.mark.slow
@pytest.mark.parametrize("exporter", sorted(Exporter.known()))
@pytest.mark.parametrize("name", SCHEMAS)
def test_all_of_every_file_goes_through_every_exporter(
    name: str, exporter: str, tmp_path: Path
) -> None:
    reasons, lost = _through(exporter, _plain(name), tmp_path)
    assert reasons == (DROPPED | RARELY_DROPPED).get(name, {}).get(exporter, set())
    assert not lost


def test_the_constant_instruction_of_a_real_file_is_noticed() -> None:
    path = DATA / "medical/chatdoctor5k.json.gz"
    pool = idv.Pool.of(str(path), embedder=_Ones())
    [notice] = [one for one in notices(pool) if "have one instruction" in one]
    assert notice.startswith("5,452 of 5,452 records")
    assert len(set(pool.texts)) > 5_000


def test_several_real_files_make_one_pool() -> None:
    names = [
        "preference/messages_kto_en_demo.json.gz",
        "dialogue/sharegpt_dummy_conversation.json.gz",
        "multilingual/oaast_sft_zh.json.gz",
    ]
    paths = [str(DATA / name) for name in names]
    pool = idv.Pool.of(paths, embedder=_Ones(), group="source")
    assert pool.groups is not None
    assert Counter(pool.groups.tolist()) == {
        path: _counts()[name] for path, name in zip(paths, names, strict=True)
    }


def test_the_domains_of_the_pool_are_as_the_readme_says() -> None:
    text = (DATA / "README.md").read_text(encoding="utf-8")
    kinds = text.split("Kinds: ")[1].split(". ")[0].split(", ")
    expected = {kind.rsplit(" ", 1)[0]: int(kind.rsplit(" ", 1)[1]) for kind in kinds}
    pool = idv.Pool.of(str(DATA / "mix/pool_dev.jsonl.gz"), embedder=_Ones(), group="domain")
    assert pool.records is not None
    assert pool.groups is not None
    assert len(set(pool.groups.tolist())) == 16
    found = Counter(kind or "original" for kind in pool.records.column("dup_kind"))
    assert found == expected
