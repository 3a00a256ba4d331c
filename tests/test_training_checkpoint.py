"""Protects checkpoints: damage is found, a full disk costs nothing, other runs are refused."""

import ast
import resource
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn

import mosa_edu
from mosa_edu.training import TrainingConfig
from mosa_edu.training import checkpoint as checkpoints
from mosa_edu.training.checkpoint import (
    Checkpoint,
    latest_checkpoint,
    load_weights,
    save_checkpoint,
)

CONFIG = TrainingConfig(steps=300)


def make(step: int, size: int = 1000) -> Checkpoint:
    tensors = {"model.w": torch.full((size,), float(step)), "pending": torch.zeros(2)}
    details = {"config": CONFIG.to_json(), "identity": {"model": {"d_model": 64}}, "tokens": step}
    return Checkpoint(step, tensors, details)


def damage_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def damage_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
@pytest.mark.parametrize("damage", [damage_end, damage_bit, Path.unlink])
def test_damaged_checkpoint_is_found_and_the_one_before_used(tmp_path, suffix, damage) -> None:
    save_checkpoint(tmp_path, make(1))
    newest = save_checkpoint(tmp_path, make(2)).with_suffix(suffix)
    damage(newest)
    none = damage is Path.unlink and suffix == ".json"  # without its JSON there is no checkpoint
    warned = pytest.warns(RuntimeWarning, match="step-00000002 is damaged")
    with nullcontext() if none else warned:
        found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 1
    assert torch.equal(found.tensors["model.w"], make(1).tensors["model.w"])
    checkpoints.discard_after(tmp_path, found.step)
    left = ["step-00000001.json", "step-00000001.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_all_damaged_means_none(tmp_path) -> None:
    damage_bit(save_checkpoint(tmp_path, make(1)).with_suffix(".safetensors"))
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / "absent") is None
    with pytest.raises(ValueError, match="whole checkpoint"):
        load_weights(tmp_path / "absent")


def test_only_the_newest_are_kept_and_weights_load_alone(tmp_path) -> None:
    for step in (1, 2, 30):
        save_checkpoint(tmp_path, make(step), keep=2)
    names = sorted(path.stem for path in tmp_path.glob("*.json"))
    assert names == ["step-00000002", "step-00000030"]
    step, weights = load_weights(tmp_path)
    assert step == 30
    assert list(weights) == ["w"]


def test_full_disk_leaves_the_old_checkpoint_and_no_temporary_file(tmp_path) -> None:
    save_checkpoint(tmp_path, make(1))
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1, "checkpoints have the permissions of the user's other files"
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16384, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_checkpoint(tmp_path, make(2, size=100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert latest_checkpoint(tmp_path).step == 1


def test_tensors_that_share_memory_are_saved_in_full(tmp_path) -> None:
    model = nn.ModuleDict({"a": nn.Linear(3, 3, bias=False), "b": nn.Linear(3, 3, bias=False)})
    model["b"].weight = model["a"].weight
    save_checkpoint(tmp_path, Checkpoint(0, model.state_dict(), {}))
    assert set(latest_checkpoint(tmp_path).tensors) == {"a.weight", "b.weight"}


def test_other_recipe_model_or_data_is_refused() -> None:
    saved = CONFIG.to_json()
    checkpoints.require_same_recipe(TrainingConfig(steps=300, log_every=7, save_seconds=1.0), saved)
    with pytest.raises(ValueError, match=r"learning_rate must be 0\.002 as in .*, got 0\.1"):
        checkpoints.require_same_recipe(TrainingConfig(steps=300, learning_rate=0.1), saved)
    checkpoints.require_same_values({"model": {"d_model": 64}}, {"model": {"d_model": 64}})
    with pytest.raises(ValueError, match=r"model\.d_model must be 64 as in .*, got 128"):
        checkpoints.require_same_values({"model": {"d_model": 128}}, {"model": {"d_model": 64}})


@pytest.mark.parametrize(
    "live",
    [
        {"w": torch.zeros(3)},
        {"w": torch.zeros(2, dtype=torch.float64)},
        {"w": torch.zeros(2), "router": torch.zeros(1)},
        {},
    ],
)
def test_tensors_of_another_model_are_refused(live: dict) -> None:
    with pytest.raises(ValueError, match="tensor"):
        checkpoints.restore(live, {"w": torch.ones(2)})


def test_nothing_in_the_package_unpickles() -> None:
    forbidden = {"pickle", "dill", "joblib", "shelve", "marshal"}
    for path in Path(mosa_edu.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & forbidden, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"torch.load", "torch.save"}, path
                assert "allow_pickle=True" not in ast.unparse(node), path
