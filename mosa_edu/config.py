"""The shape of a model, as plain values: no torch, so that costs and records can read it."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from mosa_edu.checks import require, require_integer
from mosa_edu.head_kinds import CAPACITY_FACTOR, kinds

SPARSE_KINDS = kinds(sparse=True, in_config=True)
_SIZES = ("vocab_size", "d_model", "n_layers", "d_head", "max_seq_len")


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides a model's shape.

    Attributes
    ----------
    vocab_size, d_model, n_layers, d_head, max_seq_len : int
        Entries of the vocabulary; width of the tokens; blocks; width of a head; longest text, T.
    n_dense_heads, n_local_heads, n_sparse_heads : int
        Heads of each kind in every layer; at least one in all.
    sparse : str
        Kind of the sparse heads: one of `SPARSE_KINDS`.
    sparsity : int
        The paper's rho = T / k.
    include_first : bool
        Keep token 0 in every expert-choice head.
    local_window : int or None
        Tokens a local head sees; None: max_seq_len // sparsity, as in the authors' hybrid.
    d_ff : int or None
        Width of the feed-forward layer; None: 4 * d_model.
    rotate_fraction, rope_base : float
        Rotary positions; see `attention.rotary`.
    capacity_factor : float
        Slots of heads with a variable number of tokens, as a multiple of max_seq_len / sparsity.
    tie_embeddings : bool
        Read the output off the input embedding.
    """

    vocab_size: int
    d_model: int
    n_layers: int
    d_head: int
    max_seq_len: int
    n_dense_heads: int = 0
    n_local_heads: int = 0
    n_sparse_heads: int = 0
    sparse: str = "mosa"
    sparsity: int = 8
    include_first: bool = False
    local_window: int | None = None
    d_ff: int | None = None
    rotate_fraction: float = 0.5
    rope_base: float = 10000.0
    capacity_factor: float = CAPACITY_FACTOR
    tie_embeddings: bool = True

    def __post_init__(self) -> None:
        """Refuse shapes that no model can have."""
        for name in _SIZES:
            require_integer(name, getattr(self, name), 1)
        for name in ("n_dense_heads", "n_local_heads", "n_sparse_heads"):
            require_integer(name, getattr(self, name), 0)
        for name in ("d_ff", "local_window"):
            if getattr(self, name) is not None:
                require_integer(name, getattr(self, name), 1)
        heads = (self.n_dense_heads, self.n_local_heads, self.n_sparse_heads)
        require(sum(heads) >= 1, "n_heads", heads, "at least 1 in all")
        require(self.sparse in SPARSE_KINDS, "sparse", self.sparse, f"one of {SPARSE_KINDS}")
        require_integer("sparsity", self.sparsity, 1)
        allowed = f"in [1, max_seq_len={self.max_seq_len}]"
        require(self.sparsity <= self.max_seq_len, "sparsity", self.sparsity, allowed)
        for name in ("include_first", "tie_embeddings"):
            value = getattr(self, name)
            require(isinstance(value, bool), name, value, "True or False")
        share, base, factor = self.rotate_fraction, self.rope_base, self.capacity_factor
        require(0 <= share <= 1, "rotate_fraction", share, "in [0, 1]")
        require(0 < base < math.inf, "rope_base", base, "positive and finite")
        require(1 <= factor < math.inf, "capacity_factor", factor, "at least 1 and finite")

    def to_json(self) -> str:
        """Write the config as one JSON object."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ModelConfig":
        """Read a config that `to_json` wrote."""
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
        require(isinstance(fields, dict), "model config", text, "one JSON object")
        return cls.from_dict(fields)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "ModelConfig":
        """Build a config from plain values, refusing unknown names."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - known)
        require(not unknown, "model config", unknown, f"made of the fields {sorted(known)}")
        missing = sorted(set(_SIZES) - set(fields))
        require(not missing, "model config", f"without {missing}", "complete")
        return cls(**fields)


PRESETS: dict[str, ModelConfig] = {
    # vocab_size, d_model, n_layers, d_head, max_seq_len; the first is small enough for a test to
    # train, the second is the model in the page, of 2 M parameters, the third the paper's Tiny.
    "micro": ModelConfig(512, 64, 2, 16, 64, n_dense_heads=1, n_sparse_heads=4, sparsity=4),
    "explorer": ModelConfig(2048, 128, 4, 32, 256, n_dense_heads=2, n_sparse_heads=16, sparsity=8),
    "tiny": ModelConfig(
        *(8000, 512, 6, 64, 1024),
        n_dense_heads=4,
        n_sparse_heads=69,
        sparsity=8,
        include_first=True,
        tie_embeddings=False,
    ),
}
