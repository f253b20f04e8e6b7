"""Records: what is read, what is left out, and what is said about it."""

import csv
import gzip
import io
import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv.data.load import read
from instructdiv.data.records import Records
from instructdiv.errors import InputError
from instructdiv.exporters import Jsonl, Split
from tests.shared_data import NUMBERED, recipe

ROWS: list[dict[str, Any]] = [
    {"instruction": "Name a color.", "input": "", "output": "Blue"},
    {"instruction": "Übersetze: 你好", "input": "a, b\tc", "output": 'Hallo "Welt"'},
    {"instruction": "Two\nlines", "input": "x", "output": "y"},
]
GOOD = b'{"instruction": "Name a color.", "output": "Blue"}'


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def _table(rows: list[dict[str, Any]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def _zst(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


FILES: dict[str, Callable[[], bytes]] = {
    "rows.jsonl": lambda: _lines(ROWS),
    "rows.ndjson": lambda: _lines(ROWS),
    "rows.json": lambda: json.dumps(ROWS, indent=2).encode(),
    "lines.json": lambda: _lines(ROWS),
    "array.jsonl": lambda: json.dumps(ROWS).encode(),
    "nested.json": lambda: json.dumps({"version": 1, "data": ROWS}).encode(),
    "rows.csv": lambda: _table(ROWS, ","),
    "rows.tsv": lambda: _table(ROWS, "\t"),
    "rows.parquet": lambda: _parquet(ROWS),
    "rows.jsonl.gz": lambda: gzip.compress(_lines(ROWS)),
    "rows.json.gz": lambda: gzip.compress(json.dumps(ROWS).encode()),
    "rows.csv.gz": lambda: gzip.compress(_table(ROWS, ",")),
    "rows.tsv.gz": lambda: gzip.compress(_table(ROWS, "\t")),
    "rows.jsonl.zst": lambda: _zst(_lines(ROWS)),
    "rows.json.zst": lambda: _zst(json.dumps(ROWS).encode()),
    "ROWS.JSONL": lambda: _lines(ROWS),
    "rows.2024.v1.jsonl": lambda: _lines(ROWS),
    "bom.jsonl": lambda: b"\xef\xbb\xbf" + _lines(ROWS),
    "bom.json": lambda: b"\xef\xbb\xbf" + json.dumps(ROWS).encode(),
    "bom.csv": lambda: b"\xef\xbb\xbf" + _table(ROWS, ","),
    "crlf.jsonl": lambda: _lines(ROWS).replace(b"\n", b"\r\n"),
    "crlf.json": lambda: json.dumps(ROWS, indent=1).encode().replace(b"\n", b"\r\n"),
    "blank.jsonl": lambda: b"\n" + _lines(ROWS).replace(b"\n", b"\n\n \n"),
    "end.jsonl": lambda: _lines(ROWS).rstrip(b"\n"),
}


def _write(folder: Path, name: str, content: bytes | str) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    records = read(_write(tmp_path, name, FILES[name]()))
    assert [dict(row) for row in records.rows] == ROWS
    assert not records.quarantine
    assert [file for file, _ in records.files] == [str(tmp_path / name)]


@pytest.mark.parametrize("name", FILES)
def test_load_gives_a_dataset_with_every_column(name: str, tmp_path: Path) -> None:
    dataset = idv.load(_write(tmp_path, name, FILES[name]()))
    assert isinstance(dataset, datasets.Dataset)
    assert dataset.column_names == ["instruction", "input", "output"]
    assert dataset.to_list() == ROWS


def test_a_path_object_is_read_like_its_text(tmp_path: Path) -> None:
    path = Path(_write(tmp_path, "rows.jsonl", _lines(ROWS)))
    assert list(read(path).rows) == list(read(str(path)).rows) == list(read([path]).rows)


def test_a_single_json_object_is_one_record(tmp_path: Path) -> None:
    path = _write(tmp_path, "one.json", json.dumps(ROWS[0], indent=2))
    assert list(read(path).rows) == ROWS[:1]


@pytest.mark.parametrize("mark", ["\u0085", "\u2028", "\u2029", "\x0b", "\x1c", "\xa0", "\ufeff"])
def test_only_a_line_feed_ends_a_line(mark: str, tmp_path: Path) -> None:
    rows = [{"instruction": f"before{mark}after", "output": mark}]
    raw = json.dumps(rows[0], ensure_ascii=False) if ord(mark) > 31 else json.dumps(rows[0])
    records = read(_write(tmp_path, "marks.jsonl", raw + "\n"))
    assert list(records.rows) == rows
    assert not records.quarantine


def test_blank_lines_are_passed_over_but_counted(tmp_path: Path) -> None:
    records = read(_write(tmp_path, "gaps.jsonl", b"\n" + GOOD + b"\n\n  \n" + GOOD))
    assert records.lines.tolist() == [2, 5]


def test_keys_that_rows_lack_or_have_extra_stay_as_they_are(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"instruction": "a", "output": "b"},
        {"instruction": "c", "extra": [1, {"x": None}]},
    ]
    records = read(_write(tmp_path, "ragged.jsonl", _lines(rows)))
    assert list(records.rows) == rows
    assert list(records.columns) == ["instruction", "output", "extra"]
    assert records.column("extra") == [None, [1, {"x": None}]]


def test_load_fills_a_missing_key_with_none(tmp_path: Path) -> None:
    rows = [{"instruction": "a", "output": "b"}, {"instruction": "c", "extra": "d"}]
    dataset = idv.load(_write(tmp_path, "ragged.jsonl", _lines(rows)))
    assert dataset[0] == {"instruction": "a", "output": "b", "extra": None}


def test_load_takes_a_column_of_mixed_types(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"instruction": "a", "n": 1}, {"instruction": "b", "n": "two"}]
    dataset = idv.load(_write(tmp_path, "mixed.jsonl", _lines(rows)))
    assert dataset["n"][:] == [1, "two"]


def test_a_column_of_mixed_types_keeps_its_values(tmp_path: Path) -> None:
    cells = [1 / 3, 1e-12, '{"a": 1}', "1", {"x": [2**63, "é", None]}, True, None, float("nan")]
    found = read([{"cell": cell} for cell in cells]).to_dataset()
    found.to_parquet(tmp_path / "mix.parquet")
    for rows in (found[:], read(str(tmp_path / "mix.parquet")).to_dataset()[:]):
        numbers, rest = rows["cell"][:2], rows["cell"][2:]
        assert numbers == pytest.approx(cells[:2], rel=1e-15, abs=0)  # as ``datasets`` reads them
        assert rest == [*cells[2:-1], None]
    written = pq.read_table(tmp_path / "mix.parquet")["cell"].to_pylist()
    assert [json.loads(cell) for cell in written[:2]] == cells[:2]


def test_an_infinite_number_in_a_column_of_mixed_types_is_not_lost() -> None:
    with pytest.raises(InputError, match="has no place in a datasets.Dataset"):
        read([{"a": [{"b": float("inf")}, "x"]}]).to_dataset()


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**64])
def test_a_number_that_datasets_cannot_read_back_is_named(number: int) -> None:
    rows = [{"cell": [{"x": number}, "s"]}]
    with pytest.raises(InputError, match=r"no place .* lines of JSON can hold it"):
        read(rows).to_dataset()


