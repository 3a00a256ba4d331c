"""Figures show the data they were given, say what it shows, and fit the page in both themes."""

import json
import re
import subprocess
import sys
from dataclasses import fields

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import pytest
from plotly.colors import sequential
from test_records import make_run, make_trace

from mosa_edu.records import Token
from mosa_edu.results import GainCurve
from mosa_edu.viz import charts, renderer, style
from mosa_edu.viz.charts.axes import by_similarity
from mosa_edu.viz.charts.lines import _apart, line_styles

NBSP = "\N{NO-BREAK SPACE}"
TEXTS = ["The", " watch", "man", ",", " of", " the", " men", ".", "\n", " a", " b", " <b>"]
LENGTHS = [64, 128, 256]
COSTS = {"dense": [100, 200, 400], "mosa": [10, 14, 20], "fixed": [5, 7, 8]}


def tokens_of(texts):
    return [Token(i, text, i, i) for i, text in enumerate(texts)]


@pytest.fixture
def trace():
    return make_trace(T=12, k=3, layers=2, heads=4, tokens=tokens_of(TEXTS))


def make_figures(trace):
    run = make_run(train_curve=[[i, 10 * i, 7 - i / 10] for i in range(20)])
    return {
        "heat map": charts.routing_heatmap(trace),
        "heat map of a layer": charts.routing_heatmap(trace, 1, order="similarity"),
        "selections": charts.selections_per_head(trace),
        "selections of a head": charts.selections_per_head(trace, 1, 2),
        "heads per token": charts.heads_per_token(trace),
        "mask": charts.selection_mask(trace, 0, 1, token=int(trace.picks(0, 1)[1])),
        "attention": charts.attention_map(trace, 0, 1, token=int(trace.picks(0, 1)[1])),
        "losses": charts.loss_curves([run], unigram=6.5),
        "costs": charts.cost_vs_length(LENGTHS, COSTS),
    }


def drawn_squares(figure, colour):
    """Middle and side of the squares that a figure draws in a colour."""
    paths = [s.path for s in figure.layout.shapes if s.type == "path" and s.fillcolor == colour]
    found = re.findall(r"M([\d.]+),([\d.]+)H([\d.]+)V([\d.]+)H", "".join(paths))
    boxes = np.array(found, dtype=float).reshape(-1, 4)
    return (
        (boxes[:, 0] + boxes[:, 2]) / 2,
        (boxes[:, 1] + boxes[:, 3]) / 2,
        boxes[:, 2] - boxes[:, 0],
    )


def test_heat_map_holds_scores_and_picks(trace):
    figure = charts.routing_heatmap(trace)
    scores = trace.router_scores().reshape(8, 12)
    np.testing.assert_allclose(figure.data[0].z / 100, scores, atol=0.0051)
    ranked = np.argsort(figure.data[0].customdata, axis=1).reshape(2, 4, 12)
    np.testing.assert_array_equal(ranked, trace.order)
    dots = np.zeros((8, 12), bool)
    dots[figure.data[1].y, figure.data[1].x] = True
    np.testing.assert_array_equal(dots, trace.picked().reshape(8, 12))
    assert figure.data[0].x[2] == "·man 2"
    assert figure.data[0].x[11] == "&lt;b> 11"  # Plotly would take it for markup
    assert len(set(figure.data[0].x)) == 12
    assert figure.layout.yaxis.ticktext == ("Layer 0", "Layer 1")


def test_heat_map_by_similarity_moves_whole_rows(trace):
    figure = charts.routing_heatmap(trace, layer=1, order="similarity")
    plain = charts.routing_heatmap(trace, layer=1)
    order = [plain.data[0].y.index(name) for name in figure.data[0].y]
    assert sorted(order) == [0, 1, 2, 3]
    np.testing.assert_array_equal(figure.data[0].z, plain.data[0].z[order])


def test_similar_heads_become_neighbours():
    picked = np.zeros((4, 8), bool)
    picked[0, :4] = picked[2, 1:5] = True  # share 3
    picked[1, 4:] = picked[3, 4:7] = True  # share 3
    order = by_similarity(picked)
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1


