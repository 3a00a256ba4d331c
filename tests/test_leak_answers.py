"""Protects what a leak probe answers: what PyTorch finds, and of repairs that they are silent.

Caught here: a rule that runs on the wrong weights, a second model that takes the first one along
when it fails, a copied cell that counts something else than the page, a future that is not drawn
as Python draws it.
"""

import re
from dataclasses import asdict

import pytest
import torch
from figure_pages import refuses
from leak_pages import CUT, Probe, open_probe
from page_engine import random_model
from page_words import said_by_probe

import mosa_edu
import mosa_edu.pretrained
from mosa_edu.pretrained import load_page_model, save_page_model
from mosa_edu.probes.futures import count_rewritten, reroll_future, roll_future
from mosa_edu.records.leak import LeakExample
from mosa_edu.texts import PROBES
from mosa_edu.viz.components.leak import LeakProbe
from mosa_edu.viz.words import token_labels

WHO = {
    "random": "A new future",
    "tail": "The future of another text",
    "none": "Cutting the future off",
    "edit": "An edited future",
}


def test_live_model_finds_what_pytorch_recorded(visit, leak_site):
    example, model, tokenizer = leak_site.example, leak_site.model, leak_site.tokenizer
    stored = open_probe(visit, leak_site)
    assert stored.text(".finding") == said_by_probe(example)
    assert stored.text(".pill") == "Stored example"
    _, new, lost, changed, _ = stored.counts()
    assert (new, lost) == example.rewritten()
    assert changed == sum(example.changed)
    live = open_probe(visit, leak_site, "leak=letter&cut=23&seed=5")
    live.until_live()
    for cut in (23, 1):  # of one prediction the sentence speaks in the singular
        again = reroll_future(model, tokenizer, example.text, cut, seed=5, source={})
        live.page.goto(f"{leak_site.address}#leak=letter&cut={cut}&seed=5")
        live.until_text(".detail", f"position {cut} ")
        assert live.text(".finding") == said_by_probe(again)
    live.page.goto(f"{leak_site.address}#leak=letter&cut={CUT}&seed=1")
    live.until_text(".detail", f"position {CUT} ")
    assert live.text(".finding") == said_by_probe(example)
    assert live.counts() == stored.counts()


@pytest.mark.parametrize("rule", ["prefix", "trained", "threshold", "dense"])
def test_causal_rules_give_exactly_zero(visit, leak_site, rule):
    probe = open_probe(visit, leak_site)
    for future, who in WHO.items():
        fragment = f"leak=letter&cut=30&rule={rule}&future={future}&edit=Another+end."
        probe.page.goto(f"{leak_site.address}#{fragment}")
        probe.until_live()
        probe.until_says(who)
        silent = "rewrites no pick in the past; none of its 30 predictions changed."
        assert probe.text(".finding") == f"{who} {silent}"
        assert not any(probe.counts()[rule != "dense" :])
        assert probe.every(":is(.text .thin, .text .thick)").count() == 0
    said = {"dense": "switched off", "trained": "A second model, which prefix top-k trained"}
    assert said.get(rule, "same weights, trained by the paper's rule") in probe.text(".detail")


def test_model_trained_causally_answers_with_its_own_weights(visit, leak_site):
    """Catches a button that runs the first model, or the second one under the first one's rule."""
    second, tokenizer = load_page_model(leak_site.causal)
    example = reroll_future(second, tokenizer, PROBES["letter"], CUT, source={})
    probe = open_probe(visit, leak_site)
    probe.choose("Trained prefix")
    probe.until_text(".pill", "Live model, trained causally")
    assert probe.text(".finding") == said_by_probe(example)
    before = [{t for t in row if t < CUT} for row in example.before]
    assert probe.counts()[0] == sum(map(len, before))
    at, after = probe.text(".readout").split("likeliest next ")
    position = int(re.search(r"position (\d+)", at)[1])
    assert after.startswith(token_labels(["a", example.forecasts[position].before])[1])
    assert "rule=trained" in probe.link()
    probe.choose("Paper")
    probe.until_says(said_by_probe(leak_site.example))
    assert probe.text(".pill") == "Stored example"


@pytest.mark.parametrize("own", [False, True])
def test_second_model_that_does_not_come_takes_nothing_away(visit, leak_site, own):
    """Catches a failed load that ends the first model, or throws the reader's text and cut away."""
    half = leak_site.write_with("half.html", '"url":"causal.safetensors"', '"url":"leak.html"')
    text = "#leak=letter&cut=9&text=Nobody+knew+what+the+second+clock+had+said+to+them."
    probe = Probe(visit(half + text * own).page, "mosa-leak")
    if own:
        probe.until_live()
    shown, link = (probe.text(".finding"), probe.text(".text")), probe.link()
    probe.choose("Trained prefix")
    probe.until("(root) => !root.querySelector('.banner').hidden")
    assert (probe.text(".finding"), probe.text(".text")) == shown
    assert probe.link() == link or not own
    assert (shown[0] == said_by_probe(leak_site.example)) == (not own)
    assert probe.button("Paper", "radio").is_checked()
    assert probe.text(".pill").startswith("Live model,") == own
    probe.choose("Prefix")
    probe.until_says("rewrites no pick")
    probe.until("(root) => root.querySelector('.banner').hidden")
    assert "rule switched" in probe.text(".pill")


