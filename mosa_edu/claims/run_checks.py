"""Checks that need trained twins: a verdict once enough seeds are there, and not before."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from mosa_edu.analysis import brought_rows, coin_flip_rows, kind_of, riddle_rows, score_difference
from mosa_edu.analysis.groups import schedule_of
from mosa_edu.analysis.probes import CERTAIN
from mosa_edu.analysis.statistics import NEEDED_SEEDS, seed_interval
from mosa_edu.claims import formula_checks as counts
from mosa_edu.claims.claim import (
    CONTRADICTED,
    DIRECTION,
    EXACT,
    NO_GPU,
    SMALL,
    UNDECIDED,
    Evidence,
    Finding,
    Pair,
    gains,
    in_words,
    is_dense,
    is_fewer,
    is_hybrid,
    pair_groups,
    pairs,
    sign,
)
from mosa_edu.claims.formula_checks import BLIMP, LONG, MATCHED, PERPLEXITY
from mosa_edu.costs import PAPER_BASELINES, HeadShape, head_flops, isoflop_twin, model_parameters
from mosa_edu.records import RunRecord
from mosa_edu.records.scores import ScoreRecord

RIVALS = ("fixed", "routing")
CHEAPER = (0.0, 0.9)
"""Share of the baseline's FLOPs below which a model counts as cheaper."""
MATCH = 0.01
"""Loss in nats per token within which two runs count as matched by perplexity."""


def verdict_of(values: Sequence[float]) -> str:
    """Judge gains by the rule for seeds.

    >>> verdict_of([0.1, 0.11, 0.12]), verdict_of([0.1, 0.11]), verdict_of([-0.1, -0.11, -0.12])
    ('reproduced small', 'not decided yet', 'contradicted')
    """
    return {1: SMALL, -1: CONTRADICTED}.get(sign(values) or 0, UNDECIDED)


def twin_gains(evidence: Evidence, kind: str) -> list[float]:
    """Gain of the hybrids of one kind over the dense twin of equal FLOPs, seed by seed."""
    return gains(pairs(evidence.runs, is_dense, is_hybrid(kind)))


def only_above_dense(evidence: Evidence) -> Finding:
    """Check that MoSA gains over its dense twin and the paper's other sparse variants do not."""
    found = {kind: twin_gains(evidence, kind) for kind in ("mosa", *RIVALS)}
    signs = {kind: sign(values) for kind, values in found.items()}
    if None in signs.values() or signs["mosa"] == 0:
        verdict = UNDECIDED
    elif signs["mosa"] == 1 and all(signs[kind] != 1 for kind in RIVALS):
        verdict = SMALL
    else:
        verdict = CONTRADICTED
    listed = "; ".join(f"{kind} {in_words(values)}" for kind, values in found.items())
    return Finding(
        verdict,
        f"Gain over the dense twin of equal FLOPs: {listed}.",
        {f"{kind}_seeds": len(values) for kind, values in found.items()},
    )


def better_perplexity(evidence: Evidence) -> Finding:
    """Check the gain in nats, and say what is left of it when the future is hidden."""
    dense, mosa = (PERPLEXITY["tiny"][kind] for kind in ("dense", "mosa"))
    printed = math.log(dense / mosa)
    found = pairs(evidence.gpu_runs, is_dense, is_hybrid("mosa"))
    where, scores = "the paper's Tiny on a GPU, trained briefly", evidence.gpu_scores
    if len(found) < NEEDED_SEEDS:
        found = pairs(evidence.runs, is_dense, is_hybrid("mosa"))
        where, scores = "our small twins", evidence.scores
    values = gains(found)
    verdict = verdict_of(values)
    if verdict == SMALL and seed_interval(values).high < printed:
        verdict = DIRECTION
    hidden = "; ".join(
        f"{way} {in_words(losses)}"
        for way in ("full", "prefix", "foreign")
        if (losses := scored_gains(scores, found, way))
    )
    words = (
        f"The paper's {100 * (1 - mosa / dense):.1f} % are {printed:.3f} nats per token, with "
        f"{parameter_ratio():.0f} times the parameters. Gain of {where}, on held-out books: "
        f"{in_words(values)}."
    )
    if hidden:
        words += f" On other windows, equally many from each book, under three scores: {hidden}."
    return Finding(verdict, words, {"seeds": len(values), "printed_nats": printed})


