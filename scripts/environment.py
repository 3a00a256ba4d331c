"""Make the environment in ``.venv``, once: a second call takes no time and no network.

Runs before anything is installed, so it needs nothing but Python's own library.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import deque
from pathlib import Path

import torch_source

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = "viz,book,data,test"
NEWEST = bool(os.environ.get("MOSA_EDU_NEWEST"))  # leave the pins away: what breaks next?


class Environment:
    """A virtual environment that knows whether it is complete.

    Notes
    -----
    Two files tell the state. ``mosa-edu.stamp`` holds the fingerprint of a finished
    installation; ``mosa-edu.installing`` lies there while one is under way. An installation
    that was cut short leaves the second one behind, and the next call starts afresh: what pip
    had half written cannot be told from what it had finished.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.log = self.folder / "mosa-edu.log"
        self.stamp = self.folder / "mosa-edu.stamp"
        self.installing = self.folder / "mosa-edu.installing"

    def python_version(self) -> str | None:
        """Return the ``major.minor`` of the environment's Python, None without a working one."""
        if not self.python.exists():
            return None
        match = re.search(r"^version\s*=\s*(\d+\.\d+)", self._configuration(), re.MULTILINE)
        return match.group(1) if match else None

    def _configuration(self) -> str:
        config = self.folder / "pyvenv.cfg"
        return config.read_text() if config.exists() else ""

    def fingerprint(self) -> str:
        """Return a hash of everything that decides what is installed, and where."""
        digest = hashlib.sha256(f"{self.python_version()} {self.root} {EXTRAS} {NEWEST}".encode())
        project = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        # The settings of linters and tests stand in the same file and install nothing.
        installing = [project["project"], project["build-system"], project["tool"]["hatch"]]
        digest.update(json.dumps(installing, sort_keys=True).encode())
        for name in ("constraints.txt", "requirements.txt"):
            digest.update((self.root / name).read_bytes())
        return digest.hexdigest()

    def is_complete(self) -> bool:
        """Tell whether the last installation finished and still fits the checkout."""
        if self.python_version() is None or self.installing.exists() or not self.stamp.exists():
            return False
        return self.stamp.read_text().strip() == self.fingerprint()

    def must_start_afresh(self) -> bool:
        """Tell whether what lies in the folder cannot be built upon."""
        wanted = "{}.{}".format(*sys.version_info[:2]) if os.environ.get("PYTHON") else None
        version = self.python_version()
        moved = self.stamp.exists() and str(self.folder) not in self._configuration()
        return (
            version is None
            or self.installing.exists()
            or moved
            or (wanted is not None and wanted != version)
        )

    def make(self) -> int:
        """Create the environment where needed, install everything, and return the bytes loaded."""
        if self.must_start_afresh():
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        self.installing.touch()
        self.stamp.unlink(missing_ok=True)
        if self.python_version() is None:
            command = [sys.executable, "-m", "venv", str(self.folder)]
            subprocess.run(command, check=True, close_fds=False)
        loaded = self._install()
        self.stamp.write_text(self.fingerprint() + "\n")
        self.installing.unlink()
        return loaded

    def _install(self) -> int:
        pins = self.root / "constraints.txt"
        constraints = [] if NEWEST else ["--constraint", str(pins)]
        torch = "torch" if NEWEST else torch_source.pinned(pins.read_text())
        arguments, reason = torch_source.choose(self.python, torch)
        print(reason, flush=True)
        loaded = self._pip(arguments) if arguments else 0
        # First the tools: a recent pip names a conflict within seconds, where that of Debian 12
        # looks for a way around it for half an hour; and an isolated build would fetch its back
        # end again at every installation.
        loaded += self._pip(["--upgrade", "pip", "hatchling", *constraints])
        project = ["--no-build-isolation", "--editable", f"{self.root}[{EXTRAS}]"]
        return loaded + self._pip([*project, *constraints])

    def _pip(self, arguments: list[str]) -> int:
        command = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check"]
        command += ["--no-input", "--progress-bar", "off", *arguments]
        last: deque[str] = deque(maxlen=15)
        loaded = 0
        with (
            self.log.open("a") as log,
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                close_fds=False,  # pip holds the lock, too: see main
            ) as pip,
        ):
            assert pip.stdout is not None
            try:
                for line in pip.stdout:
                    log.write(line)
                    last.append(line)
                    loaded += downloaded_bytes(line)
                    show_progress(line)
            except BaseException:
                pip.kill()
                raise
        show_progress("")
        if pip.returncode:
            sys.stderr.writelines(last)
            raise SystemExit(
                f"pip could not install everything (its whole output: {self.log}). "
                "Check the network and run the command again."
            )
        return loaded


def downloaded_bytes(line: str) -> int:
    """Return the size that one line of pip's output says it downloads."""
    match = re.match(r"\s*Downloading .*\(([\d.]+) (bytes|kB|MB|GB)\)", line)
    if match is None:
        return 0
    return round(float(match[1]) * {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[match[2]])


def show_progress(line: str) -> None:
    """Show on a terminal, in one line that is overwritten, what pip is doing."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print("\r" + line.strip()[:width].ljust(width), end="" if line else "\r", flush=True)


def main() -> None:
    """Make the environment unless it is complete."""
    environment = Environment()
    if environment.is_complete():
        return
    with (ROOT / ".env-stamp.lock").open("w") as lock:
        # One installation at a time. The lock is handed on to pip, which may outlive this process.
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another installation is under way: waiting for its end.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if environment.is_complete():
            return
        start = time.monotonic()
        print("Making the environment in .venv (only the first time).", flush=True)
        loaded = environment.make()
        seconds = time.monotonic() - start
        print(f"Environment ready: {loaded / 1e6:.0f} MB downloaded, {seconds:.0f} s.", flush=True)


def interrupt(*_: object) -> None:
    """End as after Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("Interrupted; the next call starts the environment afresh.") from None
