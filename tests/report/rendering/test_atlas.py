"""The atlas: files that embedding-atlas opens, one row a record."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import instructdiv as idv
from instructdiv import Pool, Random, Summary
from instructdiv.errors import InputError, OutputError
from instructdiv.report.rendering import atlas as atlas_module
from tests.pages import chosen, hostile_pool
from tests.pools import COPIES, DISTINCT, EQUAL, ONE, POOLS, readable

# What embedding-atlas 0.26 reads: it was run on such files, and served them without an error.
COLUMNS = {
    "id": pa.string(),
    "text": pa.string(),
    "cluster": pa.int64(),
    "label": pa.string(),
    "projection_x": pa.float32(),
    "projection_y": pa.float32(),
    "neighbors": pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float64()))]),
    "source": pa.string(),
    "kept": pa.bool_(),
}
LABELS = {
    "x": pa.float64(),
    "y": pa.float64(),
    "text": pa.string(),
    "level": pa.int64(),
    "priority": pa.int64(),
}

every_pool = pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())


def written(summary: Summary, folder: Path) -> tuple[pa.Table, pa.Table]:
    """The table of the records, and that of the labels."""
    summary.save_atlas(folder, projection="pca")
    return tuple(pq.read_table(folder / f"{name}.parquet") for name in ("atlas", "labels"))


def summary_of(pool: Pool, records: int = 0) -> Summary:
    selection = Random().select(pool, records) if records else None
    return idv.coverage(pool, selection, n_draws=2)


def types_of(table: pa.Table) -> dict[str, Any]:
    return dict(zip(table.schema.names, table.schema.types, strict=True))


@every_pool
def test_a_row_holds_all_of_a_record(pool: Pool, tmp_path: Path):
    atlas, labels = written(summary_of(pool, 1), tmp_path / "atlas")
    assert types_of(atlas) == COLUMNS
    assert types_of(labels) == LABELS
    assert atlas.num_rows == len(pool)
    assert atlas["id"].to_pylist() == [str(row) for row in range(len(pool))]
    assert atlas["source"].to_pylist() == list(
        map(str, pool.groups if pool.groups is not None else [])
    )
    for axis in "xy":
        assert np.isfinite(atlas[f"projection_{axis}"].to_numpy()).all()


def test_groups_and_kept_are_there_only_if_they_are_known(tmp_path: Path):
    bare = Pool.from_embeddings(DISTINCT.space)
    atlas, _ = written(summary_of(bare), tmp_path / "atlas")
    assert set(COLUMNS) - set(atlas.column_names) == {"source", "kept"}


@every_pool
def test_neighbors_are_rows_from_0_on_the_nearest_first_the_record_among_them(
    pool: Pool, tmp_path: Path
):
    atlas, _ = written(summary_of(pool), tmp_path / "atlas")
    similarity = pool.space.similarity(np.arange(len(pool)), np.arange(len(pool)))
    n_neighbors = min(11, len(pool))
    for row, found in enumerate(atlas["neighbors"].to_pylist()):
        ids, distances = np.array(found["ids"]), np.array(found["distances"])
        assert len(ids) == len(distances) == len(set(found["ids"])) == n_neighbors
        assert distances[0] == 0
        assert (np.diff(distances) >= 0).all()
        assert distances == pytest.approx(1 - similarity[row, ids], abs=1e-5)
        assert distances == pytest.approx(np.sort(1 - similarity[row])[:n_neighbors], abs=1e-5)
        # It is the first, or one of its copies is.
        assert row in ids[distances == 0]


def test_kept_are_the_chosen_records(tmp_path: Path):
    selection = chosen(DISTINCT, 9)
    atlas, _ = written(idv.coverage(DISTINCT, selection, n_draws=2), tmp_path / "atlas")
    assert np.flatnonzero(atlas["kept"].to_numpy()).tolist() == sorted(selection.indices.tolist())


def test_labels_are_the_names_of_the_largest_clusters_at_their_middles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(atlas_module, "_LABELS", 3)
    rows = [{"instruction": f"{text} {n}", "output": ""} for text in "abcde" for n in range(6)]
    summary = summary_of(Pool.of(rows, embedder="lexical"))
    atlas, labels = written(summary, tmp_path / "atlas")
    assert len(summary.clusters) > 3
    names = {cluster.cluster: cluster.name for cluster in summary.clusters}
    assert atlas["label"].to_pylist() == [names[c] for c in atlas["cluster"].to_pylist()]
    assert labels["text"].to_pylist() == [cluster.name for cluster in summary.clusters[:3]]
    assert labels["priority"].to_pylist() == [c.records for c in summary.clusters[:3]]
    for place, cluster in enumerate(summary.clusters[:3]):
        inside = atlas["cluster"].to_numpy() == cluster.cluster
        assert inside.sum() == cluster.records
        for axis in "xy":
            middle = np.median(atlas[f"projection_{axis}"].to_numpy()[inside])
            assert labels[axis].to_numpy()[place] == pytest.approx(middle, abs=1e-6)


@pytest.mark.parametrize("pool", [ONE, EQUAL], ids=["one", "equal"])
def test_records_that_lie_on_one_point_are_written(pool: Pool, tmp_path: Path):
    atlas, labels = written(summary_of(pool, 1), tmp_path / "atlas")
    assert set(atlas["projection_x"].to_pylist()) == set(labels["x"].to_pylist()) == {0}
    assert atlas["neighbors"].to_pylist()[0]["distances"] == [0] * len(pool)


def test_vectors_alone_have_no_text_and_numbers_as_ids(tmp_path: Path):
    alone = replace(COPIES, known_texts=None)
    atlas, labels = written(summary_of(alone), tmp_path / "atlas")
    assert set(atlas["text"].to_pylist()) == {""}
    assert atlas["id"].to_pylist()[:3] == ["0", "1", "2"]
    assert all(labels["text"].to_pylist())


def test_texts_are_whole_where_there_are_any(tmp_path: Path):
    pool = readable(DISTINCT)
    atlas, _ = written(summary_of(pool), tmp_path / "atlas")
    assert atlas["text"].to_pylist() == list(pool.texts)


def test_what_is_no_character_is_a_question_mark(tmp_path: Path):
    texts = ("a\x00b", "\ud800 half", "w" * 66_000, "\u202etfel", "", "<b>&amp;</b>", "x\r\ny")
    groups = ["\udfff", *"bcdefg"]
    pool = replace(Pool.from_embeddings(np.eye(7), groups), known_texts=texts)
    atlas, _ = written(summary_of(pool), tmp_path / "atlas")
    expected = [text.replace("\ud800", "?") for text in texts]
    assert atlas["text"].to_pylist() == expected
    assert atlas["source"].to_pylist() == ["?", *"bcdefg"]


def test_hostile_records_are_written_as_they_are(tmp_path: Path):
    pool = hostile_pool(tmp_path)
    atlas, labels = written(idv.coverage(pool, chosen(pool, 15), n_draws=2), tmp_path / "atlas")
    assert atlas["text"].to_pylist() == list(pool.texts)
    assert sum(labels["priority"].to_pylist()) == len(pool)


def test_hostile_ids_stay_the_ids(tmp_path: Path):
    ids = ["'; DROP TABLE dataset; --", '"', "</script>", "\u202e1", "a\x00b", "", "\n", "{{ 1 }}"]
    ids += ["7", "w" * 66_000]
    rows = [{"id": i, "instruction": f"Count {n}.", "output": ""} for n, i in enumerate(ids)]
    pool = Pool.of([row for row in rows if row["id"]], embedder="lexical")
    atlas, _ = written(summary_of(pool), tmp_path / "atlas")
    assert atlas["id"].to_pylist() == [i for i in ids if i]


@pytest.mark.parametrize("name", ["atlas", "an atlas", "it's; rm -rf $HOME `id`", "-x", "\u00e9"])
def test_the_command_is_one_that_a_shell_can_take(name: str, tmp_path: Path):
    folder = tmp_path / name
    command = shlex.split(summary_of(EQUAL).save_atlas(folder))
    assert command[0] == "embedding-atlas"
    assert Path(command[1]) == folder / "atlas.parquet"
    named = dict(zip(command[2::2], command[3::2], strict=True))
    assert set(named) == {"--text", "--x", "--y", "--neighbors", "--labels"}
    assert pq.read_table(named.pop("--labels")).num_rows == 1
    assert set(named.values()) <= set(pq.read_table(command[1]).column_names)


def test_the_folder_says_what_it_was_made_from(tmp_path: Path):
    summary = summary_of(DISTINCT)
    written(summary, tmp_path / "atlas")
    manifest = json.loads((tmp_path / "atlas" / "manifest.json").read_text())
    assert manifest["atlas"] == json.loads(summary.provenance.model_dump_json())


def test_a_place_that_is_taken_is_left_alone(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    summary = summary_of(EQUAL)
    with pytest.raises(OutputError, match="is not empty"):
        summary.save_atlas(tmp_path / "mine")
    with pytest.raises(OutputError, match="not ours to overwrite"):
        summary.save_atlas(tmp_path / "mine", overwrite=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    summary.save_atlas(tmp_path / "atlas")
    with pytest.raises(OutputError, match="is not empty"):
        summary.save_atlas(tmp_path / "atlas")
    summary.save_atlas(tmp_path / "atlas", overwrite=True)


def test_a_summary_without_its_pool_has_no_atlas(tmp_path: Path):
    read = Summary.model_validate_json(summary_of(EQUAL).to_json())
    with pytest.raises(InputError, match="made from the pool; this summary was read without it"):
        read.save_atlas(tmp_path / "atlas")
    assert list(tmp_path.iterdir()) == []
