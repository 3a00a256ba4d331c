"""What the project offers, as sorted lines: names, flags, pages, alt texts, recorded numbers.

``python tests/inventory.py > before.txt``, change the house, again into ``after.txt``: the diff
of the two is what was lost or gained.
"""

import argparse
import collections
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import mosa_edu

ROOT = Path(__file__).resolve().parent.parent
ALT = re.compile(r'(?:aria-label|alt)="([^"]+)"|!\[([^\]]+)\]')


def public_names() -> Iterator[str]:
    """Names in ``__all__`` of the package and its rooms, and in the API pages of the book."""
    for name in mosa_edu.__all__:
        yield f"name mosa_edu.{name}"
    for room in pkgutil.iter_modules(mosa_edu.__path__):
        if room.ispkg:
            module = importlib.import_module(f"mosa_edu.{room.name}")
            yield from (f"name {room.name}.{name}" for name in getattr(module, "__all__", ()))
    for page in sorted((ROOT / "book").glob("api*.md")):
        found = re.findall(r"auto(?:class|function):: (\S+)|:members: (\S.*)", page.read_text())
        for whole, members in found:
            yield from (f"api {name.strip()}" for name in (whole or members).split(","))


def flags(parser: argparse.ArgumentParser, words: str = "mosa-edu") -> Iterator[str]:
    """Flags and positional arguments of a command and of the commands below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield f"command {words} {name}"
                yield from flags(command, f"{words} {name}")
        elif action.dest != "help":
            yield f"flag {words} {'/'.join(action.option_strings) or action.dest}"


def pages() -> Iterator[str]:
    """Pages of the book, the headings in them, and the alt texts of their stored figures."""
    for page in sorted([*(ROOT / "book").glob("*.md"), *(ROOT / "book").glob("*.ipynb")]):
        yield f"page {page.stem}"
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            kept = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
            for cell in cells:
                for output in cell.get("outputs", ()):
                    kept.append("".join(output.get("data", {}).get("text/html", "")))
            text = "\n\n".join(kept)
        yield from (f"heading {page.stem} {h}" for h in re.findall(r"^#+ (.+)", text, re.M))
        yield from (f"alt {page.stem} {a or b}" for a, b in ALT.findall(text))


def numbers(value: object) -> Iterator[str]:
    """Every number of a JSON value, as text, in no order."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield repr(value)


def recorded() -> Iterator[str]:
    """Of each record its numbers with their counts, whatever fields hold them."""
    for path in sorted((ROOT / "mosa_edu" / "recorded").rglob("*.json")):
        counted = collections.Counter(numbers(json.loads(path.read_text(encoding="utf-8"))))
        for number, count in sorted(counted.items()):
            yield f"number {path.relative_to(ROOT / 'mosa_edu' / 'recorded')} {number} x{count}"


def main() -> None:
    """Print the inventory."""
    from mosa_edu.cli.main import build_parser

    lines = [*public_names(), *flags(build_parser()), *pages(), *recorded()]
    sys.stdout.writelines(f"{line}\n" for line in sorted(set(lines)))


if __name__ == "__main__":
    main()
