"""What charts are drawn of in tests: a trace of a short text, and costs of three kinds of head."""

import pytest
from test_records import make_trace

from mosa_edu.records import RoutingTrace, Token

TEXTS = ["The", " watch", "man", ",", " of", " the", " men", ".", "\n", " a", " b", " <b>"]
LENGTHS = [64, 128, 256]
COSTS = {"dense": [100, 200, 400], "mosa": [10, 14, 20], "fixed": [5, 7, 8]}


def tokens_of(texts: list[str]) -> list[Token]:
    return [Token(i, text, i, i) for i, text in enumerate(texts)]


@pytest.fixture(name="trace")
def trace_of_texts() -> RoutingTrace:
    """Two layers of four heads, each of which keeps 3 of 12 tokens."""
    return make_trace(T=12, k=3, layers=2, heads=4, tokens=tokens_of(TEXTS))
