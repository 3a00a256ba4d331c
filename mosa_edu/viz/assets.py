"""Join a component and the ES modules it imports into one text, so that a page needs one file.

The modules of ``web/`` are written so that no bundler is needed: imports and exports stand at
the start of a line, imports are relative and name what they take, and no two modules that meet in
a component declare the same name. What breaks these rules is refused.
"""

import gzip
import json
import os.path
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mosa_edu.checks import require

WEB = Path(__file__).parent / "web"

_NAMES = r"\{((?:\s*[\w$]+\s*,?)*\s*)\}"
_IMPORT = re.compile(rf'^import\s*{_NAMES}\s*from\s*"(\.{{1,2}}/[^"]+\.js)";\n', re.M)
_TYPES_ONLY = re.compile(r"^export \{\};\n", re.M)
DEFAULT_EXPORT = re.compile(r"^export default (?=[\w${])", re.M)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const|let)\b)", re.M)
_DECLARED = re.compile(
    r"^(export )?(?:async )?(?:function\*?|class|const|let|var)\s+([\w$]+)", re.M
)
_BROKEN = re.compile(r"^(?:import|export)\b.*|^(?:const|let|var)\s*[\[{].*", re.M)
_BLOCK_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*\n", re.M | re.S)
_LINE_COMMENT = re.compile(r"^[ \t]*//.*\n", re.M)


@dataclass(frozen=True)
class Module:
    """One file of ``web/``, taken apart.

    Attributes
    ----------
    name : str
        Path below the folder, with slashes.
    imports : tuple
        (name of a module, names taken from it), in the order of the file.
    declared, exported : frozenset of str
        Names at the top level of the file; those that others may import.
    has_default : bool
        Whether it has a default export, as components have.
    body : str
        The text without imports, comments and the word ``export``, except ``export default``.
    """

    name: str
    imports: tuple[tuple[str, tuple[str, ...]], ...]
    declared: frozenset[str]
    exported: frozenset[str]
    has_default: bool
    body: str


class Size(NamedTuple):
    """Bytes of a text, and how many a server sends."""

    raw: int
    gzipped: int


def read_module(name: str, root: Path = WEB) -> Module:
    """Take one file apart."""
    path = root / name
    require(path.is_file(), "module", name, f"a file of {root.name}/")
    text = _without_comments(path.read_text(encoding="utf-8"))
    imports = tuple(
        (_resolve(name, target), tuple(part.strip() for part in taken.split(",") if part.strip()))
        for taken, target in _IMPORT.findall(text)
    )
    body = _TYPES_ONLY.sub("", _IMPORT.sub("", text))
    declared = _DECLARED.findall(body)
    has_default = len(DEFAULT_EXPORT.findall(body)) == 1
    stripped = _EXPORT.sub("", body)
    broken = _BROKEN.search(DEFAULT_EXPORT.sub("", stripped, count=1))
    forms = "a declaration, import or export of the forms that can be joined"
    require(broken is None, name, broken and broken.group(0), forms)
    return Module(
        name=name,
        imports=imports,
        declared=frozenset(own for _, own in declared),
        exported=frozenset(own for exported, own in declared if exported),
        has_default=has_default,
        body=stripped.strip("\n") + "\n",
    )


def in_order(component: str, root: Path = WEB) -> list[Module]:
    """List a component and all it imports, every module after those it needs."""
    ordered: dict[str, Module] = {}
    _visit(f"{component}.js", root, ordered, ())
    modules = list(ordered.values())
    owner: dict[str, str] = {}
    for module in modules:
        for name in sorted(module.declared):
            clash = f"{owner.get(name)} and {module.name}"
            require(name not in owner, name, clash, "declared in one module of a component")
            owner[name] = module.name
    for module in modules[:-1]:
        require(not module.has_default, module.name, "export default", "without a default export")
    require(modules[-1].has_default, component, "none", "a module with one default export")
    return modules


def module_text(component: str, root: Path = WEB) -> str:
    """Join a component into one ES module, the `_esm` of a widget."""
    return "".join(f"// {module.name}\n{module.body}" for module in in_order(component, root))


def classic_script(component: str, root: Path = WEB) -> str:
    """Join a component into a script that runs without ``type="module"``, from disk as well."""
    text = DEFAULT_EXPORT.sub("void ", module_text(component, root))
    return f'(() => {{\n"use strict";\n{text}}})();\n'


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


def _without_comments(text: str) -> str:
    """Drop comments that fill whole lines; those behind code are few and stay."""
    return _LINE_COMMENT.sub("", _BLOCK_COMMENT.sub("", text))
