"""Protects the live model in the page: the reader's own text, switches, and what may fail."""

import base64
import re

import pytest
import torch
from explorer_pages import OTHER_TEXT, Shown, show
from lab import open_lab
from page_engine import open_page
from page_words import said_of
from torch.nn import functional as F

from mosa_edu.viz.components.explorer import RoutingExplorer


@pytest.fixture(scope="module")
def live_page(kept_page):
    """One page that has loaded the model."""
    kept_page.go_live()
    return kept_page


def route(shown, trace, text):
    """Type a text, and wait until the page shows as many tokens as Python's trace of it has."""
    shown.type_own(text)
    shown.until_tokens(trace.T)


def loss(model, ids):
    with torch.no_grad():
        logits = model(torch.tensor([ids]))[0]
    return float(F.cross_entropy(logits[:-1], torch.tensor(ids[1:])))


def test_own_text_is_routed_as_python_routes_it(live_page, explorer_site):
    shown = live_page.go("ex=letter&layer=2&head=1")
    trace = explorer_site.trace(OTHER_TEXT)
    route(shown, trace, OTHER_TEXT)
    assert shown.text(".finding") == said_of(trace, 2, 1).sentence
    assert shown.picked() == trace.selected(2, 1).tolist()
    assert f"{trace.T} tokens, so k = {trace.k}." in shown.text(".own .note")
    assert re.match(r"Live model, \d+ ms", shown.text(".pill"))
    expected = f"{trace.true_loss.mean():.3f}"
    shown.until_text(".result", f"Loss of this text: {expected}")


def test_link_to_an_own_text_brings_the_model(visit, explorer_site):
    first = show(visit, explorer_site)
    first.go_live()
    trace = explorer_site.trace(OTHER_TEXT)
    route(first, trace, OTHER_TEXT)
    first.keep(4)
    again = show(visit, explorer_site, first.page.url.partition("#")[2])
    again.until_tokens(trace.T)
    assert again.text(".readout") == first.text(".readout")
    assert again.one("textarea").input_value() == OTHER_TEXT


def test_head_switched_off_moves_the_loss_as_in_python(visit, explorer_site):
    shown = show(visit, explorer_site, "ex=letter&layer=1&head=2")
    shown.button("Switch L1·H2 off").click()  # brings the model by itself
    ids = [token.id for token in explorer_site.first.tokens]
    weights = explorer_site.model.state_dict()["blocks.1.attention.sparse.w_out"]
    before, kept = loss(explorer_site.model, ids), weights[2].clone()
    weights[2] = 0
    after = loss(explorer_site.model, ids)
    weights[2] = kept
    shown.until_text(".result", f"with L1·H2 off: {after:.3f}")
    assert f"{before:.3f} nats a token as trained" in shown.text(".result")
    assert "Live model, L1·H2 off" in shown.text(".pill")
    assert "off=1.2" in shown.page.url
    shown.button("As trained").click()
    shown.until_text(".result", "Switch a head off to see what it is worth.")
    shown.page.wait_for_function("!location.hash.includes('off=')")  # written after the picture


def test_seat_for_token_0_and_another_k_run_the_model_anew(visit, explorer_site):
    shown = show(visit, explorer_site, "ex=letter&layer=2&head=3&first=1")
    shown.until_text(".result", "with token 0 kept: ")
    shown.until("(root) => root.querySelector('[data-t=\"0\"]').classList.contains('in')")
    picks = shown.picked()
    assert len(picks) == explorer_site.first.k
    shown = show(visit, explorer_site, "ex=letter&layer=2&head=3&k=20")
    shown.go_live()
    shown.until_text(".result", "at k = 20: ")
    assert len(shown.picked()) == 20
    assert "What if" not in shown.text(".detail")


def test_last_of_many_keystrokes_wins(live_page, explorer_site):
    shown = live_page.go("ex=letter&layer=0&head=0")
    box = shown.one("textarea")
    box.fill("")
    box.press_sequentially(OTHER_TEXT[:60], delay=1000 / 30)
    trace = explorer_site.trace(OTHER_TEXT[:60])
    shown.until_tokens(trace.T)
    shown.page.wait_for_timeout(600)
    assert shown.picked() == trace.selected(0, 0).tolist()


SCRIPT = '</script><img src=x onerror="window.hurt=1"><b>'
ODD = (
    "a\ud800b \udfff",
    "\u202eright to left\u202c שלום عالم",
    "😀👩\u200d👧 的",
    "\n\n \t\n",
    SCRIPT,
)
TYPE = """(box, text) => { box.value = text; box.dispatchEvent(new Event("input")); }"""


