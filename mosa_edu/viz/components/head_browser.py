"""The head browser: ordinary ipywidgets that drive ordinary Plotly figures in a live kernel."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from html import escape
from numbers import Integral
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.records.codec import encode
from mosa_edu.viz.base import live_output
from mosa_edu.viz.charts.masks import selection_mask
from mosa_edu.viz.charts.routing import head_heatmap
from mosa_edu.viz.components import static
from mosa_edu.viz.components.explorer import first_head, head_fallback
from mosa_edu.viz.words import finding, token_labels

OWN = "Your own text"
MARK = "what_if"
"""Field of the provenance that tells a trace with a moved cut from one that a model made."""
_TYPE = "Type your own text and press Enter."
_NEEDS_MODEL = "Your own text needs a model: HeadBrowser(texts, trace=...)"
Run = Callable[[str, int | None], RoutingTrace]


class HeadBrowser(widgets.VBox):
    """Choose a text, a layer, a head and k; see the scores, the picks and the mask.

    Parameters
    ----------
    texts : RoutingTrace, or mapping of str to RoutingTrace or str
        What readers choose from, by title; plain texts are traced. The first is shown first.
    trace : callable, optional
        Runs the model: called with a text and with k, or with None for the model's own k. See
        `mosa_edu.tracing.Tracer`. Without it, k moves the cut through the stored scores, which the
        figure then says, and readers cannot type a text of their own.
    layer, head, k : int, optional
        Where to begin. If they are not given: a head that keeps one kind of token; the k that the
        text was traced with.

    Attributes
    ----------
    text : str
        Title of the text that is shown, or the reader's own text.
    layer, head, k : int
        Where the sliders stand. All four can be set: the sliders and the figures follow.
    trace : RoutingTrace
        What is drawn.
    figure, mask : plotly.graph_objects.Figure
        Router scores of the layer; pairs that the head computes.

    Raises
    ------
    ValueError
        On assignment too, by name: for what is not there, and for another text or another k
        where no model was given and scores alone cannot tell. The state then stays as it was.
    """

    def __init__(
        self,
        texts: RoutingTrace | Mapping[str, RoutingTrace | str],
        trace: Run | None = None,
        *,
        layer: int | None = None,
        head: int | None = None,
        k: int | None = None,
    ) -> None:
        self._run = trace
        self._texts = _traces(texts, trace)
        self._text, first = next(iter(self._texts.items()))
        self._own = self._trace = first  # with the text's own k; with the k that is shown
        best = first_head(first) if layer is None and head is None else (0, 0)
        self._layer = best[0] if layer is None else layer
        self._head = best[1] if head is None else head
        first.check_head(self._layer, self._head)
        half = widgets.Layout(flex="1 1 300px", min_width="0")
        wrap = widgets.Layout(flex_flow="row wrap", width="100%")
        self._choice = widgets.Dropdown(
            options=[*self._texts, OWN] if trace else list(self._texts),
            **{"description": "Text", "layout": half},
        )
        self._typed = widgets.Text(
            description="Your text",
            placeholder=_TYPE if trace else _NEEDS_MODEL,
            **{"continuous_update": False, "disabled": trace is None, "layout": half},
        )
        self._sliders = {
            "layer": _slider("Layer", first.layers),
            "head": _slider("Head", first.heads),
            "k": _slider("k", 2),
        }
        self._said = widgets.HTML()
        self._outputs = widgets.Output(), widgets.Output()
        self._following = False
        self._choice.observe(self._on_choice, "value")
        self._typed.observe(partial(self._on_change, "text"), "value")
        for name, slider in self._sliders.items():
            slider.observe(partial(self._on_change, name), "value")
        texts_row = widgets.HBox([self._choice, self._typed], layout=wrap)
        numbers_row = widgets.HBox(list(self._sliders.values()), layout=wrap)
        super().__init__(children=[texts_row, numbers_row, self._said, *self._outputs])
        if k is None:
            self._draw()
        else:
            self.k = k

    def __repr__(self) -> str:
        where = f"layer={self.layer}, head={self.head}, k={self.k}"
        return f"HeadBrowser({self.text!r}, T={self.trace.T}, {where})"

    @property
    def text(self) -> str:
        """Title of the text that is shown, or the reader's own text."""
        return self._text

    @text.setter
    def text(self, value: str) -> None:
        trace = self._texts.get(value)
        if trace is None:
            trace = self._traced(value, None)
        self._text, self._own, self._trace = value, trace, trace
        self._draw()

    @property
    def layer(self) -> int:
        """The layer that is drawn."""
        return self._layer

    @layer.setter
    def layer(self, value: int) -> None:
        require(isinstance(value, Integral), "layer", value, "a whole number")
        self._trace.check_head(value, self._head)
        self._layer = int(value)
        self._draw()

    @property
    def head(self) -> int:
        """The head that is pointed out."""
        return self._head

    @head.setter
    def head(self, value: int) -> None:
        require(isinstance(value, Integral), "head", value, "a whole number")
        self._trace.check_head(self._layer, value)
        self._head = int(value)
        self._draw()

    @property
    def k(self) -> int:
        """Tokens that every head keeps; of heads that keep various numbers, the most."""
        return self._trace.k

    @k.setter
    def k(self, value: int) -> None:
        least, most = _k_bounds(self._own, self._run is not None)
        known = isinstance(value, Integral) and least <= value <= most
        require(known, "k", value, f"in [{least}, {most}]")
        if value == self._own.k:
            self._trace = self._own
        elif self._run is None:
            self._trace = rethreshold(self._own, int(value))
        else:
            self._trace = self._traced(self._own.text, int(value))
        self._draw()

    @property
    def trace(self) -> RoutingTrace:
        """What is drawn; `provenance["what_if"]` is there if no model ran with this k."""
        return self._trace

    @property
    def figure(self) -> go.Figure:
        """Router scores of the layer, the head's picks in blue: a new figure each time."""
        return head_heatmap(self._trace, self._layer, self._head)

    @property
    def mask(self) -> go.Figure:
        """Pairs of tokens that the head computes beside those of a dense head."""
        figure = selection_mask(self._trace, self._layer, self._head)
        if MARK in self._trace.provenance:  # the weights of these pairs were never computed
            pairs = [text.partition(", weight")[0] for text in figure.data[-1].text]
            figure.data[-1].text = pairs
        return figure

    def static(self) -> Any:
        """Return the figure as HTML that needs neither a kernel nor the book's scripts."""
        from IPython.display import HTML

        return HTML(static.self_contained("heads", self._fallback(), self._state()))

    def element(self) -> str:
        """Return HTML that expects the element's script on the page, as the book has it."""
        return static.element("heads", self._fallback(), self._state())

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/html": self.element(), "text/plain": repr(self)}, metadata

    def _fallback(self) -> str:
        return head_fallback(self._trace, self._layer, self._head)

    def _state(self) -> dict[str, Any]:
        """Return what the static page draws: it moves k as a browser without a model does."""
        what_if = MARK in self._trace.provenance
        texts = {**self._texts, self._text: self._own if what_if else self._trace}
        return {
            "texts": [_stored(title, trace) for title, trace in texts.items()],
            **{"text": list(texts).index(self._text), "layer": self._layer, "head": self._head},
            "k": self.k,
        }

    def _traced(self, text: str, k: int | None) -> RoutingTrace:
        """Run the model on a text."""
        allowed = f"one of {list(self._texts)}; another text needs a model, as trace=..."
        require(isinstance(text, str) and self._run is not None, "text", text, allowed)
        assert self._run is not None
        trace = self._run(text, k)
        _check_same_heads(trace, self._own)
        return trace

    def _on_choice(self, change: Any) -> None:
        if change["new"] != OWN:
            self._on_change("text", change)
        elif not self._following:
            self._follow()
            self._say(_TYPE)

    def _on_change(self, name: str, change: Any) -> None:
        """Do what a reader asks, or let the sliders go back; what was typed stays in its box."""
        if self._following or not str(change["new"]).strip():
            return
        try:
            setattr(self, name, change["new"])
        except ValueError as error:
            if name != "text":
                self._follow()
            self._say("Not possible.", f"{error}")

    def _follow(self) -> None:
        """Let the controls show what is drawn, without telling anybody."""
        least, most = _k_bounds(self._own, self._run is not None)
        listed = self._text in self._texts
        k = self._sliders["k"]
        self._following = True
        self._choice.value = self._text if listed else OWN
        self._typed.value = "" if listed else self._text
        self._sliders["layer"].value, self._sliders["head"].value = self._layer, self._head
        k.min = 0  # below any maximum, so that the bounds never cross
        k.max = max(most, least + 1)
        k.min, k.value, k.disabled = least, self.k, least == most
        self._following = False

    def _say(self, sentence: str, note: str = "") -> None:
        """Write a sentence below the controls; screen readers speak it when it changes."""
        body = f"<b>{escape(sentence)}</b> {escape(note)}"
        self._said.value = f'<div role="status" style="line-height:1.5">{body}</div>'

    def _draw(self) -> None:
        self._follow()
        trace = self._trace
        labels = token_labels([token.text for token in trace.tokens])
        kept = " ".join(labels[t] for t in trace.selected(self._layer, self._head))
        sentence = finding(trace, self._layer, self._head).sentence
        self._say(sentence, f"{trace.provenance.get(MARK, '')} {kept}".strip())
        for output, figure in zip(self._outputs, (self.figure, self.mask), strict=True):
            output.layout.min_height = f"{figure.layout.height}px"  # nothing jumps meanwhile
            output.outputs = [live_output(figure)]


