"""Checkpoints that survive a kill, a full disk and a flipped bit, and hold nothing but numbers.

A checkpoint is a pair of files: ``step-00000042.safetensors`` (tensors) and
``step-00000042.json`` (what they are). The tensors are written first and the JSON last, each to a
temporary name, synced, then renamed: a checkpoint exists from the moment its JSON does. The JSON
holds the SHA-256 of the tensors and of itself.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from mosa_edu.records.files import sync_folder

FORMAT_VERSION = 1
PREFIX = "step-"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` updates.

    Parameters
    ----------
    step : int
        Updates made so far.
    tensors : dict of str to torch.Tensor
        Named numbers: weights, buffers, optimizer moments.
    details : dict
        JSON values: the config of the run and whatever else a resumed run needs.
    """

    step: int
    tensors: dict[str, torch.Tensor]
    details: dict[str, Any]


def reached(point: str) -> None:
    """Do nothing; the kill test replaces this function by one that kills the process at `point`."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write a checkpoint durably, then delete all but the newest `keep`.

    Parameters
    ----------
    folder : pathlib.Path
        Created if absent.
    checkpoint : Checkpoint
        What to write.
    keep : int
        How many checkpoints stay, this one included.

    Returns
    -------
    pathlib.Path
        The JSON file.

    Raises
    ------
    OSError
        If the disk is full; no temporary file is left and older checkpoints are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reached("before the tensors")
    base = folder / f"{PREFIX}{checkpoint.step:08d}"
    data = safetensors.torch.save(_separate(checkpoint.tensors))
    write_durably(base.with_suffix(".safetensors"), data, "tensors")
    meta = {
        "version": FORMAT_VERSION,
        "step": checkpoint.step,
        "sha256": hashlib.sha256(data).hexdigest(),
        "details": checkpoint.details,
    }
    meta["checksum"] = _checksum(meta)
    text = json.dumps(meta, indent=1) + "\n"
    write_durably(base.with_suffix(".json"), text.encode(), "description")
    reached("before the pruning")
    for old in _steps(folder)[:-keep]:
        _remove(folder, old)
    return base.with_suffix(".json")


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the newest checkpoint that is whole; None if there is none.

    A damaged one is reported with a `RuntimeWarning` and the one before it is tried. Nothing is
    changed on disk, so a run may be read while it is written.
    """
    for step in reversed(_steps(folder)):
        try:
            return _read(folder, step)
        except _DamagedError as reason:
            warnings.warn(
                f"checkpoint {folder / _name(step)} is damaged ({reason}); trying the one before",
                RuntimeWarning,
                stacklevel=2,
            )
    return None


def load_weights(folder: Path) -> tuple[int, dict[str, torch.Tensor]]:
    """Read the model of the newest whole checkpoint.

    Returns
    -------
    step : int
        Updates it has had.
    weights : dict of str to torch.Tensor
        Its state dict, on the CPU.

    Raises
    ------
    ValueError
        If the folder holds no whole checkpoint.
    """
    found = latest_checkpoint(folder)
    if found is None:
        raise ValueError(f"folder must be one with a whole checkpoint, got {str(folder)!r}")
    prefix = "model."
    weights = {n.removeprefix(prefix): t for n, t in found.tensors.items() if n.startswith(prefix)}
    return found.step, weights


def discard_after(folder: Path, step: int) -> None:
    """Delete damaged checkpoints of later steps and what interrupted writes left behind.

    Only the process that owns the run may call this; `step` is where it resumes, -1 for nowhere.
    """
    for later in _steps(folder):
        if later > step:
            _remove(folder, later)
    for path in folder.glob(f"{PREFIX}*.tmp"):
        path.unlink(missing_ok=True)
    for path in folder.glob(f"{PREFIX}*.safetensors"):
        if not path.with_suffix(".json").exists():
            path.unlink(missing_ok=True)


def write_durably(path: Path, data: bytes, what: str = "file") -> None:
    """Replace `path` by `data` so that a crash leaves the old content or the new, never a mix."""
    temporary = path.with_name(path.name + ".tmp")
    half = len(data) // 2
    try:
        with open(temporary, "wb") as stream:
            stream.write(data[:half])
            reached(f"half of the {what}")
            stream.write(data[half:])
            stream.flush()
            os.fsync(stream.fileno())
        reached(f"before the {what} get their name")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


class _DamagedError(Exception):
    """A checkpoint whose files do not fit together."""


def _read(folder: Path, step: int) -> Checkpoint:
    base = folder / _name(step)
    try:
        meta = json.loads(base.with_suffix(".json").read_text(encoding="utf-8"))
        data = base.with_suffix(".safetensors").read_bytes()
    except FileNotFoundError as error:
        raise _DamagedError(f"{error.filename} is missing") from None
    except ValueError:
        raise _DamagedError("its JSON cannot be read") from None
    if not isinstance(meta, dict) or meta.pop("checksum", None) != _checksum(meta):
        raise _DamagedError("its JSON has another checksum")
    if meta["version"] > FORMAT_VERSION:
        raise ValueError(
            f"checkpoint version must be at most {FORMAT_VERSION}, got {meta['version']!r}"
        )
    if hashlib.sha256(data).hexdigest() != meta["sha256"] or meta["step"] != step:
        raise _DamagedError("its tensors have another checksum")
    return Checkpoint(step, safetensors.torch.load(data), meta["details"])


def _checksum(meta: Mapping[str, Any]) -> str:
    canonical = json.dumps(meta, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _separate(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Move to the CPU; copy what shares memory with an earlier tensor, since the format cannot."""
    seen: set[int] = set()
    separate = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        address = value.untyped_storage().data_ptr()
        separate[name] = value.clone() if address in seen else value
        seen.add(address)
    return separate


def _name(step: int) -> str:
    return f"{PREFIX}{step:08d}"


def _steps(folder: Path) -> list[int]:
    names = (path.stem.removeprefix(PREFIX) for path in folder.glob(f"{PREFIX}*.json"))
    return sorted(int(name) for name in names if name.isdigit())


def _remove(folder: Path, step: int) -> None:
    # The JSON goes first: without it the tensors are a leftover, not a damaged checkpoint.
    for suffix in (".json", ".safetensors"):
        (folder / _name(step)).with_suffix(suffix).unlink(missing_ok=True)