def test_any_unicode_is_shown_as_text(live_page, explorer_site):
    """Lone surrogates, right to left, emoji, blanks, markup: tokens as in Python, never parsed."""
    shown = live_page.go("ex=letter&layer=0&head=0")
    for text in ODD:
        shown.one("textarea").evaluate(TYPE, text)
        well = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        T = len(explorer_site.tokenizer.encode(well))
        shown.until_tokens(T)
    assert SCRIPT in shown.one(".text").text_content()
    shown.assert_harmless()


def test_too_short_keeps_the_figure_and_too_long_is_cut(live_page, explorer_site):
    shown = live_page.go("ex=letter&layer=1&head=2")
    before = shown.picked()
    for text in ("", "a"):
        shown.type_own(text)
        shown.until_text(".own .note", "Type at least two tokens")
        assert shown.picked() == before
    long = OTHER_TEXT * 20
    left = len(explorer_site.tokenizer.encode(long)) - 256
    shown.type_own(long)
    shown.until_text(".own .note", f"The last {left} tokens of your text are left out.")
    shown.until_tokens(256)


def failing(visit, site, answer):
    shown = show(visit, site, strict=False)
    before = shown.text(".finding"), shown.picked()
    shown.page.route("**/model.safetensors", answer)
    shown.button("Your text").click()
    shown.until_text(".pill", "Live model not loaded")
    assert (shown.text(".finding"), shown.picked()) == before
    return shown


def test_model_that_cannot_be_reached_is_named_and_tried_again(visit, explorer_site):
    shown = failing(visit, explorer_site, lambda route: route.abort())
    assert "The weights could not be reached. The stored examples" in shown.text(".banner")
    shown.page.unroute("**/model.safetensors")
    shown.button("Try again").click()
    shown.until_text(".badge", "Self-test passed")
    assert not shown.one(".banner").is_visible()