def test_caption_compares_agreement_with_chance():
    """Two heads that keep the same 3 of 12 tokens share 3, where chance gives 9 / 12."""
    order = np.tile(np.arange(12, dtype=np.uint8), (1, 2, 1))
    scores = np.tile(np.arange(12, 0, -1, dtype=np.uint16), (1, 2, 1))
    indices = np.tile(np.arange(3, dtype=np.uint16), (1, 2, 1))
    fields = {"order": order, "scores": scores, "indices": indices}
    figure = charts.routing_heatmap(make_trace(T=12, k=3, layers=1, heads=2, **fields))
    assert charts.caption(figure) == (
        "Each head keeps 3 of 12 tokens; two heads have 3.0 of them in common on average, "
        "where picks at random would have 0.8."
    )


def test_selections_hold_picks_and_their_sums(trace):
    figure = charts.selections_per_head(trace, 1, 2)
    marks = figure.data[0].z.reshape(2, 4, 12)
    np.testing.assert_array_equal(marks > 0, trace.picked())
    assert (marks[1, 2] != 1).all()
    assert (np.delete(marks.reshape(8, 12), 6, axis=0) < 2).all()
    counts = dict.fromkeys(figure.data[0].x, 0)
    for bars in figure.data[1:3]:
        counts |= dict(zip(bars.x, bars.y.tolist(), strict=True))
    assert list(counts.values()) == trace.heads_per_token().tolist()
    band = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert [(b.y0, b.y1) for b in band] == [(5.5, 6.5)]
    with pytest.raises(ValueError, match="head must be given together with layer"):
        charts.selections_per_head(trace, layer=1)


def test_hubs_and_orphans_are_told_apart(trace):
    figure = charts.heads_per_token(trace)
    counts, names = trace.heads_per_token(), np.array(charts.routing_heatmap(trace).data[0].x)
    quiet, hubs, orphans = (list(part.x) for part in figure.data)
    assert orphans == names[counts == 0].tolist()
    assert hubs == names[counts >= 2 * counts.mean()].tolist()
    assert len(quiet) + len(hubs) + len(orphans) == 12
    said = charts.caption(figure)
    assert f"by {counts.max()} of 8 heads, {counts.max() / counts.mean():.1f} times" in said
    if orphans:
        assert str(len(orphans)) in said.partition("There")[2]


def test_mask_draws_the_pairs_to_scale(trace):
    token = int(trace.picks(0, 1)[1])
    figure = charts.selection_mask(trace, 0, 1, token=token)
    picks = trace.picks(0, 1)
    pairs = {(int(q), int(key)) for q in picks for key in picks if key <= q}
    drawn = set()
    for colour in (style.LIGHT.pick, style.LIGHT.cursor):
        x, y, side = drawn_squares(figure, colour)
        found = {(int(b), int(a)) for a, b, s in zip(x, y, side, strict=True) if s == 1}
        assert all((row == token) == (colour == style.LIGHT.cursor) for row, _ in found)
        drawn |= found
    assert drawn == pairs
    assert charts.caption(figure) == (
        "Layer 0, head 1 keeps 3 of 12 tokens and computes 6 pairs where a dense head computes "
        f"78: 7.7{NBSP}%."
    )
    assert list(figure.layout.yaxis.range) == [12, 0]


def test_dense_triangle_is_a_staircase_with_all_pairs(trace):
    """The area of the dense outline is the number of pairs, diagonal included."""
    path = charts.selection_mask(trace, 0, 0).layout.shapes[0].path
    x, y, corners = 0.0, 0.0, []
    for step, first, second in re.findall(r"([MHV])([\d.]+)(?:,([\d.]+))?", path):
        x = float(first) if step in "MH" else x
        y = float(second if step == "M" else first) if step in "MV" else y
        corners.append((x, y))
    corners = np.array(corners)
    area = np.dot(corners[:, 0], np.roll(corners[:, 1], 1)) - np.dot(
        corners[:, 1], np.roll(corners[:, 0], 1)
    )
    assert abs(area) / 2 == 12 * 13 / 2


