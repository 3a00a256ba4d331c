"""Answers to chapter 10: for each check the solution, and mistakes with what is said of them."""

import torch

from mosa_edu.exercises import ch10


def prefix(scores, sparsity, whole=False, quota=lambda t, rho: -(-(t + 1) // rho)):
    wanted = []
    for t in range(len(scores)):
        seen = scores if whole else scores[: t + 1]
        rank = int((seen > scores[t]).sum())
        wanted.append(rank < quota(t, sparsity))
    return torch.tensor(wanted)


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


SOLUTIONS = {
    ch10.check_prefix_rule: prefix,
    ch10.check_threshold: threshold,
    ch10.check_decode: decode,
    ch10.check_recall: recall,
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
    ],
    ch10.check_threshold: [
        (lambda *a: threshold(*a, first=True), "moved the threshold first"),
        (lambda *a: threshold(*a, swap=True), "weight of the OLD"),
        (lambda *a: threshold(*a, rank=1), "best score left out"),
        (lambda *a: threshold(*a, rank=-1), "the best score; move"),
        (lambda s, level, *a: (s > level, level), "does not move"),
    ],
    ch10.check_decode: [
        (lambda *a: decode(*a, gate=False), "gate is missing"),
        (lambda *a: decode(*a, again=True), "ran top-k again"),
        (lambda *a: decode(*a, keep_all=True), "keeps every token"),
        (lambda *a: decode(*a, own=False), "Token 0 attends to itself"),
        (lambda *a: decode(*a) + 1, "refused gets 0"),
    ],
    ch10.check_recall: [
        (lambda p, k: float((p == k).float().mean()), "accuracy"),
        (lambda p, k: float((p & k).sum() / p.sum()), "precision"),
    ],
}
