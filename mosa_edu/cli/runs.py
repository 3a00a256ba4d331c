"""The folder of a run: where it lies, what it is called, what is in it.

``config.json  tokenizer.json  metrics.jsonl  checkpoints/  record.json``
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.data.files import cache_folder

SETTINGS = {"preset": str, "corpus": str, "model": dict, "training": dict}
"""What ``config.json`` holds, by type."""


def runs_folder() -> Path:
    """Return the folder that holds the user's runs, under `cache_folder`."""
    return cache_folder() / "runs"


def run_folder(name: str) -> Path:
    """Return the folder of the run called `name`.

    Raises
    ------
    ValueError
        If the name is not one that a folder can have everywhere.
    """
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    allowed = "letters, digits, '-', '_' and '.', not starting with '.'"
    require(plain.isalnum() and not name.startswith("."), "name", name, allowed)
    return runs_folder() / name


def default_name(settings: dict[str, Any]) -> str:
    """Return a name that says what was run and differs when any setting does.

    Examples
    --------
    >>> default_name({"preset": "micro", "corpus": "a/b.txt", "model": {"sparse": "mosa"}})
    'micro-mosa-b-77079b'
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:6]
    corpus = "".join(c if c.isalnum() else "-" for c in Path(settings["corpus"]).stem)
    return f"{settings['preset']}-{settings['model']['sparse']}-{corpus}-{digest}"


def read_settings(folder: Path) -> dict[str, Any]:
    """Return what ``config.json`` of a run says.

    Raises
    ------
    ValueError
        If there is no such run, or its file is damaged.
    """
    path = folder / "config.json"
    require(path.is_file(), "run", str(folder), "the folder of a run (with a config.json)")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        settings = None
    is_whole = isinstance(settings, dict) and all(
        isinstance(settings.get(name), kind) for name, kind in SETTINGS.items()
    )
    require(is_whole, "config.json", str(path), f"a whole JSON object with {', '.join(SETTINGS)}")
    return dict(settings)
