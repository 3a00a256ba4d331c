"""Plans: what an experiment trains and how it is scored, as data in a TOML file."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from mosa_edu.checks import require, require_integer
from mosa_edu.config import PRESETS, ModelConfig
from mosa_edu.costs import (
    head_flops,
    head_parameters,
    head_shape,
    model_flops,
    model_parameters,
)
from mosa_edu.head_kinds import kinds
from mosa_edu.records.run import Comparison, RunRecord, recipe_name

Made = TypeVar("Made")
Value = Any
"""A value of a plan: text, a number, true or false, or a list or table of them."""

KINDS = kinds(in_config=True)
_COUNTED_IN = {"dense": "n_dense_heads", "local": "n_local_heads"}
_NO_HEADS = {"n_dense_heads": 0, "n_local_heads": 0, "n_sparse_heads": 0}
SCORES = ("scores", "held_out", "fit", "selection", "positions", "cloze")
"""What may be measured of a trained model."""
SAMPLE = ("windows", "cuts", "draws")
"""What says of how much text."""
_SHARED = ("match", "sparsity", "n_dense", "n_local")
"""Fields of a row that a plan may set for all its rows."""


@dataclass(frozen=True)
class Row:
    """One model of a plan: heads of a `kind` that use up the budget, beside the heads that stay.

    Attributes
    ----------
    kind, match : str
        Of the heads; what may not exceed the baseline's: ``flops``, ``parameters``, or ``none``.
    sparsity : sequence of int
        The paper's rho; a model for each.
    n_dense, n_local, heads : int
        Heads of a layer that stay; how many of the kind, instead of as many as the budget buys.
    include_first : bool
        Whether expert choice takes token 0 always, as in the paper's IsoFLOP runs.
    recipe, shape : dict
        What differs from the plan's recipe, and from its baseline.
    """

    kind: str
    match: str
    sparsity: Sequence[int]
    n_dense: int = 0
    n_local: int = 0
    heads: int | None = None
    include_first: bool = False
    recipe: dict[str, Value] = field(default_factory=dict)
    shape: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """The search for the fewest heads of a row whose loss is that of another row or lower.

    Attributes
    ----------
    row, sparsity : str, int
        Whose heads are counted; its first sparsity by default.
    target, without : str
        The row whose mean loss is to be reached; the row that is left without any of the heads.
    guess, resolution : int
        Heads to begin with; the answer may be this far above the fewest, less 1.
    rounds : int
        Timed training steps of the pair that is found.
    seeds : sequence of int, optional
        Of the models of the search; those of the plan by default.
    """

    row: str
    target: str
    guess: int
    without: str | None = None
    sparsity: int | None = None
    resolution: int = 1
    rounds: int = 7
    seeds: Sequence[int] | None = None

    def __post_init__(self) -> None:
        require(self.guess >= 1, "search.guess", self.guess, "at least 1")
        require(self.resolution >= 1, "search.resolution", self.resolution, "at least 1")
        require(self.rounds >= 3, "search.rounds", self.rounds, "at least 3")


@dataclass(frozen=True)
class Job:
    """One training run of a plan: a model, its recipe and seed, and what it will be compared by.

    The data order depends on the seed alone, so that it is the same for all rows.
    """

    name: str
    comparison: Comparison
    config: ModelConfig
    recipe: dict[str, Value]
    seed: int

    def named(self, record: RunRecord) -> RunRecord:
        """Return a record of this run with the name and the comparison of the job."""
        recipe = recipe_name(record.training, record.data, self.config.d_model)
        return replace(record, name=self.name, comparison=replace(self.comparison, recipe=recipe))


@dataclass(frozen=True)
class Plan:
    """An experiment.

    Attributes
    ----------
    name, title : str
        Of the file; what is asked.
    baseline : ModelConfig
        The model that costs are matched with.
    rows, variants : dict of str to Row
        Models that a run trains, and those that it trains when they are named.
    recipe : dict
        ``tokens``, ``batch_tokens`` and other fields of `TrainingConfig`; ``most_epochs`` bounds
        how often the text may be read.
    corpus, seeds
        Text and seeds of every row.
    scores, sample, table
        What is measured of a trained model, of how much text, and how it is printed; names in
        `mosa_edu.experiments.runner`.
    run_name : str
        Name of a run, in terms of ``row``, ``match``, ``sparsity``, ``T`` and ``k``.
    folder : str
        Where records and checkpoints go, in the cache.
    device : str
        ``cuda``, ``cpu``, or ``auto``.
    keep_weights : bool
        Whether checkpoints stay when a run is recorded.
    search : Search, optional
        Of a matched pair.
    start : {"fresh", "shared"}
        ``shared``: models of a seed start equal in all that they have in common.
    grid : dict of str to list
        Values of fields of the recipe, all combinations of which every row is trained with.
    rounds, kept : sequence of int, int
        With a grid: tokens of each round of a search for the best recipe of every row, and how
        many recipes go on from a round to the next.
    """

    name: str
    title: str
    baseline: ModelConfig
    rows: dict[str, Row]
    recipe: dict[str, Value]
    corpus: str
    seeds: Sequence[int]
    scores: Sequence[str]
    folder: str
    variants: dict[str, Row] = field(default_factory=dict)
    sample: dict[str, int] = field(default_factory=dict)
    table: str = "causal_variants"
    run_name: str = "{row}-{match}-{sparsity}"
    device: str = "auto"
    keep_weights: bool = True
    search: Search | None = None
    start: str = "fresh"
    grid: dict[str, list[Value]] = field(default_factory=dict)
    rounds: Sequence[int] = ()
    kept: int = 3

    def __post_init__(self) -> None:
        known = ("fresh", "shared")
        require(self.start in known, "start", self.start, f"one of {', '.join(known)}")
        for name, values in self.grid.items():
            fits = isinstance(values, list) and len(values) > 0
            require(fits, f"grid.{name}", values, "a list of one value or more")
        unknown = [what for what in self.scores if what not in SCORES]
        require(not unknown, "scores", unknown, f"of {', '.join(SCORES)}")
        for name, value in self.sample.items():
            require(name in SAMPLE, "sample", name, f"made of {', '.join(SAMPLE)}")
            require_integer(f"sample.{name}", value, 0 if name == "cuts" else 1)

    def row(self, name: str) -> Row:
        """Return a row by its name."""
        known = self.rows | self.variants
        require(name in known, "row", name, f"one of {', '.join(known)}")
        return known[name]

    def model(self, row: str, sparsity: int | None = None, heads: int | None = None) -> ModelConfig:
        """Build the model of a row: it costs no more than the baseline, in what the row matches.

        A sparsity or a number of heads replaces the row's first and what the budget buys.

        Examples
        --------
        >>> plan = load_plan("isoflop")
        >>> plan.model("mosa").n_sparse_heads, plan.model("fixed").n_sparse_heads
        (26, 28)
        """
        found = self.row(row)
        unknown = sorted(set(found.shape) - {f.name for f in fields(ModelConfig)})
        require(not unknown, f"rows.{row}.shape", unknown, "made of fields of a model")
        empty = replace(
            self.baseline,
            **found.shape,
            sparsity=sparsity or found.sparsity[0],
            n_dense_heads=found.n_dense,
            n_local_heads=found.n_local,
            n_sparse_heads=1,  # none yet; a model without any head is refused
            include_first=found.include_first,
        )
        counted = _COUNTED_IN.get(found.kind, "n_sparse_heads")
        empty = replace(empty, sparse=found.kind if counted == "n_sparse_heads" else "mosa")
        heads = found.heads if heads is None else heads
        if heads is None:
            heads = self._heads_that_fit(found, empty)
        stay = 0 if counted == "n_sparse_heads" else getattr(empty, counted)
        counts: dict[str, Any] = {"n_sparse_heads": 0, counted: stay + heads}
        return replace(empty, **counts)

    def models(self) -> dict[str, ModelConfig]:
        """Build the models of all rows and variants."""
        return {row: self.model(row) for row in (*self.rows, *self.variants)}

    def _heads_that_fit(self, row: Row, model: ModelConfig) -> int:
        """Largest number of heads of a kind that the baseline's other heads pay for."""
        require(row.match in ("flops", "parameters"), "match", row.match, "'flops' or 'parameters'")
        shape = head_shape(model)

        def cost(kind: str) -> int:
            return head_parameters(kind, shape) if by_size else head_flops(kind, shape).total

        by_size, whole = row.match == "parameters", self.baseline
        budget = (whole.n_dense_heads - row.n_dense) * cost("dense")
        budget += (whole.n_local_heads - row.n_local) * cost("local")
        if whole.n_sparse_heads:
            budget += whole.n_sparse_heads * cost(whole.sparse)
        unit = "parameters" if by_size else "FLOPs"
        allowed = f"enough for one {row.kind} head of {cost(row.kind)} {unit}"
        require(budget >= cost(row.kind), "baseline", f"{budget} {unit} to spend", allowed)
        return budget // cost(row.kind)

    def job(
        self, row: str, seed: int, sparsity: int | None = None, heads: int | None = None
    ) -> Job:
        """Return one run; with a number of heads it is matched by its loss."""
        found = self.row(row)
        sparsity = sparsity or found.sparsity[0]
        config = self.model(row, sparsity, heads)
        match = found.match if heads is None else "loss"
        length = config.max_seq_len
        values = {"row": row, "match": match, "sparsity": sparsity}
        name = self.run_name.format(**values, T=length, k=length // sparsity)
        if heads is not None:
            name += f"-heads{heads}"
        whole = self.baseline
        comparison = Comparison(
            self.name,
            row,
            match,
            sparsity if config.n_sparse_heads else None,
            baseline=whole.sparse if whole.n_sparse_heads else "dense",
        )
        recipe = self.recipe | found.recipe
        return Job(f"{name}-seed{seed}", comparison, config, recipe, seed)

    def most_heads(self) -> int:
        """Return how many heads the search may use: those of equal FLOPs."""
        assert self.search is not None
        most = self.model(self.search.row, self.search.sparsity).n_sparse_heads
        allowed = f"at most {most}, those of equal FLOPs"
        require(self.search.guess <= most, "search.guess", self.search.guess, allowed)
        return most

    def jobs(
        self, only: Sequence[str] | None = None, seeds: Sequence[int] | None = None
    ) -> list[Job]:
        """List the runs of some rows or variants, seed by seed: a part is a whole comparison."""
        return [
            tuned
            for seed in (self.seeds if seeds is None else seeds)
            for row in (self.rows if only is None else only)
            for sparsity in self.row(row).sparsity
            for tuned in self._tuned(self.job(row, seed, sparsity))
        ]

    def _tuned(self, job: Job) -> list[Job]:
        """Return a job once for every combination of the grid's values; as it is without one."""
        jobs = []
        for values in itertools.product(*self.grid.values()):
            recipe = dict(zip(self.grid, values, strict=True))
            words = [f"-{name.partition('_')[0]}{value:g}" for name, value in recipe.items()]
            found = replace(job, name=job.name + "".join(words), recipe=job.recipe | recipe)
            jobs.append(found)
        return jobs


def shard(everything: Sequence[Job], part: int, parts: int) -> list[Job]:
    """Return one machine's share of the runs: share `part` of `parts`, counted from 1."""
    require(1 <= part <= parts, "shard", f"{part}/{parts}", "i/n with 1 <= i <= n")
    return list(everything[part - 1 :: parts])


def plan_words(plan: Plan, jobs: Sequence[Job]) -> str:
    """Say what would be trained: heads, FLOPs and parameters of every job."""
    lines = [f"{'run':32} {'heads a layer':>16} {'MFLOP a text':>13} {'parameters':>11}"]
    for job in jobs:
        others = f"{job.config.n_local_heads} local" if job.config.n_local_heads else ""
        heads = f"{others or f'{job.config.n_dense_heads} dense'} + {job.config.n_sparse_heads}"
        flops, size = model_flops(job.config).total / 1e6, model_parameters(job.config).total
        lines.append(f"{job.name:32} {heads:>16} {flops:>13.1f} {size:>11,}")
    if plan.search is not None:
        most = plan.most_heads()
        lines.append(f"then up to {most} heads of {plan.search.row}, until one is the fewest")
    return "\n".join(lines)


def plan_names() -> list[str]:
    """Return the names of the plans that come with the package."""
    return sorted(path.name.removesuffix(".toml") for path in _shipped().iterdir())


def load_plan(name: str, changes: Mapping[str, Value] | None = None) -> Plan:
    """Read a plan and check it.

    Parameters
    ----------
    name : str
        Of a plan that comes with the package, or the path of a TOML file.
    changes : mapping, optional
        Values by their place in the file, such as ``{"recipe.tokens": 9000}``.

    Raises
    ------
    ValueError
        If there is no such plan, or the file holds a name or a value that no plan has.

    Examples
    --------
    >>> plan = load_plan("isoflop", {"sparsity": 16})
    >>> [job.name for job in plan.jobs(only=["mosa"], seeds=[0])]
    ['mosa-flops-16-seed0']
    """
    path = Path(name)
    if path.suffix == ".toml":
        require(path.is_file(), "plan", name, "an existing file")
        text, name = path.read_text(encoding="utf-8"), path.stem
    else:
        name = name.replace("-", "_")
        require(name in plan_names(), "plan", name, f"one of {', '.join(plan_names())}, or a file")
        text = (_shipped() / f"{name}.toml").read_text(encoding="utf-8")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"plan must be a TOML file, got {name!r} ({error})") from None
    for place, value in (changes or {}).items():
        *tables, last = place.split(".")
        table = values
        for part in tables:
            table = table.setdefault(part, {})
            require(isinstance(table, dict), "set", place, f"a place in a table of plan {name}")
        table[last] = value
    return _checked(values, name)