def parameter_ratio() -> float:
    """Return how many times the dense Tiny's parameters its best MoSA twin has."""
    tiny = PAPER_BASELINES["tiny"]
    twin = isoflop_twin(tiny, "mosa", 64)
    return model_parameters(twin).total / model_parameters(tiny).total


def scored_gains(scores: Mapping[str, ScoreRecord], found: Iterable[Pair], way: str) -> list[float]:
    """Gain of each pair on the scored windows, seed by seed."""
    scored = [
        (scores[pair.baseline.name], scores[pair.other.name])
        for pair in found
        if pair.baseline.name in scores and pair.other.name in scores
    ]
    return [score_difference(other, baseline, way).mean for baseline, other in scored]


def hybrids_needed(evidence: Evidence) -> Finding:
    """Check that models without a dense head lose to the hybrid of equal FLOPs."""

    def is_pure(run: RunRecord) -> bool:
        others = run.model["n_dense_heads"] + run.model.get("n_local_heads", 0)
        return others == 0 and run.model["n_sparse_heads"] > 0

    values = gains(pairs(evidence.runs, is_pure, is_hybrid("mosa"), (0.9, 1.1)))
    verdict = verdict_of(values)
    words = f"Gain of hybrids over models of MoSA heads alone: {in_words(values)}."
    return Finding(verdict, words, {"seeds": len(values)})


def same_perplexity_cheaper(evidence: Evidence) -> Finding:
    """Check that a hybrid with fewer FLOPs is no worse than the dense model, thanks to MoSA.

    A loss may also be reached because the dense heads that went were not needed. So the hybrid
    must gain on the dense heads that are left in it.
    """
    groups = pair_groups([*evidence.runs, *evidence.gpu_runs], is_dense, is_hybrid("mosa"), CHEAPER)
    alone = pair_groups(evidence.runs, is_fewer, is_hybrid("mosa"), (1.0, math.inf))
    controls = {_recipe_and_model(group): gains(group) for group in alone}

    def rank(group: list[Pair]) -> tuple[int, int, float]:
        return len(controls.get(_recipe_and_model(group), ())), len(group), sum(gains(group))

    # As in the paper, the best of those that were tried; one with its control before the others.
    best = max(groups, key=rank, default=[])
    values = gains(best)
    beside = controls.get(_recipe_and_model(best), []) if best else []
    # The fewest heads were chosen by the losses above; other windows had no part in that.
    scored = scored_gains({**evidence.scores, **evidence.gpu_scores}, best, "full")
    verdict = verdict_of([value + MATCH for value in scored])
    if verdict == SMALL and (sign([value + MATCH for value in values]), sign(beside)) != (1, 1):
        verdict = UNDECIDED
    words = (
        f"Gain of the best hybrid tried, of at most {100 * CHEAPER[1]:.0f} % of the FLOPs, "
        f"on the losses it was chosen by: {in_words(values)}; on other windows: "
        f"{in_words(scored)}; a loss of {MATCH} is allowed. Its gain on the same dense heads "
        f"without MoSA heads beside them: {in_words(beside)}."
    )
    return Finding(verdict, words, {"seeds": len(values), "control_seeds": len(beside)})


def _recipe_and_model(group: Sequence[Pair]) -> str:
    """Return what makes two groups of pairs those of one hybrid."""
    run = group[0].other
    return json.dumps([schedule_of(run), run.data, run.model], sort_keys=True)


def wall_clock(evidence: Evidence) -> Finding:
    """Compare steps of two models of equal loss, timed in turns on a GPU."""
    before, after = MATCHED["tiny"].milliseconds
    words = f"The paper saves {100 * (1 - after / before):.1f} % of a step of Tiny on an A100. "
    pair = evidence.gpu_pair()
    if pair is None:
        words += "No pair of ours was timed on a GPU; what a processor says is no answer."
        if small := evidence.small_pair():
            time, low, high = (small[1][name] for name in ("time", "time_low", "time_high"))
            quartiles = f"(quartiles {low:.2f}, {high:.2f})"
            words += f" Of our small pair it says {time:.2f} dense steps {quartiles}."
        return Finding(NO_GPU, words, {})
    time, low, high = (pair[1][name] for name in ("time", "time_low", "time_high"))
    verdict = SMALL if high < 1 else CONTRADICTED if low > 1 else UNDECIDED
    words += f"Our pair: a step takes {time:.2f} times as long (quartiles {low:.2f}, {high:.2f})."
    return Finding(verdict, words, {"time": time})


