"""The documents do what they say: blocks run, links lead somewhere."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import instructdiv as idv

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
RECIPES = sorted((ROOT / "examples").glob("*.yaml"))

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
    execute(Path(sys.argv[1]))
