"""Protects what a clone promises: pins that install anywhere, no loose ends, nobody's folders."""

import re
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BINARY = {".json", ".png", ".safetensors", ".npz", ".woff", ".ico"}


def declared() -> dict[str, Requirement]:
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    found = [Requirement(line) for part in lists for line in part]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def tracked_texts() -> list[tuple[str, str]]:
    """Return every tracked text file of the checkout, save the tests that name what they seek."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout: nothing tells which files belong to it")
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [ROOT / name for name in names if name and not name.startswith("tests/test_house_")]
    kept = [path for path in paths if path.is_file() and path.suffix not in BINARY]
    return [(str(p.relative_to(ROOT)), p.read_text(encoding="utf-8")) for p in kept]


def test_constraints_are_plain_pins_without_index_hash_or_gpu_package():
    for line in lines("constraints.txt"):
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
        assert not re.match(r"(nvidia|cuda|triton|pytorch-triton|cupy)", line, re.IGNORECASE), line


def test_every_declared_dependency_is_pinned_inside_its_range():
    pins = dict(line.split("==") for line in lines("constraints.txt"))
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    assert pins["torch"] == "2.13.0"
    for name, requirement in declared().items():
        assert requirement.specifier.contains(pins[name]), requirement


def test_every_pin_installs_on_the_first_release_of_each_promised_python():
    """A pin that asks for 3.11.5 shuts out the Python of Debian 12, which is 3.11.2."""
    refused = []
    promised = ("3.11.0", "3.12.0", "3.13.0")
    for line in lines("constraints.txt"):
        try:
            wanted = metadata.metadata(line.split("==")[0]).get("Requires-Python") or ""
        except metadata.PackageNotFoundError:
            continue  # not on this platform
        refused += [(line, python) for python in promised if python not in SpecifierSet(wanted)]
    assert refused == []


def test_requirements_repeat_the_declared_ranges():
    for line in lines("requirements.txt"):
        requirement = Requirement(line)
        assert requirement == declared()[canonicalize_name(requirement.name)]


def test_wheel_needs_the_five_core_packages_and_no_more():
    names = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert names == {"torch", "numpy", "tokenizers", "safetensors", "tqdm"}


def test_no_file_holds_a_placeholder():
    placeholder = r"\b(OWNER/REPO|YOUR[-_](?:NAME|REPO|ORG)|TODO|FIXME|XXX|TBD)\b|lorem ipsum"
    found = [(name, m[0]) for name, text in tracked_texts() for m in re.finditer(placeholder, text)]
    assert found == []


def test_no_file_names_a_folder_of_somebodys_machine():
    here = "|".join(re.escape(f"{path}/") for path in (Path.home(), ROOT, ROOT.parent))
    folder = rf"(?<![\w.])(?:{here}|/(?:root|work)/|/opt/(?:pypi|wheels))[\w.-]*"
    found = [(name, m[0]) for name, text in tracked_texts() for m in re.finditer(folder, text)]
    assert found == []


def test_both_ways_into_the_checks_are_one():
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()
    assert "bash .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_workflow_tests_every_python_that_the_package_promises():
    promised = [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if ":: 3." in c]
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert f"python: {promised}".replace("'", '"') in workflow


def test_every_committed_page_has_its_place_in_the_table_of_contents():
    contents = (ROOT / "_toc.yml").read_text()
    listed = set(re.findall(r"(?:root|file): ([\w/]+)", contents))
    pages = [Path(name) for name, _ in tracked_texts() if name.startswith("book/")]
    committed = {str(p.with_suffix("")) for p in pages if p.suffix in (".md", ".ipynb")}
    assert committed - listed == set()


def test_the_tree_in_the_book_is_the_tree_in_the_order_of_imports():
    """A room that moved, came or went without its line; a list that is not the order of imports."""
    page = (ROOT / "book" / "house.md").read_text()
    tree = page.partition("\nmosa_edu/\n")[2].partition("\nbook/")[0]
    shown = [re.findall(r"[\w.]+(?:/|\.py)", line[:26]) for line in tree.splitlines()]
    names = [name.removesuffix("/").removesuffix(".py") for line in shown for name in line]
    own = {path.stem for path in (ROOT / "mosa_edu").iterdir() if not path.name.startswith("_")}
    assert sorted(names) == sorted(own)

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = project["tool"]["importlinter"]["contracts"]
    layers = [re.findall(r"mosa_edu\.(\w+)", layer) for layer in contract["layers"]]
    depth = {name: place for place, layer in enumerate(layers) for name in layer}
    depths = [depth[name] for name in names if name != "recorded"]
    assert depths == sorted(depths)
