"""Weights of the authors' public MoSA modules, copied into ours."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mosa_edu.attention import HybridAttention, SparseAttention
from mosa_edu.checks import require
from mosa_edu.selection import ExpertChoice

_MOSA_NAMES = {"r.0.weight": "selector.router.weight", "QKV.W": "w_qkv", "O.W": "w_out"}
_DENSE_NAMES = {"W_QKV.weight": "qkv.weight", "W_O.weight": "out.weight"}
_NOT_WEIGHTS = {"pe.inv_freq", "mosa_heads.pe.inv_freq", "other_heads.pe.inv_freq"}
"""Rotary frequencies: they follow from the head's width and are computed here."""


def _require_mosa(argument: str, module: object, allowed: str = "MosaAttention") -> None:
    is_mosa = isinstance(module, SparseAttention) and isinstance(module.selector, ExpertChoice)
    require(is_mosa, argument, type(module).__name__, allowed)


def _our_names(module: nn.Module) -> dict[str, str]:
    """Names of our parameters by those in the authors' state dict."""
    if not isinstance(module, HybridAttention):
        _require_mosa("module", module, "MosaAttention or HybridAttention")
        return _MOSA_NAMES
    # Their local heads rotate all dimensions inside a window: other heads than ours.
    require(module.local is None, "module.local", module.local, "None: only dense hybrids load")
    names = {}
    if module.sparse is not None:
        _require_mosa("module.sparse", module.sparse)
        names.update({f"mosa_heads.{key}": f"sparse.{ours}" for key, ours in _MOSA_NAMES.items()})
    if module.dense is not None:
        names.update({f"other_heads.{key}": f"dense.{ours}" for key, ours in _DENSE_NAMES.items()})
    return names


def load_reference(module: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Copy the weights of the authors' `PureMoSA` or dense hybrid `MoSA` into a layer.

    Parameters
    ----------
    module : MosaAttention or HybridAttention
        Receives the weights, in its own dtype and on its own device. Sparsity, first token and
        rotary settings are no weights: give the layer those of the module that was saved.
    state_dict : mapping of str to Tensor
        Of the saved module, from https://github.com/piotrpiekos/MoSA at commit f6dc4bc. A key that
        is missing, unknown or of another shape is refused, and the layer is then unchanged.

    Notes
    -----
    With their weights the layers here return their outputs and gradients to 1e-10 in float64.

    Examples
    --------
    >>> from mosa_edu.attention import MosaAttention
    >>> layer = MosaAttention(d_model=16, d_head=8, n_heads=2, sparsity=4)
    >>> qkv, out = torch.zeros(2, 16, 24), torch.ones(2, 8, 16)
    >>> load_reference(layer, {"r.0.weight": torch.zeros(2, 16), "QKV.W": qkv, "O.W": out})
    >>> layer.w_out.sum().item()
    256.0
    """
    weights = {key: module.get_parameter(name) for key, name in _our_names(module).items()}
    given = {key: value for key, value in state_dict.items() if key not in _NOT_WEIGHTS}
    missing = sorted(weights.keys() - given.keys())
    unknown = sorted(given.keys() - weights.keys())
    require(not missing, "state_dict", f"one without {missing}", f"one with {sorted(weights)}")
    require(not unknown, "state_dict", f"one with {unknown}", f"one with only {sorted(weights)}")
    for key, parameter in weights.items():
        shape, expected = tuple(given[key].shape), tuple(parameter.shape)
        require(shape == expected, f"state_dict[{key!r}]", shape, f"of shape {expected}")
    with torch.no_grad():
        for key, parameter in weights.items():
            parameter.copy_(given[key])
