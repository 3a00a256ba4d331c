"""Protects the leak probe: it says of the past what PyTorch finds, and repairs are silent."""

import re
from dataclasses import asdict
from xml.etree import ElementTree

import pytest
import torch
from explorer_pages import HEAD, explorer_site  # noqa: F401
from figure_pages import OpenFigure, open_figure
from page_engine import random_model

import mosa_edu
import mosa_edu.pretrained
from mosa_edu.pretrained import load_page_model, save_page_model
from mosa_edu.probes.futures import count_rewritten, reroll_future, roll_future
from mosa_edu.records.leak import LeakExample
from mosa_edu.texts import PROBES
from mosa_edu.viz.assets import classic_script
from mosa_edu.viz.leak import LeakProbe, leak_finding
from mosa_edu.viz.page_model import PageModel
from mosa_edu.viz.tokens import token_labels

CUT = 40
WHO = {
    "random": "A new future",
    "tail": "The future of another text",
    "none": "Cutting the future off",
    "edit": "An edited future",
}


@pytest.fixture(scope="module")
def leak_site(explorer_site):  # noqa: F811
    """Serve a page with one probe; return (address, example, model, tokenizer)."""
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
    (site.folder / "leak.js").write_text(classic_script("leak"))
    page = f'{HEAD}<h1>Leak</h1>{widget.element()}<script src="leak.js" defer></script>'
    (site.folder / "leak.html").write_text(page)
    return f"{site.address}/leak.html", example, site.model, site.tokenizer


class Probe(OpenFigure):
    """A probe on an open page."""

    drawn = "(root) => root.querySelector('.plot svg path') !== null"

    def until_live(self):
        self.until("(root) => root.querySelector('.pill').textContent.startsWith('Live')")

    def choose(self, name):
        self.page.get_by_role("radio", name=name, exact=True).click()

    def until_shows(self, selector, part):
        find = "(root, [s, part]) => root.querySelector(s).textContent.includes(part)"
        self.until(find, [selector, part])


def open_probe(visit, leak_site, fragment="", **options):
    return open_figure(visit, leak_site[0], fragment, Probe, **options)


def counts(probe):
    """Return picks kept, new and lost, predictions changed and moved far, as the legend says."""
    return [int(n) for n in re.findall(r"\((\d+)\)", probe.text(".marks"))]


@pytest.mark.browser
def test_live_model_finds_what_pytorch_recorded(visit, leak_site):
    _, example, model, tokenizer = leak_site
    stored = open_probe(visit, leak_site)
    assert stored.text(".finding") == leak_finding(example)
    assert stored.text(".pill") == "Stored example"
    _, new, lost, changed, _ = counts(stored)
    assert (new, lost) == example.rewritten()
    assert changed == sum(example.changed)
    again = reroll_future(model, tokenizer, example.text, 23, seed=5, source={})
    live = open_probe(visit, leak_site, "leak=letter&cut=23&seed=5")
    live.until_live()
    assert live.text(".finding") == leak_finding(again)
    live.page.goto(f"{leak_site[0]}#leak=letter&cut={CUT}&seed=1")
    live.until_shows(".detail", f"position {CUT} ")
    assert live.text(".finding") == leak_finding(example)
    assert counts(live) == counts(stored)


@pytest.mark.browser
@pytest.mark.parametrize("rule", ["prefix", "trained", "threshold", "dense"])
def test_causal_rules_give_exactly_zero(visit, leak_site, rule):
    probe = open_probe(visit, leak_site)
    for future, who in WHO.items():
        fragment = f"leak=letter&cut=30&rule={rule}&future={future}&edit=Another+end."
        probe.page.goto(f"{leak_site[0]}#{fragment}")
        probe.until_live()
        probe.until_shows(".finding", who)
        silent = "rewrites no pick in the past; none of its 30 predictions changed."
        assert probe.text(".finding") == f"{who} {silent}"
        moved = counts(probe) if rule == "dense" else counts(probe)[1:]
        assert moved == [0] * len(moved)
        assert probe.page.locator("mosa-leak .text .thin, mosa-leak .text .thick").count() == 0
    said = {"dense": "switched off", "trained": "A second model, which prefix top-k trained"}
    assert said.get(rule, "same weights, trained by the paper's rule") in probe.text(".detail")


