"""Protects that everybody gets it: assistive technology, touch, any width, print, no scripts."""

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import AXE, settle
from explorer_pages import show
from figure_pages import PHONE

MOBILE = {**PHONE, "is_mobile": True}
VIEW = "ex=letter&layer=1&head=2&tok=3"


def touch(shown, drawings, steps):
    """Let a finger go over drawings; return what the browser may take its gestures for."""
    return shown.in_root(
        """const [drawings, steps] = argument;
        return [...root.querySelectorAll(drawings)].map((drawing) => {
          const box = drawing.getBoundingClientRect();
          const at = (x, y) => ({ clientX: box.left + x, clientY: box.top + y });
          const same = { pointerType: "touch", isPrimary: true, bubbles: true, composed: true };
          for (const [type, x, y] of steps)
            drawing.dispatchEvent(new PointerEvent(`pointer${type}`, { ...same, ...at(x, y) }));
          return getComputedStyle(drawing).touchAction;
        });""",
        [drawings, steps],
    )


def findings(shown):
    """Return what axe finds wrong inside the explorer."""
    options = {"resultTypes": AXE["resultTypes"]}
    result = Axe().run(settle(shown.page), {"include": [["mosa-explorer"]]}, options)
    return [(rule["id"], node["target"]) for rule in result.response["violations"]
            for node in rule["nodes"]]  # fmt: skip


def test_axe_finds_nothing_in_either_theme_figure_or_table_nor_on_a_phone(visit, explorer_site):
    shown = show(visit, explorer_site, VIEW)
    assert findings(shown) == []
    shown.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    shown.button("Table view").click()
    shown.go_live()
    assert findings(shown) == []
    assert findings(show(visit, explorer_site, **MOBILE)) == []


def test_targets_are_44_pixels_on_a_phone(visit, explorer_site):
    """Words in running text are exempt, as in WCAG 2.5.8; all else is for a thumb."""
    shown = show(visit, explorer_site, **MOBILE)
    small = shown.in_root(
        """const controls = "button:not(p .word), select, input, canvas, svg.chart";
        const nodes = root.querySelectorAll(controls);
        return [...nodes].filter((node) => node.offsetParent !== null || node.tagName === "svg")
          .map((node) => [node.textContent.slice(0, 20), node.getBoundingClientRect()])
          .filter(([, box]) => box.width > 0 && (box.height < 44 || box.width < 44));"""
    )
    assert small == []


def test_tap_keeps_and_sideways_drag_scrubs(visit, explorer_site):
    shown = show(visit, explorer_site, VIEW, **MOBILE)
    shown.token(8).tap()
    shown.settle()
    assert shown.studied() == 8
    assert shown.text(".name") == "Routing explorer"
    steps = [["down", 60, 80], ["move", 80, 80], ["move", 120, 80], ["move", 200, 80]]
    assert touch(shown, "svg.chart", [*steps, ["up", 200, 80]]) == ["pan-y"]
    shown.settle()
    assert shown.studied() > 40


def test_finger_that_scrolls_the_page_past_a_drawing_leaves_it_alone(visit, explorer_site):
    """Catches scrubbing by the one move that is heard before the browser takes the gesture over."""
    shown = show(visit, explorer_site, VIEW, **MOBILE)
    before = shown.text(".finding"), shown.studied()
    for y in (60, 5):
        swipe = ["down", 150, 30], ["move", 154, y], ["cancel", 150, 30]
        touch(shown, "svg.chart, .everyone canvas", swipe)
        shown.settle()
        assert (shown.text(".finding"), shown.studied()) == before


def test_phone_keeps_the_chosen_column_in_view(visit, explorer_site):
    """256 columns of two pixels do not fit: the window moves with the token."""
    shown = show(visit, explorer_site, "ex=full&layer=1&head=2&tok=0", **MOBILE)
    shown.until_tokens(256)
    find = """const canvas = root.querySelector("canvas.overview");
      const { data, width } = canvas.getContext("2d").getImageData(0, 60, canvas.width, 1);
      const wash = [253, 238, 227];
      const isWash = (x) => wash.every((c, i) => Math.abs(data[4 * x + i] - c) < 6);
      return Array.from({ length: width }, (_, x) => x).findIndex(isWash);"""
    assert 0 <= shown.in_root(find) < 60
    shown.token(0).tap()
    shown.one(".text").focus()
    shown.press("End")
    assert shown.studied() == 255
    assert 180 < shown.in_root(find) < 360


