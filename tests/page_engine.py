"""The page's engine in a real browser, for tests that hold it against Python."""

import base64
import dataclasses
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, Route

from mosa_edu.config import PRESETS
from mosa_edu.model import TransformerLM
from mosa_edu.texts import PROBES, RUNNING
from mosa_edu.viz.assets import WEB

MODULES = ("engine", "letters", "routing", "run_in_chunks", "tokenizer", "trace", "weights")
LOAD = """async (urls) => {
  window.mosa = Object.assign({}, ...(await Promise.all(urls.map((url) => import(url)))));
  window.base64 = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  };
}"""
SITE = "http://127.0.0.1:1/"
CODE = '''def route(scores, k):
    """Keep the k best."""
    order = sorted(range(len(scores)), key=lambda t: (-scores[t], t))
    return sorted(order[:k])  # ascending
'''
MARKUP = '<p class="x">1 &lt; 2 &amp;&amp; "3" > 2</p></script><img src=x onerror=alert(1)><!-- -->'
ODD = (
    *("a", " ", "\n", "é", "的", "\N{GRINNING FACE}", "\x00", "\ufeff", "\u0085\u00a0 \u3000"),
    *("\ud800", "a\udc00b\ud83d", "\udc00\ud800", "\u202eright\u202cleft", "<|endoftext|>"),
    "'s 't 're 've 'm 'll 'd 'S it's IT'S",
    "\U0001f469\u200d\U0001f467 family \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1e9\U0001f1ea",
    "1234567890 3.14159 ½ \u2167 \u0663",
    "tab\tnew\r\nline\n\n\n  spaces   end  ",
)
SCRIPTS = (
    ("chinese", 0x4E00, 0x9FA0),
    ("cyrillic", 0x410, 0x44F),
    ("arabic", 0x620, 0x64A),
    ("hebrew", 0x5D0, 0x5EA),
    ("devanagari", 0x904, 0x939),
    ("hangul", 0xAC00, 0xD7A3),
    ("emoji", 0x1F300, 0x1F64F),
    ("mathematics", 0x1D400, 0x1D7FF),
    ("accents", 0xC0, 0x17F),
    ("controls", 0x0, 0x20),
)


def well_formed(text: str) -> str:
    """Replace lone surrogates by U+FFFD, as the page does."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def texts(count: int = 210, seed: int = 0) -> list[str]:
    """Return texts of every sort: prose, code, emoji, scripts, repetition, one token, too long."""
    rng = random.Random(seed)
    fixed = [RUNNING, *PROBES.values(), CODE, CODE * 6, MARKUP, MARKUP * 5, *ODD]
    fixed += [" clock" * 256, "the " * 256, "clock " * 300, "x" * 700]
    fixed += ["\N{GRINNING FACE}" * 70, "的" * 90, PROBES["night"] * 4]
    while len(fixed) < count:
        fixed.append(_random_text(rng))
    return fixed


def _random_text(rng: random.Random) -> str:
    """Draw words of a few scripts, or any code points, surrogates included."""
    if rng.random() < 0.25:
        return "".join(
            chr(rng.choice((rng.randrange(0x300), rng.randrange(0x110000)))) for _ in range(40)
        )
    words = " ".join(PROBES.values()).split()
    pieces = []
    for _ in range(rng.randrange(1, 60)):
        if rng.random() < 0.75:
            pieces.append(rng.choice(words))
        else:
            _, low, high = rng.choice(SCRIPTS)
            pieces.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randrange(1, 6))))
    return rng.choice((" ", " ", " ", "", "  ", "\n")).join(pieces)


@dataclass
class PageEngine:
    """A page that has loaded the modules of the engine."""

    page: Page

    def call(self, script: str, argument: Any = None) -> Any:
        """Evaluate a function of (argument) in which `mosa` is what they export."""
        return self.page.evaluate(script, argument)

    def open(self, path: Path) -> None:
        """Open a model file as `engine`."""
        data = base64.b64encode(path.read_bytes()).decode()
        self.call(
            """async (data) => {
              const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
              window.engine = await mosa.Engine.open(bytes);
            }""",
            data,
        )


def serve_web(page: Page, answers: dict[str, tuple[int, bytes]] | None = None) -> None:
    """Open a page whose site has all our modules, and `answers` too (path: status, body)."""

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(SITE)
        if path.endswith(".js"):
            return route.fulfill(content_type="text/javascript", body=(WEB / path).read_text())
        status, body = (answers or {}).get(path, (200, b"<!doctype html><title>page</title>"))
        route.fulfill(status=status, content_type="text/html" if not path else None, body=body)

    page.route(SITE + "**", answer)
    page.goto(SITE)


def open_page(browser: Browser, answers: dict[str, tuple[int, bytes]] | None = None) -> PageEngine:
    """Load the engine's modules, in a page whose site has `answers` too."""
    page = browser.new_page()
    serve_web(page, answers)
    page.evaluate(LOAD, [f"{SITE}engine/{name}.js" for name in MODULES])
    return PageEngine(page)


@pytest.fixture(scope="module")
def engine_page(chromium):
    """Return one page with the engine's modules for the tests of a file."""
    engine = open_page(chromium)
    yield engine
    engine.page.close()


def random_model(**changes):
    """Return an untrained model whose heads choose clearly."""
    torch.manual_seed(0)
    model = TransformerLM(dataclasses.replace(PRESETS["micro"], **changes))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() >= 2:
                parameter.mul_(4)
    return model.eval()


def floats(data: str) -> np.ndarray:
    """Read numbers that the page sent as base64."""
    return np.frombuffer(base64.b64decode(data), dtype="<f4")
