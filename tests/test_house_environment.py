"""Protects the first minutes on a fresh machine: what is made, when, and what is said."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch_source

ROOT = Path(__file__).resolve().parent.parent
FAKE_PIP = """
import os, pathlib, sys, time
here = pathlib.Path(os.environ["FAKE_PIP"])
if sys.argv[1:3] != ["config", "list"]:
    with (here / "calls").open("a") as calls:
        calls.write(" ".join(sys.argv[1:]) + "\\n")
    print("  Downloading thing-1.0-py3-none-any.whl (2.5 MB)", flush=True)
    if (here / "fail").exists():
        sys.exit("no route to the index")
    while (here / "hang").exists():
        time.sleep(0.05)
else:
    print("global.find-links='wheels'")
"""


class Clone:
    """A checkout with only what the environment step reads, and a pip that only takes notes."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a path with spaces"
        self.pip = folder / "fake"
        (self.pip / "pip").mkdir(parents=True)
        (self.pip / "pip" / "__init__.py").touch()
        (self.pip / "pip" / "__main__.py").write_text(FAKE_PIP)
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for name in ("pyproject.toml", "constraints.txt", "requirements.txt"):
            shutil.copy(ROOT / name, self.root / name)
        script = self.root / "scripts" / "environment.py"
        text = script.read_text()
        assert '"venv"' in text
        # The real pip would never be called: leave its ten seconds of unpacking away.
        script.write_text(text.replace('"venv"', '"venv", "--without-pip"'))

    def command(self) -> list[str]:
        return ["sh", "scripts/python.sh", "scripts/environment.py"]

    def variables(self) -> dict[str, str]:
        extra = {"PYTHONPATH": str(self.pip), "FAKE_PIP": str(self.pip), "PYTHON": sys.executable}
        return os.environ | extra

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(), cwd=self.root, env=self.variables(), capture_output=True, text=True
        )

    def pip_calls(self) -> list[str]:
        calls = self.pip / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def plant(self) -> Path:
        planted = self.root / ".venv" / "planted"
        planted.touch()
        return planted


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def test_second_call_says_nothing_and_calls_no_pip(clone):
    first = clone.run()
    assert first.returncode == 0, first.stderr
    assert "5 MB downloaded" in first.stdout
    calls = clone.pip_calls()
    assert any("[viz,book,data,test]" in c and "--constraint" in c for c in calls)
    second = clone.run()
    assert (second.returncode, second.stdout) == (0, "")
    assert clone.pip_calls() == calls


@pytest.fixture
def installing(clone):
    """A first call that is waiting for pip."""
    (clone.pip / "hang").touch()
    process = subprocess.Popen(
        clone.command(),
        cwd=clone.root,
        env=clone.variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not clone.pip_calls() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(clone.pip_calls()) == 1
    yield process
    (clone.pip / "hang").unlink(missing_ok=True)
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_installation_cut_short_is_started_afresh(clone, installing, number):
    os.killpg(installing.pid, number)
    assert installing.wait() != 0
    planted = clone.plant()
    (clone.pip / "hang").unlink()
    assert clone.run().returncode == 0
    assert not planted.exists()
    assert len(clone.pip_calls()) == 3


def test_second_call_waits_for_a_pip_whose_parent_was_killed(clone, installing):
    installing.kill()  # the shell has become environment.py: pip goes on alone
    installing.wait()
    second = subprocess.Popen(
        clone.command(), cwd=clone.root, env=clone.variables(), stdout=subprocess.PIPE, text=True
    )
    assert "waiting" in second.stdout.readline()
    assert len(clone.pip_calls()) == 1
    (clone.pip / "hang").unlink()
    assert "Environment ready" in second.communicate(timeout=300)[0]
    assert len(clone.pip_calls()) == 3


def test_failed_installation_says_so_and_is_not_taken_for_finished(clone):
    (clone.pip / "fail").touch()
    failed = clone.run()
    assert failed.returncode == 1
    assert "no route to the index" in failed.stderr
    assert "run the command again" in failed.stderr.splitlines()[-1]
    (clone.pip / "fail").unlink()
    assert clone.run().returncode == 0
    assert len(clone.pip_calls()) == 3


def test_settings_of_tools_install_nothing(clone):
    assert clone.run().returncode == 0
    calls = clone.pip_calls()
    project = clone.root / "pyproject.toml"
    project.write_text(project.read_text().replace("line-length = 100", "line-length = 99"))
    assert clone.run().stdout == ""
    assert clone.pip_calls() == calls


def test_changed_pins_are_installed_in_place_and_a_moved_clone_is_made_anew(clone):
    assert clone.run().returncode == 0
    planted = clone.plant()
    with (clone.root / "constraints.txt").open("a") as constraints:
        constraints.write("# a change\n")
    assert clone.run().returncode == 0
    assert len(clone.pip_calls()) == 4
    assert planted.exists()
    clone.root = clone.root.rename(clone.root.with_name("moved"))
    planted = clone.plant()
    assert clone.run().returncode == 0
    assert not planted.exists()


def stub(folder: Path, name: str, version: str, new_enough: bool, has_venv: bool) -> None:
    """Write a program that answers the questions of python.sh."""
    path = folder / name
    path.write_text(
        f"""#!/bin/sh
case "$2" in
    *print*) echo {version} ;;
    *version_info*) exit {int(not new_enough)} ;;
    *ensurepip*) exit {int(not has_venv)} ;;
    *) echo "{name} runs $1" ;;
esac
"""
    )
    path.chmod(0o755)


def find_python(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "python.sh"), "script.py"],
        env={"PATH": str(folder), **variables},
        capture_output=True,
        text=True,
    )


