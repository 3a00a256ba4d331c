"""Wrong layers: each differs from ours by one edit, and a named property must notice."""

from dataclasses import dataclass

from layer_properties import (
    causal_rules_ignore_the_future,
    equals_loops,
    padding_changes_nothing,
    prefixes_are_decided_alike,
    ragged_equal_loops,
    router_learns,
    routing_equals_loops,
    rows_do_not_meet,
    short_texts_keep_two,
    statistics_are_of_the_past,
    ties_go_to_the_earlier,
)


@dataclass(frozen=True)
class Mutant:
    """One edit: in `file`, `right` becomes `wrong`; `killer` must notice."""

    name: str
    file: str
    right: str
    wrong: str
    killer: object


SPARSE, ROUTING = "attention/sparse.py", "attention/routing.py"
RANKING, RAGGED = "selection/expert_choice.py", "selection/causal.py"
EXPERT, PREFIX = "selection/expert_choice.py", "selection/causal.py"
GATED, TOP_K = "attended * gates", "top_k_positions(self._ranked(router_logits), k)"

MUTANTS = [
    Mutant(
        "score order under a triangular mask",
        RANKING,
        "return chosen.sort(dim=-1).values",
        "return chosen",
        equals_loops,
    ),
    Mutant(
        "rotary angle of the rank, not of the position",
        SPARSE,
        "cos, sin = cos[indices], sin[indices]",
        "cos, sin = cos[:k], sin[:k]",
        equals_loops,
    ),
    Mutant("overwritten, not added", SPARSE, ".index_add_(", ".index_copy_(", equals_loops),
    Mutant("no gate", SPARSE, GATED, "attended + 0 * gates", equals_loops),
    Mutant("gated twice", SPARSE, GATED, "attended * gates * gates", equals_loops),
    Mutant(
        "gates renormalised over the head",
        SPARSE,
        GATED,
        "attended * gates / gates.sum(2, keepdim=True)",
        equals_loops,
    ),
    Mutant(
        "gate cut off from the router", SPARSE, GATED, "attended * gates.detach()", router_learns
    ),
    Mutant("attention sees all", SPARSE, "is_causal=True", "is_causal=False", equals_loops),
    Mutant("rows of the batch mixed up", SPARSE, "if B > 1:", "if B > 9:", rows_do_not_meet),
    Mutant(
        "softmax over heads",
        EXPERT,
        "router_logits.gather(-1, indices).sigmoid()",
        "router_logits.softmax(1).gather(-1, indices)",
        equals_loops,
    ),
    Mutant(
        "raw logit as gate",
        EXPERT,
        "router_logits.gather(-1, indices).sigmoid()",
        "router_logits.gather(-1, indices)",
        equals_loops,
    ),
    Mutant(
        "first token gated by 1",
        EXPERT,
        "router_logits.gather(-1, indices).sigmoid()",
        "self._ranked(router_logits).gather(-1, indices).sigmoid()",
        equals_loops,
    ),
    Mutant(
        "one choice for the whole batch",
        EXPERT,
        TOP_K,
        TOP_K.replace("router_logits", "router_logits.mean(0, True).expand_as(router_logits)"),
        rows_do_not_meet,
    ),
    Mutant(
        "k rounded up",
        "head_kinds.py",
        "max(seq_len // sparsity, LEAST_KEPT)",
        "max(-(-seq_len // sparsity), LEAST_KEPT)",
        short_texts_keep_two,
    ),
    Mutant(
        "no floor of two",
        "head_kinds.py",
        "max(seq_len // sparsity, LEAST_KEPT)",
        "max(seq_len // sparsity, 1)",
        short_texts_keep_two,
    ),
    Mutant(
        "ties as torch.topk leaves them",
        RANKING,
        "not bool(apart.all())",
        "False",
        ties_go_to_the_earlier,
    ),
    Mutant(
        "k from the padded length",
        RANKING,
        "lengths = real.sum(dim=1)",
        "lengths = real.shape[1] + 0 * real.sum(dim=1)",
        padding_changes_nothing,
    ),
    Mutant(
        "pads compete",
        RANKING,
        "router_logits.masked_fill(~real[:, None], -torch.inf)",
        "router_logits",
        padding_changes_nothing,
    ),
    Mutant(
        "pads counted in the prefix",
        PREFIX,
        "seen = places(real)[:, None] + 1",
        "seen = torch.arange(1, real.shape[1] + 1)",
        padding_changes_nothing,
    ),
    Mutant(
        "strides counted from a pad",
        "selection/controls.py",
        "places(real).clamp(min=0)[:, None]",
        "torch.arange(T).expand(B, T)[:, None]",
        padding_changes_nothing,
    ),
    Mutant(
        "unused slots gated",
        "selection/selection.py",
        ".masked_fill(~valid, 0.0)",
        "",
        ragged_equal_loops,
    ),
    Mutant(
        "rivals from the future",
        PREFIX,
        "earlier.tril(diagonal=start - 1)",
        "earlier",
        causal_rules_ignore_the_future,
    ),
    Mutant(
        "ties in the prefix to the later",
        PREFIX,
        "router_logits - tie_at(",
        "router_logits + tie_at(",
        ties_go_to_the_earlier,
    ),
    Mutant(
        "quota of the whole text for every prefix",
        PREFIX,
        "prefix_k(seen, self.sparsity)",
        "prefix_k(seen.max(), self.sparsity)",
        prefixes_are_decided_alike,
    ),
    Mutant(
        "slots counted from the current text",
        RAGGED,
        "router_logits.sigmoid(), self.capacity)",
        "router_logits.sigmoid(), -(-x.shape[1] // self.sparsity))",
        prefixes_are_decided_alike,
    ),
    Mutant(
        "refused by score",
        "selection/selection.py",
        "(~chosen).to(torch.uint8).sort(dim=-1, stable=True).indices[..., :slots]",
        "gates.masked_fill(~chosen, -1).topk(slots, dim=-1).indices",
        causal_rules_ignore_the_future,
    ),
    Mutant(
        "threshold from this very text",
        "selection/causal.py",
        "router_logits > threshold + tie_at(threshold)",
        "router_logits > router_logits.mean(-1, keepdim=True)",
        causal_rules_ignore_the_future,
    ),
    Mutant(
        "statistics move before the selection",
        RAGGED,
        "wanted = self.wants(ranked, real, x)",
        "self.training and self.learn(ranked, ranked > 0, real); "
        "wanted = self.wants(ranked, real, x)",
        statistics_are_of_the_past,
    ),
    Mutant(
        "statistics move in evaluation",
        RAGGED,
        "if self.training:",
        "if True:",
        statistics_are_of_the_past,
    ),
    Mutant(
        "biased gate",
        RAGGED,
        "router_logits.sigmoid(), self.capacity)",
        "(router_logits + 1).sigmoid(), self.capacity)",
        ragged_equal_loops,
    ),
    Mutant(
        "token choice by worst head",
        "selection/causal.py",
        "rank_of_each(by_token)",
        "rank_of_each(-by_token)",
        ragged_equal_loops,
    ),
    Mutant(
        "sum over clusters", ROUTING, "total / times.clamp(min=1)", "total", routing_equals_loops
    ),
    Mutant(
        "clusters of the unnormed vectors",
        ROUTING,
        "shared = F.layer_norm(shared, (self.d_head,))",
        "shared = shared * 1.0",
        routing_equals_loops,
    ),
    Mutant(
        "clustered after the rotation",
        ROUTING,
        "rotated = rotate(shared, cos, sin)",
        "rotated = rotate(shared, cos, sin); clusters = self._cluster(rotated.detach(), real)",
        routing_equals_loops,
    ),
    Mutant(
        "centroids move in evaluation",
        ROUTING,
        "if self.training:",
        "if True:",
        statistics_are_of_the_past,
    ),
]
