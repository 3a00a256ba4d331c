"""A zoo of wrong layers: each differs from ours by one edit, and a named property kills it.

A mutant is a real edit of our source, imported as a package of its own, so it also tells when the
line it was made from has gone. All properties hold for the unedited copy.
"""

import importlib
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from layer_properties import PROPERTIES
from mutants import MUTANTS

import mosa_edu

SOURCES = ("checks.py", "config.py", "head_kinds.py", "selection", "attention")


class Zoo:
    """Import copies of the package, edited or not, each under a name of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    def copy(self, mutant=None):
        self.count += 1
        name = f"mutant_{self.count}"
        target = self.folder / name
        target.mkdir()
        (target / "__init__.py").touch()
        origin = Path(mosa_edu.__file__).parent
        for source in SOURCES:
            copy = shutil.copytree if (origin / source).is_dir() else shutil.copy
            copy(origin / source, target / source)
        for path in target.rglob("*.py"):
            text = path.read_text()
            if mutant and path == target / mutant.file:
                times = text.count(mutant.right)
                assert times == 1, f"{mutant.right!r} stands {times} times in {mutant.file}"
                text = text.replace(mutant.right, mutant.wrong)
            path.write_text(text.replace("mosa_edu", name))
        build = importlib.import_module(f"{name}.attention.hybrid")
        build.SparseAttention.check_selections = False  # properties notice without the layer's help
        return SimpleNamespace(build=build)

    def forget(self):
        for name in [name for name in sys.modules if name.startswith(f"mutant_{self.count}")]:
            del sys.modules[name]


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    zoo = Zoo(tmp_path)
    yield zoo
    zoo.forget()


def test_the_layers_have_every_property(zoo):
    package = zoo.copy()
    for check in PROPERTIES:
        check(package)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_killed_by_its_property(zoo, mutant):
    package = zoo.copy(mutant)
    with pytest.raises(AssertionError):
        mutant.killer(package)
