"""Protects pip install: the wheel alone, with what it declares, loads the model and draws."""

import importlib.metadata
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "mosa_edu" / "recorded" / "explorer" / "model.safetensors"
PROBE = Path(__file__).with_name("wheel_probe.py")

pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def dependencies(requirements: list[str], extra: str) -> set[str]:
    """Return the names of everything that a list of requirements brings along."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), extra) for line in requirements]
    while waiting:
        requirement, wanted = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": wanted}):
            continue
        name = canonicalize_name(requirement.name)
        for own_extra in ("", *requirement.extras):
            if (name, own_extra) not in found:
                found.add((name, own_extra))
                lines = importlib.metadata.requires(name) or []
                waiting += [(Requirement(line), own_extra) for line in lines]
    return {name for name, _ in found}


def link(name: str, packages: Path) -> None:
    """Put an installed distribution into another environment, as links to its files."""
    distribution = importlib.metadata.distribution(name)
    tops = {Path(str(file)).parts[0] for file in distribution.files or []}
    for top in tops - {"..", "__pycache__"}:
        target = packages / top
        if not target.exists():
            target.symlink_to(Path(str(distribution.locate_file(top))))


def test_wheel_holds_the_package_and_nothing_of_the_checkout(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert all(name.startswith(("mosa_edu/", "mosa_edu-")) for name in names)
    assert not [name for name in names if "__pycache__" in name]
    assert any(name.startswith("mosa_edu/viz/web/") for name in names)


@pytest.mark.skipif(not MODEL.exists(), reason="this checkout ships no trained model yet")
def test_wheel_works_in_an_empty_environment_outside_the_checkout(wheel, tmp_path):
    """Installed with --no-deps; what it declares is linked from here, and nothing else.

    A real installation of torch would take minutes and prove the same: an import that the
    metadata does not declare fails in both. The workflow does the real one.
    """
    environment = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*install, "--target", str(packages), str(wheel)], check=True)
    metadata = importlib.metadata.Distribution.at(next(packages.glob("mosa_edu-*.dist-info")))
    for name in dependencies(metadata.requires or [], "viz"):
        link(name, packages)
    probe = tmp_path / "probe.py"
    probe.write_text(PROBE.read_text())
    done = subprocess.run(
        [environment / "bin" / "python", "-I", probe], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "model and chart" in done.stdout
