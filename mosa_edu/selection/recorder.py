"""What a recorder must offer: layers hand it tensors and keep no state themselves."""

from typing import Protocol

from torch import Tensor


class Recorder(Protocol):
    """Receives the tensors of one forward pass.

    Attributes
    ----------
    layer : int
        The layer at work; the model sets it before each block.
    """

    layer: int

    def record(self, kind: str, **tensors: Tensor | None) -> None:
        """Take the tensors of one stage.

        Parameters
        ----------
        kind : str
            "router" (router_logits (B, H, T)), "ragged" (wanted (B, H, T), what a selector with
            slots would have taken had they sufficed), "sparse" (indices, scores, valid,
            attention_weights (B, H, k, k)), "routing" (indices, valid, attention_weights
            (B, H, clusters, k, k)), "dense" or "local" (attention_weights (B, H, T, T)).
        **tensors : Tensor or None
            By name, as listed under `kind`.
        """
