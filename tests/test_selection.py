"""Who is selected: every rule equals its loop, ties go to the earlier, pads and futures nowhere."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loops import picks_of, texts
from selector_toys import D_MODEL, KINDS, VARIABLE, make, positions

from mosa_edu.selection import RandomChoice
from mosa_edu.selection.expert_choice import rank_of_each, top_k_positions
from mosa_edu.training import distributed


@pytest.mark.parametrize("kind", KINDS)
@given(
    seed=st.integers(0, 2**20),
    B=st.integers(1, 3),
    T=st.integers(1, 40),
    n_heads=st.integers(1, 5),
    sparsity=st.integers(1, 40),
    distinct=st.integers(1, 40),
    capacity_factor=st.sampled_from([0.1, 1.0, 2.0]),
    with_pads=st.booleans(),
)
def test_picks_equal_the_loops(
    kind, seed, B, T, n_heads, sparsity, distinct, capacity_factor, with_pads
):
    """Slots ascend, unused ones stand last with index, gate and flag of nobody."""
    torch.manual_seed(seed)
    more = {"capacity_factor": capacity_factor} if kind in VARIABLE else {}
    if kind == "mosa":
        more = {"include_first": bool(seed % 2)}
    selector = make(kind, n_heads, sparsity, **more).eval()
    for name, buffer in selector.named_buffers():
        if name in ("threshold", "bias"):
            buffer.copy_(torch.randint(-4, 5, buffer.shape) / 4)
    x = texts(B, T, D_MODEL, distinct)
    mask = torch.rand(B, T) < 0.7 if with_pads else None
    if with_pads:
        mask[torch.arange(B), torch.randint(T, (B,))] = True
    selection = selector(x, mask)
    for b in range(B):
        real = torch.arange(T) if mask is None else mask[b].nonzero()[:, 0]
        picks, gates = picks_of(selector, x[b, real], b)
        for h in range(n_heads):
            assert positions(selection, b, h) == real[picks[h]].tolist()
            scores = selection.scores[b, h, : len(picks[h])]
            wanted = torch.stack([gates[h][t] for t in picks[h]]) if picks[h] else scores
            torch.testing.assert_close(scores, wanted.to(scores), rtol=0, atol=1e-12)
            unused = slice(len(picks[h]), None)
            assert not selection.scores[b, h, unused].any()
            assert not selection.indices[b, h, unused].any()
            assert selection.valid is None or not selection.valid[b, h, unused].any()


@given(
    values=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=30),
    k=st.integers(1, 30),
)
def test_ties_go_to_the_earlier_position(values, k):
    """torch.topk alone picks whichever of the equal it meets: this catches its bare use."""
    k = min(k, len(values))
    order = sorted(range(len(values)), key=lambda t: (-values[t], t))
    logits = torch.tensor(values)
    assert top_k_positions(logits, k).tolist() == sorted(order[:k])
    assert [rank_of_each(logits).tolist()[t] for t in order] == list(range(len(values)))


def test_ties_in_a_long_row():
    """Long rows take another code path inside torch.topk, where equal values come in any order."""
    logits = torch.zeros(2, 3, 4096)
    logits[..., 1000:1100] = 1.0
    kept = top_k_positions(logits, 300)
    expected = [*range(200), *range(1000, 1100)]
    assert (kept == torch.tensor(expected)).all()


@pytest.mark.parametrize("k", [0, 5, -1])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match=r"k must be in \[1, T=4\]"):
        top_k_positions(torch.zeros(4), k)


def test_random_draws_are_fresh_in_training_and_fixed_in_evaluation():
    """Like dropout: a new draw for every text and call, one draw for all when evaluated."""
    selector = RandomChoice(n_heads=16, sparsity=8, seed=3)
    x = torch.zeros(4, 64, 1)
    first, second = selector(x).indices, selector(x).indices
    assert (first != second).any()
    assert (first[0] != first[1]).any()
    selector.eval()
    fixed = selector(x).indices
    assert torch.equal(fixed, selector(x).indices)
    assert (fixed == fixed[:1]).all()
    assert len({tuple(head) for head in fixed[0].tolist()}) == 16
    assert (fixed // 8 == torch.arange(8)).all()  # one in every run of 8


def test_a_gated_draw_is_the_same_for_every_text_length_and_call():
    """Catches a draw by row or call, and a router that decides: it is a gate and learns as one."""
    selector = make("gated_random", n_heads=8, sparsity=8).train()
    x = torch.randn(4, 61, D_MODEL, dtype=torch.float64)
    first, second = selector(x), selector(torch.randn_like(x))
    assert torch.equal(first.indices, second.indices)
    assert (first.indices == first.indices[:1]).all()
    prefix = selector(x[:, :24])
    assert torch.equal(prefix.indices, first.indices[..., :3])
    assert (prefix.indices // 8 == torch.arange(3)).all()
    logits = selector.router(x[:, :24]).gather(-1, prefix.indices)
    torch.testing.assert_close(prefix.scores, logits.sigmoid())
    assert len({tuple(head) for head in first.indices[0].tolist()}) == 8
    alone = RandomChoice(8, 8, int(selector.seed)).eval()(x[:, :24])
    assert torch.equal(alone.indices, prefix.indices), "the draw of the random control"


def test_random_draws_go_on_after_a_resume():
    """Seed and calls are saved: a resumed run draws what the run never stopped would have."""
    selector, x = RandomChoice(4, 8), torch.zeros(2, 64, 1)
    selector(x)
    resumed = RandomChoice(4, 8, seed=99)
    resumed.load_state_dict(copy.deepcopy(selector.state_dict()))
    assert torch.equal(selector(x).indices, resumed(x).indices)


def test_processes_that_train_together_draw_as_one(monkeypatch):
    """Catches a draw by the row within the process: all processes would draw the same."""
    x = torch.zeros(6, 24, 1)
    alone = RandomChoice(3, 4, seed=5)(x).indices
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        selector = RandomChoice(3, 4, seed=5)
        distributed.deal_rows(selector)
        mine = selector(x[rank::2]).indices
        assert torch.equal(mine, alone[rank::2])


def test_random_draws_are_uniform():
    """1/rho for every position: 4 standard errors for 16 places, and no two heads agree more."""
    selector = RandomChoice(n_heads=64, sparsity=16, seed=0).eval()
    drawn = selector(torch.zeros(1, 16 * 256, 1)).indices[0] % 16  # (64, 256)
    n = drawn.numel()
    counts = drawn.flatten().bincount(minlength=16)
    assert ((counts - n / 16).abs() < 4 * (n / 16) ** 0.5).all()
    agreement = (drawn[0::2] == drawn[1::2]).double().mean()
    assert abs(agreement - 1 / 16) < 4 * (1 / 16 / (n / 2)) ** 0.5


def test_random_layers_differ_but_are_reproducible():
    torch.manual_seed(1)
    one, other = RandomChoice(2, 8), RandomChoice(2, 8)
    assert one.seed != other.seed
    torch.manual_seed(1)
    assert RandomChoice(2, 8).seed == one.seed
