"""Can a head's choices be told from the token alone? Classifiers fitted to a trained model."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mosa_edu.checks import require
from mosa_edu.data.tokens import TokenSet
from mosa_edu.model import TransformerLM
from mosa_edu.modes import evaluating
from mosa_edu.probes import record_of_run, scores
from mosa_edu.progress import track
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import EVALUATIONS
from mosa_edu.selection import ExpertChoice, Predictor, Selection
from mosa_edu.tracing import ActivationCache

CUTS = ("half", "rate")
"""Where a guess says yes: at a probability of 1/2, or where as many say yes as are selected."""

FITTED_PER_BOOK, WATCHED = 4, 48
"""Windows of each training book that classifiers are fitted to; held-out windows to count in."""


@dataclass(frozen=True, eq=False)
class Choices:
    """What one layer's router saw of some texts, (N, d_model), and who was chosen, bool (N, H)."""

    tokens: Tensor
    chosen: Tensor


@torch.no_grad()
def watch_choices(model: TransformerLM, texts: Tensor, rows: int = 16) -> list[Choices]:
    """Run a model of expert-choice heads and keep what its routers saw and selected."""
    seen: list[list[Choices]] = [[] for _ in model.blocks]

    def keep(layer: int, x: Tensor, selection: Selection) -> None:
        B, T, _ = x.shape
        chosen = torch.zeros(B, selection.indices.shape[1], T, dtype=torch.bool, device=x.device)
        chosen.scatter_(-1, selection.indices, True)
        seen[layer].append(Choices(x.flatten(0, 1), chosen.transpose(1, 2).flatten(0, 1)))

    hooks = [
        selector.register_forward_hook(
            lambda _, inputs, selection, layer=layer: keep(layer, inputs[0], selection)
        )
        for layer, selector in enumerate(expert_choices(model))
    ]
    try:
        for batch in track(texts.split(rows), "what routers choose", "batches"):
            model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return [
        Choices(torch.cat([p.tokens for p in parts]), torch.cat([p.chosen for p in parts]))
        for parts in seen
    ]


def fit_classifier(
    choices: Choices, iterations: int = 60, decay: float = 1e-4
) -> tuple[Tensor, Tensor]:
    """Fit one logistic regression a head: binary cross-entropy, with L-BFGS."""
    targets = choices.chosen.to(choices.tokens.dtype)
    share = targets.mean(dim=0).clamp(1e-4, 1 - 1e-4)
    weight = choices.tokens.new_zeros(targets.shape[1], choices.tokens.shape[1], requires_grad=True)
    bias = share.logit().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=iterations, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = F.linear(choices.tokens, weight, bias)
        loss = F.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(logits)
        loss = loss + decay * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()


def with_predictors(
    model: TransformerLM, classifiers: Sequence[tuple[Tensor, Tensor]]
) -> TransformerLM:
    """Copy a model of expert-choice heads and let classifiers select in its place."""
    found = copy.deepcopy(model).eval()
    c = found.config
    shape = (c.d_model, c.n_sparse_heads, c.sparsity, c.max_seq_len)
    selectors = expert_choices(found)
    for block, selector, (weight, bias) in zip(found.blocks, selectors, classifiers, strict=True):
        predictor = Predictor(*shape, capacity_factor=c.capacity_factor).to(weight)
        predictor.router = selector.router
        predictor.classifier.load_state_dict({"weight": weight, "bias": bias})
        block.attention.sparse.selector = predictor  # type: ignore[union-attr]
    return found.eval()


def shifted(choices: Choices, weight: Tensor, bias: Tensor) -> Tensor:
    """Move the bias so that as many of these tokens get a yes as were selected, (H,).

    Equal words have equal logits up to rounding, so the cut is the middle of the nearest gap that
    is wider than rounding; a head whose logits are all equal says no to all.
    """
    ordered = F.linear(choices.tokens, weight, bias).sort(dim=0, descending=True).values  # (N, H)
    above, below = ordered[:-1], ordered[1:]
    size = F.linear(choices.tokens.abs(), weight.abs(), bias.abs()).amax(dim=0)  # rounding's scale
    gap = above - below > 8 * torch.finfo(size.dtype).eps * size  # (N - 1, H)
    yes = torch.arange(1, len(ordered), device=gap.device)[:, None]  # above each of the gaps
    missed = (yes - choices.chosen.sum(dim=0)).abs().masked_fill(~gap, len(ordered) + 1)
    fewest, place = missed.min(dim=0, keepdim=True)  # (1, H)
    middle = (above.gather(0, place) + below.gather(0, place)) / 2
    cut = torch.where(fewest > len(ordered), ordered[:1] + 1, middle)[0]
    return bias - cut


def judge(choices: Choices, weight: Tensor, bias: Tensor) -> list[dict[str, Any]]:
    """Compare guesses with choices, head by head."""
    guessed = F.linear(choices.tokens, weight, bias) > 0  # (N, H)
    both = (guessed & choices.chosen).sum(dim=0).tolist()
    says, picked = guessed.sum(dim=0).tolist(), choices.chosen.sum(dim=0).tolist()
    right = (guessed == choices.chosen).float().mean(dim=0).tolist()
    n = len(choices.tokens)
    return [
        {
            "head": head,
            "recall": round(both[head] / picked[head], 4),
            "precision": round(both[head] / says[head], 4) if says[head] else None,
            "accuracy": round(right[head], 4),
            "always_no": round(1 - picked[head] / n, 4),
            "guessed": round(says[head] / n, 4),
        }
        for head in range(len(both))
    ]


