"""Protects the widgets: their state, what notebooks store of them, what readers see unscripted."""

import dataclasses
import hashlib
import html.parser
import re
import subprocess
import sys

import pytest
from explorer_pages import json_of
from figure_pages import refuses, stored_output
from test_records import make_trace

from mosa_edu.records import Token
from mosa_edu.viz import style
from mosa_edu.viz.assets import WEB, classic_script, size_of
from mosa_edu.viz.components.explorer import RoutingExplorer
from mosa_edu.viz.components.page_model import PageModel, vocabulary_texts
from mosa_edu.viz.words import finding

HOSTILE = "</script><img src=x onerror=alert(1)><!--"


def hostile_trace(**changes):
    texts = [HOSTILE, " <b>", '"', "'", " &amp;", "]]>", "\u2028", " w"]
    tokens = [Token(i, text, i, i + 1) for i, text in enumerate(texts)]
    return make_trace(T=8, k=3, tokens=tokens, model={"name": HOSTILE, "sha256": None}, **changes)


class Tags(html.parser.HTMLParser):
    """Collects the names of all tags that a browser would see."""

    def __init__(self, text):
        super().__init__()
        self.names = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)


def test_page_and_package_have_one_palette():
    text = (WEB / "lib/palette.js").read_text()
    for name, palette in (("LIGHT", style.LIGHT), ("DARK", style.DARK)):
        literal = re.search(rf"export const {name} = {{(.*?)}};", text, re.S)[1]
        found = dict(re.findall(r'(\w+): "(#\w+)"', literal))
        assert found == dataclasses.asdict(palette)
    for name, fonts in (("SANS", style.SANS), ("MONO", style.MONO)):
        assert re.search(rf"export const {name} =\s+'{re.escape(fonts)}';", text)


def test_notebook_stores_widget_and_element_without_anything_random():
    bundle = stored_output(lambda: RoutingExplorer(make_trace()))
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == repr(RoutingExplorer(make_trace()))
    assert not re.search(r"0x[0-9a-f]{6}", bundle["text/html"])


def test_element_shows_what_python_has_set():
    widget = RoutingExplorer(make_trace(), layer=0, head=1, selected=2)
    widget.layer, widget.head, widget.selected, widget.k = 1, 3, 5, 4
    state = json_of(widget.element())
    assert [state[name] for name in ("layer", "head", "selected", "k")] == [1, 3, 5, 4]
    assert "Layer 1, head 3" in widget.fallback()


def test_wrong_arguments_are_refused_by_name(explorer_site):
    trace = make_trace()
    for name, value in (("layer", 2), ("layer", -1), ("head", 4)):
        refuses(f"{name} must be in", setattr, RoutingExplorer(trace), name, value)
        refuses(f"{name} must be in", RoutingExplorer, trace, **{name: value})
    refuses("selected must be", RoutingExplorer, trace, selected=12)
    refuses("examples must be", RoutingExplorer, {})
    refuses("titles that differ", RoutingExplorer, {"A b": trace, "a-B": trace})
    other = make_trace(model={"name": "other", "sha256": None})
    refuses("traces of one model", RoutingExplorer, {"a": trace, "b": other})
    refuses("fetched must be", RoutingExplorer, {"a": trace}, fetched={"a": "a.json"})
    refuses("links must be", RoutingExplorer, trace, links={"elsewhere": "#"})
    weights = explorer_site.folder / "model.safetensors"
    refuses("model must be the traced model", RoutingExplorer, trace, weights)
    refuses("model must be an existing model file", RoutingExplorer, trace, "nowhere.safetensors")


def test_hostile_text_stays_text_in_the_stored_page():
    widget = RoutingExplorer({HOSTILE: hostile_trace()})
    element = widget.element()
    assert json_of(element)["data"]["examples"][0]["title"] == HOSTILE
    assert "img" not in Tags(element).names
    assert Tags(element).names.count("script") == 1
    whole = widget.static().data
    assert Tags(whole).names.count("script") == 2
    assert "img" not in Tags(widget.page(HOSTILE)).names


def test_fallback_lists_every_token_by_its_score():
    trace = make_trace(T=40, k=5)
    text = RoutingExplorer(trace, layer=1, head=2).fallback()
    assert f'aria-label="{finding(trace, 1, 2).sentence}"' in text
    cells = re.findall(r"<td>(.*?)</td>", text)
    rows = [cells[i : i + 7] for i in range(0, len(cells), 7)]
    assert [int(row[1]) for row in rows] == trace.order[1, 2].tolist()
    assert [int(row[1]) for row in rows if row[5] == "yes"] == [
        t for t in trace.order[1, 2].tolist() if t in trace.selected(1, 2)
    ]


def test_model_file_speaks_for_itself(explorer_site):
    path = explorer_site.folder / "model.safetensors"
    model = PageModel.read(path)
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert model.config["n_sparse_heads"] == 5
    tokenizer = explorer_site.tokenizer
    assert len(model.entries) == tokenizer.vocab_size
    for token in range(1, tokenizer.vocab_size):
        text = tokenizer.decode([token])
        if "\ufffd" not in text:
            assert model.entries[token] == text
    assert vocabulary_texts("")[1:3] == ["!", '"']


@pytest.mark.parametrize("damage", [b"", b"abc", bytes(200), None])
def test_model_file_that_is_not_whole_is_refused(explorer_site, tmp_path, damage):
    whole = (explorer_site.folder / "model.safetensors").read_bytes()
    path = tmp_path / "model.safetensors"
    path.write_bytes(whole[:-1] if damage is None else damage)
    refuses("model must be a whole safetensors file, got", PageModel.read, path)


def test_weights_go_to_the_page_once_and_only_when_asked(explorer_site):
    path = explorer_site.folder / "model.safetensors"
    widget = RoutingExplorer(explorer_site.first, path)
    assert widget.weights == b""
    widget.wants_weights = True
    assert widget.weights == path.read_bytes()
    assert "weights" not in json_of(widget.element())


def test_pictures_need_neither_torch_nor_widgets_for_a_static_page():
    code = (
        "import sys; from mosa_edu.viz.components import page_model, static;"
        "print(sorted({'torch', 'anywidget', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_python_sets_what_the_figure_can_show_and_nothing_else():
    widget = RoutingExplorer(make_trace(T=12))
    for name, value in (("layer", 9), ("head", -1), ("selected", 13), ("k", -1), ("k", 13)):
        refuses(name, setattr, widget, name, value)
    widget.text = "lone \ud83d, whole \U0001f600"
    assert widget.text == "lone \ufffd, whole \U0001f600"
    widget.selected, widget.k = 11, 12
    assert (widget.selected, widget.k) == (11, 12)


def test_explorer_stays_small():
    """One figure that stands alone, readable; pages of the book load it shortened."""
    assert size_of(classic_script("explorer")).gzipped < 60_500
