"""A tokenizer as the list of its merges: short enough to travel with the weights."""

import json

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from mosa_edu.checks import require
from mosa_edu.data.tokenizer import END_OF_TEXT, Tokenizer


def merges_of(tokenizer: Tokenizer) -> str:
    """Write a tokenizer as its merges.

    Parameters
    ----------
    tokenizer : Tokenizer
        One that `Tokenizer.train` made.

    Returns
    -------
    str
        One merge a line, most frequent first: two entries and a space between, a character a byte.

    Raises
    ------
    ValueError
        If its vocabulary is not the one that follows from its merges.
    """
    content = json.loads(tokenizer.to_json())["model"]
    merges = "\n".join(" ".join(pair) for pair in content["merges"])
    same = json.loads(tokenizer_of(merges).to_json())["model"] == content
    require(same, "tokenizer", "another vocabulary", "one that its merges alone describe")
    return merges


def tokenizer_of(merges: str) -> Tokenizer:
    """Rebuild a tokenizer: entry 0, the 256 bytes, then what the merges make, in their order.

    Parameters
    ----------
    merges : str
        What `merges_of` wrote.

    Returns
    -------
    Tokenizer
        Equal to the one that was written.
    """
    pairs = [(left, right) for left, right in map(str.split, merges.splitlines())]
    entries = [END_OF_TEXT, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    made = dict.fromkeys([*entries, *(left + right for left, right in pairs)])
    vocabulary = {entry: token for token, entry in enumerate(made)}
    backend = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.decoder = decoders.ByteLevel()
    return Tokenizer(backend)