@pytest.mark.browser
def test_model_trained_causally_answers_with_its_own_weights(visit, leak_site, explorer_site):  # noqa: F811
    """Catches a button that runs the first model, or the second one under the first one's rule."""
    second, tokenizer = load_page_model(explorer_site.folder / "causal.safetensors")
    example = reroll_future(second, tokenizer, PROBES["letter"], CUT, source={})
    probe = open_probe(visit, leak_site)
    probe.choose("Trained prefix")
    probe.until_shows(".pill", "Live model, trained causally")
    assert probe.text(".finding") == leak_finding(example)
    before = [{t for t in row if t < CUT} for row in example.before]
    assert counts(probe)[0] == sum(map(len, before))
    at, after = probe.text(".readout").split("likeliest next ")
    position = int(re.search(r"position (\d+)", at)[1])
    assert after.startswith(token_labels(["a", example.forecasts[position].before])[1])
    assert "rule=trained" in probe.link()
    probe.choose("Paper")
    probe.until_shows(".finding", leak_finding(leak_site[1]))
    assert probe.text(".pill") == "Stored example"


@pytest.mark.browser
def test_second_model_that_does_not_come_leaves_the_first_one_working(
    visit,
    leak_site,
    explorer_site,  # noqa: F811
):
    page = (explorer_site.folder / "leak.html").read_text()
    lost = page.replace('"url":"causal.safetensors"', '"url":"leak.html"')
    (explorer_site.folder / "half.html").write_text(lost)
    probe = Probe(visit(f"{explorer_site.address}/half.html").page, "mosa-leak")
    probe.choose("Trained prefix")
    probe.until("(root) => !root.querySelector('.banner').hidden")
    assert probe.text(".finding") == leak_finding(leak_site[1])
    probe.choose("Prefix")
    probe.until_shows(".finding", "rewrites no pick")
    probe.until("(root) => root.querySelector('.banner').hidden")
    assert "rule switched" in probe.text(".pill")


def test_second_model_must_be_causal_and_cut_texts_alike(leak_site, explorer_site, tmp_path):  # noqa: F811
    _, example, model, tokenizer = leak_site
    first = explorer_site.folder / "model.safetensors"
    with pytest.raises(ValueError, match="causal must be a model that prefix top-k trained"):
        LeakProbe(example, model=first, causal=first)
    short = random_model(**{**asdict(model.config), "sparse": "prefix", "max_seq_len": 64})
    save_page_model(short, tokenizer, tmp_path / "short.safetensors", {})
    with pytest.raises(ValueError, match="causal must be a model that cuts texts as the first"):
        LeakProbe(example, model=first, causal=tmp_path / "short.safetensors")
    alone = LeakProbe(example, model=first)
    with pytest.raises(ValueError, match="rule must be a rule of this figure"):
        alone.rule = "trained"


@pytest.mark.browser
def test_bar_is_moved_by_key_mouse_and_in_the_text(visit, leak_site):
    probe = open_probe(visit, leak_site)
    bar = probe.one(".plot .bar")
    bar.focus()
    bar.press("ArrowLeft")
    probe.until_shows(".detail", f"position {CUT - 1} ")
    bar.press("PageUp")
    probe.until_shows(".detail", f"position {CUT + 7} ")
    box = bar.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 30
    probe.page.mouse.move(x, y)
    probe.page.mouse.down()
    probe.page.mouse.move(x - 60, y, steps=4)
    probe.page.mouse.up()
    moved = int(bar.get_attribute("aria-valuenow"))
    assert moved < CUT + 3
    probe.until_shows(".detail", f"position {moved} ")
    handle, target = probe.one(".text .bar"), probe.one('.tok[data-t="8"]')
    handle.hover()
    to = target.bounding_box()
    probe.page.mouse.down()
    probe.page.mouse.move(to["x"] + 1, to["y"] + 8, steps=4)
    probe.page.mouse.up()
    probe.until_shows(".detail", "position 8 ")


