"""What make quick runs: the tests of what was changed, and those that all parts share."""

import subprocess
from pathlib import Path

import pytest

from tests.touched import COMMON, arguments, changed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file, text in {
        "instructdiv/pool.py": "",
        "instructdiv/core/space.py": '"""\n>>> 1 + 1\n2\n"""\n',
        "instructdiv/core/_helper.py": "",
        "tests/test_pool.py": "from tests.pools import TINY\n",
        "tests/core/test_space.py": "",
        "tests/core/test_greedy.py": "from tests import naive, pools\n",
        "tests/properties/test_every.py": "from tests.naive import dense\n",
        "tests/pools.py": "TINY = 3\n",
        "tests/naive.py": "",
        "README.md": "",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "run"),
    [
        (["instructdiv/pool.py"], ["tests/test_pool.py"]),
        (["instructdiv/core/space.py"], ["instructdiv/core/space.py", "tests/core/test_space.py"]),
        (
            ["instructdiv/core/_helper.py"],
            ["tests/core/test_greedy.py", "tests/core/test_space.py"],
        ),
        (["tests/pools.py"], ["tests/core/test_greedy.py", "tests/test_pool.py"]),
        (["tests/naive.py"], ["tests/core/test_greedy.py"]),
        (["tests/core/test_space.py"] * 2, ["tests/core/test_space.py"]),
        (["README.md", "instructdiv/gone.py", "tests/properties/test_every.py"], []),
    ],
)
def test_a_changed_file_brings_its_tests(files: list[str], run: list[str], project: Path):
    assert arguments(files, project) == [*COMMON, *run]


def test_what_is_committed_changed_or_new_since_the_branch_counts(project: Path):
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=project, check=True, capture_output=True)

    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "all")
    assert changed(root=project) == []
    (project / "tests" / "naive.py").write_text("# other\n")
    assert changed(root=project) == ["tests/naive.py"]
    git("checkout", "-b", "work")
    git("commit", "-am", "naive")
    (project / "new.py").write_text("")
    assert changed(root=project) == ["new.py", "tests/naive.py"]
    assert changed("no-such-branch", root=project) == ["new.py"]
