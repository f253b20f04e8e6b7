"""The page in a real browser: it draws, answers, stays what it is, and reaches nothing."""

import base64
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instructdiv.core.wording import start_of
from tests.pages import FILE_NAME, HOSTILE, hostile_summary, plain_summary

selenium = pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
AXE = Path(".venv/axe/node_modules/axe-core/axe.min.js")
ARTIFACTS = Path(os.environ.get("INSTRUCTDIV_ARTIFACTS", ".artifacts"))
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=1400,1000",
]

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None, reason="chromium or chromedriver is not installed"
    ),
    pytest.mark.xdist_group("browser"),
]


class Browser:
    """Chromium without a network."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for flag in [*FLAGS, f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver: Any = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.set_script_timeout(60)
        self.address = ""

    def tell(self, command: str, **values: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, values)

    def show(self, *, width: int = 1400, dark: bool = False, scripts: bool = True) -> None:
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])
        self.tell("Emulation.setScriptExecutionDisabled", value=not scripts)

    def open(self, path: Path, *, again: bool = False, **how: Any) -> None:
        """Load a page, or take it as it is where it was the last one."""
        self.show(**how)
        if self.address == path.as_uri() and not again and how.get("scripts", True):
            self.run(
                "scrollTo(0, 0); document.getElementById('map-all')?.click();"
                "document.querySelector('[data-view=before]')?.click()"
            )
            return
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self.driver.get(path.as_uri())
        self.address = path.as_uri() if how.get("scripts", True) else ""
        if self.address:
            self.until("return document.documentElement.dataset.ready === 'yes'")

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def until(self, script: str, seconds: float = 15) -> Any:
        end = time.monotonic() + seconds
        while not (found := self.run(script)):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.05)
        return found

    def click(self, selector: str) -> None:
        element = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def errors(self) -> list[str]:
        """What the console says, but for how a driver without a graphics card is doing."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if "GL Driver Message" not in entry["message"]
        ]

    def requests(self) -> set[str]:
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        return {
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        }

    def picture(self, name: str) -> bytes:
        size = self.run(
            "const e = document.documentElement; return [e.clientWidth, e.scrollHeight]"
        )
        clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], 12_000), "scale": 1}
        shot = self.tell("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        raw = base64.b64decode(shot["data"])
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        (ARTIFACTS / f"{name}.png").write_bytes(raw)
        return raw


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    hostile, plain = hostile_summary(folder), plain_summary()
    shown = folder / "notebook.html"
    shown.write_text(f"<!DOCTYPE html><title>notebook</title>{plain._repr_html_()}")
    alone = type(plain).model_validate_json(plain.to_json())
    return {
        "hostile": hostile.save(folder / "hostile.html", projection="pca"),
        "plain": plain.save(folder / "plain.html", projection="pca"),
        "alone": alone.save(folder / "alone.html"),
        "notebook": shown,
    }


@pytest.fixture
def hostile(browser: Browser, pages: dict[str, Path]) -> Browser:
    browser.open(pages["hostile"])
    return browser


TRACES = "return document.getElementById('map-plot').data.map(t => [t.name, t.x.length])"


@pytest.mark.parametrize("name", ["hostile", "plain", "alone", "notebook"])
def test_loads_offline_without_a_word_on_the_console(browser, pages, name):
    if name != "notebook":
        browser.open(pages[name], again=True)
    else:
        browser.show()
        browser.address = ""
        browser.driver.get(pages[name].as_uri())
        assert browser.run("return document.querySelectorAll('table').length > 2")
        assert browser.run("return document.querySelectorAll('script, iframe').length === 0")
    time.sleep(0.3)
    assert browser.errors() == []
    outside = [
        url for url in browser.requests() if not url.startswith(("data:", "blob:", "about:"))
    ]
    assert outside == [pages[name].as_uri()]


def test_every_chart_is_drawn(hostile):
    drawn = hostile.run(
        "return [...document.querySelectorAll('[id^=chart-], #map-plot')]"
        ".map(e => [e.id, e.querySelectorAll('.main-svg').length, e.clientWidth])"
    )
    assert len(drawn) >= 6
    assert all(layers and width > 300 for _, layers, width in drawn)
    assert hostile.run(
        "return [...document.querySelectorAll('#map-plot canvas')]"
        ".some(c => c.getContext('webgl') || c.getContext('webgl2'))"
    )
    assert hostile.run("return document.querySelectorAll('.gl-container').length") >= 1
    assert not hostile.run("return document.querySelectorAll('.modebar').length")


def test_before_and_after_are_one_click_apart(hostile):
    before = hostile.run(TRACES)
    assert "not chosen" not in dict(before)
    hostile.click("[data-view=after]")
    after = dict(hostile.run(TRACES))
    assert after.pop("not chosen") == 132 - 15
    assert sum(after.values()) == 15
    assert hostile.find("[data-view=after]").get_attribute("aria-pressed") == "true"
    assert hostile.find("[data-view=before]").get_attribute("aria-pressed") == "false"
    hostile.click("[data-view=before]")
    assert hostile.run(TRACES) == before


RANGE = "return document.getElementById('map-plot').layout.xaxis.range.map(Number)"


@pytest.mark.parametrize("way", ["row", "key", "legend", "tile"])
def test_a_cluster_is_found_on_the_map(hostile, way):
    whole = hostile.run(RANGE)
    if way == "row":
        hostile.click("#cluster-2 td.number")
    elif way == "key":
        button = hostile.find("#cluster-2 button")
        hostile.run("arguments[0].focus()", button)
        button.send_keys(Keys.ENTER)
    elif way == "legend":
        hostile.click(".legend [data-focus='2']")
    else:
        tile = hostile.run(
            "return [...document.querySelectorAll('#chart-clusters .slice')]"
            ".find(s => s.__data__.data.data.id === '2')"
        )
        hostile.run("arguments[0].scrollIntoView({block: 'center'})", tile)
        webdriver.ActionChains(hostile.driver).move_to_element(tile).click().perform()
    hostile.until("return document.getElementById('map-status').textContent.includes('cluster 2')")
    traces = dict(hostile.run(TRACES))
    assert set(traces) == {"elsewhere", "cluster 2"}
    low, high = hostile.run(RANGE)
    assert high - low < whole[1] - whole[0]
    assert "focused" in (hostile.find("#cluster-2").get_attribute("class") or "")
    hostile.click("#map-all")
    assert "elsewhere" not in dict(hostile.run(TRACES))
    assert hostile.run(RANGE) == pytest.approx(whole)
    assert not hostile.find("#map-all").is_displayed()


@pytest.fixture
def plain(browser: Browser, pages: dict[str, Path]) -> Browser:
    browser.open(pages["plain"])
    return browser


def test_a_search_keeps_the_rows_that_match(hostile):
    shown = (
        "return [...document.querySelectorAll('#groups tbody tr')].filter(r => !r.hidden).length"
    )
    total = hostile.run(shown)
    field = hostile.find("#groups input[type=search]")
    assert field.accessible_name == "Search groups"
    hostile.run("arguments[0].scrollIntoView({block: 'center'})", field)
    field.send_keys("ESS  ch")
    assert hostile.run(shown) == 1
    assert hostile.find("#groups output").text == f"1 of {total} rows"
    field.send_keys(" nothing like it")
    assert hostile.run(shown) == 0
    field.clear()
    field.send_keys(" ")
    assert hostile.run(shown) == total


def column(browser: Browser, section: str, number: int) -> list[str]:
    found: list[str] = browser.run(
        f"return [...document.querySelectorAll('#{section} tbody tr')]"
        f".map(r => r.cells[{number}].textContent.trim())"
    )
    return found


def test_heads_sort_by_number_and_by_name(plain):
    head = plain.find("#groups thead th:nth-child(4)")
    button = head.find_element(By.CSS_SELECTOR, "button")
    plain.run("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "descending"
    kept = [int(n.replace(",", "")) for n in column(plain, "groups", 3)]
    assert kept == sorted(kept, reverse=True)
    button.send_keys(Keys.SPACE)
    assert head.get_attribute("aria-sort") == "ascending"
    assert [int(n.replace(",", "")) for n in column(plain, "groups", 3)] == sorted(kept)
    plain.click("#groups thead th:nth-child(1) button")
    names = column(plain, "groups", 0)
    assert names == sorted(names)
    assert head.get_attribute("aria-sort") is None


def test_hostile_texts_neither_run_nor_vanish(hostile, pages):
    hostile.run("for (const d of document.querySelectorAll('details')) d.open = true")
    assert hostile.run("return window.__hacked") is None
    text = hostile.run("return document.body.innerText")
    assert "Close </script><script>window.__hacked" in text
    assert "Fill {{ 7 * 7 }} and {% raw %}" in text
    assert FILE_NAME in text
    assert (
        hostile.run("return document.querySelectorAll('main img, main a[href^=javascript]').length")
        == 0
    )
    ticks = hostile.run(
        "return [...document.querySelectorAll('#chart-groups .ytick text')].map(t => t.textContent)"
    )
    names = [start_of(group.group, 26) for group in hostile_summary(pages["hostile"].parent).groups]
    assert [tick for tick in ticks if not tick.endswith("%")] == names
    assert "var(--ink)" in names
    assert (
        hostile.run("return document.querySelectorAll('#chart-groups a, #chart-clusters a').length")
        == 0
    )


def test_the_text_under_the_pointer_is_a_text(hostile):
    place = hostile.run(
        "const p = document.getElementById('map-plot'), l = p._fullLayout;"
        "p.scrollIntoView({block: 'center'});"
        "const box = p.getBoundingClientRect(), t = p._fullData[0];"
        "return [box.left + l.xaxis.l2p(t.x[0]) + l.xaxis._offset,"
        " box.top + l.yaxis.l2p(t.y[0]) + l.yaxis._offset];"
    )
    move: Any = webdriver.ActionChains(hostile.driver).w3c_actions
    move.pointer_action.move_to_location(int(place[0]) - 20, int(place[1]))
    move.pointer_action.move_to_location(round(place[0]), round(place[1]))
    move.perform()
    hostile.until("return !document.getElementById('map-tip').hidden")
    assert "cluster" in hostile.find("#map-tip").text
    # Every text, wherever it lies.
    for name in ("script", "image", "plotly", "direction"):
        row = list(HOSTILE).index(name)
        hostile.run(
            "const plot = document.getElementById('map-plot');"
            "const data = JSON.parse(document.getElementById('map-data').textContent);"
            "const bytes = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0)).buffer;"
            "const [x, y] = [data.x, data.y].map((a) => new Float32Array(bytes(a.bdata)));"
            "const row = arguments[0];"
            "for (const [curve, t] of plot.data.entries()) for (let i = 0; i < t.x.length; i++)"
            "  if (t.x[i] === x[row] && t.y[i] === y[row]) plot.emit('plotly_hover', {"
            "    points: [{curveNumber: curve, pointNumber: i}], event: {clientX: 9, clientY: 9}})",
            row,
        )
        start = " ".join("".join(c if c.isprintable() else " " for c in HOSTILE[name]).split())
        hostile.until(
            f"return document.getElementById('map-tip').innerText.startsWith({json.dumps(start)})"
        )
    assert hostile.run("return document.querySelectorAll('#map-tip :not(p)').length") == 0
    assert hostile.run("return window.__hacked") is None


def test_the_numbers_are_there_without_javascript(browser, pages):
    browser.open(pages["plain"], scripts=False)
    try:
        assert "need JavaScript" in browser.find("noscript").text
        assert len(browser.driver.find_elements(By.CSS_SELECTOR, "#metrics tbody tr")) >= 6
        assert "better than random" in browser.find("#metrics tbody").text
        assert not browser.find("#map-plot").is_displayed()
        assert not browser.driver.find_elements(By.CSS_SELECTOR, "input, .sort")
        assert not browser.find(".controls").is_displayed()
        assert "Each point is a record" in browser.find("#map-says").text
    finally:
        browser.show()


@pytest.mark.parametrize("name", ["hostile", "plain"])
def test_nothing_is_wider_than_the_window(browser, pages, name):
    browser.open(pages[name])
    browser.run("for (const d of document.querySelectorAll('details')) d.open = true")
    for width in (390, 768, 1400):
        browser.show(width=width)
        browser.until(
            "return document.getElementById('chart-curve').querySelector('.main-svg').clientWidth"
            " === document.getElementById('chart-curve').clientWidth"
        )
        assert browser.run("return document.documentElement.scrollWidth") <= width


def test_pictures_of_the_page(browser, pages):
    for width in (1400, 390):
        for scheme in ("light", "dark"):
            browser.open(pages["plain"], width=width, dark=scheme == "dark")
            time.sleep(0.3)
            assert len(browser.picture(f"page-{width}-{scheme}")) > 50_000


def test_charts_follow_the_color_scheme(plain):
    ink = "return document.getElementById('chart-curve').layout.font.color"
    light = plain.run(ink)
    plain.show(dark=True)
    plain.until(f"{ink} !== '{light}'")
    assert plain.run(ink) != light
    plain.show(dark=False)
    plain.until(f"{ink} === '{light}'")


@pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: make .venv/browser.installed"
)
@pytest.mark.parametrize("name", ["alone", "hostile"])
def test_axe_finds_nothing(browser, pages, name):
    browser.open(pages[name])
    browser.run("for (const d of document.querySelectorAll('details')) d.open = true")
    browser.run(AXE.read_text(encoding="utf-8"))
    for dark in (False, True):
        browser.show(dark=dark)
        found = browser.driver.execute_async_script(
            "const done = arguments[0]; axe.run({resultTypes: ['violations']}).then((r) =>"
            " done(r.violations.map((v) =>"
            " [v.impact, v.id, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200))])))"
        )
        assert found == [], "dark" if dark else "light"
