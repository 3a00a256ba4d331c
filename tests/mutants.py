"""Wrong layers: each differs from ours by one edit, and a named property must notice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import layer_properties


@dataclass(frozen=True)
class Mutant:
    """One edit: in `file`, `right` becomes `wrong`; `killer` must notice."""

    name: str
    file: str
    right: str
    wrong: str
    killer: Callable


# Below the property that must notice, three lines an edit: file and name, what stands there, and
# what is put in its place.
EDITS = """
== equals_loops
selection/expert_choice.py: score order under a triangular mask
- _k_best(logits, k).sort(dim=-1).values
+ _k_best(logits, k)
attention/sparse.py: rotary angle of the rank, not of the position
- cos, sin = cos[indices], sin[indices]
+ cos, sin = cos[:k], sin[:k]
attention/sparse.py: overwritten, not added
- .index_add_(
+ .index_copy_(
attention/sparse.py: no gate
- attended * gates
+ attended + 0 * gates
attention/sparse.py: gated twice
- attended * gates
+ attended * gates * gates
attention/sparse.py: gates renormalised over the head
- attended * gates
+ attended * gates / gates.sum(2, keepdim=True)
== router_learns
attention/sparse.py: gate cut off from the router
- attended * gates
+ attended * gates.detach()
== equals_loops
attention/sparse.py: attention sees all
- is_causal=True
+ is_causal=False
== rows_do_not_meet
attention/sparse.py: rows of the batch mixed up
- not isinstance(B, int) or B > 1:
+ B > 9:
== equals_loops
selection/expert_choice.py: softmax over heads
- router_logits.gather(-1, indices).sigmoid()
+ router_logits.softmax(1).gather(-1, indices)
selection/expert_choice.py: raw logit as gate
- router_logits.gather(-1, indices).sigmoid()
+ router_logits.gather(-1, indices)
selection/expert_choice.py: first token gated by 1
- router_logits.gather(-1, indices).sigmoid()
+ self._ranked(router_logits).gather(-1, indices).sigmoid()
== rows_do_not_meet
selection/expert_choice.py: one choice for the whole batch
- top_k_positions(self._ranked(router_logits), k)
+ top_k_positions(self._ranked(router_logits.mean(0, True).expand_as(router_logits)), k)
== short_texts_keep_two
head_kinds.py: k rounded up
- max(seq_len // sparsity, LEAST_KEPT)
+ max(-(-seq_len // sparsity), LEAST_KEPT)
head_kinds.py: no floor of two
- max(seq_len // sparsity, LEAST_KEPT)
+ max(seq_len // sparsity, 1)
== ties_go_to_the_earlier
selection/expert_choice.py: ties as torch.topk leaves them
- if holds(apart):
+ if True:
== padding_changes_nothing
selection/expert_choice.py: k from the padded length
- lengths = real.sum(dim=1)
+ lengths = real.shape[1] + 0 * real.sum(dim=1)
selection/expert_choice.py: pads compete
- router_logits.masked_fill(~real[:, None], -torch.inf)
+ router_logits
selection/causal.py: pads counted in the prefix
- seen = places(real)[:, None] + 1
+ seen = torch.arange(1, real.shape[1] + 1)
selection/controls.py: strides counted from a pad
- places(real).clamp(min=0)[:, None]
+ torch.arange(T).expand(B, T)[:, None]
== prefixes_are_decided_alike
selection/controls.py: a gated draw that follows the length
- places.expand(rows, -1, -1)
+ places.flip(-1).expand(rows, -1, -1)
== router_learns
selection/controls.py: gated random without its gate
- router_logits.gather(-1, indices).sigmoid()
+ x.new_ones(indices.shape)
== causal_rules_equal_loops
selection/controls.py: a gated draw that is not the specified one
- hashed_places(scramble(self.seed ^ GOLDEN), row
+ hashed_places(scramble(self.seed), row
selection/selection.py: unused slots gated
- .masked_fill(~valid, 0.0)
+
== causal_rules_ignore_the_future
selection/causal.py: rivals from the future
- earlier.tril(diagonal=start - 1)
+ earlier
== ties_go_to_the_earlier
selection/causal.py: ties in the prefix to the later
- router_logits - tie_at(
+ router_logits + tie_at(
== prefixes_are_decided_alike
selection/causal.py: quota of the whole text for every prefix
- prefix_k(seen, self.sparsity)
+ prefix_k(seen.max(), self.sparsity)
selection/causal.py: slots counted from the current text
- router_logits.sigmoid(), self.capacity)
+ router_logits.sigmoid(), -(-x.shape[1] // self.sparsity))
== causal_rules_ignore_the_future
selection/selection.py: refused by score
- stable_order((~chosen).to(torch.uint8))
+ gates.masked_fill(~chosen, -1).argsort(dim=-1, descending=True)
selection/causal.py: threshold from this very text
- router_logits > threshold + tie_at(threshold)
+ router_logits > router_logits.mean(-1, keepdim=True)
== statistics_are_of_the_past
selection/causal.py: statistics move before the selection
- wanted = self.wants(ranked, real, x)
+ self.training and self.learn(ranked, ranked > 0, real); wanted = self.wants(ranked, real, x)
selection/causal.py: statistics move in evaluation
- if self.training:
+ if True:
== causal_rules_equal_loops
selection/causal.py: biased gate
- router_logits.sigmoid(), self.capacity)
+ (router_logits + 1).sigmoid(), self.capacity)
selection/causal.py: token choice by worst head
- rank_of_each(by_token)
+ rank_of_each(-by_token)
== routing_equals_loops
attention/routing.py: sum over clusters
- total / times.clamp(min=1)
+ total
attention/routing.py: clusters of the unnormed vectors
- shared = F.layer_norm(shared, (self.d_head,))
+ shared = shared * 1.0
attention/routing.py: clustered after the rotation
- rotated = rotate(shared, cos, sin)
+ rotated = rotate(shared, cos, sin); clusters = self._cluster(rotated.detach(), real)
== statistics_are_of_the_past
attention/routing.py: centroids move in evaluation
- if self.training:
+ if True:
"""


def mutants() -> Iterator[Mutant]:
    """Read the edits."""
    for group in EDITS.split("== ")[1:]:
        killer, *lines = group.splitlines()
        for n in range(0, len(lines), 3):
            (file, name), right, wrong = lines[n].split(": "), lines[n + 1][2:], lines[n + 2][2:]
            yield Mutant(name, file, right, wrong, getattr(layer_properties, killer))


MUTANTS = list(mutants())
