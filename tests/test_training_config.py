"""Protects the recipe: what is refused, and which rate, seed and checkpoints a step has."""

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosa_edu.training import TrainingConfig
from mosa_edu.training.optimizer import checkpoint_steps, layer_seed_at, learning_rate_at

BAD = {
    "steps": (0, 2.5, True),
    "batch_tokens": (255,),
    "max_length": (8,),
    "min_length": (0,),
    "learning_rate": (0.0, math.nan),
    "warmup_steps": (1000,),
    "weight_decay": (-0.1,),
    "betas": ((0.9, 1.0),),
    "clip_norm": (math.inf,),
    "seed": (-1,),
    "dtype": ("float64",),
    "keep_checkpoints": (1,),
    "save_seconds": (0.0,),
    "checkpoints": (0,),
    "eval_tokens": (-1,),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_refusal_names_argument_and_value(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got ") as error:
        TrainingConfig(**{"steps": 1000, "max_length": 256, "batch_tokens": 4096, name: value})
    assert repr(value) in str(error.value)


def test_config_survives_json_and_old_files_take_defaults() -> None:
    config = TrainingConfig(steps=300, betas=(0.8, 0.9))
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert TrainingConfig.from_json({"steps": 300}) == TrainingConfig(steps=300)
    with pytest.raises(ValueError, match="warm_up"):
        TrainingConfig.from_json({"steps": 300, "warm_up": 3})


@given(st.integers(1, 5000), st.data())
def test_learning_rate_rises_then_falls_to_zero(steps: int, data: st.DataObject) -> None:
    warmup = data.draw(st.integers(0, steps - 1))
    config = TrainingConfig(steps=steps, warmup_steps=warmup, learning_rate=0.5)
    rates = [learning_rate_at(config, step) for step in range(steps + 1)]
    assert all(0 < rate <= 0.5 for rate in rates[:-1])
    assert rates[-1] == 0
    assert max(rates) == pytest.approx(0.5)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


@given(st.integers(1, 100_000), st.integers(1, 60))
def test_checkpoint_steps_are_distinct_and_even_in_the_logarithm(steps: int, count: int) -> None:
    chosen = checkpoint_steps(steps, count)
    assert len(chosen) == min(count, steps + 1)
    assert chosen == sorted(set(chosen))
    assert chosen[-1] == steps
    assert count == 1 or chosen[0] == 0
    late = [b / a for a, b in itertools.pairwise(chosen) if a >= 100]
    assert not late or max(late) - min(late) < 0.03 * max(late)


def test_layer_seeds_differ_by_step_seed_and_rank() -> None:
    configs = [TrainingConfig(steps=300, seed=seed) for seed in (0, 1)]
    assert len({layer_seed_at(*each) for each in itertools.product(configs, (0, 1), (0, 1))}) == 8


@pytest.mark.parametrize(("shortest", "longest"), [(16, 256), (1, 300), (200, 201)])
def test_for_tokens_reads_no_fewer_than_asked(shortest, longest):
    """Whole rows only: counting steps as tokens / batch_tokens reads about 1 % too few."""
    lengths = {"min_length": shortest, "max_length": longest}
    config = TrainingConfig.for_tokens(200_000, 4096, **lengths, warmup_steps=0)
    read = [4096 // length * length for length in range(shortest, longest + 1)]
    assert config.steps * min(read) >= 200_000
