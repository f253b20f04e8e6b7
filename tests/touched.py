"""What `make quick` runs: the tests of what differs from the branch that is worked towards.

``python tests/touched.py [BRANCH]`` prints arguments for pytest, one a line. BRANCH is main unless
it is given; where there is none, or it is checked out, what is not committed yet counts.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMON = ["tests/test_layers.py", "tests/properties"]


def git(*arguments: str, root: Path = ROOT) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else []


def changed(branch: str = "main", root: Path = ROOT) -> list[str]:
    """Files that differ from where the work left the branch, and files that git does not know."""
    start = git("merge-base", branch, "HEAD", root=root) or ["HEAD"]
    unknown = git("ls-files", "--others", "--exclude-standard", root=root)
    return sorted({*git("diff", "--name-only", start[0], root=root), *unknown})


def belonging_to(file: str, root: Path = ROOT) -> Iterator[str]:
    """The tests of a file: its own, or where it has none those of its folder; and its examples."""
    path = Path(file)
    top, stem = path.parts[0], path.stem.strip("_")
    if path.suffix != ".py" or not (root / path).exists():
        return
    if top == "instructdiv":
        if ">>>" in (root / path).read_text(encoding="utf-8"):
            yield file
        mirror = Path("tests", *path.parts[1:-1])
        own = sorted((root / mirror).glob(f"test_{stem}.py"))
        beside = own or (sorted((root / mirror).glob("test_*.py")) if len(path.parts) > 2 else [])
        yield from (found.relative_to(root).as_posix() for found in beside)
    elif top == "tests" and path.name.startswith("test_"):
        yield file
    elif top == "tests" and path.name != "conftest.py":
        module = ".".join(path.with_suffix("").parts)
        package, _, name = module.rpartition(".")
        for found in sorted((root / "tests").rglob("test_*.py")):
            text = found.read_text(encoding="utf-8")
            if re.search(rf"from {module} import|from {package} import .*\b{name}\b", text):
                yield found.relative_to(root).as_posix()


def arguments(files: Iterable[str], root: Path = ROOT) -> list[str]:
    """Arguments for pytest: the common tests, and the tests of each file, each of them once."""
    found = dict.fromkeys(COMMON)
    for file in files:
        found |= dict.fromkeys(belonging_to(file, root))
    return [one for one in found if not one.startswith(f"{COMMON[1]}/")]


if __name__ == "__main__":
    print("\n".join(arguments(changed((sys.argv[1:] or ["main"])[0]))))
