"""Protects the trainer: it learns, resumes, stops and reports as it says, for any model."""

import ast
import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from training_toys import VOCAB, Bigram, toy_data

import mosa_edu.training
from mosa_edu.training import Trainer, TrainingConfig
from mosa_edu.training.checkpoint import latest_checkpoint
from mosa_edu.training.optimizer import build_optimizer, checkpoint_steps
from mosa_edu.training.run_log import MetricsLog, read_metrics

RECIPE = {"steps": 40, "batch_tokens": 128, "max_length": 32, "warmup_steps": 4}
RECIPE |= {"learning_rate": 0.3, "checkpoints": 6, "eval_tokens": 64, "weight_decay": 0.0}


def trainer(folder: Path, model: Bigram | None = None, on_step=None, **changes) -> Trainer:
    torch.manual_seed(0)
    config = TrainingConfig(**RECIPE | changes)
    return Trainer(model or Bigram(noise=0.01), toy_data(), config, folder, on_step=on_step)


def test_loss_falls_to_what_the_text_allows(tmp_path) -> None:
    result = trainer(tmp_path).run()
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert result["status"] == "finished"
    assert result["tokens"] == lines[-1]["tokens"]
    losses = [line["loss"] for line in lines if "loss" in line]
    scores = [line["validation_loss"] for line in lines if "validation_loss" in line]
    assert losses[0] > math.log(VOCAB) * 0.8
    assert losses[-1] < 0.1
    assert scores[-1] < 0.1
    assert len(scores) == 6


def test_stopped_run_resumes_to_the_same_weights_and_metrics(tmp_path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.run()
    first = trainer(tmp_path / "parts", log_every=10)
    batch = first.data.batch

    def stop_at_25(step: int, *rest, **options):
        if step == 25:
            first.stop()
        return batch(step, *rest, **options)

    first.data = SimpleNamespace(batch=stop_at_25, windows=first.data.windows)
    result = first.run()
    assert (result["status"], result["step"]) == ("stopped", 26), "the update begun is finished"
    second = trainer(tmp_path / "parts")
    assert second.run(time_limit=60)["status"] == "finished"
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name
    logs = [read_metrics(tmp_path / part / "metrics.jsonl") for part in ("whole", "parts")]
    for line in [*logs[0], *logs[1]]:
        line.pop("seconds", None)
    assert logs[0] == logs[1]


def test_hook_sees_each_checkpoint_step_again_only_where_a_run_resumes(tmp_path) -> None:
    seen: list[int] = []
    steps = checkpoint_steps(RECIPE["steps"], RECIPE["checkpoints"])

    def hook(step: int, model: torch.nn.Module) -> None:
        found = latest_checkpoint(tmp_path / "checkpoints")
        assert found is not None, "called after the checkpoint is safe"
        assert found.step == step
        assert not model.training
        assert not torch.is_grad_enabled()
        seen.append(step)
        if step == steps[3] and seen.count(step) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, on_step=hook).run()
    trainer(tmp_path, on_step=hook).run()
    assert seen == [*steps[:4], *steps[3:]]
    trainer(tmp_path, on_step=hook).run()
    assert seen[-2:] == steps[-1:] * 2, "a finished run shows its last step once more"


def test_time_limit_stops_cleanly(tmp_path) -> None:
    result = trainer(tmp_path).run(time_limit=1e-9)
    assert (result["status"], result["step"]) == ("stopped", 0)
    with pytest.raises(ValueError, match="time_limit must be positive, got 0"):
        trainer(tmp_path).run(time_limit=0)


def test_loss_that_is_no_number_ends_the_run(tmp_path) -> None:
    class Broken(Bigram):
        def forward(self, tokens):
            return super().forward(tokens) * (math.nan if self.training else 1.0)

    result = trainer(tmp_path, Broken()).run()
    assert result["status"] == "diverged"
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["loss"] is None
    assert latest_checkpoint(tmp_path / "checkpoints").step == 0, "no checkpoint of NaN weights"


def test_layer_that_refuses_exploded_numbers_ends_the_run_too(tmp_path) -> None:
    class Strict(Bigram):
        def forward(self, tokens):
            logits = super().forward(tokens)
            if logits.detach().abs().max() > 1e6:
                raise ValueError("router_logits must be numbers, got 'NaN'")
            return logits

    assert trainer(tmp_path / "a", Strict(), learning_rate=1e9).run()["status"] == "diverged"
    model = Strict()
    model.forward = lambda _: (_ for _ in ()).throw(ValueError("tokens must be fewer"))
    with pytest.raises(ValueError, match="tokens must be fewer"):
        trainer(tmp_path / "b", model).run()


def test_gradient_is_clipped_and_the_rate_is_the_one_of_the_step(tmp_path) -> None:
    run = trainer(tmp_path, clip_norm=1e-3, steps=5)
    run._replica, norms = run.model, []

    def note(*_: object) -> None:
        gradients = [p.grad.flatten() for p in run.model.parameters()]
        norms.append(float(torch.cat(gradients).norm()))

    run.state.optimizer.register_step_pre_hook(note)
    run._update()
    assert norms[0] == pytest.approx(1e-3, rel=1e-3)
    assert float(run._gradient_norm) > 1e-3
    assert run.state.optimizer.param_groups[0]["lr"] == RECIPE["learning_rate"] / 4


def test_only_matrices_decay() -> None:
    model = Bigram()
    optimizer = build_optimizer(model, TrainingConfig(steps=300, weight_decay=0.25))
    decays = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert decays == {id(model.table.weight): 0.25, id(model.bias): 0.0}


def test_second_trainer_in_the_same_folder_is_refused(tmp_path, capfd) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    with pytest.raises(ValueError, match="run_dir must be free"):
        trainer(tmp_path).run()
    log.close()
    trainer(tmp_path, steps=5).run()
    assert capfd.readouterr().err == "", "no bar is drawn without a terminal"


def test_checkpoint_of_another_recipe_is_refused_and_kept(tmp_path) -> None:
    trainer(tmp_path, steps=5).run()
    with pytest.raises(ValueError, match="steps must be 5 as in"):
        trainer(tmp_path, steps=6).run()
    assert trainer(tmp_path, steps=5).run()["step"] == 5
    with pytest.raises(ValueError, match="batch_tokens"):
        trainer(tmp_path, batch_tokens=16)


def test_metrics_cut_short_by_a_kill_are_dropped(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    assert [line["step"] for line in read_metrics(path)] == [1, 2, 3]
    log = MetricsLog(path)
    log.cut_after(2)
    log.write(3, loss=1.5)
    log.close()
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3, "loss": 1.5}\n'


def test_trainer_knows_no_layer() -> None:
    forbidden = {f"mosa_edu.{name}" for name in ("model", "attention", "selection", "tracing")}
    for path in Path(mosa_edu.training.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", [])]
            module = getattr(node, "module", None)
            imported = [f"{module}.{name}" if module else name for name in names]
            rooms = {".".join(name.split(".")[:2]) for name in imported}
            assert not rooms & forbidden, path
