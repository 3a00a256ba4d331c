"""Figures of routing hold every pick, pair and weight of a trace; heads may keep nothing."""

import re

import numpy as np
import pytest
from test_records import make_trace

from mosa_edu.viz import charts, style
from mosa_edu.viz.charts.routing import by_similarity


def drawn_squares(figure, colour):
    """Middle and side of the squares that a figure draws in a colour."""
    paths = [s.path for s in figure.layout.shapes if s.type == "path" and s.fillcolor == colour]
    found = re.findall(r"M([\d.]+),([\d.]+)H([\d.]+)V([\d.]+)H", "".join(paths))
    boxes = np.array(found, dtype=float).reshape(-1, 4)
    left, top, right, bottom = boxes.T
    return (left + right) / 2, (top + bottom) / 2, right - left


def test_heat_map_holds_scores_and_picks(trace):
    figure = charts.routing_heatmap(trace)
    scores = trace.router_scores().reshape(8, 12)
    np.testing.assert_allclose(figure.data[0].z / 100, scores, atol=0.0051)
    ranked = np.argsort(figure.data[0].customdata, axis=1).reshape(2, 4, 12)
    np.testing.assert_array_equal(ranked, trace.order)
    dots = np.zeros((8, 12), bool)
    dots[figure.data[1].y, figure.data[1].x] = True
    np.testing.assert_array_equal(dots, trace.selected_mask().reshape(8, 12))
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


def test_selections_hold_picks_and_their_sums(trace):
    figure = charts.selections_per_head(trace, 1, 2)
    marks = figure.data[0].z.reshape(2, 4, 12)
    np.testing.assert_array_equal(marks > 0, trace.selected_mask())
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


def test_mask_draws_the_pairs_to_scale(trace):
    token = int(trace.selected(0, 1)[1])
    figure = charts.selection_mask(trace, 0, 1, token=token)
    picks = trace.selected(0, 1)
    pairs = {(int(q), int(key)) for q in picks for key in picks if key <= q}
    drawn = set()
    for colour in (style.LIGHT.pick, style.LIGHT.cursor):
        x, y, side = drawn_squares(figure, colour)
        found = {(int(b), int(a)) for a, b, s in zip(x, y, side, strict=True) if s == 1}
        assert all((row == token) == (colour == style.LIGHT.cursor) for row, _ in found)
        drawn |= found
    assert drawn == pairs
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["<b>A dense head</b><br>78 pairs", "<b>This head</b><br>6 pairs"]
    assert list(figure.layout.yaxis.range) == [12, 0]


def test_dense_triangle_is_a_staircase_with_all_pairs(trace):
    """The area of the dense outline is the number of pairs, diagonal included."""
    path = charts.selection_mask(trace, 0, 0).layout.shapes[0].path
    x, y, corners = 0.0, 0.0, []
    for step, first, second in re.findall(r"([MHV])([\d.]+)(?:,([\d.]+))?", path):
        x = float(first) if step in "MH" else x
        y = float(second if step == "M" else first) if step in "MV" else y
        corners.append((x, y))
    x, y = np.array(corners).T
    area = np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))
    assert abs(area) / 2 == 12 * 13 / 2


def test_attention_squares_have_the_area_of_the_weight(trace):
    figure = charts.attention_map(trace, 0, 1)
    x, y, side = drawn_squares(figure, style.LIGHT.pick)
    weights = trace.attention_matrix(0, 1)
    expected = weights[(y - 0.5).round().astype(int), (x - 0.5).round().astype(int)]
    np.testing.assert_allclose(side**2, expected, atol=3e-3)
    assert len(x) == 6
    assert figure.layout.xaxis.ticktext == figure.layout.yaxis.ticktext


def test_heads_of_variable_capacity_are_drawn_with_what_they_keep():
    counts = np.array([[3, 1]], np.uint16)
    indices = np.array([[[1, 4, 6], [5, 0, 0]]], np.uint16)
    trace = make_trace(T=12, k=3, layers=1, heads=2, counts=counts, indices=indices)
    assert len(charts.routing_heatmap(trace).data[1].x) == 4
    assert "and the 1 of layer 0, head 1" in charts.alt_text(charts.selection_mask(trace, 0, 1))
    assert "Triangle of 1 by 1" in charts.alt_text(charts.attention_map(trace, 0, 1))


def test_heads_that_keep_nothing_are_drawn_empty():
    counts, indices = np.zeros((1, 2), np.uint16), np.zeros((1, 2, 3), np.uint16)
    trace = make_trace(T=12, k=3, layers=1, heads=2, counts=counts, indices=indices)
    assert "the 0 of layer 0" in charts.alt_text(charts.selection_mask(trace, 0, 0))
    assert len(charts.heads_per_token(trace).data[2].x) == 12
    assert (charts.selections_per_head(trace, 0, 0).data[0].z == 0).all()
    assert len(charts.routing_heatmap(trace).data[1].x) == 0
    with pytest.raises(ValueError, match="head must be a head that keeps"):
        charts.attention_map(trace, 0, 0)
