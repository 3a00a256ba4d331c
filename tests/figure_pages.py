"""Figures that need no model, each alone on a page that is opened from disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

import browser
from explorer_pages import HEAD
from playwright.sync_api import Locator, Page, Route

from mosa_edu.viz.assets import WEB, classic_script, module_text
from mosa_edu.viz.components.widgets import Component


class OpenFigure:
    """A figure on an open page, once it has drawn itself."""

    drawn = "(root) => root.querySelector('.finding').textContent !== ''"

    def __init__(self, page: Page, tag: str) -> None:
        self.page = page
        self.tag = tag
        self.root = f"document.querySelector('{tag} > div').shadowRoot"
        self.until(self.drawn)

    def one(self, selector: str) -> Locator:
        return self.page.locator(f"{self.tag} {selector}").first

    def text(self, selector: str) -> str:
        return " ".join((self.one(selector).text_content() or "").split())

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def slider(self, name: str) -> Locator:
        return self.page.get_by_role("slider", name=name, exact=True)

    def link(self) -> str:
        """Return the fragment of the page's address once it holds what was done last."""
        self.page.wait_for_timeout(450)  # it is written when the hand rests
        return self.page.url.partition("#")[2]

    def until(self, script: str, argument: Any = None) -> None:
        self.page.wait_for_function(
            f"(argument) => ({script})({self.root}, argument)", arg=argument
        )

    def until_says(self, part: str) -> None:
        find = "(root, part) => root.querySelector('.finding').textContent.includes(part)"
        self.until(find, part)

    def table(self) -> list[list[str]]:
        """Return the table, without its headings."""
        if not self.one("table").is_visible():
            self.button("Table view").click()
        rows = self.page.locator(f"{self.tag} tbody tr")
        return rows.evaluate_all(
            "(rows) => rows.map((r) => [...r.cells].map((c) => c.textContent))"
        )

    def copied_python(self) -> str:
        """Press the button and return what it copies."""
        self.page.evaluate("""() => {
          window.copied = undefined;
          navigator.clipboard.writeText = async (text) => { window.copied = text; };
        }""")
        self.button("Copy as Python").click()
        self.page.wait_for_function("window.copied !== undefined")
        return self.page.evaluate("window.copied")

    def saved(self, button: str) -> str:
        """Press a button and return the file that it hands over."""
        with self.page.expect_download() as download:
            self.button(button).click()
        return Path(download.value.path()).read_text()

    def title_of_picture(self) -> str | None:
        return ElementTree.fromstring(self.saved("Save SVG")).findtext("{*}title")

    def assert_harmless(self) -> None:
        """Fail if a text of a link became an element, or ran."""
        self.page.wait_for_timeout(200)
        assert self.page.locator(f"{self.tag} img").count() == 0
        assert self.page.evaluate("window.hurt") is None

    def assert_fits_a_phone(self, targets: str = "button") -> None:
        assert self.page.evaluate("document.documentElement.scrollWidth") <= 360
        for button in self.page.locator(f"{self.tag} {targets}").all():
            if button.is_visible():
                assert button.bounding_box()["height"] >= 43.9


PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 780}, "has_touch": True}


def stored_output(make: Callable[[], Component]) -> dict[str, str]:
    """Return what a notebook stores of a figure: the same each time, no markup of its texts."""
    first, second = (make()._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/html"] == second["text/html"]
    assert first["text/html"].count("</script>") == 1
    assert "<img" not in first["text/html"]
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
    page = f'{HEAD}<h1>Figure</h1>{element}<script src="{script}.js" defer></script>'
    (site.folder / folder / f"{component}.html").write_text(page)
    return f"{site.address}/{f'{folder}/' if folder else ''}{component}.html"


Figure = TypeVar("Figure", bound=OpenFigure)


def open_figure(
    visit: Callable[..., Any],
    address: str,
    fragment: str = "",
    kind: type[Figure] = OpenFigure,
    **options: Any,
) -> Figure:
    """Open the page, at a fragment."""
    tag = f"mosa-{Path(address).stem}"
    return kind(visit(address + (f"#{fragment}" if fragment else ""), **options).page, tag)


def load_module(page: Page, name: str) -> None:
    """Make what a module of the page exports, and all it imports, the page's `own`."""
    address = "http://127.0.0.1:1/"

    def answer(route: Route) -> None:
        path = WEB / route.request.url.removeprefix(address)
        kind = "text/javascript" if path.suffix == ".js" else "text/html"
        route.fulfill(content_type=kind, body=path.read_text() if path.is_file() else "")

    page.route(f"{address}**", answer)
    page.goto(address)
    page.evaluate(f"async () => {{ window.own = await import('/{name}'); }}")


class LiveFigure:
    """A figure as a notebook has it: its module, and a model that Python and the page share."""

    def __init__(self, page: Page, widget: Component) -> None:
        self.page = page
        page.goto("about:blank")
        page.evaluate(
            """async ([source, state]) => {
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
              const el = document.body.appendChild(document.createElement("div"));
              component.render({ model, el });
              window.root = el.shadowRoot;
            }""",
            [module_text(widget.component.replace("-", "_")), {**widget.state(), "kernel": True}],
        )

    def set(self, name: str, value: Any) -> None:
        """Set a trait as Python does."""
        self.page.evaluate("([name, value]) => window.fromPython(name, value)", [name, value])

    def shared(self, name: str) -> Any:
        """Return a trait as Python reads it."""
        return self.page.evaluate("(name) => window.shared[name]", name)

    def text(self, selector: str) -> str:
        find = "(selector) => window.root.querySelector(selector).textContent"
        return self.page.evaluate(find, selector)


def serious_findings(page: Page) -> list[str]:
    """Return what axe finds serious on a page, in both themes."""
    found = []
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        found += [rule for rule, _ in browser.serious_findings(page)]
    return found
