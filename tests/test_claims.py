"""Protects the claims ledger: verdicts follow from evidence by the stated rules, never from habit.

A wrong implementation that must fail: a verdict from one seed, or from a mean whose interval holds
zero; runs of different length or seed taken for a pair; a verdict typed in instead of computed.
"""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import record_toys
from sphinx.errors import ExtensionError

from mosa_edu.analysis import Records, final_loss
from mosa_edu.analysis.statistics import Interval
from mosa_edu.claims import (
    CLAIMS,
    VERDICTS,
    Evidence,
    Finding,
    changes,
    ledger,
    signed_sentence,
    statements,
)
from mosa_edu.claims.claim import Gain, best_pair, gain_of, in_words, pairs_of, sign
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.viz.components.ledger import Ledger, section_link

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"


def run(kind, seed, loss, **changes):
    """A run of eight sparse heads."""
    sparse = kind not in ("dense", "dense_ablation")
    model = {"n_sparse_heads": 8} if sparse else {}
    return record_toys.run(kind, seed, loss, model=model | changes.pop("model", {}), **changes)


def trained(n_seeds=3, **losses):
    """One run of each kind and seed; seeds differ by a hundredth of a nat."""
    return [
        run(kind, seed, loss + 0.01 * seed + (0.002 * seed if kind != "dense" else 0))
        for seed in range(n_seeds)
        for kind, loss in {"dense": 4.0, **losses}.items()
    ]


def finding_of(claim, **evidence):
    (row,) = [row for row in ledger(Evidence(**evidence)) if row.claim.id == claim]
    return row.finding


def verdict(claim, **evidence):
    return finding_of(claim, **evidence).verdict


def words(claim, **evidence):
    return finding_of(claim, **evidence).words


def test_the_shipped_records_give_the_accepted_verdicts():
    """The alarm itself: scripts/claims.py shows the evidence, --accept stores the new verdicts."""
    assert changes(ledger()) == []


def test_a_changed_verdict_is_noticed_and_ends_the_build(monkeypatch):
    rows = ledger(Evidence())
    before = {row.claim.id: row.finding.verdict for row in rows}
    assert changes(rows, before) == []
    assert changes(rows, before | {"kv-units": "reproduced exactly"}) == [
        "kv-units: was reproduced exactly, is contradicted"
    ]
    assert changes(rows[1:], before) == ["complexity: was reproduced exactly, is not in the ledger"]
    sys.path.insert(0, str(BOOK / "_ext"))
    from mosa_book import claims as extension

    extension.refuse_changes(None)
    monkeypatch.setattr("mosa_edu.claims.ledger", lambda: rows[1:])
    with pytest.raises(ExtensionError, match="complexity: was reproduced exactly"):
        extension.refuse_changes(None)


def test_without_any_record_counts_are_judged_and_the_rest_waits():
    found = {row.claim.id: row.finding.verdict for row in ledger(Evidence())}
    assert found["more-heads"] == found["complexity"] == "reproduced exactly"
    assert found["kv-cache"] == found["memory"] == "direction only"
    assert found["kv-units"] == found["gigaflops"] == "contradicted"
    assert found["wall-clock"] == "not run on a GPU"
    assert found["better-perplexity"] == found["only-above-dense"] == "not decided yet"
    assert found["non-autoregressive"] == "not decided yet"


def test_a_gain_has_a_sign_if_its_interval_says_so():
    assert sign(None) is None
    assert sign(Gain(Interval(0.3, -math.inf, math.inf), 1)) is None
    assert sign(Gain(Interval(0.3, 0.2, 0.4), 2)) == 1
    assert sign(Gain(Interval(-0.3, -0.4, -0.2), 2)) == -1
    assert sign(Gain(Interval(0.3, -0.1, 0.7), 8)) == 0
    assert "[" not in in_words(Gain(Interval(0.3, -math.inf, math.inf), 1))