def test_a_number_above_64_bits_has_no_place_in_a_dataset_but_in_json_lines(tmp_path: Path) -> None:
    rows = [{"instruction": "a", "output": "b", "n": 10**20}]
    path = _write(tmp_path, "big.jsonl", _lines(rows))
    with pytest.raises(InputError, match="no place in a datasets.Dataset"):
        idv.load(path)
    mix = idv.curate(idv.Recipe(budget=1, embedder="lexical", n_draws=1), path)
    mix.export(tmp_path / "mix")
    assert json.loads((tmp_path / "mix" / "mix.jsonl").read_text()) == rows[0]


# What cannot be read at all.


@pytest.mark.parametrize("name", ["e.json", "e.jsonl", "e.csv", "e.tsv", "e.jsonl.gz"])
def test_an_empty_file_is_named(name: str, tmp_path: Path) -> None:
    content = gzip.compress(b"") if name.endswith("gz") else b""
    with pytest.raises(InputError, match=rf"{name} is empty"):
        read(_write(tmp_path, name, content))


@pytest.mark.parametrize("content", ["\n\n\n", "  \n\t\n", "\ufeff", "\ufeff\r\n"])
def test_a_file_of_blank_lines_is_empty(content: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"blank\.jsonl is empty"):
        read(_write(tmp_path, "blank.jsonl", content))


@pytest.mark.parametrize("name", ["z.json", "z.csv", "z.tsv", "z.parquet"])
def test_a_file_of_zero_rows_is_named(name: str, tmp_path: Path) -> None:
    empty = pa.table({"instruction": pa.array([], pa.string())})
    sink = io.BytesIO()
    pq.write_table(empty, sink)
    content = {"json": b"[]", "parquet": sink.getvalue()}.get(name[2:], b"instruction\toutput\n")
    with pytest.raises(InputError, match=rf"{name} holds no records"):
        read(_write(tmp_path, name, content))


