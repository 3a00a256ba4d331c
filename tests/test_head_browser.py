"""Protects the head browser: state and figures move together, in a page and in JupyterLab too."""

import base64
import re

import numpy as np
import pytest
from explorer_pages import json_of
from figure_pages import refuses
from hypothesis import given
from hypothesis import strategies as st
from lab import open_lab
from page_engine import random_model
from page_words import said_of
from test_records import make_trace

from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.texts import PROBES
from mosa_edu.tracing import Tracer
from mosa_edu.viz.assets import classic_script, size_of
from mosa_edu.viz.components import static
from mosa_edu.viz.components.head_browser import MARK, HeadBrowser, rethreshold

TEXT = PROBES["clocks"][:120]


@pytest.fixture(scope="module")
def tracer():
    """Return an untrained model that chooses clearly, as a function."""
    tokenizer = Tokenizer.train(PROBES.values(), 512)
    return Tracer(random_model(n_layers=2, n_sparse_heads=3, max_seq_len=64), tokenizer)


def drawn(browser):
    """Return the last traces of both figures, as the notebook was given them."""
    messages = [output.outputs[0]["data"] for output in browser.children[-2:]]
    return [data["application/vnd.plotly.v1+json"]["data"][-1] for data in messages]


def decoded(numbers):
    return np.frombuffer(base64.b64decode(numbers["bdata"]), numbers["dtype"]).tolist()


def slider(browser, name):
    rows = browser.children[:2]
    return next(o for row in rows for o in row.children if o.description.lower() == name)


def test_sliders_move_python_and_python_moves_sliders():
    browser = HeadBrowser(make_trace(T=40, k=5), layer=0, head=1)
    slider(browser, "layer").value = 1
    slider(browser, "head").value = 3
    slider(browser, "k").value = 7
    assert (browser.layer, browser.head, browser.k) == (1, 3, 7)
    browser.layer, browser.head, browser.k = 0, 2, 9
    assert [slider(browser, name).value for name in ("layer", "head", "k")] == [0, 2, 9]
    picks = browser.trace.selected(0, 2).tolist()
    assert browser.figure.data[-1].x.tolist() == decoded(drawn(browser)[0]["x"]) == picks
    assert len(picks) == 9
    assert repr(browser) == "HeadBrowser('Stored text', T=40, layer=0, head=2, k=9)"


def test_without_a_model_k_moves_the_cut_and_says_so():
    trace = make_trace(T=40, k=5)
    browser = HeadBrowser(trace, layer=1, head=0, k=8)
    assert browser.trace.selected(1, 0).tolist() == sorted(trace.order[1, 0, :8].tolist())
    said = browser.children[2].value
    assert "What if k were 8: scores held as traced at k = 5." in said
    assert not any("weight" in text for text in drawn(browser)[1]["text"])
    browser.k = 5
    assert browser.trace is trace
    assert "What if" not in browser.children[2].value


def test_with_a_model_k_runs_it_again(tracer):
    browser = HeadBrowser({"clocks": TEXT}, trace=tracer, layer=1, head=2)
    own, k = browser.trace, browser.k
    browser.k = k + 3
    assert browser.trace == tracer(TEXT, k + 3)
    assert MARK not in browser.trace.provenance
    assert not np.array_equal(browser.trace.scores[1], own.scores[1])  # layer 1 sees other tokens
    assert any("weight" in text for text in drawn(browser)[1]["text"])
    browser.k = k
    assert browser.trace == own


def test_own_text_from_python_and_from_the_box(tracer):
    browser = HeadBrowser({"clocks": TEXT}, trace=tracer)
    browser.text = "The second clock."
    assert browser.trace.text == "The second clock."
    assert slider(browser, "text").value == "Your own text"
    assert slider(browser, "your text").value == "The second clock."
    slider(browser, "your text").value = "A third clock told him."
    assert browser.text == browser.trace.text == "A third clock told him."
    slider(browser, "text").value = "clocks"
    assert (browser.text, browser.trace.text) == ("clocks", TEXT)


def test_a_refused_own_text_is_explained_and_changes_nothing(tracer):
    browser = HeadBrowser({"clocks": TEXT}, trace=tracer)
    before = browser.trace
    slider(browser, "your text").value = "word " * 99
    assert "max_seq_len" in browser.children[2].value
    assert slider(browser, "your text").value.startswith("word")
    assert (browser.trace, browser.text) == (before, "clocks")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("layer", 2), ("layer", -1), ("layer", 0.5), ("head", 4), ("head", "1")),
        *(("k", 1), ("k", 41), ("k", 2.5), ("k", None), ("text", "nowhere"), ("text", 3)),
    ],
)
def test_what_is_not_there_is_refused_and_changes_nothing(name, value):
    browser = HeadBrowser(make_trace(T=40, k=5), layer=1, head=1)
    before = repr(browser)
    refuses(f"{name} must be", setattr, browser, name, value)
    assert repr(browser) == before


def test_wrong_arguments_are_refused_by_name():
    trace = make_trace()
    refuses("texts must be at least one", HeadBrowser, {})
    refuses("texts must be titled otherwise", HeadBrowser, {"Your own text": trace})
    refuses("texts must be a trace, or given with a model", HeadBrowser, {"a": "words"})
    refuses("trace must be of", HeadBrowser, {"a": trace, "b": make_trace(heads=3)})
    refuses("head must be", HeadBrowser, trace, head=9)


