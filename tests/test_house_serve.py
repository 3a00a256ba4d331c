"""Protects the end of make book: a free port, an address that answers, a clean end."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

SERVE = Path(__file__).resolve().parent.parent / "scripts" / "serve.py"


@pytest.fixture
def book(tmp_path):
    cover = tmp_path / "the book" / "book" / "index.html"
    cover.parent.mkdir(parents=True)
    cover.write_text("<title>cover</title>")
    return tmp_path / "the book"


@pytest.fixture
def taken_port():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        yield busy.getsockname()[1]


def start(book: Path, port: int) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, str(SERVE), "--folder", str(book), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    lines = [process.stdout.readline() for _ in range(3)]
    assert lines[1].split(maxsplit=1)[1].strip() == str(book / "book" / "index.html")
    assert lines[2].startswith("Next:")
    return process, lines[0].split()[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_next_port_is_taken_the_page_answers_and_a_signal_ends_it_with_0(book, taken_port, number):
    process, address = start(book, taken_port)
    assert int(re.search(r":(\d+)/", address)[1]) > taken_port
    assert "cover" in urllib.request.urlopen(address, timeout=60).read().decode()
    process.send_signal(number)
    assert process.wait(timeout=120) == 0


def test_no_book_is_one_line(tmp_path):
    command = [sys.executable, str(SERVE), "--folder", str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1


def test_ctrl_c_in_a_terminal_ends_make_without_an_error(book, taken_port, tmp_path):
    recipe = f'@exec "{sys.executable}" "{SERVE}" --folder "{book}" --port {taken_port}'
    (tmp_path / "Makefile").write_text(f"book:\n\t{recipe}\n")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execvp("make", ["make", "book"])
    output = read_until(terminal, "Ctrl-C ends the server")
    os.write(terminal, b"\x03")
    output += read_until(terminal, None)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, output
    assert "Error" not in output
    assert "Interrupt" not in output


def read_until(terminal: int, text: str | None, seconds: float = 240.0) -> str:
    """Read from a terminal until a text appears, or to its end."""
    output = ""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (text is None or text not in output):
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # Linux: the other side is closed
                break
            if not part:
                break
            output += part.decode()
    return output
