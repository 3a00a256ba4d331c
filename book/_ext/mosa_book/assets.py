"""The scripts, fonts and models that pages need, copied beside them and loaded where used."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from mosa_edu.records import recorded_path

from .minify import minified

CHART = "plotly-graph-div"
PLOTLY = "vendor/plotly.min.js"
MATHJAX = "vendor/mathjax"


def package_folder(name: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"package {name} is not installed")
    return Path(spec.submodule_search_locations[0])


def copy_libraries(static: Path) -> None:
    """Copy Plotly and MathJax from the installed packages, so that versions cannot drift."""
    (static / "vendor").mkdir(parents=True, exist_ok=True)
    shutil.copy2(package_folder("plotly") / "package_data" / "plotly.min.js", static / PLOTLY)
    source = package_folder("sphinx-mathjax-offline") / "static" / "mathjax"
    target = static / MATHJAX
    # The fonts and the rarer TeX packages are fetched by MathJax itself, when a page needs them.
    for part in ("output/chtml/fonts/woff-v2", "input/tex/extensions"):
        shutil.copytree(source / part, target / part, dirs_exist_ok=True)
    shutil.copy2(source / "tex-mml-chtml.js", target / "tex-mml-chtml.js")


def copy_recorded(static: Path) -> None:
    """Copy the recorded models and traces that pages load on demand."""
    recorded = recorded_path()
    names = ("*/model.safetensors", "traces/*.json", "histories/*.json")
    for source in sorted(path for name in names for path in recorded.glob(name)):
        target = static / "models" / source.relative_to(recorded)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def copy_all(app: Sphinx) -> None:
    """Copy before pages are written: their links carry a checksum of each file."""
    if app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        copy_libraries(static)
        copy_recorded(static)
        write_styles(static, Path(app.srcdir) / "book" / "page")
        write_scripts(static)


def write_styles(static: Path, page: Path) -> None:
    """Write the package's colours with the book's own rules, and what recolours pages."""
    from mosa_edu.viz.style import css_variables, dark_of_light

    folder = static / "mosa"
    folder.mkdir(parents=True, exist_ok=True)
    rules = (page / "book.css").read_text(encoding="utf-8")
    (folder / "book.css").write_text(minified(css_variables() + rules, "css"), encoding="utf-8")
    pairs = f"globalThis.mosaDark = {json.dumps(dark_of_light())};\n"
    charts = pairs + (page / "charts.js").read_text(encoding="utf-8")
    (folder / "charts.js").write_text(minified(charts, "js"), encoding="utf-8")
    script = (page / "print.js").read_text(encoding="utf-8")
    (folder / "print.js").write_text(minified(script, "js"), encoding="utf-8")


def write_scripts(static: Path) -> None:
    """Write the scripts of all components; which of them a page loads is decided there."""
    from mosa_edu.viz.assets import page_scripts

    for name, script in page_scripts().items():
        path = static / "mosa" / f"{name}.js"
        path.write_text(minified(script.text, "js"), encoding="utf-8")


@cache
def script_names(components: tuple[str, ...]) -> list[str]:
    """Return the scripts of components, first to last; an unknown component ends the build."""
    from mosa_edu.viz.assets import needed, page_scripts

    return [script.name for script in needed(page_scripts(), components)]


def components(body: str) -> list[str]:
    """Return the names in ``<mosa-NAME`` elements of a page.

    >>> components('<mosa-explorer id="a"></mosa-explorer><mosa-mask></mosa-mask>')
    ['explorer', 'mask']
    """
    found = re.findall(r"<mosa-([a-z][a-z0-9-]*)", body)
    return sorted({name.replace("-", "_") for name in found})


def add_scripts(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Load Plotly and the components on the pages that hold them, and on no other."""
    body = context.get("body", "")
    if CHART in body:
        # Not deferred: each chart draws itself while the page is still being parsed.
        app.add_js_file(PLOTLY, priority=100)
        app.add_js_file("mosa/charts.js", loading_method="defer")
    for name in script_names(tuple(components(body))):
        app.add_js_file(f"mosa/{name}.js", loading_method="defer")


def connect(app: Sphinx) -> None:
    """Copy once for a build, decide page by page."""
    app.add_css_file("mosa/book.css", priority=800)  # after the theme's
    app.add_js_file("mosa/print.js", loading_method="defer")
    app.connect("builder-inited", copy_all)
    app.connect("html-page-context", add_scripts)