def expert_choices(model: TransformerLM) -> list[ExpertChoice]:
    """Return the selectors of a model, refusing one that has others than plain expert choice."""
    found = []
    for block in model.blocks:
        sparse = block.attention.sparse  # type: ignore[union-attr]
        selector = getattr(sparse, "selector", None)
        name = type(selector).__name__
        require(isinstance(selector, ExpertChoice), "model", name, "of expert-choice heads")
        assert isinstance(selector, ExpertChoice)
        first = selector.include_first
        require(not first, "include_first", first, "False: a seat by place needs no guess")
        found.append(selector)
    return found


@torch.no_grad()
def selection_shares(model: TransformerLM, texts: Tensor, rows: int = 8) -> list[dict[str, Any]]:
    """Count selected, wanted and dropped tokens, layer by layer."""
    require(model.config.n_sparse_heads > 0, "model", "dense heads alone", "one with sparse heads")
    with evaluating(model):
        selected = torch.zeros(model.config.n_layers, model.config.n_sparse_heads)
        wanted = torch.zeros_like(selected)
        for batch in track(texts.split(rows), "what heads keep", "batches"):
            cache = ActivationCache()
            model(batch, record=cache)
            for (layer, kind), tensors in cache.tensors.items():
                if kind in ("sparse", "routing"):
                    selected[layer] += _selected(tensors, batch.shape[1])
                if "wanted" in tensors:
                    wanted[layer] += tensors["wanted"].sum(dim=(0, 2))
    shares = selected / texts.numel()
    dropped = 1 - selected.sum(dim=1).double() / wanted.sum(dim=1).double()
    return [
        {
            "layer": layer,
            "selected": round(float(shares[layer].mean()), 5),
            "least": round(float(shares[layer].min()), 5),
            "most": round(float(shares[layer].max()), 5),
            "refused": round(float(dropped[layer]), 5) if wanted[layer].any() else None,
        }
        for layer in range(len(shares))
    ]


def _selected(tensors: dict[str, Tensor], length: int) -> Tensor:
    """Tokens that each head selects, over all rows, (H,); in several clusters counts once."""
    indices = tensors["indices"].flatten(2)  # (B, H, slots)
    if "valid" in tensors:
        indices = indices.masked_fill(~tensors["valid"].flatten(2), length)
    marks = torch.zeros(*indices.shape[:2], length + 1).scatter_(-1, indices, 1.0)
    return marks[..., :length].sum(dim=(0, 2))


def selection_record(
    model: TransformerLM, tokens: TokenSet, run: str, command: str | None = None
) -> ProbeRecord:
    """Count what the heads of a run keep of held-out text, see `selection_shares`."""
    windows, _ = scores.held_out_windows(tokens, model.config.max_seq_len)
    step = max(len(windows) // WATCHED, 1)
    texts = torch.from_numpy(windows[::step, :-1].copy()).to(model.embedding.weight.device)
    settings = {"texts": len(texts), "T": texts.shape[1], "kind": model.config.sparse}
    rows = selection_shares(model, texts)
    return record_of_run("selection", run, settings, rows, {}, command)


def predictor_record(
    model: TransformerLM,
    tokens: TokenSet,
    run: str,
    command: str | None = None,
    unfinished: Path | None = None,
) -> ProbeRecord:
    """Fit classifiers to the choices of a run and measure what they guess, and what it costs.

    For `unfinished` see `scores.three_scores`, which takes most of the time.
    """
    length = model.config.max_seq_len
    fitted = torch.from_numpy(tokens.windows("train", length, FITTED_PER_BOOK).inputs)
    held_out = torch.from_numpy(scores.held_out_windows(tokens, length)[0][:, :-1].copy())
    learnt, asked = watch_choices(model, fitted), watch_choices(model, held_out)
    classifiers: dict[str, list[tuple[Tensor, Tensor]]] = {cut: [] for cut in CUTS}
    rows: list[dict[str, Any]] = []
    for layer, choices in enumerate(track(learnt, "fitting classifiers", "layers")):
        weight, bias = fit_classifier(choices)
        for cut, moved in zip(CUTS, (bias, shifted(choices, weight, bias)), strict=True):
            classifiers[cut].append((weight, moved))
            found = judge(asked[layer], weight, moved)
            rows += [{"layer": layer, "cut": cut, **row} for row in found]
    settings = {
        "fitted_tokens": fitted.numel(),
        "held_out_tokens": held_out.numel(),
        "sparsity": model.config.sparsity,
    }
    series = _guessing_losses(model, tokens, classifiers, unfinished)
    settings["refused"] = series.pop("refused")
    return record_of_run("predictor", run, settings, rows, series, command)


def _guessing_losses(
    model: TransformerLM,
    tokens: TokenSet,
    classifiers: dict[str, list[tuple[Tensor, Tensor]]],
    unfinished: Path | None,
) -> dict[str, Any]:
    """Loss of every held-out window: three scores of the model, the full one of the guesses."""
    length, sample = model.config.max_seq_len, scores.SAMPLE
    windows, books = scores.held_out_windows(tokens, length)
    cuts = scores.spread_cuts(length, sample.cuts)
    losses = scores.three_scores(
        model, windows, books, cuts, draws=sample.draws, unfinished=unfinished
    )
    ways = losses.mean(axis=2)
    series: dict[str, Any] = dict(zip(EVALUATIONS, ways, strict=True))
    texts = torch.from_numpy(windows[:, :-1].copy())
    refused = {}
    for cut, fitted in classifiers.items():
        guessing = with_predictors(model, fitted)
        series[cut] = scores.full_losses(guessing, windows, cuts).mean(axis=1)
        shares = [row["refused"] or 0.0 for row in selection_shares(guessing, texts)]
        refused[cut] = round(sum(shares) / len(shares), 5)
    rounded = {name: [round(float(loss), 5) for loss in row] for name, row in series.items()}
    return {"books": books.tolist(), "refused": refused, **rounded}
