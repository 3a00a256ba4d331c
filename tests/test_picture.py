"""Charts are seen where no script of Plotly's runs: in nbconvert's HTML, and drawn truly."""

import base64
import re
import struct
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest
from nbconvert import HTMLExporter
from test_charts import make_figures

from mosa_edu.viz.base import BookRenderer
from mosa_edu.viz.picture import WIDTH, picture
from mosa_edu.viz.style import LIGHT

BOOK = sorted((Path(__file__).resolve().parent.parent / "book").glob("*.ipynb"))
NAMES = "{http://www.w3.org/2000/svg}"


def drawn(figure, **layout):
    """Return the picture of a figure without margins, so that a unit square is known in pixels."""
    bare = {"visible": False, "showgrid": False}
    plain = {"l": 0, "r": 0, "t": 0, "b": 0}
    base = {"width": WIDTH, "height": 100, "margin": plain, "xaxis": bare, "yaxis": bare}
    figure.update_layout({**base, **layout})
    return ElementTree.fromstring(picture(figure.to_plotly_json() | {}))


def paths(svg, colour):
    """Return the paths that carry a colour."""
    found = svg.iter(f"{NAMES}path")
    return [path.get("d") for path in found if colour in (path.get("fill"), path.get("stroke"))]


def numbers(path):
    return [float(number) for number in re.findall(r"-?[\d.]+", path)]


def fixed(low, high, **more):
    return {"visible": False, "showgrid": False, "range": [low, high], **more}


def test_lines_stand_where_their_numbers_say_and_break_where_there_is_none():
    line = go.Scatter(x=[0, 5, 6, 10], y=[1, 10, None, 100], line={"color": LIGHT.pick})
    svg = drawn(go.Figure(line), xaxis=fixed(0, 10), yaxis=fixed(0, 2, type="log"))
    assert paths(svg, LIGHT.pick) == ["M0,100L360,50M720,0"]


def test_packed_arrays_and_reversed_ranges_are_read():
    """Catches an array in base64 taken for a mapping, and an axis that grows downwards."""
    line = go.Scatter(x=np.array([0.0, 1.0]), y=np.array([0, 1], dtype=np.int16))
    line.line.color = LIGHT.ink
    svg = drawn(go.Figure(line), xaxis=fixed(0, 1), yaxis=fixed(1, 0))
    assert paths(svg, LIGHT.ink) == ["M0,0L720,100"]


def test_bars_are_stacked_and_lie_where_they_are_told_to():
    parts = [("a", LIGHT.dense, [1, 2]), ("b", LIGHT.pick, [3, 0])]
    bars = [
        go.Bar(y=["one", "two"], x=size, orientation="h", marker_color=colour, name=name)
        for name, colour, size in parts
    ]
    more = {"barmode": "stack", "bargap": 0.5, "xaxis": fixed(0, 4), "yaxis": fixed(-0.5, 1.5)}
    svg = drawn(go.Figure(bars), **more)
    boxes = [numbers(path) for path in paths(svg, LIGHT.pick)]
    assert [(box[0], box[2]) for box in boxes] == [(180, 720), (360, 360)]
    assert sorted(boxes[0][1::2])[:2] == [62.5, 87.5]  # the lower half of the picture


def test_a_heat_map_has_a_pixel_a_cell_right_way_up():
    """Catches rows upside down, a missing value drawn as the lowest, a clipped scale."""
    cells = [[0, 1], [np.nan, 5]]
    scale = [[0, "#000000"], [1, "rgba(255,0,0,0.5)"]]
    heat = go.Heatmap(z=cells, zmin=0, zmax=2, colorscale=scale, showscale=False)
    (image,) = drawn(go.Figure(heat)).iter(f"{NAMES}image")
    data = base64.b64decode(image.get("href").partition("base64,")[2])
    chunks = {}
    place = 8
    while place < len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        chunks[kind] = data[place + 8 : place + 8 + size]
        place += size + 12
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (2, 2)
    lines = chunks[b"IDAT"][7:-4]  # after the headers of a block that is not compressed
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    opacity = np.frombuffer(chunks[b"tRNS"], np.uint8)
    (blank, most), (least, half) = [lines[n + 1 : n + 3] for n in (0, 3)]
    assert opacity[blank] == 0
    assert (*palette[most], opacity[most]) == (255, 0, 0, 128)
    assert (*palette[least], opacity[least]) == (0, 0, 0, 255)
    assert 120 < palette[half][0] < 135


