"""Every claim of the ledger: the paper's statement, the check, and the verdict it leads to.

In the order of the chapter's table. A new claim is one more function here.
"""

import math
from dataclasses import replace

import numpy as np

from mosa_edu.analysis import Interval, ablation_rows, cloze_rows, coin_flip_rows
from mosa_edu.analysis.probes import CERTAIN
from mosa_edu.claims.claim import (
    CONTRADICTED,
    DIRECTION,
    EXACT,
    NO_GPU,
    SMALL,
    UNDECIDED,
    Evidence,
    Finding,
    Gain,
    Pair,
    best_pair,
    claim,
    gain_of,
    in_words,
    pairs_of,
    scored_gain,
    sign,
    verdict_of,
)
from mosa_edu.claims.printed_numbers import (
    BLIMP,
    GIGAFLOPS,
    HYBRID_HEADS,
    LONG,
    MATCHED,
    PERPLEXITY,
    PURE_HEADS,
    matched_model,
)
from mosa_edu.costs import (
    PAPER_BASELINES,
    HeadShape,
    head_flops,
    isoflop_variant,
    kv_slots,
    model_activation_bytes,
    model_flops,
    model_parameters,
)
from mosa_edu.records.scores import NONCAUSAL, SWAPPED_SUFFIX, TRUNCATED

LENGTHS = (1024, 4096, 16384, 65536, 262144)


def _head(seq_len: int, sparsity: int) -> int:
    shape = HeadShape(d_model=512, d_head=64, seq_len=seq_len, sparsity=sparsity)
    return head_flops("mosa", shape).total


