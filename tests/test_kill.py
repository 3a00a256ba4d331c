"""Protects exact resume: a run killed anywhere ends with the weights of a run never stopped."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

POINTS = (
    "before the tensors",
    "half of the tensors",
    "whole of the tensors",
    "half of the description",
    "whole of the description",
    "before the pruning",
)

# One interpreter imports torch and forks a child for every sitting: a start costs milliseconds.
DRIVER = """
import hashlib, json, os, random, signal, sys, time
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # the optimizer imports it at its first use; once here, not in each child

torch.set_num_threads(1)
from mosa_edu.data.tokens import TokenSet, TokenStream
from mosa_edu.model import PRESETS, TransformerLM
from mosa_edu.training import Trainer, TrainingConfig, checkpoint
from mosa_edu.training.run_log import read_metrics

MODEL = PRESETS["micro"]
CONFIG = TrainingConfig(
    steps=14, batch_tokens=128, max_length=64, warmup_steps=4, checkpoints=8, eval_tokens=64,
    log_every=3, save_seconds=0.05,
)


def stream(seed):
    tokens = np.random.default_rng(seed).integers(0, MODEL.vocab_size, 4000).astype(np.uint16)
    return TokenStream(tokens, np.array([0, len(tokens)]), np.array([9000]), ("noise",))


DATA = TokenSet(stream(1), stream(2), MODEL.vocab_size, "noise")


def sitting(folder):
    torch.manual_seed(0)
    model = TransformerLM(MODEL)

    def on_step(step, model):
        digest = hashlib.sha256()
        for tensor in model.state_dict().values():
            digest.update(tensor.numpy().tobytes())
        (folder / f"seen-{step}").write_text(digest.hexdigest())

    return Trainer(model, DATA, CONFIG, folder, on_step=on_step).run()


def in_child(work, kill_after=None):
    child = os.fork()
    if child == 0:
        try:
            work()
            if kill_after is not None:
                signal.pause()  # quicker than the run it was timed by: it dies all the same
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def killed_at(folder, point, occurrence):
    left = occurrence

    def reached(name):
        nonlocal left
        left -= name == point
        if left == 0 and name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoint.reached = reached
    sitting(folder)


def outcome(folder):
    found = checkpoint.latest_checkpoint(folder / "checkpoints")
    digest = hashlib.sha256()
    for name in sorted(found.tensors):
        digest.update(name.encode() + found.tensors[name].numpy().tobytes())
    lines = [{k: v for k, v in line.items() if k != "seconds"}
             for line in read_metrics(folder / "metrics.jsonl")]
    return {
        "step": found.step,
        "weights": digest.hexdigest(),
        "metrics": lines,
        "seen": {p.name: p.read_text() for p in sorted(folder.glob("seen-*"))},
        "leftovers": sorted(p.name for p in (folder / "checkpoints").glob("*.tmp")),
    }


root, points = Path(sys.argv[1]), json.loads(sys.argv[2])
draw = random.Random(20250501)
(root / "whole").mkdir()
begin = time.monotonic()
status = in_child(lambda: sitting(root / "whole"))
duration = time.monotonic() - begin
results = {"whole": {**outcome(root / "whole"), "statuses": [status]}}
for scenario in [*points, "moment 1", "moment 2", "moment 3"]:
    folder = root / scenario.replace(" ", "-")
    folder.mkdir()
    if scenario in points:
        first = in_child(lambda: killed_at(folder, scenario, draw.randint(2, 6)))
    else:
        first = in_child(lambda: sitting(folder), kill_after=duration * draw.uniform(0.1, 0.8))
    second = in_child(lambda: sitting(folder))
    results[scenario] = {**outcome(folder), "statuses": [first, second]}
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("kill")
    command = [sys.executable, "-c", DRIVER, str(folder), json.dumps(POINTS)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=1200, cwd=Path(__file__).parents[1]
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_whole_run_finishes(results: dict) -> None:
    assert results["whole"]["statuses"] == [0]
    assert results["whole"]["step"] == 14


@pytest.mark.parametrize("scenario", [*POINTS, "moment 1", "moment 2", "moment 3"])
def test_killed_run_ends_like_a_whole_one(results: dict, scenario: str) -> None:
    whole, killed = results["whole"], results[scenario]
    assert killed["statuses"] == [9, 0], "killed by SIGKILL, then finished"
    assert killed["weights"] == whole["weights"], "bit for bit, optimizer included"
    assert killed["metrics"] == whole["metrics"], "no step logged twice or lost"
    assert killed["seen"] == whole["seen"], "on_step saw every step with the same weights"
    assert killed["leftovers"] == []
