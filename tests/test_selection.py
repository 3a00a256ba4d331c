"""Who is selected: every rule equals its loop, ties go to the earlier, pads and futures nowhere."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loops import exact, picks_of, texts
from torch import distributed

from mosa_edu.attention import reference
from mosa_edu.selection import (
    ExpertChoice,
    PrefixTopK,
    RandomChoice,
    Strided,
    Threshold,
    TokenChoice,
    prefix_top_k,
)
from mosa_edu.selection.packing import pack
from mosa_edu.selection.ranking import rank_of_each, top_k_positions

D_MODEL = 4


def make(kind, n_heads=3, sparsity=4, max_seq_len=40, **more):
    """A selector with exact scores in float64."""
    if kind == "mosa":
        selector = ExpertChoice(D_MODEL, n_heads, sparsity, **more)
    elif kind in ("fixed", "random"):
        rule = {"fixed": Strided, "random": RandomChoice}[kind]
        selector = rule(n_heads, sparsity, **more)
    else:
        rule = {"prefix": PrefixTopK, "threshold": Threshold, "token": TokenChoice}[kind]
        selector = rule(D_MODEL, n_heads, sparsity, max_seq_len, **more)
    if hasattr(selector, "router"):
        selector.double()
        selector.router.weight.data = exact(n_heads, D_MODEL)
    return selector


KINDS = ("mosa", "fixed", "random", "prefix", "threshold", "token")
RAGGED = ("prefix", "threshold", "token")


def positions(selection, b, h):
    """Positions in the used slots of one head."""
    indices = selection.indices[b, h]
    used = indices if selection.valid is None else indices[selection.valid[b, h]]
    return used.tolist()


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
    more = {"capacity_factor": capacity_factor} if kind in RAGGED else {}
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


def test_first_token_has_a_seat_but_its_own_gate():
    """include_first forces the seat of token 0, not a score of 1 and not an extra seat."""
    selector = make("mosa", n_heads=1, sparsity=3, include_first=True)
    selector.router.weight.data = torch.tensor([[1.0, 0, 0, 0]], dtype=torch.float64)
    x = torch.zeros(1, 9, D_MODEL, dtype=torch.float64)
    x[0, :, 0] = torch.arange(9) - 5.0
    selection = selector(x)
    assert selection.indices.tolist() == [[[0, 7, 8]]]
    assert selection.scores[0, 0, 0] == torch.tensor(-5.0, dtype=torch.float64).sigmoid()


def test_quota_follows_the_true_length():
    """The authors' code counts pads: k of a short row would be that of the longest."""
    mask = torch.arange(32) < torch.tensor([[32], [8], [1]])
    selection = make("mosa", sparsity=4)(texts(3, 32, D_MODEL, 99), mask)
    assert selection.valid.sum(-1).tolist() == [[8] * 3, [2] * 3, [1] * 3]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mosa"])
@given(seed=st.integers(0, 2**20), t=st.integers(1, 39), sparsity=st.integers(1, 12))
def test_a_causal_rule_decides_each_prefix_alike(kind, seed, t, sparsity):
    """Whole text and prefix agree about the prefix; slots counted from T would not."""
    torch.manual_seed(seed)
    selector = make(kind, sparsity=sparsity).eval()
    x = texts(1, 40, D_MODEL, 20)
    whole, prefix = selector(x), selector(x[:, :t])
    for h in range(3):
        assert [p for p in positions(whole, 0, h) if p < t] == positions(prefix, 0, h)


def test_expert_choice_lets_a_later_token_take_a_seat():
    """The leak in one line: the second best of two is out once a better one follows."""
    logits = torch.tensor([1.0, 0.0, -1.0, -2.0, 2.0, -3.0, -3.0, -3.0])
    assert top_k_positions(logits[:4], 2).tolist() == [0, 1]
    assert top_k_positions(logits, 2).tolist() == [0, 4]


class Wanted:
    """A recorder that keeps what ragged heads wanted."""

    layer = 0

    def record(self, kind, **tensors):
        if kind == "ragged":
            self.wanted = tensors["wanted"]


