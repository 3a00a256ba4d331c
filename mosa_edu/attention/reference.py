"""The heads once more as plain loops, one token at a time: the specification of this package.

Nothing here is fast, and nothing is clever. A text is a tensor ``x (T, d_model)``, in float64 if
results are to be compared, and gradients flow through. Batches and padding do not appear: every
row of a padded batch must come out as if its real tokens had been computed here on their own.
"""

import math

import torch
from torch import Tensor

Picks = list[int]
"""Positions that sit in a head, ascending."""


def dense(
    x: Tensor,
    qkv: Tensor,
    out: Tensor,
    d_head: int,
    n_rotate: int,
    base: float,
    window: int | None = None,
) -> Tensor:
    """Dense heads: sparse ones that hold every token, or local ones that see `window` of them.

    Rows of `qkv` (H * 3 * d_head, d_model) read q0 k0 v0 q1 k1 v1 ...; columns of `out`
    (d_model, H * d_head) read head by head.
    """
    w_qkv = torch.stack([rows.T for rows in qkv.split(3 * d_head)])
    w_out = torch.stack([columns.T for columns in out.split(d_head, dim=1)])
    everyone, ones = [list(range(len(x)))] * len(w_qkv), [[torch.ones(())] * len(x)] * len(w_qkv)
    return sparse(x, w_qkv, w_out, everyone, ones, n_rotate, base, window)


def sparse(
    x: Tensor,
    w_qkv: Tensor,
    w_out: Tensor,
    picks: list[Picks],
    gates: list[list[Tensor]],
    n_rotate: int,
    base: float,
    window: int | None = None,
) -> Tensor:
    """Sparse heads, whoever picked: ``Y[I_i] += r_i A_i W_O`` for every head's picks I.

    `w_qkv` is (H, d_model, 3 * d_head), `w_out` (H, d_head, d_model); head h gates its token t
    by ``gates[h][t]``.
    """
    y = [torch.zeros_like(token) for token in x]
    for h, picked in enumerate(picks):
        w_q, w_k, w_v = w_qkv[h].chunk(3, dim=1)
        queries = {t: turn(x[t] @ w_q, t, n_rotate, base) for t in picked}
        keys = {t: turn(x[t] @ w_k, t, n_rotate, base) for t in picked}
        for t in picked:
            seen = [s for s in picked if s <= t and (not window or t - s < window)]
            mixed = mix(queries[t], [keys[s] for s in seen], [x[s] @ w_v for s in seen])
            y[t] = y[t] + gates[h][t] * (mixed @ w_out[h])
    return torch.stack(y)


def routing(
    x: Tensor, qv: Tensor, out: Tensor, centroids: Tensor, n_rotate: int, base: float
) -> Tensor:
    """Routing heads: attend inside clusters, average over the clusters that a token sits in.

    Rows of `qv` (H * 2 * d_head, d_model) read shared0 value0 shared1 value1 ...; `out` is
    (d_model, H * d_head), `centroids` (H, rho, d_head).
    """
    H, rho, d_head = centroids.shape
    y = [torch.zeros_like(token) for token in x]
    for h in range(H):
        shared, values = shared_and_values(x, qv, h, d_head)
        turned = [turn(shared[t], t, n_rotate, base) for t in range(len(x))]
        results: list[list[Tensor]] = [[] for _ in x]
        for centroid in centroids[h]:
            scores = [(centroid.to(x.dtype) @ vector).item() for vector in shared]
            picked = expert_choice(scores, rho)
            for t in picked:
                seen = [s for s in picked if s <= t]
                mixed = mix(turned[t], [turned[s] for s in seen], [values[s] for s in seen])
                results[t].append(mixed)
        for t, found in enumerate(results):
            if found:
                mean = torch.stack(found).mean(dim=0)
                y[t] = y[t] + out[:, h * d_head : (h + 1) * d_head] @ mean
    return torch.stack(y)


def moved_centroids(texts: list[Tensor], qv: Tensor, centroids: Tensor, decay: float) -> Tensor:
    """Centroids after one training step on the texts: each goes towards its nearest tokens."""
    moved = centroids.clone()
    for h, clusters in enumerate(centroids):
        nearest: list[list[Tensor]] = [[] for _ in clusters]
        for x in texts:
            for vector in shared_and_values(x, qv, h, clusters.shape[1])[0]:
                scores = [(centroid.to(x.dtype) @ vector).item() for centroid in clusters]
                nearest[scores.index(max(scores))].append(vector)
        for c, vectors in enumerate(nearest):
            if vectors:
                mean = torch.stack(vectors).mean(dim=0)
                moved[h, c] = norm(decay * clusters[c] + (1 - decay) * mean)
    return moved


