"""Protects the training scrubber: every step shows the picks that were recorded at it."""

import csv
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from explorer_pages import json_of
from figure_pages import FigureContract, OpenFigure, open_figure, refuses, serve_page, stored_output
from page_words import said_by_scrubber

from mosa_edu.analysis import recorded_history
from mosa_edu.records import RoutingHistory
from mosa_edu.viz.components.scrubber import TrainingScrubber

PIECES = ["The", " cat", ",", "</script><img src=x onerror=window.hurt=1>", " th", "ird", "\n", ""]
STEPS = (0, 1, 2, 4, 9, 30, 1000)


def make_history(seed=0, copies=4, layers=2, heads=3, k=5):
    generator = np.random.default_rng(seed)
    T, S = len(PIECES) * copies, len(STEPS)
    ranked = generator.random((S, layers, heads, T)).argsort(-1)
    return RoutingHistory(
        name="toy",
        pieces=PIECES * copies,
        steps=STEPS,
        tokens_seen=[4096 * step for step in STEPS],
        losses=[7 - 0.5 * i for i in range(S)],
        indices=np.sort(ranked[..., :k], axis=-1).astype(np.uint8),
    )


HISTORIES = {"First": make_history(), "Second <b>": make_history(1, copies=5)}


@pytest.fixture(scope="module")
def address(explorer_site):
    """Serve a page with one scrubber, whose second history is fetched."""
    widget = TrainingScrubber(HISTORIES, layer=1, fetched={"Second <b>": "second.json"})
    (explorer_site.folder / "second.json").write_text(HISTORIES["Second <b>"].to_json())
    return serve_page(explorer_site, widget.element(), "scrubber")


class Scrubber(OpenFigure):
    """A scrubber on an open page."""

    drawn = "(root) => root.querySelector('.stops svg path') !== null"

    def marks(self):
        """Return how many marks the two rows have."""
        drawn = self.all(".stops path[fill]", "node.getAttribute('d')")
        return [d.count("M") for d in drawn if d.endswith("z")]


def open_scrubber(visit, address, fragment="", **options):
    return open_figure(visit, address, fragment, Scrubber, **options)


def test_first_frame_is_the_last_step_of_the_head_that_changed_most(visit, address):
    shown = open_scrubber(visit, address)
    history = HISTORIES["First"]
    head = int(history.overlap_with_last()[0, 1].argmin())
    assert shown.text(".finding") == said_by_scrubber(history, 1, head)
    assert "Loss on this text: 4.00 nats" in shown.text(".detail")
    assert shown.marks() == [5, 5]


def test_every_number_of_every_head_is_the_recorded_one(visit, address):
    shown = open_scrubber(visit, address)
    picked = HISTORIES["First"].selected_mask()
    for layer in range(2):
        shown.choose(f"{layer}")
        for _ in range(3):
            rows, own = shown.table(), picked[:, layer, int(shown.text("output"))]
            assert [int(row[3]) for row in rows] == (own & own[0]).sum(-1).tolist()
            assert [int(row[4]) for row in rows] == (own & own[-1]).sum(-1).tolist()
            assert [row[0] for row in rows] == [f"{step:,}" for step in STEPS]
            shown.button("Next head").click()


def test_keys_buttons_and_clicks_move_the_step(visit, address):
    shown = open_scrubber(visit, address, "scrub=first&step=4&l=0&h=2")
    shown.until_says("By step 4 head L0·H2")
    slider = shown.one("input[type=range]")
    slider.focus()
    slider.press("ArrowLeft")
    shown.until_says("By step 2 ")
    slider.press("Home")
    shown.until_says("By step 0 head L0·H2 has changed none of its 5 picks.")
    shown.button("Step \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}").click()
    shown.until_says("By step 1 ")
    shown.choose("Step before")
    shown.until_says("Since step 0 ")
    box = shown.one(".stops svg").bounding_box()
    shown.page.mouse.click(box["x"] + box["width"] - 24, box["y"] + 30)
    shown.until_says("Since step 30 ")
    shown.page.keyboard.press("Tab")
    slider.press("]")
    shown.until_says("head L0·H0")
    slider.press("Escape")
    shown.until_says("By step 1,000 head L1")


class TestContract(FigureContract):
    kind = Scrubber
    hostile = (
        "scrub=%3Cimg%20src=x%20onerror=window.hurt=1%3E&step=-1&l=9&h=99&against=__proto__",
        "scrub=first&step=99999999&l=1e9&h=%00&view=constructor",
        "scrub=&step=" + "7" * 9000,
    )

    def journey(self, shown):
        """Another text is fetched."""
        shown.one("select").select_option(label="Second <b>")
        shown.until("(root) => root.querySelector('select').value === 'second-b'")
        shown.until("() => location.hash.includes('scrub=second-b')")
        shown.one("input[type=range]").press("ArrowLeft")
        shown.button("Previous head").click()

    def check_hostile(self, shown):
        assert shown.text(".finding").endswith("picks.")


def test_numbers_and_cell_are_those_of_the_view(visit, explorer_site):
    recorded = recorded_history("clocks")
    stops = slice(1, None, 2)  # the book thins it out: Python's record has other stops
    rows = {name: getattr(recorded, name)[stops] for name in ("steps", "tokens_seen", "losses")}
    history = replace(recorded, indices=recorded.indices[stops], **rows)
    element = TrainingScrubber({"A text": history}, layer=2, head=3).element()
    address = serve_page(explorer_site, element, "scrubber", "recorded")
    shown = open_scrubber(visit, address, "scrub=a-text&l=2&h=3&step=300")
    rows = list(csv.reader(StringIO(shown.saved("CSV"))))[1:]
    assert len(rows) == history.indices.size
    stop = max(i for i, step in enumerate(history.steps) if step <= 300)
    at = (str(history.steps[stop]), "2", "3")
    mine = [int(row[4]) for row in rows if (row[0], row[2], row[3]) == at]
    assert mine == history.indices[stop, 2, 3].tolist()
    said = f"step {history.steps[stop]}, loss {history.losses[stop]:.2f}: {mine}"
    assert shown.printed()[0].startswith(said)


def test_notebook_stores_the_same_element_and_what_does_not_fit_is_refused():
    stored = stored_output(lambda: TrainingScrubber(HISTORIES))
    assert stored["text/plain"] == "TrainingScrubber(step=1000, layer=1, head=1)"
    state = json_of(stored["text/html"])
    assert (state["data"]["kernel"], state["step"]) == (False, 1000)
    first = HISTORIES["First"]
    refuses("histories must be at least one", TrainingScrubber, {})
    refuses("layer must be in", TrainingScrubber, first, layer=2)
    refuses(r"head must be in \[0, 3\)", TrainingScrubber, first, head=3)
    refuses("fetched must be addresses", TrainingScrubber, HISTORIES, fetched={"First": "x"})
    refuses("layers and heads", TrainingScrubber, {"a": first, "b": make_history(heads=2)})
