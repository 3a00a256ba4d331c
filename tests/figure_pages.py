"""Figures on pages of their own: how they are opened and read, and what every one of them keeps."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import browser
import pytest
from page_engine import serve_web
from playwright.sync_api import Locator, Page

from mosa_edu.viz.assets import classic_script, module_text
from mosa_edu.viz.components.widgets import Component

HEAD = (
    '<!doctype html><html lang="en" data-theme="light" data-content_root="./">'
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>Figure</title><link rel="icon" href="data:,">'
    "<style>body{margin:8px auto;max-width:760px}"
    "html[data-theme=dark] body{background:#14181e;color:#fff}</style>"
)
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 780}, "has_touch": True}


def refuses(message: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Fail if a call does not end in a ValueError that says so."""
    with pytest.raises(ValueError, match=message):
        function(*arguments, **options)


class OpenFigure:
    """A figure on an open page, once it has drawn itself."""

    drawn = "(root) => root.querySelector('.finding').textContent !== ''"

    def __init__(self, page: Page, tag: str) -> None:
        self.page = page
        self.tag = tag
        self.root = f"document.querySelector('{tag} > div').shadowRoot"
        self.until(self.drawn)

    def every(self, selector: str) -> Locator:
        return self.page.locator(f"{self.tag} {selector}")

    def one(self, selector: str) -> Locator:
        return self.every(selector).first

    def all(self, selector: str, expression: str) -> list[Any]:
        """Return an expression of every `node` that a selector finds."""
        return self.every(selector).evaluate_all(f"(nodes) => nodes.map((node) => {expression})")

    def text(self, selector: str) -> str:
        return " ".join((self.one(selector).text_content() or "").split())

    def button(self, name: str, role: Any = "button") -> Locator:
        return self.page.get_by_role(role, name=name, exact=True)

    def slider(self, name: str) -> Locator:
        return self.button(name, "slider")

    def choose(self, name: str) -> None:
        self.button(name, "radio").click()

    def link(self) -> str:
        """Return the fragment of the page's address once it holds what was done last."""
        self.page.wait_for_timeout(450)  # it is written when the hand rests
        return self.page.url.partition("#")[2]

    def until(self, script: str, argument: Any = None) -> None:
        """Wait until a function of (root, argument) is true."""
        self.page.wait_for_function(
            f"(argument) => ({script})({self.root}, argument)", arg=argument
        )

    def until_text(self, selector: str, part: str) -> None:
        find = "(root, [s, part]) => root.querySelector(s)?.textContent.includes(part)"
        self.until(find, [selector, part])

    def until_says(self, part: str) -> None:
        self.until_text(".finding", part)

    def in_root(self, body: str, argument: Any = None) -> Any:
        """Run the body of a function of `root`, the shadow root, and `argument`."""
        return self.page.evaluate(f"(argument) => {{ const root = {self.root}; {body} }}", argument)

    def table(self) -> list[list[str]]:
        """Return the table, without its headings."""
        if not self.one("table").is_visible():
            self.button("Table view").click()
        return self.all("tbody tr", "[...node.cells].map((cell) => cell.textContent)")

    def copied_python(self) -> str:
        """Press the button and return what it copies."""
        self.page.evaluate("""() => {
          window.copied = undefined;
          navigator.clipboard.writeText = async (text) => { window.copied = text; };
        }""")
        self.button("Copy as Python").click()
        self.page.wait_for_function("window.copied !== undefined")
        return self.page.evaluate("window.copied")

    def printed(self) -> list[str]:
        """Run the cell that is copied and return the lines that it prints."""
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            exec(self.copied_python(), {})
        return told.getvalue().splitlines()

    def saved(self, button: str) -> str:
        """Press a button and return the file that it hands over."""
        with self.page.expect_download() as download:
            self.button(button).click()
        return Path(download.value.path()).read_text("utf-8")

    def assert_harmless(self) -> None:
        """Fail if a text of a link became an element, or ran."""
        self.page.wait_for_timeout(200)
        assert self.every("img").count() == 0
        assert self.page.evaluate("window.hurt") is None

    def assert_fits_a_phone(self, targets: str = "button") -> None:
        assert self.page.evaluate("document.documentElement.scrollWidth") <= 360
        for button in self.every(targets).all():
            assert not button.is_visible() or button.bounding_box()["height"] >= 43.9, button


