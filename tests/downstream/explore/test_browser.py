"""The page in a browser: a headless Chromium does what a user would do, on a graph whose names are all markup."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from downstream.explore.explored import Explored
from downstream.explore.server import LocalServer

pytest.importorskip("dash")
pytest.importorskip("dash_cytoscape")
pytest.importorskip("matplotlib")
webdriver = pytest.importorskip("selenium.webdriver")

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync", "disable-dev-shm-usage", "window-size=1280,1400",
)  # fmt: skip
PATIENCE = 60
RETRIES = 20
NAMELESS = """return [...document.querySelectorAll("input, select, textarea, button, [role=combobox]")].filter(one =>
    one.type !== "hidden" && !one.ariaHidden && one.offsetParent && !one.getAttribute("aria-label")
    && !one.textContent.trim() && !(one.labels && one.labels.length)
    && !document.getElementById(one.getAttribute("aria-labelledby"))
).map(one => one.outerHTML)"""
"""Controls that whoever does not see them would not know the name of."""


class Browser:
    """A Chromium at the page."""

    def __init__(self, profile: Path, address: str) -> None:
        options = webdriver.ChromeOptions()
        for flag in (*FLAGS, f"user-data-dir={profile}"):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.binary_location = CHROMIUM
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.address = address

    def open(self, view: str = "") -> None:
        self.driver.get(f"{self.address}{view}")
        self.all("main h1")

    def all(self, css: str, words: str = "") -> list[Any]:
        """The elements that a selector finds, as soon as there are any, and the first has the words."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        def found(driver: Any) -> list[Any]:
            elements: list[Any] = driver.find_elements("css selector", css)
            return elements if elements and words in elements[0].text else []

        waiting = WebDriverWait(self.driver, PATIENCE, 0.05, [StaleElementReferenceException])
        return waiting.until(found, f"no {css} with {words!r}")

    def type(self, css: str, text: str) -> None:
        self._with_first(css, "", lambda element: element.send_keys(text))

    def click(self, css: str) -> None:
        def into_view_and_click(element: Any) -> None:
            self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()

        self._with_first(css, "", into_view_and_click)

    def text(self, css: str, words: str = "") -> str:
        return str(self._with_first(css, words, lambda element: element.text))

    def _with_first(self, css: str, words: str, action: Callable[[Any], Any]) -> Any:
        """Do something with the first element; with its successor where the page replaces it meanwhile."""
        from selenium.common.exceptions import StaleElementReferenceException

        for _ in range(RETRIES):
            with contextlib.suppress(StaleElementReferenceException):
                return action(self.all(css, words)[0])
        return action(self.all(css, words)[0])

    def script(self, code: str) -> Any:
        return self.driver.execute_script(code)

    def problems(self) -> list[str]:
        """What the console has complained of, such as something that the page's policy forbids.

        Left out is what dash-cytoscape says where a card is left while its graph is still being laid out.
        """
        said = [one["message"] for one in self.driver.get_log("browser") if one["level"] == "SEVERE"]
        return [one for one in said if not ("dash_cytoscape" in one and "reading 'isHeadless'" in one)]


@pytest.fixture(scope="module")
def explored(finished: Any) -> Explored:
    return Explored.open(finished.rgcn, against=finished.ridge, data_root=finished.root)


