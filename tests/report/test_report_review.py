"""What a stranger's tests of the report found."""

import json
import logging
import os

import numpy as np
import pytest

import instructdiv as idv
from instructdiv import Budget, Pool, Selection
from instructdiv.core.files import write_text
from instructdiv.curation.curate import curate
from instructdiv.curation.recipe import Recipe
from instructdiv.metrics import FacilityLocation, LogDeterminant, MeanNearestSimilarity, Vendi
from instructdiv.report import Summary


def _vectors(n: int, d: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def _selection(rows) -> Selection:
    return Selection(np.asarray(rows, np.int64), np.zeros(len(rows)))


@pytest.mark.parametrize("metric", [Vendi(), LogDeterminant()], ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(4))
def test_the_whole_pool_in_another_order_is_like_random(metric, seed):
    order = np.random.default_rng(seed).permutation(300)
    found = metric.assess(_selection(order), Pool.from_embeddings(_vectors(300)), n_draws=3)
    assert (found.verdict, found.percentile) == ("like random", 50.0)


@pytest.mark.parametrize("metric", [FacilityLocation(), MeanNearestSimilarity()])
@pytest.mark.parametrize("seed", range(4))
def test_the_whole_pool_covers_a_target_like_random_draws_of_all_of_it(metric, seed):
    pool, target = Pool.from_embeddings(_vectors(300)), Pool.from_embeddings(_vectors(200, 16, 9))
    order = np.random.default_rng(seed).permutation(300)
    found = metric.assess(_selection(order), pool, target=target, n_draws=3)
    assert (found.verdict, found.percentile) == ("like random", 50.0)


@pytest.mark.parametrize("seed", range(4))
def test_the_whole_pool_is_worth_as_many_random_records(seed):
    pool, target = Pool.from_embeddings(_vectors(300)), Pool.from_embeddings(_vectors(200, 16, 9))
    order = np.random.default_rng(seed).permutation(300)
    curve = idv.coverage(pool, _selection(order), target, metrics=[], n_draws=2).curve
    assert curve.random_worth == pytest.approx(300, abs=1)


@pytest.mark.parametrize("hub", [0, 50, 100])
def test_near_copies_hang_together_wherever_their_middle_stands(hub):
    # A hundred variants of one record, each near to it and not to each other.
    spokes = 0.96 * np.eye(200)[0] + np.sqrt(1 - 0.96**2) * np.eye(200)[1:101]
    pool = Pool.from_embeddings(np.insert(spokes, hub, np.eye(200)[0], axis=0))
    found = idv.coverage(pool, metrics=[]).redundancy
    assert (found.groups, found.records, found.superfluous) == (1, 101, 100)


def test_a_record_with_almost_the_same_vector_is_not_shared():
    a = Pool.from_embeddings([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    b = Pool.from_embeddings([[1.0, 1e-5, 0.0], [0.0, 1.0, 0.0]])
    assert [side.shared for side in (idv.diff(a, b).a, idv.diff(a, b).b)] == [1, 1]


def test_every_gap_says_how_near_the_chosen_records_are_to_it():
    middles = np.repeat(_vectors(6, 12, 1), 30, axis=0)
    pool = Pool.from_embeddings(2 * middles + 0.5 * _vectors(180, 12, 2))
    kept = np.array([0, 3, 35])
    vectors = pool.space.vectors.astype(float)
    nearest = (vectors @ vectors[kept].T).max(axis=1)
    best = nearest.copy()
    found = idv.coverage(pool, _selection(kept), metrics=[], n_draws=2).gaps
    assert len(found) > 3
    for gap in found:
        to = vectors @ vectors[gap.examples[0].row]
        inside = to - best >= 0.05
        assert gap.records == inside.sum()
        assert gap.similarity == pytest.approx(nearest[inside].mean(), abs=1e-5)
        assert gap.similarity_then == pytest.approx(to[inside].mean(), abs=1e-5)
        assert gap.gain == pytest.approx((np.maximum(best, to) - best).sum(), abs=1e-3)
        best = np.maximum(best, to)


def test_half_a_character_in_a_name_breaks_no_form_of_the_report(tmp_path):
    pool = Pool.from_embeddings(_vectors(4), groups=["\ud800", "\udfff\0x", "", "fine"])
    summary = idv.coverage(pool, _selection([1]), references={"\udcff": pool}, n_draws=2)
    for ending in (".html", ".md", ".json"):
        assert summary.save(tmp_path / f"report{ending}").stat().st_size
    read = Summary.model_validate_json((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {row.group for row in read.groups} == {"?", "?\0x", "", "fine"}
    assert json.loads(idv.diff(pool, pool, ("\udcff", "b")).to_json())["a"]["name"] == "?"


def test_a_reference_named_like_html_stays_text_in_markdown():
    pool = Pool.from_embeddings(_vectors(4))
    summary = idv.coverage(pool, references={"<img src=x>": pool}, metrics=[])
    assert "<img" not in summary.to_markdown()


def test_a_text_is_written_through_a_link(tmp_path):
    (tmp_path / "link.md").symlink_to(tmp_path / "report.md")
    write_text(tmp_path / "link.md", "new\n")
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "report.md").read_text() == "new\n"


def test_a_mix_is_made_of_a_file_whose_name_is_no_text(tmp_path, caplog):
    caplog.set_level(logging.ERROR, "instructdiv")  # pytest-xdist cannot pass such a name on
    path = tmp_path / os.fsdecode(b"half\xff.jsonl")
    rows = [{"instruction": f"Count to {n}", "output": "Done."} for n in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"output": "none"}]))
    recipe = Recipe(data=(str(path),), budget=Budget(records=3), embedder="lexical", page=True)
    folder = tmp_path / "mix"
    curate(recipe).export(folder)
    (line,) = (folder / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["file"] == str(path)
    assert "half?.jsonl" in (folder / "summary.json").read_text(encoding="utf-8")
    assert (folder / "report.html").stat().st_size


def test_in_the_frame_of_a_notebook_links_stay_in_the_report(tmp_path):
    browsers = pytest.importorskip("tests.report.test_browser", reason="selenium is not installed")
    if browsers.CHROMIUM is None or browsers.DRIVER is None:
        pytest.skip("chromium or chromedriver is not installed")
    pool = Pool.from_embeddings(_vectors(40))
    page = tmp_path / "notebook.html"
    framed = idv.coverage(pool, _selection([1, 2]), metrics=[], n_draws=2)._repr_html_()
    page.write_text(f"<!DOCTYPE html><title>notebook</title>{framed}", encoding="utf-8")
    browser = browsers.Browser(tmp_path / "profile")
    try:
        browser.driver.get(page.as_uri())
        browser.driver.switch_to.frame(browser.find("iframe"))
        browser.until("return document.documentElement.dataset.ready === 'yes'")
        browser.click("nav a[href='#gaps']")
        browser.until("return location.hash === '#gaps' && scrollY > 0")
        assert browser.driver.execute_script("return document.title") == "Coverage report"
    finally:
        browser.driver.quit()