def test_attention_squares_have_the_area_of_the_weight(trace):
    figure = charts.attention_map(trace, 0, 1)
    x, y, side = drawn_squares(figure, style.LIGHT.pick)
    weights = trace.attention_matrix(0, 1)
    expected = weights[(y - 0.5).round().astype(int), (x - 0.5).round().astype(int)]
    np.testing.assert_allclose(side**2, expected, atol=3e-3)
    assert len(x) == 6
    own = float(np.diag(weights)[1:].mean())
    assert f"give {own:.2f}".replace("0.", ".") in charts.caption(figure)
    assert figure.layout.xaxis.ticktext == figure.layout.yaxis.ticktext


def test_ragged_heads_are_drawn_with_what_they_keep():
    counts = np.array([[3, 1]], np.uint16)
    indices = np.array([[[1, 4, 6], [5, 0, 0]]], np.uint16)
    trace = make_trace(T=12, k=3, layers=1, heads=2, counts=counts, indices=indices)
    assert "1 to 3 of 12" in charts.caption(charts.routing_heatmap(trace))
    assert "computes 1 pair where" in charts.caption(charts.selection_mask(trace, 0, 1))
    assert "looks at itself" in charts.caption(charts.attention_map(trace, 0, 1))


def test_heads_that_keep_nothing_are_drawn_empty():
    counts, indices = np.zeros((1, 2), np.uint16), np.zeros((1, 2, 3), np.uint16)
    trace = make_trace(T=12, k=3, layers=1, heads=2, counts=counts, indices=indices)
    assert "keeps 0 of 12 tokens and computes 0 pairs" in charts.caption(
        charts.selection_mask(trace, 0, 0)
    )
    assert charts.caption(charts.heads_per_token(trace)) == "No head keeps any token."
    assert "keeps no token" in charts.caption(charts.selections_per_head(trace, 0, 0))
    assert "0 of 12" in charts.caption(charts.routing_heatmap(trace))
    with pytest.raises(ValueError, match="head must be a head that keeps"):
        charts.attention_map(trace, 0, 0)


def test_losses_are_thinned_to_means_and_named():
    curve = [[i, 100 * i, 8 - i / 1000] for i in range(1, 1201)]
    runs = [
        make_run(name="mosa", train_curve=curve),
        make_run(name="dense", train_curve=curve[:50], validation={"64": {"loss": 6.123}}),
    ]
    figure = charts.loss_curves(runs, unigram=6.5)
    line = figure.data[0]
    assert len(line.x) == 150
    np.testing.assert_allclose(line.y.mean(), np.mean([c[2] for c in curve]), atol=1e-3)
    assert len(figure.data[1].x) == 50
    assert [note.text for note in figure.layout.annotations] == ["mosa", "dense", "unigram 6.50"]
    assert charts.caption(figure) == (
        "Loss on held-out text of 64 tokens: mosa 5.90, dense 6.12 nats per token. "
        "Knowing only how frequent each token is gives 6.50."
    )


def test_losses_on_held_out_text_and_of_runs_that_diverged():
    extra = {"validation_curve": [[1, 32, 7.0, 0.1], [2, 64, 6.0, 0.1]]}
    figure = charts.loss_curves([make_run(extra=extra)], held_out=True)
    assert figure.data[0].y.tolist() == [7.0, 6.0]
    lost = {"status": "diverged", "train_curve": [[1, 32, 6.0], [2, 64, np.nan]]}
    figure = charts.loss_curves([make_run(name="lost", **lost, validation={})])
    assert figure.data[0].x.tolist() == [32]
    assert "lost 6.00" in charts.caption(figure)
    gone = make_run(**lost, validation={"64": {"loss": None}})
    assert "mosa has diverged" in charts.caption(charts.loss_curves([gone]))


