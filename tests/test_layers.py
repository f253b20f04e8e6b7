"""Imports go down the house, never up and never across."""

import ast
from pathlib import Path

import pytest

import instructdiv

ROOT = Path(instructdiv.__file__).parent
LAYERS = [
    {"part", "errors", "files", "threads", "rows", "keyed"},
    {"records", "views", "space", "budget", "schemas", "allowance", "plain", "quotas"},
    {
        "greedy",
        "nearest_queue",
        "embedders",
        "clusterers",
        "layouts",
        "licenses",
        "holdout",
        "sources",
    },
    {"pool", "selection", "arrangement", "convert"},
    {"metrics", "selectors", "arrangers", "exporters", "guidance"},
    {"report", "recipe", "plan"},
    {"curate", "diversify", "mixture", "sweep", "lab", "push"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# Within one level these lean on each other, in this direction only.
WITHIN = {
    ("part", "errors"),
    ("keyed", "errors"),
    ("keyed", "part"),
    ("files", "errors"),
    ("rows", "errors"),
    ("views", "schemas"),
    ("selection", "pool"),
    ("arrangement", "pool"),
    ("arrangers", "selectors"),
    ("budget", "allowance"),
    ("quotas", "budget"),
    ("diversify", "curate"),
    ("mixture", "curate"),
    ("mixture", "diversify"),
    ("sweep", "curate"),
    ("sweep", "diversify"),
}


def unit(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports(path: Path) -> set[str]:
    """The units of the house that a module imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("instructdiv."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "instructdiv":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("instructdiv.")}
    return found


MODULES = [p for p in ROOT.rglob("*.py") if unit(p) not in ("__init__", "__main__")]


def test_every_module_has_a_floor():
    assert {unit(p) for p in MODULES} == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_go_down(path):
    here = unit(path)
    for other in imports(path) - {here}:
        assert LEVEL[other] < LEVEL[here] or (here, other) in WITHIN, f"{here} imports {other}"


def test_faiss_is_known_to_space_alone():
    users = [p.name for p in MODULES if "import faiss" in p.read_text(encoding="utf-8")]
    assert users == ["space.py"]


def test_only_the_command_line_prints():
    printing = [
        p.name
        for p in MODULES
        for node in ast.walk(ast.parse(p.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert not printing
