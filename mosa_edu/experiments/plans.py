"""Which models are compared with which: configs of equal cost, and the jobs that train them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mosa_edu.checks import require
from mosa_edu.config import PRESETS, SPARSE_KINDS, ModelConfig
from mosa_edu.costs import head_flops, head_parameters, head_shape, isoflop_twin, isoparameter_twin
from mosa_edu.records.run import Comparison, RunRecord, recipe_name

FIRST_GRID = ("dense", "mosa", "fixed", "routing", "random", "prefix")
"""The baseline, the paper's layer and rivals, and the controls: more heads without learned ones,
and the same router made causal."""

KINDS = ("dense", *SPARSE_KINDS, "pure", "local", "free", "fewer")
"""All that `twin` builds."""

VARIANTS = {
    "pure": "mosa_only",
    "local": "local_hybrid",
    "free": "no_sink",
    "fewer": "dense_ablation",
}
"""Kinds of models, rather than of heads, by the names that records have for them."""

N_DENSE_KEPT = 2
"""Dense heads that a small hybrid keeps; the paper keeps 4 of 9."""

SIZES = {"explorer": 1, "half": 2}
"""Of the baseline: by how much the widths of the explorer model are divided."""


@dataclass(frozen=True)
class Job:
    """One training run of a comparison.

    Attributes
    ----------
    name : str
        Kind, match, sparsity and seed, such as ``mosa-flops-8-seed1``; ``fewer`` is matched with
        nothing and has no sparsity.
    comparison : Comparison
        What its record will be compared by; the recipe is known when there is a record.
    config : ModelConfig
        The model.
    seed : int
        Of weights and data order; data order is the same for all kinds.
    """

    name: str
    comparison: Comparison
    config: ModelConfig
    seed: int

    def named(self, record: RunRecord) -> RunRecord:
        """Return a record of this run with the name and the comparison of the job."""
        recipe = recipe_name(record.training, record.data, self.config.d_model)
        return replace(record, name=self.name, comparison=replace(self.comparison, recipe=recipe))


def dense_baseline(size: str = "explorer") -> ModelConfig:
    """Build a model with four dense heads and no sparse ones.

    Parameters
    ----------
    size : {"explorer", "half"}
        That of the model in the page, or half its width.

    Returns
    -------
    ModelConfig
        The model that every twin is matched with.
    """
    require(size in SIZES, "size", size, f"one of {', '.join(SIZES)}")
    shape = PRESETS["explorer"]
    width, head = shape.d_model // SIZES[size], shape.d_head // SIZES[size]
    return replace(shape, d_model=width, d_head=head, n_dense_heads=4, n_sparse_heads=0)


def twin(kind: str, sparsity: int = 8, match: str = "flops", size: str = "explorer") -> ModelConfig:
    """Build the small hybrid of one kind that costs no more than the dense baseline.

    Parameters
    ----------
    kind : str
        ``dense`` for the baseline itself, or a kind of sparse heads; ``pure`` for MoSA heads
        alone, ``local`` for MoSA heads beside local ones in the place of the dense ones, ``free``
        for MoSA heads that may drop token 0, ``fewer`` for the dense heads of a hybrid and nothing
        beside them: a control that costs less than the baseline.
    sparsity : int
        The paper's rho.
    match : {"flops", "parameters"}
        What may not exceed the baseline's.
    size : {"explorer", "half"}
        See `dense_baseline`.

    Returns
    -------
    ModelConfig
        Expert choice takes token 0 always, as in the paper's IsoFLOP runs, unless it is ``free``.

    Raises
    ------
    ValueError
        If `kind`, `match` or `size` is unknown, or not one head fits the budget.

    Examples
    --------
    >>> twin("mosa").n_sparse_heads, twin("fixed").n_sparse_heads
    (26, 28)
    """
    require(kind in KINDS, "kind", kind, f"one of {', '.join(KINDS)}")
    require(match in ("flops", "parameters"), "match", match, "'flops' or 'parameters'")
    baseline = dense_baseline(size)
    if kind == "dense":
        return baseline
    if kind == "fewer":
        return replace(baseline, n_dense_heads=N_DENSE_KEPT)
    if kind == "local":
        return _beside_local(baseline, sparsity, match)
    make = isoflop_twin if match == "flops" else isoparameter_twin
    if kind == "pure":
        return replace(make(baseline, "mosa", sparsity, 0), include_first=True)
    seat = kind == "mosa"
    sparse = "mosa" if kind == "free" else kind
    return replace(make(baseline, sparse, sparsity, N_DENSE_KEPT), include_first=seat)


def jobs(
    kinds: Iterable[str] = FIRST_GRID,
    seeds: Sequence[int] = (0, 1, 2),
    sparsity: int = 8,
    match: str = "flops",
    size: str = "explorer",
    plan: str = "compare",
) -> list[Job]:
    """List the runs of a comparison, seed by seed, so that a part of them is a whole grid.

    Parameters
    ----------
    kinds : iterable of str
        Kinds of models.
    seeds : sequence of int
        Seeds of each.
    sparsity, match, size
        As in `twin`.
    plan : str
        What records call the comparison.

    Returns
    -------
    list of Job
        Names are unique.
    """
    models = {kind: twin(kind, sparsity, match, size) for kind in kinds}
    first = "" if size == "explorer" else f"{size}-"
    names = {kind: f"{first}{kind}-{match}-{sparsity}" for kind in models}
    names["fewer"] = f"{first}fewer-nothing"
    return [
        Job(f"{names[kind]}-seed{seed}", compared(plan, kind, match, sparsity), model, seed)
        for seed in seeds
        for kind, model in models.items()
    ]


def compared(plan: str, kind: str, match: str, sparsity: int) -> Comparison:
    """Say what a kind of model is compared by in a plan."""
    sparse = kind not in ("dense", "fewer")
    return Comparison(
        plan,
        VARIANTS.get(kind, kind),
        "none" if kind == "fewer" else match,
        sparsity if sparse else None,
    )


def _beside_local(baseline: ModelConfig, sparsity: int, match: str) -> ModelConfig:
    """Replace the dense heads of the hybrid by local ones and spend the rest on MoSA heads."""
    config = replace(
        baseline,
        n_dense_heads=0,
        n_local_heads=N_DENSE_KEPT,
        sparse="mosa",
        sparsity=sparsity,
        include_first=True,
    )
    shape = head_shape(config)
    if match == "flops":
        dense, local, mosa = (head_flops(kind, shape).total for kind in ("dense", "local", "mosa"))
    else:
        dense, local, mosa = (head_parameters(kind, shape) for kind in ("dense", "local", "mosa"))
    n_heads = (baseline.n_dense_heads * dense - N_DENSE_KEPT * local) // mosa
    return replace(config, n_sparse_heads=n_heads)


def pair_jobs(
    baseline: ModelConfig, sparsity: int, n_heads: int, seeds: Sequence[int], n_dense: int
) -> list[Job]:
    """List the runs of a MoSA hybrid with a number of heads chosen for its loss.

    Parameters
    ----------
    baseline : ModelConfig
        The dense model whose loss is to be reached.
    sparsity, n_heads : int
        The paper's rho; MoSA heads of a layer.
    seeds : sequence of int
        Seeds.
    n_dense : int
        Dense heads of a layer that stay.

    Returns
    -------
    list of Job
        One a seed.
    """
    config = replace(
        baseline,
        n_dense_heads=n_dense,
        n_sparse_heads=n_heads,
        sparse="mosa",
        sparsity=sparsity,
        include_first=True,
    )
    name = f"mosa-loss-{sparsity}-heads{n_heads}"
    comparison = compared("pair", "mosa", "loss", sparsity)
    return [Job(f"{name}-seed{seed}", comparison, config, seed) for seed in seeds]


def next_heads(
    losses: Mapping[int, float], target: float, most: int, guess: int, resolution: int = 1
) -> int | None:
    """Choose the number of heads to train next, in the search for the fewest that suffice.

    Parameters
    ----------
    losses : mapping of int to float
        Loss by number of heads, of those that were trained; NaN for a run that diverged.
    target : float
        Loss to reach.
    most : int
        Heads that the search may use.
    guess : int
        Where it begins.
    resolution : int
        The answer may be this far above the fewest, less 1.

    Returns
    -------
    int or None
        None when the search is over. The answer is then the smallest number whose loss reaches
        the target, if there is one: more heads are taken not to be worse, so the search halves
        what lies between the largest that fails and the smallest that does not.

    Examples
    --------
    >>> next_heads({}, 3.0, most=40, guess=17), next_heads({17: 3.2}, 3.0, most=40, guess=17)
    (17, 34)
    >>> next_heads({17: 3.2, 34: 2.9}, 3.0, most=40, guess=17)
    25
    """
    enough = min((n for n, loss in losses.items() if loss <= target), default=None)
    below = most + 1 if enough is None else enough
    too_few = max((n for n, loss in losses.items() if n < below and not loss <= target), default=0)
    if enough is None:
        wanted = min(max(guess, 2 * too_few), most)
        return wanted if wanted > too_few else None
    if enough - too_few <= resolution:
        return None
    return guess if too_few == 0 and guess < enough else (too_few + enough) // 2


def shard(everything: Sequence[Job], part: int, parts: int) -> list[Job]:
    """Return one machine's share of a sweep.

    Parameters
    ----------
    everything : sequence of Job
        The whole sweep.
    part, parts : int
        Share `part` of `parts`, counted from 1.

    Returns
    -------
    list of Job
        Shares are disjoint and together everything.

    Raises
    ------
    ValueError
        If `part` is not in [1, parts].
    """
    require(1 <= part <= parts, "shard", f"{part}/{parts}", "i/n with 1 <= i <= n")
    return list(everything[part - 1 :: parts])


LONG_CONTEXT_KINDS = ("mosa", "fixed", "routing", "local")
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
        The `LONG_CONTEXT_KINDS`, of which none costs more than ``routing``, and ``dense``, which
        does. MoSA
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
    cost = {kind: head_flops(kind, head_shape(base)).total for kind in LONG_CONTEXT_KINDS}
    budget = N_ROUTING * cost["routing"]
    fit = {kind: budget // cost[kind] for kind in LONG_CONTEXT_KINDS}
    require(
        min(fit.values()) >= 1, "length", length, "long enough to pay for one head of each kind"
    )
    models = {
        kind: replace(base, sparse=kind, n_sparse_heads=fit[kind], include_first=kind == "mosa")
        for kind in LONG_CONTEXT_KINDS
        if kind != "local"
    }
    models["local"] = replace(base, n_local_heads=N_LOCAL + fit["local"])
    models["dense"] = replace(base, n_local_heads=0, n_dense_heads=N_DENSE)
    return models
