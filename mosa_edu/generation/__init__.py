"""Generation: one token at a time, with a cache that holds what the heads selected and no more."""

from mosa_edu.generation.decoder import Decoder, Sampler, generate, stream

__all__ = ["Decoder", "Sampler", "generate", "stream"]
