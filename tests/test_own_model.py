"""Protects models of one's own: whoever has our layers in a model traces it, draws it, scores it.

A wrong implementation that must fail: a `config`, a ``record=`` argument or ``spans()`` of ours,
which somebody's model and tokenizer do not have.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers
import torch
from tokenizers import models, pre_tokenizers, trainers
from torch import nn

from mosa_edu import DenseAttention, HybridAttention, MosaAttention, trace
from mosa_edu.config import PRESETS
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.probes.scores import three_scores
from mosa_edu.texts import PROBES
from mosa_edu.tracing import Tracer, spans_of
from mosa_edu.viz import charts
from mosa_edu.viz.components.explorer import RoutingExplorer

TEXT = "The first clock said ten; the second clock, a café clock, said 你好."
LETTERS = sorted(set(TEXT))


class Block(nn.Module):
    def __init__(self, width, sparsity):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = HybridAttention(
            dense=DenseAttention(d_model=width, d_head=8, n_heads=1),
            sparse=MosaAttention(d_model=width, d_head=8, n_heads=4, sparsity=sparsity),
        )
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class NanoLike(nn.Module):
    """Somebody's GPT: names, shapes and returns of its own, and nothing of ours but the layers."""

    def __init__(self, V, sparsities=(8, 8), width=32):
        super().__init__()
        self.wte = nn.Embedding(V, width)
        self.h = nn.ModuleList(Block(width, sparsity) for sparsity in sparsities)
        self.lm_head = nn.Linear(width, V, bias=False)

    def forward(self, idx, targets=None):
        x = self.wte(idx)
        for block in self.h:
            x = block(x)
        if targets is None:
            return self.lm_head(x[:, [-1]]), None
        logits = self.lm_head(x)
        return logits, nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def own_model(V, **changes):
    torch.manual_seed(0)
    return NanoLike(V, **changes)


def test_a_model_without_anything_of_ours_is_traced_drawn_and_run_with_another_k():
    model = own_model(len(LETTERS)).train()
    found = trace(model, LETTERS, TEXT)
    assert model.training
    assert (found.layers, found.heads, found.T) == (2, 4, len(TEXT))
    assert found.k == len(TEXT) // 8
    assert "".join(token.text for token in found.tokens) == TEXT
    assert charts.routing_heatmap(found).data
    page = RoutingExplorer(found).page()
    assert "saved without the model" in page
    more = Tracer(model, LETTERS)(TEXT, k=12)
    assert more.k == 12
    assert all(
        not hook for module in model.modules() for hook in module._forward_pre_hooks.values()
    )


def test_the_trace_is_what_the_layers_do():
    """Catches layers numbered by name instead of by call, and a cache that another layer fills."""
    model = own_model(len(LETTERS)).eval()
    model.h = nn.ModuleList([model.h[1], model.h[0]])  # names and order of calls part
    found = trace(model, LETTERS, TEXT)
    ids = torch.tensor([[LETTERS.index(letter) for letter in TEXT]])
    x = model.wte(ids)
    for layer, block in enumerate(model.h):
        selector = block.attn.sparse.selector
        chosen = selector(block.ln_1(x)).indices[0]
        np.testing.assert_array_equal(found.indices[layer], chosen.numpy())
        x = block(x)


def test_layers_that_keep_unequal_numbers_are_traced_too():
    found = trace(own_model(len(LETTERS), sparsities=(4, 16)).eval(), LETTERS, TEXT)
    kept = [len(found.selected(layer, 0)) for layer in (0, 1)]
    assert kept == [len(TEXT) // 4, len(TEXT) // 16]


def test_our_own_model_is_traced_as_it_was():
    """The hooks find what the model's own `record` argument gives."""
    torch.manual_seed(0)
    model = TransformerLM(PRESETS["micro"]).eval()
    tokenizer = Tokenizer.train(PROBES.values(), PRESETS["micro"].vocab_size)
    found = trace(model, tokenizer, "The clock said ten.")
    assert found.layers == PRESETS["micro"].n_layers
    assert found.sparsity == PRESETS["micro"].sparsity


def bare(vocabulary=400):
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(PROBES.values(), trainer)
    return tokenizer


class FastLike:
    """What a fast tokenizer of Hugging Face answers."""

    is_fast = True

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, text, return_offsets_mapping, add_special_tokens):
        assert return_offsets_mapping
        assert not add_special_tokens
        found = self.inner.encode(text)
        return {"input_ids": found.ids, "offset_mapping": found.offsets}


@pytest.mark.parametrize("kind", ["bare", "fast", "vocabulary", "words"])
def test_any_tokenizer_says_which_characters_its_tokens_are(kind):
    """A character of several tokens belongs to the last; what is dropped, to the one behind."""
    words = tokenizers.Tokenizer(models.WordLevel({"[UNK]": 0, "clock": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = {
        "bare": bare(), "fast": FastLike(bare()), "vocabulary": LETTERS, "words": words
    }[kind]  # fmt: skip
    tokens = spans_of(tokenizer, TEXT)
    assert "".join(token.text for token in tokens) == TEXT
    assert [token.start for token in tokens] == [0, *(token.end for token in tokens[:-1])]
    assert tokens[-1].end == len(TEXT)
    if kind == "bare":
        assert [token.id for token in tokens] == tokenizer.encode(TEXT).ids
        assert sum(token.text == "" for token in tokens) >= 4, "bytes of 你好"


def test_other_models_are_scored_three_ways():
    model = own_model(64).eval()
    windows = np.random.default_rng(0).integers(0, 64, (6, 33))
    losses = three_scores(model, windows, np.array([0, 0, 0, 1, 1, 1]), [15, 31], draws=1)
    assert losses.shape == (3, 6, 2)
    assert np.ptp(losses[:, :, 1], axis=0).max() < 1e-5, (
        "behind the last position nothing is hidden"
    )


@pytest.mark.parametrize(
    ("model", "tokenizer", "message"),
    [
        (nn.Embedding(64, 64), LETTERS, "model must be one with heads that select tokens"),
        (own_model(64), object(), "tokenizer must be one with offsets"),
        (own_model(64), ["x"], "text must be made of the tokenizer's entries, got 'T'"),
        (
            nn.Sequential(nn.Embedding(64, 3), nn.Flatten()),
            LETTERS,
            "model must be one that returns",
        ),
    ],
)
def test_what_cannot_be_traced_is_named(model, tokenizer, message):
    with pytest.raises(ValueError, match=message):
        trace(model, tokenizer, TEXT)


def test_a_models_own_limit_is_asked_by_any_usual_name():
    model = own_model(len(LETTERS))
    model.config = SimpleNamespace(block_size=8)
    with pytest.raises(ValueError, match="text must be at most 8 tokens long"):
        trace(model, LETTERS, TEXT)
