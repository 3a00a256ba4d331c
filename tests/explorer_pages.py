"""Explorers in a real browser: a small model, its traces, and a page that shows them."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browser import Visit
from figure_pages import HEAD, OpenFigure
from page_engine import random_model
from playwright.sync_api import Locator, Page
from serve import open_server

from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.pretrained import load_page_model, save_page_model
from mosa_edu.records import RoutingTrace
from mosa_edu.texts import PROBES
from mosa_edu.tracing import trace
from mosa_edu.viz.assets import WEB, classic_script
from mosa_edu.viz.components.explorer import RoutingExplorer
from mosa_edu.viz.components.page_model import PageModel

LINKS = {"leak": "#leak", "budget": "#budget", "selftest": "#selftest"}
TITLES = {
    "Letter": PROBES["letter"],
    "Heads": PROBES["heads"],
    "Same word": " clock" * 40,
    "Full": " ".join(PROBES.values()),
    "Short": "Every head has a list.",
}
CLIPBOARD = ["clipboard-read", "clipboard-write"]
COPIED = "navigator.clipboard.readText()"
OTHER_TEXT = "A clock said that nobody knew; the second man, who had no hat, knew it too."


@dataclass
class ExplorerSite:
    """A served folder with one explorer, and all that Python knows of it."""

    folder: Path
    address: str
    model: TransformerLM
    tokenizer: Tokenizer
    traces: dict[str, RoutingTrace]
    widget: RoutingExplorer

    @property
    def url(self) -> str:
        return f"{self.address}/index.html"

    @property
    def first(self) -> RoutingTrace:
        return next(iter(self.traces.values()))

    def trace(self, text: str) -> RoutingTrace:
        """Trace a text of at least two tokens, cut to what the model reads."""
        spans = self.tokenizer.spans(text)[: self.model.config.max_seq_len]
        return trace(self.model, self.tokenizer, text[: spans[-1].end], source={})


@pytest.fixture(scope="session")
def explorer_site(tmp_path_factory):
    """Serve a page that holds an explorer of an untrained model that chooses clearly."""
    folder = tmp_path_factory.mktemp("explorer")
    tokenizer = Tokenizer.train(PROBES.values(), 512)
    shape = {"n_layers": 3, "n_sparse_heads": 5, "max_seq_len": 256, "sparsity": 8}
    path = folder / "model.safetensors"
    save_page_model(random_model(**shape), tokenizer, path, {"seed": 0}, name="toy")
    model, tokenizer = load_page_model(path)
    digest = PageModel.read(path).sha256
    traces = {}
    for title, text in TITLES.items():
        text = text[: tokenizer.spans(text)[:256][-1].end]
        traces[title] = trace(model, tokenizer, text, name="toy", sha256=digest, source={})
    widget = RoutingExplorer(
        traces, path, weights_url="model.safetensors", fetched={"Full": "full.json"}, links=LINKS
    )
    (folder / "full.json").write_text(traces["Full"].to_json())
    (folder / "explorer.js").write_text(classic_script("explorer"))
    body = f"<main><h1>Explorer</h1>{widget.element()}</main>"
    (folder / "index.html").write_text(f'{HEAD}{body}<script src="explorer.js" defer></script>')
    (folder / "web").symlink_to(WEB)
    server = open_server(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    yield ExplorerSite(folder, address, model, tokenizer, traces, widget)
    server.shutdown()


class Shown(OpenFigure):
    """An explorer on an open page."""

    drawn = "(root) => root.querySelector('.tok[data-t]') !== null"
    links = 0

    def __init__(self, page: Page) -> None:
        super().__init__(page, "mosa-explorer")
        self.settle()

    def picked(self) -> list[int]:
        return self.all(".tok.in[data-t]", "Number(node.dataset.t)")

    def studied(self) -> int:
        return int(self.one(".tok.at[data-t]").get_attribute("data-t") or -1)

    def token(self, t: int) -> Locator:
        return self.one(f'[data-t="{t}"]')

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def keep(self, t: int) -> None:
        """Click a token and take the pointer away."""
        self.token(t).click()
        self.page.mouse.move(2, 2)
        self.settle()

    def go(self, fragment: str) -> "Shown":
        """Follow a link inside the page; a counter makes every link another one."""
        self.links += 1
        self.page.evaluate("(link) => { location.hash = link; }", f"{fragment}&n={self.links}")
        self.page.mouse.move(1, 1)
        self.settle()
        return self

    def until_tokens(self, number: int) -> None:
        """Wait until a text of so many tokens is shown."""
        count = "(root, T) => root.querySelectorAll('.tok[data-t]').length === T"
        self.until(count, number)

    def settle(self) -> None:
        """Wait for two frames: what was asked for is drawn."""
        frame = "new Promise(requestAnimationFrame)"
        self.page.evaluate(f"() => {frame}.then(() => {frame})")

    def go_live(self) -> None:
        self.button("Your text").click()
        self.until_text(".badge", "Self-test passed")

    def type_own(self, text: str) -> None:
        self.one("textarea").fill(text)


@pytest.fixture(scope="module")
def kept_page(chromium, explorer_site):
    """One page for many tests, each of which starts at a link; it must stay free of errors."""
    context = chromium.new_context()
    opened = Visit(context.new_page())
    opened.listen()
    opened.page.goto(explorer_site.url)
    yield Shown(opened.page)
    opened.assert_clean()
    context.close()


def show(visit: Callable[..., Any], site: ExplorerSite, fragment: str = "", **options) -> Shown:
    """Open the page, at a fragment, and wait for the first drawing."""
    return Shown(visit(site.url + (f"#{fragment}" if fragment else ""), **options).page)


def json_of(element: str) -> dict[str, Any]:
    """Return the state that an element holds."""
    start = element.index('<script type="application/json">') + 32
    return json.loads(element[start : element.index("</script>", start)])
