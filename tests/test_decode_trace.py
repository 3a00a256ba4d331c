"""Protects the decode trace: who is admitted, and what the cache holds, is what decoding did.

It must catch a story that reads the choice from a parallel pass, counts a refused token as kept,
forgets the dense heads in the bytes, or a page that plays by itself.
"""

import json
from dataclasses import replace
from itertools import accumulate

import pytest
import torch
from figure_pages import FigureContract, OpenFigure, open_figure, refuses, serve_page, stored_output
from page_words import said_by_decoding

import mosa_edu
from mosa_edu import costs
from mosa_edu.analysis import recorded_decode_trace
from mosa_edu.generation import Decoder
from mosa_edu.generation.decode_trace import RULES, trace_decoding, under_rule
from mosa_edu.pretrained import load_pretrained
from mosa_edu.records.decode_trace import DecodingTrace
from mosa_edu.tracing import ActivationCache
from mosa_edu.viz.components.decode_trace import DecodeTrace
from mosa_edu.viz.components.page_model import shipped

PROMPT = "The clock said that nobody knew;"
THRESHOLDS = [[0.3] * 5, [0.0] * 5, [-0.5] * 5]


@pytest.fixture(scope="module")
def stories(explorer_site):
    """Decode with the toy model's weights under every rule."""
    model, tokenizer = explorer_site.model, explorer_site.tokenizer
    return {
        rule: trace_decoding(
            under_rule(model, rule, THRESHOLDS), tokenizer, PROMPT, 90, name="toy", source={}
        )
        for rule in RULES
    }


@pytest.fixture(scope="module")
def address(explorer_site, stories):
    """Serve a page with one decode trace."""
    element = DecodeTrace(list(stories.values())).element()
    return serve_page(explorer_site, element, "decode-trace")


class DecodePage(OpenFigure):
    """A decode trace on an open page."""

    drawn = "(root) => root.querySelector('.stops svg path') !== null"

    def step(self):
        return int(self.text(".finding").split()[2])


def open_trace(visit, address, fragment="", **options):
    return open_figure(visit, address, fragment, DecodePage, **options)


def test_stories_admit_whom_one_pass_over_the_whole_text_admits(explorer_site, stories):
    for rule, story in stories.items():
        model = under_rule(explorer_site.model, rule, THRESHOLDS)
        recording = ActivationCache()
        ids = [token.id for token in story.tokens]
        with torch.no_grad():
            model(torch.tensor([ids]), record=recording)
        taken = [[] for _ in ids]
        for layer in range(story.layers):
            tensors = recording.tensors[layer, "sparse"]
            for head in range(story.heads):
                used = tensors["indices"][0, head][tensors["valid"][0, head]]
                for t in used.tolist():
                    taken[t].append(layer * story.heads + head)
        assert [list(row) for row in story.taken] == taken
        wanted = recording.tensors[0, "router"]["wanted"][0].sum()
        first = [row for rows in (story.taken, story.refused) for own in rows for row in own]
        assert sum(row < story.heads for row in first) == int(wanted)


def test_bytes_are_those_of_the_decoder_and_of_the_formula(explorer_site, stories):
    for rule, story in stories.items():
        model = under_rule(explorer_site.model, rule, THRESHOLDS)
        decoder = Decoder(model)
        held = []
        for token in story.tokens:
            decoder.step(torch.tensor([token.id]))
            held.append(decoder.cache.bytes())
        assert list(story.bytes) == held
        assert story.slots()[-1] == decoder.cache.slots()
        kept = list(accumulate(len(row) for row in story.taken))
        config = model.config
        dense = [story.layers * config.n_dense_heads * (t + 1) for t in range(len(held))]
        size = 2 * config.d_head * 4
        assert held == [(own + other) * size for own, other in zip(kept, dense, strict=True)]
    whole = replace(config, n_dense_heads=config.n_dense_heads + config.n_sparse_heads)
    whole = replace(whole, n_sparse_heads=0)
    T = len(story.tokens)
    assert story.dense_slots()[-1] == story.layers * costs.kv_slots(whole, T)


def test_full_heads_refuse_and_the_story_says_so(explorer_site):
    """Catches a refused token that is counted as kept."""
    open_gates = [[-100.0] * 5] * 3
    model = under_rule(explorer_site.model, "threshold", open_gates)
    story = trace_decoding(model, explorer_site.tokenizer, PROMPT, 90, source={})
    T = len(story.tokens)
    assert story.limit < T
    assert all(len(row) == 15 for row in story.taken[: story.limit])
    assert all(len(row) == 15 for row in story.refused[story.limit :])
    assert story.slots()[-1] == 15 * story.limit + story.layers * story.dense_heads * T


def test_rules_leave_the_model_alone_and_change_nothing_else(explorer_site):
    model = explorer_site.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    other = under_rule(model, "prefix")
    with torch.no_grad():
        other.blocks[0].attention.sparse.w_out.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert other.causal
    refuses("thresholds must be given", under_rule, model, "threshold")
    refuses("rule must be one of", under_rule, model, "mosa")
    tell = explorer_site.tokenizer, PROMPT
    refuses("n_tokens must be at most", trace_decoding, other, *tell, 1000)
    refuses("must select by a causal rule", trace_decoding, model, *tell, 3)


def test_recorded_stories_are_small_and_of_the_shipped_weights():
    stories = [recorded_decode_trace(rule) for rule in RULES]
    widget = DecodeTrace(stories)
    digest = shipped("explorer", stories[0].model["sha256"]).sha256
    assert {story.model["sha256"] for story in stories} == {digest}
    assert len(widget.element()) < 50_000
    assert "trained by the rule MoSA" in widget.data["about"]
    assert sum(map(len, stories[2].refused)) > 0


