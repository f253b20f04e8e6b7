"""The documents do what they say: blocks run, links lead somewhere, the reference is current.

``python tests/test_documents.py`` writes docs/reference.md and docs/summary.schema.json anew.
"""

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import instructdiv as idv
from instructdiv.data.sources import Source
from instructdiv.part import Part

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference.md"
SCHEMA = ROOT / "docs" / "summary.schema.json"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
RECIPES = sorted((ROOT / "examples").glob("*.yaml"))

# The reference page, from the code.


def reference() -> str:
    """The whole text of docs/reference.md."""
    blocks = [
        "# Reference",
        "Written by `python tests/test_documents.py` from the docstrings; edit those. Names are "
        "those of a recipe and of the command line; the class has the same name in CamelCase, in "
        "the module named in the heading. `help()` on a class gives its promise, its cost, its "
        "source and an example.",
        "## Recipe",
        "The keys of a recipe, and the arguments of `instructdiv.Recipe`.",
        _fields(idv.Recipe),
        "## Source",
        "One of the `sources` of a recipe.",
        _fields(Source),
        "## Budget",
        "What may be spent, in one of three units.",
        _fields(idv.Budget),
    ]
    for family in _families():
        module = family.__module__.removesuffix("._base")
        blocks.append(f"## {family.family.capitalize()}s: `{module}`")
        blocks.append(_first_line(family))
        for name, part in family.known().items():
            if part.__module__.startswith("instructdiv."):
                blocks += [f"### {name}", _first_line(part), _fields(part)]
    return "\n\n".join(blocks) + "\n"


def _families() -> list[type[Part]]:
    for name in idv.__all__:
        getattr(idv, name)  # imported when it is first used
    own = (f for f in Part.__subclasses__() if f.__module__.startswith("instructdiv."))
    return sorted(own, key=lambda family: family.family)


def _first_line(part: type) -> str:
    line = (inspect.getdoc(part) or "").partition("\n")[0]
    return re.sub(r" \[\d+\]_", "", line).replace("``", "`")