def _checked(values: dict[str, Value], name: str) -> Plan:
    """Make a plan of what its file says."""
    shared = {key: values.pop(key) for key in _SHARED if key in values}
    given = dict(values.pop("baseline", {}))
    preset = given.pop("preset", "explorer")
    require(preset in PRESETS, "baseline.preset", preset, f"one of {', '.join(PRESETS)}")
    whole = PRESETS[preset].__dict__ | _NO_HEADS | given
    top_k = values.pop("top_k", None)
    if top_k is not None:
        require(isinstance(top_k, int) and top_k >= 2, "top_k", top_k, "2 tokens or more")
        length = whole["max_seq_len"]
        fits = top_k >= 2 and length % top_k == 0 and length > top_k
        allowed = f"a multiple of top_k={top_k}, 2 or more, and above it"
        require(fits, "baseline.max_seq_len", length, allowed)
        shared["sparsity"] = length // top_k
        whole |= {"sparsity": shared["sparsity"], "local_window": top_k}
    for part in ("rows", "variants"):
        table = values.get(part, {})
        values[part] = {row: _row(shared | table[row], f"{part}.{row}") for row in table}
    if "search" in values:
        values["search"] = _made(Search, values["search"], "search")
    values["run_name"] = values.pop("name", Plan.run_name)
    baseline = _made(ModelConfig, whole, "baseline")
    return _made(Plan, {"folder": name, **values, "name": name, "baseline": baseline}, name)


def _row(values: dict[str, Value], where: str) -> Row:
    sparsity = values.get("sparsity")
    listed = sparsity if isinstance(sparsity, list) else [sparsity]
    row = _made(Row, {**values, "sparsity": listed}, where)
    require(row.kind in KINDS, f"{where}.kind", row.kind, f"one of {', '.join(KINDS)}")
    matches = ("flops", "parameters", "none")
    require(row.match in matches, f"{where}.match", row.match, f"one of {', '.join(matches)}")
    return row


def _made(kind: type[Made], values: dict[str, Value], where: str) -> Made:
    """Make a value of a table, naming the fields that it lacks or does not know."""
    known = fields(kind)  # type: ignore[arg-type]
    unknown = sorted(set(values) - {f.name for f in known})
    require(not unknown, where, unknown, f"made of {', '.join(f.name for f in known)}")
    needed = {f.name for f in known if f.default is MISSING and f.default_factory is MISSING}
    lacking = sorted(needed - set(values))
    require(not lacking, where, f"a table without {', '.join(lacking)}", "complete")
    return kind(**values)


def _shipped() -> Any:
    return resources.files("mosa_edu.experiments") / "plans"
