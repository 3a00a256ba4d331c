"""Protects the riddles: only the cue tells the ending, and models are asked the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from record_toys import run, score

from mosa_edu.analysis import Records, cloze_rows, cloze_table, recorded_cloze, recorded_plan
from mosa_edu.analysis.statistics import wilson
from mosa_edu.claims import Evidence
from mosa_edu.claims.statements import carry_over
from mosa_edu.config import PRESETS
from mosa_edu.data.cloze import KINDS, ask, load_cloze
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.ngram import NGram
from mosa_edu.data.stories import SplitMix64
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.data.tokens import TokenSet
from mosa_edu.model import TransformerLM
from mosa_edu.probes.cloze import Encoded, answers, ask_model, encode
from mosa_edu.records.probe import ProbeRecord
from mosa_edu.viz.charts.training import cloze_accuracy

CORPUS = load_cloze(400)
TOKENIZER = Tokenizer.train(CORPUS.texts("train"), 2048)
KNOWN = "b8db62b1bb3693662cfd33c0ed35ca512d483404a394cea87bf50945bf80de66"
CELLS = [(name, distance) for name, kind in KINDS.items() for distance in kind.distances]
seeds = st.integers(0, 2**64 - 1)


class Reader(torch.nn.Module):
    """Stands in for a model: logits from a rule on the tokens of a beginning."""

    def __init__(self, rule):
        super().__init__()
        self.embedding = torch.nn.Embedding(1, 1)
        self.rule = rule
        self.seen = []
        self.config = replace(PRESETS["micro"], max_seq_len=256)

    def forward(self, tokens):
        self.seen.append(tokens)
        last = torch.stack([self.rule(row) for row in tokens])
        return last[:, None].expand(-1, tokens.shape[1], -1)


def encoded(name: str, distance: int, count: int = 30) -> list[Encoded]:
    found = [encode(riddle, TOKENIZER) for riddle in ask(name, distance, count)]
    assert None not in found, "endings of one token, beginnings of one length"
    return found


def test_stories_have_a_known_hash_and_a_larger_corpus_begins_with_the_smaller():
    assert CORPUS.fingerprint() == KNOWN
    small = load_corpus("cloze", n_stories=100)
    assert small.train == CORPUS.train[: len(small.train)]
    assert load_cloze(100, seed=1).train[0] != small.train[0]


@pytest.mark.parametrize(("name", "distance"), CELLS)
def test_beginnings_differ_in_the_cue_alone(name, distance):
    """Catches a riddle whose local words tell: after the cue both beginnings are one text."""
    for riddle in encoded(name, distance):
        first, second = riddle.beginnings
        assert first != second
        assert riddle.endings[0] != riddle.endings[1]
        after = len(first) - riddle.distance + 1
        assert first[after:] == second[after:]
        assert riddle.distance >= 4
        assert 16 <= len(first) < 256, "no shorter than a training text, no longer than T"


@settings(max_examples=30)
@given(seeds, st.sampled_from(CELLS))
def test_answers_follow_the_rule_that_the_riddle_names(seed, cell):
    """Catches endings in the wrong order."""
    name, distance = cell
    riddle = KINDS[name].make(SplitMix64(seed), distance)
    (first, second), (right, wrong) = riddle.beginnings, riddle.endings
    if name == "agreement":
        assert second.split()[1] != first.split()[1]
        assert (right, wrong) == (" was", " were")
    elif name == "quotes":
        assert (first.count('"'), second.count('"')) == (1, 2)
        assert right.endswith('"')
    elif name == "brackets":
        assert ("[" in first, "(" in second) == (True, True)
        assert (right, wrong) == ("]", ")")
    else:
        for text, ending in zip(riddle.beginnings, riddle.endings, strict=True):
            assert f"went{ending} from" in text


def test_no_story_tells_a_riddle_that_is_asked():
    """Catches seeds shared with the stories; two phrases or more, since short ones must recur."""
    stories = "\n\n".join([*CORPUS.texts("train"), *CORPUS.texts("validation")])
    for name, distance in CELLS:
        if distance >= 2:
            for riddle in ask(name, distance, 30):
                assert riddle.beginnings[0].split("\n\n")[1] not in stories


def test_counting_words_is_right_half_of_the_time():
    """A 3-gram trained on the stories is at chance exactly, at every distance."""
    tokens = TokenSet.build(CORPUS, TOKENIZER)
    counts = NGram(tokens.train.tokens, tokens.vocab_size)

    def rule(row):
        return torch.from_numpy(counts.distribution(int(row[-2]), int(row[-1]))).log()

    for name, distance in CELLS:
        found = answers(Reader(rule), encoded(name, distance, 10))
        assert set(found) <= {0.5}, (name, distance)


def test_whoever_keeps_the_cue_is_always_right_and_nothing_stands_after_the_beginning():
    """Catches a scorer that shows the ending, or takes the wrong position."""
    for name, distance in CELLS:
        riddles = encoded(name, distance, 12)
        by_text = {
            tuple(text): ending
            for riddle in riddles
            for text, ending in zip(riddle.beginnings, riddle.endings, strict=True)
        }

        def rule(row, known=by_text):
            logits = torch.zeros(TOKENIZER.vocab_size)
            logits[known[tuple(row.tolist())]] = 1.0
            return logits

        model = Reader(rule)
        assert answers(model, riddles, batch_tokens=300).tolist() == [1.0] * 12
        assert sum(len(batch) for batch in model.seen) == 24


def test_a_model_sees_a_beginning_as_if_nothing_followed():
    """The answer of a MoSA model is that of the cut text, whose k is its own."""
    torch.manual_seed(0)
    config = replace(PRESETS["micro"], vocab_size=TOKENIZER.vocab_size, max_seq_len=256)
    model = TransformerLM(config).eval()
    riddles = encoded("agreement", 8, 3)
    found = answers(model, riddles)
    for riddle, share in zip(riddles, found, strict=True):
        right = 0
        for text, ending, other in zip(
            riddle.beginnings, riddle.endings, riddle.endings[::-1], strict=True
        ):
            last = model(torch.tensor([text]))[0, -1]
            right += bool(last[ending] > last[other])
        assert share == right / 2
    rows, series = ask_model(model, TOKENIZER, count=2)
    assert [row["asked"] for row in rows] == [2] * len(CELLS)
    assert series["agreement-8"] == found[:2].tolist()


def test_a_tokenizer_is_asked_only_what_it_has_tokens_for():
    """Catches endings compared by their first piece, and texts longer than the model reads."""
    letters = Tokenizer.train(["a"], 300)
    assert encode(ask("recall", 0, 1)[0], letters) is None
    blind = Reader(lambda row: torch.zeros(letters.vocab_size))
    rows, _ = ask_model(blind, letters, count=3)
    assert {(row["task"], row["right"]) for row in rows} == {("brackets", 0.5)}
    assert max(row["distance"] for row in rows) < max(KINDS["brackets"].distances)


def records(kinds: dict[str, tuple[float, float]], n_seeds: int = 3, asked: int = 400):
    """Runs, scores and answers of kinds of models with a loss and a share of right answers."""
    runs, scored, probes = [], {}, {}
    for seed in range(n_seeds):
        for kind, (loss, share) in kinds.items():
            name = f"{kind}-flops-8-seed{seed}"
            right = round((share + 0.025 * (seed - 1)) * asked)
            series = {
                f"{riddle}-{d}": [1.0] * right + [0.0] * (asked - right)
                for riddle in ("agreement", "recall")
                for d in (1, 8)
            }
            rows = [
                {"task": r, "distance": d, "unit": "x", "tokens": 3.0 * d, "asked": asked}
                for r in ("agreement", "recall")
                for d in (1, 8)
            ]
            probes[name] = ProbeRecord("cloze", f"cloze-{name}", {"run": name}, rows, series)
            losses = np.full((3, 6), loss + 0.001 * seed)
            losses[1:] += 0.1
            losses += 0.01 * (np.arange(6) % 2 - 0.5) * (kind == "mosa")
            scored[name] = score(name, losses, np.arange(6) % 2)
            final = {"256": {"loss": loss + 0.001 * seed * (kind == "dense")}}
            runs.append(run(kind, seed, loss, name=name, validation=final))
    return runs, scored, probes


def test_models_are_paired_by_seed_and_riddle_and_stand_by_perplexity():
    """Catches means over unpaired seeds, and seeds that are counted as further riddles."""
    rows = cloze_rows(*records({"dense": (1.5, 0.8), "mosa": (1.2, 0.7)}))
    assert [(row.kind, row.task) for row in rows[:2]] == [
        ("mosa", "agreement"),
        ("mosa", "recall"),
    ]
    mosa = rows[0]
    assert mosa.perplexity == pytest.approx({"full": np.exp(1.201), "prefix": np.exp(1.301)})
    assert mosa.loss_gains["full"].low < 0.3 < mosa.loss_gains["full"].high, "stories vary"
    assert mosa.loss_gains["full"].mean == pytest.approx(0.3, abs=1e-5)
    assert mosa.gains == pytest.approx([-0.1] * 3)
    assert mosa.gain.high < 0
    assert mosa.distances == (3.0, 24.0)
    assert [found.mean for found in mosa.accuracies] == pytest.approx([0.7, 0.7])
    assert mosa.accuracy.low == pytest.approx(wilson(0.7, 800).low), "800 riddles, not 2,400"
    alone = cloze_rows(*records({"mosa": (1.2, 0.7)}))
    assert (alone[0].gain, alone[0].loss_gains, alone[0].gains) == (None, {}, ())
    first = cloze_table(rows).splitlines()[0]
    assert first.startswith("mosa: 3 seeds; perplexity 3.323 full (gain on dense 0.300 [")


def test_the_figure_has_a_line_a_kind_by_perplexity():
    rows = cloze_rows(*records({"dense": (1.5, 0.8), "mosa": (1.2, 0.7), "fixed": (1.6, 0.6)}))
    figure = cloze_accuracy(rows, "recall")
    assert [trace.name for trace in figure.data] == ["mosa 3.32", "dense 4.49", "fixed 4.96"]
    assert figure.data[0].x.tolist() == [3.0, 24.0]
    assert figure.data[0].customdata[0][4] == pytest.approx(0.7)


def test_the_claim_needs_seeds_a_gain_in_perplexity_and_one_kind_of_riddle_that_gets_worse():
    """Catches a verdict from means alone, and worse answers of models that gain nothing."""

    def verdict(n_seeds=3, **kinds):
        return carry_over(Evidence(cloze=Records(*records(kinds, n_seeds)))).verdict

    dense = (1.5, 0.7)
    assert carry_over(Evidence()).verdict == "not decided yet"
    assert verdict(dense=dense, mosa=(1.2, 0.6)) == "reproduced small"
    assert verdict(dense=dense, mosa=(1.2, 0.8)) == "contradicted"
    assert verdict(dense=dense, mosa=(1.2, 0.7)) == "not decided yet"
    assert verdict(dense=dense, mosa=(1.6, 0.6)) == "not decided yet"
    assert verdict(1, dense=dense, mosa=(1.2, 0.6)) == "not decided yet"
    found = carry_over(Evidence(cloze=Records(*records({"dense": dense, "mosa": (1.2, 0.6)}))))
    assert "right about recall -0.100 [-0.140, -0.060] of the answers (3 seeds)" in found.words


def test_without_records_there_is_an_empty_table_and_no_figure():
    rows = cloze_rows([], {}, {})
    assert (rows, cloze_table(rows)) == ([], "")
    assert cloze_rows(*recorded_plan("no such folder")) == []
    with pytest.raises(ValueError, match="task must be one of"):
        cloze_accuracy(rows, "recall")


def test_what_chapter_7_and_the_readme_say_holds_of_the_records():
    """Catches prose that new records have made false: who is lowest, and who finds agreement."""
    rows = {row.kind: row for row in cloze_rows(*recorded_cloze()) if row.task == "agreement"}
    mosa, dense = rows["mosa"], rows["dense"]
    assert mosa.seeds == dense.seeds == rows["prefix"].seeds == (0, 1, 2)
    assert min(rows.values(), key=lambda row: row.perplexity["full"]) is mosa
    assert max(rows.values(), key=lambda row: row.perplexity["prefix"]) is mosa
    assert dense.accuracy.mean > 0.95
    assert mosa.accuracy.mean < 0.6
    assert max(mosa.gains) < -0.4
    for control in ("dense_ablation", "prefix"):
        assert rows[control].accuracy.mean > mosa.accuracy.mean + 0.15
        assert min(rows[control].gains) > max(mosa.gains)
