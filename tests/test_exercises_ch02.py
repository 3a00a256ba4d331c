"""Every check of chapter 2 accepts the solution and names each of its known mistakes."""

import pytest
import torch

from mosa_edu.exercises import ch02


def ones(*shape):
    return torch.ones(*shape, dtype=torch.bool)


def weights(matches, may_attend, forbidden=-torch.inf):
    return matches.masked_fill(~may_attend, forbidden).softmax(1)


def attend(q, k, v, scale=None):
    matches = q @ k.T / (scale or q.shape[1] ** 0.5)
    return weights(matches, ones(len(q), len(k)).tril()) @ v


def renormalised(matches, may_attend):
    zeroed = matches.softmax(1) * may_attend
    return zeroed / zeroed.sum(1, keepdim=True)


def zeroed_after(q, k, v):
    return (q @ k.T / 2).softmax(1).tril() @ v


SOLUTIONS = {
    ch02.check_may_attend: lambda T: ones(T, T).tril(),
    ch02.check_masked_weights: weights,
    ch02.check_causal_attention: attend,
    ch02.check_cached_mask: lambda n, S: ones(n, S).tril(S - n),
}
MISTAKES = [
    (ch02.check_may_attend, lambda T: ones(T, T).tril(-1), "diagonal is off"),
    (ch02.check_may_attend, lambda T: ones(T, T).triu(1), "Inverted"),
    (ch02.check_may_attend, lambda T: ones(T, T).triu(), "later keys"),
    (ch02.check_may_attend, lambda T: torch.ones(T, T).tril(), "torch.float32"),
    (ch02.check_may_attend, lambda T: ones(T, T), "and nowhere else"),
    (ch02.check_may_attend, lambda T: ones(T), "shape"),
    (ch02.check_masked_weights, lambda m, a: (m * a).softmax(1), "8: a match"),
    (ch02.check_masked_weights, lambda m, a: m.softmax(1) * a, "2: the forbidden"),
    (ch02.check_masked_weights, lambda m, a: weights(m, ~a), "16: inverted"),
    (ch02.check_masked_weights, lambda m, a: m.softmax(1), "12: the mask did nothing"),
    (ch02.check_masked_weights, renormalised, "0/0: the forbidden"),
    (ch02.check_masked_weights, lambda m, a: weights(m, a, -1e4), "only -inf"),
    (ch02.check_masked_weights, lambda m, a: weights(m, a, -1e9), "only -inf"),
    (ch02.check_masked_weights, lambda m, a: m * 0, "0.00, not 5.33"),
    (ch02.check_causal_attention, lambda q, k, v: (q @ k.T / 2).softmax(1) @ v, "no mask"),
    (ch02.check_causal_attention, zeroed_after, "text goes on after token 0"),
    (ch02.check_causal_attention, lambda q, k, v: attend(q, k, v, scale=1), "1/sqrt(d)"),
    (ch02.check_causal_attention, lambda q, k, v: v * 2, "its own value"),
    (ch02.check_cached_mask, lambda n, S: ones(n, S).tril(), "top left"),
    (ch02.check_cached_mask, lambda n, S: ones(n, S), "another's future"),
    (ch02.check_cached_mask, lambda n, S: ones(n, S).tril(S - n - 1), "read itself"),
    (ch02.check_cached_mask, lambda n, S: ones(n, S).tril(S - n).flip(0), "stands at position"),
    (ch02.check_cached_mask, lambda n, S: ones(S, n), "booleans of shape"),
]


@pytest.mark.parametrize("check", SOLUTIONS, ids=lambda check: check.__name__)
def test_the_solution_passes_and_an_empty_answer_stops_nothing(check):
    assert check(SOLUTIONS[check]), check(SOLUTIONS[check])
    assert repr(check(lambda *args: ...)) == "not tried yet"


@pytest.mark.parametrize(("check", "wrong", "named"), MISTAKES)
def test_known_mistakes_are_named(check, wrong, named):
    verdict = check(wrong)
    assert not verdict.passed
    assert named in verdict.message


def test_the_librarys_own_triangle_is_the_mistake_it_is_taken_for():
    """PyTorch's is_causal puts the triangle top left, which is what the last check refuses."""
    values = torch.arange(5.0)[None, :, None]
    query, keys = torch.zeros(1, 1, 1), torch.zeros(1, 5, 1)
    read = torch.nn.functional.scaled_dot_product_attention(query, keys, values, is_causal=True)
    assert read.item() == 0
