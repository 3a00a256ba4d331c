"""A chart as a still picture: SVG for every place that has no script of Plotly's.

It draws what the book's charts use (lines, markers, bars, heat maps, intervals, shapes, notes) at
the places where Plotly draws it, nearly: widths of text are estimated. The same figure gives the
same text on every machine.
"""

import base64
import html
import math
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from plotly.colors import get_colorscale

from mosa_edu.viz.style import CLEAR, LIGHT, MONO, SANS

Part = Mapping[str, Any]
"""A part of a figure, as Plotly's JSON has it."""

Bar = tuple[Part, Any, float, float, float, str]

WIDTH = 720
DASHES = {"dot": "3 3", "dash": "9 9", "dashdot": "9 3 3 3", "longdash": "15 15"}
MARKS = {"square": "m{0},{0}h{2}v{2}h-{2}Z", "diamond": "m0-{3}l{3},{3}l-{3},{3}l-{3}-{3}Z"}
ROUND = "m0-{1}a{1},{1} 0 1 0 .01,0Z"
SIDES = {"left": "start", "right": "end", "center": "middle"}
LOWER = {"top": 1.0, "middle": 0.35, "bottom": -0.25}
"""How far below its place a text's first line stands, in sizes of its font."""


def picture(figure: Part, label: str = "") -> str:
    """Return a figure, as Plotly's JSON has it, as SVG that is as wide as its place allows."""
    drawing = _Drawing(figure)
    size = f'width="{WIDTH}" height="{_n(drawing.height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_n(drawing.height)}" '
        f'style="max-width:{WIDTH}px;width:100%" role="img" aria-label="{html.escape(label)}" '
        f'font-family="{html.escape(SANS)}"><rect {size} fill="{LIGHT.ground}"/>'
        f"{''.join(drawing.draw())}</svg>"
    )


class _Axis:
    """One axis: what it counts (numbers, logarithms, places of names), and where that stands."""

    def __init__(self, options: Part, letter: str, values: Sequence[Any]) -> None:
        self.options, self.letter = options, letter
        self.log, self.visible = options.get("type") == "log", options.get("visible", True)
        named = options.get("type") == "category" or any(isinstance(v, str) for v in values)
        names = [*_list(options.get("categoryarray")), *values] if named else []
        self.names = {name: float(place) for place, name in enumerate(dict.fromkeys(names))}
        self.low, self.high, self.start, self.end = 0.0, 1.0, 0.0, 1.0

    def unit(self, value: Any) -> float:
        """Return a value of the data as the axis counts; NaN for none."""
        if value in self.names or value is None:
            return self.names.get(value, math.nan)
        return (math.log10(value) if value > 0 else math.nan) if self.log else float(value)

    def of(self, unit: float) -> float:
        """Return the pixel of what the axis counts."""
        return self.start + (unit - self.low) / (self.high - self.low) * (self.end - self.start)

    def at(self, value: Any) -> float:
        """Return the pixel of a value of the data."""
        return self.of(self.unit(value))

    def scale(self) -> float:
        """Return how many pixels one unit takes."""
        return abs((self.end - self.start) / (self.high - self.low))

    def span(self, units: Iterable[float], room: float) -> None:
        """Take the given range, or what the data fill and a share of that as room."""
        finite = [u for u in units if math.isfinite(u)] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        if self.options.get("rangemode") == "tozero":
            low = min(low, 0.0)
        more = (high - low or 1.0) * room
        self.low, self.high = low - more * (low != 0), high + more
        if given := _list(self.options.get("range")):
            self.low, self.high = map(float, given)
        elif self.options.get("autorange") == "reversed":
            self.low, self.high = self.high, self.low

    def ticks(self) -> list[tuple[float, str]]:
        """Return what is marked, as the axis counts, with its text."""
        options, length = self.options, abs(self.end - self.start)
        low, high = sorted((self.low, self.high))
        if not self.visible:
            return []
        if options.get("tickvals") is not None:
            values = _list(options["tickvals"])
            texts = _list(options.get("ticktext")) or [self.written(v) for v in values]
            found = [(self.unit(v), str(t)) for v, t in zip(values, texts, strict=True)]
        elif self.names:
            every = math.ceil(len(self.names) * 14 / length)
            found = [(place, str(name)) for name, place in self.names.items() if not place % every]
        elif self.log:
            powers = range(math.floor(low), math.ceil(high) + 1)
            found = [(float(p), self.written(10.0**p)) for p in powers]
        else:
            most = options.get("nticks") or length / (90 if self.letter == "x" else 40)
            step = _nice((high - low) / most)
            places = range(math.floor(low / step), math.ceil(high / step) + 1)
            found = [(i * step, self.written(i * step)) for i in places]
        slack = (high - low) * 1e-4
        return [(unit, text) for unit, text in found if low - slack <= unit <= high + slack]

    def written(self, value: float) -> str:
        form = self.options.get("tickformat", "")
        if form and not form.endswith("s"):
            return format(value, form)
        for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= size and (form or self.log or size > 1e3):
                return f"{value / size:.3g}{unit}"
        return f"{round(value, 9):,.9g}".replace("-", "\N{MINUS SIGN}")

    def room(self) -> float:
        """Return how many pixels the labels take, and the title."""
        font, title = self.options.get("tickfont", {}), self.options.get("title", {})
        long = self.letter == "y" or self.turned()
        ticks = self.options.get("ticktext") or self.names or [text for _, text in self.ticks()]
        labels = max((_width(str(t), font) if long else 14 for t in ticks), default=-6) + 6
        return self.visible * (labels + 22 * bool(title.get("text")))

    def turned(self) -> bool:
        return bool(self.options.get("tickangle"))