def _slider(name: str, count: int) -> Any:
    """Return a slider from 0; a slider without any room would not draw at all."""
    room = {"max": max(count - 1, 1), "disabled": count < 2}
    layout = widgets.Layout(flex="1 1 220px", min_width="0")
    return widgets.IntSlider(description=name, layout=layout, **room)


def rethreshold(trace: RoutingTrace, k: int) -> RoutingTrace:
    """Move the cut of every head while its scores stay as they were traced.

    This is not what the model would do: with another k, the layers above the first would see
    other tokens and score them otherwise.
    """
    require(1 <= k <= trace.T, "k", k, f"in [1, {trace.T}]")
    if k == trace.k:
        return trace
    known = keeps_its_best(trace)
    require(known, "k", k, f"{trace.k}: not scores alone decide what heads keep")
    triangle = (trace.layers, trace.heads, k * (k + 1) // 2)
    said = f"What if k were {k}: scores held as traced at k = {trace.k}."
    return replace(
        trace,
        indices=_best(trace, k),
        attention=np.zeros(triangle, dtype=np.uint8),
        provenance={**trace.provenance, MARK: said},
    )


def keeps_its_best(trace: RoutingTrace) -> bool:
    """Whether every head keeps the k tokens that it scores highest, and nothing else decides."""
    return trace.counts is None and np.array_equal(trace.indices, _best(trace, trace.k))


def _best(trace: RoutingTrace, k: int) -> np.ndarray:
    return np.sort(trace.order[..., :k], axis=-1).astype(np.uint16)


def _k_bounds(trace: RoutingTrace, live: bool) -> tuple[int, int]:
    """Return the smallest and the largest k that a slider offers."""
    if not live and not keeps_its_best(trace):
        return trace.k, trace.k
    return min(2, trace.k), min(trace.T, max(32, 2 * trace.k))


def _stored(title: str, trace: RoutingTrace) -> dict[str, Any]:
    """Return what the static page needs of a text."""
    rows = list(np.ndindex(trace.layers, trace.heads))
    picks = [trace.selected(*row).tolist() for row in rows]
    scores = [trace.scores[row][own] for row, own in zip(rows, picks, strict=True)]
    return {
        "title": title,
        "tokens": [token.text for token in trace.tokens],
        "layers": trace.layers,
        "heads": trace.heads,
        "k": trace.k,
        "bounds": _k_bounds(trace, live=False),
        "scores": encode(np.round(trace.scores / 257).astype(np.uint8)),
        "order": encode(trace.order),
        "picks": None if keeps_its_best(trace) else picks,
        "level": [place for place, own in enumerate(scores) if (own == own[:1]).all()],
    }


def _traces(
    texts: RoutingTrace | Mapping[str, RoutingTrace | str], run: Run | None
) -> dict[str, RoutingTrace]:
    """Return the texts as traces by title, running the model where there is none yet."""
    named = {"Stored text": texts} if isinstance(texts, RoutingTrace) else dict(texts)
    require(len(named) > 0, "texts", "none", "at least one")
    require(OWN not in named, "texts", OWN, "titled otherwise")
    found: dict[str, RoutingTrace] = {}
    for title, text in named.items():
        if isinstance(text, str):
            require(run is not None, "texts", title, "a trace, or given with a model, as trace=...")
            assert run is not None
            text = run(text, None)
        found[title] = text
        _check_same_heads(text, next(iter(found.values())))
    return found


def _check_same_heads(trace: RoutingTrace, first: RoutingTrace) -> None:
    found, expected = (trace.layers, trace.heads), (first.layers, first.heads)
    require(found == expected, "trace", found, f"of {expected} layers and heads, as the first")