@claim(
    "complexity",
    "A head costs O(k² + T) instead of O(T²).",
    printed="O(k² + T)",
    place="abstract, section 2",
    rule="exact if, with k fixed, all that grows is one term linear in T",
    page=("ch06_cost", "Two regimes, drawn apart"),
)
def complexity(evidence: Evidence) -> Finding:
    """Check that a head with k fixed costs a constant and a term linear in T."""
    fixed_k = [_head(length, length // 64) for length in LENGTHS]
    rest = {cost - 2 * 512 * length for cost, length in zip(fixed_k, LENGTHS, strict=True)}
    longest = LENGTHS[-1]
    by_k = _head(2 * longest, 2 * longest // 64) / fixed_k[-1]
    by_rho = _head(2 * longest, 16) / _head(longest, 16)
    return Finding(
        EXACT if len(rest) == 1 else CONTRADICTED,
        f"With k fixed, all that grows with T is the router's 2hT, and doubling {longest:,} tokens "
        f"multiplies the cost by {by_k:.2f}. With the sparsity fixed, as in the paper's main "
        f"experiments, the factor is {by_rho:.2f}: still quadratic.",
        {"factor_k_fixed": by_k, "factor_sparsity_fixed": by_rho},
    )


@claim(
    "more-heads",
    "One FLOP budget pays for many more heads.",
    printed="505 MoSA heads for 5 dense ones (Tiny, sparsity 64)",
    place="Table 5",
    rule="exact if every printed head count follows from the formulas",
    page=("ch06_cost", "What equal FLOPs buy"),
)
def more_heads(evidence: Evidence) -> Finding:
    """Check every head count that the paper prints for equal FLOPs."""
    printed = [(4, HYBRID_HEADS), (0, PURE_HEADS)]
    agree = [
        isoflop_variant(PAPER_BASELINES[size], "mosa", rho, n_dense_kept=kept).n_sparse_heads
        == heads
        for kept, table in printed
        for size, row in table.items()
        for rho, heads in row.items()
    ]
    tiny = PAPER_BASELINES["tiny"]
    twin = isoflop_variant(tiny, "mosa", 64)
    return Finding(
        EXACT if all(agree) else CONTRADICTED,
        f"{sum(agree)} of {len(agree)} printed head counts follow from the formulas; Tiny gets "
        f"{twin.n_sparse_heads} MoSA heads for {tiny.n_dense_heads - 4} dense ones.",
        {"agree": sum(agree), "printed": len(agree), "tiny": twin.n_sparse_heads},
    )


RIVALS = ("fixed", "routing")


def head_gain(evidence: Evidence, kind: str, evaluation: str = NONCAUSAL) -> Gain | None:
    """Return the gain on dense in the setting whose control sees heads; None without records."""
    found = evidence.heads
    if found is None or not {"dense", kind} <= found.arms.keys():
        return None
    return Gain(found.gain(kind, "dense", evaluation), len(found.seeds))


def seeds_of(gain: Gain | None) -> int:
    """Return how many paired seeds a gain is of."""
    return gain.seeds if gain else 0


@claim(
    "only-above-dense",
    "MoSA is the only sparse variant that beats dense attention at equal FLOPs.",
    printed="16.39 against 22.46 dense, 23.28 Fixed, 23.33 Routing (Tiny)",
    place="table of IsoFLOP results",
    rule="small if, by the one rule, MoSA gains and no rival does",
    page=("ch07_training", "Twins"),
)
def only_above_dense(evidence: Evidence) -> Finding:
    """Check that MoSA gains on the dense model and the paper's other sparse variants do not."""
    found = {kind: head_gain(evidence, kind) for kind in ("mosa", *RIVALS)}
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
        f"Gain over the dense baseline of equal FLOPs, in one layer: {listed}.",
        {f"{kind}_seeds": seeds_of(values) for kind, values in found.items()},
    )


def parameter_ratio() -> float:
    """Return how many times the dense Tiny's parameters its best MoSA hybrid has."""
    tiny = PAPER_BASELINES["tiny"]
    hybrid = isoflop_variant(tiny, "mosa", 64)
    return model_parameters(hybrid).total / model_parameters(tiny).total


@claim(
    "better-perplexity",
    "Perplexity is up to 27 % better at equal FLOPs.",
    printed="22.46 to 16.39, 27 %",
    place="abstract, table of IsoFLOP results",
    rule=(
        "direction if, by the one rule, MoSA gains; small if its interval also reaches the "
        "printed nats"
    ),
    page=("ch07_training", "Twins"),
)
def better_perplexity(evidence: Evidence) -> Finding:
    """Check the gain in nats, and say what is left of it when the future is hidden."""
    dense, mosa = (PERPLEXITY["tiny"][kind] for kind in ("dense", "mosa"))
    printed = math.log(dense / mosa)
    gain = gain_of(best_pair(evidence.gpu.runs, "dense", "mosa"))
    where = "the paper's Tiny on a GPU, trained briefly"
    if sign(gain) is None:
        gain, where = head_gain(evidence, "mosa"), "MoSA heads in our smallest model, of one layer"
    verdict = verdict_of(gain)
    if verdict == SMALL and gain and gain.interval.high < printed:
        verdict = DIRECTION
    words = (
        f"The paper's {100 * (1 - mosa / dense):.1f} % are {printed:.3f} nats per token, with "
        f"{parameter_ratio():.0f} times the parameters. Gain of {where}, on held-out books: "
        f"{in_words(gain)}."
    )
    if evidence.heads and "mosa" in evidence.heads.arms:
        price = evidence.heads.price("mosa")
        words += (
            f" The future is worth {price} nats of it, and what is left without: "
            f"{in_words(head_gain(evidence, 'mosa', SWAPPED_SUFFIX))}."
        )
    return Finding(verdict, words, {"seeds": seeds_of(gain), "printed_nats": printed})


CHEAPER = (0.0, 0.9)
"""Share of the baseline's FLOPs below which a model counts as cheaper."""
MATCH = 0.01
"""Loss in nats per token within which two runs count as matched by perplexity."""


@claim(
    "same-perplexity",
    "The perplexity of the dense model can be had for fewer FLOPs.",
    printed="22.40 against 22.46 with 17 MoSA heads for 5 dense ones (Tiny)",
    place="table of matched resources",
    rule=(
        f"small if, by the one rule, hybrids below 90 % of the FLOPs lose at most "
        f"{MATCH} nats, also on windows they were not chosen by, and gain on their dense "
        f"heads alone"
    ),
    page=("ch12_verdict", "Equal loss, in small"),
)
def same_perplexity_cheaper(evidence: Evidence) -> Finding:
    """Check that a hybrid with fewer FLOPs is no worse than the dense model, thanks to MoSA.

    A loss may also be reached because the dense heads that went were not needed. So the hybrid
    must gain on the dense heads that are left in it.
    """
    tried = pairs_of([*evidence.runs, *evidence.gpu.runs], "dense", "mosa", CHEAPER)
    alone = pairs_of(evidence.runs, "dense_ablation", "mosa", (1.0, math.inf))

    def on_control(pair: Pair | None) -> Gain | None:
        """Return the hybrid's gain on its dense heads alone."""
        return next((gain_of(c) for c in alone if pair and pair.other.is_like(c.other)), None)

    def rank(pair: Pair) -> tuple[int, int, float]:
        gain = gain_of(pair)
        return seeds_of(on_control(pair)), seeds_of(gain), gain.interval.mean if gain else 0.0

    # As in the paper, the best of those that were tried; one with its control before the others.
    best = max(tried, key=rank, default=None)
    gain, beside = gain_of(best), on_control(best)
    # The fewest heads were chosen by the losses above; other windows had no part in that.
    runs = [*evidence.runs, *evidence.gpu.runs]
    scored = scored_gain(best, runs, {**evidence.scores, **evidence.gpu.scores}, NONCAUSAL)
    verdict = verdict_of(allowed(scored))
    if verdict == SMALL and (sign(allowed(gain)), sign(beside)) != (1, 1):
        verdict = UNDECIDED
    words = (
        f"Gain of the best hybrid tried, of at most {100 * CHEAPER[1]:.0f} % of the FLOPs, "
        f"on the losses it was chosen by: {in_words(gain)}; on other windows: "
        f"{in_words(scored)}; a loss of {MATCH} is allowed. Its gain on the same dense heads "
        f"without MoSA heads beside them: {in_words(beside)}."
    )
    numbers = {"seeds": seeds_of(gain), "control_seeds": seeds_of(beside)}
    return Finding(verdict, words, numbers)


def allowed(gain: Gain | None) -> Gain | None:
    """Return a gain with the loss that counts as matched added to it."""
    if gain is None:
        return None
    found = gain.interval
    moved = Interval(found.mean + MATCH, found.low + MATCH, found.high + MATCH)
    return Gain(moved, gain.seeds)


@claim(
    "wall-clock",
    "Matched by perplexity, a training step is faster without a special kernel.",
    printed="137 to 127 ms, 7.3 % (Tiny, A100)",
    place="table of matched resources",
    rule=(
        "small if, on a GPU, a step of a hybrid that reached the dense loss is shorter in three "
        "quarters of paired rounds"
    ),
    page=("ch11_faster", "Dense against MoSA, FLOP for FLOP"),
)
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


def counted_bytes() -> Finding:
    """Check that the matched hybrids keep fewer bytes for the backward pass."""
    change = {
        size: 100 * (model_activation_bytes(matched_model(size)).total / before - 1)
        for size, before in (
            (size, model_activation_bytes(model).total) for size, model in PAPER_BASELINES.items()
        )
    }
    tiny = PAPER_BASELINES["tiny"]
    equal = model_activation_bytes(isoflop_variant(tiny, "mosa", 64)).total
    rise = 100 * (equal / model_activation_bytes(tiny).total - 1)
    fall = sum(value < 0 for value in change.values())
    return Finding(
        DIRECTION if fall == len(change) else CONTRADICTED,
        f"By our formula, the bytes kept for the backward pass fall by {-change['tiny']:.1f} % for "
        f"Tiny, and in {fall} of {len(change)} sizes; weights, optimiser, logits and "
        f"tables of attention weights are not in it. "
        f"At equal FLOPs they rise by {rise:.0f} %.",
        {"tiny": change["tiny"], "equal_flops": rise},
    )


@claim(
    "memory",
    "Matched by perplexity, training needs less memory.",
    printed="21.1 to 19.0 GB, 10 % (Tiny)",
    place="table of matched resources",
    rule=(
        "small if the peak of such a step on a GPU is lower; without one, direction if the bytes "
        "kept for the backward pass fall in all four sizes"
    ),
    page=("ch06_cost", "Keys and values to keep"),
)
def memory(evidence: Evidence) -> Finding:
    """Compare the peaks of such a pair; without one, the bytes that the formula counts."""
    counted, pair = counted_bytes(), evidence.gpu_pair()
    if pair:
        dense, mosa = (row["peak_bytes"] / 1e9 for row in pair)
        change = 100 * (1 - mosa / dense)
        words = f"Peak of a step of our pair on a GPU: {dense:.1f} GB dense, {mosa:.1f} GB MoSA. "
        verdict = SMALL if change > 0 else CONTRADICTED
        return Finding(verdict, words + counted.words, {"saved_percent": change})
    if not (small := evidence.small_pair()):
        return counted
    kept, peak = (small[1][name] / small[0][name] - 1 for name in ("saved_bytes", "peak_bytes"))
    words = (
        f"{counted.words} Our small pair, measured on a processor: {100 * kept:+.1f} % kept, peak "
        f"of a step {100 * peak:+.1f} %."
    )
    return replace(counted, words=words)


def kv_savings() -> dict[str, tuple[float, float]]:
    """Compute the saving of key-value pairs of the paper's perplexity-matched models.

    >>> {size: (round(count, 1), round(mixed, 1)) for size, (count, mixed) in kv_savings().items()}
    {'tiny': (49.7, 51.1), 'small': (50.7, 52.2), 'medium': (51.4, 52.2), 'large': (68.8, 69.5)}
    """
    savings = {}
    for size, baseline in PAPER_BASELINES.items():
        before, after = kv_slots(baseline), kv_slots(matched_model(size))
        mixed = round(after / 1024, 1) / round(before / 1000, 1)
        savings[size] = (100 * (1 - after / before), 100 * (1 - mixed))
    return savings


@claim(
    "kv-cache",
    "Matched by perplexity, the KV cache shrinks by half.",
    printed="51.1 % (Tiny) to 69.5 % (Large)",
    place="table of matched resources",
    rule="direction if the count of pairs falls in all four sizes; nothing decodes with it",
    page=("ch06_cost", "Where the saving is"),
)
def kv_cache(evidence: Evidence) -> Finding:
    """Check that the count of pairs falls by about what the paper says, and who makes it fall."""
    exact = {size: count for size, (count, _) in kv_savings().items()}
    off = max(abs(exact[size] - MATCHED[size].kv_saving) for size in exact)
    tiny, matched = PAPER_BASELINES["tiny"], matched_model("tiny")
    dropped = 1024 * (tiny.n_dense_heads - matched.n_dense_heads)
    added = kv_slots(matched) - 1024 * matched.n_dense_heads
    equal_flops = kv_slots(isoflop_variant(tiny, "mosa", 64))
    before = kv_slots(tiny)
    return Finding(
        DIRECTION if min(exact.values()) > 0 else CONTRADICTED,
        f"The count falls, by {exact['tiny']:.1f} % for Tiny and never more than {off:.1f} points "
        f"from the paper's. Dense heads that were dropped give {dropped} of {before} pairs, MoSA "
        f"adds {added} back. At equal FLOPs the count rises to {equal_flops}.",
        {"tiny": exact["tiny"], "off": off, "dropped": dropped, "added": added},
    )


@claim(
    "kv-units",
    "The printed savings of key-value pairs are those of the counts.",
    printed="51.1, 52.2, 52.2, 69.5 %",
    place="table of matched resources",
    rule="exact if all four follow from T times dense heads plus k times MoSA heads",
    page=("ch06_cost", "Where the saving is"),
)
def kv_units(evidence: Evidence) -> Finding:
    """Check whether the printed percentages follow from the counts, and what makes them differ."""
    found = kv_savings()
    printed = {size: row.kv_saving for size, row in MATCHED.items()}
    by_count = sum(round(found[size][0], 1) == printed[size] for size in printed)
    by_mixing = sum(round(found[size][1], 1) == printed[size] for size in printed)
    return Finding(
        EXACT if by_count == len(printed) else CONTRADICTED,
        f"{by_count} of {len(printed)} printed savings follow from the counts; {by_mixing} follow "
        f"when a K is 1000 pairs on the dense side and 1024 on the other: Tiny's "
        f"{found['tiny'][0]:.1f} % becomes {found['tiny'][1]:.1f} %.",
        {"by_count": by_count, "by_mixing": by_mixing},
    )


@claim(
    "gigaflops",
    "The dense models cost what is printed.",
    printed="54.76, 219.85, 430.70, 1130.65 GFLOP",
    place="table of models",
    rule="exact if all four follow from the paper's own formula",
    page=("ch06_cost", "Count the products"),
)
def gigaflops(evidence: Evidence) -> Finding:
    """Check the printed cost of the four dense models."""
    found = {size: round(model_flops(PAPER_BASELINES[size]).total / 1e9, 2) for size in GIGAFLOPS}
    wrong = [size for size in found if found[size] != GIGAFLOPS[size]]
    small, medium = (model_flops(PAPER_BASELINES[size]).total for size in ("small", "medium"))
    which = ", ".join(f"{size.title()} is {found[size]:.2f}" for size in wrong) or "none differs"
    return Finding(
        EXACT if not wrong else CONTRADICTED,
        f"{len(found) - len(wrong)} of {len(found)} follow from the formula; {which}, "
        f"{medium / small:g} times Small, which has half the layers.",
        {"agree": len(found) - len(wrong), "medium": found["medium"]},
    )


def share_of_routing(length: int) -> float:
    """Compute what the paper's MoSA heads cost at a length, as a share of its Routing heads.

    >>> [round(share_of_routing(length), 2) for length in (1024, 8192)]
    [131.22, 22.96]
    """
    sizes = {"d_model": LONG.d_model, "d_head": LONG.d_head, "seq_len": length}
    shape = HeadShape(**sizes, sparsity=length // LONG.n_kept)
    mosa, routing = (head_flops(kind, shape).total for kind in ("mosa", "routing"))
    return 100 * LONG.n_mosa * mosa / (LONG.n_routing * routing)


@claim(
    "long-cost",
    "With k fixed, MoSA heads cost a quarter of Routing heads when the text is long.",
    printed="22.99 % at 8,192 tokens",
    place="section on long sequences",
    rule=(
        "exact if the share at 8,192 tokens follows from the formulas; direction if it is another "
        "one below 100 %"
    ),
    page=("ch06_cost", "Two regimes, drawn apart"),
)
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


@claim(
    "long-perplexity",
    "On long texts, MoSA beside local heads has the lowest perplexity of the sparse variants.",
    printed="a figure, 1,024 to 8,192 tokens",
    place="section on long sequences",
    rule=(
        "small if, by the one rule, it gains on Fixed and on Routing heads of equal FLOPs; "
        "contradicted if it loses to one"
    ),
    page=("ch07_training", "Long texts"),
)
def lowest_perplexity(evidence: Evidence) -> Finding:
    """Check that MoSA beside local heads gains on both rivals of equal FLOPs."""
    chosen = {kind: best_pair(evidence.long_context.runs, kind, "mosa") for kind in RIVALS}
    found = {kind: gain_of(pair) for kind, pair in chosen.items()}
    signs = [sign(values) for values in found.values()]
    if None in signs or (0 in signs and -1 not in signs):
        verdict = UNDECIDED
    else:
        verdict = CONTRADICTED if -1 in signs else SMALL
    lengths = sorted({pair.other.model["max_seq_len"] for pair in chosen.values() if pair})
    where = f" at {' and '.join(f'{n:,}' for n in lengths)} tokens" if lengths else ""
    listed = "; ".join(f"on {kind} {in_words(values)}" for kind, values in found.items())
    return Finding(
        verdict,
        f"Gain of MoSA beside local heads{where}, at equal FLOPs and with routers that see the "
        f"whole text: {listed}.",
        {f"{kind}_seeds": seeds_of(values) for kind, values in found.items()},
    )


@claim(
    "hybrids-needed",
    "MoSA heads need some dense heads beside them.",
    printed="Tiny without a dense head: 22.96 to 29.76 from sparsity 2 to 16",
    place="ablations",
    rule="small if, by the one rule, hybrids gain over models of MoSA heads alone",
    page=("ch05_mosa_head", "Hybrid layers"),
)
def hybrids_needed(evidence: Evidence) -> Finding:
    """Check that models without a dense head lose to the hybrid of equal FLOPs."""
    values = gain_of(best_pair(evidence.runs, "mosa_only", "mosa", (0.9, 1.1)))
    verdict = verdict_of(values)
    words = f"Gain of hybrids over models of MoSA heads alone: {in_words(values)}."
    return Finding(verdict, words, {"seeds": seeds_of(values)})


@claim(
    "first-token",
    "Every MoSA head should have a seat for the first token.",
    printed="a seat in all IsoFLOP runs; off in the public code",
    place="experiments; code",
    rule="small if, by the one rule, runs with the seat gain over runs without",
    page=("ch08_what_heads_choose", "Who is kept"),
)
def needs_first_token(evidence: Evidence) -> Finding:
    """Compare runs with and without the forced seat, and look at what free heads keep."""
    values = gain_of(best_pair(evidence.runs, "no_sink", "mosa"))
    verdict = verdict_of(values)
    words = f"Gain of runs whose heads must keep token 0: {in_words(values)}."
    if evidence.traces:
        kept = [float(trace.selected_mask()[:, :, 0].mean()) for trace in evidence.traces]
        chance = [trace.k / trace.T for trace in evidence.traces]
        words += (
            f" Left free, the heads of the shipped model keep it in {100 * np.mean(kept):.1f} % of "
            f"cases in {len(kept)} texts; chance gives {100 * np.mean(chance):.1f} %."
        )
    return Finding(verdict, words, {"seeds": seeds_of(values)})


CAUSAL = ("dense", "prefix", "token")


@claim(
    "non-autoregressive",
    "Top-k over all tokens is not autoregressive (the authors' own caveat).",
    printed="“requires adaptations”",
    place="limitations",
    rule=(
        "small if all models with this selection predict coin flips better than a causal model "
        "can, and no causal model does"
    ),
    page=("ch09_the_leak", "Can a model learn to use it?"),
)
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
    for row in ablation_rows(evidence.runs, evidence.scores):
        if (row.kind, row.match) == ("mosa", "flops"):
            cut, swapped = row.future[TRUNCATED], row.future[SWAPPED_SUFFIX]
            words += (
                f" On novels the loss of our twins rises by {cut} nats when the future is cut off, "
                f"and by {swapped} when another book follows ({len(row.seeds)} seeds)."
            )
    return Finding(verdict, words, {"mosa": len(mosa), "causal": len(causal)})


@claim(
    "downstream",
    "Gains in perplexity do not always reach the tasks (the authors' own caveat).",
    printed="BLiMP 72.0 to 64.6 (Tiny)",
    place="table of zero-shot accuracy",
    rule=(
        "small if, by the one rule, MoSA gains in perplexity on stories with riddles and is "
        "less often right about one kind of them; contradicted if more often about every kind"
    ),
    page=("ch07_training", "Does a lower loss carry over?"),
)
def carry_over(evidence: Evidence) -> Finding:
    """Check whether models that gain in perplexity are less often right about riddles."""
    losses = gain_of(best_pair(evidence.cloze.runs, "dense", "mosa"))
    found = {
        row.task: Gain(row.gain, len(row.gains)) if row.gain else None
        for row in cloze_rows(*evidence.cloze)
        if row.kind == "mosa"
    }
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
    for task, values in found.items():
        words += f"; right about {task} {in_words(values, 'of the answers')}"
    return Finding(verdict, f"{words}.", {"seeds": seeds_of(losses), "worse": worse})