class _Drawing:
    """The axes of a figure, laid out, and what stands on them."""

    def __init__(self, figure: Part) -> None:
        self.layout, self.traces = figure.get("layout", {}), figure.get("data", [])
        self.height = float(self.layout.get("height") or 420)
        self.margin = {"l": 80, "r": 80, "t": 100, "b": 80, **self.layout.get("margin", {})}
        self.bars = list(self._stacked())
        self.axes = dict(self._spanned())
        self._place()

    def _spanned(self) -> Iterator[tuple[str, _Axis]]:
        """Yield every axis with its range."""
        keys = [key for key in self.layout if re.fullmatch(r"[xy]axis\d*", key)]
        for key in dict.fromkeys([*keys, "xaxis", "yaxis"]):
            letter, name = key[0], key.replace("axis", "")
            own = [t for t in self.traces if t.get(f"{letter}axis", letter) == name]
            values = [v for trace in own for v in _values(trace, letter)]
            axis = _Axis(self.layout.get(key, {}), letter, values)
            units = [axis.unit(v) for v in values]
            for trace in own:
                if trace.get("type") == "heatmap":
                    units += _edges(axis, trace)
                units += [axis.unit(v) for pair in _bounds(trace, letter) for v in pair]
            for trace, place, low, high, half, _ in self.bars:
                if trace in own:
                    across = (trace.get("orientation") == "h") == (letter == "y")
                    units += (
                        [axis.unit(place) + half * s for s in (-1, 1)] if across else [low, high]
                    )
            for shape in self.layout.get("shapes", []):
                if shape.get(f"{letter}ref", letter) == name and shape["type"] != "path":
                    units += [axis.unit(shape[f"{letter}{end}"]) for end in (0, 1)]
            marks = letter == "y" or any("markers" in trace.get("mode", "") for trace in own)
            cells = any(trace.get("type") == "heatmap" for trace in own)
            axis.span(units, 0.05 * (marks and not cells))
            yield name, axis

    def _place(self) -> None:
        """Give every axis its pixels; margins hold the labels at the edge of the figure."""
        scales = any(t.get("type") == "heatmap" and t.get("showscale", True) for t in self.traces)
        frame = {"x": [self.margin["l"], WIDTH - self.margin["r"] - 48 * scales]}
        frame["y"] = [self.height - self.margin["b"], self.margin["t"]]
        rooms = {"x": 0.0, "y": 0.0}
        for axis in self.axes.values():
            axis.start, axis.end = frame[axis.letter]
            if self.across(axis).options.get("domain", [0])[0] < 0.01:
                room = axis.room() if axis.options.get("automargin") else 0.0
                rooms[axis.letter] = max(rooms[axis.letter], room)
        frame["x"][0] += rooms["y"]
        frame["y"][0] -= rooms["x"]
        self.frame = frame
        for axis in self.axes.values():
            low, high = axis.options.get("domain", [0, 1])
            start, end = frame[axis.letter]
            axis.start, axis.end = start + low * (end - start), start + high * (end - start)
        for axis in self.axes.values():
            if other := self.axes.get(axis.options.get("scaleanchor", "")):  # one is a y, one an x
                scale = min(axis.scale(), other.scale())
                other.end = other.start + scale * abs(other.high - other.low)
                axis.start = axis.end + scale * abs(axis.high - axis.low)

    def across(self, axis: _Axis) -> _Axis:
        """Return the axis on which another stands."""
        default = "y" if axis.letter == "x" else "x"
        return self.axes.get(axis.options.get("anchor", default), self.axes[default])

    def of(self, trace: Part) -> tuple[_Axis, _Axis]:
        return self.axes[trace.get("xaxis", "x")], self.axes[trace.get("yaxis", "y")]

    def draw(self) -> Iterator[str]:
        """Yield everything, what lies below first."""
        shapes = sorted(self.layout.get("shapes", []), key=lambda s: s.get("layer") != "below")
        below = sum(shape.get("layer") == "below" for shape in shapes)
        kinds = {"heatmap": self._heatmap, "scatter": self._scatter}
        yield from map(self._shape, shapes[:below])
        yield from map(self._grid, self.axes.values())
        for trace in self.traces:
            if draw := kinds.get(trace.get("type", "scatter")):
                yield from draw(trace)
        yield from map(self._bar, self.bars)
        yield from map(self._shape, shapes[below:])
        for axis in self.axes.values():
            yield from self._labels(axis)
        yield from map(self._note, self.layout.get("annotations", []))
        title = self.layout.get("title", {})
        yield _text(title.get("text", ""), 0, title.get("pad", {}).get("t", 20), title.get("font"))
        if self.layout.get("showlegend"):
            yield from self._legend()

    def _grid(self, axis: _Axis) -> str:
        other, options = self.across(axis), axis.options
        ends, way = (other.start, other.end), "V" if axis.letter == "x" else "H"
        lines = ""
        if options.get("showgrid", True) and not options.get("overlaying"):
            lines = "".join(_line(axis.of(unit), *ends, way) for unit, _ in axis.ticks())
        if options.get("showline"):
            lines += _line(axis.start, *ends, way) + _line(axis.end, *ends, way)
        return _path(lines, line={"color": LIGHT.rule, "width": 1})

    def _labels(self, axis: _Axis) -> Iterator[str]:
        edge, font = self.across(axis).start, axis.options.get("tickfont", {})
        size = font.get("size", 12)
        for unit, text in axis.ticks():
            at = axis.of(unit)
            if axis.letter == "y":
                yield _text(text, edge - 5, at + size * 0.35, font, "end")
            elif axis.turned():
                yield _text(text, at + size * 0.35, edge + 5, font, "end", turn=True)
            else:
                yield _text(text, at, edge + size + 3, font, "middle")
        title, middle = axis.options.get("title", {}), (axis.start + axis.end) / 2
        if axis.visible and axis.letter == "x":
            yield _text(
                title.get("text"), middle, edge + axis.room() - 4, title.get("font"), "middle"
            )
        elif axis.visible:
            beside = edge - axis.room() + 12
            yield _text(title.get("text"), beside, middle, title.get("font"), "middle", turn=True)

    def _scatter(self, trace: Part) -> Iterator[str]:
        x, y = self.of(trace)
        pairs = zip(_values(trace, "x"), _values(trace, "y"), strict=False)
        places = [(x.at(a), y.at(b)) for a, b in pairs]
        mode, line = trace.get("mode", "lines"), trace.get("line", {})
        if "lines" in mode:
            runs = groupby(places, key=lambda place: math.isfinite(sum(place)))
            path = "".join("M" + "L".join(_at(*p) for p in run) for finite, run in runs if finite)
            yield _path(path, line=line, fade=trace.get("opacity"))
        for letter in "xy":
            error = trace.get(f"error_{letter}", {})
            ends = [
                (axis.at(a), axis.at(b))
                for axis in (x, y)
                if axis.letter == letter
                for a, b in _bounds(trace, letter)
            ]
            lines = [
                _line(py, *end, "H") if letter == "x" else _line(px, *end, "V")
                for (px, py), end in zip(places, ends, strict=False)
                if end[0] != end[1]
            ]
            yield _path("".join(lines), line={**error, "width": error.get("thickness", 2)})
        if "markers" in mode:
            marker = trace.get("marker", {})
            looks = [{k: _nth(v, n) for k, v in marker.items()} for n in range(len(places))]
            seen = [pair for pair in zip(looks, places, strict=True) if math.isfinite(sum(pair[1]))]
            for _, group in groupby(seen, key=lambda pair: str(pair[0])):
                marks = list(group)
                yield _markers(marks[0][0], [place for _, place in marks])

    def _stacked(self) -> Iterator[Bar]:
        """Yield each bar: trace, place, where it begins and ends, half its width, colour."""
        tops: dict[tuple[Any, ...], float] = {}
        for trace in self.traces:
            if trace.get("type") != "bar":
                continue
            sizes, places = _values(trace, "y"), _values(trace, "x")
            if trace.get("orientation") == "h":
                sizes, places = places, sizes
            apart = [b - a for a, b in pairwise(places) if not isinstance(a, str)]
            half = min(apart, default=1) * (1 - self.layout.get("bargap", 0.2)) / 2
            colours = trace.get("marker", {}).get("color", LIGHT.pick)
            for number, (place, size) in enumerate(zip(places, sizes, strict=False)):
                key = (trace.get("xaxis"), trace.get("yaxis"), place)
                base = tops.get(key, 0.0) if self.layout.get("barmode") == "stack" else 0.0
                tops[key] = base + size
                yield trace, place, base, base + size, half, _nth(colours, number)

    def _bar(self, bar: Bar) -> str:
        trace, place, low, high, half, colour = bar
        x, y = self.of(trace)
        long, wide = (x, y) if trace.get("orientation") == "h" else (y, x)
        spot = wide.unit(place)
        ends = (long.of(low), long.of(high)), (wide.of(spot - half), wide.of(spot + half))
        box = _box(*ends[0], *ends[1]) if long is x else _box(*ends[1], *ends[0])
        return _path(box, fill=colour)

    def _heatmap(self, trace: Part) -> Iterator[str]:
        x, y = self.of(trace)
        cells = _array(trace["z"])  # (rows, columns)
        columns, rows = ([axis.of(edge) for edge in _edges(axis, trace)] for axis in (x, y))
        cells = cells[:: 1 if rows[0] < rows[-1] else -1, :: 1 if columns[0] < columns[-1] else -1]
        (left, *_, right), (top, *_, bottom) = sorted(columns), sorted(rows)
        low, high = trace.get("zmin", np.nanmin(cells)), trace.get("zmax", np.nanmax(cells))
        yield _image((cells - low) / ((high - low) or 1), trace, left, top, right, bottom)
        gaps = ("x", columns, top, bottom, "V"), ("y", rows, left, right, "H")
        for letter, edges, start, end, way in gaps:
            line = {"color": LIGHT.ground, "width": trace.get(f"{letter}gap", 0)}
            yield _path("".join(_line(edge, start, end, way) for edge in edges), line=line)
        if trace.get("showscale", True):
            bar = trace.get("colorbar", {})
            start = right + bar.get("xpad", 10)
            end = start + bar.get("thickness", 30)
            yield _image(np.linspace(1, 0, 32)[:, None], trace, start, top, end, bottom)
            values = _list(bar.get("tickvals")) or [low, high]
            texts = _list(bar.get("ticktext")) or [f"{value:g}" for value in values]
            for value, text in zip(values, texts, strict=True):
                at = bottom - (value - low) / ((high - low) or 1) * (bottom - top)
                middle = min(max(at + 4, top + 9), bottom)
                yield _text(str(text), end + 4, middle, bar.get("tickfont"))

    def _spot(self, part: Part, letter: str, value: Any, data: bool) -> float:
        """Return the pixel of a coordinate of a shape (data) or a note (as the axis counts)."""
        name, _, domain = part.get(f"{letter}ref", letter).partition(" ")
        if name == "paper" or domain:
            start, end = self.frame[letter]
            if domain:
                start, end = self.axes[name].start, self.axes[name].end
            return float(start + value * (end - start))
        axis = self.axes[name]
        return axis.at(value) if data or value in axis.names else axis.of(value)

    def _shape(self, shape: Part) -> str:
        look = {"fill": shape.get("fillcolor", "none"), "line": shape.get("line", {})}
        if shape["type"] != "path":
            (x0, x1), (y0, y1) = (
                [self._spot(shape, way, shape[f"{way}{end}"], data=True) for end in (0, 1)]
                for way in "xy"
            )
            straight = f"M{_at(x0, y0)}L{_at(x1, y1)}"
            path = straight if shape["type"] == "line" else _box(x0, x1, y0, y1)
            return _path(path, **look, fade=shape.get("opacity"))
        steps = []
        for letter, numbers in re.findall(r"([MLHVZ])([^MLHVZ]*)", shape["path"]):
            values = [float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", numbers)]
            ways = {"H": "x", "V": "y"}.get(letter, "xy")
            at = [self._spot(shape, w, v, data=True) for w, v in zip(ways, values, strict=False)]
            steps.append(letter + ",".join(map(_n, at)))
        return _path("".join(steps), **look)

    def _note(self, note: Part) -> str:
        font = {"size": 12, **note.get("font", {})}
        lines = re.split("<br>", note["text"])
        x = self._spot(note, "x", note["x"], data=False) + note.get("xshift", 0)
        y = self._spot(note, "y", note["y"], data=False) - note.get("yshift", 0)
        across = _end(note, "x", ("left", "center", "right"))
        up = _end(note, "y", ("bottom", "middle", "top"))
        if across == "center":
            x = min(x, WIDTH - max(_width(line, font) for line in lines) / 2)
        rest = (len(lines) - 1) * {"top": 0, "middle": 0.65, "bottom": 1.3}[up]
        return _text(note["text"], x, y + (LOWER[up] - rest) * font["size"], font, SIDES[across])

    def _legend(self) -> Iterator[str]:
        """Yield the names of traces under the figure, in as many rows as they need."""
        shown = [t for t in self.traces if t.get("showlegend", True) and t.get("name")]
        places, row, x = [], 0, 0.0
        for trace in shown:
            wide = _width(trace["name"], {}) + 44
            if x and x + wide > WIDTH:
                row, x = row + 1, 0.0
            places.append((trace, x, row))
            x += wide
        for trace, x, number in places:
            y = self.height - 10 - 19 * (row - number)
            marker = {k: _nth(v, 0) for k, v in trace.get("marker", {}).items()}
            if "lines" in trace.get("mode", ""):
                yield _path(_line(y - 4, x, x + 22, "H"), line=trace.get("line", {}))
            else:
                yield _markers({"symbol": "square", "size": 10, **marker}, [(x + 11, y - 4)])
            yield _text(trace["name"], x + 28, y, {})


def _list(value: Any) -> list[Any]:
    """Return the values of a list, or of an array as Plotly packs it."""
    if isinstance(value, Mapping):
        return list(_array(value).ravel().tolist())
    return [] if value is None else list(value)


def _array(value: Any) -> np.ndarray:
    if not isinstance(value, Mapping):
        return np.array(value, dtype=float)
    flat = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
    return flat.reshape([int(n) for n in str(value.get("shape", len(flat))).split(",")])


def _values(trace: Part, letter: str) -> list[Any]:
    """Return where a trace's points stand along an axis; one after the other by default."""
    other = _list(trace.get("x" if letter == "y" else "y"))
    return _list(trace.get(letter)) or list(range(len(other)))


def _nth(value: Any, number: int) -> Any:
    """Return what a value is for one mark: itself, or one of a list."""
    return _list(value)[number] if isinstance(value, list) or "bdata" in str(value) else value


def _bounds(trace: Part, letter: str) -> list[tuple[float, float]]:
    """Return the ends of each interval; none if the trace has none."""
    error = trace.get(f"error_{letter}", {})
    up = _list(error.get("array"))
    ends = zip(_list(trace.get(letter)), _list(error.get("arrayminus")) or up, up, strict=False)
    return [(value - less, value + more) for value, less, more in ends]


def _edges(axis: _Axis, trace: Part) -> list[float]:
    """Return where the cells of a heat map begin and where the last one ends."""
    cells = _array(trace["z"]).shape[axis.letter == "x"]
    units = [axis.unit(v) for v in _list(trace.get(axis.letter))] or [
        float(n) for n in range(cells)
    ]
    step = (units[-1] - units[0]) / (len(units) - 1) if len(units) > 1 else 1.0
    return [units[0] + (n - 0.5) * step for n in range(cells + 1)]


def _nice(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least a step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power > step * 0.999)


def _end(note: Part, letter: str, names: Sequence[str]) -> str:
    """Return which end of a note stands at its place; on paper, the one at the nearer edge."""
    given = note.get(f"{letter}anchor", "auto")
    on_paper = note.get(f"{letter}ref") == "paper"
    nearer = names[min(2, int(note[letter] * 3))] if on_paper else names[1]
    return nearer if given == "auto" else str(given)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _at(x: float, y: float) -> str:
    return f"{_n(x)},{_n(y)}"


def _line(at: float, start: float, end: float, way: str) -> str:
    """Return a line upright (V) or level (H), from a start to an end."""
    return f"M{_at(at, start) if way == 'V' else _at(start, at)}{way}{_n(end)}"


def _box(x0: float, x1: float, y0: float, y1: float) -> str:
    return f"M{_at(x0, y0)}H{_n(x1)}V{_n(y1)}H{_n(x0)}Z"


def _path(
    path: str, fill: str = "none", line: Part | None = None, fade: float | None = None
) -> str:
    width = (line or {}).get("width", 2) if line is not None else 0
    if not path or (fill in ("none", CLEAR) and not width):
        return ""
    look = f' fill="{fill}"'
    if line is not None and width and line.get("color") != CLEAR:
        look += f' stroke="{line.get("color", LIGHT.ink)}" stroke-width="{_n(width)}"'
        if dash := DASHES.get(line.get("dash", "solid")):
            look += f' stroke-dasharray="{dash}"'
    look += f' opacity="{fade}"' if fade is not None else ""
    return f'<path d="{path}"{look}/>'


def _markers(marker: Part, places: Iterable[tuple[float, float]]) -> str:
    """Draw marks of one look."""
    symbol, half = str(marker.get("symbol", "circle")), marker.get("size", 6) / 2
    sizes = [_n(size) for size in (-half, half, 2 * half, 1.3 * half)]
    mark = MARKS.get(symbol.removesuffix("-open"), ROUND).format(*sizes)
    colour, line = marker.get("color", LIGHT.pick), {"width": 0, **marker.get("line", {})}
    if symbol.endswith("-open"):
        colour, line = "none", {"color": colour, "width": 1.5}
    path = "".join(f"M{_at(*place)}{mark}" for place in places)
    return _path(path, fill=colour, line=line, fade=marker.get("opacity"))


def _width(text: str, font: Part) -> float:
    share = 0.61 if "mono" in font.get("family", "") else 0.56
    return len(re.sub(r"<[^>]*>", "", text)) * share * float(font.get("size", 12))


def _text(
    text: str | None, x: float, y: float, font: Part | None, side: str = "start", turn: bool = False
) -> str:
    """Write lines, the first one's baseline at `y`, or one line upwards."""
    font = {"size": 12, "color": LIGHT.ink, **(font or {})}
    look = f' font-size="{font["size"]}" fill="{font["color"]}" text-anchor="{side}"'
    if "mono" in font.get("family", ""):
        look += f' font-family="{html.escape(MONO)}"'
    if turn:
        look += f' transform="rotate(-90 {_n(x)} {_n(y)})"'
    lines = [(n, line) for n, line in enumerate(re.split("<br>", text or "")) if line]
    return "".join(
        f'<text x="{_n(x)}" y="{_n(y + n * font["size"] * 1.3)}"{look}>{_markup(line)}</text>'
        for n, line in lines
    )


def _markup(line: str) -> str:
    """Return a line of Plotly's own markup as SVG; everything else in it is text."""
    parts = re.split(r"(</?(?:b|i|span)(?: [^>]*)?>)", line)
    looks = {"<b>": ' font-weight="700"', "<i>": ' font-style="italic"'}
    for number, part in enumerate(parts):
        if number % 2 == 0:
            parts[number] = html.escape(html.unescape(part), quote=False)
        elif part.startswith("</"):
            parts[number] = "</tspan>"
        else:
            size = re.search(r"font-size:(\d+)px", part)
            sized = f' font-size="{size[1]}"' if size else ""
            parts[number] = f"<tspan{looks.get(part, sized)}>"
    return "".join(parts)


def _image(
    shares: np.ndarray, trace: Part, left: float, top: float, right: float, bottom: float
) -> str:
    """Draw shares (rows, columns) of a heat map's range, one pixel each, as large as a box."""
    scale = trace.get("colorscale") or "Viridis"
    steps = get_colorscale(scale) if isinstance(scale, str) else scale
    channels = np.array([_channels(colour) for _, colour in steps])  # (steps, 4)
    at = [float(place) for place, _ in steps]
    levels = np.linspace(0, 1, 255)
    palette = np.stack([np.interp(levels, at, channel) for channel in channels.T], axis=-1)
    palette = np.concatenate([np.zeros((1, 4)), palette]).round().astype(np.uint8)  # 0: no value
    seen = np.nan_to_num(shares.clip(0, 1)) * 254 + 1
    pixels = np.where(np.isfinite(shares), seen.round(), 0).astype(np.uint8)
    place = f'x="{_n(left)}" y="{_n(top)}" width="{_n(right - left)}" height="{_n(bottom - top)}"'
    return (
        f'<image {place} preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{_png(pixels, palette)}"/>'
    )


def _channels(colour: str) -> list[float]:
    """Return red, green, blue and opacity, to 255."""
    if colour.startswith("#"):
        return [*(int(colour[i : i + 2], 16) for i in (1, 3, 5)), 255]
    red, green, blue, *opacity = (float(n) for n in re.findall(r"[\d.]+", colour))
    return [red, green, blue, 255 * (opacity or [1.0])[0]]


def _png(pixels: np.ndarray, palette: np.ndarray) -> str:
    """Return an image as base64: (rows, columns) of numbers of colours, (256, 4) bytes."""
    rows, columns = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0),
        b"PLTE": palette[:, :3].tobytes(),
        b"tRNS": palette[:, 3].tobytes(),
        b"IDAT": zlib.compress(lines, 0),  # not compressed: libraries differ in how they do it
        b"IEND": b"",
    }
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks.items():
        check = struct.pack(">I", zlib.crc32(kind + body))
        data += struct.pack(">I", len(body)) + kind + body + check
    return base64.b64encode(data).decode()