@pytest.mark.browser
def test_a_typed_future_does_not_overtake_what_is_chosen_next(visit, leak_site):
    """Catches a pause in typing that ends after the reader has gone on."""
    probe = open_probe(visit, leak_site)
    probe.choose("Edit")
    probe.until_live()
    probe.one("textarea[aria-label^='Your future']").fill("Another end of it.")
    probe.choose("Random")
    probe.page.wait_for_timeout(600)
    probe.until_shows(".finding", "A new future")
    assert probe.page.get_by_role("radio", name="Random", exact=True).is_checked()
    probe.choose("Edit")
    probe.until_shows(".finding", "An edited future")


@pytest.mark.browser
def test_token_keeps_the_focus_when_the_text_is_laid_anew(visit, leak_site):
    """Catches nodes that are replaced under the reader's keyboard: the focus falls to the page."""
    probe = open_probe(visit, leak_site)
    probe.button("Re-roll the future").click()
    probe.one(".tok[tabindex='0']").focus()
    probe.until_live()
    probe.page.wait_for_timeout(300)
    probe.until("(root) => root.activeElement?.classList.contains('tok') === true")


@pytest.mark.browser
def test_link_that_is_followed_before_the_hand_rests_is_not_overwritten(visit, leak_site):
    """Catches an address that is written between a click on a link and the page's news of it."""
    probe = open_probe(visit, leak_site, "leak=letter&cut=30")
    probe.until_live()
    assert "cut=30" in probe.link()
    probe.choose("Prefix")
    probe.page.evaluate("history.replaceState(null, '', '#leak=letter&cut=12')")
    assert probe.link() == "leak=letter&cut=12"
    probe.page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
    probe.until_shows(".detail", "position 12 ")


@pytest.mark.browser
def test_view_is_a_link_and_a_table(visit, leak_site):
    probe = open_probe(visit, leak_site)
    probe.choose("Edit")
    probe.until_live()
    assert probe.text(".finding").startswith("The same future rewrites no pick")
    probe.one("textarea[aria-label^='Your future']").fill(
        '</script><img src=x onerror="window.hurt=1"> שלום 😀'
    )
    probe.until_shows(".finding", "An edited future")
    probe.one('.tok[data-t="5"]').click()
    probe.one('.tok[data-t="5"]').press("ArrowRight")
    probe.page.get_by_role("button", name="Table view").click()
    rows = probe.page.locator("mosa-leak tbody tr")
    assert rows.count() == CUT
    totals = [int(rows.nth(t).locator("td").nth(3).text_content()) for t in range(CUT)]
    assert sum(totals) == counts(probe)[1]
    again = open_probe(visit, leak_site, probe.link())
    again.until_live()
    for selector in (".finding", ".readout", "tbody", ".text"):
        assert again.text(selector) == probe.text(selector)
    assert "position 6" in again.text(".readout")
    assert again.page.evaluate("window.hurt") is None
    assert again.page.locator("mosa-leak img").count() == 0


