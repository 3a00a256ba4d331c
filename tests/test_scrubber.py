"""Protects the training scrubber: every step shows the picks that were recorded at it."""

import csv
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from explorer_pages import explorer_site, json_of  # noqa: F401
from figure_pages import PHONE, OpenFigure, open_figure, serve_page, stored_output
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
def address(explorer_site):  # noqa: F811
    """Serve a page with one scrubber, whose second history is fetched."""
    widget = TrainingScrubber(HISTORIES, layer=1, fetched={"Second <b>": "second.json"})
    (explorer_site.folder / "second.json").write_text(HISTORIES["Second <b>"].to_json())
    return serve_page(explorer_site, widget.element(), "scrubber")


class Scrubber(OpenFigure):
    """A scrubber on an open page."""

    drawn = "(root) => root.querySelector('.stops svg path') !== null"

    def marks(self):
        """Return how many marks the two rows have."""
        paths = self.page.locator("mosa-scrubber .stops path[fill]")
        drawn = paths.evaluate_all("(paths) => paths.map((path) => path.getAttribute('d'))")
        return [d.count("M") for d in drawn if d.endswith("z")]


def open_scrubber(visit, address, fragment="", **options):
    return open_figure(visit, address, fragment, Scrubber, **options)


@pytest.mark.browser
def test_first_frame_is_the_last_step_of_the_head_that_changed_most(visit, address):
    shown = open_scrubber(visit, address)
    history = HISTORIES["First"]
    head = int(history.overlap_with_last()[0, 1].argmin())
    assert shown.text(".finding") == said_by_scrubber(history, 1, head)
    assert "Loss on this text: 4.00 nats" in shown.text(".detail")
    assert shown.marks() == [5, 5]


@pytest.mark.browser
def test_every_number_of_every_head_is_the_recorded_one(visit, address):
    shown = open_scrubber(visit, address)
    history = HISTORIES["First"]
    picked = history.selected_mask()
    for layer in range(2):
        shown.page.get_by_role("radio", name=f"{layer}", exact=True).click()
        for _ in range(3):
            head = int(shown.text("output"))
            rows = shown.table()
            own = picked[:, layer, head]
            assert [int(row[3]) for row in rows] == (own & own[0]).sum(-1).tolist()
            assert [int(row[4]) for row in rows] == (own & own[-1]).sum(-1).tolist()
            assert [row[0] for row in rows] == [f"{step:,}" for step in STEPS]
            shown.button("Next head").click()


@pytest.mark.browser
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
    shown.page.get_by_role("radio", name="Step before").click()
    shown.until_says("Since step 0 ")
    box = shown.one(".stops svg").bounding_box()
    shown.page.mouse.click(box["x"] + box["width"] - 24, box["y"] + 30)
    shown.until_says("Since step 30 ")
    shown.page.keyboard.press("Tab")
    slider.press("]")
    shown.until_says("head L0·H0")
    slider.press("Escape")
    shown.until_says("By step 1,000 head L1")


@pytest.mark.browser
def test_view_is_a_link_and_other_texts_are_fetched(visit, address):
    shown = open_scrubber(visit, address)
    shown.one("select").select_option(label="Second <b>")
    shown.until("(root) => root.querySelector('select').value === 'second-b'")
    shown.until("() => location.hash.includes('scrub=second-b')")
    shown.one("input[type=range]").press("ArrowLeft")
    shown.button("Previous head").click()
    fragment = shown.link()
    again = open_scrubber(visit, address, fragment)
    again.until_says(shown.text(".finding"))
    assert again.text(".detail") == shown.text(".detail")
    assert again.table() == shown.table()


@pytest.mark.browser
def test_picture_numbers_and_cell_are_those_of_the_view(visit, explorer_site, capsys):  # noqa: F811
    recorded = recorded_history("clocks")
    stops = slice(1, None, 2)  # the book thins it out: Python's record has other stops
    rows = {name: getattr(recorded, name)[stops] for name in ("steps", "tokens_seen", "losses")}
    history = replace(recorded, indices=recorded.indices[stops], **rows)
    element = TrainingScrubber({"A text": history}, layer=2, head=3).element()
    address = serve_page(explorer_site, element, "scrubber", "recorded")
    shown = open_scrubber(visit, address, "scrub=a-text&l=2&h=3&step=300")
    assert shown.title_of_picture() == shown.text(".finding")
    assert f"{address}#scrub=a-text" in shown.saved("Save SVG")
    rows = list(csv.reader(StringIO(shown.saved("CSV"))))[1:]
    assert len(rows) == history.indices.size
    stop = max(i for i, step in enumerate(history.steps) if step <= 300)
    at = (str(history.steps[stop]), "2", "3")
    mine = [int(row[4]) for row in rows if (row[0], row[2], row[3]) == at]
    assert mine == history.indices[stop, 2, 3].tolist()
    exec(shown.copied_python(), {})
    said = f"step {history.steps[stop]}, loss {history.losses[stop]:.2f}: {mine}"
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.browser
@pytest.mark.parametrize(
    "fragment",
    [
        "scrub=%3Cimg%20src=x%20onerror=window.hurt=1%3E&step=-1&l=9&h=99&against=__proto__",
        "scrub=first&step=99999999&l=1e9&h=%00&view=constructor",
        "scrub=&step=" + "7" * 9000,
    ],
)
def test_hostile_fragments_and_texts_are_shown_as_text(visit, address, fragment):
    shown = open_scrubber(visit, address, fragment)
    shown.table()
    shown.assert_harmless()
    assert shown.text(".finding").endswith("picks.")


@pytest.mark.browser
def test_phone_has_no_sideways_scrolling_and_large_targets(visit, address):
    open_scrubber(visit, address, **PHONE).assert_fits_a_phone()


def test_notebook_stores_the_same_element_every_time():
    stored = stored_output(lambda: TrainingScrubber(HISTORIES))
    assert stored["text/plain"] == "TrainingScrubber(step=1000, layer=1, head=1)"
    state = json_of(stored["text/html"])
    assert state["data"]["kernel"] is False
    assert state["step"] == 1000


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="histories must be at least one"):
        TrainingScrubber({})
    with pytest.raises(ValueError, match="layer must be in"):
        TrainingScrubber(HISTORIES["First"], layer=2)
    with pytest.raises(ValueError, match=r"head must be in \[0, 3\)"):
        TrainingScrubber(HISTORIES["First"], head=3)
    with pytest.raises(ValueError, match="fetched must be addresses"):
        TrainingScrubber(HISTORIES, fetched={"First": "x"})
    other = make_history(heads=2)
    with pytest.raises(ValueError, match="layers and heads"):
        TrainingScrubber({"a": HISTORIES["First"], "b": other})
