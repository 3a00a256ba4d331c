"""Protects the model: what a config may say, what it is fed, and its weights' way out and in."""

import copy
import pickle

import pytest
import torch

from mosa_edu import ModelConfig, TransformerLM
from mosa_edu.config import PRESETS, SPARSE_KINDS

SMALL = {
    "vocab_size": 50,
    "d_model": 16,
    "n_layers": 2,
    "d_head": 8,
    "max_seq_len": 24,
    "n_dense_heads": 1,
    "n_local_heads": 1,
    "n_sparse_heads": 4,
    "sparsity": 4,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vocab_size", 0),
        ("vocab_size", 50.0),
        ("n_layers", 0),
        ("d_head", True),
        ("n_sparse_heads", -1),
        ("n_dense_heads", 1.5),
        ("sparse", "nosuch"),
        ("sparsity", 0),
        ("sparsity", 25),
        ("sparsity", "8"),
        ("d_ff", 0),
        ("local_window", 0),
        ("include_first", "no"),
        ("rotate_fraction", 1.5),
        ("rope_base", 0.0),
        ("rope_base", float("nan")),
        ("capacity_factor", float("inf")),
    ],
)
def test_config_refuses_by_name_and_value(name, value) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got ") as error:
        ModelConfig(**{**SMALL, name: value})
    assert repr(value) in str(error.value)


def test_config_survives_json_and_refuses_other_json() -> None:
    for config in (*PRESETS.values(), ModelConfig(**SMALL)):
        assert ModelConfig.from_json(config.to_json()) == config
    for text in ("", "{", "[1]", "null", '{"d_model": 1}', '{"colour": "red"}'):
        with pytest.raises(ValueError, match="model config must be"):
            ModelConfig.from_json(text)
    with pytest.raises(ValueError, match="n_heads must be at least 1 in all"):
        ModelConfig(vocab_size=9, d_model=8, n_layers=1, d_head=4, max_seq_len=8)


def test_tokens_that_are_none_are_refused() -> None:
    model = TransformerLM(ModelConfig(**SMALL))
    ids = torch.zeros(1, 8, dtype=torch.long)
    for tokens, message in [
        (ids[0], r"tokens must be \(B, T\) in shape, got \(8,\)"),
        (ids.float(), "tokens must be int64, got torch.float32"),
        (ids[:, :0], "tokens must be 1 to max_seq_len=24 tokens, got '0 tokens'"),
        (ids.repeat(1, 4), "got '32 tokens'"),
        (ids + 50, r"tokens must be ids in \[0, vocab_size=50\), got 50"),
        (ids - 1, "got -1"),
    ]:
        with pytest.raises(ValueError, match=message):
            model(tokens)


@pytest.mark.parametrize("kind", SPARSE_KINDS)
def test_copies_compute_the_same(kind) -> None:
    """A state dict holds all there is: also statistics that training has moved, and draws."""
    torch.manual_seed(3)
    model = TransformerLM(ModelConfig(**SMALL, sparse=kind))
    tokens = torch.randint(50, (3, 20))
    model.train()(tokens)
    expected = model.eval()(tokens)
    other = TransformerLM(model.config).eval()
    other.load_state_dict(model.state_dict())
    for twin in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(tokens), expected)
    some = dict(list(model.state_dict().items())[:-1])
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict(some)
