"""The heads of a model as costs see them, and the models that the paper starts from."""

from mosa_edu.checks import require
from mosa_edu.config import ModelConfig
from mosa_edu.costs.heads import HeadShape


def head_shape(config: ModelConfig, seq_len: int | None = None) -> HeadShape:
    """Read the shape that all heads of a model share.

    Parameters
    ----------
    config : ModelConfig
        The model.
    seq_len : int, optional
        Tokens in the sequence; the longest one if it is not given.

    Returns
    -------
    HeadShape
        Sizes of a head and the sequence.

    Raises
    ------
    ValueError
        If `seq_len` is not from 1 to the longest one.
    """
    longest = config.max_seq_len
    tokens = longest if seq_len is None else seq_len
    require(1 <= tokens <= longest, "seq_len", tokens, f"from 1 to max_seq_len={longest}")
    return HeadShape(
        d_model=config.d_model,
        d_head=config.d_head,
        seq_len=tokens,
        sparsity=config.sparsity,
        window=config.local_window,
        capacity_factor=config.capacity_factor,
        max_seq_len=longest,
    )


def head_groups(config: ModelConfig) -> tuple[tuple[str, int], ...]:
    """Kind and number of the dense, local and sparse heads of a layer, zeros included."""
    return (
        ("dense", config.n_dense_heads),
        ("local", config.n_local_heads),
        (config.sparse, config.n_sparse_heads),
    )


def feedforward_width(config: ModelConfig) -> int:
    """Width of the feed-forward blocks."""
    return config.d_ff or 4 * config.d_model


def _dense_baseline(n_layers: int, d_model: int, n_dense_heads: int) -> ModelConfig:
    return ModelConfig(
        vocab_size=8000,
        d_model=d_model,
        n_layers=n_layers,
        d_head=64,
        max_seq_len=1024,
        n_dense_heads=n_dense_heads,
        include_first=True,
        tie_embeddings=False,
    )


PAPER_BASELINES = {
    "tiny": _dense_baseline(6, 512, 9),
    "small": _dense_baseline(9, 1024, 9),
    "medium": _dense_baseline(18, 1024, 9),
    "large": _dense_baseline(27, 1280, 16),
}
"""The dense models of the paper's main experiments; their hybrids include the first token."""
