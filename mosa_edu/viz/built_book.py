"""The built book as a reader's browser gets it: its pages, and the bytes of ours that they load."""

import gzip
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mosa_edu.checks import require

OWN = ("mosa/*.js", "mosa/*.css", "css/*.css", "js/*.js")
COVER = "book/index.html"
WEIGHTS = "_static/models/explorer/model.safetensors"
TRACES = "_static/models/traces"


@dataclass(frozen=True)
class BuiltBook:
    """The folder that a build of the book leaves.

    Attributes
    ----------
    folder : Path
        Where the book's ``index.html`` lies.
    """

    folder: Path

    def __post_init__(self) -> None:
        built = (self.folder / COVER).is_file()
        require(built, "book", str(self.folder), "a folder that make build has written")

    def pages(self) -> list[str]:
        """List every page below the folder, the cover first."""
        found = sorted(
            path.relative_to(self.folder).as_posix()
            for path in (self.folder / "book").rglob("*.html")
        )
        return sorted(found, key=lambda page: page != COVER)

    def own_bytes(self) -> dict[str, int]:
        """Count the bytes, gzipped, of each script and style sheet of ours."""
        static = self.folder / "_static"
        paths = sorted(path for pattern in OWN for path in static.glob(pattern))
        return {path.relative_to(static).as_posix(): gzipped(path) for path in paths}

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the book on this machine and give its address."""
        handler = partial(_QuietHandler, directory=str(self.folder))
        server = _QuietServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()


def gzipped(path: Path) -> int:
    """Count the bytes of a file as a server sends it."""
    return len(gzip.compress(path.read_bytes(), 9, mtime=0))


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a page that was closed while it loaded."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
