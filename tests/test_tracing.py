"""A trace says what the model did: its numbers rebuild the layer's output."""

import numpy as np
import pytest
import torch
from torch import nn

from mosa_edu.config import SPARSE_KINDS
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import ModelConfig, TransformerLM
from mosa_edu.records import RoutingTrace
from mosa_edu.selection import Selection
from mosa_edu.tracing import ActivationCache, trace

TEXT = "The cat sat on the mat, and the dog — naïve ☃ — sat on the cat."


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train([TEXT * 5], vocab_size=300)


def make_model(seed=0, **changes):
    torch.manual_seed(seed)
    shape = {"vocab_size": 300, "d_model": 24, "n_layers": 2, "d_head": 8, "max_seq_len": 96}
    heads = {"n_dense_heads": 1, "n_sparse_heads": 3, "sparsity": 4}
    model = TransformerLM(ModelConfig(**shape | heads | changes))
    for parameter in model.parameters():  # large enough for attention and scores to differ
        nn.init.normal_(parameter, std=0.4)
    return model


class Chosen(nn.Module):
    """Give every head the slots that a test names; -1 is a slot not used."""

    causal = True

    def __init__(self, rows):
        super().__init__()
        self.rows, self.n_heads = torch.tensor(rows), len(rows)

    def forward(self, x, attention_mask=None, record=None):
        indices = self.rows.expand(x.shape[0], -1, -1)
        valid = indices >= 0
        scores = torch.where(valid, 1.0, 0.0)
        return Selection(indices.clamp(min=0), scores, None if valid.all() else valid)


def keep_sparse_calls(model):
    """Remember input and output of every layer's sparse heads."""
    calls = []
    for block in model.blocks:
        block.attention.sparse.register_forward_hook(
            lambda _module, inputs, output: calls.append((inputs[0], output))
        )
    return calls


@pytest.mark.parametrize("sparse", ["mosa", "fixed"])
def test_recorded_weights_rebuild_the_layer(tokenizer, sparse):
    """Attention, gate and scatter of the recorded numbers are the layer's own output."""
    model = make_model(sparse=sparse)
    calls = keep_sparse_calls(model)
    found = trace(model, tokenizer, TEXT)
    inputs = [call[0] for call in calls]
    recording = ActivationCache()
    model(torch.tensor([tokenizer.encode(TEXT)]), record=recording)
    for layer, (x, output) in enumerate(calls[:2]):
        torch.testing.assert_close(x, inputs[layer])
        sparse_head = model.blocks[layer].attention.sparse
        exact = recording.tensors[layer, "sparse"]
        values = torch.einsum("td,hde->hte", x[0], sparse_head.w_qkv[..., -8:])
        rebuilt, rebuilt_u8 = torch.zeros_like(x[0]), torch.zeros_like(x[0])
        for head in range(3):
            picks = found.selected(layer, head)
            assert picks.tolist() == exact["indices"][0, head].tolist()
            mixed = exact["attention_weights"][0, head] @ values[head, picks]
            gates = exact["scores"][0, head, :, None]
            rebuilt[picks] += gates * mixed @ sparse_head.w_out[head]
            weights = torch.tensor(found.attention_matrix(layer, head)).float()
            gates = torch.tensor(found.router_scores()[layer, head, picks, None]).float()
            rebuilt_u8[picks] += gates * (weights @ values[head, picks]) @ sparse_head.w_out[head]
        torch.testing.assert_close(rebuilt, output[0], atol=1e-5, rtol=1e-5)
        assert (rebuilt_u8 - output[0]).abs().max() < 0.02 * output.abs().max()


def test_scores_and_order_are_the_routers(tokenizer):
    model = make_model()
    calls = keep_sparse_calls(model)
    found = trace(model, tokenizer, TEXT)
    for layer, (x, _) in enumerate(calls):
        logits = model.blocks[layer].attention.sparse.selector.router(x)[0].detach().numpy()
        expected = 1 / (1 + np.exp(-logits.astype(np.float64)))
        assert np.abs(found.router_scores()[layer] - expected).max() <= 0.5 / 65535 + 1e-7
        np.testing.assert_array_equal(
            found.order[layer], np.argsort(-logits, axis=-1, kind="stable")
        )
        best = np.sort(found.order[layer, :, : found.k], axis=-1)
        np.testing.assert_array_equal(found.indices[layer], best)


def test_equal_words_tie_in_layer_0_and_the_earlier_wins(tokenizer):
    """A text of one repeated token has equal scores everywhere: the first k are kept."""
    found = trace(make_model(), tokenizer, "a" * 12)
    assert len({token.id for token in found.tokens}) == 1
    assert (found.order[0] == np.arange(found.T)).all()
    assert (found.indices[0] == np.arange(found.k)).all()