def test_gains_are_drawn_kind_by_kind_and_seed_by_seed():
    tokens = np.array([0.0, 1e5, 2e6])
    curves = [
        GainCurve("mosa", (0, 1), tokens, np.array([[3.0, 0.1, 0.02], [1.0, 0.2, 0.04]])),
        GainCurve("fixed", (0,), tokens[1:], np.array([[-0.2, -0.06]])),
    ]
    figure = charts.gain_lines(curves)
    drawn = {line.name: list(line.y) for line in figure.data if line.name}
    assert drawn == {"mosa": [0.03], "fixed": [-0.06]}
    assert [list(line.y) for line in figure.data if not line.name] == [[0.02], [0.04]]
    assert charts.caption(figure) == (
        "Nats gained on dense after 2.00 M tokens: "
        "mosa +0.030 (2 seeds, +0.020 to +0.040); fixed -0.060 (1 seed)."
    )
    low, high = figure.layout.yaxis.range
    assert low < -0.06 < 0.04 < high


def test_costs_are_compared_with_the_first_kind():
    figure = charts.cost_vs_length(LENGTHS, COSTS)
    assert charts.caption(figure) == (
        f"FLOPs per head as a share of dense, at 64 and at 256 tokens: "
        f"mosa 10{NBSP}% and 5.0{NBSP}%; fixed 5.0{NBSP}% and 2.0{NBSP}%."
    )
    assert [line.y.tolist() for line in figure.data] == list(COSTS.values())
    alone = charts.cost_vs_length(LENGTHS, {"dense": [1, 2, 4]}, unit="KV slots")
    assert charts.caption(alone) == "From 64 to 256 tokens, KV slots of dense grow 4 times."


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: charts.routing_heatmap(t, layer=2), r"layer must be in \[0, 2\), got 2"),
        (lambda t: charts.routing_heatmap(t, order="size"), "order must be one of"),
        (lambda t: charts.selection_mask(t, 0, 4), "head must be in"),
        (lambda t: charts.attention_map(t, 0, 0, token=12), "token must be None or in"),
        (lambda t: charts.loss_curves([]), "records must be at least one record"),
        (lambda t: charts.gain_lines([]), "curves must be at least one curve"),
        (lambda t: charts.loss_curves([make_run(), make_run()]), "different names"),
        (lambda t: charts.loss_curves([make_run(train_curve=[])]), "curve of the training loss"),
        (lambda t: charts.cost_vs_length([64], COSTS), "lengths must be"),
        (lambda t: charts.cost_vs_length(LENGTHS, {"dense": [1, 2, 0]}), r"costs\['dense'\]"),
    ],
)
def test_refusals(trace, call, message):
    with pytest.raises(ValueError, match=message):
        call(trace)


def test_names_at_line_ends_do_not_overlap():
    moved = _apart([100.0, 101.0, 102.0, 300.0])
    assert moved == [86.0, 101.0, 116.0, 300.0]
    assert _apart([50.0, 0.0]) == [50.0, 0.0]


def test_lines_are_told_apart_without_colour():
    styles = line_styles(["dense", "mosa", "fixed", "random", "mosa seed 1"])
    assert len({(line["color"], line["dash"]) for line in styles}) == 5
    assert styles[1]["color"] == style.LIGHT.pick
    assert styles[0]["color"] == style.LIGHT.ink


def test_every_figure_says_what_it_shows(trace):
    for name, figure in make_figures(trace).items():
        assert charts.caption(figure).endswith("."), name
        assert charts.alt_text(figure).endswith(charts.caption(figure)), name
        assert len(charts.alt_text(figure)) > len(charts.caption(figure)) + 20, name
    assert charts.caption(go.Figure()) == charts.alt_text(go.Figure()) == ""