def memory(evidence: Evidence) -> Finding:
    """Compare the peaks of such a pair; without one, the bytes that the formula counts."""
    pair = evidence.gpu_pair()
    if pair is None:
        return _memory_without_gpu(evidence)
    dense, mosa = (row["peak_bytes"] / 1e9 for row in pair)
    change = 100 * (1 - mosa / dense)
    words = f"Peak of a step of our pair on a GPU: {dense:.1f} GB dense, {mosa:.1f} GB MoSA. "
    verdict = SMALL if change > 0 else CONTRADICTED
    return Finding(verdict, words + counts.memory(evidence).words, {"saved_percent": change})


def _memory_without_gpu(evidence: Evidence) -> Finding:
    """Count the paper's pairs by the formula, and add what a processor kept for our small one."""
    counted = counts.memory(evidence)
    small = evidence.small_pair()
    if small is None:
        return counted
    kept, peak = (small[1][name] / small[0][name] - 1 for name in ("saved_bytes", "peak_bytes"))
    words = (
        f"{counted.words} Our small pair, measured on a processor: {100 * kept:+.1f} % kept, peak "
        f"of a step {100 * peak:+.1f} %."
    )
    return replace(counted, words=words)


def needs_first_token(evidence: Evidence) -> Finding:
    """Compare runs with and without the forced seat, and look at what free heads keep."""

    def with_seat(run: RunRecord) -> bool:
        return is_hybrid("mosa")(run) and bool(run.model["include_first"])

    def without_seat(run: RunRecord) -> bool:
        return is_hybrid("mosa")(run) and not run.model["include_first"]

    values = gains(pairs(evidence.runs, without_seat, with_seat))
    verdict = verdict_of(values)
    words = f"Gain of runs whose heads must keep token 0: {in_words(values)}."
    if evidence.traces:
        kept = [float(trace.picked()[:, :, 0].mean()) for trace in evidence.traces]
        chance = [trace.k / trace.T for trace in evidence.traces]
        words += (
            f" Left free, the heads of the shipped model keep it in {100 * _mean(kept):.1f} % of "
            f"cases in {len(kept)} texts; chance gives {100 * _mean(chance):.1f} %."
        )
    return Finding(verdict, words, {"seeds": len(values), "needed": NEEDED_SEEDS})


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


CAUSAL = ("dense", "prefix", "token")


def non_autoregressive(evidence: Evidence) -> Finding:
    """Check that training finds the future that the selection lets in, and only there."""
    rows = coin_flip_rows(evidence.probes)
    mosa = [row.sees_the_future for row in rows if row.kind == "mosa"]
    causal = [row.sees_the_future for row in rows if row.kind in CAUSAL]
    if not mosa or not causal or (any(mosa) and any(causal)):
        verdict = UNDECIDED
    elif all(mosa):
        verdict = SMALL
    else:
        verdict = UNDECIDED if any(mosa) else CONTRADICTED
    words = (
        f"Coin flips: {sum(mosa)} of {len(mosa)} models with the paper's selection predict them "
        f"more than {CERTAIN:g} standard errors better than any causal model can; "
        f"{sum(causal)} of {len(causal)} models with a causal selection do."
    )
    for row in brought_rows(evidence.runs, evidence.scores):
        if (row.kind, row.match) == ("mosa", "flops") and row.include_first and row.decides:
            cut, foreign = (row.future[way] for way in ("prefix", "foreign"))
            words += (
                f" On novels the loss of our twins rises by {cut} nats when the future is cut off, "
                f"and by {foreign} when another book follows ({len(row.seeds)} seeds)."
            )
    return Finding(verdict, words, {"mosa": len(mosa), "causal": len(causal)})


