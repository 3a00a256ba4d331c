"""Two models of equal loss in words: what the fewest MoSA heads that reach the dense loss cost."""

from textwrap import wrap

from mosa_edu.checks import require
from mosa_edu.records.probe import ProbeRecord


def pair_words(record: ProbeRecord) -> str:
    """Say what was searched, what was found, and what it costs beside the dense model.

    Parameters
    ----------
    record : ProbeRecord
        Such as `mosa-edu pair` writes.

    Returns
    -------
    str
        A few lines. Losses are means over seeds under the full score; times are those of the
        machine that the record names.

    Raises
    ------
    ValueError
        If the record is of another probe.
    """
    require(record.probe == "pair", "record.probe", record.probe, "pair")
    dense, mosa = (record.row(model=name) for name in ("dense", "mosa"))
    verdict = "reach" if record.settings["reached"] else "come nearest to, without reaching,"
    tried = [f"{n}: {_loss(loss)}" for n, loss in record.series["tried"]]
    changes = [
        f"{name} {mosa[column] / dense[column] - 1:+.1%}"
        for name, column in (
            ("FLOPs", "flops"),
            ("bytes for the backward pass", "saved_bytes"),
            ("KV pairs", "kv_slots"),
        )
    ]
    again = " \\\n    ".join(wrap(record.command or "mosa-edu pair", 72))
    return (
        f"MoSA heads a layer, mean loss: {', '.join(tried)}\n"
        f"{mosa['n_dense_heads']} dense + {mosa['n_sparse_heads']} MoSA heads {verdict} "
        f"the loss of {dense['n_dense_heads']} dense ones:\n"
        f"  {mosa['loss']:.3f} against {dense['loss']:.3f} nats\n"
        f"  with {mosa['parameters'] / dense['parameters']:.2f} times the parameters\n"
        f"  a training step takes {mosa['time']:.2f} times as long "
        f"(quartiles {mosa['time_low']:.2f}, {mosa['time_high']:.2f})\n"
        f"  {', '.join(changes)}\n"
        f"Again:\n  {again}"
    )


def _loss(loss: float | None) -> str:
    return "diverged" if loss is None else f"{loss:.3f}"