def test_one_seed_decides_nothing_and_three_do():
    def judged(n_seeds=3, **losses):
        return verdict("better-perplexity", heads=record_toys.experiment(n_seeds, **losses))

    assert verdict("better-perplexity") == "not decided yet"
    assert judged(1, mosa=3.7) == "not decided yet"
    assert judged(3, mosa=3.7) == "direction only"
    assert judged(3, mosa=3.6) == "reproduced small"
    assert judged(3, mosa=4.1) == "contradicted"
    assert judged(3, mosa=3.99, spread=0.1) == "not decided yet"
    said = words("better-perplexity", heads=record_toys.experiment(3, mosa=3.7))
    assert "+0.300" in said
    assert "without: +0.290" in said, "the price of the future is taken off"


def test_an_experiment_whose_control_sees_no_head_decides_nothing():
    """Catches a verdict from the first experiment, which half of its dense heads could leave."""
    runs = [
        run(kind, s, 4.0 - 0.3 * (kind == "mosa")) for s in range(3) for kind in ("dense", "mosa")
    ]
    assert verdict("better-perplexity", runs=runs) == "not decided yet"


def test_the_only_variant_above_dense_must_be_the_only_one():
    def judged(**losses):
        return verdict("only-above-dense", heads=record_toys.experiment(3, **losses))

    assert judged(mosa=3.7, fixed=4.05, routing=4.02) == "reproduced small"
    assert judged(mosa=3.7, fixed=3.8, routing=4.02) == "contradicted"
    assert judged(mosa=3.7, fixed=4.05) == "not decided yet"


def test_pairs_share_seed_recipe_and_flops():
    """Catches pairing by position, pooling of short and long trainings, and unequal budgets."""
    runs = [
        run("dense", 0, 4.0),
        run("dense", 1, 4.0),
        run("mosa", 1, 3.0),
        run("mosa", 0, 3.9, recipe="longer"),
        run("mosa", 2, 3.9),
        run("mosa", 0, 3.0, status="diverged"),
    ]
    found = best_pair(runs, "dense", "mosa")
    assert (found.other.seeds, gain_of(found).interval.mean) == ((1,), 1.0)
    cheap = [run("dense", 0, 4.0), run("mosa", 0, 4.0, flops_per_token=75.0)]
    assert best_pair(cheap, "dense", "mosa") is None
    assert len(pairs_of(cheap, "dense", "mosa", statements.CHEAPER)) == 1
    narrow = run("mosa", 0, 2.0, model={"n_sparse_heads": 7})
    most = best_pair([*runs[:1], run("mosa", 0, 3.0), narrow], "dense", "mosa")
    assert gain_of(most).interval.mean == 1.0
    alone = [run("dense", 0, 4.0), run("mosa_only", 0, 4.0)]
    assert best_pair(alone, "dense", "mosa") is None


def test_seeds_that_read_a_few_tokens_more_or_less_are_one_group():
    """Catches grouping by tokens seen: rows are drawn by seed, so no two seeds read the same."""
    runs = [
        run(kind, seed, loss, tokens_seen=1000 + 7 * seed)
        for seed in (0, 1, 2)
        for kind, loss in (("dense", 4.0), ("mosa", 3.9))
    ]
    assert best_pair(runs, "dense", "mosa").other.seeds == (0, 1, 2)


def test_hybrids_seats_and_cheaper_models_are_judged_by_their_own_pairs():
    runs = trained(3, mosa=3.7)
    runs += [run("mosa_only", seed, 4.5) for seed in range(3)]
    assert verdict("hybrids-needed", runs=runs) == "reproduced small"
    free = [run("no_sink", seed, 3.4 + 0.01 * seed) for seed in range(3)]
    assert verdict("first-token", runs=[*runs, *free]) == "contradicted"
    other = [run("no_sink", seed, 3.4 + 0.01 * seed, sparsity=16) for seed in range(3)]
    assert verdict("first-token", runs=[*runs, *other]) == "not decided yet"


