"""Protects the claims ledger: verdicts follow from evidence by the stated rules, never from habit.

A wrong implementation that must fail: a verdict from one seed, or from a mean whose interval holds
zero; runs of different length or seed taken for a pair; a verdict typed in instead of computed.
"""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
from sphinx.errors import ExtensionError

from mosa_edu.analysis import final_loss
from mosa_edu.claims import (
    CLAIMS,
    VERDICTS,
    Evidence,
    Finding,
    changes,
    ledger,
    signed_sentence,
)
from mosa_edu.claims import (
    formula_checks as counts,
)
from mosa_edu.claims import (
    run_checks as future,
)
from mosa_edu.claims import (
    run_checks as trained,
)
from mosa_edu.claims.claim import in_words, is_dense, is_hybrid, pairs, seed_interval, sign
from mosa_edu.records import RunRecord
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.records.scores import ScoreRecord
from mosa_edu.viz.components.ledger import Ledger, section_anchor

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"


def run(kind, seed, loss, *, tokens=1000, flops=100.0, dense_heads=2, first=True):
    return RunRecord(
        name=f"{kind}-{seed}-{tokens}",
        command="mosa-edu compare",
        commit=None,
        seed=seed,
        model={
            "sparse": "mosa" if kind == "dense" else kind,
            "n_sparse_heads": 0 if kind == "dense" else 8,
            "n_dense_heads": dense_heads,
            "sparsity": 8,
            "include_first": first,
        },
        training={"steps": 10, "seed": seed, "tokens": tokens},
        data={"corpus": "novels"},
        n_parameters=10,
        hardware="a card",
        wall_seconds=1.0,
        tokens_seen=tokens,
        train_curve=[],
        validation={"256": {"loss": loss}},
        status="finished",
        flops_per_token=flops,
    )


def twins(n_seeds=3, **losses):
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


def test_the_intervals_of_seeds_are_students():
    """Catches a normal quantile: with three seeds it is less than half as wide."""
    found = seed_interval([0.0, 1.0, 2.0])
    assert found.high - found.mean == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    assert sign([0.3, 0.3]) is None
    assert sign([0.30, 0.31, 0.32]) == 1
    assert sign([-0.30, -0.31, -0.32]) == -1
    assert sign([0.3, -0.3, 0.1]) == 0
    assert "[" not in in_words([0.3, 0.4])
    with pytest.raises(ValueError, match="at least one"):
        seed_interval([])


def test_one_seed_decides_nothing_and_three_do():
    good = {"mosa": 3.7, "fixed": 4.05, "routing": 4.02}
    assert verdict("better-perplexity", runs=twins(1, **good)) == "not decided yet"
    assert verdict("better-perplexity", runs=twins(2, **good)) == "not decided yet"
    assert verdict("better-perplexity", runs=twins(3, **good)) == "direction only"
    assert verdict("better-perplexity", runs=twins(3, mosa=3.6)) == "reproduced small"
    assert verdict("better-perplexity", runs=twins(3, mosa=4.1)) == "contradicted"
    noisy = [run("dense", seed, 4.0) for seed in range(3)]
    noisy += [run("mosa", seed, loss) for seed, loss in enumerate((3.5, 4.2, 3.9))]
    assert verdict("better-perplexity", runs=noisy) == "not decided yet"


def test_the_only_variant_above_dense_must_be_the_only_one():
    alone = twins(3, mosa=3.7, fixed=4.05, routing=4.02)
    assert verdict("only-above-dense", runs=alone) == "reproduced small"
    both = twins(3, mosa=3.7, fixed=3.8, routing=4.02)
    assert verdict("only-above-dense", runs=both) == "contradicted"
    missing = twins(3, mosa=3.7, fixed=4.05)
    assert verdict("only-above-dense", runs=missing) == "not decided yet"


