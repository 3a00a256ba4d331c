"""Threshold: a token is taken if its score exceeds a level that each head has learned."""

import torch
from torch import Tensor

from mosa_edu.checks import require
from mosa_edu.selection.ragged import RaggedSelector
from mosa_edu.selection.ranking import best_of_each_row, tie_at


class Threshold(RaggedSelector):
    """Take token t if its logit exceeds a threshold that past batches have set.

    Parameters
    ----------
    d_model, n_heads, sparsity, max_seq_len, capacity_factor
        See `RaggedSelector`.
    decay : float
        Weight of the old threshold in an update, in [0, 1).
    warmup_steps : int
        Calls in training, counted from the first, that select by top-k over the whole sequence
        instead: heads do not starve while the threshold settles, but **these calls see the
        future**, and `causal` is False as long as they last. Evaluation never does so.

    Attributes
    ----------
    threshold : Tensor, shape (H,), float32
        Moving average of the k-th best logit of a batch, k = tokens / sparsity. Saved with the
        weights, frozen in evaluation.
    updates : Tensor, shape (), int64
        Batches that have gone into it.

    Notes
    -----
    Expert Threshold routing (Sun et al., arXiv:2603.11535) without its clamp on the load, which
    would look ahead. A call selects with the old threshold and updates it afterwards, so the
    selection depends on past batches and the token itself alone. The first updates are a plain
    mean, so the initial 0 leaves no trace after one batch.
    """

    threshold: Tensor
    updates: Tensor

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        sparsity: int,
        max_seq_len: int,
        capacity_factor: float = 2.0,
        decay: float = 0.99,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(d_model, n_heads, sparsity, max_seq_len, capacity_factor)
        require(0.0 <= decay < 1.0, "decay", decay, "in [0, 1)")
        require(warmup_steps >= 0, "warmup_steps", warmup_steps, "at least 0")
        self.decay = decay
        self.warmup_steps = warmup_steps
        self.register_buffer("threshold", torch.zeros(n_heads))
        self.register_buffer("updates", torch.tensor(0))

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether no later token can change the selection: False in the warm-up alone."""
        return not self._warming_up()

    def wants(self, router_logits: Tensor, real: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Compare logits with the threshold; see `RaggedSelector.wants`.

        The k-th best logit of one batch is a threshold that its own word meets up to rounding:
        such a word is not above it, however it rounds.
        """
        if self._warming_up():
            return best_of_each_row(router_logits, self.sparsity, real)
        threshold = self.threshold.to(router_logits.dtype)[:, None]
        return router_logits > threshold + tie_at(threshold)

    def learn(self, router_logits: Tensor, wanted: Tensor, real: Tensor | None) -> None:
        """Move the threshold towards this batch's k-th best logit."""
        tokens = router_logits.transpose(0, 1).flatten(1)  # (H, B T)
        if real is not None:
            tokens = tokens[:, real.flatten()]
        k = max(tokens.shape[1] // self.sparsity, 1)
        kth_best = tokens.topk(k, dim=-1, sorted=False).values.amin(dim=-1).float()  # (H,)
        self.updates += 1
        weight = (1 / self.updates).clamp(min=1 - self.decay)
        self.threshold += weight * (kth_best - self.threshold)

    def _warming_up(self) -> bool:
        if self.warmup_steps == 0 or not self.training:
            return False
        return bool(self.updates < self.warmup_steps)
