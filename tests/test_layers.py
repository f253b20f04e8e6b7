"""The house: folders are the units, and imports only go down."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import instructdiv

ROOT = Path(instructdiv.__file__).parent
FLOORS = [
    {"errors"},
    {"part"},
    {"core", "schemas"},
    {"budget", "clusterers", "embedders", "results"},
    {"data", "published"},
    {"pool", "exporters"},
    {"pool_input", "selection", "arrangement"},
    {"selectors", "metrics", "training"},
    {"report", "arrangers"},
    {"curation"},
    {"experiments"},
    {"lab"},
    {"cli"},
]
FLOOR = {unit: number for number, units in enumerate(FLOORS) for unit in units}

MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
    if path.parent != ROOT or path.stem not in ("__init__", "__main__")
}


def unit(module: str) -> str:
    return module.split(".")[1]


def imports(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each module that is imported, wherever the import stands, and the names taken from it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), tuple(a.name for a in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            for given in node.args[:1]:
                if called in ("import_module", "__import__") and isinstance(given, ast.Constant):
                    yield str(given.value), ()


@cache
def ours(path: Path) -> set[str]:
    """The modules of the house that a module leans on."""
    found = set()
    for module, names in imports(path):
        if module.partition(".")[0] == "instructdiv":
            inner = {f"{module}.{name}" for name in names} & MODULES.keys()
            found |= inner or {module}
    return found


def test_every_module_has_a_floor():
    assert {unit(module) for module in MODULES} == set(FLOOR)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_go_down(module):
    for other in ours(MODULES[module]):
        below = FLOOR[unit(other)] < FLOOR[unit(module)]
        assert below or unit(other) == unit(module), f"{module} imports {other}"


def test_within_a_folder_nothing_goes_round_in_circles():
    # A package gathers its modules: what matters is how these lean on each other.
    gathers = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    leans = {
        module: {
            m
            for named in ours(path)
            for m in (ours(MODULES[named]) if named in gathers else {named})
            if unit(m) == unit(module) and m != module
        }
        for module, path in MODULES.items()
        if module not in gathers
    }
    try:
        list(TopologicalSorter(leans).static_order())
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_imported_by_their_full_name(module):
    for other, names in imports(MODULES[module]):
        assert not other.startswith("."), f"{module} has a relative import"
        packages = {f"instructdiv.{name}" for name in names} & MODULES.keys()
        front_door = other == "instructdiv" and len(packages) < max(1, len(names))
        assert not front_door, f"{module} imports the front door"


def test_no_module_imports_the_folder_that_it_lies_in():
    for module, path in MODULES.items():
        if path.name != "__init__.py":
            own = module.rpartition(".")[0]
            assert own not in ours(path) or own == "instructdiv", f"{module} imports {own}"


def test_no_public_name_is_a_module_too():
    at_the_top = {module.split(".")[1] for module in MODULES}
    for name in set(instructdiv.__all__) & at_the_top:
        assert getattr(instructdiv, name).__name__ == f"instructdiv.{name}"


def test_the_front_door_opens_to_what_it_lists():
    names: dict[str, object] = {}
    exec("from instructdiv import *", names)
    assert names.keys() - {"__builtins__"} == set(instructdiv.__all__)
    assert set(dir(instructdiv)) >= set(instructdiv.__all__)


def test_every_namespace_lists_its_names():
    for name in instructdiv.__all__:
        namespace = getattr(instructdiv, name)
        if isinstance(namespace, ModuleType):
            for inner in namespace.__all__:
                assert getattr(namespace, inner), f"{name} lists {inner}, which it has not"


def test_faiss_is_known_to_neighbors_alone():
    users = [p.name for p in MODULES.values() if "import faiss" in p.read_text(encoding="utf-8")]
    assert users == ["neighbors.py"]


def test_only_the_command_line_prints():
    printing = [
        path.name
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert not printing


def test_no_test_module_is_imported():
    # Scripts that tests write and run in processes of their own are text here.
    importing = re.compile(r"^\s*(?:from|import)\s+tests\b.*\btest_\w+", re.M)
    for path in Path(__file__).parent.rglob("*.py"):
        found = importing.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path.name}: {found and found.group().strip()}"
