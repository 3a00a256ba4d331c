"""Leak probes in a real browser: a page with one, that may ask a second model, and its reader."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from explorer_pages import ExplorerSite
from figure_pages import OpenFigure, open_figure, serve_page
from page_engine import random_model

from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.pretrained import save_page_model
from mosa_edu.probes.futures import reroll_future
from mosa_edu.records.leak import LeakExample
from mosa_edu.texts import PROBES
from mosa_edu.viz.components.leak import LeakProbe
from mosa_edu.viz.components.page_model import PageModel

CUT = 40


@dataclass(frozen=True)
class LeakSite:
    """A served folder with one leak probe, and all that Python knows of it."""

    folder: Path
    address: str
    example: LeakExample
    model: TransformerLM
    tokenizer: Tokenizer

    @property
    def weights(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def causal(self) -> Path:
        return self.folder / "causal.safetensors"

    def write_with(self, name: str, old: str, new: str) -> str:
        """Write the page again with something replaced; return its address."""
        page = (self.folder / "leak.html").read_text()
        (self.folder / name).write_text(page.replace(old, new))
        return self.address.replace("leak.html", name)


@pytest.fixture(scope="module")
def leak_site(explorer_site: ExplorerSite) -> LeakSite:
    """Serve a page with one probe of an untrained model, and a second one that is causal."""
    site = explorer_site
    path = site.folder / "model.safetensors"
    digest = PageModel.read(path).sha256
    example = reroll_future(
        site.model, site.tokenizer, PROBES["letter"], CUT, name="toy", sha256=digest, source={}
    )
    other = random_model(**{**asdict(site.model.config), "sparse": "prefix", "n_sparse_heads": 4})
    causal = site.folder / "causal.safetensors"
    save_page_model(other, site.tokenizer, causal, {"seed": 1}, name="toy causal")
    files = {"model": path, "weights_url": path.name, "causal": causal, "causal_url": causal.name}
    widget = LeakProbe(example, **files)
    address = serve_page(site, widget.element(), "leak")
    return LeakSite(site.folder, address, example, site.model, site.tokenizer)


class Probe(OpenFigure):
    """A probe on an open page."""

    drawn = "(root) => root.querySelector('.plot svg path') !== null"

    def until_live(self) -> None:
        self.until("(root) => root.querySelector('.pill').textContent.startsWith('Live')")

    def counts(self) -> list[int]:
        """Return picks kept, new and lost, predictions changed and moved far, by the legend."""
        return [int(n) for n in re.findall(r"\((\d+)\)", self.text(".marks"))]


def open_probe(visit: Any, site: LeakSite, fragment: str = "", **options: Any) -> Probe:
    """Open the page, at a fragment."""
    return open_figure(visit, site.address, fragment, Probe, **options)
