"""Run the loop specification on what a layer holds: its weights, its selector, its buffers.

Random numbers here are multiples of 1/4 where they decide a ranking, so that scores are exact in
float64 whatever the order of summation, and equal tokens tie in loops and layers alike.
"""

import torch

from mosa_edu.attention import reference


def exact(*shape):
    """Random multiples of 1/4 about 1 in size."""
    return (torch.randn(*shape, dtype=torch.float64) * 4).round() / 4


def texts(B, T, d_model, distinct):
    """B texts over a vocabulary of `distinct` tokens: 1 makes all tokens of all texts equal."""
    vocabulary = exact(distinct, d_model)
    return vocabulary[torch.randint(distinct, (B, T))]


def exact_router(layer):
    """Give the layer's router weights whose logits are exact, if it has a router."""
    router = getattr(getattr(layer, "selector", None), "router", None)
    if router is not None:
        router.weight.data = exact(*router.weight.shape)
    return layer


def logits_of(selector, x):
    """Router logits of one text, ``[h][t]`` as 0-dim tensors."""
    return [[row @ token for token in x] for row in selector.router.weight]


def picks_of(selector, x, row=0):
    """Whom each head picks of one text, and all gates ``[h][t]``."""
    T, H, rho = len(x), selector.n_heads, selector.sparsity
    kind = type(selector).__name__
    ones = [[torch.ones((), dtype=x.dtype)] * T] * H
    if kind == "Strided":
        return [reference.strided(T, rho)] * H, ones
    if kind == "RandomChoice":
        call, place = (int(selector.calls) + 1, row + 1) if selector.training else (0, 0)
        seed = int(selector.seed)
        return [reference.random_choice(T, rho, h, seed, call, place) for h in range(H)], ones
    logits = logits_of(selector, x)
    gates = [[logit.sigmoid() for logit in head] for head in logits]
    numbers = [[logit.item() for logit in head] for head in logits]
    if kind == "GatedRandom":
        seed = int(selector.seed)
        return [reference.random_choice(T, rho, h, seed) for h in range(H)], gates
    if kind == "ExpertChoice":
        first = selector.include_first
        return [reference.expert_choice(head, rho, first) for head in numbers], gates
    if kind == "PrefixTopK":
        picks = [reference.prefix_top_k(head, rho) for head in numbers]
    elif kind == "Threshold":
        levels = selector.threshold.tolist()
        picks = [reference.threshold(*pair) for pair in zip(numbers, levels, strict=True)]
    else:
        picks = reference.token_choice(numbers, rho, selector.bias.tolist())
    return [reference.first_come(picked, selector.capacity) for picked in picks], gates


def output_of(layer, x, row=0):
    """Output of one text, whatever the layer."""
    kind = type(layer).__name__
    rotary = (layer.n_rotate, layer.rope_base) if hasattr(layer, "n_rotate") else ()
    if kind == "HybridAttention":
        return sum(output_of(part, x, row) for part in layer.children())
    if kind == "RoutingAttention":
        weights = (layer.qv.weight, layer.out.weight, layer.centroids)
        return reference.routing(x, *weights, *rotary)
    if kind in ("DenseAttention", "LocalAttention"):
        weights = (layer.qkv.weight, layer.out.weight, layer.d_head)
        return reference.dense(x, *weights, *rotary, window=layer.window)
    picks, gates = picks_of(layer.selector, x, row)
    return reference.sparse(x, layer.w_qkv, layer.w_out, picks, gates, *rotary)


def outputs_of(layer, x, mask=None):
    """Output of a batch, text by text; pads are left out of the texts and given 0."""
    rows, mask = [], None if mask is None else mask.bool()
    for b, text in enumerate(x):
        if mask is None:
            rows.append(output_of(layer, text, b))
            continue
        whole = torch.zeros_like(text)
        rows.append(whole.index_put((mask[b].nonzero()[:, 0],), output_of(layer, text[mask[b]], b)))
    return torch.stack(rows)


def gradients(layer, x, output, by):
    """Gradients of ``(output * by).sum()`` by the tokens and every parameter."""
    parameters = dict(layer.named_parameters())
    attached = output + 0 * x  # where no head picks anyone, nothing else would lead to x
    found = torch.autograd.grad(
        attached, [x, *parameters.values()], by, allow_unused=True, materialize_grads=True
    )
    return dict(zip(["x", *parameters], found, strict=True))


def assert_equals_loops(layer, x, mask=None, atol=1e-10):
    """Value and gradients of the layer equal those of the loops; pads may hold anything."""
    x = x.detach().requires_grad_()
    counted = torch.ones(x.shape[:2], dtype=torch.bool) if mask is None else mask.bool()
    by = torch.randn_like(x) * counted[..., None]
    expected = outputs_of(layer, x, mask)  # first, since in training the layer moves its buffers
    output = layer(x, mask)
    close(output[counted], expected[counted], "output", atol)
    wanted = gradients(layer, x, expected, by)
    for name, gradient in gradients(layer, x, output, by).items():
        close(gradient, wanted[name], f"gradient of {name}", atol)


def close(actual, expected, what, atol=1e-10):
    """Equal up to rounding, with the name of the tensor in the message."""
    torch.testing.assert_close(
        actual, expected, rtol=0, atol=atol, msg=lambda text: f"{what}: {text}"
    )