def scored(runs):
    """Scores that say of every run what its loss says, on windows that all have in common."""
    return {r.name: record_toys.score(r.name, final_loss(r)) for r in runs}


def test_a_cheaper_hybrid_must_beat_the_dense_heads_that_are_left_in_it():
    """Catches credit to MoSA heads for a loss that fewer dense heads reach without them."""

    def alone(loss):
        flops = {"flops_per_token": 60.0}
        return [run("dense_ablation", s, loss + 0.002 * s, **flops) for s in range(3)]

    def judged(*runs):
        return verdict("same-perplexity", runs=runs, scores=scored(runs))

    def cheap(**more):
        return [run("mosa", s, 4.004 + 0.001 * s, flops_per_token=75.0, **more) for s in range(3)]

    dense = [run("dense", seed, 4.0) for seed in range(3)]
    both = [*dense, *cheap()]
    assert judged(*both, *alone(4.02)) == "reproduced small"
    assert judged(*both, *alone(4.0035)) == "not decided yet"
    assert judged(*both) == "not decided yet"
    assert verdict("same-perplexity", runs=[*both, *alone(4.02)]) == "not decided yet", "unscored"
    worse = scored([replace(r, validation={"256": {"loss": 4.02}}) for r in cheap()])
    found = {"runs": [*both, *alone(4.02)], "scores": {**scored(dense), **worse}}
    assert verdict("same-perplexity", **found) == "contradicted", "on windows it was not chosen by"
    other = cheap(model={"n_sparse_heads": 7})[:2]
    more = [*dense, *alone(4.02), *other, *cheap()]
    assert "+0.017" in words("same-perplexity", runs=more), "the control of that very hybrid"
    assert verdict("only-above-dense", runs=alone(4.0)) == "not decided yet"
    (pair,) = pairs_of([*alone(4.0), *both], "dense", "mosa", statements.CHEAPER)
    assert gain_of(pair).interval.mean < 0


def timed(low, high, *, reached=True, peak=9e9):
    rows = [
        {
            "model": "dense",
            "time": 1.0,
            "time_low": 1.0,
            "time_high": 1.0,
            "peak_bytes": 10e9,
            "saved_bytes": 100,
        },
        {
            "model": "mosa",
            "time": low,
            "time_low": low,
            "time_high": high,
            "peak_bytes": peak,
            "saved_bytes": 90,
        },
    ]
    return {"pair": ProbeRecord("pair", "pair", {"reached": reached}, rows)}


def test_seconds_and_peaks_count_on_a_gpu_and_of_a_pair_of_equal_loss():
    """Catches seconds of a processor, and of a hybrid that did not reach the loss."""

    def judged(claim, *times, **more):
        return verdict(claim, gpu=Records(probes=timed(*times, **more)))

    assert verdict("wall-clock", probes=timed(0.8, 0.9)) == "not run on a GPU"
    assert judged("wall-clock", 0.8, 0.9) == "reproduced small"
    assert judged("wall-clock", 0.8, 1.1) == "not decided yet"
    assert judged("wall-clock", 1.1, 1.2) == "contradicted"
    assert judged("wall-clock", 0.8, 0.9, reached=False) == "not run on a GPU"
    assert judged("memory", 0.8, 0.9) == "reproduced small"
    assert judged("memory", 0.8, 0.9, peak=11e9) == "contradicted"


def test_a_pair_on_a_processor_is_told_and_decides_nothing():
    """Catches a change with the wrong sign, and a pair that did not reach the loss."""
    said = words("memory", probes=timed(0.8, 0.9, peak=11e9))
    assert "small pair, measured on a processor: -10.0 % kept, peak of a step +10.0 %" in said
    assert "0.80 dense steps (quartiles 0.80, 0.90)" in words("wall-clock", probes=timed(0.8, 0.9))
    assert verdict("memory", probes=timed(0.8, 0.9, peak=11e9)) == verdict("memory")
    assert "small pair" not in words("memory", probes=timed(0.8, 0.9, reached=False))


