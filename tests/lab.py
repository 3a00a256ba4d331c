"""A real JupyterLab for tests: one notebook, one address, nothing of the user's own settings."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import socket

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

SECONDS = 400
OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--IdentityProvider.token=",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)


@contextmanager
def open_lab(folder: Path, cells: Sequence[str]) -> Iterator[str]:
    """Serve a notebook of these cells from a folder; yields its address."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(
        cells=[new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, folder / "notebook.ipynb")
    with serve_lab(folder) as address:
        yield f"{address}/notebook.ipynb"


@contextmanager
def serve_lab(folder: Path) -> Iterator[str]:
    """Serve a folder; yields the address under which its notebooks open."""
    own = {name: str(folder / f".{name}") for name in ("config", "data", "runtime", "ipython")}
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": own["config"],
        "JUPYTER_DATA_DIR": own["data"],
        "JUPYTER_RUNTIME_DIR": own["runtime"],
        "IPYTHONDIR": own["ipython"],
        "JUPYTERLAB_SETTINGS_DIR": f"{own['config']}/settings",
        "JUPYTERLAB_WORKSPACES_DIR": f"{own['config']}/workspaces",
    }
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", *OPTIONS]
    log = folder / "lab.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [*command, f"--ServerApp.port={port}"],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(server, f"http://127.0.0.1:{port}/api", log)
        yield f"http://127.0.0.1:{port}/lab/tree"
    finally:
        server.terminate()  # it ends its kernels itself
        try:
            server.wait(timeout=120)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen, address: str, log: Path) -> None:
    """Return when the server answers; fail with its log if it ends or takes too long."""
    end = time.monotonic() + SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            opener.open(address, timeout=60).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(f"no answer in {SECONDS} s: {log.read_text()[-3000:]}")