LONG_TEXTS_RIVALS = ("fixed", "routing")


def share_of_routing(length: int) -> float:
    """Compute what the paper's MoSA heads cost at a length, as a share of its Routing heads.

    >>> [round(share_of_routing(length), 2) for length in (1024, 8192)]
    [131.22, 22.96]
    """
    sizes = {"d_model": LONG.d_model, "d_head": LONG.d_head, "seq_len": length}
    shape = HeadShape(**sizes, sparsity=length // LONG.n_kept)
    mosa, routing = (head_flops(kind, shape).total for kind in ("mosa", "routing"))
    return 100 * LONG.n_mosa * mosa / (LONG.n_routing * routing)


def cheaper(evidence: Evidence) -> Finding:
    """Check that MoSA heads cost the printed part of Routing heads at the longest text."""
    shortest, longest = LONG.lengths[0], LONG.lengths[-1]
    found = {length: share_of_routing(length) for length in (shortest, longest)}
    if round(found[longest], 2) == LONG.share:
        verdict = EXACT
    else:
        verdict = DIRECTION if found[longest] < 100 else CONTRADICTED
    return Finding(
        verdict,
        f"By the formulas {LONG.n_mosa} MoSA heads cost {found[longest]:.2f} % of "
        f"{LONG.n_routing} Routing heads at {longest:,} tokens, and {found[shortest]:.0f} % at "
        f"{shortest:,}. A clock also sees what formulas leave out: sorting, gathering, and all but "
        f"one of the centroids of a Routing head.",
        {"longest": found[longest], "shortest": found[shortest]},
    )


def lowest_perplexity(evidence: Evidence) -> Finding:
    """Check that MoSA beside local heads gains on both rivals of equal FLOPs."""
    chosen = {kind: pairs(evidence.long_runs, _of(kind), _of("mosa")) for kind in LONG_TEXTS_RIVALS}
    found = {kind: gains(of_seeds) for kind, of_seeds in chosen.items()}
    signs = [sign(values) for values in found.values()]
    if None in signs or (0 in signs and -1 not in signs):
        verdict = UNDECIDED
    else:
        verdict = CONTRADICTED if -1 in signs else SMALL
    compared = [pair.other for of_seeds in chosen.values() for pair in of_seeds]
    lengths = sorted({run.model["max_seq_len"] for run in compared})
    where = f" at {' and '.join(f'{n:,}' for n in lengths)} tokens" if lengths else ""
    listed = "; ".join(f"on {kind} {in_words(values)}" for kind, values in found.items())
    return Finding(
        verdict,
        f"Gain of MoSA beside local heads{where}, at equal FLOPs and with routers that see the "
        f"whole text: {listed}.",
        {f"{kind}_seeds": len(values) for kind, values in found.items()},
    )


def _of(kind: str) -> Callable[[RunRecord], bool]:
    def beside_local(run: RunRecord) -> bool:
        return kind_of(run) == kind and run.model["n_local_heads"] > 0

    return beside_local


def carry_over(evidence: Evidence) -> Finding:
    """Check whether models that gain in perplexity are less often right about riddles."""
    runs, _, _ = evidence.riddles
    losses = gains(pairs(runs, is_dense, is_hybrid("mosa")))
    found = {row.riddle: row.gains for row in riddle_rows(*evidence.riddles) if row.kind == "mosa"}
    signs = [sign(values) for values in found.values()]
    if sign(losses) != 1 or None in signs or not signs:
        verdict = UNDECIDED
    elif -1 in signs:
        verdict = SMALL
    else:
        verdict = CONTRADICTED if all(value == 1 for value in signs) else UNDECIDED
    worse = sum(mosa < dense for dense, mosa in BLIMP.values())
    words = (
        f"In the paper's table MoSA is below dense on BLiMP in {worse} of {len(BLIMP)} sizes. "
        f"Gain of our twins on stories with riddles: {in_words(losses)}"
    )
    for riddle, values in found.items():
        words += f"; right about {riddle} {in_words(values, 'of the answers')}"
    return Finding(verdict, f"{words}.", {"seeds": len(losses), "worse": worse})
