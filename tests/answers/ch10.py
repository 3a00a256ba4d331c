"""Answers to chapter 10: for each check right ones, and mistakes with what is said of them."""

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from mosa_edu.exercises import ch10


def prefix(scores, sparsity, whole=False, quota=lambda t, rho: -(-(t + 1) // rho), ties=True):
    wanted = []
    for t in range(len(scores)):
        seen = scores if whole else scores[:t]
        rank = int(((seen >= scores[t]) if ties and not whole else (seen > scores[t])).sum())
        wanted.append(rank < quota(t, sparsity))
    return torch.tensor(wanted)


def prefix_by_sorting(scores, sparsity):
    """The best of each prefix by a stable sort, in lists."""
    numbers, wanted = scores.tolist(), []
    for t in range(len(numbers)):
        best = sorted(range(t + 1), key=lambda s: -numbers[s])
        wanted.append(t in best[: -(-(t + 1) // sparsity)])
    return wanted


def prefix_as_a_table(scores, sparsity):
    earlier = np.tri(len(scores), k=-1, dtype=bool)
    values = scores.numpy()
    ranks = ((values >= values[:, None]) & earlier).sum(axis=1)
    return ranks < np.ceil(np.arange(1, len(values) + 1) / sparsity)


def whole_text(scores, sparsity):
    kept = torch.zeros(len(scores), dtype=torch.bool)
    kept[scores.topk(max(len(scores) // sparsity, 1)).indices] = True
    return kept


def threshold(scores, level, k, decay, first=False, rank=0, swap=False):
    kth_best = scores.topk(k + rank).values[-1] if rank >= 0 else scores.max()
    weight = 1 - decay if swap else decay
    moved = weight * level + (1 - weight) * kth_best
    return scores > (moved if first else level), moved


def decode(x, w_router, w_qkv, w_out, sparsity, gate=True, keep_all=False, again=False, own=True):
    output, cache, scores = torch.zeros_like(x), [], x @ w_router
    for t, token in enumerate(x):
        better = int((scores[:t] >= scores[t]).sum())
        wanted = better < -(-(t + 1) // sparsity)
        if again:
            k = max(min(2, t + 1), (t + 1) // sparsity)
            kept = sorted(scores[: t + 1].topk(k).indices.tolist())
            wanted, cache = t in kept, [(x[s] @ w_qkv).chunk(3)[1:] for s in kept if s < t]
        query, key, value = (token @ w_qkv).chunk(3)
        if (wanted or keep_all) and own:
            cache.append((key, value))
        if wanted and cache:
            keys, values = map(torch.stack, zip(*cache, strict=True))
            weights = (keys @ query / len(query) ** 0.5).softmax(0)
            factor = scores[t].sigmoid() if gate else 1
            output[t] = factor * (weights @ values) @ w_out
        if wanted and not own:
            cache.append((key, value))
    return output


def recall(predicted, kept):
    return float((predicted & kept).sum() / kept.sum())


def threshold_in_place(scores, level, k, decay):
    wanted = scores > level
    kth_best = scores.sort(descending=True).values[k - 1]
    return wanted.numpy(), float(kth_best.mul_(1 - decay).add_(decay * level))


def threshold_in_lists(scores, level, k, decay):
    numbers = scores.tolist()
    kth_best = sorted(numbers)[-k]
    return [number > level for number in numbers], level + (1 - decay) * (kth_best - level)


def parallel(x, w_router, w_qkv, w_out, sparsity, rule=prefix_by_sorting):
    """All tokens at once, in float64: what a decoder must equal."""
    scores = x.double() @ w_router.double()
    kept = torch.tensor(rule(scores, sparsity)).nonzero()[:, 0]
    q, key, v = (x[kept].double() @ w_qkv.double()).chunk(3, dim=1)
    a = scaled_dot_product_attention(q[None], key[None], v[None], is_causal=True)[0]
    out = torch.zeros_like(x, dtype=torch.float64)
    return out.index_add(0, kept, scores[kept].sigmoid()[:, None] * a @ w_out.double())


def decode_in_place(x, w_router, w_qkv, w_out, sparsity):
    wanted = prefix(x @ w_router, sparsity)
    keys, values = [], []
    for t in range(len(x)):
        if not wanted[t]:
            x[t] = 0
            continue
        q, key, value = (x[t] @ w_qkv).view(3, -1)
        keys.append(key)
        values.append(value)
        weights = (torch.stack(keys) @ q / len(q) ** 0.5).softmax(0)
        x[t] = (x[t] @ w_router).sigmoid() * (weights @ torch.stack(values)) @ w_out
    return x


def equals_taken(*given):
    return parallel(*given, rule=lambda s, rho: prefix(s, rho, ties=False).tolist())


SOLUTIONS = {
    ch10.check_prefix_rule: [prefix, prefix_by_sorting, prefix_as_a_table],
    ch10.check_threshold: [threshold, threshold_in_place, threshold_in_lists],
    ch10.check_decode: [decode, parallel, decode_in_place],
    ch10.check_recall: [
        recall,
        lambda p, k: np.mean(p.numpy()[k.numpy()]),
        lambda p, k: p.logical_and_(k).sum().double() / k.sum(),
    ],
}
MISTAKES = {
    ch10.check_prefix_rule: [
        (whole_text, "later token changes"),
        (lambda s, r: prefix(s, r, whole=True), "later token changes"),
        (lambda s, r: prefix(s, r, quota=lambda t, r: (t + 1) // r), "up"),
        (lambda s, r: prefix(s, r, quota=lambda t, r: -(-(t + 1) // r) + 1), "One token too many"),
        (lambda s, r: prefix(s, r, quota=lambda t, r: max(-(-t // r), 1)), "t + 1 tokens"),
        (lambda s, r: prefix(s, r).float(), "True or False"),
        (lambda s, r: prefix(s, 3), "the one that is given"),
        (lambda s, r: prefix(s, r, ties=False), "you take [0, 1, 2, 3, 4, 5, 6, 7]"),
        (lambda s, r: torch.ones(len(s), dtype=torch.bool), "The quota at t"),
    ],
    ch10.check_threshold: [
        (lambda *a: threshold(*a, first=True), "moved the threshold first"),
        (lambda *a: threshold(*a, swap=True), "weight of the OLD"),
        (lambda *a: threshold(*a, rank=1), "best score left out"),
        (lambda *a: threshold(*a, rank=-1), "the best score; move"),
        (lambda s, level, *a: (s > level, level), "does not move"),
        (lambda s, level, *a: (s >= level, threshold(s, level, *a)[1]), "> and not >="),
        (lambda s, *a: (s > 0.70, threshold(s, *a)[1]), "that you were given"),
        (lambda s, level, *a: (s > level, 0.71), "decay * threshold"),
        (lambda s, level, k, *a: threshold(s, level, 2, *a), "k-th best"),
        (lambda s, level, *a: s > level, "and the new threshold"),
        (
            lambda s, level, k, decay: (
                s > level,
                decay * level + (1 - decay) * sorted(set(s.tolist()))[-k],
            ),
            "Equal scores take a place",
        ),
    ],
    ch10.check_decode: [
        (lambda *a: decode(*a, gate=False), "gate is missing"),
        (lambda *a: decode(*a, again=True), "ran top-k again"),
        (lambda *a: decode(*a, keep_all=True), "keeps every token"),
        (lambda *a: decode(*a, own=False), "Token 0 attends to itself"),
        (lambda *a: decode(*a) + 1, "refused gets 0"),
        (lambda *a: decode(*a[:-1], 3), "Another text"),
        (equals_taken, "of equal scores the earlier wins"),
    ],
    ch10.check_recall: [
        (lambda p, k: float((p == k).float().mean()), "accuracy"),
        (lambda p, k: float((p & k).sum() / p.sum()), "precision"),
        (lambda p, k: float((p & k).sum() / (p | k).sum()), "the overlap"),
        (lambda p, k: 0.75, "finds nobody"),
        (lambda p, k: 0.75 * float(p.any()), "2 of 5"),
    ],
}
