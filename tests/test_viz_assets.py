"""Protects the joining of ES modules: one text a component, complete, in order, safe in a page."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_engine import SITE, serve_web

from mosa_edu.viz import assets

PARTS = {
    "host.js": """/** Says hello. */
import { greet, NAMES } from "./parts/greet.js";
import {
  twice,
} from "./parts/twice.js";

/* A note of its own line. */
const kept = twice(greet(NAMES[0])); // a note behind code
globalThis.greeting = kept;
export default { kept };
""",
    "parts/greet.js": """import { twice } from "./twice.js";

export const NAMES = ["Ada"];
/** @param {string} name */
export function greet(name) {
  // inner note
  return `Hello, ${twice(name)}`;
}
""",
    "parts/twice.js": """export const twice = (text) => text + text;
class Hidden {}
async function* never() {}
""",
}


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes modules and gives back their folder."""

    def write(**changes):
        for name, text in {**PARTS, **changes}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def test_modules_come_after_what_they_import_and_once(folder):
    names = [module.name for module in assets.in_order("host", folder())]
    assert names == ["parts/twice.js", "parts/greet.js", "host.js"]


def test_joined_text_has_one_export_and_no_import(folder):
    text = assets.module_text("host", folder())
    assert re.findall(r"^(?:import|export).*", text, re.M) == ["export default { kept };"]
    assert "note" not in text.replace("// a note behind code", "")
    assert text == assets.module_text("host", folder())


def test_code_behind_a_comment_at_the_start_of_a_line_stays(folder):
    text = """export function twice(text) {
  /** @type {string[]} */ (globalThis.seen ??= []).push(text);
  return text + text;
} /* the end */
/* A note
 * of two lines. */
"""
    body = assets.read_module("parts/twice.js", folder(**{"parts/twice.js": text})).body
    assert ".push(text);" in body
    assert "return text + text;" in body
    assert "two lines" not in body


def test_declared_and_exported_names_are_told_apart(folder):
    module = assets.read_module("parts/twice.js", folder())
    assert module.declared == {"twice", "Hidden", "never"}
    assert module.exported == {"twice"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("parts/twice.js", "export let twice;\nlet kept;", "kept must be declared in one"),
        ("parts/twice.js", 'import { greet } from "./greet.js";\n', "circles.*twice.js > parts/g"),
        ("parts/twice.js", "const twice = 1;", "greet.js must be among.*parts/twice.js"),
        ("parts/twice.js", "export const twice = 1;\nexport default {};", "without a default exp"),
        ("parts/twice.js", "const twice = 1;\nexport { twice };", "forms that can be joined"),
        ("parts/twice.js", 'export * from "./greet.js";', "forms that can be joined"),
        ("parts/twice.js", "export const { twice } = {};", "forms that can be joined"),
        ("parts/twice.js", 'import all from "./greet.js";', "forms that can be joined"),
        ("parts/twice.js", 'import "./greet.js";', "forms that can be joined"),
        ("parts/twice.js", 'import { x as twice } from "./x.js";', "forms that can be joined"),
        ("host.js", 'import { twice } from "https://x.org/t.js";\n', "forms that can be joined"),
        ("host.js", 'import { twice } from "./parts/none.js";\n', "none.js"),
        ("host.js", "const a = 1;", "a module with one default export"),
        ("host.js", "export default {};\nexport default {};", "forms that can be joined"),
    ],
)
def test_modules_that_cannot_be_joined_are_refused(folder, name, text, message):
    with pytest.raises(ValueError, match=message):
        assets.module_text("host", folder(**{name: text}))


def test_unknown_component_is_refused():
    with pytest.raises(ValueError, match=r"nobody\.js"):
        assets.module_text("nobody")


@given(st.text(alphabet="</script>!-SCRIPT\\\"'x", max_size=40))
def test_nothing_inlined_ends_its_script(text):
    for safe in (assets.inline_script(json.dumps(text)), assets.inline_json(text)):
        assert "</script" not in safe.lower()
        assert "<!--" not in safe
    assert json.loads(assets.inline_json(text)) == text


def test_size_counts_what_is_stored_and_what_is_sent():
    size = assets.size_of("é" * 1000)
    assert size.raw == 2000
    assert size.gzipped < 60


COMPONENTS = sorted(
    p.stem for p in assets.WEB.glob("*.js") if assets.read_module(p.name).has_default
)


def test_no_module_names_another_host():
    for path in assets.WEB.rglob("*.js"):
        code = assets.read_module(path.relative_to(assets.WEB).as_posix()).body
        assert not re.findall(r"https?://(?!www\.w3\.org/)", code), path


def test_both_forms_run_and_agree(chromium, folder):
    page = chromium.new_page()
    page.goto("about:blank")
    load = """(text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })))
      .then((module) => module.default.kept)"""
    expected = "Hello, AdaAdaHello, AdaAda"
    assert page.evaluate(load, assets.module_text("host", folder())) == expected
    page.goto("about:blank")
    script = assets.inline_script(assets.classic_script("host", folder()))
    page.set_content(f"<!doctype html><script>{script}</script>")
    assert page.evaluate("globalThis.greeting") == expected
    assert page.evaluate("typeof twice") == "undefined"
    page.close()


def test_every_component_loads_in_both_forms_and_as_separate_files(chromium):
    page = chromium.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    serve_web(page)
    for component in COMPONENTS:
        page.goto(SITE)
        assert page.evaluate(f"import('/{component}.js').then((own) => typeof own.default)")
        page.set_content(
            f"<script>{assets.inline_script(assets.classic_script(component))}</script>"
        )
        kind = page.evaluate(
            """(text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })))
              .then((own) => typeof own.default)""",
            assets.module_text(component),
        )
        assert kind == "object", component
    page.close()
    assert errors == []
