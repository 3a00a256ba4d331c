"""Run every check of the project, to the end even when some fail, and add the results up.

Two workers, one a core, take the steps from one queue: the long ones first, the small ones fill
what is left, so that both are busy to the end.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "_build" / "reports"
WORKERS = 2
LONGEST_SECONDS = 9600
SHOWN_LINES = 150


@dataclass
class Step:
    """One check: a command, and what came of it."""

    name: str
    command: list[str]
    counts_tests: bool = False
    after: tuple[str, ...] = ()
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    output: str = field(default="", repr=False)

    @property
    def report(self) -> Path:
        """Return where pytest writes its counts."""
        return REPORTS / f"{self.name}.xml"

    def run(self) -> None:
        """Run the command and keep its outcome."""
        self.report.unlink(missing_ok=True)
        command = [sys.executable, *self.command]
        if self.counts_tests:
            command.append(f"--junitxml={self.report}")
        start = time.monotonic()
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=test_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=LONGEST_SECONDS,
                check=False,
            )
            self.output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as error:
            self.output, status = f"stopped after {error.timeout} s", 1
        self.seconds = time.monotonic() - start
        (REPORTS / f"{self.name}.log").write_text(self.output)
        self._count(status)

    def _count(self, status: int) -> None:
        if self.counts_tests and self.report.exists():
            for suite in ElementTree.parse(self.report).getroot().iter("testsuite"):
                total = int(suite.get("tests", 0))
                bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
                skipped = int(suite.get("skipped", 0))
                self.failed += bad
                self.skipped += skipped
                self.passed += total - bad - skipped
        elif status == 0:
            self.passed = 1
        if status != 0 and self.failed == 0:
            self.failed = 1  # pytest itself stopped, or collected nothing


def test_environment() -> dict[str, str]:
    """Return the variables of every check: no hub, no proxy on the way to localhost.

    Torch gets one thread in each process: two workers with two each would wait for one another,
    and a training of 16 seconds then takes minutes.
    """
    local = "127.0.0.1,localhost"
    own = {"HF_HUB_OFFLINE": "1", "NO_PROXY": local, "no_proxy": local, "OMP_NUM_THREADS": "1"}
    return os.environ | own


def pytest_step(name: str, *arguments: str) -> Step:
    """Return a step that pytest runs."""
    return Step(name, ["-m", "pytest", "-q", "--durations=10", *arguments], counts_tests=True)


def marked_step(name: str, marks: str, pattern: str, after: tuple[str, ...] = ()) -> Step:
    """Return a step of the tests with some marks, from the files that hold a pattern alone.

    Collecting all files takes seconds, in each step again.
    """
    files = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").glob("test_*.py"))
        if re.search(pattern, path.read_text(encoding="utf-8"))
    ]
    step = pytest_step(name, *files, "-m", marks)
    step.after = after
    return step


def static_steps() -> list[Step]:
    """Return the checks that read the sources."""
    linter = "import sys; from importlinter.cli import lint_imports_command as run; run()"
    workflows = [str(path) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    schema = ["-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows]
    return [
        Step("lint", ["-m", "ruff", "check", "."]),
        Step("format", ["-m", "ruff", "format", "--check", "."]),
        Step("types", ["-m", "mypy"]),
        Step("types-scripts", ["-m", "mypy", "scripts"]),
        Step("layers", ["-c", linter]),
        Step("page-types", ["-m", "deno", "check", "--quiet", "mosa_edu/**/*.js"]),
        Step("page-lint", ["-m", "deno", "lint"]),
        Step("page-format", ["-m", "deno", "fmt", "--check"]),
        Step("spelling", ["-m", "codespell_lib"]),
        Step("workflows", schema),
    ]


def long_steps() -> list[Step]:
    """Return the checks that run the package, the book's notebooks, its pages and the wheel.

    The book comes first, since its pages wait for it; the rest is in order of its length.
    """
    readme = ["README.md"] if (ROOT / "README.md").exists() else []
    notebooks = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "book").glob("*.ipynb"))]
    nbval = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout", "2400")
    sanitize = ("--nbval-sanitize-with", "nbval.cfg")
    return [
        Step("book", ["scripts/build_book.py", "--fresh"]),
        Step("browser-install", ["scripts/install_browser.py"]),
        *([pytest_step("notebooks", *nbval, *sanitize, *notebooks)] if notebooks else []),
        marked_step(
            "browser",
            "browser and not pages",
            r"\b(visit|chromium|engine_page)\b",
            ("browser-install",),
        ),
        pytest_step(
            "unit",
            *("tests", "mosa_edu", "book/_ext", *readme),
            *("--doctest-modules", "--doctest-glob=README.md"),
            *("-m", "not browser and not wheel"),
        ),
        marked_step("pages", "pages", r"\bsite\b", ("book", "browser-install")),
        marked_step("wheel", "wheel", r"mark\.wheel"),
    ]


class Queue:
    """Steps that workers take and run, and whose outcomes they print when they are known."""

    def __init__(self, steps: list[Step]) -> None:
        self.waiting = list(steps)
        self.ended = threading.Condition()
        self.open = {step.name for step in steps}

    def take(self) -> Step | None:
        """Return the first step that waits for no other, or None when all are taken."""
        with self.ended:
            while self.waiting:
                for step in self.waiting:
                    if self.open.isdisjoint(step.after):
                        self.waiting.remove(step)
                        if step.counts_tests:
                            print(f"          start   {step.name}", flush=True)
                        return step
                self.ended.wait()
        return None

    def work(self) -> None:
        """Take and run steps until none is left."""
        while (step := self.take()) is not None:
            step.run()
            with self.ended:
                self.open.remove(step.name)
                self.ended.notify_all()
                word = "FAILED" if step.failed else "ok"
                last = step.output.strip().splitlines()[-1:] or [""]
                line = f"{step.seconds:6.1f} s  {word:6}  {step.name:16} {last[0][:100]}"
                print(line, flush=True)
                if step.failed:
                    print("\n".join(step.output.splitlines()[-SHOWN_LINES:]), flush=True)

    def run(self) -> None:
        """Run all steps, as many at a time as there are workers."""
        # Daemons: Ctrl-C then ends the command instead of going on with the next step.
        threads = [threading.Thread(target=self.work, daemon=True) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def summary(steps: list[Step]) -> str:
    """Return the closing lines: what failed, what to do next, and the counts."""
    failed = [step.name for step in steps if step.failed]
    skipped = sum(step.skipped for step in steps)
    counts = f"{sum(s.passed for s in steps)} passed, {sum(s.failed for s in steps)} failed"
    if failed:
        following = f'Next: mend {", ".join(failed)}, then make test ONLY="{" ".join(failed)}"'
    else:
        following = "Next: make book shows the book these checks were about."
    return f"{following}\n{counts}" + (f", {skipped} skipped" if skipped else "")


def main() -> int:
    """Run the chosen steps and return 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", metavar="STEP", help="names of steps; none means all")
    arguments = parser.parse_args()
    REPORTS.mkdir(parents=True, exist_ok=True)

    steps = [*long_steps(), *static_steps()]
    names = {step.name for step in steps}
    if unknown := set(arguments.only) - names:
        parser.error(f"no such step: {', '.join(sorted(unknown))}; there are {sorted(names)}")
    if arguments.only:
        steps = [step for step in steps if step.name in arguments.only]

    start = time.monotonic()
    Queue(steps).run()
    print(f"{time.monotonic() - start:6.1f} s  in all; outputs in {REPORTS}", flush=True)
    print(summary(steps), flush=True)
    return int(any(step.failed for step in steps))


if __name__ == "__main__":
    sys.exit(main())