def shared_and_values(
    x: Tensor, qv: Tensor, h: int, d_head: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Vectors of routing head h: normed ones that are query and key at once, and values."""
    w_shared, w_value = qv[2 * h * d_head :][: 2 * d_head].split(d_head)
    return [norm(w_shared @ token) for token in x], [w_value @ token for token in x]


def turn(vector: Tensor, position: int, n_rotate: int, base: float) -> Tensor:
    """Rotate the pairs (i, i + n_rotate / 2) of the first `n_rotate` dimensions (RoPE)."""
    half, turned = n_rotate // 2, list(vector)
    # Frequencies are rounded to float32, as in the authors' code.
    frequencies = 1.0 / base ** (torch.arange(0, n_rotate, 2).float() / max(n_rotate, 1))
    for i in range(half):
        angle = position * float(frequencies[i])
        a, b = vector[i], vector[i + half]
        turned[i] = a * math.cos(angle) - b * math.sin(angle)
        turned[i + half] = b * math.cos(angle) + a * math.sin(angle)
    return torch.stack(turned)


def mix(query: Tensor, keys: list[Tensor], values: list[Tensor]) -> Tensor:
    """Softmax-weighted mean of the values."""
    weights = torch.stack([(query @ key / math.sqrt(len(query))).exp() for key in keys])
    total = sum(weight * value for weight, value in zip(weights, values, strict=True))
    return total / weights.sum()


def norm(vector: Tensor) -> Tensor:
    """Subtract the mean and divide by the standard deviation (1e-5 is added to its square)."""
    centred = vector - vector.mean()
    return centred / (centred.square().mean() + 1e-5).sqrt()


def expert_choice(scores: list[float], rho: int, include_first: bool = False) -> Picks:
    """Pick the k best of the whole text, ties to the earlier position."""
    T = len(scores)
    k = min(max(T // rho, 2), T)
    order = sorted(range(T), key=lambda t: (-scores[t], t))
    if include_first:
        order.remove(0)
        order.insert(0, 0)
    return sorted(order[:k])


def strided(T: int, rho: int) -> Picks:
    """Pick 0, rho, 2 rho, ..."""
    return list(range(0, T, rho))


def random_choice(T: int, rho: int, h: int, seed: int, call: int = 0, row: int = 0) -> Picks:
    """Pick one position of every run of rho; in evaluation, or if gated, call and row are 0."""
    state = scramble(seed ^ 0x9E3779B9)
    state = scramble(scramble(state ^ call) ^ row) if call else scramble(state)
    state = scramble(state ^ h)
    drawn = [run * rho + scramble(state ^ run) % rho for run in range(-(-T // rho))]
    return [t for t in drawn if t < T]


def scramble(number: int) -> int:
    """Mix the bits of a 32-bit number (MurmurHash3's finaliser)."""
    number = (number ^ number >> 16) * 0x85EBCA6B % 2**32
    number = (number ^ number >> 13) * 0xC2B2AE35 % 2**32
    return number ^ number >> 16


def prefix_top_k(scores: list[float], rho: int) -> Picks:
    """Pick t if its score is among the best ceil((t + 1) / rho) of scores 0 .. t."""
    ranks = [sum(earlier >= score for earlier in scores[:t]) for t, score in enumerate(scores)]
    return [t for t, rank in enumerate(ranks) if rank < math.ceil((t + 1) / rho)]


def threshold(scores: list[float], level: float) -> Picks:
    """Pick t if its score exceeds the head's level."""
    return [t for t, score in enumerate(scores) if score > level]


def moved_threshold(
    scores: list[float], rho: int, level: float, update: int, decay: float
) -> float:
    """Level after the `update`-th batch (from 1) of scores of one head."""
    k = max(len(scores) // rho, 1)
    weight = max(1 / update, 1 - decay)
    return level + weight * (sorted(scores, reverse=True)[k - 1] - level)


def token_choice(scores: list[list[float]], rho: int, bias: list[float]) -> list[Picks]:
    """Pick t in head h if h is among t's best max(1, round(H / rho)); ``scores[h][t]``."""
    H, T = len(scores), len(scores[0])
    picks: list[Picks] = [[] for _ in range(H)]
    for t in range(T):
        order = sorted(range(H), key=lambda h: (-(scores[h][t] + bias[h]), h))
        for h in order[: max(1, round(H / rho))]:
            picks[h].append(t)
    return picks


def first_come(picked: Picks, capacity: int) -> Picks:
    """Refuse whoever comes when all slots are taken."""
    return picked[:capacity]