@pytest.fixture(scope="module")
def browser(explored: Explored, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs chromium and chromedriver")
    from downstream.explore.app import make_app

    server = LocalServer()
    thread = threading.Thread(target=server.serve, args=(make_app(explored, server.token),), daemon=True)
    thread.start()
    driven = Browser(tmp_path_factory.mktemp("profile"), server.url)
    yield driven
    driven.driver.quit()
    server.close()


@pytest.fixture(autouse=True)
def nothing_is_taken(browser: Browser) -> Iterator[None]:
    """Whatever a test does, no name was run as markup, nothing came from elsewhere, and no cookie was set."""
    yield
    assert browser.script("return window.taken") is None
    assert browser.script("return document.querySelectorAll('main img[src=x], article img[src=x]').length") == 0
    assert browser.problems() == []
    addresses = browser.script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert {urlsplit(one).hostname for one in addresses if one.startswith("http")} <= {"127.0.0.1"}
    assert browser.driver.get_cookies() == []


def test_the_ranking_is_searched_sorted_and_paged(browser: Browser, explored: Explored) -> None:
    browser.open()
    browser.all("#rows td")
    assert browser.text("#count") == "300 nodes"
    first = explored.kg.node_names[explored.ranking.scores.order[0]]
    assert browser.text("#rows a") == first
    browser.click("#next")
    assert browser.text("#page-of", "Page 2") == "Page 2 of 6"
    browser.type("#search", "legendary")
    browser.text("#page-of", "Page 1")
    count = sum("legendary" in (text or "") for text in explored.kg.text)
    assert browser.text("#count", str(count)) == f"{count} nodes"
    browser.type("#least-degree", "9")
    degree = explored.ranking.degree
    count = sum("legendary" in (text or "") and degree[node] >= 9 for node, text in enumerate(explored.kg.text))
    browser.text("#count", f"{count} node")


def test_a_card_explains_and_asks_what_if(browser: Browser, explored: Explored) -> None:
    node = explored.ranking.scores.order[0]
    one = explored.questions.explain(node)
    browser.open(f"node/{node}")
    browser.all("#why .facts td")
    assert browser.text("main h1") == explored.kg.node_names[node]
    assert f"{one.facts[0].contribution:+.3f}" in browser.text("#why .facts")
    assert browser.script("return document.querySelectorAll('.graph canvas').length") > 0
    browser.click("#why .facts button")
    browser.text("#change-list", "Without")
    browser.type("#add-relation", "no such relation")
    browser.all("input[list=entities]")[1].send_keys("node")
    browser.click("#add-fact")
    assert "The graph has no relation" in browser.text("#change-error", "no relation")
    browser.click("#ask")
    browser.all("#changed-scores td")
    fact = one.facts[0]
    told = explored.questions.what_if([(fact.head, fact.relation, fact.tail)], []).columns()
    assert f"{told['change'][0]:+.3f}" in browser.text("#changed-scores")
    browser.click("#raise")
    browser.click("#suggestions button")
    browser.text("#change-list li:nth-child(2)", "With ")
    browser.click("#change-list li:nth-child(2) button")
    browser.click("#change-list li button")
    browser.text("#change-list", "No changes yet")
    browser.click("#ask")
    assert "Nothing changes" in browser.text("#changed-scores", "Nothing changes")


def test_a_neighbour_leads_to_its_card(browser: Browser, explored: Explored) -> None:
    browser.open("node/3")
    browser.click("#why .facts a")
    one = explored.questions.explain(3)
    fact = one.facts[0]
    other = fact.tail if fact.head == one.node else fact.head
    assert browser.text("main h1", other) == other
    browser.driver.back()
    browser.text("main h1", explored.kg.node_names[3])


def test_a_new_node_is_scored(browser: Browser, explored: Explored) -> None:
    browser.open("new")
    browser.click("#score-it")
    browser.text("#new-score", "Give the new node a name")
    browser.type("#new-name", "<b>new</b><script>window.taken = 3</script>")
    browser.type("#new-relation", explored.kg.relation_names[0])
    browser.type("input[list=entities]", explored.kg.node_names[7])
    browser.click("#new-fact")
    browser.text("#new-list", explored.kg.node_names[7])
    browser.click("#score-it")
    assert "Score" in browser.text("#new-score", "Its score")


@pytest.mark.parametrize(
    ("view", "words"),
    [("calibration", "How sure"), ("errors", "Where"), ("comparison", "Two"), ("node/9999", "nothing")],
)
def test_every_view_opens(browser: Browser, view: str, words: str) -> None:
    browser.open(view)
    assert words in browser.text("main h1", words)
    assert browser.script("return [...document.images].every(one => one.naturalWidth > 0)")


def test_it_works_by_keyboard_and_every_control_has_a_name(browser: Browser) -> None:
    from selenium.webdriver import ActionChains, Keys

    for view in ("", "node/3", "new"):
        browser.open(view)
        browser.all("#rows td, #why td, #score-it")
        assert browser.script(NAMELESS) == []
    browser.open()
    browser.all("#rows td")
    keys = ActionChains(browser.driver)
    reached = []
    for _ in range(40):
        keys.send_keys(Keys.TAB).perform()
        reached.append(browser.script("const one = document.activeElement; return one.id || one.tagName"))
        if browser.script("return document.activeElement.closest('#rows a') !== null"):
            break
    assert {"search", "sort", "type", "held-out"} <= set(reached), reached
    keys.send_keys(Keys.ENTER).perform()
    browser.all("#why .facts td")


def test_a_phone_is_wide_enough(browser: Browser) -> None:
    size = {"width": 375, "height": 812, "deviceScaleFactor": 1, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for view in ("", "node/3", "new", "calibration", "errors", "comparison"):
        browser.open(view)
        browser.all("main td, #score-it")
        assert browser.script("return document.documentElement.scrollWidth") <= 375, view
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_exported_file_opens_from_disk(browser: Browser, explored: Explored, tmp_path: Path) -> None:
    from downstream.explore.export import write_export

    write_export(tmp_path / "page.html", explored, explained=2)
    browser.driver.get((tmp_path / "page.html").as_uri())
    assert browser.text("#count", "300") == "300 nodes"
    browser.type("#search", "legendary")
    browser.driver.execute_script("document.getElementById('search').value = ''")
    browser.type("#search", " ")
    browser.click("#rows a")
    browser.all("#card .facts td")
    assert browser.text("#card h2") == explored.kg.node_names[explored.ranking.scores.order[0]]
    assert browser.script("return document.querySelectorAll('#card svg line').length") > 0
