"""What a head, a layer and a model cost: plain integers, no torch.

FLOPs, parameters, bytes kept for the backward pass, KV slots, and the head counts that
equal budgets buy, in the conventions of the MoSA paper (arXiv 2505.00315): a product of an
``(i, j)`` by a ``(j, k)`` matrix counts ``2 i j k``, attention is counted over the whole
square although it is causal, top-k, gather and scatter are free, and one forward pass of
one sequence is the unit.
"""

from mosa_edu.costs.budgets import (
    isoflop_heads,
    isoflop_variant,
    isoparameter_heads,
    isoparameter_variant,
)
from mosa_edu.costs.flops import (
    KINDS,
    PAPER_BASELINES,
    HeadFlops,
    HeadShape,
    ModelFlops,
    head_flops,
    head_shape,
    model_flops,
)
from mosa_edu.costs.memory import (
    ActivationBytes,
    ModelParameters,
    head_activation_bytes,
    head_kv_slots,
    head_parameters,
    kv_bytes,
    kv_slots,
    model_activation_bytes,
    model_parameters,
)
from mosa_edu.head_kinds import capacity, kept_tokens

__all__ = [
    "KINDS",
    "PAPER_BASELINES",
    "ActivationBytes",
    "HeadFlops",
    "HeadShape",
    "ModelFlops",
    "ModelParameters",
    "capacity",
    "head_activation_bytes",
    "head_flops",
    "head_kv_slots",
    "head_parameters",
    "head_shape",
    "isoflop_heads",
    "isoflop_variant",
    "isoparameter_heads",
    "isoparameter_variant",
    "kept_tokens",
    "kv_bytes",
    "kv_slots",
    "model_activation_bytes",
    "model_flops",
    "model_parameters",
]