def _fields(model: type[BaseModel]) -> str:
    if not model.model_fields:
        return "No parameters."
    rows = [
        [f"`{field.alias or name}`", _type(field), _default(field), _help(field)]
        for name, field in model.model_fields.items()
    ]
    lines = [["parameter", "type", "default", "meaning"], ["---"] * 4, *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _help(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("``", "`")


def _type(field: FieldInfo) -> str:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    limits = [
        f"{word} {getattr(limit, short):g}"
        for limit in field.metadata
        for short, word in words.items()
        if hasattr(limit, short)
    ]
    return ", ".join([_type_name(field.annotation), *limits])


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(map(_type_name, get_args(annotation)))
    if get_origin(annotation) is tuple:
        return f"list of {_type_name(get_args(annotation)[0])}"
    if annotation is type(None):
        return "unset"
    return annotation.family if _is_part(annotation) else str(annotation.__name__).lower()


def _is_part(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Part)


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return "unset"
    if isinstance(default, Part):
        return f"`{default.name}`"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def test_the_reference_page_is_current() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference(), (
        "docs/reference.md is not what the docstrings say; write it anew with: "
        "python tests/test_documents.py"
    )


# What is written as JSON, from the code.

DOCUMENTS: list[type[BaseModel]] = [idv.Summary, idv.report.Difference, idv.Comparison]


def summary_schema() -> str:
    """The whole text of docs/summary.schema.json."""
    return json.dumps(idv.Summary.model_json_schema(), indent=2) + "\n"


def test_the_schema_of_a_summary_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == summary_schema(), (
        "docs/summary.schema.json is not what the models say; write it anew with: "
        "python tests/test_documents.py"
    )


def test_a_summary_is_what_its_schema_says(tmp_path: Path) -> None:
    pool = idv.Pool.of(
        _records("code", 20) + _records("history", 5), embedder="lexical", group="category"
    )
    summary = idv.coverage(pool, idv.Random().select(pool, 5), pool.take([0, 22]), n_draws=2)
    schema = json.loads(summary_schema())
    assert set(json.loads(summary.to_json())) == set(schema["properties"])
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
def test_every_field_of_what_is_written_as_json_is_described(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    for kind in (schema, *schema.get("$defs", {}).values()):
        assert kind.get("description"), f"{kind['title']} has no docstring"
        for name, field in kind["properties"].items():
            assert field.get("description"), f"{kind['title']}.{name} has no description"


# The blocks of the pages, run one page at a time in a process of its own.


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page that it starts on."""

    language: str
    text: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(m[1], m[2], text.count("\n", 0, m.start(2))) for m in found]


def commands_of(block: Block) -> Iterator[str]:
    """The instructdiv commands of a block, continued lines joined, without what they print."""
    for line in block.text.replace("\\\n", " ").splitlines():
        command = line.removeprefix("$ ").strip()
        if command.startswith("instructdiv "):
            yield command


def execute(page: Path) -> None:
    """Run the Python blocks and the commands of a page, in order, in one namespace.

    A block of YAML is a recipe, and becomes recipe.yaml.
    """
    from typer.testing import CliRunner

    from instructdiv.cli import app

    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.language == "python":
            code = compile("\n" * block.line + block.text, str(page), "exec")
            exec(code, namespace)
        elif block.language == "yaml":
            idv.Recipe.model_validate(yaml.safe_load(block.text))
            Path("recipe.yaml").write_text(block.text, encoding="utf-8")
        elif block.language in ("console", "bash"):
            for command in commands_of(block):
                command, _, file = command.partition(" > ")
                result = CliRunner().invoke(app, shlex.split(command, comments=True)[1:])
                if file:
                    Path(file).write_text(result.stdout, encoding="utf-8")
                if result.exit_code:
                    failure = result.exception if result.exit_code == 1 else None
                    raise SystemExit(f"{page}: {command}\n{result.output}\n{failure!r}")


KINDS = {
    "code": ("Write a function that {}.", "reverses a list|adds two numbers|counts words"),
    "cooking": ("How do I {} for {} people?", "bake bread|cook rice|roast a pumpkin"),
    "history": ("Who ruled {} in {} and why?", "Rome|Peru|Benin"),
    "sailing": ("What does a sailor do when {}?", "the wind drops|a line breaks|fog comes in"),
}


def _records(kind: str, n: int) -> list[dict[str, Any]]:
    asked, things = KINDS[kind]
    found = []
    for i in range(n):
        thing = things.split("|")[i % 3]
        instruction = asked.format(thing, 2 + i // 3) + (f" Case {i}." if i % 7 else "")
        answer = f"An answer about {thing}, number {i}."
        found.append({"instruction": instruction, "input": "", "output": answer, "category": kind})
    return found


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def python(tmp_path: Path, cache: Path) -> Any:
    """Runs Python in a folder with data.jsonl and wanted.jsonl; gives what it failed with."""
    sizes = {"code": 90, "cooking": 40, "history": 15, "sailing": 5}
    _write(tmp_path / "data.jsonl", [r for kind, n in sizes.items() for r in _records(kind, n)])
    _write(tmp_path / "wanted.jsonl", _records("history", 6) + _records("sailing", 6))

    # One thread: as fast on so little data, also on a busy machine.
    settings = {"INSTRUCTDIV_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

    def run(*arguments: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        return done.stdout + done.stderr if done.returncode else ""

    return run


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [p for p in PAGES if blocks_of(p)], ids=_name)
def test_the_blocks_of_a_page_run(page: Path, python: Any) -> None:
    assert python(__file__, page) == ""


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_an_example_runs(example: Path, python: Any) -> None:
    assert python(example) == ""


@pytest.mark.parametrize("recipe", RECIPES, ids=_name)
def test_an_example_recipe_loads(recipe: Path) -> None:
    assert idv.Recipe.load(recipe).data


# The links between the pages.


def links_of(page: Path) -> list[str]:
    """Where the links of a page lead within the repository: a path, and perhaps a heading."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [t for t in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in t]


def headings_of(page: Path) -> set[str]:
    """The names by which a link can lead to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links_of(page):
        path, _, heading = link.partition("#")
        aim = page.parent / path if path else page
        assert aim.exists(), f"{_name(page)} links to {link}, which is not there"
        assert not heading or heading in headings_of(aim), f"{link} has no such heading"


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links_of(index)}
    assert linked >= {page for page in PAGES if page not in (ROOT / "README.md", index)}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        execute(Path(sys.argv[1]))
    else:
        REFERENCE.write_text(reference(), encoding="utf-8")
        SCHEMA.write_text(summary_schema(), encoding="utf-8")
