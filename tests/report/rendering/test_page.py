"""The page: one file that needs no other, whoever wrote the texts, complete without JavaScript."""

import base64
import gzip
import hashlib
import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from instructdiv import Pool, Summary
from instructdiv.report import coverage
from instructdiv.report.rendering.chart import label
from instructdiv.report.rendering.page import page
from instructdiv.report.rendering.projection import MOST_DRAWN, drawn, project
from instructdiv.report.summary_facts import Ground
from tests.pages import HOSTILE, chosen, hostile_summary, odd_pools, plain_summary
from tests.pools import DISTINCT, POOLS, clustered, labels

VOID = {"meta", "link", "br", "input", "img", "hr"}


class Parsed(HTMLParser):
    """What a page holds: elements in order, text by element, and whether the tags match."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def every(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def visible(self) -> str:
        seen = (text for tag, text in self.texts if tag not in ("script", "style"))
        return " ".join(" ".join(seen).split())


def written(summary: Summary) -> str:
    return page(summary, summary._ground, "pca")


def without_scripts(html: str) -> str:
    """The page less plotly, which is the same on all."""
    return re.sub(r"<script>.*?</script>", "<script></script>", html, flags=re.S)


def data(html: str, name: str) -> Any:
    found = re.search(rf'<script type="[a-z/]+" id="{name}">(.*?)</script>', html, flags=re.S)
    return found and found[1]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return hostile_summary(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def hostile_page(hostile: Summary) -> str:
    return written(hostile)


@pytest.fixture(scope="module")
def plain() -> Summary:
    return plain_summary()


def test_the_same_summary_gives_the_same_bytes(hostile, hostile_page):
    assert written(hostile).encode() == hostile_page.encode()


def test_hostile_texts_are_texts(hostile_page):
    parsed = Parsed(without_scripts(hostile_page))
    assert len(parsed.every("style")) == 1
    assert not parsed.every("img")
    assert not parsed.every("svg")
    assert not [a for _, a in parsed.elements if any(name.startswith("on") for name in a)]
    assert {s.get("type") for s in parsed.every("script")} == {
        None,
        "application/json",
        "text/plain",
    }
    assert "Close </script><script>window.__hacked" in parsed.visible
    assert "Fill {{ 7 * 7 }} and {% raw %} and {# this #}" in parsed.visible
    assert "Ampersands &amp; and &lt;b&gt; and &#x202e; stay" in parsed.visible


def test_hostile_names_are_data_in_the_scripts(hostile):
    name = f"{HOSTILE['script']} {HOSTILE['comment']} & more"
    clusters = [
        cluster.model_copy(update={"name": f"{name}\u202e"}) for cluster in hostile.clusters
    ]
    html = written(hostile.model_copy(update={"clusters": clusters}))
    assert set(json.loads(data(html, "map-data"))["names"].values()) == {name}
    assert len(json.loads(data(html, "figures"))) >= 5
    assert len(Parsed(without_scripts(html)).every("script")) == 5


def test_nothing_invisible_steers_the_page(hostile_page):
    shown = without_scripts(hostile_page)
    assert all(c.isprintable() or c == "\n" for c in shown)


def test_the_page_needs_nothing_else(hostile_page):
    parsed = Parsed(without_scripts(hostile_page))
    addresses = [
        value
        for _, attributes in parsed.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "srcset", "data", "poster")
    ]
    assert all(value and value.startswith(("#", "data:,")) for value in addresses)
    assert "@import" not in hostile_page.split("</style>")[0]
    assert "url(" not in hostile_page.split("</style>")[0]


def test_the_page_may_run_its_own_scripts_and_reach_nothing(hostile_page):
    policy = next(
        a["content"] or ""
        for a in Parsed(without_scripts(hostile_page)).every("meta")
        if a.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    scripts = re.findall(r"<script>(.*?)</script>", hostile_page, flags=re.S)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules["script-src"]
    assert "unsafe-inline" not in rules["script-src"]


def test_plotly_is_there_once(hostile_page):
    assert hostile_page.count("plotly.js v") == 1


def test_labels_are_read_letter_by_letter():
    assert label("<b>bold</b> & </script>", 40) == "&lt;b&gt;bold&lt;/b&gt; &amp; &lt;/script&gt;"


def test_every_number_of_the_summary_is_in_a_table(hostile, hostile_page):
    visible = Parsed(without_scripts(hostile_page)).visible
    for group in hostile.groups:
        assert f"{group.kept:,} {group.kept_share:.1%}" in visible
    for cluster in hostile.clusters:
        assert f"{cluster.records:,} {cluster.share:.1%}" in visible
    for metric in hostile.metrics:
        assert metric.metric in visible
        assert metric.verdict in visible
    for budget, median in zip(hostile.curve.budgets, hostile.curve.random_median, strict=True):
        assert f"{budget:,}" in visible
        assert f"{median:.3f}" in visible
    assert hostile.gaps
    assert hostile.references
    assert hostile.provenance.vectors in visible


def test_tables_are_complete_however_long_they_are():
    pool = Pool.from_embeddings(clustered(700, 8, 5).space, [f"group {i}" for i in range(700)])
    html = without_scripts(written(coverage(pool, n_draws=4)))
    assert html.count("<tr>") > 700
    assert all(f">group {i}<" in html for i in range(700))


def test_every_figure_says_what_it_shows(hostile_page):
    parsed = Parsed(without_scripts(hostile_page))
    ids = {a.get("id") for _, a in parsed.elements}
    drawings = [a for a in parsed.every("div") if a.get("role") == "img"]
    assert len(drawings) == len(parsed.every("figure")) == len(parsed.every("figcaption")) >= 6
    assert all(drawing["aria-labelledby"] in ids for drawing in drawings)
    assert len(ids - {None}) == len([a for _, a in parsed.elements if "id" in a])


def test_headings_come_in_order(hostile_page):
    levels = [
        int(t[1])
        for t, _ in Parsed(without_scripts(hostile_page)).elements
        if t[0] == "h" and t[1:].isdigit()
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_every_color_is_one_of_the_style_sheet(plain):
    html = written(plain)
    style = html.split("<style>")[1].split("</style>")[0]
    root = style.split("}")[0]
    script = html.rsplit("<script>", 1)[1]
    used = re.findall(r"var\((--[\w-]+)\)", style + data(html, "figures"))
    used += re.findall(r'"(--[\w-]+)"', script)
    assert {"--ink", "--more", "--faint"} <= set(used)
    assert [name for name in used if f"{name}:" not in root] == []


@pytest.mark.parametrize(
    ("name", "pool", "records"), list(odd_pools()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_the_page_stands_for_odd_pools(name, pool, records):
    summary = coverage(pool, records and chosen(pool, records), n_draws=4)
    html = written(summary)
    parsed = Parsed(without_scripts(html))
    assert f"{len(pool):,}" in parsed.visible
    html.encode()
    json.loads(data(html, "figures"))
    json.loads(data(html, "map-data"))


@pytest.mark.parametrize("name", POOLS)
def test_every_projection_draws_every_pool(name):
    space = POOLS[name].space
    for how in ("pca", "auto"):
        laid_out = project(space, how)
        assert laid_out.points.shape == (len(space), 2)
        assert laid_out.points.dtype == np.float32
        assert np.isfinite(laid_out.points).all()
        assert laid_out.method


def test_a_summary_without_its_pool_has_no_map_and_says_why(plain):
    alone = Summary.model_validate_json(plain.to_json())
    html = alone.to_html()
    assert data(html, "map-data") is None
    assert "so it has none" in Parsed(without_scripts(html)).visible
    assert 'data-focus="' not in without_scripts(html)


def test_vectors_alone_have_no_texts_to_show(plain):
    assert data(written(plain), "hover-texts") is None


def test_a_pool_without_a_selection_has_no_after():
    html = without_scripts(written(coverage(DISTINCT, n_draws=4)))
    assert "data-view" not in html
    assert "kept" not in json.loads(data(html, "map-data"))


def test_the_map_holds_every_record(hostile, hostile_page):
    ground = hostile._ground
    assert ground is not None
    assert ground.kept is not None
    drawing = json.loads(data(hostile_page, "map-data"))

    def numbers(name: str, dtype: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(drawing[name]["bdata"]), dtype)

    assert np.array_equal(numbers("cluster", "<i4"), ground.clusters)
    assert np.array_equal(np.flatnonzero(numbers("kept", "u1")), np.sort(ground.kept))
    expected = project(ground.pool.space, "pca").points
    assert np.array_equal(numbers("x", "<f4"), expected[:, 0])
    texts = json.loads(gzip.decompress(base64.b64decode(data(hostile_page, "hover-texts"))))
    assert len(texts) == len(ground.pool)
    assert max(map(len, texts)) <= 120
    assert all(text.isprintable() for text in texts)
    assert texts[0] == " ".join(HOSTILE["script"].split())


# The projection --------------------------------------------------------------------------


def test_large_maps_are_sampled_by_cluster_and_keep_what_was_chosen():
    random = np.random.default_rng(0)
    clusters = random.choice(5, 10_000, p=[0.4, 0.3, 0.2, 0.09, 0.01])
    kept = random.choice(10_000, 300, replace=False)
    rows = drawn(clusters, kept, most=1_000)
    assert len(rows) == len(set(rows.tolist())) == 1_000
    assert np.isin(kept, rows).all()
    others = np.setdiff1d(np.arange(10_000), kept)
    wanted = np.bincount(clusters[others]) / len(others) * 700
    got = np.bincount(clusters[np.setdiff1d(rows, kept)], minlength=5)
    assert np.abs(got - wanted).max() <= 1
    assert len(drawn(clusters, np.arange(9_000), most=1_000)) == 1_000
    assert np.array_equal(drawn(clusters, kept, most=10_000), np.arange(10_000))


def test_a_sampled_map_says_so(plain, monkeypatch):
    monkeypatch.setattr(
        "instructdiv.report.rendering.pool_map.drawn", lambda c, k, seed: drawn(c, k, 150, seed)
    )
    html = written(plain)
    visible = Parsed(without_scripts(html)).visible
    assert "150 of the 400 records are drawn, 75 of the 100 chosen" in visible
    rows = np.frombuffer(
        base64.b64decode(json.loads(data(html, "map-data"))["rows"]["bdata"]), "<i4"
    )
    assert len(rows) == 150


@pytest.mark.slow
def test_a_hundred_thousand_records_stay_below_15_mb():
    random = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(20_000)])
    texts = [" ".join(words[row]) for row in random.zipf(1.3, (MOST_DRAWN, 24)) % 20_000]
    small = clustered(1_000, 8, 10)
    summary = coverage(small, chosen(small, 100), n_draws=4)
    pool = replace(clustered(MOST_DRAWN, 8, 10), known_texts=tuple(texts))
    clusters = np.unique(labels(pool), return_inverse=True)[1].astype(np.int64)
    start = time.perf_counter()
    html = page(summary, Ground(pool, np.arange(0, MOST_DRAWN, 10), clusters), "pca")
    assert time.perf_counter() - start < 60
    assert len(html.encode()) < 15_000_000
