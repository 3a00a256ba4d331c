"""From records to tables: every row names what was matched and carries its interval. No torch."""

from mosa_edu.results.brought import BroughtRow, brought_rows
from mosa_edu.results.coin_flips import CoinFlipRow, coin_flip_rows
from mosa_edu.results.decoding import DecodingRow, decoding_rows
from mosa_edu.results.gain_curves import GainCurve, gain_curves
from mosa_edu.results.head_counts import HeadCountRow, head_count_rows
from mosa_edu.results.intervals import (
    CONFIDENCE,
    Interval,
    bootstrap_mean,
    gain_interval,
    score_difference,
    score_gap,
)
from mosa_edu.results.long_context import (
    LongContextRecords,
    LongContextRow,
    long_context_rows,
)
from mosa_edu.results.pair import pair_words
from mosa_edu.results.predictors import PredictorRow, predictor_rows
from mosa_edu.results.readers import (
    recorded_bench,
    recorded_contest,
    recorded_decoding,
    recorded_gpu_probes,
    recorded_gpu_runs,
    recorded_gpu_scores,
    recorded_history,
    recorded_leak,
    recorded_long_context,
    recorded_long_context_costs,
    recorded_notebook,
    recorded_probe,
    recorded_probes,
    recorded_riddles,
    recorded_runs,
    recorded_scores,
    recorded_trace,
    shipped_scores,
)
from mosa_edu.results.repairs import RepairRow, repair_rows, repair_table
from mosa_edu.results.riddles import RiddleRow, riddle_rows
from mosa_edu.results.twins import TwinRow, final_loss, kind_of, twin_rows

__all__ = [
    "CONFIDENCE",
    "BroughtRow",
    "CoinFlipRow",
    "DecodingRow",
    "GainCurve",
    "HeadCountRow",
    "Interval",
    "LongContextRecords",
    "LongContextRow",
    "PredictorRow",
    "RepairRow",
    "RiddleRow",
    "TwinRow",
    "bootstrap_mean",
    "brought_rows",
    "coin_flip_rows",
    "decoding_rows",
    "final_loss",
    "gain_curves",
    "gain_interval",
    "head_count_rows",
    "kind_of",
    "long_context_rows",
    "pair_words",
    "predictor_rows",
    "recorded_bench",
    "recorded_contest",
    "recorded_decoding",
    "recorded_gpu_probes",
    "recorded_gpu_runs",
    "recorded_gpu_scores",
    "recorded_history",
    "recorded_leak",
    "recorded_long_context",
    "recorded_long_context_costs",
    "recorded_notebook",
    "recorded_probe",
    "recorded_probes",
    "recorded_riddles",
    "recorded_runs",
    "recorded_scores",
    "recorded_trace",
    "repair_rows",
    "repair_table",
    "riddle_rows",
    "score_difference",
    "score_gap",
    "shipped_scores",
    "twin_rows",
]
