"""Protects the reference pages: nothing public undescribed, one truth for citation and version.

A wrong implementation that must fail: a public name that no page describes; a citation file of an
older version; a glossary out of order or with a word twice; a work cited that has no source.
"""

import re
import sys
from pathlib import Path

import pytest
import torch
import yaml
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

import mosa_edu
from mosa_edu import SparseAttention, attention, costs, selection
from mosa_edu.selection import Selection

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
sys.path.insert(0, str(BOOK / "_ext"))
from mosa_book import glossary  # noqa: E402

API = "\n".join(path.read_text(encoding="utf-8") for path in sorted(BOOK.glob("api_*.md")))


def test_every_public_name_is_on_an_api_page():
    for name in {*mosa_edu.__all__, *attention.__all__}:
        assert re.search(rf":: mosa_edu\.{name}$", API, re.MULTILINE), name
    listed = re.search(r":: mosa_edu\.costs\n.*\n   :members: (.*)\n", API)[1].split(", ")
    assert len(listed) >= 10
    assert set(listed) <= set(costs.__all__)
    assert (
        ":: mosa_edu.selection\n   :imported-members:\n   :members:\n" in API
    )  # all of its __all__
    assert len(selection.__all__) > 10


def test_the_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == mosa_edu.__version__
    assert citation["license"] == "MIT"
    (paper,) = citation["references"]
    bibliography = (BOOK / "references.bib").read_text(encoding="utf-8")
    first = bibliography.split("\n}\n")[0]
    assert paper["title"] in first
    assert paper["url"].rsplit("/", 1)[1] in first
    for author in paper["authors"]:
        assert f"{author['family-names']}, {author['given-names']}" in first


def test_glossary_is_sorted_and_every_word_stands_once():
    text = (BOOK / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^(\w[^\n]*)\n  \S", text.split("{glossary}")[1], re.MULTILINE)
    assert len(words) >= 40
    assert words == sorted(set(words), key=str.lower)
    for file in re.findall(r"\]\(([\w.]+)\)", text):
        assert (BOOK / file).exists(), file


def test_every_source_has_an_address():
    entries = (BOOK / "references.bib").read_text(encoding="utf-8").split("@misc{")[1:]
    keys = [entry.partition(",")[0] for entry in entries]
    assert len(set(keys)) == len(keys) >= 15
    for entry in entries:
        assert re.search(r"eprint\s+= \{\d{4}\.\d{5}\}", entry), entry


def test_the_first_bold_use_of_a_word_is_linked_and_no_other():
    """Catches a link at every use, and a name of a parameter, one inside another link."""
    document = new_document("page")
    bold = [nodes.strong("", text) for text in ("Orphans", "orphan", "nothing", "router")]
    elsewhere = nodes.reference("", "", bold[3], refuri="x")
    parameter = addnodes.desc("", addnodes.desc_content("", nodes.strong("", "sparsity")))
    document += [nodes.paragraph("", "", *bold[:3], elsewhere), parameter]
    terms = glossary.read_terms(BOOK / "glossary.md")
    assert glossary.link_words(document, "book/a", terms) == ["orphan"]
    (link,) = document.findall(addnodes.pending_xref)
    assert (link["reftarget"], link.astext()) == ("orphan", "Orphans")
    assert glossary.read_terms(BOOK / "nowhere.md") == {}


@pytest.mark.browser
def test_chapters_lead_to_the_glossary(site):
    for page, word in (("ch03_router", "router"), ("ch04_expert_choice", "expert-choice")):
        html = (site.root / "book" / f"{page}.html").read_text()
        assert html.count(f'href="glossary.html#term-{word}"') == 1


def test_samples_of_the_layers_page_run():
    """A selector of one's own passes the layer's checks, and is exported for any length."""
    text = (BOOK / "api_layers.md").read_text(encoding="utf-8")
    own, export = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names = {"torch": torch, "Selection": Selection, "SparseAttention": SparseAttention}
    exec(own, names)
    x = names["x"] = torch.randn(2, 13, 64)
    y = names["layer"](x)
    torch.testing.assert_close(names["layer"](x[:, :8]), y[:, :8])
    exec(export[: export.index("torch.onnx")], names)
    for T in (5, 8, 13):
        torch.testing.assert_close(names["program"].module()(x[:, :T]), y[:, :T])
