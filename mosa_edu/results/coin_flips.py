"""Coin flips as a table: which kinds of heads predict what nobody can foresee."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mosa_edu.records.probe import ProbeRecord

CERTAIN = 4.0
"""Standard errors below guessing from which on chance is ruled out."""


@dataclass(frozen=True)
class CoinFlipRow:
    """One model trained on coin flips, scored on fresh ones with the future in sight.

    Attributes
    ----------
    kind : str
        ``dense``, or the kind of its sparse heads.
    seed : int
        Of weights and tokens.
    loss, stderr : float
        Mean over the held-out sequences and its standard error, in nats per token; NaN if the run
        diverged.
    floor : float
        ln V, the loss of guessing, below which no causal model can get.
    prefix : dict of int to float
        Loss of the next token by position, the future cut off.
    command : str or None
        Makes the record again.
    """

    kind: str
    seed: int
    loss: float
    stderr: float
    floor: float
    prefix: dict[int, float]
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
