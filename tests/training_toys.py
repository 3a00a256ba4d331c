"""A model and a corpus of a few numbers, for tests of the trainer, which knows neither."""

import numpy as np
import torch
from torch import Tensor, nn

from mosa_edu.data.tokens import TokenSet, TokenStream

VOCAB = 11


class Bigram(nn.Module):
    """Logits from the last token alone, with a bias, a moving average and something it draws."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.table = nn.Embedding(VOCAB, VOCAB)
        self.bias = nn.Parameter(torch.zeros(VOCAB))
        self.noise = noise
        self.average: Tensor
        self.register_buffer("average", torch.zeros(()))
        self.register_buffer("scratch", torch.zeros(()), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        if self.training:
            self.average.lerp_(tokens.to(self.average.dtype).mean(), 0.1)
        logits = self.table(tokens) + self.bias
        return logits + self.noise * torch.randn_like(logits) if self.noise else logits


def toy_data(size: int = 2000) -> TokenSet:
    """Count up from 0 to 10 and again, so that the next token is certain."""
    tokens = (np.arange(size) % VOCAB).astype(np.uint16)
    stream = TokenStream(tokens, np.array([0, size // 2, size]), np.array([1, 1]), ("a", "b"))
    return TokenSet(stream, stream, VOCAB, "counting")


def assert_same_streams(found: TokenSet, wanted: TokenSet) -> None:
    for split in ("train", "validation"):
        one, other = vars(found.split(split)), vars(wanted.split(split))
        for part, values in one.items():
            np.testing.assert_array_equal(values, other[part], part)
