"""Decoding: equal to the model on every prefix, with a cache no larger than what was selected."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mosa_edu import costs
from mosa_edu.generation import Decoder, Sampler, generate, stream
from mosa_edu.generation.cache import VariableSlots
from mosa_edu.head_kinds import kinds
from mosa_edu.model import PRESETS, TransformerLM
from mosa_edu.selection import PrefixTopK, Threshold
from mosa_edu.selection.causal import prefix_ranks
from mosa_edu.selection.expert_choice import rank_of_each, top_k_positions
from mosa_edu.tracing import ActivationCache

VARIABLE = kinds(capacity="variable")
CAUSAL = kinds(sparse=True, in_config=True, causal=True)
T = 32
V = 64


def loud_model(**changes) -> TransformerLM:
    """An untrained model that speaks up, with thresholds and biases that have moved."""
    torch.manual_seed(0)
    config = replace(PRESETS["micro"], **{"vocab_size": V, "max_seq_len": T, **changes})
    model = TransformerLM(config).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
        for _ in range(5):
            model(torch.randint(config.vocab_size, (4, config.max_seq_len)))
    return model.eval()


def distinct_words(rows: int = 2, length: int = T) -> torch.Tensor:
    """Texts without a repeated word: exact ties of scores are for the tests that say so."""
    torch.manual_seed(1)
    return torch.stack([torch.randperm(V)[:length] for _ in range(rows)])


def assert_decodes(model: TransformerLM, tokens: torch.Tensor) -> Decoder:
    """Compare every step with a forward pass over the prefix alone."""
    decoder = Decoder(model, len(tokens))
    with torch.no_grad():
        for end in range(1, tokens.shape[1] + 1):
            logits = decoder.step(tokens[:, end - 1])
            expected = model(tokens[:, :end])[:, -1]
            torch.testing.assert_close(logits, expected, rtol=0, atol=1e-10)
    return decoder


@pytest.mark.parametrize("kind", CAUSAL)
@pytest.mark.parametrize(("dense", "local"), [(1, 0), (0, 1), (0, 0)])
def test_every_step_equals_the_model_on_the_prefix(kind, dense, local):
    """Catches a cache that ranks again, a quota that is one off, a rotation by slot."""
    model = loud_model(sparse=kind, n_dense_heads=dense, n_local_heads=local, local_window=7)
    assert_decodes(model, distinct_words())


def test_equal_words_tie_and_the_earlier_one_wins():
    """Catches a prompt that is read with other matrix products than the words that are written.

    Equal words have equal scores in the first layer, up to how products of other shapes round.
    """
    model = loud_model(sparse="prefix", vocab_size=8, n_dense_heads=1)
    torch.manual_seed(1)
    assert_decodes(model, torch.randint(8, (2, T)))


def test_scores_that_only_rounding_parts_are_a_tie():
    """Catches ranks that turn on the last bit: the same words would be chosen otherwise."""
    equal = torch.full((1, 1, 12), 0.7, dtype=torch.float64)
    noise = 4e-16 * torch.randn(12, dtype=torch.float64, generator=torch.manual_seed(0))
    assert prefix_ranks(equal + noise).flatten().tolist() == list(range(12))
    assert prefix_ranks(equal + torch.arange(12) * 1e-9).flatten().tolist() == [0] * 12
    assert prefix_ranks((equal + 1e8 * noise).float()).flatten().tolist() == list(range(12))
    rising = equal.float() + torch.arange(12) * 1e-6  # float32: wider than rounding
    assert prefix_ranks(rising).flatten().tolist() == [0] * 12


@pytest.mark.parametrize(("dtype", "noise"), [(torch.float32, 4e-8), (torch.float64, 4e-16)])
def test_no_choice_turns_on_the_last_bit(dtype, noise):
    """Catches a choice among equal words by how a processor rounds their scores."""
    words = torch.tensor([2.0, 1.0, 0.5, 1.0] * 8, dtype=dtype)
    rounding = noise * torch.randn(32, dtype=dtype, generator=torch.manual_seed(0))
    for scores in (words + rounding, words - rounding):
        assert not torch.equal(scores, words)
        for k in range(1, 33):
            assert torch.equal(top_k_positions(scores, k), top_k_positions(words, k))
        assert torch.equal(rank_of_each(scores), rank_of_each(words))
        selector = Threshold(1, 1, 2, 32)
        selector.learn(words[None, None], words[None, None] > 0, None)
        selector.threshold += noise  # an average of equal numbers rounds too
        assert torch.equal(selector.wants(scores[None, None], None)[0, 0], words > 1.5)


@pytest.mark.parametrize(("dense", "local"), [(2, 0), (0, 2), (1, 1)])
def test_models_without_sparse_heads_decode_too(dense, local):
    """Catches a window that is one off, and a ring that overwrites the wrong slot."""
    changes = {"n_dense_heads": dense, "n_local_heads": local, "n_sparse_heads": 0}
    assert_decodes(loud_model(**changes, local_window=5), distinct_words())


@pytest.mark.parametrize("kind", VARIABLE)
def test_full_heads_refuse_the_later_token_as_the_layer_does(kind):
    """Catches a capacity one off, or one that follows the current length, or eviction by score."""
    model = loud_model(sparse=kind, capacity_factor=1.0, sparsity=8)
    decoder = assert_decodes(model, distinct_words())
    sparse = [heads for heads in decoder.cache.heads if isinstance(heads.slots, VariableSlots)]
    counts = [count for heads in sparse for row in heads.slots.counts for count in row]
    assert max(counts) == T // 8


@given(st.sampled_from(CAUSAL), st.integers(1, 9), st.integers(1, 16), st.integers(1, 16))
def test_any_sparsity_and_length(kind, sparsity, longest, length):
    """Lengths that no sparsity divides, texts of one token, models of one token."""
    model = loud_model(sparse=kind, sparsity=min(sparsity, longest), max_seq_len=longest)
    assert_decodes(model, distinct_words(1, min(length, longest)))


@pytest.mark.parametrize("kind", CAUSAL)
def test_batches_of_different_lengths_generate_what_recomputing_does(kind):
    """Catches rows that share a position, a quota or a random number with their neighbours."""
    model = loud_model(sparse=kind)
    prompts = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [12], [13, 14, 15, 16]]
    options = {"temperature": 0.8, "top_p": 0.9, "seed": 3}
    cached = generate(model, prompts, 15, **options)
    assert cached == generate(model, prompts, 15, **options, reselect=True)
    assert [len(text) for text in cached] == [15, 15, 15]
    assert cached[0] == generate(model, prompts[:1], 15, **options)[0]


@pytest.mark.parametrize("kind", ["dense", "local", "fixed", "random"])
@pytest.mark.parametrize("length", [1, 16, 19, T])
def test_slots_and_bytes_are_those_of_the_formula(kind, length):
    """Catches a cache that stores keys of tokens which the head did not select."""
    heads = {"n_dense_heads": 0, "n_local_heads": 0, "n_sparse_heads": 0}
    heads["n_sparse_heads" if kind in ("fixed", "random") else f"n_{kind}_heads"] = 3
    sparse = kind if kind in ("fixed", "random") else "mosa"
    model = loud_model(**heads, sparse=sparse, local_window=10)
    decoder = Decoder(model, rows=2)
    for _ in range(length):
        decoder.step(torch.tensor([1, 2]))
    rows, layers, itemsize = 2, 2, 8
    config, slots = model.config, decoder.cache.slots()
    if kind == "random" and length % config.sparsity:
        assert 0 <= rows * layers * costs.kv_slots(config, length) - slots <= rows * layers * 3
        return
    assert slots == rows * layers * costs.kv_slots(config, length)
    expected = rows * costs.kv_bytes(config, length, bytes_per_element=itemsize)
    assert decoder.cache.bytes() == expected
    assert decoder.cache.allocated() >= expected


@pytest.mark.parametrize("kind", VARIABLE)
def test_heads_hold_what_they_took_and_no_more(kind):
    """Counts the cache against the selections of one pass over the whole text."""
    model, tokens = loud_model(sparse=kind), distinct_words()
    decoder, recording = assert_decodes(model, tokens), ActivationCache()
    model(tokens, record=recording)
    taken = sum(int(recording.tensors[layer, "sparse"]["valid"].sum()) for layer in (0, 1))
    dense = 2 * 2 * T
    assert decoder.cache.slots() == taken + dense
    assert decoder.cache.slots() <= 2 * 2 * costs.kv_slots(model.config)


def test_a_full_cache_sets_aside_what_the_formula_charges():
    """At the longest text, allocated keys and values are those of `costs.kv_bytes` exactly."""
    model = loud_model(sparse="prefix", n_dense_heads=1)
    decoder = assert_decodes(model, distinct_words(1))
    scores = 2 * 4 * math.ceil(T / 4) * 8  # remembered, in two layers of four heads
    charged = costs.kv_bytes(model.config, bytes_per_element=8)
    assert decoder.cache.allocated() <= charged + scores


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 7))
def test_prefix_top_k_needs_the_best_scores_alone(scores, sparsity):
    """Catches a memory of T / rho scores that forgets one which decides, or breaks ties late."""
    selector = PrefixTopK(1, 1, sparsity, len(scores)).eval()
    with torch.no_grad():
        selector.router.weight.fill_(1.0)
    x = torch.tensor(scores, dtype=torch.float32)[None, :, None]
    rule = selector.online(1, len(scores))
    with torch.no_grad():
        whole = selector.wants(x.transpose(1, 2), None)[0, 0].tolist()
        steps = [bool(rule.wants(x[:, t], t)[0]) for t in range(len(scores))]
    assert steps == whole
    assert rule.best.shape[-1] == math.ceil(len(scores) / sparsity)


def test_decoding_leaves_the_threshold_alone():
    """Catches a threshold that learns from the text it is asked about."""
    model = loud_model(sparse="threshold")
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    generate(model, [[1, 2, 3]], 10)
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, before[name])
    assert Threshold(4, 2, 4, 16).eval().online(1, 16).limit == 8


def test_expert_choice_is_refused_unless_it_may_select_again():
    model = loud_model(sparse="mosa")
    with pytest.raises(ValueError, match=r"causal rule .*reselect=True"):
        generate(model, [[1, 2]], 3)
    assert len(generate(model, [[1, 2]], 3, reselect=True)[0]) == 3


def test_a_model_in_training_is_not_decoded_and_generate_restores_the_mode():
    model = loud_model(sparse="prefix").train()
    with pytest.raises(ValueError, match="in evaluation mode"):
        Decoder(model)
    generate(model, [[1]], 2)
    assert model.training


@pytest.mark.parametrize(
    ("prompts", "n_tokens", "message"),
    [
        ([], 1, "prompts must be at least one text"),
        ([[]], 1, "prompt must be at least one token long"),
        ([[1], []], 1, "prompt must be at least one token long"),
        ([[1] * (T + 1)], 0, "prompt must be at most max_seq_len=32"),
        ([[1] * 28], 5, "n_tokens must be at most 4"),
        ([[1]], -1, "n_tokens must be at least 0"),
        ([[V]], 1, "prompt must be ids in"),
        ([[-1]], 1, "prompt must be ids in"),
    ],
)
def test_prompts_that_cannot_be_continued(prompts, n_tokens, message):
    with pytest.raises(ValueError, match=message):
        generate(loud_model(sparse="fixed"), prompts, n_tokens)


def test_settings_out_of_range():
    refused = {"temperature": (-0.1, math.inf, math.nan), "top_p": (0.0, 1.1, math.nan)}
    for name, values in (refused | {"seed": (-1,), "vocab_size": (0,)}).items():
        for value in values:
            with pytest.raises(ValueError, match=f"{name} must be"):
                Sampler(**{name: value})
    with pytest.raises(ValueError, match="rows must be at least 1"):
        Decoder(loud_model(sparse="fixed"), rows=0)


def test_the_longest_text_can_be_filled_to_the_last_token():
    model = loud_model(sparse="prefix")
    assert len(generate(model, [[1] * 28], 4)[0]) == 4
    assert generate(model, [[1] * T], 0) == [[]]
    decoder = Decoder(model)
    for _ in range(T):
        decoder.step(torch.tensor([1]))
    with pytest.raises(ValueError, match="at most max_seq_len=32"):
        decoder.step(torch.tensor([1]))


def test_sampling_follows_the_softmax_and_top_p_cuts_the_tail():
    """Catches a top-p that drops the token which crosses it, or keeps the one after."""
    logits = torch.tensor([0.5, 0.25, 0.15, 0.1]).log()[None]

    def shares(**options) -> list[float]:
        picks = Sampler(**options).pick(logits.expand(4000, -1), list(range(4000)))
        return [picks.count(token) / 4000 for token in range(4)]

    assert shares() == pytest.approx([0.5, 0.25, 0.15, 0.1], abs=0.03)
    assert shares(top_p=0.6) == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=0.03)
    assert shares(top_p=0.76) == pytest.approx([5 / 9, 5 / 18, 1 / 6, 0], abs=0.03)
    assert shares(temperature=0.5) == pytest.approx([0.725, 0.181, 0.065, 0.029], abs=0.03)
    assert shares(temperature=0.0) == [1, 0, 0, 0]
    assert shares(top_p=1e-9) == [1, 0, 0, 0]
    assert shares(top_k=2) == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=0.03)
    assert shares(top_k=1) == [1, 0, 0, 0]
    assert shares(top_k=9) == pytest.approx(shares(), abs=0.03)


def test_greedy_ties_go_to_the_first_token_and_seeds_repeat():
    assert Sampler(temperature=0).pick(torch.zeros(1, 5), [0]) == [0]
    model = loud_model(sparse="token")
    once, again = (generate(model, [[1], [1]], 20, seed=7) for _ in range(2))
    assert once == again
    assert once[0] != once[1]  # rows draw from streams of their own
    assert once != generate(model, [[1], [1]], 20, seed=8)
    with pytest.raises(ValueError, match="logits must be finite"):
        Sampler().pick(torch.tensor([[math.nan, 0.0]]), [0])


def test_stream_yields_tokens_as_they_are_chosen():
    model = loud_model(sparse="fixed")
    tokens = list(stream(model, [[1, 2], [3]], 3, Sampler(seed=1)))
    rows = [row for row, _ in tokens]
    assert rows == [1, 0, 1, 0, 1, 0]  # the shorter prompt starts writing first
