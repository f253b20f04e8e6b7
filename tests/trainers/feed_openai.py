"""OpenAI: the types of its own package for messages, tools and jobs."""

import importlib
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tests.trainers.common import absent, feed, prepare, settings

prepare()
absent("distro", "httpx", "jiter", "sniffio")

chat: Any = importlib.import_module("openai.types.chat")
jobs: Any = importlib.import_module("openai.types.fine_tuning.job_create_params")
KINDS = {
    "system": chat.ChatCompletionSystemMessageParam,
    "user": chat.ChatCompletionUserMessageParam,
    "assistant": chat.ChatCompletionAssistantMessageParam,
    "tool": chat.ChatCompletionToolMessageParam,
}
ROWS = (
    {"messages", "tools"},
    {"input", "preferred_output", "non_preferred_output"},
)


def _check(held: Any, kind: Any) -> None:
    unknown = held.keys() - kind.__annotations__.keys()
    assert not unknown, f"{kind.__name__} has no {unknown}"
    TypeAdapter(kind).validate_python(held)


def _text(row: dict[str, Any]) -> str:
    assert any(row.keys() <= known for known in ROWS)
    given = row.get("input", row)
    for tool in given.get("tools", []):
        _check(tool, chat.ChatCompletionToolParam)
    answers = [row.get(key, []) for key in ("preferred_output", "non_preferred_output")]
    for said in [*given["messages"], *answers[0], *answers[1]]:
        # Only fine-tuning knows a weight, and the types are those of chats.
        held = {key: value for key, value in said.items() if key != "weight"}
        _check(held, KINDS[said["role"]])
    return json.dumps(row, ensure_ascii=False)


def load() -> dict[str, Any]:
    told = settings("openai")
    _check(told | {"model": "any"}, jobs.JobCreateParams)
    named = {"train": "training_file", "eval": "validation_file"}
    found = {split: Path(told[key]) for split, key in named.items() if key in told}
    lines = {split: path.read_text("utf-8").split("\n")[:-1] for split, path in found.items()}
    return {split: [_text(json.loads(line)) for line in rows] for split, rows in lines.items()}


feed(load)
