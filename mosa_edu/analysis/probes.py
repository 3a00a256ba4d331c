"""Tables of what probes measured: coin flips, the cost of decoding, and the pair of equal loss."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap

from mosa_edu.checks import require
from mosa_edu.records.probe import ProbeRecord

CERTAIN = 4.0
"""Standard errors below guessing from which on chance is ruled out."""


@dataclass(frozen=True)
class CoinFlipRow:
    """One model trained on coin flips, scored on fresh ones with the future in sight.

    Losses are in nats per token; NaN if the run diverged.
    """

    kind: str
    seed: int
    loss: float
    stderr: float  # of the mean over the held-out sequences
    floor: float  # ln V, the loss of guessing, below which no causal model can get
    prefix: dict[int, float]  # loss by position, the future cut off
    command: str | None

    @property
    def below(self) -> float:
        """Nats below guessing; negative for a loss above it."""
        return self.floor - self.loss

    @property
    def stderrs_below(self) -> float:
        """The same in standard errors."""
        return self.below / self.stderr

    @property
    def sees_the_future(self) -> bool:
        """Whether chance is ruled out: more than `CERTAIN` standard errors below guessing."""
        return self.stderrs_below > CERTAIN

    def __str__(self) -> str:
        if math.isnan(self.loss):
            return f"{self.kind:9} seed {self.seed}  the loss stopped being a number"
        side = "below" if self.below >= 0 else "above"
        far = abs(self.stderrs_below)
        verdict = "sees the future" if self.sees_the_future else "no sign of the future"
        return (
            f"{self.kind:9} seed {self.seed}  {self.loss:.5f} ± {self.stderr:.5f}  "
            f"{far:5.1f} standard errors {side} ln V = {self.floor:.5f}: {verdict}"
        )


def coin_flip_rows(probes: Mapping[str, ProbeRecord]) -> list[CoinFlipRow]:
    """Gather the coin-flip runs among recorded probes.

    Parameters
    ----------
    probes : mapping of str to ProbeRecord
        Such as `recorded_probes` returns; other probes are left out.

    Returns
    -------
    list of CoinFlipRow
        Kinds by their lowest loss, seeds in order; printed one a line they are the table.
    """
    rows = [_row(probe) for probe in probes.values() if probe.probe == "coin-flips"]
    lowest: dict[str, float] = {}
    for row in rows:
        lowest[row.kind] = min(row.loss, lowest.get(row.kind, row.loss))
    return sorted(rows, key=lambda row: (lowest[row.kind], row.kind, row.seed))


def _row(probe: ProbeRecord) -> CoinFlipRow:
    full = probe.row(score="full")
    return CoinFlipRow(
        kind=str(probe.settings["kind"]),
        seed=int(probe.settings["seed"]),
        loss=_number(full["loss"]),
        stderr=_number(full["stderr"]),
        floor=float(probe.settings["ln_v"]),
        prefix={
            int(row["position"]): _number(row["loss"])
            for row in probe.rows
            if row["score"] == "prefix"
        },
        command=probe.command,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


@dataclass(frozen=True)
class DecodingRow:
    """The attention of one layer, reading the last tokens of a text of T."""

    kind: str
    sparsity: int  # 1 for dense heads
    length: int  # T
    milliseconds: float  # of processor time a token, median over the rounds
    ratio: float  # time of as many dense heads over this, within each round: median, quartiles
    ratio_low: float
    ratio_high: float
    slots: int  # key-value pairs that the heads hold after token T
    bytes: int


def decoding_rows(
    probe: ProbeRecord, *, sparsity: int | None = None, length: int | None = None
) -> list[DecodingRow]:
    """Read the decoding costs of a record, all of them or a part.

    Parameters
    ----------
    probe : ProbeRecord
        Of `mosa-edu inspect decoding`, such as ``recorded_probe("decoding-seed0")``.
    sparsity : int, optional
        Dense heads and sparse ones of this sparsity alone.
    length : int, optional
        Texts of this length alone.

    Returns
    -------
    list of DecodingRow
        By length, kind and sparsity, as recorded.

    Raises
    ------
    ValueError
        If the record is of something else, or nothing in it has this sparsity or length.
    """
    require(probe.probe == "decoding", "probe", probe.probe, "'decoding'")
    for column, value in (("sparsity", sparsity), ("T", length)):
        known = sorted(set(probe.column(column)))
        require(value is None or value in known, column, value, f"one of {known}")
    rows = [
        DecodingRow(length=row["T"], **{k: row[k] for k in row if k != "T"}) for row in probe.rows
    ]
    return [
        row
        for row in rows
        if length in (None, row.length)
        and (sparsity in (None, row.sparsity) or row.kind == "dense")
    ]


def pair_words(record: ProbeRecord) -> str:
    """Say what was searched, what was found, and what it costs beside the dense model.

    Parameters
    ----------
    record : ProbeRecord
        Such as the plan `pair` leaves.

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
    tried = [
        f"{n}: diverged" if loss is None else f"{n}: {loss:.3f}"
        for n, loss in record.series["tried"]
    ]
    changes = [
        f"{name} {mosa[column] / dense[column] - 1:+.1%}"
        for name, column in (
            ("FLOPs", "flops"),
            ("bytes for the backward pass", "saved_bytes"),
            ("KV pairs", "kv_slots"),
        )
    ]
    command = " \\\n    ".join(wrap(record.command or "mosa-edu experiment run pair", 72))
    return (
        f"MoSA heads a layer, mean loss: {', '.join(tried)}\n"
        f"{mosa['n_dense_heads']} dense + {mosa['n_sparse_heads']} MoSA heads {verdict} "
        f"the loss of {dense['n_dense_heads']} dense ones:\n"
        f"  {mosa['loss']:.3f} against {dense['loss']:.3f} nats\n"
        f"  with {mosa['parameters'] / dense['parameters']:.2f} times the parameters\n"
        f"  a training step takes {mosa['time']:.2f} times as long "
        f"(quartiles {mosa['time_low']:.2f}, {mosa['time_high']:.2f})\n"
        f"  {', '.join(changes)}\n"
        f"Again:\n  {command}"
    )
