"""Write down, while a model trains, which tokens its heads keep of a few fixed texts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from mosa_edu.model import TransformerLM
from mosa_edu.records import write_atomic
from mosa_edu.records.history import RoutingHistory
from mosa_edu.tracing import Recording, Spans


class RoutingLog:
    """A trainer's `on_step` that records the routing of fixed texts.

    Each call writes one small file named by its step, so a run that resumes and calls again for
    the same step with the same weights writes the same file.

    Parameters
    ----------
    tokenizer : Tokenizer
        The model's own.
    texts : mapping
        Name to text; each at most as long as the model's `max_seq_len`.
    folder : path-like
        Receives one JSON file a step.
    """

    def __init__(self, tokenizer: Spans, texts: Mapping[str, str], folder: Path | str) -> None:
        self.folder = Path(folder)
        self.spans = {name: tokenizer.spans(text) for name, text in texts.items()}

    def __call__(self, step: int, model: torch.nn.Module) -> None:
        """Record the routing of all texts; `model` is in evaluation mode, without gradients."""
        entries = {name: _probe(model, spans) for name, spans in self.spans.items()}
        write_atomic(self.folder / f"{step:08d}.json", json.dumps({"step": step, "texts": entries}))

    def histories(
        self, run: str, tokens_at: Mapping[int, int], provenance: Mapping[str, Any]
    ) -> dict[str, RoutingHistory]:
        """Join the files of all recorded steps.

        Parameters
        ----------
        run : str
            Name of the run.
        tokens_at : mapping
            Step to tokens trained on; steps without an entry are left out.
        provenance : mapping
            Where the run comes from, as plain JSON values.

        Returns
        -------
        dict
            One `RoutingHistory` a text, by name.
        """
        found = [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]
        found = [entry for entry in found if entry["step"] in tokens_at]
        steps = [entry["step"] for entry in found]
        return {
            name: RoutingHistory(
                name=run,
                pieces=[span[1] for span in spans],
                steps=steps,
                tokens_seen=[tokens_at[step] for step in steps],
                losses=[entry["texts"][name]["loss"] for entry in found],
                indices=np.array(
                    [entry["texts"][name]["indices"] for entry in found],
                    dtype=np.uint8 if len(spans) <= 256 else np.uint16,
                ),
                provenance=dict(provenance),
            )
            for name, spans in self.spans.items()
        }


def _probe(model: torch.nn.Module, spans: Any) -> dict[str, Any]:
    """Mean loss and picks, (L, H, k), of one text."""
    assert isinstance(model, TransformerLM)
    ids = torch.tensor([[span[0] for span in spans]], device=next(model.parameters()).device)
    recording = Recording()
    logits = model(ids, record=recording).float()
    loss = F.cross_entropy(logits[0, :-1], ids[0, 1:])
    layers = sorted(layer for layer, kind in recording.tensors if kind == "sparse")
    indices = [recording.tensors[layer, "sparse"]["indices"][0].tolist() for layer in layers]
    return {"loss": round(float(loss), 4), "indices": indices}
