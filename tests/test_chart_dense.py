"""The dense map says what its weights say, and refuses weights that look ahead."""

import numpy as np
import pytest

from mosa_edu.viz.charts import alt_text, caption
from mosa_edu.viz.charts.masks import dense_map

WEIGHTS = np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, None]


def test_caption_counts_pairs_and_reads_the_diagonal():
    """Catches a mean that counts row 0, whose only weight is 1 by force."""
    figure = dense_map(WEIGHTS, ["a", " b", " c"], "A head")
    assert "gives .42 of its weight to itself and .42 to the first token" in caption(figure)
    assert "all 6 pairs of 3 tokens" in alt_text(figure)
    assert figure.data[0].z[0][1] is None


def test_weights_above_the_diagonal_or_of_other_shape_are_refused():
    with pytest.raises(ValueError, match="causal"):
        dense_map(WEIGHTS.T, ["a", "b", "c"], "x")
    with pytest.raises(ValueError, match="of shape"):
        dense_map(WEIGHTS, ["a", "b"], "x")
