"""A pre-LayerNorm decoder whose attention heads come from its config."""

import hashlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosa_edu.attention import DenseAttention, HybridAttention, LocalAttention
from mosa_edu.attention.hybrid import build_sparse
from mosa_edu.checks import require
from mosa_edu.config import PRESETS, ModelConfig
from mosa_edu.selection.selection import Mask, Record, holds

__all__ = ["PRESETS", "ModelConfig", "TransformerLM"]


class FeedForward(nn.Module):
    """Two matrices with a GELU between them, in its tanh form: a page has no erf."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform every token on its own."""
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """Attention, then feed-forward, each normed before and added after."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(config.d_model)
        self.attention = build_attention(config)
        self.norm_feedforward = nn.LayerNorm(config.d_model)
        self.feedforward = FeedForward(config.d_model, config.d_ff or 4 * config.d_model)

    def forward(self, x: Tensor, attention_mask: Mask = None, record: Record = None) -> Tensor:
        """Apply the block."""
        x = x + self.attention(self.norm_attention(x), attention_mask, record)
        return x + self.feedforward(self.norm_feedforward(x))


def build_attention(config: ModelConfig) -> HybridAttention:
    """Make the heads of one layer."""
    widths = config.d_model, config.d_head
    rotary: dict[str, Any] = {
        "rotate_fraction": config.rotate_fraction,
        "rope_base": config.rope_base,
    }
    dense = local = sparse = None
    if config.n_dense_heads:
        dense = DenseAttention(*widths, config.n_dense_heads, **rotary)
    if config.n_local_heads:
        window = config.local_window or max(config.max_seq_len // config.sparsity, 1)
        local = LocalAttention(*widths, config.n_local_heads, window, **rotary)
    if config.n_sparse_heads:
        sparse = build_sparse(
            config.sparse,
            *widths,
            rotary=rotary,
            n_heads=config.n_sparse_heads,
            sparsity=config.sparsity,
            max_seq_len=config.max_seq_len,
            include_first=config.include_first,
            capacity_factor=config.capacity_factor,
        )
    return HybridAttention(dense, local, sparse)


_HEAD_AXES = {
    "qkv.weight": 0,
    "qv.weight": 0,
    "out.weight": 1,
    "w_qkv": 0,
    "w_out": 0,
    "router.weight": 0,
}
"""The axis along which the heads of a matrix stand side by side, by the end of its name."""


class TransformerLM(nn.Module):
    """A language model: embedding, blocks, final norm, logits.

    Notes
    -----
    Positions enter through the heads' rotary angles alone. Matrices start at a standard
    deviation of 0.02, those that write to the residual stream at 0.02 / sqrt(2 n_layers), so
    that its variance does not grow with depth; the paper states no initialisation.

    Examples
    --------
    >>> import torch
    >>> model = TransformerLM(PRESETS["micro"])
    >>> model(torch.zeros(1, 10, dtype=torch.long)).shape
    torch.Size([1, 10, 512])
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm_final = nn.LayerNorm(config.d_model)
        self.unembedding = None
        if not config.tie_embeddings:
            self.unembedding = nn.Linear(config.d_model, config.vocab_size, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() >= 2:
                nn.init.normal_(parameter, std=self._spread(name))

    def _spread(self, name: str) -> float:
        """Return the standard deviation at which a matrix starts."""
        writes = name.endswith(("out.weight", "w_out", "down.weight"))
        return 0.02 / (2 * self.config.n_layers) ** 0.5 if writes else 0.02

    @torch.no_grad()
    def draw_shared_start(self, seed: int) -> None:
        """Draw the matrices anew, so that models start equal in all that they have in common.

        Every matrix has a random stream of its own, told by the seed and its name; of a matrix
        that is made of heads, every head has one. Two models of one width then begin with the
        same embedding, feed-forward blocks, and first heads of each sort, however many heads
        follow: what tells them apart after training is the heads, not the draw.
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            for head, part in enumerate(self._heads_of(name, parameter)):
                told = hashlib.sha256(f"{seed} {name} {head}".encode()).digest()
                generator = torch.Generator().manual_seed(int.from_bytes(told[:7], "little"))
                drawn = torch.randn(part.shape, generator=generator)
                part.copy_(drawn * self._spread(name))

    def _heads_of(self, name: str, matrix: Tensor) -> tuple[Tensor, ...]:
        """Cut a matrix into its heads; one that has none, or heads that share it, stays whole."""
        axis = next((axis for end, axis in _HEAD_AXES.items() if name.endswith(end)), None)
        if axis is None or ".attention." not in name:
            return (matrix,)
        sort = name.partition(".attention.")[2].partition(".")[0]
        heads = getattr(self.config, f"n_{sort}_heads")
        return matrix.tensor_split(heads, dim=axis)

    @property
    def causal(self) -> bool:
        """Whether no later token can change an earlier logit."""
        return all(block.attention.causal for block in self.blocks)  # type: ignore[union-attr]

    def forward(self, tokens: Tensor, attention_mask: Mask = None, record: Record = None) -> Tensor:
        """Return logits (B, T, V) of what follows each of the tokens, (B, T) int64 ids.

        The other arguments are those of `RotaryHeads.forward`; a cache hears of every layer.
        """
        self._check(tokens)
        x = self.embedding(tokens)  # (B, T, d_model)
        for layer, block in enumerate(self.blocks):
            if record is not None:
                record.layer = layer
            x = block(x, attention_mask, record)
        x = self.norm_final(x)
        if self.unembedding is None:
            return F.linear(x, self.embedding.weight)
        return self.unembedding(x)

    def _check(self, tokens: Tensor) -> None:
        if torch.jit.is_tracing():  # sizes are tensors then, and must not be read
            return
        shape, dtype = tuple(tokens.shape), tokens.dtype
        require(tokens.dim() == 2, "tokens", shape, "(B, T) in shape")
        T, limit = shape[1], self.config.max_seq_len
        require(1 <= T <= limit, "tokens", f"{T} tokens", f"1 to max_seq_len={limit} tokens")
        require(dtype in (torch.int64, torch.int32), "tokens", dtype, "int64")
        fits = (tokens >= 0) & (tokens < self.config.vocab_size)
        if tokens.is_cpu and holds(fits) is False:  # where looking costs nothing
            allowed = f"ids in [0, vocab_size={self.config.vocab_size})"
            require(False, "tokens", int(tokens[~fits][0]), allowed)
