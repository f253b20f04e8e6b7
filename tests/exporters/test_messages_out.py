"""Whatever is said comes through schema, exporter and reader, or the pre-flight says why not."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from instructdiv.data.layouts import layouts
from instructdiv.data.load import read
from instructdiv.errors import InputError, RowError
from instructdiv.exporters import Exporter, Split
from instructdiv.schemas import Conversation, Messages
from instructdiv.schemas.conversation import call_name, spoken
from tests.conversations import conversations

_ASKED = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}


def _called(number: int) -> dict[str, Any]:
    call = {"name": "f", "arguments": {"x": number}}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": call}],
    }


def _asking(conversation: Conversation) -> dict[str, Any] | None:
    """The row of a conversation, if it is one that a pool would take."""
    row = Messages().write(conversation)
    try:
        Messages().conversation(row)
    except RowError:
        return None
    return row


def _through(exporter: Exporter, rows: list[dict[str, Any]]) -> tuple[list[int], list[Any]]:
    """Places of the rows that are written, and the conversations that are read back."""
    records = read(rows)
    splits = {"train": Split(records, (Messages(),))}
    exporter = exporter.fitted(splits)
    reasons = exporter.preflight(splits).reasons["train"]
    kept = [i for i in range(len(rows)) if i not in reasons]
    if not kept:
        return [], []
    with tempfile.TemporaryDirectory() as folder:
        files = exporter.write({"train": splits["train"].take(kept)}, Path(folder))
        back = read([str(file) for file in files["train"]])
        schema = layouts(back)[0]
        return kept, [schema.read(row) for row in back.rows]


def _has_a_huge_number(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_a_huge_number, value.values()))
    if isinstance(value, list):
        return any(map(_has_a_huge_number, value))
    return isinstance(value, int) and not -(2**63) <= value < 2**63


@pytest.mark.parametrize("name", sorted(Exporter.known()))
@given(rows=st.lists(conversations().map(_asking), min_size=1, max_size=4))
@example([{"messages": [_ASKED, _called(-(2**63) - 1)]}])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_said_comes_out_in_order(name: str, rows: list[Any]) -> None:
    rows = [row for row in rows if row is not None]
    if not rows:
        return
    try:
        kept, back = _through(Exporter.of(name), rows)
    except InputError:  # a table has no place for it, as tests/data/test_records.py tests
        assert name in ("parquet", "hub_folder")
        assert any(map(_has_a_huge_number, rows))
        return
    assert len(back) == len(kept)
    for place, found in zip(kept, back, strict=True):
        given_ = Messages().read(rows[place])
        told = "".join(map(spoken, found.messages))
        for said in given_.messages:
            assert said["content"] in told
            assert said.get("reasoning_content", "") in told
            for call in said.get("tool_calls", ()):
                assert json.dumps(call_name(call), ensure_ascii=False) in told
        assert len(found.tools) == len(given_.tools)


@pytest.mark.parametrize("name", sorted(Exporter.known()))
def test_most_of_what_is_said_has_a_place(name: str) -> None:
    plain = [
        {"messages": [{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": "é"}]}
        for i in range(5)
    ]
    assert _through(Exporter.of(name), plain)[0] == [0, 1, 2, 3, 4]
