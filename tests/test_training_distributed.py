"""Protects training on several devices: two processes do what one does on the same batches."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import hashlib, json, sys
from pathlib import Path

import torch

sys.path.insert(0, "tests")
torch.set_num_threads(1)
from training_toys import VOCAB, Bigram, toy_data

from mosa_edu.config import ModelConfig
from mosa_edu.model import TransformerLM
from mosa_edu.training import Trainer, TrainingConfig, distributed
from mosa_edu.training.run_log import read_metrics

root = Path(sys.argv[1])
MOSA = ModelConfig(vocab_size=VOCAB, d_model=16, n_layers=1, d_head=8, max_seq_len=16,
                   n_dense_heads=1, n_sparse_heads=2, sparsity=4)


def fit(name, model, rows, stop=None, **changes):
    torch.manual_seed(0)
    folder = root / name / f"{distributed.world_size()}-{distributed.rank()}"
    recipe = dict(steps=8, batch_tokens=16 * rows, max_length=16, warmup_steps=2, min_length=8,
                  learning_rate=0.1, checkpoints=3, eval_tokens=32, log_every=1)
    trainer = Trainer(model().double(), toy_data(), TrainingConfig(**recipe | changes), folder)
    if stop is not None:
        trainer.on_step = lambda step, _: trainer.stop() if step == stop else None
    status = trainer.run()["status"]
    digest = hashlib.sha256(b"".join(
        t.numpy().tobytes() for t in trainer.state.tensors().values()))
    return {
        "status": status,
        "digest": digest.hexdigest(),
        "average": float(getattr(trainer.model, "average", 0.0)),
        "losses": [m["loss"] for m in read_metrics(folder / "metrics.jsonl") if "loss" in m],
        "files": sorted(p.name for p in folder.glob("*")),
    }


with distributed.process_group():
    results = {
        "even": fit("even", Bigram, rows=4, min_length=16),
        "uneven": fit("uneven", lambda: TransformerLM(MOSA), rows=5),
        "stopped": fit("resumed", Bigram, rows=4, min_length=16, stop=1),
        "resumed": fit("resumed", Bigram, rows=4, min_length=16),
    }
    out = root / f"{distributed.world_size()}-{distributed.rank()}.json"
    out.write_text(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What one process found, this one, and what each of two found that torchrun started."""
    folder = tmp_path_factory.mktemp("distributed")
    script = folder / "fit.py"
    script.write_text(SCRIPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(script), str(folder)])
        runpy.run_path(str(script))
    words = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    done = subprocess.run(
        [sys.executable, *words, str(script), str(folder)],
        capture_output=True,
        text=True,
        timeout=1200,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    files = {"one": "1-0", "first": "2-0", "second": "2-1"}
    return {name: json.loads((folder / f"{path}.json").read_text()) for name, path in files.items()}


@pytest.mark.parametrize("scenario", ["even", "uneven", "resumed"])
def test_losses_equal_those_of_one_process(results: dict, scenario: str) -> None:
    one, two = results["one"][scenario]["losses"], results["first"][scenario]["losses"]
    assert len(one) == 8
    assert two == pytest.approx(one, abs=1e-6)


@pytest.mark.parametrize("scenario", ["even", "uneven", "stopped", "resumed"])
def test_processes_hold_the_same_numbers(results: dict, scenario: str) -> None:
    first, second = results["first"][scenario], results["second"][scenario]
    assert first["digest"] == second["digest"], "weights, optimizer, moving averages, loss"
    assert first["status"] == second["status"]


def test_moving_average_is_the_mean_over_the_processes(results: dict) -> None:
    one, two = results["one"]["even"]["average"], results["first"]["even"]["average"]
    assert one != 0
    assert two == pytest.approx(one, abs=1e-12)


def test_only_the_first_process_writes(results: dict) -> None:
    assert results["first"]["even"]["files"] == ["checkpoints", "metrics.jsonl"]
    assert results["second"]["even"]["files"] == []


def test_stop_on_one_process_stops_all_and_the_run_resumes(results: dict) -> None:
    for rank in ("first", "second"):
        assert results[rank]["stopped"]["status"] == "stopped"
        assert results[rank]["resumed"]["status"] == "finished"
        assert results[rank]["resumed"]["digest"] == results[rank]["even"]["digest"]
