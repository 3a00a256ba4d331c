"""The built book in a reader's browser: milliseconds, bytes of ours, requests elsewhere."""

import gzip
import os
import shutil
import statistics
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.progress import track
from mosa_edu.texts import PROBES

OWN = ("mosa/*.js", "mosa/*.css")
COVER = "book/index.html"
WEIGHTS = "_static/models/explorer/model.safetensors"
TRACES = "_static/models/traces"
LENGTHS = {128: (120, 60), 256: (230, 120)}
"""Tokens of a text; milliseconds that its forward pass may take, and should."""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_TYPED = 128
_WARM_UP = 6
_LOAD = """async (source) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  window.bench = (await import(url)).default;
}"""
_OPEN = "async (url) => { window.engine = await bench.fetchEngine(url); }"
_TEXTS = """([prose, T]) => {
  const spans = engine.tokenizer.spans(prose).slice(0, T);
  const text = spans.map((span) => span.text).join("");
  return [text, text.slice(0, -1)];
}"""


@dataclass(frozen=True)
class BuiltBook:
    """The folder that a build of the book leaves: where the book's ``index.html`` lies."""

    folder: Path

    def __post_init__(self) -> None:
        built = (self.folder / COVER).is_file()
        require(built, "book", str(self.folder), "a folder that make build has written")

    def pages(self) -> list[str]:
        """List every page below the folder, the cover first."""
        found = sorted(
            path.relative_to(self.folder).as_posix()
            for path in (self.folder / "book").rglob("*.html")
        )
        return sorted(found, key=lambda page: page != COVER)

    def own_bytes(self) -> dict[str, int]:
        """Count the bytes, gzipped, of each script and style sheet of ours."""
        static = self.folder / "_static"
        paths = sorted(path for pattern in OWN for path in static.glob(pattern))
        return {path.relative_to(static).as_posix(): gzipped(path) for path in paths}

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the book on this machine and give its address."""
        handler = partial(_QuietHandler, directory=str(self.folder))
        server = _QuietServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()


def gzipped(path: Path) -> int:
    """Count the bytes of a file as a server sends it."""
    return len(gzip.compress(path.read_bytes(), 9, mtime=0))


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a page that was closed while it loaded."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start a browser of this machine, or the one that playwright brought along."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ValueError('no browser to measure with: pip install "mosa_edu[test]"') from error
    named = os.environ.get("MOSA_EDU_BROWSER")
    found = (shutil.which(name) for name in ((named,) if named else _BROWSERS))
    path = next((path for path in found if path), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium
        require(
            bool(path) or Path(chromium.executable_path).exists(),
            "browser",
            named or "none",
            "an installed Chromium or Chrome",
        )
        browser = chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()


def measure_book(browser: Any, book: BuiltBook, rounds: int, script: str) -> list[dict[str, Any]]:
    """Measure everything; `script` is the joined text of ``bench/page.js``.

    Rows say `what`, its `unit` and, of times, the `clock`; `median` with quartiles `lower` and
    `upper`, which equal it where there was nothing to repeat; `bar` and `stretch`, None where
    nothing was promised.
    """
    require(rounds >= 3, "rounds", rounds, "at least 3")
    with book.served() as address:
        return [
            *_forward_rows(_page_with_engine(browser, address, script), rounds),
            *_picture_rows(_page_with_engine(browser, address, script), rounds),
            *weight_rows(book),
            *_visit_rows(browser, book, address),
        ]


def weight_rows(book: BuiltBook) -> list[dict[str, Any]]:
    """Count the bytes that a reader of the whole book loads of ours, each once, in KB of 1,000."""
    sizes = book.own_bytes()
    traces = [gzipped(path) for path in (book.folder / TRACES).glob("*.json")]
    weights = (book.folder / WEIGHTS).stat().st_size
    return [
        _row(
            "scripts and styles of all components, gzipped",
            "KB",
            [sum(sizes.values()) / 1e3],
            bar=60,
            stretch=40,
        ),
        *(_row(f"{name}, gzipped", "KB", [size / 1e3]) for name, size in sizes.items()),
        _row("weights on first use", "KB", [weights / 1e3], bar=4000, stretch=2000),
        _row("largest stored trace, gzipped", "KB", [max(traces) / 1e3], bar=100, stretch=50),
    ]


def _forward_rows(page: Any, rounds: int) -> Iterator[dict[str, Any]]:
    for T, (bar, stretch) in LENGTHS.items():
        script = f"() => bench.forward(engine, {T}).first"
        what = f"forward of {T} tokens, first predictions"
        yield from _timed(page, what, script, rounds, bar=bar, stretch=stretch)
        script = f"() => bench.forward(engine, {T}).whole()"
        yield from _timed(page, f"forward of {T} tokens, all predictions", script, rounds)
    page.context.close()


def _picture_rows(page: Any, rounds: int) -> Iterator[dict[str, Any]]:
    page.wait_for_selector("mosa-explorer .tok[data-t]")
    frame = {"bar": 16, "stretch": 8}
    yield from _timed(
        page, "hover to painted frame", "(i) => bench.hover(i)", rounds, pause=True, **frame
    )
    script = "() => bench.otherHead()"
    yield from _timed(page, "other head to painted frame", script, rounds, pause=True, **frame)
    texts = page.evaluate(_TEXTS, [" ".join(PROBES.values()), _TYPED])
    page.get_by_role("button", name="Your text", exact=True).click()
    page.get_by_text("Self-test passed").wait_for()
    script = "([texts, rounds]) => bench.keystrokeTimes(texts, rounds)"
    typed = page.evaluate(script, [texts, rounds])
    page.context.close()
    what = f"keystroke to picture of {_TYPED} tokens, after the pause"
    yield _row(what, "ms", typed, clock="wall", bar=180, stretch=80)


def _timed(
    page: Any, what: str, script: str, rounds: int, *, pause: bool = False, **aims: float
) -> Iterator[dict[str, Any]]:
    """Call a function of (turn) that returns milliseconds, on two clocks.

    The clock on the wall is what a reader waits; the time of the processor, of the page's main
    thread alone, is what a busy machine does not stretch.
    """
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def worked() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1e3 * next(one["value"] for one in metrics if one["name"] == "TaskDuration")

    wall, processor = [], []
    for turn in track(range(_WARM_UP + rounds), what, "rounds"):
        before = worked()
        waited = page.evaluate(script, turn)
        spent = worked() - before
        if turn >= _WARM_UP:
            wall.append(waited)
            processor.append(spent)
        if pause:
            page.evaluate("() => bench.rest()")
    session.detach()
    yield _row(what, "ms", wall, clock="wall", **aims)
    yield _row(what, "ms", processor, clock="processor")


def _visit_rows(browser: Any, book: BuiltBook, address: str) -> list[dict[str, Any]]:
    """Open every page and count what no page may do."""
    foreign: list[str] = []
    errors: list[str] = []
    pages = book.pages()
    for name in track(pages, "opening every page", "pages"):
        page = browser.new_page()
        page.on("request", lambda request: foreign.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: errors.append(message.text) if message.type == "error" else None,
        )
        page.goto(f"{address}/{name}", wait_until="networkidle")
        page.close()
    foreign = [url for url in foreign if not url.startswith((address, "data:", "blob:"))]
    return [
        _row("pages opened", "", [len(pages)]),
        _row("requests to other hosts, all pages", "", [len(foreign)], bar=0),
        _row("errors in the console, all pages", "", [len(errors)], bar=0),
    ]


def _page_with_engine(browser: Any, address: str, script: str) -> Any:
    """Open the cover with the code that measures and the shipped model beside its own scripts."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)
    page.goto(f"{address}/{COVER}", wait_until="load")
    page.evaluate(_LOAD, script)
    page.evaluate(_OPEN, f"{address}/{WEIGHTS}")
    return page


def _row(
    what: str,
    unit: str,
    values: Sequence[float],
    *,
    clock: str | None = None,
    bar: float | None = None,
    stretch: float | None = None,
) -> dict[str, Any]:
    lower = upper = median = statistics.median(values)
    if len(values) > 1:
        lower, _, upper = statistics.quantiles(values, n=4)
    numbers = {"median": median, "lower": lower, "upper": upper}
    rounded = {name: round(number, 2) for name, number in numbers.items()}
    return {"what": what, "clock": clock, "unit": unit, **rounded, "bar": bar, "stretch": stretch}