@pytest.mark.parametrize("width", [360, 760, 1240])
@pytest.mark.parametrize("example", ["short", "full"])
def test_nothing_is_small_clipped_or_too_wide(visit, explorer_site, width, example):
    options = MOBILE if width == 360 else {"viewport": {"width": width + 16, "height": 900}}
    shown = show(visit, explorer_site, f"ex={example}&layer=1&head=2", **options)
    shown.until_text("select option:checked", example.capitalize())
    if width == 1240:
        shown.button("⤢ Wide").click()
    shown.settle()
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = shown.in_root(
        """const texts = [...root.querySelectorAll("*")].filter((node) =>
          [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
        return texts.filter((node) => !node.closest("style, .hidden, [hidden], .paper")
          && parseFloat(getComputedStyle(node).fontSize) < 11).map((node) => node.outerHTML);"""
    )
    assert small == []
    clipped = shown.in_root(
        """const texts = ".finding, .detail, .readout, .note, .h, .bar-number, .cost";
        const nodes = root.querySelectorAll(texts);
        return [...nodes].filter((node) => node.scrollWidth > node.clientWidth + 1
          && getComputedStyle(node).display !== "inline").map((node) => node.outerHTML);"""
    )
    assert clipped == []


def test_one_orange_column_runs_through_three_panels(visit, explorer_site):
    shown = show(visit, explorer_site, "ex=letter&layer=1&head=2&tok=31")
    edges = shown.in_root(
        """const rect = root.querySelector("svg.chart rect");
        const canvas = root.querySelector("canvas.overview");
        const box = canvas.getBoundingClientRect();
        const ratio = canvas.width / box.width;
        const wash = [253, 238, 227];
        const left = (y) => {
          const row = canvas.getContext("2d").getImageData(0, y * ratio, canvas.width, 1);
          const isWash = (x) => wash.every((c, i) => Math.abs(row.data[4 * x + i] - c) < 4);
          const x = Array.from({ length: row.width }, (_, x) => x).find(isWash);
          return x && box.left + x / ratio;
        };
        const heads = [];
        for (let y = 2; y < box.height - 60; y += 3) heads.push(left(y));
        return [rect.getBoundingClientRect().left, ...heads.filter((x) => x !== undefined)];"""
    )
    assert len(edges) > 10
    assert max(edges) - min(edges) <= 1.5


def test_moving_between_heads_moves_nothing_else(visit, explorer_site):
    """No jump: the blocks of the figure stay where they are for every head and token."""
    shown = show(visit, explorer_site, "ex=letter&layer=0&head=0&tok=0")
    where = """const blocks = "header .chips, .controls, .readout, .why, .everyone, .ask, footer";
      const top = (node) => Math.round(node.getBoundingClientRect().top + scrollY);
      return [...root.querySelectorAll(blocks)].map(top);"""
    shown.keep(0)
    places = shown.in_root(where)
    for _ in range(14):
        shown.press("]", "ArrowRight")
        assert shown.in_root(where) == places


def test_spoken_words(visit, explorer_site):
    trace = explorer_site.first
    order = trace.order[1, 2].tolist()
    t = order[0]
    shown = show(visit, explorer_site, f"ex=letter&layer=1&head=2&tok={t}")
    label = shown.token(t).get_attribute("aria-label")
    assert f"position {t}, picked, score " in label
    assert f"rank 1 of {trace.T}" in label
    assert "above the cut" in label
    shown.token(t).click()
    shown.press("ArrowDown")
    shown.until_text(".hidden[role=status]", "Layer 1, head 3 keeps")
    shown.press("Home")
    shown.until_text(".hidden[role=status]", "position 0, ")
    name = shown.one("[role=group].card").get_attribute("aria-labelledby")
    assert name == shown.one(".finding").get_attribute("id")