@pytest.mark.parametrize("kind", RAGGED)
def test_refusals_are_by_place_and_on_record(kind):
    """Over capacity the later token goes, however good: refusing by score would look ahead."""
    torch.manual_seed(0)
    selector = make(kind, n_heads=2, sparsity=8, max_seq_len=64, capacity_factor=0.5).eval()
    recorder = Wanted()
    selection = selector(texts(2, 64, D_MODEL, 64), None, recorder)
    assert selection.indices.shape[-1] == selector.capacity == 4
    assert recorder.wanted.sum() > selection.valid.sum()
    for b in range(2):
        for h in range(2):
            wanted = recorder.wanted[b, h].nonzero()[:, 0].tolist()
            assert positions(selection, b, h) == wanted[:4]


def test_capacity_is_a_constant_of_the_model():
    """Slots that shrank with the text would let its length decide about its beginning."""
    selector = make("prefix", sparsity=8, max_seq_len=64)
    assert selector.capacity == 16
    for T, slots in ((5, 5), (16, 16), (40, 16), (64, 16)):
        assert selector(texts(1, T, D_MODEL, 9)).indices.shape[-1] == slots
    assert make("prefix", sparsity=3, max_seq_len=64).capacity == 43  # rounded up


def test_pack_counts_slots_by_the_fullest_head():
    chosen = torch.tensor([[[True, False, True], [False, False, False]]])
    selection = pack(chosen, torch.full((1, 2, 3), 0.5))
    assert selection.indices.tolist() == [[[0, 2], [0, 0]]]
    assert selection.valid.tolist() == [[[True, True], [False, False]]]
    assert pack(chosen[:, 1:], torch.ones(1, 1, 3)).valid.tolist() == [[[False]]]


@pytest.mark.parametrize("at_once", [1, 40, 10**6])
def test_prefix_ranks_do_not_depend_on_the_chunk(monkeypatch, at_once):
    monkeypatch.setattr(prefix_top_k, "COMPARISONS_AT_ONCE", at_once)
    logits = torch.tensor([[[0.0, 2, 1, 2, 3, 0, 0], [5, 4, 3, 2, 1, 0, -1]]])
    ranks = prefix_top_k.prefix_ranks(logits)
    assert ranks.tolist() == [[[0, 0, 1, 1, 0, 5, 6], [0, 1, 2, 3, 4, 5, 6]]]


def test_prefix_memory_is_bounded(monkeypatch):
    """The paper's Tiny, 64 texts of 1024 tokens in 69 heads, must not hold 4.6e9 comparisons."""
    monkeypatch.setattr(prefix_top_k, "COMPARISONS_AT_ONCE", 1000)
    largest = 0
    real = torch.Tensor.__iand__

    def watched(self, other):
        nonlocal largest
        largest = max(largest, self.numel())
        return real(self, other)

    monkeypatch.setattr(torch.Tensor, "__iand__", watched)
    prefix_top_k.prefix_ranks(torch.randn(2, 3, 60))
    assert 0 < largest <= 1000


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
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_world_size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "get_rank", lambda rank=rank: rank)
        mine = RandomChoice(3, 4, seed=5)(x[rank::2]).indices
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


@pytest.mark.parametrize("kind", ["threshold", "token"])
def test_statistics_keep_float32(kind):
    """In bfloat16 a moving average with decay 0.99 would never move again."""
    selector = make(kind).to(torch.bfloat16).train()
    assert selector.router.weight.dtype == torch.bfloat16
    buffer = {"threshold": "threshold", "token": "bias"}[kind]
    before = selector.get_buffer(buffer).clone()
    assert before.dtype == torch.float32
    selector(torch.randn(2, 24, D_MODEL, dtype=torch.bfloat16))
    assert (selector.get_buffer(buffer) != before).any()


def test_token_choice_gives_every_token_its_heads():
    """n heads a token, whatever the others do; the gate is not renormalised over them."""
    torch.manual_seed(0)
    selector = make("token", n_heads=10, sparsity=4, capacity_factor=9).eval()
    x = texts(2, 24, D_MODEL, 99)
    selection = selector(x)
    times = torch.zeros(2, 24).index_put(
        (torch.arange(2)[:, None, None].expand_as(selection.indices), selection.indices),
        selection.valid.float(),
        accumulate=True,
    )
    assert selector.heads_per_token == 2  # round(10 / 4)
    assert (times == 2).all()
    assert make("token", n_heads=2, sparsity=8).heads_per_token == 1


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