def test_model_that_is_missing_or_another_is_refused(visit, explorer_site):
    shown = failing(visit, explorer_site, lambda route: route.fulfill(status=404, body=""))
    assert "(404)" in shown.text(".banner")
    data = bytearray((explorer_site.folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    shown = failing(visit, explorer_site, lambda route: route.fulfill(body=bytes(data)))
    assert "SHA-256 differs" in shown.text(".banner")


def test_switch_without_a_model_springs_back(visit, explorer_site):
    shown = show(visit, explorer_site, "ex=letter&layer=1&head=2", strict=False)
    shown.page.route("**/model.safetensors", lambda route: route.abort())
    shown.button("Switch L1·H2 off").click()
    shown.until_text(".pill", "Live model not loaded")
    shown.settle()
    assert shown.button("Switch L1·H2 off").get_attribute("aria-pressed") == "false"


def test_loading_shows_progress_over_the_example(visit, explorer_site):
    shown = show(visit, explorer_site)
    before = shown.picked()
    held = []
    shown.page.route("**/model.safetensors", lambda route: held.append(route))
    shown.button("Your text").click()
    shown.until_text(".pill", "Loading live model")
    size = (explorer_site.folder / "model.safetensors").stat().st_size
    assert f"of {size / 1e6:.1f} MB" in shown.text(".pill")
    assert shown.button("Route this text").is_disabled()
    shown.type_own(OTHER_TEXT)
    shown.until_text(".example", "Stored example: Letter")
    assert shown.picked() == before
    held[0].continue_()
    trace = explorer_site.trace(OTHER_TEXT)
    shown.until_tokens(trace.T)


def test_page_from_disk_says_why_and_keeps_its_examples(visit, explorer_site):
    shown = Shown(visit((explorer_site.folder / "index.html").as_uri()).page)
    shown.button("Your text").click()
    shown.until_text(".own .note", "opened from disk")
    shown.one("select").select_option(label="Full")
    shown.until_text(".told", "can only be fetched from a web server")
    assert shown.picked()


def test_self_contained_page_runs_from_disk(visit, explorer_site, tmp_path):
    path = explorer_site.folder / "model.safetensors"
    widget = RoutingExplorer(explorer_site.first, path, layer=2, head=1)
    (tmp_path / "explorer.html").write_text(widget.page("A </title> of mine"))
    shown = Shown(visit((tmp_path / "explorer.html").as_uri()).page)
    shown.go_live()
    trace = explorer_site.trace(OTHER_TEXT)
    route(shown, trace, OTHER_TEXT)
    assert shown.picked() == trace.selected(2, 1).tolist()
    assert shown.page.title() == "A </title> of mine"


LAB = """async ([data, weights]) => {
  const state = { data: { ...data, kernel: true }, text: "", layer: 1, head: 2, selected: 3, k: 0 };
  const listeners = {};
  const set = (name, value) => {
    if (state[name] === value) return;
    state[name] = value;
    (listeners[`change:${name}`] ?? []).forEach((listener) => listener());
    if (name !== "wants_weights") return;
    const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0));
    setTimeout(() => set("weights", new DataView(bytes.buffer)));
  };
  const on = (event, listener) => (listeners[event] ??= []).push(listener);
  window.lab = { get: (name) => state[name], set, on, off() {}, save_changes() {} };
  const host = document.body.appendChild(document.createElement("mosa-explorer"));
  const el = host.appendChild(document.createElement("div"));
  const { default: explorer } = await import("/explorer.js");
  window.stop = explorer.render({ model: lab, el });
}"""


def test_notebook_reads_and_sets_the_state_and_sends_weights(chromium, explorer_site):
    """The module runs as anywidget runs it, on a model that answers as a kernel does."""
    opened = open_page(chromium)
    weights = (explorer_site.folder / "model.safetensors").read_bytes()
    data = explorer_site.widget.state()["data"]
    opened.call(LAB, [data, base64.b64encode(weights).decode()])
    shown = Shown(opened.page)
    shown.settle()
    assert "Layer 1, head 2" in shown.text(".finding")
    assert shown.studied() == 3
    shown.token(7).click()
    shown.page.keyboard.press("]")
    shown.settle()
    assert opened.call("() => ['layer', 'head', 'selected'].map(lab.get)") == [1, 3, 7]
    opened.call("() => { lab.set('layer', 2); lab.set('head', 0); lab.set('selected', 5); }")
    shown.settle()
    assert "Layer 2, head 0" in shown.text(".finding")
    assert shown.studied() == 5
    usual = len(shown.picked())
    for k, kept in ((usual + 3, usual + 3), (0, usual)):  # 0 is the head's own share
        opened.call("(k) => lab.set('k', k)", k)
        shown.settle()
        assert len(shown.picked()) == kept
    opened.call("(text) => lab.set('text', text)", OTHER_TEXT)
    trace = explorer_site.trace(OTHER_TEXT)
    shown.until_tokens(trace.T)
    assert shown.picked() == trace.selected(2, 0).tolist()
    opened.call("() => lab.set('text', '')")
    shown.until_tokens(explorer_site.first.T)
    opened.call("() => stop()")
    opened.page.close()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_explorer_in_jupyterlab_and_python_follow_each_other(visit, explorer_site, tmp_path):
    """A real kernel: a click is read in Python, Python's text is routed by the live model."""
    explorer_site.first.save(tmp_path / "trace.json")
    cells = [
        "from mosa_edu.records import RoutingTrace\n"
        "from mosa_edu.viz.components.explorer import RoutingExplorer\n"
        "trace = RoutingTrace.load('trace.json')\n"
        f"explorer = RoutingExplorer(trace, {str(explorer_site.folder / 'model.safetensors')!r})\n"
        "explorer",
        "print('python', explorer.layer, explorer.head, explorer.selected)",
        f"explorer.layer, explorer.head, explorer.text = 2, 1, {OTHER_TEXT!r}",
    ]
    with open_lab(tmp_path, cells) as address:
        visited = visit(address, strict=False)
        page = visited.page

        def run(number):
            page.locator(".jp-CodeCell .cm-content").nth(number).click()
            page.keyboard.press("Shift+Enter")

        page.get_by_text("| Idle").wait_for()  # what is run before the kernel is ready is lost
        run(0)
        page.locator(".tok[data-t='5']").click()
        page.keyboard.press("]")
        page.get_by_text(f"Layer {explorer_site.widget.layer}, head").first.wait_for()
        run(1)
        head = explorer_site.widget.head + 1
        page.get_by_text(f"python {explorer_site.widget.layer} {head} 5", exact=True).wait_for()
        run(2)
        sentence = said_of(explorer_site.trace(OTHER_TEXT), 2, 1).sentence
        page.get_by_text("Self-test passed").wait_for()
        page.wait_for_function(
            """(sentence) => [...document.querySelectorAll("*")].some((node) =>
              node.shadowRoot?.querySelector(".finding")?.textContent === sentence)""",
            arg=sentence,
        )
    assert visited.foreign == []