def test_the_causal_model_writes_its_recorded_story_again():
    """Catches a story of other weights, of another rule, or of a cache that was read wrongly."""
    story = recorded_decode_trace("causal")
    model, tokenizer = load_pretrained("causal")
    assert story.model["sha256"] == shipped("causal").sha256
    assert story.rule == model.config.sparse
    assert story.trained_rule == story.rule
    prompt = "".join(piece.text for piece in story.tokens[: story.prompt])
    again = trace_decoding(model, tokenizer, prompt, 20)
    assert again.tokens == story.tokens[: len(again.tokens)]
    assert again.taken == story.taken[: len(again.tokens)]


def test_every_number_of_every_step_is_the_recorded_one(visit, address, stories):
    for rule, story in stories.items():
        shown = open_trace(visit, address, f"theatre={rule}&step=400")
        assert shown.text(".finding") == said_by_decoding(story)
        slots, dense = story.slots(), story.dense_slots()
        for t, cells in enumerate(shown.table()):
            counts = [t, len(story.taken[t]), len(story.refused[t])]
            counts += [slots[t], story.bytes[t], dense[t] * story.slot_bytes]
            told = [int(cell.replace(",", "")) for cell in (cells[0], *cells[2:7])]
            assert told == counts
            heads = [f"L{row // story.heads}·H{row % story.heads}" for row in story.taken[t]]
            assert cells[7].split() == heads


def test_keys_step_play_and_pause_and_nothing_plays_by_itself(visit, address, stories):
    story = stories["prefix"]
    shown = open_trace(visit, address, "theatre=prefix&step=3")
    shown.page.wait_for_timeout(600)
    assert shown.step() == 3
    assert shown.text(".pill") == f"Recorded, {len(story.tokens)} steps"
    assert shown.every(".tok.unread").count() == len(story.tokens) - story.prompt
    slider = shown.one("input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    assert shown.step() == 4
    slider.press("p")
    later = "/After token ([6-9]|\\d\\d)/.test(root.querySelector('.finding').textContent)"
    shown.until(f"(root) => {later}")
    slider.press(" ")
    now = shown.step()
    shown.page.wait_for_timeout(600)
    assert shown.step() == now
    shown.one('[data-t="7"]').click()
    shown.one('[data-t="7"]').press("ArrowLeft")
    assert shown.step() == 6
    assert "“" in shown.text(".detail")
    shown.one('[data-t="6"]').press("Escape")
    assert shown.text(".finding") == said_by_decoding(story)


def test_reduced_motion_has_no_play(visit, address):
    shown = open_trace(visit, address, "theatre=prefix&step=3", reduced_motion="reduce")
    assert not shown.button("Play").is_visible()
    shown.one("input[type=range]").press("p")
    shown.page.wait_for_timeout(600)
    assert shown.step() == 3
    shown.page.get_by_role("button", name="Step").last.click()
    assert shown.step() == 4


def test_copied_cell_gives_the_numbers_of_the_view(
    visit, address, stories, explorer_site, monkeypatch
):
    own = (explorer_site.model, explorer_site.tokenizer)
    monkeypatch.setattr(mosa_edu, "load_pretrained", lambda name: own, raising=False)
    monkeypatch.setattr(mosa_edu.pretrained, "pretrained_path", lambda name: name)
    told = {"thresholds": json.dumps(THRESHOLDS)}
    monkeypatch.setattr(mosa_edu.pretrained, "read_metadata", lambda path: told)
    shown = open_trace(visit, address, "theatre=token&step=60")
    story, step = stories["token"], shown.step()
    assert shown.printed() == [f"{story.slots()[step]} slots, {story.bytes[step]} bytes"]


class TestContract(FigureContract):
    kind = DecodePage
    parts = (".finding", ".detail", ".text")
    hostile = (
        "theatre=%3Cimg%20src=x%20onerror=window.hurt=1%3E&step=-1&view=__proto__",
        "theatre=constructor&step=99999999999",
        "theatre=prefix&step=" + "7" * 9000,
    )

    def journey(self, shown):
        shown.choose("Token choice")
        shown.one("input[type=range]").press("PageDown")
        shown.until("() => location.hash.includes('theatre=token')")

    @pytest.fixture(autouse=True)
    def first_said(self, stories):
        self.said = said_by_decoding(stories["prefix"])

    def check_hostile(self, shown):
        assert shown.text(".finding") == self.said


def test_notebook_stores_the_same_element_every_time_and_what_does_not_fit_is_refused(
    stories, tmp_path
):
    told = list(stories.values())
    stored_output(lambda: DecodeTrace(told))
    widget = DecodeTrace(told)
    widget.rule, widget.step = "token", 4
    assert widget.state()["rule"] == "token"
    refuses("rule must be one of", setattr, widget, "rule", "mosa")
    refuses("decodings must be at least one", DecodeTrace, [])
    refuses("of different rules", DecodeTrace, [told[0], told[0]])
    other = replace(told[1], model={"name": "other", "sha256": None})
    refuses("of one model", DecodeTrace, [told[0], other])
    told[0].save(tmp_path / "story.json")
    assert DecodingTrace.load(tmp_path / "story.json") == told[0]
    wrong = [0, *told[0].bytes[1:]]
    refuses("bytes must be what the slots hold", replace, told[0], bytes=wrong)