def test_pairs_share_seed_length_and_flops():
    """Catches pairing by position, pooling of short and long trainings, and unequal budgets."""
    runs = [
        run("dense", 0, 4.0),
        run("dense", 1, 4.0),
        run("mosa", 1, 3.0),
        run("mosa", 0, 3.9, tokens=2000),
        run("mosa", 2, 3.9),
        replace(run("mosa", 0, 3.0), status="diverged"),
    ]
    (found,) = pairs(runs, is_dense, is_hybrid("mosa"))
    assert (found.other.seed, found.gain) == (1, 1.0)
    cheap = [run("dense", 0, 4.0), run("mosa", 0, 4.0, flops=75.0)]
    assert pairs(cheap, is_dense, is_hybrid("mosa")) == []
    assert len(pairs(cheap, is_dense, is_hybrid("mosa"), trained.CHEAPER)) == 1
    narrow = replace(run("mosa", 0, 2.0), model=run("mosa", 0, 2.0).model | {"n_sparse_heads": 7})
    (found,) = pairs(
        [run("dense", 0, 4.0), run("mosa", 0, 3.0), narrow], is_dense, is_hybrid("mosa")
    )
    assert found.gain == 1.0
    pure = [run("dense", 0, 4.0), run("mosa", 0, 4.0, dense_heads=0)]
    assert pairs(pure, is_dense, is_hybrid("mosa")) == []


def test_seeds_that_read_a_few_tokens_more_or_less_are_one_group():
    """Catches grouping by tokens seen: rows are drawn by seed, so no two seeds read the same."""
    runs = [
        replace(run(kind, seed, loss), tokens_seen=1000 + 7 * seed)
        for seed in (0, 1, 2)
        for kind, loss in (("dense", 4.0), ("mosa", 3.9))
    ]
    assert [pair.other.seed for pair in pairs(runs, is_dense, is_hybrid("mosa"))] == [0, 1, 2]


def test_hybrids_seats_and_cheaper_models_are_judged_by_their_own_pairs():
    runs = twins(3, mosa=3.7)
    runs += [run("mosa", seed, 4.5, dense_heads=0) for seed in range(3)]
    assert verdict("hybrids-needed", runs=runs) == "reproduced small"
    runs += [run("mosa", seed, 3.4 + 0.01 * seed, first=False) for seed in range(3)]
    assert verdict("first-token", runs=runs) == "contradicted"
    seated = pairs(runs, is_dense, is_hybrid("mosa"))
    assert all(pair.other.model["include_first"] for pair in seated)
    other = [replace(free, model=free.model | {"sparsity": 16}) for free in runs[-3:]]
    assert verdict("first-token", runs=[*runs[:-3], *other]) == "not decided yet"


def scored(runs):
    """Scores that say of every run what its loss says, on windows that all have in common."""
    books = np.repeat(np.arange(2, dtype=np.uint8), 2)
    return {
        r.name: ScoreRecord(
            r.name, ["a", "b"], books, [3], np.full((3, 4, 1), final_loss(r), np.float32), 1, "f"
        )
        for r in runs
    }


def test_a_cheaper_hybrid_must_beat_the_dense_heads_that_are_left_in_it():
    """Catches credit to MoSA heads for a loss that fewer dense heads reach without them."""

    def alone(loss):
        more = [run("dense", seed, loss + 0.002 * seed, flops=60.0) for seed in range(3)]
        return [replace(r, name=f"fewer-nothing-seed{r.seed}") for r in more]

    def judged(*runs):
        return verdict("same-perplexity", runs=runs, scores=scored(runs))

    cheap = [run("dense", seed, 4.0) for seed in range(3)]
    cheap += [run("mosa", seed, 4.004 + 0.001 * seed, flops=75.0) for seed in range(3)]
    assert judged(*cheap, *alone(4.02)) == "reproduced small"
    assert judged(*cheap, *alone(4.0035)) == "not decided yet"
    assert judged(*cheap) == "not decided yet"
    assert verdict("same-perplexity", runs=[*cheap, *alone(4.02)]) == "not decided yet", "unscored"
    worse = scored([replace(r, validation={"256": {"loss": 4.02}}) for r in cheap[3:]])
    found = {"runs": [*cheap, *alone(4.02)], "scores": {**scored(cheap[:3]), **worse}}
    assert verdict("same-perplexity", **found) == "contradicted", "on windows it was not chosen by"
    other = [replace(r, model=r.model | {"n_sparse_heads": 7}) for r in cheap[3:]]
    more = [*cheap[:3], *alone(4.02), *other[:2], *cheap[3:]]
    assert "+0.017" in words("same-perplexity", runs=more), "the control of that very hybrid"
    assert verdict("only-above-dense", runs=alone(4.0)) == "not decided yet"
    assert pairs([*alone(4.0), *cheap], is_dense, is_hybrid("mosa"), trained.CHEAPER)[0].gain < 0


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
    assert verdict("wall-clock", probes=timed(0.8, 0.9)) == "not run on a GPU"
    assert verdict("wall-clock", gpu_probes=timed(0.8, 0.9)) == "reproduced small"
    assert verdict("wall-clock", gpu_probes=timed(0.8, 1.1)) == "not decided yet"
    assert verdict("wall-clock", gpu_probes=timed(1.1, 1.2)) == "contradicted"
    assert verdict("wall-clock", gpu_probes=timed(0.8, 0.9, reached=False)) == "not run on a GPU"
    assert verdict("memory", gpu_probes=timed(0.8, 0.9)) == "reproduced small"
    assert verdict("memory", gpu_probes=timed(0.8, 0.9, peak=11e9)) == "contradicted"