@pytest.mark.parametrize("data", [[], ()], ids=["list", "tuple"])
def test_a_list_of_zero_rows_is_an_input_error(data: Any) -> None:
    with pytest.raises(InputError, match="holds no records"):
        read(data)


def test_a_dataset_of_zero_rows_is_an_input_error() -> None:
    with pytest.raises(InputError, match="holds no records"):
        read(datasets.Dataset.from_dict({"instruction": [], "output": []}))


def test_a_whole_malformed_json_names_the_line(tmp_path: Path) -> None:
    path = _write(tmp_path, "cut.json", '[{"instruction": "a"},\n {"instruction": "b"')
    with pytest.raises(InputError, match=r"cut\.json is not JSON: line 2"):
        read(path)


@pytest.mark.parametrize("content", ["hello", "{'instruction': 'a'}", '{"instruction": '])
def test_what_is_not_json_at_all_names_the_file(content: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.json is not JSON: line 1"):
        read(_write(tmp_path, "no.json", content))


@pytest.mark.parametrize(("content", "kind"), [("5", "int"), ('"text"', "str"), ("null", "None")])
def test_json_that_is_no_list_names_what_it_is(content: str, kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"v\.json holds {kind}.*not a list of records"):
        read(_write(tmp_path, "v.json", content))


def test_a_file_of_nothing_but_malformed_lines_gives_the_first_reason(tmp_path: Path) -> None:
    path = _write(tmp_path, "bad.jsonl", "nope\nnope again\n")
    with pytest.raises(InputError, match=r"bad\.jsonl holds no records; line 1: not JSON: .+"):
        read(path)


@pytest.mark.parametrize("name", ["w.jsonl", "w.json", "w.csv", "w.jsonl.gz"])
def test_a_wrong_encoding_names_byte_offset_and_line(name: str, tmp_path: Path) -> None:
    content = GOOD + b'\n{"instruction": "caf\xe9"}\n'
    packed = gzip.compress(content) if name.endswith("gz") else content
    with pytest.raises(InputError) as caught:
        read(_write(tmp_path, name, packed))
    message = str(caught.value)
    assert f"{name} is not UTF-8" in message
    assert f"byte 0xe9 at offset {content.index(0xE9)} (line 2)" in message
    assert "--encoding latin-1" in message


@pytest.mark.parametrize("name", ["w.jsonl", "w.json", "w.csv", "w.tsv", "w.jsonl.gz"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252", "utf-8"])
def test_a_text_is_read_in_the_encoding_that_is_named(
    name: str, encoding: str, tmp_path: Path
) -> None:
    rows = [{"instruction": "café", "output": "sí"}]
    table = {"w.csv": ",", "w.tsv": "\t"}
    content = _table(rows, table[name]) if name in table else _lines(rows)
    packed = content.decode().encode(encoding)
    path = _write(tmp_path, name, gzip.compress(packed) if name.endswith("gz") else packed)
    assert list(read(path, encoding=encoding).rows) == rows
    assert idv.load(path, encoding=encoding)[0] == rows[0]


@pytest.mark.parametrize("encoding", ["base64", "rot13"])
def test_a_codec_that_is_none_of_text_is_no_encoding(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no encoding is named '{encoding}'"):
        read(_write(tmp_path, "w.jsonl", GOOD), encoding=encoding)


def test_a_mark_of_utf_16_is_advised_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="as in --encoding utf-16"):
        read(_write(tmp_path, "w.jsonl", GOOD.decode().encode("utf-16")))


def test_quotes_between_tabs_are_text_and_swallow_nothing(tmp_path: Path) -> None:
    content = 'instruction\toutput\nSay "hi"\tx\n"Open\ty\nEnd"\tz\n"A" or "B"?\tw\n'
    rows = read(_write(tmp_path, "q.tsv", content)).rows
    assert [row["instruction"] for row in rows] == ['Say "hi"', '"Open', 'End"', '"A" or "B"?']
    quoted = 'instruction\toutput\n"two\nlines"\tx\n'
    assert read(_write(tmp_path, "r.TSV", quoted)).rows[0]["instruction"] == "two\nlines"


def test_a_table_that_would_lose_something_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"d\.csv has two columns 'output'; rename one"):
        read(_write(tmp_path, "d.csv", "instruction,output,output\na,b,c\n"))
    with pytest.raises(InputError, match=r"e\.csv: "):
        read(_write(tmp_path, "e.csv", 'instruction,output\n"a,b\nc,d\n'))


def test_of_a_folder_of_splits_train_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("train-00000.jsonl", "test-00000.jsonl", "validation.jsonl", "more.jsonl"):
        _write(tmp_path, name, _lines([{"instruction": name, "output": "x"}]))
    names = [row["instruction"] for row in read(str(tmp_path)).rows]
    assert sorted(names) == ["more.jsonl", "train-00000.jsonl"]
    assert "the split train is read, but not test-00000.jsonl, validation.jsonl" in caplog.text
    (tmp_path / "train-00000.jsonl").unlink()
    assert len(read(str(tmp_path))) == 3  # without train among them they are files like others


def test_what_was_left_out_before_is_not_read_with_a_folder(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.quarantine.jsonl", "quarantine.jsonl"):
        _write(tmp_path, name, GOOD)
    assert len(read(str(tmp_path))) == 1


@pytest.mark.parametrize("name", ["W.JSONL.GZ", "w.Json.gz", "w.JSONL"])
def test_endings_may_be_in_capitals(name: str, tmp_path: Path) -> None:
    content = gzip.compress(GOOD) if name.lower().endswith("gz") else GOOD
    assert len(read(_write(tmp_path, name, content))) == 1


def test_a_packed_table_of_bytes_says_that_it_must_be_unpacked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only files of text are read packed; unpack it"):
        read(_write(tmp_path, "w.parquet.gz", gzip.compress(_parquet(ROWS))))


def test_an_encoding_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no encoding is named 'latin-one'; try latin-1"):
        read(_write(tmp_path, "w.jsonl", GOOD), encoding="latin-one")


def test_a_wrong_guess_of_the_encoding_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not ascii: byte 0xc3 at offset"):
        read(_write(tmp_path, "w.jsonl", '{"instruction": "café"}'.encode()), encoding="ascii")


def test_utf_16_is_a_wrong_encoding(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"byte 0xff at offset 0 \(line 1\)"):
        read(_write(tmp_path, "u16.jsonl", GOOD.decode().encode("utf-16")))


@pytest.mark.parametrize("pack", [gzip.compress, _zst], ids=["gz", "zst"])
def test_a_truncated_archive_is_an_error_and_not_fewer_rows(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 10**9, (3000, 8)).tolist()
    packed = pack(_lines([{"instruction": str(row), "output": "b"} for row in noise]))
    name = "cut.jsonl.gz" if pack is gzip.compress else "cut.jsonl.zst"
    with pytest.raises(InputError, match=rf"{name} cannot be read: .+"):
        read(_write(tmp_path, name, packed[: len(packed) // 2]))


@pytest.mark.parametrize("name", ["no.jsonl.gz", "no.jsonl.zst"])
def test_what_is_no_archive_names_the_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{name} cannot be read: .+"):
        read(_write(tmp_path, name, GOOD))


def test_a_gz_with_damaged_bytes_names_the_file(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(GOOD * 50))
    packed[20] ^= 0xFF
    with pytest.raises(InputError, match=r"hurt\.jsonl\.gz cannot be read: .+"):
        read(_write(tmp_path, "hurt.jsonl.gz", bytes(packed)))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_what_is_no_parquet_names_the_file(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.parquet is not Parquet: .+"):
        read(_write(tmp_path, "no.parquet", content))


def test_an_unknown_kind_of_file_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(_write(tmp_path, "rows.xlsx", b"PK"))
    assert "rows.xlsx: unknown kind of file" in str(caught.value)
    for known in (".json", ".jsonl", ".csv", ".tsv", ".parquet", ".gz", ".zst"):
        assert known in str(caught.value)


@pytest.mark.parametrize("name", ["gone.jsonl", "gone"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"no file or folder at {tmp_path / name}$"):
        read(str(tmp_path / name))


@pytest.mark.parametrize("name", ["./gone", "../gone", "~/gone-from-home", "gone.jsonl"])
def test_what_looks_like_a_path_is_never_sought_on_the_hub(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr(datasets, "load_dataset", never)
    with pytest.raises(InputError, match="no file or folder at"):
        read(name)


def test_an_empty_path_is_not_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, "rows.jsonl", _lines(ROWS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError):
        read("")


def test_a_name_that_the_hub_does_not_have_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(InputError) as caught:
        read("nobody/nothing")
    assert "nobody/nothing" in str(caught.value)
    assert "ConnectionError: no network" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "config", "split"),
    [
        ("a/b", None, "train"),
        ("b", None, "train"),
        ("a/b:test", None, "test"),
        ("a/b:train[:10%]", None, "train[:10%]"),
        ("a/b:main:train+test", "main", "train+test"),
        ("a/b:2024.1:train[5:]", "2024.1", "train[5:]"),
    ],
)
def test_a_name_on_the_hub_is_read_through_datasets(
    name: str, config: str | None, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def served(path: str, config: str | None, *, split: str) -> datasets.Dataset:
        asked.append((path, config, split))
        return datasets.Dataset.from_list(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", served)
    records = read(name)
    assert asked == [(name.split(":", maxsplit=1)[0], config, split)]
    assert records.sources == (name,)
    assert len(records) == 3


@pytest.mark.parametrize("name", ["https://example.org/rows", "a/b:", ":train", "a/b:x y"])
def test_what_is_no_name_is_not_sought_on_the_hub(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("the Hub was asked"))
    with pytest.raises(InputError, match="nor is it the name of a data set on the Hub"):
        read(name)


@pytest.mark.parametrize("data", [5, None, {"instruction": "a"}, b"bytes", object()])
def test_what_cannot_hold_records_names_its_type_and_what_can(data: Any) -> None:
    with pytest.raises(InputError) as caught:
        read(data)
    assert str(caught.value)
    if not isinstance(data, bytes):
        assert f"cannot read records from {type(data).__name__}" in str(caught.value)
        assert "a list of mappings" in str(caught.value)


def test_of_several_splits_the_one_to_train_on_is_read(caplog: pytest.LogCaptureFixture) -> None:
    rows = datasets.Dataset.from_list(ROWS)
    splits = datasets.DatasetDict(train=rows, test=rows.select([0]))
    assert list(read(splits).rows) == ROWS
    assert "the split train is read, but not test" in caplog.text
    assert len(read(datasets.DatasetDict(validation=rows.select([0])))) == 1
    with pytest.raises(InputError, match="holds splits; give one of dev, test"):
        read(datasets.DatasetDict(dev=rows, test=rows))
    with pytest.raises(InputError, match="cannot read records from DatasetDict"):
        read(datasets.DatasetDict())


def test_a_stream_of_records_is_read_to_its_end() -> None:
    mixed = [*ROWS, {"instruction": "Other", "output": 5, "extra": [1]}]
    stream = datasets.IterableDataset.from_generator(lambda: iter(mixed))
    assert list(read(stream).rows) == mixed
    splits = datasets.IterableDatasetDict({"train": stream})
    assert list(read(splits).rows) == mixed
    typed = datasets.Dataset.from_list(ROWS).to_iterable_dataset()
    assert idv.load(typed).to_list() == ROWS


def test_rebalance_gives_a_data_set_for_a_stream_and_for_splits() -> None:
    rows = [{"instruction": f"Count to {n}.", "output": "1"} for n in range(9)]
    dataset = datasets.Dataset.from_list(rows)
    for data in (dataset.to_iterable_dataset(), datasets.DatasetDict(train=dataset)):
        chosen = idv.rebalance(data, 3, embedder=idv.Lexical())
        assert isinstance(chosen, datasets.Dataset)
        assert all(row in rows for row in chosen)


def test_an_arrow_file_is_read(tmp_path: Path) -> None:
    datasets.Dataset.from_list(ROWS).save_to_disk(str(tmp_path / "saved"))
    [file] = (tmp_path / "saved").glob("*.arrow")
    assert list(read(str(file)).rows) == ROWS
    with pytest.raises(InputError, match=r"bad\.arrow is not a stream of Arrow"):
        read(_write(tmp_path, "bad.arrow", b"nothing of the kind"))


def test_a_task_file_is_read_as_its_instances(tmp_path: Path) -> None:
    task = {
        "Definition": ["Tell the color."],
        "Categories": ["Naming"],
        "Instances": [
            {"id": "a-1", "input": "sky", "output": ["blue"]},
            {"id": "a-2", "input": "grass", "output": ["green", "lime"]},
            "no instance",
        ],
    }
    records = read(_write(tmp_path, "task007_colors.json.gz", gzip.compress(_json(task))))
    assert [row["id"] for row in records.rows] == ["a-1", "a-2"]
    assert records.rows[1] == {
        "task": "task007_colors",
        "Definition": ["Tell the color."],
        "Categories": ["Naming"],
        "id": "a-2",
        "input": "grass",
        "output": ["green", "lime"],
    }
    assert [bad.line for bad in records.quarantine] == [3]


def test_records_under_data_are_read_but_a_list_of_texts_is_one_record(tmp_path: Path) -> None:
    wrapped = read(_write(tmp_path, "w.json", _json({"data": ROWS, "version": 1})))
    assert list(wrapped.rows) == ROWS
    chat = {"id": "1", "data": ["Hi", "Hello"]}
    assert list(read(_write(tmp_path, "chat.json", _json(chat))).rows) == [chat]


# What is left out, row by row.


def test_a_malformed_line_is_left_out_with_its_number_and_reason(tmp_path: Path) -> None:
    path = _write(tmp_path, "mix.jsonl", GOOD + b'\n\n{"instruction": "a",}\n' + GOOD + b"\n")
    records = read(path)
    assert records.lines.tolist() == [1, 4]
    [bad] = records.quarantine
    assert (bad.file, bad.line) == (path, 3)
    assert bad.reason.startswith("not JSON: ")
    assert "column" in bad.reason
    assert bad.content == '{"instruction": "a",}'


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{"instruction": "a"', id="cut"),
        pytest.param("5", id="number"),
        pytest.param("null", id="null"),
        pytest.param('["a", "b"]', id="list"),
        pytest.param('"text"', id="text"),
        pytest.param("\x00", id="NUL"),
        pytest.param("<<<<<<< HEAD", id="conflict"),
        pytest.param('{"instruction": "a\\ud800", "output": "b"}', id="lone surrogate"),
        pytest.param('{"instruction": "a", "\\udfff": "b"}', id="lone surrogate in a key"),
        pytest.param('{"instruction": "a", "x": ' + "[" * 99_999, id="deep and cut"),
        pytest.param('{"x": ' + "[" * 99_999 + "]" * 99_999 + "}", id="deep"),
        pytest.param('{"instruction": "a", "x": ' + "1" * 5000 + "}", id="5000 digits"),
    ],
)
@pytest.mark.parametrize("place", [1, 2, 3], ids=["first", "middle", "last"])
def test_a_line_that_is_no_record_never_costs_the_others(
    line: str, place: int, tmp_path: Path
) -> None:
    lines = [GOOD.decode(), GOOD.decode()]
    lines.insert(place - 1, line)
    records = read(_write(tmp_path, "mix.jsonl", "\n".join(lines) + "\n"))
    assert [bad.line for bad in records.quarantine] == [place]
    assert records.quarantine[0].reason
    assert len(records) == 2


def test_a_first_line_that_opens_a_bracket_does_not_cost_the_file(tmp_path: Path) -> None:
    records = read(_write(tmp_path, "mix.jsonl", b"[broken\n" + GOOD + b"\n" + GOOD))
    assert records.lines.tolist() == [2, 3]
    assert records.quarantine[0].line == 1


def test_a_pair_of_surrogates_is_text(tmp_path: Path) -> None:
    records = read(_write(tmp_path, "emoji.jsonl", '{"instruction": "\\ud83d\\ude00"}'))
    assert records.rows[0]["instruction"] == "😀"


def test_a_lone_surrogate_in_a_json_array_is_left_out(tmp_path: Path) -> None:
    records = read(
        _write(tmp_path, "s.json", '[{"instruction": "ok"}, {"instruction": "\\ud800"}]')
    )
    assert len(records) == 1
    [bad] = records.quarantine
    assert (bad.line, bad.reason) == (2, "half of a surrogate pair is not text")


def test_a_lone_surrogate_in_a_list_is_left_out() -> None:
    records = read([{"instruction": "ok", "output": "b"}, {"instruction": "\ud800", "output": "b"}])
    assert len(records) == 1
    assert "surrogate" in records.quarantine[0].reason


def test_what_is_left_out_can_be_printed_and_encoded(tmp_path: Path) -> None:
    records = read(_write(tmp_path, "s.jsonl", GOOD + b'\n{"instruction": "\\ud800"}\n\xc2\x85x\n'))
    assert len(records.quarantine) == 2
    for bad in records.quarantine:
        f"{bad.file} {bad.line} {bad.reason} {bad.content}".encode()


def test_an_item_of_a_list_that_is_no_mapping_is_left_out() -> None:
    records = read([ROWS[0], 5, ROWS[1], "text", None])
    assert [(bad.line, bad.reason) for bad in records.quarantine] == [
        (2, "not a record but int"),
        (4, "not a record but str"),
        (5, "not a record but NoneType"),
    ]
    assert records.lines.tolist() == [1, 3]


def test_a_table_row_with_too_many_cells_is_left_out(tmp_path: Path) -> None:
    records = read(_write(tmp_path, "t.csv", "instruction,output\na,b\nc,d,e,f\ng\n"))
    assert list(records.rows) == [
        {"instruction": "a", "output": "b"},
        {"instruction": "g", "output": None},
    ]
    [bad] = records.quarantine
    assert bad.reason == "more cells than columns"
    assert '"e"' in bad.content


def test_a_cell_may_be_very_long(tmp_path: Path) -> None:
    rows = [{"instruction": "x" * 300_000, "output": "y"}]
    assert list(read(_write(tmp_path, "long.csv", _table(rows, ","))).rows) == rows


def test_strict_makes_the_first_bad_line_an_error(tmp_path: Path) -> None:
    path = _write(tmp_path, "mix.jsonl", GOOD + b"\nnope\n" + GOOD + b"\nnope\n")
    with pytest.raises(InputError, match=r"mix\.jsonl line 2: not JSON"):
        read(path, strict=True)
    with pytest.raises(InputError, match=r"mix\.jsonl line 2: not JSON"):
        idv.load(path, strict=True)


def test_load_logs_every_line_it_leaves_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("instructdiv"), "propagate", True)
    path = _write(tmp_path, "mix.jsonl", GOOD + b"\nnope\n" + GOOD + b"\n{}x\n")
    with caplog.at_level(logging.WARNING, "instructdiv"):
        assert len(idv.load(path)) == 2
    assert [record.getMessage().split(": not JSON")[0] for record in caplog.records] == [
        f"left out: {path} line 2",
        f"left out: {path} line 4",
    ]


# Where records come from.


def test_several_files_keep_their_source_and_line(tmp_path: Path) -> None:
    first = _write(tmp_path, "a.jsonl", _lines(ROWS))
    second = _write(tmp_path, "b.csv", _table([{"question": "q", "answer": "a"}], ","))
    records = read([first, second])
    assert records.sources == (first, second)
    assert records.source_of.tolist() == [0, 0, 0, 1]
    assert records.lines.tolist() == [1, 2, 3, 2]  # the first line of a table is its header
    assert records.column("source") == [first, first, first, second]
    assert records.rows[3] == {"question": "q", "answer": "a"}


def test_a_column_named_source_wins_over_the_file(tmp_path: Path) -> None:
    rows = [{"instruction": "a", "output": "b", "source": "mine"}]
    assert read(_write(tmp_path, "a.jsonl", _lines(rows))).column("source") == ["mine"]


def test_an_empty_file_among_others_is_named(tmp_path: Path) -> None:
    paths = [_write(tmp_path, "a.jsonl", GOOD), _write(tmp_path, "b.jsonl", "")]
    with pytest.raises(InputError, match=r"b\.jsonl is empty"):
        read(paths)


def test_a_folder_gives_its_data_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / ".git").mkdir()
    _write(tmp_path, "b.jsonl", _lines(ROWS[1:2]))
    _write(tmp_path, "a.jsonl.gz", gzip.compress(_lines(ROWS[:1])))
    _write(tmp_path / "deep", "c.csv", _table(ROWS[2:], ","))
    _write(tmp_path / ".git", "d.jsonl", _lines(ROWS))
    _write(tmp_path, ".hidden.jsonl", _lines(ROWS))
    _write(tmp_path, "README.md", "# no data")
    assert list(read(str(tmp_path)).rows) == ROWS


def test_a_folder_without_data_lists_what_is_known(tmp_path: Path) -> None:
    _write(tmp_path, "notes.txt", "nothing")
    with pytest.raises(InputError) as caught:
        read(str(tmp_path))
    assert f"{tmp_path} holds no data files" in str(caught.value)
    assert ".jsonl" in str(caught.value)


def test_a_folder_of_save_to_disk_is_read(tmp_path: Path) -> None:
    saved = datasets.Dataset.from_list(ROWS)
    saved.save_to_disk(str(tmp_path / "saved"))
    records = read(str(tmp_path / "saved"))
    assert [dict(row) for row in records.rows] == ROWS
    assert idv.load(str(tmp_path / "saved")).features == saved.features
    assert all(len(digest["sha256"]) == 64 for digest in records.digests())


def test_of_a_folder_of_saved_splits_train_is_read(tmp_path: Path) -> None:
    split = datasets.Dataset.from_list(ROWS)
    one = split.select([0])
    datasets.DatasetDict(train=split, test=one).save_to_disk(str(tmp_path / "saved"))
    records = read(str(tmp_path / "saved"))
    assert list(records.rows) == ROWS
    assert all("/train/" in digest["file"] for digest in records.digests())
    datasets.DatasetDict(dev=split, test=one).save_to_disk(str(tmp_path / "untrained"))
    with pytest.raises(InputError, match="holds splits; give one of dev, test"):
        read(str(tmp_path / "untrained"))
    for file in (tmp_path / "saved" / "train").glob("*.arrow"):
        file.unlink()
    with pytest.raises(InputError, match="saved cannot be read"):
        read(str(tmp_path / "saved"))


def test_a_dataset_is_given_back_as_it_is() -> None:
    dataset = datasets.Dataset.from_list(ROWS)
    assert idv.load(dataset) is dataset


def test_a_list_keeps_the_very_same_rows() -> None:
    records = read(ROWS)
    assert all(mine is theirs for mine, theirs in zip(records.rows, ROWS, strict=True))


def test_records_are_read_once() -> None:
    records = read(ROWS)
    assert read(records) is records


def test_rows_are_taken_in_order_with_their_lines() -> None:
    records = read(ROWS).take([2, 0])
    assert list(records.rows) == [ROWS[2], ROWS[0]]
    assert records.lines.tolist() == [3, 1]


@pytest.mark.parametrize("wrap", [list, datasets.Dataset.from_list], ids=["list", "dataset"])
def test_an_unknown_column_lists_the_known_ones(wrap: Callable[[Any], Any]) -> None:
    with pytest.raises(InputError) as caught:
        read(wrap(ROWS)).column("topic")
    assert str(caught.value) == (
        "no column is named 'topic'; known: instruction, input, output, source"
    )


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    import hashlib

    path = _write(tmp_path, "a.jsonl", _lines(ROWS))
    expected = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert read(path).digests() == [{"file": path, "sha256": expected}]


def test_the_digest_of_rows_tells_them_apart() -> None:
    same, other = read(list(ROWS)), read(ROWS[:2])
    assert same.digests() == read(ROWS).digests()
    assert same.digests() != other.digests()


# Any rows, written and read back.

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ANY_ROWS = st.lists(st.dictionaries(TEXT, VALUES, max_size=4), min_size=1, max_size=6)


@given(ANY_ROWS)
@settings(max_examples=80, deadline=None)
def test_any_rows_written_as_json_lines_are_read_back_equal(rows: list[dict[str, Any]]) -> None:
    records = read(rows)
    with tempfile.TemporaryDirectory() as folder:
        [path] = Jsonl().write({"train": Split(records, ())}, Path(folder))["train"]
        again = read(str(path))
    assert list(again.rows) == rows
    assert again.lines.tolist() == list(range(1, len(rows) + 1))
    assert not again.quarantine


def _read_or_refusal(path: str) -> Records | str:
    try:
        return read(path)
    except InputError as error:
        return str(error)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5).map(b"\n".join))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused_with_a_reason(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("any.jsonl", "any.json", "any.csv"):
            path = _write(Path(folder), name, content)
            read_or_refused = _read_or_refusal(path)
            if isinstance(read_or_refused, Records):
                assert len(read_or_refused) == len(read_or_refused.lines) >= 1
            else:
                assert name in read_or_refused


@given(st.lists(st.sampled_from([GOOD.decode(), "nope", "", "7", " "]), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_line_is_a_record_or_left_out_or_blank(lines: list[str]) -> None:
    kept = [i for i, line in enumerate(lines, 1) if line == GOOD.decode()]
    bad = [i for i, line in enumerate(lines, 1) if line in ("nope", "7")]
    with tempfile.TemporaryDirectory() as folder:
        path = _write(Path(folder), "any.jsonl", "\n".join(lines))
        if not kept:
            with pytest.raises(InputError):
                read(path)
            return
        records = read(path)
    assert records.lines.tolist() == kept
    assert [one.line for one in records.quarantine] == bad


def test_a_hub_name_with_a_dot_is_asked_for_on_the_hub(monkeypatch):
    import datasets

    asked = []

    def load_dataset(name, _config, split):
        asked.append((name, split))
        return Dataset.from_list(NUMBERED)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert len(idv.load("somebody/Data-2.5")) == 40
    assert asked == [("somebody/Data-2.5", "train")]


def test_a_mix_inside_the_data_folder_is_not_data(tmp_path):
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in NUMBERED))
    idv.curate(recipe(), tmp_path).export(tmp_path / "mix")
    assert len(idv.load(tmp_path)) == 40