def test_figures_only_use_colours_that_pages_can_turn_dark(trace):
    known = {
        *style.dark_of_light(),
        style.CLEAR,
        *(colour.lower() for colour in sequential.Cividis),
    }
    for name, figure in make_figures(trace).items():
        text = figure.to_json()
        for colour in re.findall(r'"(#[0-9a-fA-F]+|rgba?\([^)]*\))"', text):
            assert colour.lower() in known, f"{name}: {colour}"
        assert not re.search(r"color:\s*#", text), f"{name}: a colour inside a text"


def test_figures_are_small_and_do_not_catch_the_scrolling_finger(trace):
    big = make_trace(T=256, k=32, layers=4, heads=16)
    for name, figure in make_figures(big).items():
        stored = renderer.BookRenderer().to_mimebundle(figure.to_dict())
        assert len(json.dumps(stored)) < 200_000, name
    for name, figure in make_figures(trace).items():
        assert figure.layout.dragmode is False, name
        axes = [figure.layout[key] for key in figure.layout if re.match(r"[xy]axis", key)]
        assert all(axis.fixedrange for axis in axes), name


def test_renderer_is_fixed_and_needs_no_network(trace):
    figure = charts.heads_per_token(trace).to_dict()
    once, again = renderer.BookRenderer(), renderer.BookRenderer()
    first, second = once.to_mimebundle(figure), once.to_mimebundle(figure)
    assert first == again.to_mimebundle(figure)
    assert set(first) == {"application/vnd.plotly.v1+json", "text/html"}
    ids = [re.search(r'id="(fig-[\w-]+)"', b["text/html"]).group(1) for b in (first, second)]
    assert ids[1] == ids[0] + "-2"
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", first["text/html"])
    assert "<figcaption>" in first["text/html"]
    assert "uid" not in json.dumps(first)


def test_square_figures_shrink_with_the_page(trace):
    """Only in HTML: JupyterLab draws the JSON, which has its height in pixels."""
    stored = renderer.BookRenderer().to_mimebundle(charts.selection_mask(trace, 0, 0).to_dict())
    assert "padding-bottom:calc(min(42%, 300px) + 120px)" in stored["text/html"]
    assert '"height":' not in stored["text/html"].replace('"height":"calc', "")
    assert stored["application/vnd.plotly.v1+json"]["layout"]["height"] == 420


def test_renderer_writes_tokens_as_text_not_as_markup():
    """A token may be any text, a script's end too; nothing of it may leave its string."""
    nasty = [" </script><img src=x>", '"', "&", " <b>", "'"] + [" w"] * 7
    figure = charts.heads_per_token(make_trace(T=12, tokens=tokens_of(nasty)))
    html = renderer.figure_html(figure, "fig-1")
    assert "<img" not in html
    assert html.count("</script>") == html.count("<script")


def test_default_renderer(monkeypatch):
    before = pio.renderers.default
    try:
        monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
        assert renderer.use_book_renderer() == "book"
        monkeypatch.setenv("COLAB_RELEASE_TAG", "1")
        assert renderer.use_book_renderer() == "colab"
    finally:
        pio.renderers.default = before


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [style.LIGHT, style.DARK])
def test_colours_can_be_read(palette):
    for text in (palette.ink, palette.ink2, palette.cursor_text, palette.pick, palette.ok):
        assert contrast(text, palette.ground) >= 4.5
    assert contrast(palette.ink2, palette.wash) >= 4.5
    assert contrast(palette.pick_ink, palette.pick) >= 4.5
    for mark in (palette.pick, palette.cursor, palette.quiet):
        assert contrast(mark, palette.ground) >= 3


def test_style_sheet_declares_every_colour_in_both_themes():
    text = style.css_variables()
    for field in fields(style.Palette):
        assert text.count(f"--mosa-{field.name.replace('_', '-')}:") == 2
    assert text.count("{") == text.count("}")
    pairs = style.dark_of_light()
    assert pairs[style.LIGHT.ground] == style.DARK.ground
    assert len(set(pairs.values())) == len(pairs)  # so that a page can turn light again


def test_charts_need_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None; "
        "import mosa_edu.viz.charts, mosa_edu.viz.renderer, mosa_edu.viz.finding"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
