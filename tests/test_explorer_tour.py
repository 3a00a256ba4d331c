"""Protects the tour of the explorer: six steps, each a link, each sentence true of the text shown.

Caught here: a sentence written for one example, a step that no link or key reaches, an Escape that
throws away the reader's head, and a bar that lies over what it speaks of.
"""

import pytest
from explorer_pages import show
from figure_pages import PHONE
from page_words import said_of

PANELS = ("text-block", "why", "everyone", "This head", "Attention", "Cost")


def toured(shown):
    """Return how the highlighted panels can be told."""
    return shown.all(".toured", "`${node.className} ${node.ariaLabel}`")


def step(shown):
    return shown.text(".tour .h")


def test_next_and_back_walk_six_steps_and_every_one_is_a_link(visit, explorer_site):
    shown = show(visit, explorer_site, "ex=letter&layer=1&head=2&tok=3")
    shown.button("Tour").click()
    for number, panel in enumerate(PANELS, start=1):
        shown.settle()
        assert step(shown).startswith(f"Step {number} of 6: ")
        (found,) = toured(shown)
        assert panel in found
        assert f"tour={number}" in shown.page.url
        assert "head=2" in shown.page.url
        link = shown.one(f".step:text-is('{number}')").get_attribute("href")
        assert link == shown.page.url
        shown.button("Done" if number == 6 else "Next").click()
    shown.settle()
    assert toured(shown) == []
    assert "tour" not in shown.page.url
    focused = "(root) => root.activeElement.textContent === 'Tour'"
    shown.until(focused)


def test_link_to_a_step_opens_it_with_the_same_words(visit, explorer_site):
    first = show(visit, explorer_site, "ex=heads&layer=2&head=1&tok=5&tour=3")
    assert step(first).startswith("Step 3 of 6")
    again = show(visit, explorer_site, first.page.url.partition("#")[2])
    assert again.text(".tour .said") == first.text(".tour .said")
    alone = show(visit, explorer_site, "tour=2")
    assert step(alone).startswith("Step 2 of 6")


def test_keys_walk_and_escape_ends_the_tour_alone(kept_page):
    shown = kept_page.go("ex=letter&layer=1&head=2&tok=3&tour=2&view=table")
    shown.button("Next").focus()
    shown.press("ArrowRight")
    assert step(shown).startswith("Step 3")
    shown.press(*["ArrowLeft"] * 3)
    assert step(shown).startswith("Step 1")
    shown.press("Escape")
    assert toured(shown) == []
    assert shown.studied() == 3
    assert "layer=1&head=2" in shown.page.url


def test_no_such_step_is_no_tour(kept_page):
    for fragment in ("tour=7", "tour=-1", "tour=%3Cimg%3E", "tour=0"):
        shown = kept_page.go(f"ex=letter&layer=1&head=2&{fragment}")
        assert toured(shown) == [], fragment
        assert not shown.one(".tour").is_visible()


@pytest.mark.parametrize("title", ["Letter", "Same word", "Short"])
def test_words_are_true_of_any_text(kept_page, explorer_site, title):
    trace = explorer_site.traces[title]
    name = title.lower().replace(" ", "-")
    for layer, head in ((0, 0), (1, 3), (2, 4)):
        picks = trace.selected(layer, head).tolist()
        token = picks[-1]

        def said(number, where=f"ex={name}&layer={layer}&head={head}&tok={token}"):
            return kept_page.go(f"{where}&tour={number}").text(".tour .said")

        assert said(1).startswith(said_of(trace, layer, head).sentence)
        scores = trace.scores[layer, head] / 65535
        worst_in = min(scores[picks])
        best_out = max(scores[[t for t in range(trace.T) if t not in picks]])
        for score in (worst_in, best_out):
            assert f"{score:.3f}".removeprefix("0") in said(2)
        assert ("level" in said(2)) == bool(worst_in - best_out < 1e-6)
        per_token = trace.heads_per_token().tolist()
        assert f"is kept by {max(per_token)}, the most" in said(3)
        orphans = per_token.count(0)
        assert f"; {orphans} token{'s' * (orphans != 1)} by none" in said(3)
        k = len(picks)
        assert f"{trace.T * (trace.T + 1) // 2:,} pairs of these {trace.T} tokens" in said(4)
        assert said(4).endswith(f"its {k} and looks at {k * (k + 1) // 2:,}.")
        weights = trace.attention_matrix(layer, head)[-1]
        assert f"{max(weights):.2f}".removeprefix("0") in said(5)
        assert f"{int(100 * k / trace.T + 0.5)} % of the KV slots" in said(6)
        token = next(t for t in range(trace.T) if t not in picks)
        assert "is not in this head" in said(5, f"ex={name}&layer={layer}&head={head}&tok={token}")


def test_bar_fits_a_phone_and_leaves_the_panel_in_sight(visit, explorer_site):
    options = {**PHONE, "is_mobile": True, "reduced_motion": "reduce"}
    shown = show(visit, explorer_site, "ex=letter&layer=1&head=2&tok=3&tour=1", **options)
    shown.button("Next").tap()
    shown.settle()
    shown.settle()
    bar, panel = shown.one(".tour").bounding_box(), shown.one(".toured").bounding_box()
    assert 0 <= bar["x"] <= 360 - bar["width"]
    assert bar["y"] + bar["height"] <= 780
    assert 0 < panel["y"] < bar["y"] < 780
    for name in ("Back", "Next", "End tour"):
        box = shown.button(name).bounding_box()
        assert min(box["width"], box["height"]) >= 44
