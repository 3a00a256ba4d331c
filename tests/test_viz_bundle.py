"""Protects the scripts of the built book: nothing twice, in order, small, and as able as whole.

Caught here: a shared module that every component carries along, a script loaded before the one
it takes from, and a minifier that breaks what it shortens.
"""

import sys
from pathlib import Path

import pytest
from explorer_pages import HEAD

from mosa_edu.viz import assets
from mosa_edu.viz.assets import MODEL_PARTS, PARTS, component_names, needed, page_scripts

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from mosa_book.assets import write_styles  # noqa: E402
from mosa_book.minify import minified, minify  # noqa: E402

LARGEST = 88_000
SHORTENED = pytest.mark.skipif(minify is None, reason="this system has no wheel of the minifier")
MODULES = {
    "engine/model.js": "export const run = (text) => text;\n",
    "draw.js": "export const draw = (text) => text;\nexport const unused = 1;\n",
    "shown.js": 'import { run } from "./engine/model.js";\nexport const shown = run("shown");\n',
    "both.js": 'import { draw } from "./draw.js";\nimport { shown } from "./shown.js";\n'
    "defineElement(draw(shown));\nexport default {};\n",
    "live.js": 'import { shown } from "./shown.js";\ndefineElement(shown);\nexport default {};\n',
    "plain.js": 'import { draw } from "./draw.js";\ndefineElement(draw);\nexport default {};\n',
    "tool.js": 'import { run } from "./engine/model.js";\nexport default { run };\n',
}


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes modules and gives back their folder."""

    def write(**changes):
        (tmp_path / "engine").mkdir()
        for name, text in {**MODULES, **changes}.items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def test_what_several_use_stands_once_and_the_engine_apart(folder):
    scripts = page_scripts(folder())
    found = {name: [module.name for module in one.modules] for name, one in scripts.items()}
    assert found == {
        PARTS: ["draw.js"],
        MODEL_PARTS: ["engine/model.js", "shown.js"],
        "both": ["both.js"],
        "live": ["live.js"],
        "plain": ["plain.js"],
    }
    assert scripts[PARTS].gives == ("draw",)
    assert scripts["both"].takes == ("draw", "shown")


def test_a_page_loads_what_it_needs_in_order(folder):
    scripts = page_scripts(folder())

    def names(*components):
        return [script.name for script in needed(scripts, components)]

    assert names("plain") == [PARTS, "plain"]
    assert names("live") == [MODEL_PARTS, "live"]
    assert names("plain", "live") == [PARTS, MODEL_PARTS, "live", "plain"]
    assert names() == []
    with pytest.raises(ValueError, match="nobody"):
        names("nobody")


def test_small_figures_share_a_script(monkeypatch, folder):
    monkeypatch.setattr(assets, "TOGETHER", {"both": "small", "plain": "small"})
    scripts = page_scripts(folder())
    placed = {name: [module.name for module in one.modules] for name, one in scripts.items()}
    assert placed["small"] == ["draw.js", "both.js", "plain.js"]
    assert not placed[PARTS]
    assert [script.name for script in needed(scripts, ["plain"])] == [MODEL_PARTS, "small"]


def test_one_name_for_two_things_is_refused(folder):
    twin = 'import { run } from "./engine/model.js";\nconst kept = 1;\nexport const twin = run;\n'
    uses = 'import { twin } from "./twin.js";\ndefineElement(twin);\nexport default {};\n'
    shown = MODULES["shown.js"] + "const kept = 2;\n"
    changed = {"twin.js": twin, "shown.js": shown, "plain.js": uses, "second.js": uses}
    root = folder(**changed)
    with pytest.raises(ValueError, match="kept"):
        page_scripts(root)


def test_every_module_of_every_component_is_there_once():
    placed = [module.name for script in page_scripts().values() for module in script.modules]
    wanted = {module.name for name in component_names() for module in assets.in_order(name)}
    assert sorted(placed) == sorted(wanted)


@SHORTENED
def test_a_reader_of_the_whole_book_loads_few_bytes(tmp_path):
    """Everything of ours that pages load, each once: scripts, colours and styles."""
    sizes = {name: shortened(script) for name, script in page_scripts().items()}
    write_styles(tmp_path, ROOT / "book" / "page")
    for path in (tmp_path / "mosa").iterdir():
        sizes[path.name] = assets.size_of(path.read_text()).gzipped
    print(f"All components, gzipped: {sum(sizes.values())} bytes {sizes}")
    assert sum(sizes.values()) < LARGEST


def shortened(script):
    return assets.size_of(minified(script.text, "js")).gzipped


@SHORTENED
def test_shortened_text_depends_on_nothing_but_the_text():
    script = page_scripts()[PARTS]
    once = minified(script.text, "js")
    assert once == minified(script.text, "js")
    assert once != script.text


def test_shortened_scripts_of_the_book_draw_as_the_whole_component(visit, explorer_site):
    for name, script in page_scripts().items():
        (explorer_site.folder / f"book-{name}.js").write_text(minified(script.text, "js"))
    tags = [f'<script src="book-{name}.js" defer></script>' for name in page_scripts()]
    body = f"<main><h1>Explorer</h1>{explorer_site.widget.element()}</main>"
    (explorer_site.folder / "book.html").write_text(HEAD + body + "".join(tags))
    page = visit(f"{explorer_site.address}/book.html").page
    page.wait_for_selector("mosa-explorer .tok[data-t]")
    told = page.locator("mosa-explorer .finding").text_content()
    assert page.evaluate(
        "(names) => names.every((name) => customElements.get(`mosa-${name}`))",
        [name.replace("_", "-") for name in component_names()],
    )
    assert page.evaluate("typeof headName") == "undefined"
    whole = visit(explorer_site.url).page
    whole.wait_for_selector("mosa-explorer .tok[data-t]")
    assert whole.locator("mosa-explorer .finding").text_content() == told
