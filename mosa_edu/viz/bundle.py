"""The components of a whole book as scripts that repeat nothing.

`assets.classic_script` gives one component all it needs, which is right for a figure that stands
alone. A book has many: what several components use goes into two scripts of its own, one that
draws and one that runs the model, and a reader loads each once. What crosses from script to script
does so under short names: no minifier may shorten them, as it sees one script at a time.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path

from mosa_edu.checks import require
from mosa_edu.viz.assets import DEFAULT_EXPORT, WEB, Module, in_order, read_module

PARTS, MODEL_PARTS = "parts", "parts-model"

_ELEMENT = re.compile(r"^defineElement\(", re.M)
_MODEL = "engine/model.js"
_SHARED = "globalThis.mosaParts"


@dataclass(frozen=True)
class Script:
    """Some modules, joined.

    Attributes
    ----------
    name : str
        A component, `PARTS` or `MODEL_PARTS`.
    modules : tuple of Module
        Every one after those it needs.
    takes, gives : tuple of str
        What earlier scripts give it, and what it gives to later ones.
    keys : dict of str to str
        Under which short name each of these crosses.
    """

    name: str
    modules: tuple[Module, ...]
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    keys: dict[str, str]

    @property
    def text(self) -> str:
        """The script, in a function of its own: only what it gives can be seen from outside."""
        taken = f"const {self._crossing(self.takes)} = {_SHARED};\n" if self.takes else ""
        body = "".join(f"// {module.name}\n{module.body}" for module in self.modules)
        given = f"Object.assign({_SHARED} ??= {{}}, {self._crossing(self.gives)});\n"
        parts = taken + DEFAULT_EXPORT.sub("void ", body) + (given if self.gives else "")
        return f'(() => {{\n"use strict";\n{parts}}})();\n'

    def _crossing(self, names: tuple[str, ...]) -> str:
        return f"{{ {', '.join(f'{self.keys[name]}: {name}' for name in names)} }}"


def component_names(root: Path = WEB) -> list[str]:
    """List the components that are elements of pages."""
    paths = sorted(root.glob("*.js"))
    return [path.stem for path in paths if _ELEMENT.search(read_module(path.name, root).body)]


def page_scripts(root: Path = WEB) -> dict[str, Script]:
    """Divide all components into scripts that repeat nothing."""
    modules: dict[str, Module] = {}
    users: dict[str, list[str]] = {}
    for component in component_names(root):
        for module in in_order(component, root):
            modules[module.name] = module
            users.setdefault(module.name, []).append(component)
    place: dict[str, str] = {}
    run_model = set(users.get(_MODEL, ()))
    for name in modules:
        shared = MODEL_PARTS if run_model.issuperset(users[name]) else PARTS
        place[name] = users[name][0] if len(users[name]) == 1 else shared
    names = [PARTS, MODEL_PARTS, *sorted(set(place.values()) - {PARTS, MODEL_PARTS})]
    borders = {name: _border(name, modules, place) for name in names}
    given = [name for _, gives in borders.values() for name in gives]
    _require_unique(given)
    keys = dict(zip(sorted(given), _short_names(), strict=False))
    scripts = {}
    for name, (takes, gives) in borders.items():
        own = tuple(module for module in modules.values() if place[module.name] == name)
        _require_unique([declared for module in own for declared in module.declared])
        scripts[name] = Script(name, own, takes, gives, keys)
    return scripts


def needed(scripts: dict[str, Script], components: Iterable[str]) -> list[Script]:
    """List the scripts that a page needs."""
    wanted: list[Script] = []
    for component in components:
        require(component in scripts, "component", component, ", ".join(scripts))
        wanted.append(scripts[component])
    for script in reversed(scripts.values()):
        if any(set(script.gives).intersection(later.takes) for later in wanted):
            wanted.append(script)
    return [script for script in scripts.values() if script in wanted]


def _border(
    name: str, modules: dict[str, Module], place: dict[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List what a script takes from others, and what it gives to them."""
    takes: set[str] = set()
    gives: set[str] = set()
    for module in modules.values():
        for target, parts in module.imports:
            if place[module.name] == name != place[target]:
                takes.update(parts)
            if place[module.name] != name == place[target]:
                gives.update(parts)
    return tuple(sorted(takes)), tuple(sorted(gives))


def _short_names() -> Iterator[str]:
    """Count in letters: a to Z, then aa, ab and so on."""
    for length in count(1):
        yield from map("".join, product(string.ascii_letters, repeat=length))


def _require_unique(names: list[str]) -> None:
    """Refuse modules of one name space that declare the same name."""
    twice = ", ".join(sorted(name for name, times in Counter(names).items() if times > 1))
    require(not twice, "name", twice, "declared once among modules that share a script")
