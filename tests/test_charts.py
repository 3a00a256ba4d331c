"""Every figure says what it shows, refuses what it cannot draw, and fits the page in any theme."""

import json
import re
import subprocess
import sys

import plotly.graph_objects as go
import plotly.io as pio
import pytest
from chart_data import COSTS, LENGTHS, tokens_of
from test_records import make_run, make_trace

from mosa_edu.viz import base as renderer
from mosa_edu.viz import charts
from mosa_edu.viz.style import LIGHT


def make_figures(trace):
    run = make_run(train_curve=[[i, 10 * i, 7 - i / 10] for i in range(20)])
    return {
        "heat map": charts.routing_heatmap(trace),
        "heat map of a layer": charts.routing_heatmap(trace, 1, order="similarity"),
        "selections": charts.selections_per_head(trace),
        "selections of a head": charts.selections_per_head(trace, 1, 2),
        "heads per token": charts.heads_per_token(trace),
        "mask": charts.selection_mask(trace, 0, 1, token=int(trace.selected(0, 1)[1])),
        "attention": charts.attention_map(trace, 0, 1, token=int(trace.selected(0, 1)[1])),
        "losses": charts.loss_curves([run], unigram=6.5),
        "costs": charts.cost_vs_length(LENGTHS, COSTS),
    }


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


def test_every_figure_says_what_it_draws_and_what_its_caller_says_of_it(trace):
    for name, figure in make_figures(trace).items():
        assert len(charts.alt_text(figure)) > 20, name
        assert not re.search(r"color:\s*#", figure.to_json()), f"{name}: a colour inside a text"
    said = charts.heads_per_token(trace, caption="Two keep <b>.")
    assert charts.caption(said) == "Two keep <b>."
    assert charts.alt_text(said) == "Bars over 12 tokens: heads that keep it. Two keep <b>."
    html = renderer.BookRenderer().to_mimebundle(said.to_dict())["text/html"]
    assert "<figcaption>Two keep &lt;b&gt;.</figcaption>" in html
    assert charts.caption(go.Figure()) == charts.alt_text(go.Figure()) == ""


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
    first = once.to_mimebundle(figure)
    assert first == once.to_mimebundle(figure) == again.to_mimebundle(figure)
    assert set(first) == {renderer.PLOTLY, "text/html"}
    assert "<script" not in first["text/html"]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", first["text/html"])
    assert "uid" not in json.dumps(first)


def test_viewers_of_notebooks_show_the_caption_and_pages_get_the_figure_back(trace):
    """Catches a caption that JupyterLab, which draws the JSON alone, never shows."""
    said = "The first token is kept by two heads, the last by none & <b>nobody</b> else. " * 2
    figure = charts.heads_per_token(trace, caption=said)
    stored = renderer.BookRenderer().to_mimebundle(figure.to_dict())[renderer.PLOTLY]
    title = stored["layout"]["title"]["text"]
    words = re.sub(r"<br>|</?span[^>]*>", " ", title.split("<br>", 2)[2]).split()
    assert words == said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split()
    assert max(len(line) for line in re.split("<[^>]*>", title)) <= 96
    room = stored["layout"]["height"] - figure.layout.height
    assert room == stored["layout"]["margin"]["t"] - figure.layout.margin.t >= 38
    assert stored["layout"]["paper_bgcolor"] == LIGHT.ground  # readable where the viewer is dark
    again = renderer.on_page(stored)
    assert again["layout"] == renderer.rounded(json.loads(figure.to_json()))["layout"]


def test_square_figures_shrink_with_the_page(trace):
    """Only on pages: JupyterLab draws the JSON, which has its height in pixels."""
    figure = charts.selection_mask(trace, 0, 0)
    html = renderer.figure_html(figure, "fig-1")
    assert "padding-bottom:calc(min(42%, 300px) + 120px)" in html
    assert '"height":' not in html.replace('"height":"calc', "")
    stored = renderer.BookRenderer().to_mimebundle(figure.to_dict())
    assert stored[renderer.PLOTLY]["layout"]["height"] == 420


def test_renderer_writes_tokens_as_text_not_as_markup():
    """A token may be any text, a script's end too; nothing of it may leave its string."""
    nasty = [" </script><img src=x>", '"', "&", " <b>", "'"] + [" w"] * 7
    figure = charts.heads_per_token(make_trace(T=12, tokens=tokens_of(nasty)))
    html = renderer.figure_html(figure, "fig-1")
    assert "<img" not in html
    assert html.count("</script>") == html.count("<script")


def test_colab_gets_a_script_and_other_notebooks_a_picture(trace, monkeypatch):
    before = pio.renderers.default
    try:
        assert renderer.use_book_renderer() == pio.renderers.default == "book"
    finally:
        pio.renderers.default = before
    figure = charts.heads_per_token(trace, caption="Two keep it.").to_dict()
    monkeypatch.setenv("COLAB_RELEASE_TAG", "1")
    (kind, html), *others = renderer.BookRenderer().to_mimebundle(figure).items()
    assert (kind, others) == ("text/html", [])
    assert re.search(r'<script[^>]*src="https://cdn.plot.ly/plotly-[\d.]+.min.js"', html)
    assert "<figcaption>Two keep it.</figcaption>" in html


def test_charts_need_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None; "
        "import mosa_edu.viz.charts, mosa_edu.viz.base, mosa_edu.viz.words"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
