"""The reference is what the code says, and says something of every public name and command."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

import instructdiv as idv
from instructdiv.cli import app
from tests import reference
from tests.pools import DISTINCT

WRITTEN = [*sorted(reference.FOLDER.glob("*.md")), reference.SCHEMA]


@pytest.fixture(scope="module")
def written() -> dict[Path, str]:
    """Each file that is written from the code, and its text."""
    return reference.documents()


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_what_is_written_from_the_code_is_current(path: Path, written: dict[Path, str]) -> None:
    assert path.read_text(encoding="utf-8") == written.get(path), "write it anew: make reference"


def test_every_document_is_there(written: dict[Path, str]) -> None:
    assert set(WRITTEN) == written.keys()


def test_every_public_name_is_in_the_reference(written: dict[Path, str]) -> None:
    index = written[reference.FOLDER / "index.md"]
    for name in idv.__all__:
        assert f"| [`{name}`](" in index
        if name not in reference.NAMESPACES:
            assert f"\n### {name}\n" in written[reference.FOLDER / f"{reference.home(name)}.md"]
    for namespace, module in reference.NAMESPACES.items():
        page = written[reference.FOLDER / f"{namespace}.md"]
        for name in module.__all__:
            assert f"\n### {name}\n\n" in page


def test_every_command_is_in_the_reference_and_every_option_says_what_it_does(
    written: dict[Path, str],
) -> None:
    page = written[reference.FOLDER / "commands.md"]
    listed = CliRunner().invoke(app, ["--help"]).stdout
    commands = re.findall(r"^### instructdiv (\S+)$", page, re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        assert command in listed
    for line in page.splitlines():
        assert not line.endswith("|  |"), line


DOCUMENTS: list[type[BaseModel]] = [idv.Summary, idv.report.Difference, idv.Comparison]


def test_a_summary_is_what_its_schema_says() -> None:
    chosen = idv.Random().select(DISTINCT, 5)
    summary = idv.coverage(DISTINCT, chosen, DISTINCT.take([0, 22]), n_draws=2)
    schema = json.loads(reference.SCHEMA.read_text(encoding="utf-8"))
    assert set(json.loads(summary.to_json())) == set(schema["properties"])
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
def test_every_field_of_what_is_written_as_json_is_described(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    for kind in (schema, *schema.get("$defs", {}).values()):
        assert kind.get("description"), f"{kind['title']} has no docstring"
        for name, field in kind["properties"].items():
            assert field.get("description"), f"{kind['title']}.{name} has no description"
