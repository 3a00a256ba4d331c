"""Join the ES modules of ``web/`` into what pages load, so that no bundler is needed.

`module_text` is one component with all that it imports, the `_esm` of a widget; `classic_script` is
the same for a page that stands alone. A book has many components: `page_scripts` puts what several
use into two scripts of their own, one that draws and one that runs the model, and small figures
together, since small files hardly shrink; a reader loads each once. What crosses from script to
script does so under short names: no minifier may shorten them, as it sees one script at a time.

Imports and exports stand at the start of a line, imports are relative and name what they take, and
no two modules that meet in a script declare the same name. What breaks these rules is refused.
"""

import gzip
import json
import os.path
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from string import ascii_letters
from typing import Any, NamedTuple

from mosa_edu.checks import require

WEB = Path(__file__).parent / "web"
PARTS, MODEL_PARTS = "parts", "parts-model"
TOGETHER = {
    **dict.fromkeys(("routing_game", "scrubber"), "games"),
    **dict.fromkeys(("budget", "decode_trace", "heads", "mask_zoo"), "figures"),
}
"""Scripts of components that share one: they stand on one page, or are small without the model."""

_NAMES = r"\{((?:\s*[\w$]+\s*,?)*\s*)\}"
_IMPORT = re.compile(rf'^import\s*{_NAMES}\s*from\s*"(\.{{1,2}}/[^"]+\.js)";\n', re.M)
_DEFAULT = re.compile(r"^export default (?=[\w${])", re.M)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const|let)\b)", re.M)
_DECLARED = re.compile(
    r"^(export )?(?:async )?(?:function\*?|class|const|let|var)\s+([\w$]+)", re.M
)
_BROKEN = re.compile(r"^(?:import|export)\b.*|^(?:const|let|var)\s*[\[{].*", re.M)
_BLOCK_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*\n", re.M | re.S)
_CAST = re.compile(r"/\*\* @(?:(?!\*/).)*\*/ ?")
_LINE_COMMENT = re.compile(r"^[ \t]*//.*\n", re.M)
_MARGINS = re.compile(r"^[ \t]+| +// [^\"'`\n]*$", re.M)
_ELEMENT = re.compile(r"^defineElement\(", re.M)
_MODEL = "engine/model.js"
_SHARED = "globalThis.mosaParts"
_SHORT = [*ascii_letters, *map("".join, product(ascii_letters, repeat=2))]


@dataclass(frozen=True)
class Module:
    """One file of ``web/``, taken apart; `body` lacks imports, comments and the word ``export``."""

    name: str
    imports: tuple[tuple[str, tuple[str, ...]], ...]
    declared: frozenset[str]
    exported: frozenset[str]
    has_default: bool
    body: str


@dataclass(frozen=True)
class Script:
    """Some modules, joined: what earlier scripts give it, and what it gives to later ones."""

    name: str
    modules: tuple[Module, ...]
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    keys: dict[str, str]

    @property
    def text(self) -> str:
        """The script, in a function of its own: only what it gives can be seen from outside."""
        taken = f"const {self._crossing(self.takes)} = {_SHARED};\n" if self.takes else ""
        given = f"Object.assign({_SHARED} ??= {{}}, {self._crossing(self.gives)});\n"
        return _closed(taken + _joined(self.modules) + (given if self.gives else ""))

    def _crossing(self, names: tuple[str, ...]) -> str:
        return f"{{ {', '.join(f'{self.keys[name]}: {name}' for name in names)} }}"


class Size(NamedTuple):
    """Bytes of a text, and how many a server sends."""

    raw: int
    gzipped: int


def read_module(name: str, root: Path = WEB) -> Module:
    """Take one file apart."""
    path = root / name
    require(path.is_file(), "module", name, f"a file of {root.name}/")
    text = path.read_text(encoding="utf-8")
    for unread in (_BLOCK_COMMENT, _LINE_COMMENT, _CAST):
        text = unread.sub("", text)
    imports = tuple(
        (_resolve(name, target), tuple(re.findall(r"[\w$]+", taken)))
        for taken, target in _IMPORT.findall(text)
    )
    body = _IMPORT.sub("", text)
    declared = _DECLARED.findall(body)
    has_default = len(_DEFAULT.findall(body)) == 1
    stripped = _EXPORT.sub("", body)
    broken = _BROKEN.search(_DEFAULT.sub("", stripped, count=1))
    forms = "a declaration, import or export of the forms that can be joined"
    require(broken is None, name, broken and broken.group(0), forms)
    return Module(
        name=name,
        imports=imports,
        declared=frozenset(own for _, own in declared),
        exported=frozenset(own for exported, own in declared if exported),
        has_default=has_default,
        body=_MARGINS.sub("", stripped).strip("\n") + "\n",
    )


