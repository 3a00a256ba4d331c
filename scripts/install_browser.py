"""Find a Chromium for the browser tests, or install one where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
DOWNLOAD_SECONDS = 600


def playwright_browser() -> str | None:
    """Return the Chromium that playwright has downloaded before, if any."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def runs(path: str) -> bool:
    """Tell whether a browser starts at all: some distributions put a stub under its name."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@cache
def find_browser() -> str | None:
    """Return the path of an installed Chromium or Chrome; MOSA_EDU_BROWSER names one first."""
    chosen = os.environ.get("MOSA_EDU_BROWSER")
    if chosen is not None:
        return shutil.which(chosen)  # an unknown name means: none, so that tests can ask for that
    installed = [path for name in NAMES if (path := shutil.which(name))]
    for path in [*installed, *MAC]:
        if runs(path):
            return path
    return playwright_browser()


def succeeds(command: list[str], seconds: int = DOWNLOAD_SECONDS) -> bool:
    """Run a command, show its last lines if it fails, and tell whether it succeeded."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{command[0]}: {error}", flush=True)
        return False
    if done.returncode:
        print("\n".join((done.stdout + done.stderr).splitlines()[-5:]), flush=True)
    return done.returncode == 0


def install() -> None:
    """Install Debian's package where this user may, else let playwright download a browser."""
    if os.geteuid() == 0 and shutil.which("apt-get") and Path("/etc/debian_version").exists():
        print("Browser: installing the distribution's chromium package.", flush=True)
        package = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
        # A list that could not be refreshed in full may still hold the package.
        succeeds(["apt-get", "update"])
        if succeeds(["env", "DEBIAN_FRONTEND=noninteractive", *package]):
            return
    print("Browser: asking playwright for its chromium.", flush=True)
    succeeds([sys.executable, "-m", "playwright", "install", "chromium"])


def main() -> int:
    """Make sure there is a browser; say what to do where there is none."""
    if find_browser() is None:
        install()
        find_browser.cache_clear()
    browser = find_browser()
    if browser is None:
        print(
            "NO BROWSER: the browser tests cannot run. Install Chromium or Chrome "
            "(Debian: apt-get install chromium) and run make test again.",
            flush=True,
        )
        return int(bool(os.environ.get("CI")))  # a person may do without, CI may not
    print(f"Browser: {browser}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
