"""Files: a folder is written whole or not at all."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from instructdiv.core.files import MANIFEST, check_free, new_folder, sha256, write_text
from instructdiv.errors import OutputError


def _everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _ours(path: Path) -> Path:
    path.mkdir()
    (path / MANIFEST).write_text("{}")
    (path / "old.txt").write_text("old")
    return path


def _stop(path: Path, error: type[BaseException], *, overwrite: bool = False) -> None:
    with new_folder(path, overwrite) as draft:
        (draft / "half.txt").write_text("half")
        raise error("stop")


def _fill_meanwhile(path: Path) -> None:
    with new_folder(path) as draft:
        (draft / "a.txt").write_text("a")
        path.mkdir()
        (path / "theirs.txt").write_text("theirs")


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as draft:
        (draft / "a.txt").write_text("a")
        assert not (tmp_path / "out").exists()
        assert draft.parent == tmp_path
        assert draft.name.startswith(".")
    assert _everything(tmp_path) == ["out", "out/a.txt"]


def test_a_new_folder_can_be_read_by_others(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        with new_folder(tmp_path / "out"):
            pass
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o755


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt, SystemExit])
def test_a_block_that_raises_leaves_nothing(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises((error, OutputError)):
        _stop(tmp_path / "out", error)
    assert _everything(tmp_path) == []


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_the_old_folder(
    error: type[BaseException], tmp_path: Path
) -> None:
    _ours(tmp_path / "out")
    with pytest.raises((error, OutputError)):
        _stop(tmp_path / "out", error, overwrite=True)
    assert _everything(tmp_path) == ["out", f"out/{MANIFEST}", "out/old.txt"]


def test_a_rename_that_fails_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ours(tmp_path / "out")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if (self / "new.txt").exists():
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with (
        pytest.raises(OutputError, match="cannot write to .*out: No space left on device"),
        new_folder(tmp_path / "out", overwrite=True) as draft,
    ):
        (draft / "new.txt").write_text("new")
    assert _everything(tmp_path) == ["out", f"out/{MANIFEST}", "out/old.txt"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as draft:
        (draft / "a.txt").write_text("a")
    assert _everything(tmp_path) == ["out", "out/a.txt"]


def test_folders_above_are_made(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "b" / "out"):
        pass
    assert (tmp_path / "a" / "b" / "out").is_dir()


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    _ours(tmp_path / "out")
    with (
        pytest.raises(OutputError, match=r"out is not empty; give another folder, or overwrite it"),
        new_folder(tmp_path / "out"),
    ):
        pass
    assert (tmp_path / "out" / "old.txt").read_text() == "old"


def test_our_own_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    _ours(tmp_path / "out")
    with new_folder(tmp_path / "out", overwrite=True) as draft:
        (draft / "new.txt").write_text("new")
    assert _everything(tmp_path) == ["out", "out/new.txt"]


def test_a_folder_that_is_not_ours_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with (
        pytest.raises(OutputError, match=rf"has no {MANIFEST}, so it is not ours to overwrite"),
        new_folder(tmp_path / "out", overwrite=True),
    ):
        pass
    assert _everything(tmp_path) == ["out", "out/thesis.tex"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_never_replaced_by_a_folder(overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="out is a file; give a folder"):
        check_free(tmp_path / "out", overwrite)
    assert (tmp_path / "out").read_text() == "a file"


def test_a_path_under_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "out"
    with pytest.raises(OutputError, match=f"cannot write to {path}: "), new_folder(path):
        pass
    with pytest.raises(OutputError, match=f"cannot write {path}: "):
        write_text(path, "text")


def test_a_folder_that_was_filled_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is not empty"):
        _fill_meanwhile(tmp_path / "out")
    assert _everything(tmp_path) == ["out", "out/theirs.txt"]


def test_text_is_written_in_utf_8_with_line_feeds(tmp_path: Path) -> None:
    path = write_text(tmp_path / "deep" / "a.txt", "é\n漢\n")
    assert path.read_bytes() == "é\n漢\n".encode()
    assert _everything(tmp_path) == ["deep", "deep/a.txt"]


def test_text_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a.txt", "\ud800")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert _everything(tmp_path) == ["a.txt"]


def test_text_is_never_written_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="cannot write .*/a: Is a directory"):
        write_text(tmp_path / "a", "text")
    assert _everything(tmp_path) == ["a"]


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "a").write_bytes(content)
    assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_an_interrupt_while_replacing_a_mix_loses_neither(tmp_path, monkeypatch):
    (tmp_path / "mix").mkdir()
    (tmp_path / "mix" / "manifest.json").write_text("old")
    rename = Path.rename

    def interrupted(self, target):
        if self.name.startswith(".mix.") and Path(target).name == "mix":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "mix", overwrite=True):
        pass
    assert (tmp_path / "mix" / "manifest.json").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["mix"]


def test_overwriting_through_a_link_replaces_what_it_leads_to(tmp_path):
    (tmp_path / "disk" / "mix").mkdir(parents=True)
    (tmp_path / "disk" / "mix" / "manifest.json").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "mix")
    with new_folder(tmp_path / "link", overwrite=True) as folder:
        (folder / "manifest.json").write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "mix" / "manifest.json").read_text() == "new"


def test_a_place_that_cannot_be_written_to_is_noticed_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    for place in ("file/mix", ".", ""):
        with (
            pytest.raises(OutputError, match="give a|cannot be replaced"),
            new_folder(place, overwrite=False),
        ):
            pytest.fail("begun")


def test_a_text_is_written_through_a_link(tmp_path):
    (tmp_path / "link.md").symlink_to(tmp_path / "report.md")
    write_text(tmp_path / "link.md", "new\n")
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "report.md").read_text() == "new\n"
