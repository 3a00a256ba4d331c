"""The kinds of attention heads and how many tokens each keeps: one table, plain values, no torch.

Costs, layers, configs, decoding, plans, probes, charts and (as JSON) the page read it here. Kinds
are of heads alone: variants of a model, such as one without its first token, are rows of plans.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from mosa_edu.checks import require, require_integer

LEAST_KEPT = 2
CAPACITY_FACTOR = 2.0
Count = TypeVar("Count", bound=Any)


@dataclass(frozen=True)
class HeadKind:
    """One row of the table.

    `label` is the name in running text and `selector` a class of `mosa_edu.selection`. `vectors`
    are what a head learns besides its matrices: one scores tokens, a second guesses the choice.
    `slots` says how many tokens a head projects: all T, those of a window, those of rho clusters,
    the k best, the first or a drawn one of every run of rho, or a capacity that the text may leave
    unused. `decided_by` says what a selection looks at: positions, the token itself, those before
    it, or the whole text.
    """

    name: str
    label: str
    selector: str | None
    vectors: int
    slots: Literal["all", "window", "clusters", "top_k", "stride", "draw", "capacity"]
    decided_by: Literal["position", "token", "prefix", "text"] = "position"
    in_config: bool = True
    in_page: bool = False
    colour: Literal["ink", "pick", "quiet"] = "quiet"

    @property
    def routed(self) -> bool:
        """Whether a router scores every token and the score scales the output."""
        return self.vectors > 0

    @property
    def learned(self) -> bool:
        """Whether it is the router that decides who is selected."""
        return self.routed and self.decided_by != "position"

    @property
    def capacity(self) -> Literal["all", "fixed", "variable"]:
        """Whether a head keeps all tokens, as many as the length says, or as many as the text."""
        if self.slots == "capacity":
            return "variable"
        return "fixed" if self.slots in ("top_k", "stride", "draw") else "all"

    @property
    def causal(self) -> bool:
        """Whether no later token can change what a head does with an earlier one."""
        return self.decided_by != "text"

    @property
    def sparse(self) -> bool:
        """Whether the content or position of a token, not its distance, lets it into a head."""
        return self.slots not in ("all", "window")


_ROWS = (
    # name, label, selector, vectors, slots, decided_by
    HeadKind("dense", "dense", None, 0, "all", in_page=True, colour="ink"),
    HeadKind("local", "local", None, 0, "window", in_page=True),
    HeadKind("fixed", "fixed", "Strided", 0, "stride", in_page=True),
    HeadKind("routing", "Routing", None, 0, "clusters", "text"),
    HeadKind("mosa", "MoSA", "ExpertChoice", 1, "top_k", "text", in_page=True, colour="pick"),
    HeadKind("random", "random", "RandomChoice", 0, "draw"),
    HeadKind("gated_random", "gated random", "GatedRandom", 1, "draw"),
    HeadKind("prefix", "prefix top-k", "PrefixTopK", 1, "capacity", "prefix", in_page=True),
    HeadKind("threshold", "threshold", "Threshold", 1, "capacity", "token", in_page=True),
    HeadKind("token", "token choice", "TokenChoice", 1, "capacity", "token"),
    # Made of a trained mosa model, never configured; it trains with k tokens, and is charged so.
    HeadKind("predictor", "predictor", "Predictor", 2, "top_k", "token", in_config=False),
)

HEAD_KINDS: dict[str, HeadKind] = {kind.name: kind for kind in _ROWS}


def kinds(**wanted: Any) -> tuple[str, ...]:
    """Names of the kinds with these properties, in the order of the table.

    >>> kinds(capacity="variable"), kinds(sparse=True, causal=True, routed=False)
    (('prefix', 'threshold', 'token'), ('fixed', 'random'))
    """
    return tuple(
        name
        for name, kind in HEAD_KINDS.items()
        if all(getattr(kind, key) == value for key, value in wanted.items())
    )


def head_kind(name: str) -> HeadKind:
    """Look up a kind of head by its name."""
    require(name in HEAD_KINDS, "kind", name, "one of " + ", ".join(HEAD_KINDS))
    return HEAD_KINDS[name]


def head_kinds_json() -> dict[str, Any]:
    """Return the table as plain values for the page, what follows from the columns included."""
    derived = ("routed", "learned", "capacity", "causal", "sparse")
    rows = [asdict(kind) | {name: getattr(kind, name) for name in derived} for kind in _ROWS]
    return {"leastKept": LEAST_KEPT, "capacityFactor": CAPACITY_FACTOR, "kinds": rows}


def kept_tokens(seq_len: int, sparsity: int) -> int:
    """Tokens that a head keeps when the length of the text alone decides how many.

    ``k = min(max(floor(T / rho), 2), T)``: the floor of two is the paper's rule for short inputs,
    the ceiling of T that of the authors' code.

    >>> kept_tokens(1024, 64), kept_tokens(10, 64), kept_tokens(1, 64)
    (16, 2, 1)
    """
    if seq_len < 1 or sparsity < 1:
        require_integer("seq_len", seq_len, 1)
        require_integer("sparsity", sparsity, 1)
    return min(max(seq_len // sparsity, LEAST_KEPT), seq_len)


def prefix_k(seen: Count, sparsity: int) -> Count:
    """Tokens that prefix top-k keeps of so many, a number or a tensor: ceil(seen / rho).

    >>> [prefix_k(seen, 4) for seen in (1, 4, 5)]
    [1, 1, 2]
    """
    return (seen + sparsity - 1) // sparsity


def capacity(
    seq_len: int,
    sparsity: int,
    capacity_factor: float = CAPACITY_FACTOR,
    max_seq_len: int | None = None,
) -> int:
    """Slots of a head whose number of tokens depends on the text, C.

    It follows the longest sequence of the model (`seq_len` if none is given), not the current one:
    a limit that shrank with the current length would let the length decide about earlier tokens.

    >>> capacity(1024, 64), capacity(16, 64, max_seq_len=1024), capacity(512, 64, max_seq_len=1024)
    (32, 16, 32)
    """
    longest = seq_len if max_seq_len is None else max_seq_len
    require_integer("seq_len", seq_len, 1)
    require_integer("sparsity", sparsity, 1)
    require_integer("max_seq_len", longest, seq_len)
    finite = math.isfinite(capacity_factor) and capacity_factor > 0
    require(finite, "capacity_factor", capacity_factor, "a positive number")
    return min(seq_len, math.ceil(capacity_factor * longest / sparsity))
