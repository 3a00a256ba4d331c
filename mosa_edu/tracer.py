"""A model as a function of a text and of k, for whoever must not know what a model is."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from mosa_edu.attention import SparseAttention
from mosa_edu.checks import require
from mosa_edu.model import TransformerLM
from mosa_edu.records import RoutingTrace
from mosa_edu.selection import ExpertChoice, Recorder, Selection
from mosa_edu.selection.ranking import top_k_positions
from mosa_edu.tracing import Spans, trace


class Tracer:
    """Trace texts with one model, with its own k or with another.

    Parameters
    ----------
    model : TransformerLM
        A model with sparse heads.
    tokenizer : Tokenizer
        The model's own.
    name, sha256 : str, optional
        What traces call the model; hash of its weights file.

    Examples
    --------
    >>> from mosa_edu import load_pretrained
    >>> tracer = Tracer(*load_pretrained())
    >>> text = "The clock said that the night was young."
    >>> tracer(text).k, tracer(text, k=5).k, tracer(text).k
    (2, 5, 2)
    """

    def __init__(
        self,
        model: TransformerLM,
        tokenizer: Spans,
        *,
        name: str = "model",
        sha256: str | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.sha256 = sha256

    def __repr__(self) -> str:
        return f"Tracer({self.name!r})"

    def __call__(self, text: str, k: int | None = None) -> RoutingTrace:
        """Run the model on a text.

        Parameters
        ----------
        text : str
            At least one token, at most the model's `max_seq_len`.
        k : int, optional
            Tokens that every sparse head of every layer keeps, at least 2 and at most T. If it
            is not given: T // sparsity, as the model was trained.

        Returns
        -------
        RoutingTrace
            Of a whole forward pass: with another k, all layers above the first see other tokens.

        Raises
        ------
        ValueError
            If the text has no token or too many, if k is out of range, or if the heads of the
            model do not keep their k best tokens.
        """
        if k is not None:
            T = len(self.tokenizer.spans(text))
            require(min(2, T) <= k <= T, "k", k, f"in [{min(2, T)}, {T}], T = {T}")
        with nullcontext() if k is None else _keeping(self.model, k):
            return trace(self.model, self.tokenizer, text, name=self.name, sha256=self.sha256)


class _KeepK(nn.Module):
    """Expert choice with the router of another selector and a k of its own, for one text."""

    causal = False

    def __init__(self, own: ExpertChoice, k: int) -> None:
        super().__init__()
        self.router, self.include_first = own.router, own.include_first
        self.n_heads, self.k = own.n_heads, k

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, record: Recorder | None = None
    ) -> Selection:
        router_logits = self.router(x)  # (B, H, T)
        if record is not None:
            record.record("router", router_logits=router_logits)
        ranked = router_logits.clone()
        if self.include_first:
            ranked[..., 0] = torch.inf
        indices = top_k_positions(ranked, self.k)
        return Selection(indices, router_logits.gather(-1, indices).sigmoid())


@contextmanager
def _keeping(model: TransformerLM, k: int) -> Iterator[None]:
    """Let every sparse head of a model keep k tokens for a while."""
    layers = [layer for layer in model.modules() if isinstance(layer, SparseAttention)]
    before = [layer.selector for layer in layers if isinstance(layer.selector, ExpertChoice)]
    known = 0 < len(before) == len(layers)
    allowed = "one whose heads keep their k best tokens"
    require(known, "model", "one with another rule of selection", allowed)
    try:
        for layer, selector in zip(layers, before, strict=True):
            layer.selector = _KeepK(selector, k)
        yield
    finally:
        for layer, selector in zip(layers, before, strict=True):
            layer.selector = selector
