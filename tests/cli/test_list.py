"""The command list: what can be named, with what it does."""

import json
from typing import Any

import pytest

from instructdiv.arrangers import Arranger
from instructdiv.embedders import Embedder
from instructdiv.exporters import Exporter
from instructdiv.exporters.known_trainers import TRAINERS
from instructdiv.metrics import Metric
from instructdiv.schemas import Schema
from instructdiv.selectors import Selector
from tests.cli.commands import done, invoke, one_object

FAMILIES = {
    "selectors": Selector,
    "embedders": Embedder,
    "exporters": Exporter,
    "layouts": Schema,
    "arrangers": Arranger,
    "metrics": Metric,
}


def listed(kind: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = one_object(done("list", kind, "--json").stdout)[kind]
    return rows


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_part_of_the_library_is_listed_with_a_sentence(kind: str) -> None:
    known = FAMILIES[kind].known()
    own = [name for name, part in known.items() if part.__module__.startswith("instructdiv.")]
    rows = listed(kind)
    assert [row["name"] for row in rows] == own
    for row in rows:
        assert row["does"].endswith((".", ":")), row
        assert "\n" not in row["does"]
    shown = done("list", kind).stdout
    assert all(name in shown for name in own)


def test_every_trainer_is_listed() -> None:
    assert [row["name"] for row in listed("trainers")] == list(TRAINERS)


def test_a_selector_says_whether_it_needs_a_target_and_is_prefix_nested() -> None:
    rows = {row["name"]: row for row in listed("selectors")}
    assert rows["test_centric"]["target"] == "needed"
    assert rows["facility_location"]["target"] == "possible"
    assert rows["random"]["target"] == "no"
    assert rows["group_balanced"]["needs"] == "--group"
    assert rows["k_center"]["needs"] == ""
    assert [name for name, row in rows.items() if not row["prefix-nested"]] == [
        name for name, part in Selector.known().items() if not part.nested
    ]


def test_nothing_else_can_be_listed() -> None:
    result = invoke("list", "models")
    assert result.exit_code == 2
    assert "selectors" in result.stderr


def test_quiet_lists_nothing_but_json() -> None:
    assert done("list", "trainers", "-q").output == ""
    assert json.loads(done("list", "trainers", "-q", "--json").stdout)
