"""A real headless browser for tests of the built book, cut off from every other host.

Fixtures: ``site`` is the built book on a local server, ``visit`` opens a page of it (or any
address on this machine) and, when the test ends, fails it if the page asked another host for
anything, raised an error, wrote one to the console or missed a file.

    def test_the_cover_names_the_method(site, visit):
        page = visit(site.url("book/index.html")).page
        assert "Sparse" in page.title()
"""

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import build_book
import pytest
from axe_playwright_python.sync_playwright import Axe
from install_browser import find_browser
from playwright.sync_api import Browser, Page, Route, sync_playwright
from serve import open_server

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOCAL = ("http://127.0.0.1:", "http://127.0.0.1/", "file:", "data:", "blob:", "about:")


STILL = """async () => {
  await document.fonts.ready;
  const frame = () => new Promise(requestAnimationFrame);
  const moving = () => document.getAnimations().some((a) => a.pending || a.playState === "running");
  // Two frames in a row: what the first one starts is seen in the second.
  for (let still = 0; still < 2; still = moving() ? 0 : still + 1) await frame();
}"""


def settle(page: Page) -> Page:
    """Wait until a page looks as it will stay: loaded, fonts there, no colour still fading."""
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_load_state("networkidle")
    page.evaluate(STILL)
    return page


# Reports of what passes hold every node of a page: without them axe takes half the time.
AXE = {"preload": False, "resultTypes": ["violations"]}


def serious_findings(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe finds serious on a settled page, the theme's parts included."""
    found = Axe().run(settle(page), options=AXE).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    return [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in serious]


@lru_cache(maxsize=512)
def gzipped_bytes(path: Path) -> int:
    """Return the size of a file as a server sends it."""
    return len(gzip.compress(path.read_bytes(), 9))


@dataclass(frozen=True)
class Site:
    """The built book: its folder and the address it is served under."""

    root: Path
    address: str

    def url(self, path: str) -> str:
        """Return the address of a file of the book."""
        return f"{self.address}/{path}"

    def pages(self) -> list[str]:
        """Return every page that a reader can open, the cover first."""
        found = sorted(str(p.relative_to(self.root)) for p in (self.root / "book").rglob("*.html"))
        return sorted(found, key=lambda page: page != "book/index.html")

    def weight(self, addresses: list[str]) -> int:
        """Return the gzipped bytes of some of this site's addresses, each counted once."""
        paths = {unquote(urlsplit(a).path).lstrip("/") for a in addresses if "://" in a}
        return sum(gzipped_bytes(self.root / p) for p in paths if (self.root / p).is_file())


@dataclass
class Visit:
    """One opened page and everything that happened on it.

    ``foreign`` holds the addresses on other hosts that were asked for (and refused), ``errors``
    the exceptions and console errors, ``missing`` the local files that could not be had,
    ``loaded`` the local addresses that were answered.
    """

    page: Page
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Collect what the page does from now on."""
        page = self.page
        page.route("**/*", self._answer)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda message: self.errors.append(message.text) if message.type == "error" else None,
        )
        page.on("requestfailed", lambda request: self.missing.append(request.url))
        page.on(
            "response", lambda r: (self.loaded if r.status < 400 else self.missing).append(r.url)
        )

    def _answer(self, route: Route) -> None:
        if route.request.url.startswith(LOCAL):
            route.continue_()
        else:
            self.foreign.append(route.request.url)
            route.abort()

    def assert_clean(self) -> None:
        """Fail if the page asked another host, raised an error or missed a file."""
        assert self.foreign == [], f"asked other hosts: {self.foreign}"
        assert self.missing == [], f"files not found: {self.missing}"
        assert self.errors == [], f"errors on the page: {self.errors}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the browser once, or skip; under CI a missing browser is a failure."""
    path = find_browser()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no browser: scripts/install_browser.py could not install one")
        pytest.skip("NO BROWSER: install Chromium or Chrome to run this test")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Serve the built book, building it first where none lies there."""
    if not (build_book.SITE / "book" / "index.html").exists():
        assert build_book.build() == 0, build_book.LOG.read_text()[-2000:]
    server = open_server(build_book.SITE, first_port=8100)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(build_book.SITE, f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens an address in a browser window of its own.

    ``visit(address, strict=True, **options)``: options are those of playwright's ``new_context``
    (``viewport``, ``color_scheme``, ``java_script_enabled``, ...); ``strict=False`` leaves it to
    the test to look at what was collected.
    """
    contexts = []
    strict_visits = []

    def open_page(address: str, strict: bool = True, **options) -> Visit:
        context = chromium.new_context(**options)
        context.set_default_timeout(300_000)  # a busy machine is slow, not broken
        contexts.append(context)
        result = Visit(context.new_page())
        result.listen()
        if strict:
            strict_visits.append(result)
        result.page.goto(address, wait_until="load")
        return result

    yield open_page
    try:
        for result in strict_visits:
            result.assert_clean()
    finally:
        for context in contexts:
            context.close()
