"""One head of a model that keeps what somebody else than its router picks, for a while."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mosa_edu.attention import SparseAttention
from mosa_edu.checks import require
from mosa_edu.model import TransformerLM
from mosa_edu.selection import ExpertChoice, Recorder, Selection, kept


def mosa_heads(model: TransformerLM, layer: int, head: int) -> SparseAttention:
    """Look up the sparse heads of a layer.

    Parameters
    ----------
    model : TransformerLM
        Whose sparse heads keep their best.
    layer, head : int
        Which sparse head is meant.

    Returns
    -------
    SparseAttention
        All sparse heads of the layer.

    Raises
    ------
    ValueError
        If there is no such head, or if it chooses by another rule.
    """
    layers = [own for own in model.modules() if isinstance(own, SparseAttention)]
    require(0 <= layer < len(layers), "layer", layer, f"in [0, {len(layers)})")
    sparse = layers[layer]
    kind = type(sparse.selector).__name__
    require(isinstance(sparse.selector, ExpertChoice), "model", kind, "one of MoSA heads")
    require(0 <= head < sparse.n_heads, "head", head, f"in [0, {sparse.n_heads})")
    return sparse


class ByHand(nn.Module):
    """The selection of another selector, but for one head.

    Parameters
    ----------
    own : ExpertChoice
        The other selector.
    head : int
        Which head.
    picks : sequence of int
        Positions that it keeps, at most as many as `own` does; each enters with the gate that
        the router of `own` gives it.
    """

    causal = False

    def __init__(self, own: ExpertChoice, head: int, picks: Sequence[int]) -> None:
        super().__init__()
        self.own, self.n_heads = own, own.n_heads
        self.head, self.picks = head, sorted(picks)

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, record: Recorder | None = None
    ) -> Selection:
        """Select by `own`, then put the picks in place of one head's.

        Parameters
        ----------
        x : Tensor, shape (B, T, h)
            Texts without pads.
        attention_mask : Tensor or None, shape (B, T), bool
            Read by `own` alone.
        record : Recorder or None
            Receives what `own` tells.

        Returns
        -------
        Selection
            Seats of the head that stay empty are not valid.
        """
        selection = self.own(x, attention_mask, record)
        indices, scores = selection.indices.clone(), selection.scores.clone()
        valid = torch.ones_like(indices, dtype=torch.bool)
        n, head = len(self.picks), self.head
        indices[:, head], scores[:, head], valid[:, head] = 0, 0, False
        places = torch.tensor(self.picks, dtype=torch.long, device=x.device)
        indices[:, head, :n], valid[:, head, :n] = places, True
        scores[:, head, :n] = self.own.router(x)[:, head, places].sigmoid()
        return Selection(indices, scores, valid)


@contextmanager
def picking(
    model: TransformerLM, layer: int, head: int, picks: Sequence[int] | None, T: int
) -> Iterator[None]:
    """Replace the selection of one head inside a `with` block.

    Parameters
    ----------
    model : TransformerLM
        Whose sparse heads keep their best.
    layer, head : int
        Which sparse head.
    picks : sequence of int or None
        Positions that it keeps, in any order; None leaves the choice to the router.
    T : int
        Tokens of the text that will be run.

    Raises
    ------
    ValueError
        If there is no such head, if the picks are not positions of the text, or too many.
    """
    own = mosa_heads(model, layer, head)
    selector = own.selector
    assert isinstance(selector, ExpertChoice)
    if picks is not None:
        inside = len(set(picks)) == len(picks) and all(0 <= t < T for t in picks)
        require(inside, "picks", list(picks), f"different positions in [0, {T})")
        most = kept(T, selector.sparsity)
        require(len(picks) <= most, "picks", f"{len(picks)} of them", f"at most {most}")
        own.selector = ByHand(selector, head, picks)
    try:
        yield
    finally:
        own.selector = selector