@pytest.mark.browser
def test_the_readers_own_text_is_cut_as_python_cuts_it(visit, leak_site):
    """Catches a probe that cuts the stored text, or keeps the first one that was typed."""
    _, _, model, tokenizer = leak_site
    probe = open_probe(visit, leak_site)
    probe.page.get_by_role("button", name="Your text").click()
    probe.until_live()
    for text in ("Nobody", "Nobody knew what the second clock had said to the first of them."):
        probe.one("textarea").fill(text)
    T = len(tokenizer.encode(text))
    probe.until_shows(".own .note", f"{T} tokens")
    again = reroll_future(model, tokenizer, text, 2 * T // 3, source={})
    probe.until_shows(".finding", leak_finding(again))
    assert counts(probe)[1:4] == [*again.rewritten(), sum(again.changed)]
    other = open_probe(visit, leak_site, probe.link())
    other.until_live()
    other.until_shows(".finding", leak_finding(again))
    assert other.one("textarea").input_value() == text
    hostile = '</script><img src=x onerror="window.hurt=1"> \ud800 שלום 😀'
    other.page.evaluate(
        f"(text) => {{ {other.root}.querySelector('textarea').value = text; }}", hostile
    )
    other.one("textarea").press("Space")
    other.until("(root) => root.querySelector('.text').textContent.includes('onerror')")
    assert other.page.evaluate("window.hurt") is None
    assert other.page.locator("mosa-leak img").count() == 0
    other.one("textarea").fill("a")
    other.until_shows(".own .note", "at least two tokens")
    assert "onerror" in other.text(".text")
    other.one("select").select_option("letter")
    other.until("(root) => root.querySelector('.own').hidden")
    assert "Your" in other.text(".own-button")


@pytest.mark.browser
def test_copied_cells_count_what_the_page_counts(
    visit,
    leak_site,
    explorer_site,  # noqa: F811
    monkeypatch,
    capsys,
):
    address, _, model, tokenizer = leak_site
    model_file = explorer_site.folder / "model.safetensors"
    second = load_page_model(explorer_site.folder / "causal.safetensors")
    models = {"toy": (model, tokenizer), "toy causal": second}
    monkeypatch.setattr(mosa_edu, "load_pretrained", models.__getitem__, raising=False)
    monkeypatch.setattr(mosa_edu.pretrained, "pretrained_path", lambda name: model_file)
    grants = ["clipboard-read", "clipboard-write"]
    probe = open_probe(visit, leak_site, permissions=grants)
    views = ["rule=paper&future=random&seed=3", "rule=paper&future=none", "rule=dense"]
    views += [
        "rule=trained&future=tail",
        "rule=prefix&future=edit&edit=Another+end.",
        "rule=threshold&text=The+first+clock+told+the+second+what+nobody+knew",
    ]
    for number, view in enumerate(views):
        probe.page.goto(f"{address}#leak=heads&cut={3 + number}&{view}")
        probe.until_live()
        probe.until_shows(".detail", f"position {3 + number} ")
        probe.page.get_by_role("button", name="Copy as Python").click()
        probe.until("(root) => root.querySelector('.told').textContent === 'Python copied.'")
        exec(probe.page.evaluate("navigator.clipboard.readText()"), {})
        printed = [int(n) for n in re.findall(r"\d+", capsys.readouterr().out)]
        shown = counts(probe)
        if "dense" in view:
            assert (printed[2:], shown[0]) == ([0, 3 + number], 0)
        else:
            assert printed == [*shown[1:4], 3 + number]
        probe.one('.tok[data-t="0"]').click()
        probe.page.evaluate(f"() => {{ {probe.root}.querySelector('.told').textContent = ''; }}")


@pytest.mark.browser
@pytest.mark.parametrize(
    "fragment",
    [
        "leak=%3Cimg%20src=x%20onerror=window.hurt=1%3E&cut=-3&rule=__proto__&future=constructor",
        "leak=letter&cut=999999999&seed=1e9&tok=99999&view=%00",
        "leak=&cut=%F0%9F&edit=" + "x" * 9000,
        "leak=letter&rule=paper&future=edit&edit=%3C/script%3E%3Cimg%20src=x%3E",
    ],
)
def test_hostile_fragments_are_shown_or_refused(visit, leak_site, fragment):
    probe = open_probe(visit, leak_site, fragment)
    probe.page.wait_for_timeout(300)
    assert probe.page.locator("mosa-leak img").count() == 0
    assert probe.page.evaluate("window.hurt") is None
    if "constructor" in fragment:
        assert "The link asks for what is not here (no leak <img" in probe.text(".told")
    cut = int(probe.one(".plot .bar").get_attribute("aria-valuenow"))
    assert 1 <= cut < len(leak_site[1].tokens)


@pytest.mark.browser
def test_without_weights_the_example_stays_and_says_why(visit, leak_site, explorer_site):  # noqa: F811
    page = (explorer_site.folder / "leak.html").read_text()
    lost = page.replace('"url":"model.safetensors"', '"url":"leak.html"')
    (explorer_site.folder / "lost.html").write_text(lost)
    probe = Probe(visit(f"{explorer_site.address}/lost.html").page, "mosa-leak")
    probe.choose("Prefix")
    probe.until("(root) => !root.querySelector('.banner').hidden")
    assert probe.text(".finding") == leak_finding(leak_site[1])
    (explorer_site.folder / "none.html").write_text(
        page.replace('"url":"model.safetensors"', '"url":null')
    )
    probe = Probe(visit(f"{explorer_site.address}/none.html").page, "mosa-leak")
    probe.choose("Prefix")
    probe.until_shows(".told", "saved without the model's weights")
    assert probe.text(".finding") == leak_finding(leak_site[1])


@pytest.mark.browser
def test_picture_and_numbers_can_be_saved(visit, leak_site):
    probe = open_probe(visit, leak_site)
    texts = {}
    for name in ("Save SVG", "CSV"):
        with probe.page.expect_download() as download:
            probe.page.get_by_role("button", name=name, exact=True).click()
        texts[name] = download.value.path().read_text()
    picture = ElementTree.fromstring(texts["Save SVG"])
    assert picture.findtext("{*}title") == leak_finding(leak_site[1])
    rows = [line.split(",") for line in texts["CSV"].splitlines()[1:]]
    new, lost = (sum(row[4] == kind for row in rows) for kind in ("new", "lost"))
    assert (new, lost) == leak_site[1].rewritten()
    assert sum(row[4] == "changed" for row in rows) == sum(leak_site[1].changed)


@pytest.mark.browser
def test_phone_has_no_sideways_scrolling_and_large_targets(visit, leak_site):
    probe = open_probe(visit, leak_site, viewport={"width": 360, "height": 780}, has_touch=True)
    page = probe.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for button in page.locator("mosa-leak button").all():
        if button.is_visible():
            assert button.bounding_box()["height"] >= 43.9
    assert probe.one(".plot .bar").bounding_box()["width"] >= 44


def test_drawn_futures_are_uniform_and_never_the_end_of_a_text():
    drawn = torch.tensor(roll_future(7, 20_000, 64))
    shares = torch.bincount(drawn, minlength=64)
    assert shares[0] == 0
    assert int(shares[1:].min()) > 240  # 317 are expected, deviation 18
    assert int(shares[1:].max()) < 400
    assert roll_future(7, 5, 64) != roll_future(8, 5, 64)


def test_texts_that_are_compared_share_their_past(explorer_site):  # noqa: F811
    model, tokenizer = explorer_site.model, explorer_site.tokenizer
    ids = tokenizer.encode(PROBES["letter"])
    assert count_rewritten(model, ids, ids, 20) == (0, 0, 0)
    example = reroll_future(model, tokenizer, PROBES["letter"], 20, seed=4, source={})
    other = ids[:20] + [token.id for token in example.future]
    counted = count_rewritten(model, ids, other, 20)
    assert counted == (*example.rewritten(), sum(example.changed))
    new, lost, changed = counted
    assert count_rewritten(model, other, ids, 20) == (lost, new, changed)
    with pytest.raises(ValueError, match="cut must be at least 1, with the same tokens"):
        count_rewritten(model, ids, other, 30)


def test_examples_survive_json_and_refuse_what_does_not_fit(explorer_site, tmp_path):  # noqa: F811
    text = PROBES["letter"]
    model, tokenizer = explorer_site.model, explorer_site.tokenizer
    example = reroll_future(model, tokenizer, text, 5, source={})
    example.save(tmp_path / "leak.json")
    assert LeakExample.load(tmp_path / "leak.json") == example
    assert repr(LeakProbe(example)) == repr(LeakProbe(example))
    with pytest.raises(ValueError, match=r"cut must be in \[1, "):
        reroll_future(model, tokenizer, text, 0)
    with pytest.raises(ValueError, match="changed must be 5 long"):
        LeakExample.from_json(example.to_json().replace('"changed":[true', '"changed":[true,true'))


def test_fallback_and_state_carry_hostile_text_as_text(explorer_site):  # noqa: F811
    text = "</script><img src=x onerror=alert(1)><!-- & so on"
    example = reroll_future(explorer_site.model, explorer_site.tokenizer, text, 9, source={})
    probe = LeakProbe(example)
    assert probe.element().count("</script>") == 1
    assert "<img" not in probe.element()
    assert leak_finding(example) in probe.fallback()