def test_first_token_has_a_seat_without_a_rank(tokenizer):
    found = trace(make_model(include_first=True), tokenizer, TEXT)
    assert (found.indices[..., 0] == 0).all()
    assert (found.order[..., : found.k] != 0).all(axis=-1).any()


def test_hand_made_selection_with_unused_slots(tokenizer):
    """Unused slots are counted out, carry no attention, and k is what the fullest head uses."""
    model = make_model(n_layers=1)
    rows = [[0, 2, 5, -1, -1], [1, 3, 4, 7, -1], [6, -1, -1, -1, -1]]
    model.blocks[0].attention.sparse.selector = Chosen(rows)
    found = trace(model, tokenizer, TEXT)
    assert found.k == 4
    assert found.counts.tolist() == [[3, 4, 1]]
    assert [found.selected(0, head).tolist() for head in range(3)] == [[0, 2, 5], [1, 3, 4, 7], [6]]
    assert found.attention[0, 2].tolist() == [255] + 9 * [0]
    for head in range(3):
        np.testing.assert_allclose(found.attention_matrix(0, head).sum(axis=1), 1, atol=0.02)
    assert found.scores[0, 0, :7].tolist() == [65535, 0, 65535, 0, 0, 65535, 0]
    assert found.order[0, 0, :5].tolist() == [0, 2, 5, 1, 3]
    assert RoutingTrace.from_json(found.to_json()) == found


def test_predictions_are_the_models(tokenizer):
    model = make_model()
    found = trace(model, tokenizer, TEXT)
    ids = torch.tensor([tokenizer.encode(TEXT)])
    with torch.no_grad():
        logits = model(ids)[0]
    loss = nn.functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="none")
    np.testing.assert_allclose(found.true_loss, loss.numpy(), atol=1e-5)
    best = logits.topk(5)
    np.testing.assert_array_equal(found.next_ids, best.indices.numpy())
    probabilities = logits.softmax(-1).gather(-1, best.indices).numpy()
    np.testing.assert_allclose(found.next_probabilities / 65535, probabilities, atol=1e-5)
    for position in range(found.T - 1):
        hits = np.flatnonzero(found.next_ids[position] == ids[0, position + 1].item())
        rank = found.true_rank[position]
        assert (rank == hits[0]) if len(hits) else (rank >= 5)


def test_same_trace_twice_and_the_model_is_left_as_it_was(tokenizer):
    model = make_model().train()
    assert trace(model, tokenizer, TEXT) == trace(model, tokenizer, TEXT)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    found = trace(model, tokenizer, TEXT, name="x", sha256="00", source={"by": "hand"})
    assert found.text == TEXT
    assert (found.model, found.provenance) == ({"name": "x", "sha256": "00"}, {"by": "hand"})


@pytest.mark.parametrize("text", ["a", "ab", "☃"])
def test_shortest_texts(tokenizer, text):
    found = trace(make_model(), tokenizer, text)
    assert len(tokenizer.encode(text)) == found.T
    assert found.k == min(2, found.T)


@pytest.mark.parametrize("sparse", [kind for kind in SPARSE_KINDS if kind != "routing"])
def test_every_rule_of_selection_can_be_traced(tokenizer, sparse):
    """Gates of the kept tokens are the recorded scores, also where heads keep few or none."""
    model = make_model(sparse=sparse)
    found = trace(model, tokenizer, TEXT)
    assert RoutingTrace.from_json(found.to_json()) == found
    recording = ActivationCache()
    model.eval()(torch.tensor([tokenizer.encode(TEXT)]), record=recording)
    for layer, head in np.ndindex(found.layers, found.heads):
        exact = recording.tensors[layer, "sparse"]
        valid = exact.get("valid", torch.ones_like(exact["indices"], dtype=torch.bool))[0, head]
        picks = found.selected(layer, head)
        assert picks.tolist() == exact["indices"][0, head][valid].tolist()
        gates = exact["scores"][0, head][valid].numpy()
        np.testing.assert_allclose(found.router_scores()[layer, head, picks], gates, atol=1e-5)
        assert found.attention_matrix(layer, head).shape == (len(picks), len(picks))


def test_refusals(tokenizer):
    model = make_model()
    with pytest.raises(ValueError, match="text must be at least one character long"):
        trace(model, tokenizer, "")
    with pytest.raises(ValueError, match=r"text must be at most 96 tokens long.*got '100 tokens'"):
        trace(model, tokenizer, "0123456789" * 10)
    with pytest.raises(ValueError, match="model must be one with heads that select"):
        trace(make_model(n_sparse_heads=0), tokenizer, TEXT)
    with pytest.raises(ValueError, match="model must be one with heads that select"):
        trace(make_model(sparse="routing"), tokenizer, TEXT)
    nn.init.constant_(model.blocks[0].feedforward.up.weight, torch.nan)
    with pytest.raises(ValueError, match="NaN"):
        trace(model, tokenizer, TEXT)