def test_a_pair_on_a_processor_is_told_and_decides_nothing():
    """Catches a change with the wrong sign, and a pair that did not reach the loss."""
    said = words("memory", probes=timed(0.8, 0.9, peak=11e9))
    assert "small pair, measured on a processor: -10.0 % kept, peak of a step +10.0 %" in said
    assert "0.80 dense steps (quartiles 0.80, 0.90)" in words("wall-clock", probes=timed(0.8, 0.9))
    assert verdict("memory", probes=timed(0.8, 0.9, peak=11e9)) == verdict("memory")
    assert "small pair" not in words("memory", probes=timed(0.8, 0.9, reached=False))


def test_three_seeds_on_a_gpu_speak_before_small_twins():
    small, large = twins(3, mosa=4.1), twins(3, mosa=3.7)
    assert verdict("better-perplexity", runs=small, gpu_runs=large) == "direction only"
    assert verdict("better-perplexity", runs=small, gpu_runs=large[:2]) == "contradicted"


def coin_flips(kind, loss, seed=0):
    settings = {"kind": kind, "seed": seed, "ln_v": 2.0794}
    row = {"score": "full", "position": None, "loss": loss, "stderr": 0.0002, "sequences": 9}
    return ProbeRecord("coin-flips", f"coin-flips-{kind}-seed{seed}", settings, [row])


def test_a_leak_needs_a_control_that_has_none():
    """Catches a verdict from the suspect alone: a broken floor would convict every model."""

    def judged(*probes):
        return future.non_autoregressive(Evidence(probes={p.name: p for p in probes})).verdict

    leak, control = coin_flips("mosa", 2.06), coin_flips("dense", 2.0795)
    assert judged(leak, control) == "reproduced small"
    assert judged(leak) == "not decided yet"
    assert judged(leak, coin_flips("dense", 2.05)) == "not decided yet"
    assert judged(leak, coin_flips("mosa", 2.0795, seed=1), control) == "not decided yet"
    assert judged(coin_flips("mosa", 2.0795), control) == "contradicted"


def test_printed_savings_are_recomputed_in_both_ways():
    """Catches the saving of rounded thousands, 4.5 of 9.2, taken for that of the counts."""
    count, mixed = counts.kv_savings()["tiny"]
    assert (round(count, 1), round(mixed, 1)) == (49.7, 51.1)
    numbers = counts.kv_cache(Evidence()).numbers
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
    for claim in CLAIMS:
        cells = nbformat.read(BOOK / f"{claim.chapter}.ipynb", as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        assert f"\n## {claim.section}\n" in f"\n{text}\n", (claim.chapter, claim.section)
        assert section_anchor(claim.section) in Ledger()._repr_html_()


def test_the_sentence_says_the_match_the_score_and_what_is_open():
    nothing, all_of_it = signed_sentence(ledger(Evidence())), signed_sentence(ledger())
    for said in ("equal FLOPs", "15 times the parameters", "whole text", "nobody has published"):
        assert said in nothing
        assert said in all_of_it
    assert "was not shown here" in nothing
    assert "0 paired seeds" in nothing


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


@pytest.mark.browser
def test_every_link_of_the_ledger_lands_on_its_heading(site):
    for claim in CLAIMS:
        page = (site.root / "book" / f"{claim.chapter}.html").read_text()
        assert f'id="{section_anchor(claim.section)}"' in page, (claim.chapter, claim.section)
