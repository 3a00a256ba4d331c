"""Serve the built book on localhost until SIGINT or SIGTERM, which end it with exit 0."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
import threading
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"
FIRST_PORT = 8000
SITE = Path(__file__).resolve().parent.parent / "_build" / "html"
COVER = "book/index.html"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve files without a log line each, and never an old version of one."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """Have the browser ask again each time: the book may have been built anew."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


def is_taken(port: int) -> bool:
    """Tell whether something answers on the port, also where two servers may share one."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def open_server(folder: Path, first_port: int = FIRST_PORT) -> ThreadingHTTPServer:
    """Return a server of the folder on the first free port from ``first_port`` on."""
    handler = partial(QuietHandler, directory=str(folder))
    for port in range(first_port, min(first_port + 100, 65536)):
        if is_taken(port):
            continue
        try:
            return ThreadingHTTPServer((HOST, port), handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    return ThreadingHTTPServer((HOST, 0), handler)


def take_terminal() -> None:
    """Receive Ctrl-C alone, without make, which would report an error of its own.

    A terminal sends its signals to the process group in the foreground, and make and this
    server are one group. So the server makes a group of its own and puts it there.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        return  # no terminal: whoever started this sends its signals to this process
    try:
        if os.tcgetpgrp(terminal) == os.getpgrp() != os.getpid():
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # asked for from the background
            signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # nobody would wake this group up again
            os.tcsetpgrp(terminal, os.getpgrp())
    except OSError:
        pass  # a shell without job control: Ctrl-C still arrives
    finally:
        os.close(terminal)


def main() -> int:
    """Serve, say where once the cover answers, and wait for a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=SITE)
    parser.add_argument("--port", type=int, default=FIRST_PORT, help="the first port to try")
    arguments = parser.parse_args()
    cover = arguments.folder / COVER
    if not cover.exists():
        print(f"No book in {arguments.folder}: run make build first.", file=sys.stderr)
        return 1

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    take_terminal()
    server = open_server(arguments.folder, arguments.port)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    address = f"http://{HOST}:{server.server_address[1]}/{COVER}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(address, timeout=10) as response:
        response.read()
    print(f"Address: {address}")
    print(f"Index:   {cover}")
    print("Next: open the address in a browser; Ctrl-C ends the server.", flush=True)
    stop.wait()
    server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
