"""What commands read: files, folders, vectors, and what is wrong with them."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import (
    LEXICAL,
    ROWS,
    done,
    fails,
    mix_of,
    one_object,
    select,
)


def test_several_files_of_different_schemas_make_one_mix(data: str, out: Path) -> None:
    chat = Path(data).with_name("chat.json")
    chats = [{"messages": [{"role": "user", "content": f"Who is {n}?"}], "x": n} for n in "abc"]
    chat.write_text(json.dumps(chats))
    result = done(
        "select", data, chat, "-b", 6, *LEXICAL, "--group", "source", "-o", out,
        "--selector", "group_balanced", "--json",
    )  # fmt: skip
    groups = one_object(result.stdout)["summary"]["groups"]
    assert {group["group"]: group["kept"] for group in groups} == {data: 3, str(chat): 3}
    assert sum("messages" in row for row in mix_of(out)) == 3
    assert all(row in ROWS + chats for row in mix_of(out))


def test_a_folder_is_read(data: str, out: Path) -> None:
    done(*select(Path(data).parent, out))
    assert len(mix_of(out)) == 5


def test_what_is_left_out_is_said(data: str, out: Path) -> None:
    with open(data, "a") as file:
        file.write('{"instruction": " ", "output": "b"}\n{"instruction": \n')
    result = done(*select(data, out))
    assert "note: 1 record cannot be used: " in result.stdout
    assert "2 records cannot be used and are left out; the first: " in result.stderr
    assert f"{data} line 44: not JSON" in result.stderr
    assert len((out / "quarantine.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.jsonl", b"", "e.jsonl is empty"),
        ("b.jsonl", b"\n\n\n", "b.jsonl is empty"),
        ("z.json", b"[]", "z.json holds no records"),
        ("m.json", b'[{"instruction": "a"},\n', "m.json is not JSON: line 2"),
        ("w.jsonl", b'{"instruction": "caf\xe9"}\n', "byte 0xe9 at offset 20 (line 1)"),
        ("t.jsonl.gz", b"\x1f\x8b\x08\x00", "t.jsonl.gz cannot be read"),
        ("u.jsonl", b'{"foo": 1, "bar": 2}', "no schema fits the columns foo, bar; known schemas"),
        ("k.xml", b"<a/>", "k.xml: unknown kind of file; known: .json"),
        ("n.jsonl", b'{"instruction": "", "output": ""}', "no record can be used"),
        ("l.jsonl", b"nope", "l.jsonl holds no records; line 1: not JSON"),
    ],
)
@pytest.mark.parametrize("command", ["select", "report"])
def test_input_that_cannot_be_read_is_exit_code_2(
    command: str, name: str, content: bytes, said: str, out: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    arguments = select(path, out) if command == "select" else ["report", path, *LEXICAL]
    fails(2, said, *arguments)
    assert not out.exists()


def test_missing_input_is_exit_code_2(out: Path, tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    fails(2, "no file or folder at", *select(tmp_path / "gone.jsonl", out))
    fails(2, "holds no data files", *select(tmp_path / "void", out))
    assert not out.exists()


@pytest.mark.parametrize("line", ['{"instruction": " ", "output": "b"}', '{"instruction":', "5"])
def test_strict_makes_a_bad_row_exit_code_2(line: str, data: str, out: Path) -> None:
    with open(data, "a") as file:
        file.write(line + "\n")
    fails(2, "data.jsonl line 43: ", *select(data, out, "--strict"))
    assert not out.exists()
    done(*select(data, out))


def test_vectors_of_ones_own_are_read_from_npy(data: str, out: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).standard_normal((42, 5)))
    done("select", data, "-b", 3, "--embedder", tmp_path / "v.npy", "--n-draws", 2, "-o", out)
    assert len(mix_of(out)) == 3


@pytest.mark.parametrize("rows", [3, 43])
def test_vectors_whose_rows_do_not_match_are_exit_code_2(
    rows: int, data: str, out: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "v.npy", np.ones((rows, 4)))
    said = f"has shape ({rows}, 4), but there are 42 records"
    fails(2, said, "select", data, "-b", 3, "--embedder", tmp_path / "v.npy", "-o", out)
    assert not out.exists()


@pytest.mark.parametrize(("wrong", "said"), [(np.nan, "row 7 holds NaN"), (0, "row 7 is all zer")])
def test_vectors_that_are_none_are_exit_code_2(
    wrong: float, said: str, data: str, out: Path, tmp_path: Path
) -> None:
    vectors = np.ones((42, 4))
    vectors[7] = wrong
    np.save(tmp_path / "v.npy", vectors)
    fails(2, said, "select", data, "-b", 3, "--embedder", tmp_path / "v.npy", "-o", out)
    assert not out.exists()