class FigureContract:
    """What every figure keeps; a subclass says of which, its module's `address` says where."""

    kind: ClassVar[type[OpenFigure]] = OpenFigure
    parts: ClassVar[tuple[str, ...]] = (".finding", ".detail")
    hostile: ClassVar[tuple[str, ...]]
    targets = "button"

    def journey(self, shown: Any) -> None:
        """Do by hand what the link has to bring back."""
        raise NotImplementedError

    def check_hostile(self, shown: Any) -> None:
        """Look at what is shown in place of what a bad link asked for."""

    def check_phone(self, shown: Any) -> None:
        """Look at what else must fit a thumb."""

    def test_view_is_a_link_and_its_files_are_of_the_view(self, visit, address):
        """Catches a state that no link holds, and a picture or a table of another view."""
        shown = open_figure(visit, address, kind=self.kind)
        at_first = shown.text(".card")
        self.journey(shown)
        assert shown.text(".card") != at_first
        again = open_figure(visit, address, shown.link(), self.kind)
        again.until_says(shown.text(".finding"))
        for part in self.parts:
            assert again.text(part) == shown.text(part), part
        picture = again.saved("Save SVG")
        assert ElementTree.fromstring(picture).findtext("{*}title") == again.text(".finding")
        assert f"{address}#" in picture.replace("&amp;", "&")
        rows = shown.table()
        assert again.table() == rows
        assert len(again.saved("CSV").splitlines()) > len(rows) > 1

    def test_hostile_fragments_are_shown_as_text_or_refused(self, visit, address):
        """Catches a link whose words run, become an element, or leave a number that is none."""
        for fragment in self.hostile:
            shown = open_figure(visit, address, fragment, self.kind)
            shown.table()
            shown.assert_harmless()
            assert "NaN" not in shown.text(".card"), fragment
            self.check_hostile(shown)

    def test_phone_has_no_sideways_scrolling_and_large_targets(self, visit, address):
        shown = open_figure(visit, address, kind=self.kind, **PHONE)
        shown.assert_fits_a_phone(self.targets)
        self.check_phone(shown)

    def test_axe_finds_nothing_in_either_theme(self, visit, address):
        page = open_figure(visit, address, kind=self.kind).page
        for theme in ("light", "dark"):
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            assert browser.serious_findings(page) == [], theme


def stored_output(make: Callable[[], Component]) -> dict[str, str]:
    """Return what a notebook stores of a figure: the same each time, no markup of its texts."""
    first, second = (make()._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/html"] == second["text/html"]
    assert first["text/html"].count("</script>") == 1
    assert "<img" not in first["text/html"]
    assert "0x" not in first["text/plain"]
    return first


def write_page(folder: Path, widget: Component) -> str:
    """Write a page round a widget; return its address."""
    path = folder / f"{widget.component}.html"
    path.write_text(f"{HEAD}<h1>Figure</h1>{widget.static().data}")
    return path.as_uri()


def serve_page(site: Any, element: str, component: str, folder: str = "") -> str:
    """Write a page with an element, and its script beside it, on a local server."""
    script = component.replace("-", "_")
    (site.folder / folder).mkdir(exist_ok=True)
    (site.folder / folder / f"{script}.js").write_text(classic_script(script))
    page = f'{HEAD}<main><h1>Figure</h1>{element}</main><script src="{script}.js" defer></script>'
    (site.folder / folder / f"{component}.html").write_text(page)
    return f"{site.address}/{f'{folder}/' if folder else ''}{component}.html"


def open_figure(
    visit: Any, address: str, fragment: str = "", kind: Any = OpenFigure, **options: Any
) -> Any:
    """Open the page, at a fragment; `kind` is how it is read."""
    tag = f"mosa-{Path(address).stem}"
    return kind(visit(address + (f"#{fragment}" if fragment else ""), **options).page, tag)


def load_module(page: Page, name: str) -> None:
    """Make what a module of the page exports, and all it imports, the page's `own`."""
    serve_web(page)
    page.evaluate(f"async () => {{ window.own = await import('/{name}'); }}")


class LiveFigure(OpenFigure):
    """A figure as a notebook has it: its module, and a model that Python and the page share."""

    def __init__(self, page: Page, widget: Component) -> None:
        page.goto("about:blank")
        page.evaluate(
            """async ([source, state, tag]) => {
              const blob = new Blob([source], { type: "text/javascript" });
              const { default: component } = await import(URL.createObjectURL(blob));
              const heard = {};
              const tell = (name) => (heard[`change:${name}`] ?? []).forEach((own) => own());
              window.shared = state;
              window.fromPython = (name, value) => { state[name] = value; tell(name); };
              const model = {
                get: (name) => state[name],
                set: (name, value) => { state[name] = value; tell(name); },
                on: (event, own) => { (heard[event] ??= []).push(own); },
                off: () => {},
                save_changes: () => {},
              };
              const host = document.body.appendChild(document.createElement(tag));
              component.render({ model, el: host.appendChild(document.createElement("div")) });
            }""",
            [
                module_text(widget.component.replace("-", "_")),
                {**widget.state(), "kernel": True},
                f"mosa-{widget.component}",
            ],
        )
        super().__init__(page, f"mosa-{widget.component}")

    def set(self, **values: Any) -> None:
        """Set traits as Python does."""
        for trait in values.items():
            self.page.evaluate("([name, value]) => window.fromPython(name, value)", trait)

    def shared(self, *names: str) -> list[Any]:
        """Return traits as Python reads them."""
        return self.page.evaluate("(names) => names.map((name) => window.shared[name])", names)
