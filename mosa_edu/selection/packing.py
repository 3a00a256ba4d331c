"""From "is it chosen?" to slots: chosen positions first, ascending, then unused slots."""

import torch
from torch import Tensor

from mosa_edu.selection.selection import Selection


def pack(chosen: Tensor, gates: Tensor, capacity: int | None = None) -> Selection:
    """Put the chosen positions of every head into slots.

    Parameters
    ----------
    chosen : Tensor, shape (B, H, T), bool
        True where the head wants the token.
    gates : Tensor, shape (B, H, T), float
        Gate of every token, read at the chosen positions.
    capacity : int or None
        Slots a head has; None: as many as the fullest head uses. Over capacity the later token
        is refused: first come, first served, never by score, which would be a new leak.

    Returns
    -------
    Selection
        Unused slots stand last: index 0, gate 0, valid False.

    Examples
    --------
    >>> chosen = torch.tensor([[[False, True, True, True]]])
    >>> pack(chosen, torch.ones(1, 1, 4), capacity=2).indices.tolist()
    [[[1, 2]]]
    """
    slots = int(chosen.sum(dim=-1).max()) if capacity is None else min(capacity, chosen.shape[-1])
    slots = max(slots, 1)
    indices = (~chosen).to(torch.uint8).sort(dim=-1, stable=True).indices[..., :slots]
    valid = chosen.gather(-1, indices)  # (B, H, slots)
    scores = gates.gather(-1, indices).masked_fill(~valid, 0.0)
    return Selection(indices.masked_fill(~valid, 0), scores, valid)
