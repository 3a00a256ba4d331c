"""What all components are: live in a notebook, a static page with the same script elsewhere."""

import json
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from mosa_edu.checks import require
from mosa_edu.viz.assets import module_text
from mosa_edu.viz.components import static
from mosa_edu.viz.components.page_model import PageModel

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ImportError('widgets need the extra packages: pip install "mosa_edu[viz]"') from error


class Component(anywidget.AnyWidget):
    """A figure of the book as a widget.

    A subclass names its element (`component`, drawn by the module of that name in `web/`) and the
    traits that readers and Python move (`studied`). It passes `data`, all that the figure draws,
    and says what else it can: `allowed` values, and a `fallback` without scripts.

    A notebook shows the widget itself; a built page shows the HTML that is stored beside it,
    which draws the same with the same code and no kernel.
    """

    component: ClassVar[str]
    studied: ClassVar[tuple[str, ...]] = ()
    data = traitlets.Dict().tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "component" in vars(cls):
            cls._esm = module_text(cls.component.replace("-", "_"))
        super().__init_subclass__(**kwargs)

    def __init__(self, data: Mapping[str, Any], **studied: Any) -> None:
        super().__init__(data={**data, "kernel": data.get("kernel", True)}, **studied)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.studied)
        return f"{type(self).__name__}({shown})"

    def state(self) -> dict[str, Any]:
        """Return what a static page draws: the first frame, or what Python has set since."""
        shown = {name: getattr(self, name) for name in self.studied}
        return {"data": {**self.data, "kernel": False}, **shown}

    def fallback(self) -> str:
        """Return HTML for readers without scripts."""
        raise NotImplementedError

    def allowed(self) -> Mapping[str, Collection[Any]]:
        """Return what each checked trait may be: a range, or a list of names."""
        raise NotImplementedError

    def element(self) -> str:
        """Return HTML that expects the component's script on the page, as the book has it."""
        return static.element(self.component, self.fallback(), self.state())

    def static(self) -> Any:
        """Return the figure as HTML that needs nothing else, for other pages."""
        from IPython.display import HTML

        return HTML(static.self_contained(self.component, self.fallback(), self.state()))

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/html": self.element(), "text/plain": repr(self)}, metadata


def checked(*names: str) -> Any:
    """Check these traits of a component whenever they are set, against `allowed`."""

    def check(component: Component, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        require_allowed(name, value, component.allowed()[name])
        return value

    return traitlets.validate(*names)(check)


def require_allowed(name: str, value: Any, allowed: Collection[Any]) -> None:
    """Refuse a value that is none of those allowed, in a range or a list."""
    if isinstance(allowed, range):
        words = f"in [{allowed.start}, {allowed.stop})"
    else:
        words = f"one of {sorted(allowed)}"
    require(value in allowed, name, value, words)


class ModelComponent(Component):
    """A component whose page may run a model: its file goes to the page once, when asked for."""

    wants_weights = traitlets.Bool(False).tag(sync=True)
    weights = traitlets.Bytes(b"").tag(sync=True)
    wants_causal_weights = traitlets.Bool(False).tag(sync=True)
    causal_weights = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        data: Mapping[str, Any],
        model: PageModel | None,
        causal: PageModel | None = None,
        **studied: Any,
    ) -> None:
        self._files = {"weights": model, "causal_weights": causal}
        super().__init__({**data, "kernel": model is not None}, **studied)

    @traitlets.observe("wants_weights", "wants_causal_weights")
    def _send_weights(self, change: Any) -> None:
        name = change["name"].removeprefix("wants_")
        model = self._files[name]
        if change["new"] and model is not None and not getattr(self, name):
            setattr(self, name, model.path.read_bytes())


def by_title(name: str, given: Any, kind: type, title: str = "Recorded text") -> dict[str, Any]:
    """Return examples by title, one that came without a title under a name of its own."""
    named = {title: given} if isinstance(given, kind) else dict(given)
    require(len(named) > 0, name, "none", f"at least one {kind.__name__}")
    return named


def stored(record: Any) -> dict[str, Any]:
    """Return a record as plain values, without its provenance, which is of a machine."""
    values = json.loads(record.to_json())
    return {name: value for name, value in values.items() if name != "provenance"}
