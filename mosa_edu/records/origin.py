"""Where a record comes from: code, command and machine, and no name or folder of anybody."""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]


def provenance(
    torch_version: str | None = None, hardware: str | None = None, command: str | None = None
) -> dict[str, Any]:
    """Describe the code, the command and the machine behind a record."""
    return {
        "commit": commit(),
        "command": command or command_line(sys.argv),
        "package": package_version(),
        "python": platform.python_version(),
        "torch": torch_version,
        "hardware": hardware or processor(),
    }


@cache
def commit() -> str | None:
    """Return the commit of this package's own checkout, with `+changes` if files differ from it.

    A copy installed inside somebody else's repository must not report their commit, so git
    is first asked whether it knows this package's files. Asked once: what runs is what was
    there when the process began.
    """
    if _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    head = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!recorded")
    return f"{head}+changes" if head and changed else head


def package_version() -> str | None:
    """Return the version of the installed package; None when run from a bare folder."""
    try:
        return metadata.version(PACKAGE.name)
    except metadata.PackageNotFoundError:
        return None


def command_line(arguments: Sequence[str]) -> str:
    """Return a command as one would type it, with absolute paths cut to their last part.

    >>> command_line(["/home/ada/bin/mosa-edu", "train", "--out=/home/ada/runs/a b", "--seed", "1"])
    "mosa-edu train '--out=a b' --seed 1"
    """
    return shlex.join(_without_folders(argument) for argument in arguments)


def program() -> str:
    """Return how this shell calls the command line: by its name, or by a full path."""
    if shutil.which("mosa-edu"):
        return "mosa-edu"
    beside = Path(sys.executable).with_name("mosa-edu")
    if beside.is_file():
        return shlex.quote(str(beside))
    return f"{shlex.quote(sys.executable)} -m mosa_edu.cli.main"


def typed(*words: object) -> str:
    """Return a command of `mosa-edu` that can be pasted as it stands."""
    return f"{program()} {shlex.join(map(str, words))}"


def processor() -> str:
    """Return the processor's model and the number of cores this process may use."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return f"{model}, {cores} {'core' if cores == 1 else 'cores'}"


def _without_folders(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    path = value if equals else argument
    return option + equals + (Path(path).name if os.path.isabs(path) else path)


def _git(*arguments: str) -> str | None:
    """Output of a git command in the package's folder; None if there is no git or it refuses."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=PACKAGE, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