def test_answer_of_the_second_model_does_not_come_in_after_the_stored_one(visit, leak_site):
    """Catches zero rewritten picks under the paper's rule: a run that nobody ended."""
    probe = open_probe(visit, leak_site)
    probe.choose("Trained prefix")
    probe.until_text(".pill", "Live model, trained causally")
    probe.in_root("""const buttons = [...root.querySelectorAll("[role=radio]")];
      const press = (name) => buttons.find((own) => own.textContent === name).click();
      ["None", "Random", "Paper"].forEach(press);""")
    probe.page.wait_for_timeout(1000)
    assert probe.text(".finding") == said_by_probe(leak_site.example)
    assert probe.text(".pill") == "Stored example"


def test_second_model_must_be_causal_and_cut_texts_alike(leak_site, tmp_path):
    example, model, tokenizer = leak_site.example, leak_site.model, leak_site.tokenizer
    first = leak_site.weights
    two = {"model": first, "causal": first}
    refuses("causal must be a model that prefix top-k trained", LeakProbe, example, **two)
    short = random_model(**{**asdict(model.config), "sparse": "prefix", "max_seq_len": 64})
    two["causal"] = tmp_path / "short.safetensors"
    save_page_model(short, tokenizer, two["causal"], {})
    refuses("causal must be a model that cuts texts as the first", LeakProbe, example, **two)
    alone = LeakProbe(example, model=first)
    refuses("rule must be one of", setattr, alone, "rule", "trained")


def test_copied_cells_count_what_the_page_counts(visit, leak_site, monkeypatch):
    first, second = (leak_site.model, leak_site.tokenizer), load_page_model(leak_site.causal)
    models = {"toy": first, "toy causal": second}
    monkeypatch.setattr(mosa_edu, "load_pretrained", models.__getitem__, raising=False)
    monkeypatch.setattr(mosa_edu.pretrained, "pretrained_path", lambda name: leak_site.weights)
    probe = open_probe(visit, leak_site)
    views = [
        "rule=paper&future=random&seed=3",
        "rule=paper&future=none",
        "rule=dense",
        "rule=trained&future=tail",
        "rule=prefix&future=edit&edit=Another+end.",
        "rule=threshold&text=The+first+clock+told+the+second+what+nobody+knew",
    ]
    for number, view in enumerate(views):
        probe.page.goto(f"{leak_site.address}#leak=heads&cut={3 + number}&{view}")
        probe.until_live()
        probe.until_text(".detail", f"position {3 + number} ")
        printed = [int(n) for n in re.findall(r"\d+", " ".join(probe.printed()))]
        shown = probe.counts()
        if "dense" in view:
            assert (printed[2:], shown[0]) == ([0, 3 + number], 0)
        else:
            assert printed == [*shown[1:4], 3 + number]
        probe.one('.tok[data-t="0"]').click()


def test_drawn_futures_are_uniform_and_never_the_end_of_a_text():
    drawn = torch.tensor(roll_future(7, 20_000, 64))
    shares = torch.bincount(drawn, minlength=64)
    assert shares[0] == 0
    assert int(shares[1:].min()) > 240  # 317 are expected, deviation 18
    assert int(shares[1:].max()) < 400
    assert roll_future(7, 5, 64) != roll_future(8, 5, 64)


def test_texts_that_are_compared_share_their_past(leak_site):
    model, tokenizer = leak_site.model, leak_site.tokenizer
    ids = tokenizer.encode(PROBES["letter"])
    assert count_rewritten(model, ids, ids, 20) == (0, 0, 0)
    example = reroll_future(model, tokenizer, PROBES["letter"], 20, seed=4, source={})
    other = ids[:20] + [token.id for token in example.future]
    counted = count_rewritten(model, ids, other, 20)
    assert counted == (*example.rewritten(), sum(example.changed))
    new, lost, changed = counted
    assert count_rewritten(model, other, ids, 20) == (lost, new, changed)
    refuses("cut must be at least 1, with the same", count_rewritten, model, ids, other, 30)


def test_examples_survive_json_and_refuse_what_does_not_fit(leak_site, tmp_path):
    text = PROBES["letter"]
    model, tokenizer = leak_site.model, leak_site.tokenizer
    example = reroll_future(model, tokenizer, text, 5, source={})
    example.save(tmp_path / "leak.json")
    assert LeakExample.load(tmp_path / "leak.json") == example
    assert repr(LeakProbe(example)) == repr(LeakProbe(example))
    refuses(r"cut must be in \[1, ", reroll_future, model, tokenizer, text, 0)
    longer = example.to_json().replace('"changed": [true', '"changed": [true,true')
    refuses("changed must be 5 long", LeakExample.from_json, longer)
