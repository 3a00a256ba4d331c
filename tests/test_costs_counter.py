"""The formulas equal what torch counts and keeps, and every term that differs is named."""

from dataclasses import replace

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mosa_edu.config import PRESETS, SPARSE_KINDS
from mosa_edu.costs import (
    head_flops,
    head_shape,
    model_activation_bytes,
    model_flops,
    model_parameters,
)
from mosa_edu.head_kinds import HEAD_KINDS
from mosa_edu.model import TransformerLM

MICRO = PRESETS["micro"]
CONFIGS = {
    "micro": MICRO,
    "explorer": PRESETS["explorer"],
    "dense": replace(MICRO, n_dense_heads=4, n_sparse_heads=0),
    "local": replace(MICRO, n_dense_heads=0, n_local_heads=1, local_window=8),
    "untied": replace(MICRO, tie_embeddings=False, d_ff=100),
    **{kind: replace(MICRO, sparse=kind) for kind in SPARSE_KINDS},
}


def counted_flops(config, seq_len):
    """Count one forward pass; the plain attention kernel shows its products to the counter."""
    model = TransformerLM(config)
    tokens = torch.randint(config.vocab_size, (1, seq_len))
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(tokens)
    return counter.get_total_flops()


def differences(config, seq_len):
    """Terms by which torch's count exceeds the formulas, one by one, for all layers."""
    shape, d = head_shape(config, seq_len), config.d_head
    terms = {}
    if config.n_sparse_heads:
        gating = head_flops(config.sparse, shape).gating
        terms["gates multiply elementwise, torch counts matrix products"] = (
            -config.n_sparse_heads * gating
        )
    if config.n_sparse_heads and config.sparse == "routing":
        terms["the paper counts one product with a centroid a token, there are rho"] = (
            config.n_sparse_heads * 2 * d * seq_len * (config.sparsity - 1)
        )
    if config.n_local_heads and shape.span < seq_len:
        padded = -(-seq_len // shape.span) * shape.span
        terms["a block of queries meets two windows of keys"] = (
            config.n_local_heads * 4 * d * (2 * padded - seq_len) * shape.span
        )
    return {name: config.n_layers * flops for name, flops in terms.items()}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("seq_len", [64, 45])  # also where rho does not divide T
def test_flops_differ_from_torch_by_named_terms_alone(name, seq_len):
    torch.manual_seed(0)
    config = CONFIGS[name]
    counted = counted_flops(config, seq_len)
    formula = model_flops(config, seq_len).total_with_unembedding
    terms = differences(config, seq_len)
    assert counted - formula == sum(terms.values()), terms
    assert abs(counted - formula) <= 0.01 * formula


@pytest.mark.parametrize("name", CONFIGS)
def test_parameters_equal_those_of_the_model(name):
    config = CONFIGS[name]
    trained = sum(p.numel() for p in TransformerLM(config).parameters() if p.requires_grad)
    assert model_parameters(config).total == trained


def bytes_saved(config, seq_len):
    """Bytes that autograd keeps, parameters not counted, each storage once."""
    model = TransformerLM(config)
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    storages = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            storages[storage.data_ptr()] = storage  # held, or its address would be used again
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.randint(config.vocab_size, (1, seq_len)))
    return sum(storage.nbytes() for storage in storages.values())


def bytes_of_a_sparse_head(config):
    """Bytes that a sparse head keeps today although its backward pass could do without them."""
    shape, kind, angles = head_shape(config), config.sparse, config.d_head // 4 * 2
    T, n = shape.seq_len, shape.slots(kind)
    if kind == "routing":
        members = shape.sparsity * shape.kept
        return {
            "index_add keeps what it adds, to know its shape": members * config.d_head * 4,
            "mean and deviation of the shared vectors": 2 * T * 4,
            "who is in a cluster, and in how many": (members + T) * 4,
        }
    extras = {
        "index_add keeps what it adds, to know its shape": n * config.d_model * 4,
        "angles of the kept positions": n * angles * 4,
    }
    if HEAD_KINDS[kind].routed and HEAD_KINDS[kind].capacity == "fixed":
        extras["gather keeps the logits, to know their shape"] = T * 4
    if HEAD_KINDS[kind].capacity == "variable":
        extras["scores of all tokens, all positions sorted, which slots are used"] = T * 12 + n
    return extras


def bytes_not_in_the_formula(config):
    """Those of all heads, and what is kept once a layer."""
    angles = config.max_seq_len * (config.d_head // 4 * 2) * 4
    per_layer = config.n_sparse_heads * sum(bytes_of_a_sparse_head(config).values())
    per_layer += angles * (bool(config.n_dense_heads) + (config.sparse == "routing"))
    if config.n_dense_heads == 1:
        per_layer -= config.max_seq_len * config.d_head * 4  # one head's output is not copied
    return config.n_layers * per_layer + config.max_seq_len * 8  # and the tokens


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "local"])
def test_bytes_kept_for_backward_are_the_formula_and_named_extras(name):
    torch.manual_seed(0)
    config = CONFIGS[name]
    formula = model_activation_bytes(config).total
    assert bytes_saved(config, config.max_seq_len) == formula + bytes_not_in_the_formula(config)
