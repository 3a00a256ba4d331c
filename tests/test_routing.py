"""Routing heads: balanced clusters, means over them, and centroids that follow their tokens."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from loops import close

from mosa_edu.attention import RoutingAttention, reference
from mosa_edu.selection import ActivationCache

D_MODEL = 6


def make(n_heads=2, sparsity=3, d_head=4, **more):
    torch.manual_seed(n_heads * 100 + sparsity * 10 + d_head)
    return RoutingAttention(D_MODEL, d_head, n_heads, sparsity, **more).double()


def texts(B, T):
    return torch.randn(B, T, D_MODEL, dtype=torch.float64)


@given(
    seed=st.integers(0, 2**20),
    B=st.integers(1, 3),
    T=st.integers(1, 16),
    n_heads=st.integers(1, 3),
    sparsity=st.integers(1, 8),
    d_head=st.integers(2, 5),
    with_pads=st.booleans(),
    decay=st.sampled_from([0.0, 0.5, 0.99]),
)
def test_centroids_move_as_in_the_loops(seed, B, T, n_heads, sparsity, d_head, with_pads, decay):
    """Means of the nearest tokens, pads aside; a centroid without tokens stays where it is."""
    layer = make(n_heads, sparsity, d_head, decay=decay).train()
    torch.manual_seed(seed)
    x = texts(B, T)
    mask = torch.arange(T) < torch.randint(1, T + 1, (B, 1)) if with_pads else None
    rows = [text if mask is None else text[mask[b]] for b, text in enumerate(x)]
    with torch.no_grad():
        moved = reference.moved_centroids(rows, layer.qv.weight, layer.centroids, decay)
    layer(x, mask)
    torch.testing.assert_close(layer.centroids, moved, rtol=0, atol=1e-5)
    layer.eval()(x, mask)
    torch.testing.assert_close(layer.centroids, moved, rtol=0, atol=1e-5)


def test_clusters_are_balanced():
    """Every centroid takes exactly k tokens, popular or not, in ascending order."""
    cache = ActivationCache()
    layer = make(n_heads=3, sparsity=4)
    layer(texts(2, 20), None, cache)
    indices = cache.tensors[0, "routing"]["indices"]
    assert indices.shape == (2, 3, 4, 5)
    assert (indices.diff(dim=-1) > 0).all()
    assert cache.tensors[0, "routing"]["attention_weights"].shape == (2, 3, 4, 5, 5)


def test_equal_tokens_attend_to_each_other():
    """All tokens alike: every cluster takes the first k, and no number is NaN."""
    layer = make(sparsity=3)
    x = texts(1, 1).expand(2, 12, -1)
    cache = ActivationCache()
    y = layer.eval()(x, None, cache)
    assert y.isfinite().all()
    assert (cache.tensors[0, "routing"]["indices"] == torch.arange(4)).all()


def test_training_pulls_centroids_to_the_clusters_of_the_text():
    """Two kinds of tokens, two centroids: after a while each centroid stands at one kind."""
    torch.manual_seed(0)
    layer = RoutingAttention(D_MODEL, 4, 1, 2, decay=0.9).train()
    kinds = torch.randn(2, D_MODEL)
    x = kinds[torch.arange(32) % 2].expand(2, 32, D_MODEL)
    vectors = reference.shared_and_values(kinds, layer.qv.weight, 0, 4)[0]
    layer.centroids.copy_(torch.stack(vectors)[None] + 0.3 * torch.randn(1, 2, 4))
    for _ in range(100):
        layer(x)
    close(layer.centroids[0], torch.stack(vectors).detach(), "centroids", atol=0.01)
