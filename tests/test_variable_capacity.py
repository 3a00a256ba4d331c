"""Heads that keep as many as they like: slots are refused by place, statistics are of the past.

Caught here: a refusal by score and slots that follow the text, both of which look ahead; a level
that moves before it selects; averages that bfloat16 freezes; one head that takes every token.
"""

import copy

import pytest
import torch
from loops import texts
from selector_toys import D_MODEL, VARIABLE, make, positions

from mosa_edu.attention import reference
from mosa_edu.selection import ActivationCache, Threshold, TokenChoice, causal
from mosa_edu.selection.selection import pack


@pytest.mark.parametrize("kind", VARIABLE)
def test_refusals_are_by_place_and_on_record(kind):
    """Over capacity the later token goes, however good: refusing by score would look ahead."""
    torch.manual_seed(0)
    selector = make(kind, n_heads=2, sparsity=8, max_seq_len=64, capacity_factor=0.5).eval()
    cache = ActivationCache()
    selection = selector(texts(2, 64, D_MODEL, 64), record=cache)
    assert selection.indices.shape[-1] == selector.capacity == 4
    wants = cache.tensors[0, "router"]["wanted"]
    assert wants.sum() > selection.valid.sum()
    for b in range(2):
        for h in range(2):
            wanted = wants[b, h].nonzero()[:, 0].tolist()
            assert positions(selection, b, h) == wanted[:4]


def test_capacity_is_a_constant_of_the_model():
    """Slots that shrank with the text would let its length decide about its beginning."""
    selector = make("prefix", sparsity=8, max_seq_len=64)
    assert selector.capacity == 16
    for T, slots in ((5, 5), (16, 16), (40, 16), (64, 16)):
        assert selector(texts(1, T, D_MODEL, 9)).indices.shape[-1] == slots
    assert make("prefix", sparsity=3, max_seq_len=64).capacity == 43  # rounded up


def test_pack_fills_slots_in_the_order_of_the_text():
    chosen = torch.tensor([[[True, False, True], [False, False, False]]])
    selection = pack(chosen, torch.full((1, 2, 3), 0.5), 2)
    assert selection.indices.tolist() == [[[0, 2], [0, 0]]]
    assert selection.valid.tolist() == [[[True, True], [False, False]]]
    assert pack(chosen, torch.ones(1, 2, 3), 1).indices.tolist() == [[[0], [0]]]
    assert pack(chosen, torch.ones(1, 2, 3), 9).valid.sum().item() == 2, "no more slots than tokens"


@pytest.mark.parametrize("at_once", [1, 40, 10**6])
def test_prefix_ranks_do_not_depend_on_the_chunk(monkeypatch, at_once):
    monkeypatch.setattr(causal, "COMPARISONS_AT_ONCE", at_once)
    logits = torch.tensor([[[0.0, 2, 1, 2, 3, 0, 0], [5, 4, 3, 2, 1, 0, -1]]])
    ranks = causal.prefix_ranks(logits)
    assert ranks.tolist() == [[[0, 0, 1, 1, 0, 5, 6], [0, 1, 2, 3, 4, 5, 6]]]


def test_prefix_memory_is_bounded(monkeypatch):
    """The paper's Tiny, 64 texts of 1024 tokens in 69 heads, must not hold 4.6e9 comparisons."""
    monkeypatch.setattr(causal, "COMPARISONS_AT_ONCE", 1000)
    largest = 0
    real = torch.Tensor.__iand__

    def watched(self, other):
        nonlocal largest
        largest = max(largest, self.numel())
        return real(self, other)

    monkeypatch.setattr(torch.Tensor, "__iand__", watched)
    causal.prefix_ranks(torch.randn(2, 3, 60))
    assert 0 < largest <= 1000


def test_threshold_selects_with_the_old_level_and_learns_afterwards():
    """Updating first would let a batch's later tokens decide about its earlier ones."""
    torch.manual_seed(0)
    selector = make("threshold", decay=0.75).train()
    level = selector.threshold.tolist()
    for update in range(1, 10):
        x = texts(2, 24, D_MODEL, 99)
        scores = selector.router(x)
        selection = selector(x)
        for h, head in enumerate(scores[0].tolist()):
            wanted = reference.threshold(head, level[h])
            assert positions(selection, 0, h) == reference.first_come(wanted, selector.capacity)
        level = [
            reference.moved_threshold(scores[:, h].flatten().tolist(), 4, level[h], update, 0.75)
            for h in range(3)
        ]
        torch.testing.assert_close(selector.threshold, torch.tensor(level))
    selector.eval()
    selector(texts(2, 24, D_MODEL, 99))
    assert selector.updates == 9
    torch.testing.assert_close(selector.threshold, torch.tensor(level))


def test_threshold_leaves_pads_out_of_its_level():
    """Rows of a padded batch move the level as their real tokens alone would."""
    selector = make("threshold").train()
    twin = copy.deepcopy(selector)
    x = texts(1, 24, D_MODEL, 99)
    x[0, 16:] = 9.0
    selector(x, torch.arange(24)[None] < 16)
    twin(x[:, :16])
    assert torch.equal(selector.threshold, twin.threshold)


def test_threshold_meets_its_target_load():
    """On scores that keep their distribution, a head takes about 1 token in rho."""
    torch.manual_seed(0)
    selector = Threshold(D_MODEL, 4, 8, 4096, capacity_factor=8).train()
    for _ in range(50):
        selector(torch.randn(2, 512, D_MODEL))
    taken = selector.eval()(torch.randn(1, 4096, D_MODEL)).valid.sum(-1) / 4096
    assert ((taken - 1 / 8).abs() < 0.02).all()


def test_threshold_warm_up_is_expert_choice_and_says_that_it_leaks():
    torch.manual_seed(0)
    selector = make("threshold", warmup_steps=2)
    expert = make("mosa")
    expert.router = selector.router
    x = texts(2, 24, D_MODEL, 99)
    for _ in range(2):
        assert not selector.causal
        picked = selector(x)
        assert torch.equal(picked.indices[picked.valid].view(2, 3, -1), expert(x).indices)
    assert selector.causal
    assert make("threshold", warmup_steps=2).eval().causal


@pytest.mark.parametrize(("n_heads", "sparsity", "heads"), [(5, 3, 2), (4, 3, 1), (2, 8, 1)])
def test_token_choice_gives_a_token_its_share_of_the_heads(n_heads, sparsity, heads):
    """H / rho rounded, at least one: rounded down, the load would stay below T / rho."""
    assert make("token", n_heads=n_heads, sparsity=sparsity).heads_per_token == heads


def test_token_choice_evens_the_load():
    """Without the bias one popular head takes all; with it nobody starves."""
    torch.manual_seed(0)
    x = torch.randn(4, 64, D_MODEL) + 1.0
    selector = TokenChoice(D_MODEL, 8, 8, 64, capacity_factor=8, balance_rate=0.01).train()
    before = selector(x).valid.sum(dim=(0, 2)).float()
    for _ in range(600):
        selector(x)
    after = selector(x).valid.sum(dim=(0, 2)).float()
    assert after.std() < before.std() / 4
    frozen = TokenChoice(D_MODEL, 8, 8, 64, balance_rate=0.0).train()
    frozen(x)
    assert not frozen.bias.any()