def in_order(component: str, root: Path = WEB) -> list[Module]:
    """List a component and all it imports, every module after those it needs."""
    ordered: dict[str, Module] = {}
    _visit(f"{component}.js", root, ordered, ())
    modules = list(ordered.values())
    _require_unique(modules)
    for module in modules[:-1]:
        require(not module.has_default, module.name, "export default", "without a default export")
    require(modules[-1].has_default, component, "none", "a module with one default export")
    return modules


def module_text(component: str, root: Path = WEB) -> str:
    """Join a component into one ES module, whose only export is the component's default."""
    return _joined(in_order(component, root))


def classic_script(component: str, root: Path = WEB) -> str:
    """Join a component into a script that runs without ``type="module"``, from disk as well."""
    return _closed(module_text(component, root))


def component_names(root: Path = WEB) -> list[str]:
    """List the components that are elements of pages."""
    paths = sorted(root.glob("*.js"))
    return [path.stem for path in paths if _ELEMENT.search(read_module(path.name, root).body)]


def page_scripts(root: Path = WEB) -> dict[str, Script]:
    """Divide all components into scripts that repeat nothing."""
    modules: dict[str, Module] = {}
    users: dict[str, set[str]] = {}
    for component in component_names(root):
        for module in in_order(component, root):
            modules[module.name] = module
            users.setdefault(module.name, set()).add(TOGETHER.get(component, component))
    place: dict[str, str] = {}
    run_model = users.get(_MODEL, set())
    for name, own in users.items():
        shared = MODEL_PARTS if own <= run_model else PARTS
        place[name] = min(own) if len(own) == 1 else shared
    names = [PARTS, MODEL_PARTS, *sorted(set(place.values()) - {PARTS, MODEL_PARTS})]
    borders = {name: _border(name, modules, place) for name in names}
    given = sorted(name for _, gives in borders.values() for name in gives)
    keys = dict(zip(given, _SHORT, strict=False))
    require(len(keys) == len(given), "names", given, "given by one script each")
    scripts = {}
    for name, (takes, gives) in borders.items():
        here = tuple(module for module in modules.values() if place[module.name] == name)
        _require_unique(here)
        scripts[name] = Script(name, here, takes, gives, keys)
    return scripts


def needed(scripts: dict[str, Script], components: Iterable[str]) -> list[Script]:
    """List the scripts that a page needs."""
    homes = {one.name: script for script in scripts.values() for one in script.modules}
    wanted: list[Script] = []
    for component in components:
        require(f"{component}.js" in homes, "component", component, ", ".join(scripts))
        wanted.append(homes[f"{component}.js"])
    for script in reversed(scripts.values()):
        if any(set(script.gives).intersection(later.takes) for later in wanted):
            wanted.append(script)
    return [script for script in scripts.values() if script in wanted]


def inline_script(text: str) -> str:
    r"""Make JavaScript safe inside ``<script>``, without changing what it does.

    >>> inline_script('const end = "</script>";')
    'const end = "<\\/script>";'
    """
    return re.sub(r"</(?=script)", r"<\\/", text, flags=re.I).replace("<!--", r"<\u0021--")


def inline_json(value: Any) -> str:
    r"""Write a value as JSON that can stand inside ``<script type="application/json">``.

    >>> inline_json({"text": "</script>"})
    '{"text":"\\u003c/script>"}'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def size_of(text: str) -> Size:
    """Count the bytes of a text, as stored and as sent.

    >>> size_of("a" * 100).raw
    100
    """
    data = text.encode()
    return Size(len(data), len(gzip.compress(data, 9, mtime=0)))


def _visit(name: str, root: Path, ordered: dict[str, Module], open_names: tuple[str, ...]) -> None:
    """Add a module after all that it imports; `open_names` are those that wait for it."""
    circle = " > ".join((*open_names, name))
    require(name not in open_names, "imports", circle, "free of circles")
    if name in ordered:
        return
    module = read_module(name, root)
    for target, names in module.imports:
        _visit(target, root, ordered, (*open_names, name))
        missing = sorted(set(names) - ordered[target].exported)
        require(not missing, f"import of {name}", missing, f"among the exports of {target}")
    ordered[name] = module


def _resolve(importer: str, target: str) -> str:
    return os.path.normpath(os.path.join(os.path.dirname(importer), target)).replace(os.sep, "/")


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


def _joined(modules: Iterable[Module]) -> str:
    return "".join(f"// {module.name}\n{module.body}" for module in modules)


def _closed(text: str) -> str:
    """Put a text into a function of its own, so that its names stay out of the page."""
    return f'(() => {{\n"use strict";\n{_DEFAULT.sub("void ", text)}}})();\n'


def _require_unique(modules: Iterable[Module]) -> None:
    """Refuse modules of one name space that declare the same name."""
    times = Counter(name for module in modules for name in module.declared)
    twice = ", ".join(sorted(name for name, count in times.items() if count > 1))
    require(not twice, twice, "several", "declared in one module of a script")
