"""The models that long texts are compared on: a head keeps k tokens at every length."""

from __future__ import annotations

from dataclasses import replace

from mosa_edu.checks import require
from mosa_edu.config import PRESETS, ModelConfig
from mosa_edu.costs import head_flops, head_shape

KINDS = ("mosa", "fixed", "routing", "local")
"""Kinds of equal FLOPs: three of sparse heads beside local ones, and local heads alone."""

LENGTHS = (1024, 2048, 4096, 8192)
N_KEPT = 64
"""Tokens that a sparse head keeps, and the window of a local one, at every length."""

N_LOCAL, N_ROUTING, N_DENSE = 2, 2, 4
"""Heads of a layer: local ones that all sparse models keep, Routing heads, whose FLOPs are what
the others may spend, and those of the dense model, which no such budget pays for."""


def long_models(
    length: int, n_kept: int = N_KEPT, shape: ModelConfig | None = None
) -> dict[str, ModelConfig]:
    """Build the models of one length; how many heads they have follows from equal FLOPs.

    Parameters
    ----------
    length : int
        Tokens in a text, T; a multiple of `n_kept`.
    n_kept : int
        The paper's k.
    shape : ModelConfig, optional
        Widths, layers and vocabulary; those of the explorer model if it is not given.

    Returns
    -------
    dict of str to ModelConfig
        The `KINDS`, of which none costs more than ``routing``, and ``dense``, which does. MoSA
        heads take token 0 always, as in the paper's IsoFLOP runs.

    Raises
    ------
    ValueError
        If `length` is not a multiple of `n_kept`, or the budget does not pay for one head.

    Notes
    -----
    The paper's comparison of long texts keeps the heads, 60 beside 4 local ones against 4 Routing
    heads, and lets their costs drift apart. Here the costs stay equal and the heads follow. As in
    the paper, a Routing head is charged for one product of a token and a centroid, although it
    computes T / k of them.

    Examples
    --------
    >>> [(T, long_models(T)["mosa"].n_sparse_heads) for T in LENGTHS]
    [(1024, 23), (2048, 42), (4096, 73), (8192, 113)]
    """
    whole = n_kept >= 2 and length % n_kept == 0 and length > n_kept
    require(whole, "length", length, f"a multiple of n_kept={n_kept}, 2 or more, and above it")
    base = replace(
        shape or PRESETS["explorer"],
        max_seq_len=length,
        sparsity=length // n_kept,
        local_window=n_kept,
        n_dense_heads=0,
        n_local_heads=N_LOCAL,
        n_sparse_heads=0,
    )
    cost = {kind: head_flops(kind, head_shape(base)).total for kind in KINDS}
    budget = N_ROUTING * cost["routing"]
    fit = {kind: budget // cost[kind] for kind in KINDS}
    require(
        min(fit.values()) >= 1, "length", length, "long enough to pay for one head of each kind"
    )
    models = {
        kind: replace(base, sparse=kind, n_sparse_heads=fit[kind], include_first=kind == "mosa")
        for kind in KINDS
        if kind != "local"
    }
    models["local"] = replace(base, n_local_heads=N_LOCAL + fit["local"])
    models["dense"] = replace(base, n_local_heads=0, n_dense_heads=N_DENSE)
    return models
