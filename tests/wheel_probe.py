"""Runs in an empty environment outside the checkout: the model loads, reads a text, is drawn."""

import sys
from pathlib import Path

import mosa_edu


def main() -> None:
    """Load the shipped model, follow its routing on a sentence, and draw that."""
    assert "site-packages" in mosa_edu.__file__, mosa_edu.__file__
    assert not (Path.cwd() / "mosa_edu").exists()

    from mosa_edu.pretrained import load_pretrained
    from mosa_edu.tracing import trace
    from mosa_edu.viz.charts import routing_heatmap

    model, tokenizer = load_pretrained("explorer")
    routing = trace(model, tokenizer, "The lamp on the landing went out while nobody was looking.")
    figure = routing_heatmap(routing)
    assert figure.data
    print(f"mosa_edu {mosa_edu.__version__} on Python {sys.version.split()[0]}: model and chart")


if __name__ == "__main__":
    main()
