"""With the authors' weights our layers return the authors' numbers.

`reference_values.npz` was made with the modules of github.com/piotrpiekos/MoSA, commit f6dc4bc,
in float64: inputs, weights, outputs and gradients of two `PureMoSA` and one dense hybrid.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mosa_edu import DenseAttention, FixedAttention, HybridAttention, LocalAttention, MosaAttention
from mosa_edu.interop import load_reference

HERE = Path(__file__).parent
CASES = json.loads((HERE / "reference_values.json").read_text())["cases"]
with np.load(HERE / "reference_values.npz") as archive:
    VALUES = {name: torch.from_numpy(archive[name]) for name in archive.files}
OURS = {"r.0.weight": "selector.router.weight", "QKV.W": "w_qkv", "O.W": "w_out"}


def saved_weights(case):
    prefix = f"{case}.weight."
    return {key.removeprefix(prefix): v for key, v in VALUES.items() if key.startswith(prefix)}


def pure(case):
    sizes = CASES[case]
    widths = [sizes[name] for name in ("h", "h_prim", "n_heads", "sparsity")]
    rotary = {name: sizes[name] for name in ("rotate_fraction", "rope_base")}
    return MosaAttention(*widths, bool(sizes["include_first"]), **rotary).double()


def hybrid():
    sizes = CASES["hybrid"]
    widths = (sizes["h"], sizes["h_prim"])
    return HybridAttention(
        dense=DenseAttention(*widths, sizes["num_other_heads"]),
        sparse=MosaAttention(*widths, sizes["num_mosa_heads"], sizes["sparsity"]),
    ).double()


def assert_equal(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", ["pure_small", "pure_first"])
def test_pure_mosa_has_the_reference_values_and_gradients(case):
    layer = pure(case)
    load_reference(layer, saved_weights(case))
    x = VALUES[f"{case}.input"].clone().requires_grad_()
    output = layer(x)
    output.backward(VALUES[f"{case}.grad_output"])
    assert_equal(output, VALUES[f"{case}.output"])
    assert_equal(x.grad, VALUES[f"{case}.grad_input"])
    for theirs, ours in OURS.items():
        assert_equal(layer.get_parameter(ours).grad, VALUES[f"{case}.grad.{theirs}"])


def test_the_dense_hybrid_has_the_reference_values_and_loads_by_halves():
    """Rotary frequencies are passed over; a group that is missing has no weights either."""
    whole, saved = hybrid(), saved_weights("hybrid")
    frequencies = {"other_heads.pe.inv_freq": torch.full((2,), torch.nan)}
    load_reference(whole, saved | frequencies)
    x = VALUES["hybrid.input"]
    assert_equal(whole(x), VALUES["hybrid.output"])
    for name, prefix in (("dense", "other_heads."), ("sparse", "mosa_heads.")):
        half = HybridAttention(**{name: getattr(hybrid(), name)})
        load_reference(half, {k: v for k, v in saved.items() if k.startswith(prefix)})
        assert_equal(half(x), getattr(whole, name)(x))


def test_weights_take_the_layers_dtype_and_are_copies():
    saved = saved_weights("pure_small")
    layer = pure("pure_small").float()
    load_reference(layer, saved)
    assert layer.w_qkv.dtype == torch.float32
    layer.double()
    load_reference(layer, saved)
    with torch.no_grad():
        layer.w_out.zero_()
    assert saved["O.W"].abs().sum() > 0


def without(key):
    return {k: v for k, v in saved_weights("pure_small").items() if k != key}


@pytest.mark.parametrize(
    ("state_dict", "message"),
    [
        (without("QKV.W"), r"state_dict must be one with .*got .*without \['QKV.W'\]"),
        (without("QKV.W") | {"QKV.weight": torch.zeros(1)}, r"without \['QKV.W'\]"),
        (
            saved_weights("pure_small") | {"bias": torch.zeros(1)},
            r"one with only \['O.W', 'QKV.W', 'r.0.weight'\], got .*\['bias'\]",
        ),
        (
            without("O.W") | {"O.W": torch.zeros(2, 16, 8)},
            r"state_dict\['O.W'\] must be of shape \(2, 8, 16\), got \(2, 16, 8\)",
        ),
        (saved_weights("hybrid"), r"without \['O.W', 'QKV.W', 'r.0.weight'\]"),
    ],
)
def test_a_foreign_state_dict_is_refused_and_changes_nothing(state_dict, message):
    layer = pure("pure_small")
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_reference(layer, state_dict)
    for name, value in layer.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (torch.nn.Linear(2, 2), "module must be MosaAttention or HybridAttention, got 'Linear'"),
        (FixedAttention(16, 8, 2, 4), "module must be MosaAttention or .*, got 'FixedAttention'"),
        (HybridAttention(local=LocalAttention(16, 8, 2, window=4)), "module.local must be None: "),
        (
            HybridAttention(sparse=FixedAttention(16, 8, 2, 4)),
            "module.sparse must .*'FixedAttention'",
        ),
    ],
)
def test_layers_that_have_no_counterpart_are_refused(module, message):
    with pytest.raises(ValueError, match=message):
        load_reference(module, saved_weights("pure_small"))