def test_old_python_is_one_line_that_says_what_to_install(tmp_path):
    stub(tmp_path, "python3", "3.10", new_enough=False, has_venv=True)
    answer = find_python(tmp_path)
    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1
    assert "3.11" in answer.stderr
    assert "python3 is 3.10" in answer.stderr
    assert len(find_python(tmp_path, PYTHON="python3").stderr.splitlines()) == 1


def test_no_python_and_no_venv_are_one_line_each(tmp_path):
    assert len(find_python(tmp_path).stderr.splitlines()) == 1
    stub(tmp_path, "python3", "3.12", new_enough=True, has_venv=False)
    answer = find_python(tmp_path)
    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1
    assert "python3.12-venv" in answer.stderr


def test_first_good_python_runs_and_can_be_chosen(tmp_path):
    stub(tmp_path, "python3.12", "3.12", new_enough=True, has_venv=False)
    stub(tmp_path, "python3.11", "3.11", new_enough=True, has_venv=True)
    stub(tmp_path, "mine", "3.13", new_enough=True, has_venv=True)
    assert find_python(tmp_path).stdout == "python3.11 runs script.py\n"
    assert find_python(tmp_path, PYTHON="mine").stdout == "mine runs script.py\n"


def test_missing_make_is_one_line(tmp_path):
    (tmp_path / "dirname").symlink_to(shutil.which("dirname"))
    answer = subprocess.run(
        [shutil.which("bash"), str(ROOT / ".ci" / "run")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("make is missing: install it")
    assert len(answer.stderr.splitlines()) == 1


def test_own_pip_sources_and_devices_are_seen(tmp_path):
    listing = "global.cert='x'\nglobal.extra-index-url='a b'\n:env:.find-links='/w'\n"
    assert torch_source.pip_sources(listing) == ["extra-index-url", "find-links"]
    assert torch_source.pip_sources("global.cert='x'\n") == []
    assert not torch_source.has_nvidia_device(tmp_path)
    (tmp_path / "nvidia0").touch()
    assert torch_source.has_nvidia_device(tmp_path)


@pytest.mark.parametrize("there", [True, False])
def test_cpu_build_comes_from_pytorch_only_where_it_answers(monkeypatch, there):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(torch_source, "has_nvidia_device", lambda: False)
    monkeypatch.setattr(torch_source, "pip_sources", lambda listing: [])
    monkeypatch.setattr(torch_source, "answers", lambda url: there)
    arguments, reason = torch_source.choose(Path(sys.executable), "torch==2.13.0")
    assert (arguments[-1:] == ["torch==2.13.0"]) is there
    assert torch_source.CPU_INDEX in reason


def test_probe_gives_up_at_once_where_nobody_answers():
    start = time.monotonic()
    assert not torch_source.answers("http://127.0.0.1:9/", seconds=240.0)
    assert time.monotonic() - start < 120
