"""The controls of the head browser: ordinary ipywidgets, and one voice for what they change."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets as widgets

OWN = "Your own text"
_TYPE = "Type your own text and press Enter."
_NEEDS_MODEL = "Your own text needs a model: HeadBrowser(texts, trace=...)"


class HeadControls:
    """A menu, a text box, three sliders and a line of text.

    Parameters
    ----------
    titles : sequence of str
        Texts to choose from.
    layers, heads : int
        How many there are.
    live : bool
        Whether readers may type a text of their own.
    change : callable
        Called with "text", "layer", "head" or "k" and the value that a reader chose; a ValueError
        is shown to the reader.
    """

    def __init__(
        self,
        titles: Sequence[str],
        layers: int,
        heads: int,
        live: bool,
        change: Callable[[str, Any], None],
    ) -> None:
        self._change = change
        self._showing = False
        options = [*titles, OWN] if live else list(titles)
        half = widgets.Layout(flex="1 1 300px", min_width="0")
        self.choice = widgets.Dropdown(options=options, description="Text", layout=half)
        self.own = widgets.Text(
            description="Your text",
            placeholder=_TYPE if live else _NEEDS_MODEL,
            continuous_update=False,
            disabled=not live,
            layout=half,
        )
        self.layer = _slider("Layer", layers)
        self.head = _slider("Head", heads)
        self.k = _slider("k", 2)
        self.said = widgets.HTML()
        self.choice.observe(self._on_choice, "value")
        self.own.observe(self._on_own, "value")
        for name in ("layer", "head", "k"):
            getattr(self, name).observe(self._on_slider(name), "value")

    def rows(self) -> list[Any]:
        """Return the widgets from top to bottom; rows break on narrow screens."""
        wrap = widgets.Layout(flex_flow="row wrap", width="100%")
        texts = widgets.HBox([self.choice, self.own], layout=wrap)
        numbers = widgets.HBox([self.layer, self.head, self.k], layout=wrap)
        return [texts, numbers, self.said]

    def show(self, text: str, layer: int, head: int, k: int, bounds: tuple[int, int]) -> None:
        """Let the controls follow what is drawn, without telling anybody."""
        with self._silent():
            listed = text in self.choice.options and text != OWN
            self.choice.value = text if listed else OWN
            self.own.value = "" if listed else text
            self.layer.value, self.head.value = layer, head
            least, most = bounds
            self.k.min = 0  # below any maximum, so that the bounds never cross
            self.k.max = max(most, least + 1)
            self.k.min = least
            self.k.value = k
            self.k.disabled = least == most

    def say(self, sentence: str, note: str = "") -> None:
        """Write a sentence below the controls; screen readers speak it when it changes."""
        body = f"<b>{escape(sentence)}</b> {escape(note)}"
        self.said.value = f'<div role="status" style="line-height:1.5">{body}</div>'

    @contextmanager
    def _silent(self) -> Iterator[None]:
        self._showing = True
        try:
            yield
        finally:
            self._showing = False

    def _tell(self, name: str, value: Any) -> None:
        if self._showing:
            return
        try:
            self._change(name, value)
        except ValueError as error:
            self.say("Not possible.", f"{error}")

    def _on_choice(self, change: Any) -> None:
        if change["new"] != OWN:
            self._tell("text", change["new"])
        elif not self._showing:
            with self._silent():
                self.choice.value = change["old"]
            self.say(_TYPE)

    def _on_own(self, change: Any) -> None:
        if change["new"].strip():
            self._tell("text", change["new"])

    def _on_slider(self, name: str) -> Callable[[Any], None]:
        return lambda change: self._tell(name, change["new"])


def _slider(name: str, count: int) -> Any:
    """Return a slider from 0; a slider without any room would not draw at all."""
    return widgets.IntSlider(
        max=max(count - 1, 1),
        disabled=count < 2,
        description=name,
        layout=widgets.Layout(flex="1 1 220px", min_width="0"),
    )