def test_themes_and_print(visit, explorer_site):
    shown = show(visit, explorer_site, color_scheme="light")
    ground = """return getComputedStyle(root.querySelector(".card")).backgroundColor;"""
    assert shown.in_root(ground) == "rgb(255, 255, 255)"
    shown.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    shown.settle()
    assert shown.in_root(ground) == "rgb(20, 24, 30)"
    shown.page.emulate_media(media="print")
    shown.settle()
    assert shown.in_root(ground) == "rgb(255, 255, 255)"
    assert not shown.one(".controls").is_visible()
    assert shown.every(".paper tbody tr").count() == explorer_site.first.k + 3
    shown.page.emulate_media(media="screen", color_scheme="dark")
    shown.page.evaluate("delete document.documentElement.dataset.theme")
    shown.settle()
    assert shown.in_root(ground) == "rgb(20, 24, 30)"


@pytest.mark.parametrize("wish", ["reduce", "no-preference"])
def test_nothing_moves_where_readers_ask_for_rest(visit, explorer_site, wish):
    shown = show(visit, explorer_site, reduced_motion=wish)
    moving = shown.in_root(
        """const fading = root.querySelectorAll(".stems, .cut");
        for (const node of fading) node.classList.add("fades");
        const moves = (css) => css.transitionDuration !== "0s" || css.animationName !== "none";
        const styles = [...root.querySelectorAll("*")].map((node) => getComputedStyle(node));
        return styles.filter(moves).length;"""
    )
    assert (moving == 0) == (wish == "reduce")


def test_without_scripts_text_scores_and_table_are_there(visit, explorer_site):
    page = visit(explorer_site.url, java_script_enabled=False).page
    figure = page.locator("mosa-explorer figure")
    assert figure.get_attribute("aria-label").startswith("Layer ")
    assert explorer_site.first.text in figure.inner_text()
    page.locator("summary").click()
    rows = page.locator("mosa-explorer tbody tr")
    assert rows.count() == explorer_site.first.T
    assert rows.first.is_visible()


def test_groups_of_the_control_bar_stand_apart(visit, explorer_site):
    for width in (580, 624, 704, 776, 1200):
        shown = show(visit, explorer_site, viewport={"width": width, "height": 900})
        boxes = shown.every(".controls > .field > :last-child")
        edges = [boxes.nth(i).bounding_box() for i in range(boxes.count())]
        gaps = [b["x"] - a["x"] - a["width"] for a, b in itertools.pairwise(edges)]
        assert min(gaps) >= 12, (width, gaps)
        card = shown.one(".card").bounding_box()
        assert edges[-1]["x"] + edges[-1]["width"] <= card["x"] + card["width"] - 12, width


def test_states_show_without_the_page_s_colours(visit, explorer_site):
    """What only a background tells apart is gone where the reader's system sets all colours."""
    shown = show(visit, explorer_site, "ex=letter&layer=1&head=2&tour=1", forced_colors="active")
    look = """const style = (selector) => getComputedStyle(root.querySelector(selector));
      const tell = (one) => [one.backgroundColor, one.outlineStyle, one.outlineWidth].join();
      return argument.map((selector) => tell(style(selector)));"""
    pairs = [
        (".segments [aria-checked=true]", ".segments [aria-checked=false]"),
        (".segments [aria-pressed=true]", ".segments [aria-pressed=false]"),
        (".tok.in:not(.at)", ".tok[data-t]:not(.in):not(.at)"),
        (".tok.in.at", ".tok.in:not(.at)"),
        (".step[aria-current]", ".step:not([aria-current])"),
    ]
    for pair in pairs:
        one, other = shown.in_root(look, list(pair))
        assert one != other, pair
    blank = "rgba(0, 0, 0, 0)"
    for bar in (".key .bar", ".bar-track i", ".share", ".share i"):
        (colours,) = shown.in_root(look, [bar])
        assert not colours.startswith(blank), bar
