"""The training scrubber's data: what was picked at which step, joined without gaps or doubles."""

import numpy as np
import pytest
import torch

from mosa_edu.model import PRESETS, TransformerLM
from mosa_edu.records import RoutingHistory
from mosa_edu.tracing import RoutingLog


class Letters:
    """A tokenizer of one character a token."""

    def spans(self, text: str) -> list[tuple[int, str, int, int]]:
        return [(ord(c) % 512, c, i, i + 1) for i, c in enumerate(text)]


@pytest.fixture
def log(tmp_path):
    return RoutingLog(Letters(), {"a": "abcdefghijklmnop", "b": "the cat sat"}, tmp_path)


def test_a_step_seen_twice_counts_once_and_steps_without_tokens_are_left_out(log):
    """A run killed after its checkpoint calls the hook again for the same step."""
    model = TransformerLM(PRESETS["micro"]).eval()
    with torch.no_grad():
        for step in (0, 1, 1, 5):
            log(step, model)
    histories = log.histories("run", {0: 0, 1: 4096}, {"commit": None})
    assert histories["a"].steps == (0, 1)
    assert histories["a"].indices.shape == (2, 2, 4, 4)
    assert histories["a"].indices.dtype == np.uint8


def test_picks_are_those_of_the_model(log):
    """The log must hold each layer's own picks, not one layer's twice."""
    model = TransformerLM(PRESETS["micro"]).eval()
    with torch.no_grad():
        log(0, model)
        x = model.embedding(torch.tensor([[ord(c) for c in "abcdefghijklmnop"]]))
        for layer, block in enumerate(model.blocks):
            selection = block.attention.sparse.selector(block.norm_attention(x))
            found = log.histories("run", {0: 0}, {})["a"].indices[0, layer]
            assert found.tolist() == selection.indices[0].tolist()
            x = block(x)


def history(**changes) -> RoutingHistory:
    values = {
        "name": "run",
        "pieces": ["a", "b", "c"],
        "steps": [0, 10],
        "tokens_seen": [0, 100],
        "losses": [6.0, 5.5],
        "indices": np.array([[[[0, 1]]], [[[1, 2]]]], dtype=np.uint8),
    }
    return RoutingHistory(**{**values, **changes})


def test_json_round_trip_and_overlap():
    """The overlap is with the last step: one of two final picks was there at step 0."""
    read = RoutingHistory.from_json(history().to_json())
    assert read.to_json() == history().to_json()
    assert read.overlap_with_last()[:, 0, 0].tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": [10, 0]},
        {"losses": [1.0]},
        {"indices": np.zeros((2, 1, 2), np.uint8)},
        {"indices": np.full((2, 1, 1, 2), 3, np.uint8)},
        {"version": 2},
    ],
)
def test_fields_that_do_not_fit_are_refused(changes):
    with pytest.raises(ValueError, match="must be"):
        history(**changes)