def test_squares_stay_square():
    layout = {"xaxis": fixed(0, 36), "yaxis": fixed(36, 0)}
    layout["yaxis"] |= {"scaleanchor": "x", "constrain": "domain", "constraintoward": "top"}
    layout["shapes"] = [{"type": "path", "path": "M0,0H36V36Z", "fillcolor": LIGHT.wash}]
    svg = drawn(go.Figure(go.Scatter(x=[0], y=[0])), **layout)
    assert paths(svg, LIGHT.wash) == ["M0,0H100V100Z"]


def test_tokens_are_text_and_headings_are_bold(trace):
    nasty = go.Scatter(x=["</svg><script>", "&lt;b> 1"], y=[0, 1])
    figure = go.Figure(nasty, {"title": {"text": "<b>Bold</b><br>R&D <i>a</i>"}})
    svg = ElementTree.fromstring(picture(figure.to_plotly_json()))
    texts = ["".join(text.itertext()) for text in svg.iter(f"{NAMES}text")]
    assert {"</svg><script>", "<b> 1", "Bold", "R&D a"} <= set(texts)
    assert [span.text for span in svg.iter(f"{NAMES}tspan")] == ["Bold", "a"]


def test_every_chart_of_the_package_is_a_picture_with_all_of_its_words(trace):
    for name, figure in make_figures(trace).items():
        svg = ElementTree.fromstring(picture(figure.to_plotly_json(), "what it shows"))
        shown = " ".join("".join(text.itertext()) for text in svg.iter(f"{NAMES}text"))
        notes = [note.text for note in figure.layout.annotations]
        for words in [figure.layout.title.text, *notes]:
            for line in re.sub(r"<(?!br)[^>]*>", "", words).split("<br>"):
                assert line in shown, name
        places = [text.get("x") for text in svg.iter(f"{NAMES}text")]
        assert all(-1 <= float(place) <= WIDTH for place in places), name
        assert not [d for path in svg.iter() if "nan" in (d := path.get("d", ""))], name


@pytest.mark.browser
def test_nbconvert_shows_every_chart_without_a_network(tmp_path, visit):
    """Catches HTML that needs a script which nbconvert does not bring along."""
    charts = 0
    for path in BOOK:
        html, _ = HTMLExporter().from_notebook_node(nbformat.read(path, 4))
        assert "Plotly" not in html
        (tmp_path / f"{path.stem}.html").write_text(html)
        charts += html.count('class="mosa-chart"')
    stored = [o for p in BOOK for c in nbformat.read(p, 4).cells for o in c.get("outputs", [])]
    assert charts == sum("application/vnd.plotly.v1+json" in o.get("data", {}) for o in stored) > 20
    for path in BOOK:
        # Not strict: nbconvert's own page asks for the script that draws formulas.
        page = visit((tmp_path / f"{path.stem}.html").as_uri(), strict=False).page
        empty = page.evaluate(
            """() => [...document.querySelectorAll(".jp-OutputArea-output")].filter(
                (one) => one.offsetHeight < 9 || !(one.innerText || one.querySelector("svg"))
            ).length"""
        )
        small = page.evaluate(
            """() => [...document.querySelectorAll(".mosa-chart > svg")].filter(
                (one) => one.getBoundingClientRect().height < 150
            ).length"""
        )
        assert (empty, small) == (0, 0), path.stem


def test_a_figure_of_another_sort_is_still_shown():
    """Catches a renderer that fails on a reader's own figure: a pie, dates, names in pairs."""
    pairs = go.Bar(x=[["a", "a"], ["b", "c"]], y=[1, 2])
    for trace in (go.Pie(values=[1, 2]), pairs, go.Scatter(x=["2026-01-01"], y=[1]), go.Bar(y=[1])):
        stored = BookRenderer().to_mimebundle(go.Figure(trace).to_dict())
        assert stored["application/vnd.plotly.v1+json"]["data"][0]["type"] == trace.type
