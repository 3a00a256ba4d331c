"""Set `check_causality` beside two other tests on the models of the test suite, and store it.

.venv/bin/python scripts/causality_table.py     writes mosa_edu/recorded/probes/causality-check.json

The two-pass audit (arXiv:2608.22876) runs a text twice, the second time with another last token,
and compares what every module gives before it. The gradient test asks autograd whether an output
depends on the embedding of a later token. Each is run as it comes, and with as many forwards as
the checker.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from mosa_edu import check_causality
from mosa_edu.records import provenance, recorded_path
from mosa_edu.records.probe import ProbeRecord

ROOT = Path(__file__).resolve().parent.parent
T, V, FORWARDS = 64, 64, 8
METHODS = (
    "check_causality",
    "two passes",
    "two passes, 8 forwards",
    "gradient",
    "gradient, 8 forwards",
)


def two_passes(model: nn.Module, forwards: int = 2, tolerance: float = 1e-5) -> bool:
    """Return whether the audit of prefix invariance finds a leak."""
    generator, found = torch.Generator().manual_seed(0), False
    for _ in range(forwards // 2):
        text = torch.randint(V, (1, T), generator=generator)
        other = text.clone()
        other[0, -1] = (text[0, -1] + 1 + torch.randint(V - 1, (1,), generator=generator)) % V
        before, after = _outputs(model, text), _outputs(model, other)
        for one, two in zip(before, after, strict=True):
            found |= bool((one[:, : T - 1] - two[:, : T - 1]).abs().max() > tolerance)
    return found


@torch.no_grad()
def _outputs(model: nn.Module, text: Tensor) -> list[Tensor]:
    """Return what every module gives for each position, in the order in which they end."""
    found: list[Tensor] = []

    def keep(module: nn.Module, _: object, output: object) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if isinstance(first, Tensor) and first.dim() == 3 and first.shape[1] == T:
            found.append(first)

    handles = [module.register_forward_hook(keep) for module in model.modules()]
    model(text)
    for handle in handles:
        handle.remove()
    return found


def gradient(model: nn.Module, forwards: int = 1) -> bool:
    """Return whether a gradient flows from an output to the embedding of a later token."""
    generator, found = torch.Generator().manual_seed(0), False
    embedding = next(part for part in model.modules() if isinstance(part, nn.Embedding))
    for number in range(forwards):
        rows: list[Tensor] = []

        def keep(module: nn.Module, _: object, output: Tensor, rows: list[Tensor] = rows) -> Tensor:
            rows.append(output.detach().requires_grad_())
            return rows[0]

        handle = embedding.register_forward_hook(keep)
        logits = model(torch.randint(V, (1, T), generator=generator))
        handle.remove()
        cut = T // 2 if forwards == 1 else 1 + number * (T - 2) // forwards
        logits[:, :cut].square().sum().backward()
        slope = rows[0].grad
        assert slope is not None
        size = slope.abs().amax()
        found |= bool(slope[:, cut:].abs().amax() > 1e-6 * size)
    return found


def methods() -> dict[str, Callable[[nn.Module], bool]]:
    """Return the tests by name; each says whether it finds a leak."""
    return {
        "check_causality": lambda model: not check_causality(model, V, T, forwards=FORWARDS),
        "two passes": two_passes,
        "two passes, 8 forwards": lambda model: two_passes(model, FORWARDS),
        "gradient": gradient,
        "gradient, 8 forwards": lambda model: gradient(model, FORWARDS),
    }


def table_rows() -> list[dict[str, object]]:
    """Run every test on every model."""
    sys.path.insert(0, str(ROOT / "tests"))
    models_of = importlib.import_module("leaking_models")

    rows: list[dict[str, object]] = []
    for leaks, models in ((True, models_of.LEAKS), (False, models_of.CAUSAL)):
        for name, make in models.items():
            for method, finds in methods().items():
                model = make().eval()
                began = time.perf_counter()
                found = finds(model)
                seconds = round(time.perf_counter() - began, 4)
                rows.append(
                    {
                        "model": name,
                        "leaks": leaks,
                        "method": method,
                        "found": found,
                        "seconds": seconds,
                    }
                )
    return rows


def main() -> int:
    """Store the table and print how many each test catches."""
    torch.set_num_threads(1)
    rows = table_rows()
    settings = {"T": T, "V": V, "forwards": FORWARDS, "threads": 1}
    command = "python scripts/causality_table.py"
    origin = provenance(torch.__version__, command=command)
    ProbeRecord("causality-check", "causality-check", settings, rows, {}, origin).save(
        recorded_path("probes")
    )
    for method in methods():
        own = [row for row in rows if row["method"] == method]
        caught = sum(bool(row["found"]) for row in own if row["leaks"])
        accused = sum(bool(row["found"]) for row in own if not row["leaks"])
        print(f"{method:24} {caught:3} caught, {accused} accused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
