"""The shape that the cost of a model is a function of, and the shapes of the paper."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mosa_edu.checks import require
from mosa_edu.costs.heads import KINDS, HeadShape, require_kind
from mosa_edu.costs.quotas import require_count


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """What the cost of a model on one sequence depends on.

    Parameters
    ----------
    n_layers, d_model, d_head, vocab_size : int
        Sizes of the model.
    seq_len : int
        Tokens in the sequence, T.
    n_dense_heads, n_local_heads, n_sparse_heads : int
        Heads of each group in every layer.
    sparse : str
        Kind of the sparse group: one of `KINDS` other than dense and local.
    sparsity, local_window, capacity_factor, max_seq_len
        As in `HeadShape`.
    d_ff : int, optional
        Width of the feed-forward block; ``4 * d_model`` if it is not given.
    tie_embeddings : bool
        Whether the output head shares the embedding's weights.

    Raises
    ------
    ValueError
        If a size is out of range, or there is no head at all.
    """

    n_layers: int
    d_model: int
    d_head: int
    vocab_size: int
    seq_len: int
    n_dense_heads: int = 0
    n_local_heads: int = 0
    n_sparse_heads: int = 0
    sparse: str = "mosa"
    sparsity: int = 1
    local_window: int | None = None
    capacity_factor: float = 2.0
    max_seq_len: int | None = None
    d_ff: int | None = None
    tie_embeddings: bool = True

    def __post_init__(self) -> None:
        for name in ("n_layers", "vocab_size", "feedforward_width"):
            require_count(name, getattr(self, name), 1)
        for name in ("n_dense_heads", "n_local_heads", "n_sparse_heads"):
            require_count(name, getattr(self, name), 0)
        require_kind(self.sparse, KINDS[2:])
        heads = self.n_dense_heads + self.n_local_heads + self.n_sparse_heads
        require(heads > 0, "n_dense_heads + n_local_heads + n_sparse_heads", heads, "at least 1")
        self.head  # noqa: B018  (its constructor checks the other sizes)

    @classmethod
    def from_config(cls, config: object, seq_len: int | None = None) -> ModelShape:
        """Read the fields of the same names from a `ModelConfig`.

        Parameters
        ----------
        config : object
            Anything with the attributes of a `mosa_edu.model.ModelConfig`.
        seq_len : int, optional
            Tokens in the sequence; the config's ``max_seq_len`` if it is not given.
        """
        values = {f.name: getattr(config, f.name) for f in fields(cls) if f.name != "seq_len"}
        return cls(seq_len=values["max_seq_len"] if seq_len is None else seq_len, **values)

    @property
    def feedforward_width(self) -> int:
        """Width of the feed-forward block."""
        return 4 * self.d_model if self.d_ff is None else self.d_ff

    @property
    def head(self) -> HeadShape:
        """The shape that every head of the model shares."""
        return HeadShape(
            d_model=self.d_model,
            d_head=self.d_head,
            seq_len=self.seq_len,
            sparsity=self.sparsity,
            window=self.local_window,
            capacity_factor=self.capacity_factor,
            max_seq_len=self.max_seq_len,
        )

    @property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """Kind and number of the dense, local and sparse heads of a layer, zeros included."""
        return (
            ("dense", self.n_dense_heads),
            ("local", self.n_local_heads),
            (self.sparse, self.n_sparse_heads),
        )


def _paper(n_layers: int, d_model: int, n_heads: int) -> ModelShape:
    return ModelShape(
        n_layers=n_layers,
        d_model=d_model,
        d_head=64,
        vocab_size=8000,
        seq_len=1024,
        n_dense_heads=n_heads,
        tie_embeddings=False,
    )


PAPER_BASELINES = {
    "tiny": _paper(6, 512, 9),
    "small": _paper(9, 1024, 9),
    "medium": _paper(18, 1024, 9),
    "large": _paper(27, 1280, 16),
}
"""The dense baselines of the paper's main experiments, at their training length of 1024."""
