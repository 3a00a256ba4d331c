"""Build the book into ``_build/html``, unless the one that lies there is of the same sources."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
STAMP = ROOT / "_build" / "book.stamp"
LOG = ROOT / "_build" / "book.log"
PAGES = {".md", ".ipynb"}
SOURCES = ("_config.yml", "_toc.yml", "constraints.txt", "book", "mosa_edu")
JUPYTER_BOOK = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"


def source_files(root: Path) -> Iterator[Path]:
    """Yield every file that the built pages depend on, in a fixed order."""
    for name in SOURCES:
        top = root / name
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for path in files:
            hidden = {"__pycache__", ".ipynb_checkpoints"}.intersection(path.parts)
            if path.is_file() and not hidden:
                yield path


def fingerprints(root: Path) -> list[str]:
    """Return two hashes: of what every page depends on, and of the pages' own texts.

    The first one covers the repository's address, too, which the pages show.
    """
    common = hashlib.sha256(os.environ.get("GITHUB_REPOSITORY", "").encode())
    pages = hashlib.sha256()
    git_config = root / ".git" / "config"
    if git_config.is_file():
        common.update(git_config.read_bytes())
    for path in source_files(root):
        digest = pages if path.suffix in PAGES else common
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return [common.hexdigest(), pages.hexdigest()]


def built_fingerprints() -> list[str]:
    """Return the hashes of the sources of the book that lies there, none if it did not succeed."""
    return STAMP.read_text().split() if STAMP.exists() else []


def build(fresh: bool = False) -> int:
    """Run Jupyter Book with every warning an error; return its exit status."""
    sources = fingerprints(ROOT)
    if fresh or built_fingerprints()[:1] != sources[:1]:
        # Sphinx rewrites the pages whose text has changed. After any other change, and after a
        # failure (a warning comes only from a page that is read), all must be written again.
        shutil.rmtree(ROOT / "_build" / ".doctrees", ignore_errors=True)
        shutil.rmtree(SITE, ignore_errors=True)
    STAMP.unlink(missing_ok=True)
    LOG.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(ROOT), "-n", "-W", "--keep-going"]
    with LOG.open("w") as log:
        status = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"NO_COLOR": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if status == 0:
        STAMP.write_text("\n".join(sources) + "\n")
    return status


def main() -> int:
    """Build where needed and say where the result lies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="build every page again")
    arguments = parser.parse_args()
    if not arguments.fresh and built_fingerprints() == fingerprints(ROOT):
        print(f"Book: up to date in {SITE}", flush=True)
        return 0
    print("Building the book.", flush=True)
    start = time.monotonic()
    status = build(arguments.fresh)
    if status:
        # After the first exception come only those that passed it on.
        lines = LOG.read_text().split("The above exception was")[0].splitlines()
        telling = [line for line in lines if "WARNING" in line or "ERROR" in line]
        print("\n".join(telling or lines[-15:]), file=sys.stderr)
        print(f"The book did not build (whole output: {LOG}).", file=sys.stderr)
        return 1
    print(f"Book: built in {time.monotonic() - start:.0f} s, {SITE}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