def test_heads_that_do_not_keep_their_best_keep_their_k():
    indices = np.tile(np.array([0, 5, 0], np.uint16), (2, 4, 1))  # two of three slots are used
    counts = np.full((2, 4), 2, dtype=np.uint16)
    trace = make_trace(T=12, k=3, counts=counts, indices=indices)
    browser = HeadBrowser(trace, layer=0, head=0)
    assert slider(browser, "k").disabled
    refuses(r"k must be in \[3, 3\]", setattr, browser, "k", 4)
    assert json_of(browser.element())["texts"][0]["picks"][0] == trace.selected(0, 0).tolist()


@given(st.integers(2, 40))
def test_a_moved_cut_keeps_the_best_of_the_stored_order(k):
    trace = make_trace(T=40, k=5)
    moved = rethreshold(trace, k)
    assert moved.k == k
    for layer, head in np.ndindex(2, 4):
        assert set(moved.selected(layer, head)) == set(trace.order[layer, head, :k].tolist())


def test_tracer_leaves_the_model_as_it_was(tracer):
    before = tracer(TEXT)
    assert [tracer(TEXT, k).k for k in (2, 7, before.T)] == [2, 7, before.T]
    assert tracer(TEXT) == before
    assert tracer(TEXT, before.k) == before
    for k in (1, before.T + 1):
        refuses("k must be in", tracer, TEXT, k)
    fixed = Tracer(random_model(sparse="fixed", n_sparse_heads=2), tracer.tokenizer)
    refuses("keep their k best", fixed, TEXT, 3)


def test_tracer_keeps_the_first_token_where_the_model_does(tracer):
    model = random_model(n_layers=1, n_sparse_heads=3, include_first=True)
    first = Tracer(model, tracer.tokenizer)
    assert first(TEXT, first(TEXT).k) == first(TEXT)
    assert (first(TEXT, 5).indices[..., 0] == 0).all()


def test_notebook_stores_an_element_without_anything_random():
    browser, again = (HeadBrowser(make_trace(), k=4) for _ in range(2))
    bundle, _ = browser._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"] == again._repr_mimebundle_()[0]["text/html"]
    assert not re.search(r"0x[0-9a-f]{6}", bundle["text/html"] + bundle["text/plain"])
    assert bundle["text/plain"] == repr(browser)
    state = json_of(browser.element())
    assert (state["k"], state["texts"][0]["k"]) == (4, 3)


def test_static_page_stays_small():
    """Most of it is shared with the other components."""
    assert size_of(classic_script("heads")).gzipped < 9_400


def test_static_page_moves_the_cut_as_python_does(visit, tmp_path):
    hostile = "</script><img src=x onerror=alert(1)>"
    traces = {"First": make_trace(T=40, k=5), hostile: make_trace(T=12, k=3, seed=1)}
    browser = HeadBrowser(traces, layer=0, head=0)
    path = tmp_path / "heads.html"
    path.write_text(static.page("Heads", browser.static().data))
    page = visit(path.as_uri(), viewport={"width": 360, "height": 800}).page
    page.get_by_role("slider", name="Head").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("slider", name="Tokens kept").focus()
    page.keyboard.press("ArrowRight")
    browser.head, browser.k = 1, 6
    marked = [f"w{position}" for position in browser.trace.selected(0, 1)]
    assert page.locator("mark").all_inner_texts() == marked
    said = said_of(browser.trace, 0, 1)
    assert page.get_by_role("status").inner_text() == f"{said.sentence} {said.detail}".strip()
    assert page.get_by_text("What if k were 6: scores held as traced at k = 5.").is_visible()
    page.get_by_role("combobox", name="Text").select_option(hostile)
    assert "head 1 keeps 3 of 12 tokens" in page.get_by_role("status").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_slider_in_jupyterlab_moves_python_and_the_figure(visit, tmp_path):
    make_trace(T=40, k=5).save(tmp_path / "trace.json")
    cells = [
        "from mosa_edu.records import RoutingTrace\n"
        "from mosa_edu.viz.components.head_browser import HeadBrowser\n"
        "browser = HeadBrowser(RoutingTrace.load('trace.json'), layer=0, head=1)\n"
        "browser",
        "print('python', browser.layer, browser.head, browser.k, browser.figure.data[-1].x.size)",
    ]
    kept = "(plot) => plot.data.at(-1).x.length ?? plot._fullData.at(-1).x.length"
    with open_lab(tmp_path, cells) as address:
        visited = visit(address, strict=False)
        page = visited.page
        page.get_by_text("| Idle").wait_for()  # what is run before the kernel is ready is lost
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
        plot = page.locator(".js-plotly-plot").first
        assert plot.evaluate(kept) == 5
        slider_of(page, "k").focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        slider_of(page, "Head").focus()
        page.keyboard.press("ArrowRight")
        page.get_by_text("Layer 0, head 2 keeps 8 of 40 tokens").first.wait_for()
        page.wait_for_function(f"({kept})(document.querySelector('.js-plotly-plot')) === 8")
        page.locator(".jp-CodeCell .cm-content").nth(1).click()
        page.keyboard.press("Shift+Enter")
        page.get_by_text("python 0 2 8 8", exact=True).wait_for()
    assert visited.foreign == []


def slider_of(page, name):
    """Return the handle of the slider that stands beside a label."""
    row = page.locator(".widget-slider").filter(has=page.get_by_text(name, exact=True))
    return row.locator(".noUi-handle")
