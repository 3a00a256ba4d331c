"""Components as widgets: live in a notebook, static twins everywhere else."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mosa_edu.checks import require
from mosa_edu.records import RoutingTrace
from mosa_edu.viz.assets import module_text
from mosa_edu.viz.components import static as twin
from mosa_edu.viz.components.explorer import (
    WEIGHTS_URL,
    PageModel,
    explorer_data,
    fallback_html,
    first_head,
    first_token,
    recorded_model,
)

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ImportError('widgets need the extra packages: pip install "mosa_edu[viz]"') from error


class Component(anywidget.AnyWidget):
    """A figure of the book as a widget; subclasses say what it draws.

    A notebook shows the widget itself; a built page shows the HTML that is stored beside it,
    which draws the same with the same code and no kernel.
    """

    component: ClassVar[str]

    def state(self) -> dict[str, Any]:
        """Return what the static twin draws, as plain JSON values."""
        raise NotImplementedError

    def fallback(self) -> str:
        """Return HTML for readers without scripts."""
        raise NotImplementedError

    def element(self) -> str:
        """Return HTML that expects the component's script on the page, as the book has it."""
        return twin.element(self.component, self.fallback(), self.state())

    def static(self) -> Any:
        """Return the figure as HTML that needs nothing else, for other pages."""
        from IPython.display import HTML

        return HTML(twin.self_contained(self.component, self.fallback(), self.state()))

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/html": self.element(), "text/plain": repr(self)}, metadata


class RoutingExplorer(Component):
    """Which tokens each head keeps, why those, and what it saves.

    Parameters
    ----------
    examples : RoutingTrace or mapping of str to RoutingTrace
        What to draw; with several traces, by title, readers choose.
    model : str or Path, optional
        File of the model that was traced, as `save_page_model` wrote it, which readers may run on
        their own text. If it is not given: the shipped model, if the trace is of it.
    layer, head, selected : int, optional
        Head and token of the first frame. If they are not given: a head that keeps one kind of
        token, and the pick of it that looks at the others most.
    weights_url : str
        Where a built page finds the model file, from its root.
    fetched : mapping of str to str, optional
        Addresses of all but the first example that a built page fetches on demand.
    links : mapping of str to str, optional
        Addresses of the explanations `leak`, `budget` and `selftest`.

    Attributes
    ----------
    text : str
        The reader's own text; empty while an example is shown.
    layer, head, selected, k : int
        What the reader studies; k is 0 while heads keep their own share. Reading them tells what
        the reader chose, setting them changes the figure.

    Raises
    ------
    ValueError
        If the traces, the model, the head or the token do not belong together.
    """

    component = "explorer"
    _esm = module_text("explorer")
    data = traitlets.Dict().tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    k = traitlets.Int(0).tag(sync=True)
    wants_weights = traitlets.Bool(False).tag(sync=True)
    weights = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        examples: RoutingTrace | Mapping[str, RoutingTrace],
        model: str | Path | None = None,
        *,
        layer: int | None = None,
        head: int | None = None,
        selected: int | None = None,
        weights_url: str | None = WEIGHTS_URL,
        fetched: Mapping[str, str] | None = None,
        links: Mapping[str, str] | None = None,
    ) -> None:
        named = {"Stored example": examples} if isinstance(examples, RoutingTrace) else examples
        require(len(named) > 0, "examples", "none", "at least one trace")
        self._trace = trace = next(iter(named.values()))
        self._model = recorded_model(trace) if model is None else PageModel.read(model)
        best_layer, best_head = first_head(trace)
        layer = best_layer if layer is None and head is None else layer or 0
        head = best_head if head is None else head
        trace.check_head(layer, head)
        token = first_token(trace, layer, head) if selected is None else selected
        require(-1 <= token < trace.T, "selected", selected, f"in [0, {trace.T})")
        self._limit = trace.T if self._model is None else self._model.config["max_seq_len"]
        start = {"layer": layer, "head": head, "token": token}
        data = explorer_data(
            named, self._model, start=start, weights_url=weights_url, fetched=fetched, links=links
        )
        live = {**data, "kernel": self._model is not None}
        super().__init__(data=live, layer=layer, head=head, selected=token)

    def __repr__(self) -> str:
        shown = f"layer={self.layer}, head={self.head}"
        return f"RoutingExplorer({self._trace.model['name']!r}, T={self._trace.T}, {shown})"

    def state(self) -> dict[str, Any]:
        """Return what the static twin draws: the first frame, or what Python has set since."""
        shown = {name: getattr(self, name) for name in ("text", "layer", "head", "selected", "k")}
        return {"data": {**self.data, "kernel": False}, **shown}

    def fallback(self) -> str:
        """Return the text, the scores and the numbers of the chosen head."""
        return fallback_html(self._trace, self.layer, self.head)

    def page(self, title: str = "Routing explorer") -> str:
        """Return one HTML page that holds all it needs, the model's weights included."""
        state = self.state()
        if self._model is not None:
            state["weights"] = base64.b64encode(self._model.path.read_bytes()).decode("ascii")
        return twin.page(title, twin.self_contained(self.component, self.fallback(), state))

    @traitlets.validate("layer", "head")
    def _check_head(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        allowed = self._trace.layers if name == "layer" else self._trace.heads
        require(0 <= value < allowed, name, value, f"in [0, {allowed})")
        return value

    @traitlets.validate("selected", "k")
    def _check_token(self, proposal: Any) -> int:
        """Accept what some text may have; a picture of a shorter one falls to its last pick."""
        name, value = proposal["trait"].name, proposal["value"]
        least = -1 if name == "selected" else 0
        require(least <= value <= self._limit, name, value, f"in [{least}, {self._limit}]")
        return value

    @traitlets.validate("text")
    def _check_text(self, proposal: Any) -> str:
        """Replace lone surrogates, which no message can carry, as the page does."""
        return proposal["value"].encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    @traitlets.observe("wants_weights")
    def _send_weights(self, change: Any) -> None:
        if change["new"] and self._model is not None and not self.weights:
            self.weights = self._model.path.read_bytes()
