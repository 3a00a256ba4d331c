"""Run every check of the project, to the end even when some fail, and add the results up."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "_build" / "reports"
LONGEST_SECONDS = 9600
SHOWN_LINES = 150


@dataclass
class Step:
    """One check: a command, and what came of it.

    Parameters
    ----------
    name : str
        What ``make test ONLY=name`` calls it.
    command : list of str
        Run in the checkout with the environment's Python.
    counts_tests : bool
        Whether pytest runs it; its tests are then counted one by one.
    """

    name: str
    command: list[str]
    counts_tests: bool = False
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
    """Return the variables of every check: no hub, no proxy on the way to localhost."""
    local = "127.0.0.1,localhost"
    return os.environ | {"HF_HUB_OFFLINE": "1", "NO_PROXY": local, "no_proxy": local}


def pytest_step(name: str, *arguments: str) -> Step:
    """Return a step that pytest runs."""
    return Step(name, ["-m", "pytest", "-q", "--durations=10", *arguments], counts_tests=True)


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
        Step("spelling", ["-m", "codespell_lib"]),
        Step("workflows", schema),
    ]


def unit_step() -> Step:
    """Return the tests that need neither the book nor a browser, with all doctests."""
    readme = ["README.md"] if (ROOT / "README.md").exists() else []
    return pytest_step(
        "unit",
        *("tests", "mosa_edu", "book/_ext", *readme),
        *("--doctest-modules", "--doctest-glob=README.md"),
        *("-m", "not browser and not wheel"),
    )


def book_steps() -> list[Step]:
    """Return the checks of the built book, its notebooks, and the wheel."""
    steps = [Step("book", ["scripts/build_book.py", "--fresh"])]
    notebooks = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "book").glob("*.ipynb"))]
    if notebooks:
        nbval = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout", "2400"]
        steps.append(
            pytest_step("notebooks", *nbval, "--nbval-sanitize-with", "nbval.cfg", *notebooks)
        )
    return [
        *steps,
        Step("browser-install", ["scripts/install_browser.py"]),
        pytest_step("browser", "tests", "-m", "browser"),
        pytest_step("wheel", "tests", "-m", "wheel"),
    ]


def run_lane(steps: list[Step], printing: threading.Lock) -> None:
    """Run steps one after the other and print each outcome when it is known."""
    for step in steps:
        if step.counts_tests:
            with printing:
                print(f"          start   {step.name}", flush=True)
        step.run()
        with printing:
            word = "FAILED" if step.failed else "ok"
            last = step.output.strip().splitlines()[-1:] or [""]
            print(f"{step.seconds:6.1f} s  {word:6}  {step.name:16} {last[0][:100]}", flush=True)
            if step.failed:
                print("\n".join(step.output.splitlines()[-SHOWN_LINES:]), flush=True)


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
    """Run the chosen steps in two lanes, one a core, and return 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", metavar="STEP", help="names of steps; none means all")
    arguments = parser.parse_args()
    REPORTS.mkdir(parents=True, exist_ok=True)

    lanes = [[unit_step()], [*static_steps(), *book_steps()]]
    names = {step.name for lane in lanes for step in lane}
    if unknown := set(arguments.only) - names:
        parser.error(f"no such step: {', '.join(sorted(unknown))}; there are {sorted(names)}")
    if arguments.only:
        lanes = [[step for step in lane if step.name in arguments.only] for lane in lanes]

    printing = threading.Lock()
    # Daemons: Ctrl-C then ends the command instead of going on with the next step.
    threads = [
        threading.Thread(target=run_lane, args=(lane, printing), daemon=True) for lane in lanes
    ]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = [step for lane in lanes for step in lane]
    print(f"{time.monotonic() - start:6.1f} s  in all; outputs in {REPORTS}", flush=True)
    print(summary(steps), flush=True)
    return int(any(step.failed for step in steps))


if __name__ == "__main__":
    sys.exit(main())