def test_three_seeds_on_a_gpu_speak_before_small_models():
    small, large = record_toys.experiment(3, mosa=4.1), trained(3, mosa=3.7)
    assert verdict("better-perplexity", heads=small, gpu=Records(large)) == "direction only"
    assert verdict("better-perplexity", heads=small, gpu=Records(large[:2])) == "contradicted"


def coin_flips(kind, loss, seed=0):
    settings = {"kind": kind, "seed": seed, "ln_v": 2.0794}
    row = {"score": "full", "position": None, "loss": loss, "stderr": 0.0002, "sequences": 9}
    return ProbeRecord("coin-flips", f"coin-flips-{kind}-seed{seed}", settings, [row])


def test_a_leak_needs_a_control_that_has_none():
    """Catches a verdict from the suspect alone: a broken floor would convict every model."""

    def judged(*probes):
        return verdict("non-autoregressive", probes={p.name: p for p in probes})

    leak, control = coin_flips("mosa", 2.06), coin_flips("dense", 2.0795)
    assert judged(leak, control) == "reproduced small"
    assert judged(leak) == "not decided yet"
    assert judged(leak, coin_flips("dense", 2.05)) == "not decided yet"
    assert judged(leak, coin_flips("mosa", 2.0795, seed=1), control) == "not decided yet"
    assert judged(coin_flips("mosa", 2.0795), control) == "contradicted"


def test_printed_savings_are_recomputed_in_both_ways():
    """Catches the saving of rounded thousands, 4.5 of 9.2, taken for that of the counts."""
    count, mixed = statements.kv_savings()["tiny"]
    assert (round(count, 1), round(mixed, 1)) == (49.7, 51.1)
    numbers = statements.kv_cache(Evidence()).numbers
    assert (numbers["dropped"], numbers["added"]) == (5120, 544)


def test_claims_are_told_apart_and_verdicts_are_known():
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    named = {row.finding.verdict for row in ledger()}
    assert named <= VERDICTS.keys()
    with pytest.raises(ValueError, match="one of"):
        Finding("proven", "", {})
    for claim in CLAIMS:
        assert claim.rule
        assert claim.printed


def test_every_claim_links_to_a_heading_that_exists():
    html, texts = Ledger()._repr_html_(), {}
    for chapter in {claim.chapter for claim in CLAIMS}:
        cells = nbformat.read(BOOK / f"{chapter}.ipynb", as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        texts[chapter] = f"\n{text}\n"
    for claim in CLAIMS:
        assert f"\n## {claim.section}\n" in texts[claim.chapter], (claim.chapter, claim.section)
        assert f'href="{section_link(claim.chapter, claim.section)}"' in html


def test_the_sentence_says_the_match_the_score_and_what_is_open():
    nothing, all_of_it = signed_sentence(ledger(Evidence())), signed_sentence(ledger())
    for said in ("equal FLOPs", "15 times the parameters", "whole text", "nobody has published"):
        assert said in nothing
        assert said in all_of_it
    assert "was not shown here" in nothing
    assert "no experiment of ours that can see a head has decided it" in nothing
    decided = signed_sentence(ledger(Evidence(heads=record_toys.experiment(3, mosa=3.7))))
    assert "3 paired seeds of our own small models say “direction only”" in decided


def test_the_table_has_a_row_and_an_anchor_for_every_claim():
    html = Ledger()._repr_html_()
    assert html.count("<tr role") == len(CLAIMS) + 1
    assert all(f'id="claim-{claim.id}"' in html for claim in CLAIMS)


def test_the_ledger_needs_no_torch_and_the_script_reports(tmp_path):
    code = (
        "import sys; from mosa_edu.claims import ledger; ledger(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
    script = [sys.executable, str(ROOT / "scripts" / "claims.py")]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    stored = json.loads((ROOT / "mosa_edu" / "claims" / "expected.json").read_text())
    assert list(stored) == [claim.id for claim in CLAIMS]
