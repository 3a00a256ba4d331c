"""The head browser: ordinary ipywidgets that drive ordinary Plotly figures in a live kernel."""

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz import twin
from mosa_edu.viz.charts.base import caption
from mosa_edu.viz.charts.masks import selection_mask
from mosa_edu.viz.charts.one_head import head_heatmap
from mosa_edu.viz.explorer import first_head
from mosa_edu.viz.fallback import fallback_html
from mosa_edu.viz.head_controls import OWN, HeadControls
from mosa_edu.viz.head_twin import twin_state
from mosa_edu.viz.live_output import live_output
from mosa_edu.viz.what_if import MARK, k_bounds, rethreshold

Run = Callable[[str, int | None], RoutingTrace]


class HeadBrowser(widgets.VBox):
    """Choose a text, a layer, a head and k; see the scores, the picks and the mask.

    Parameters
    ----------
    texts : RoutingTrace, or mapping of str to RoutingTrace or str
        What readers choose from, by title; plain texts are traced. The first is shown first.
    trace : callable, optional
        Runs the model: called with a text and with k, or with None for the model's own k. See
        `mosa_edu.tracer.Tracer`. Without it, k moves the cut through the stored scores, which the
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
        self._own = self._trace = first
        best = first_head(first) if layer is None and head is None else (0, 0)
        self._layer = best[0] if layer is None else layer
        self._head = best[1] if head is None else head
        first.check_head(self._layer, self._head)
        self._controls = HeadControls(
            list(self._texts), first.layers, first.heads, trace is not None, self._change
        )
        self._outputs = widgets.Output(), widgets.Output()
        super().__init__(children=[*self._controls.rows(), *self._outputs])
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
        least, most = k_bounds(self._own, self._run is not None)
        known = isinstance(value, Integral) and least <= value <= most
        require(known, "k", value, f"in [{least}, {most}]")
        value = int(value)
        if value == self._own.k:
            self._trace = self._own
        elif self._run is None:
            self._trace = rethreshold(self._own, value)
        else:
            self._trace = self._traced(self._own.text, value)
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

        return HTML(twin.self_contained("heads", self._fallback(), self._state()))

    def element(self) -> str:
        """Return HTML that expects the twin's script on the page, as the book has it."""
        return twin.element("heads", self._fallback(), self._state())

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/html": self.element(), "text/plain": repr(self)}, metadata

    def _fallback(self) -> str:
        return fallback_html(self._trace, self._layer, self._head)

    def _state(self) -> dict[str, Any]:
        """Return what the twin draws: it moves k as a browser without a model does."""
        what_if = MARK in self._trace.provenance
        shown = {self._text: self._own if what_if else self._trace}
        texts = {**self._texts, **shown}
        return twin_state(texts, self._text, self._layer, self._head, self.k)

    def _traced(self, text: str, k: int | None) -> RoutingTrace:
        """Run the model on a text."""
        allowed = f"one of {list(self._texts)}; another text needs a model, as trace=..."
        require(isinstance(text, str) and self._run is not None, "text", text, allowed)
        assert self._run is not None
        trace = self._run(text, k)
        _check_same_heads(trace, self._own)
        return trace

    def _change(self, name: str, value: Any) -> None:
        """Do what a reader asks, or let the sliders go back; what was typed stays in its box."""
        try:
            setattr(self, name, value)
        except ValueError:
            if name != "text":
                self._follow()
            raise

    def _follow(self) -> None:
        bounds = k_bounds(self._own, self._run is not None)
        self._controls.show(self._text, self._layer, self._head, self.k, bounds)

    def _draw(self) -> None:
        self._follow()
        figures = self.figure, self.mask
        what_if = self._trace.provenance.get(MARK, "")
        self._controls.say(caption(figures[0]), what_if)
        for output, figure in zip(self._outputs, figures, strict=True):
            output.layout.min_height = f"{figure.layout.height}px"  # nothing jumps meanwhile
            output.outputs = [live_output(figure)]


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
