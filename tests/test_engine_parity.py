"""Protects the page's engine: it equals PyTorch in selections and logits, on any text."""

import dataclasses

import numpy as np
import pytest
import torch
from page_engine import floats, random_model, texts, well_formed
from torch.nn import functional as F

from mosa_edu.config import PRESETS
from mosa_edu.costs.flops import capacity
from mosa_edu.data.tokenizer import _PRE_TOKENIZER, Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.pretrained import PRETRAINED, load_page_model, pretrained_path, save_page_model
from mosa_edu.texts import PROBES
from mosa_edu.tracing import ActivationCache

LOGIT_TOLERANCE = 2e-3
SCORE_TOLERANCE = 1e-6
POSITIONS = 6
FORWARD = """([ids, options]) => {
  const run = engine.forward(ids, options);
  run.meanLoss();
  return {
    picks: run.layers.map((layer) => layer.picks.map((own) => Array.from(own))),
    logits: options.positions.map((t) => base64(run.logits(t, 1))),
    losses: base64(run.losses),
  };
}"""


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train(PROBES.values(), PRESETS["micro"].vocab_size)


@pytest.fixture
def page(engine_page):
    return engine_page


@pytest.fixture
def opened(page, tokenizer, tmp_path):
    """Return a function that writes a model, opens it in the page and loads it in Python."""

    def open_model(model):
        path = tmp_path / "model.safetensors"
        save_page_model(model, tokenizer, path, {"seed": 0}, name="micro")
        page.open(path)
        return load_page_model(path)[0]

    return open_model


def recorded(model, ids):
    """Return logits (T, V), and by layer the router scores and the picks of every head."""
    recording = ActivationCache()
    with torch.no_grad():
        logits = model(torch.tensor([ids]), record=recording)[0]
    scores, picks = [], []
    for layer in range(model.config.n_layers):
        router = recording.tensors.get((layer, "router"))
        scores.append(router["router_logits"][0].sigmoid().tolist() if router else None)
        sparse = recording.tensors.get((layer, "sparse"))
        indices = sparse["indices"][0] if sparse else torch.zeros(0, 0)
        valid = sparse["valid"][0] if sparse and "valid" in sparse else indices >= 0
        picks.append([row[own].tolist() for row, own in zip(indices, valid, strict=True)])
    return logits, scores, picks


def excused(config, ours, theirs, scores):
    """Whether two choices differ only where float scores that are next to equal decide."""
    differing = sorted(set(ours) ^ set(theirs))
    if config.sparse == "prefix":  # each token stood before a bar of its own, and before a door
        slots = capacity(config.max_seq_len, config.sparsity, config.capacity_factor)
        full = max(len(ours), len(theirs)) == slots  # a tie let in shuts a later token out
        decided = differing[:1] if full else differing
        return all(prefix_margin(scores, t, config.sparsity) < SCORE_TOLERANCE for t in decided)
    own = [scores[t] for t in differing]
    return len(ours) == len(theirs) and max(own) - min(own) < SCORE_TOLERANCE


def prefix_margin(scores, t, sparsity):
    """How far token t was from the earlier score that it had to beat; infinite if it had none."""
    quota = -(-(t + 1) // sparsity)
    return abs(scores[t] - sorted(scores[:t])[-quota]) if t >= quota else float("inf")


def run_both(page, model, ids, options):
    """Run a text in both; return PyTorch's logits, the page's result and the heads excused.

    What follows a choice among equals may differ too: there the page takes PyTorch's choice, and
    everything else is compared again.
    """
    logits, scores, picks = recorded(model, ids)
    forced = {}
    while True:
        force = [{"layer": at[0], "head": at[1], "positions": own} for at, own in forced.items()]
        result = page.call(FORWARD, [ids, {**options, "force": force}])
        found = result["picks"]
        heads = [(layer, head) for layer, own in enumerate(picks) for head in range(len(own))]
        differing = [at for at in heads if found[at[0]][at[1]] != picks[at[0]][at[1]]]
        if not differing:
            return logits, result, len(forced)
        for layer, head in differing:
            if layer == differing[0][0]:
                ours, theirs = found[layer][head], picks[layer][head]
                own = scores[layer][head]
                assert excused(model.config, ours, theirs, own), (layer, head, ours, theirs)
                forced[layer, head] = theirs


def compare(page, model, ids, **options):
    """Hold one text against PyTorch; return how many heads had to be excused."""
    T = len(ids)
    positions = sorted({0, T - 1, *np.linspace(0, T - 1, POSITIONS).astype(int).tolist()})
    logits, result, excuses = run_both(page, model, ids, {"positions": positions, **options})
    for t, row in zip(positions, result["logits"], strict=True):
        assert np.abs(floats(row) - logits[t].numpy()).max() <= LOGIT_TOLERANCE
    if T > 1:
        losses = F.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none").numpy()
        assert np.abs(floats(result["losses"]) - losses).max() <= LOGIT_TOLERANCE
    return excuses


def hold_all_texts(page, model, tokenizer, capsys):
    """Compare every text; fewer than 1 % of the selections may need an excuse."""
    config = model.config
    cut = [tokenizer.encode(well_formed(text))[: config.max_seq_len] for text in texts()]
    excuses = sum(compare(page, model, ids) for ids in cut)
    selections = len(cut) * config.n_layers * config.n_sparse_heads
    with capsys.disabled():  # seen in every run, passed or not
        print(f"\n{len(cut)} texts: {excuses} of {selections} selections are ties that fell apart")
    assert len(cut) >= 200
    assert {1, config.max_seq_len} <= {len(ids) for ids in cut}
    assert excuses < 0.01 * selections


def test_engine_equals_pytorch_on_every_sort_of_text(page, opened, tokenizer, capsys):
    hold_all_texts(page, opened(random_model()), tokenizer, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRETRAINED)
def test_shipped_model_in_the_page_equals_pytorch(page, capsys, name):
    page.open(pretrained_path(name))
    hold_all_texts(page, *load_page_model(pretrained_path(name)), capsys)


@pytest.mark.parametrize(
    "changes",
    [
        {"sparse": "fixed"},
        {"sparse": "prefix"},
        {"sparse": "prefix", "capacity_factor": 1.0},
        {"sparse": "threshold"},
        {"include_first": True},
        {"n_dense_heads": 0},
        {"n_sparse_heads": 0},
        {"n_local_heads": 2, "n_dense_heads": 0, "local_window": 5},
        {"tie_embeddings": False, "rotate_fraction": 0.0, "d_ff": 50, "n_sparse_heads": 3},
        {"sparsity": 64, "d_head": 10, "n_dense_heads": 3, "rope_base": 500.0},
    ],
    ids=str,
)
def test_every_head_kind_of_the_page_equals_pytorch(page, opened, tokenizer, changes):
    model = opened(random_model(**changes))
    for text in [*PROBES.values(), "a", "the the the"]:
        compare(page, model, tokenizer.encode(text)[:64])


@pytest.mark.parametrize("rule", ["prefix", "threshold"])
def test_other_rules_run_on_the_same_weights(page, opened, tokenizer, rule):
    opened(random_model())
    thresholds = page.call("() => engine.thresholds")
    other = random_model(sparse=rule)
    weights = random_model().half().float().state_dict()
    if rule == "threshold":
        for layer, cuts in enumerate(thresholds):
            at = f"blocks.{layer}.attention.sparse.selector."
            weights |= {f"{at}threshold": torch.tensor(cuts), f"{at}updates": torch.tensor(1)}
    other.load_state_dict(weights)
    for text in PROBES.values():
        compare(page, other, tokenizer.encode(text)[:64], rule=rule)


def test_options_equal_a_model_that_was_built_so(page, opened, tokenizer):
    model = opened(random_model())
    ids = tokenizer.encode(PROBES["night"])[:64]
    halved = TransformerLM(dataclasses.replace(model.config, sparsity=8)).eval()
    halved.load_state_dict(model.state_dict())
    compare(page, halved, ids, k=8)
    first = TransformerLM(dataclasses.replace(model.config, include_first=True)).eval()
    first.load_state_dict(model.state_dict())
    compare(page, first, ids, includeFirst=True)
    with torch.no_grad():
        model.blocks[1].attention.sparse.w_out[2] = 0
        model.blocks[0].attention.dense.out.weight[:, :16] = 0
    off = [{"layer": 1, "head": 2}, {"layer": 0, "head": 0, "kind": "dense"}]
    compare(page, model, ids, ablate=off)


def test_a_run_that_starts_from_another_equals_a_run_from_scratch(page, opened, tokenizer):
    opened(random_model())
    same = page.call(
        """(ids) => {
          const base = engine.forward(ids);
          const losses = (options) => {
            const run = engine.forward(ids, options);
            run.meanLoss();
            return run.layers.length === 2 && base64(run.losses);
          };
          const heads = [0, 1].map((layer) => ({ layer, head: 1 }));
          const cases = [
            ...heads.map((own) => ({ ablate: [own] })),
            ...heads.map((own) => ({ force: [{ ...own, positions: [5, 1, 1] }] })),
            {},
          ];
          return cases.map((own) => losses(own) === losses({ ...own, base }));
        }""",
        tokenizer.encode(PROBES["list"])[:64],
    )
    assert same == [True] * 5


def test_equal_words_have_equal_scores_and_the_earlier_one_wins(page, opened, tokenizer):
    opened(random_model())
    scores, picks = page.call(
        """(ids) => {
          const [layer] = engine.forward(ids).layers;
          return [new Set(layer.scores.subarray(0, ids.length)).size, Array.from(layer.picks[0])];
        }""",
        tokenizer.encode(" clock" * 80)[:50],
    )
    assert scores == 1
    assert picks == list(range(12))


def test_page_reads_the_predictions_of_one_position_before_the_rest(page, opened, tokenizer):
    opened(random_model())
    before, after, truth, last = page.call(
        """async (ids) => {
          const run = engine.forward(ids);
          const before = [run.next(20), run.truth(20)];
          await mosa.runInChunks(run.readSteps());
          const after = [run.next(20), run.truth(20)];
          return [before, after, run.truth(20), run.truth(ids.length - 1)];
        }""",
        tokenizer.encode(PROBES["heads"])[:64],
    )
    assert before == after
    assert len(before[0]) == 5
    assert before[0][0]["probability"] >= before[0][1]["probability"]
    assert truth["probability"] == pytest.approx(np.exp(-truth["loss"]))
    assert last is None


def test_work_in_steps_gives_way_and_can_be_given_up(page, opened, tokenizer):
    opened(random_model())
    same, turns, error = page.call(
        """async (ids) => {
          let turns = 0;
          const timer = setInterval(() => turns++, 0);
          const run = await mosa.runInChunks(engine.steps(ids), undefined, 0);
          await mosa.runInChunks(run.readSteps(), undefined, 0);
          clearInterval(timer);
          const other = engine.forward(ids);
          const control = new AbortController();
          const given = mosa.runInChunks(engine.steps(ids), control.signal, 0);
          control.abort();
          const error = await given.catch((reason) => reason.name);
          return [run.meanLoss() === other.meanLoss(), turns, error];
        }""",
        tokenizer.encode(PROBES["heads"])[:64],
    )
    assert same
    assert turns > 0
    assert error == "AbortError"


@pytest.mark.parametrize("ids", [[], [1] * 65])
def test_engine_refuses_texts_that_the_model_cannot_read(page, opened, ids):
    opened(random_model())
    with pytest.raises(Exception, match=f"reads 1 to 64 tokens, not {len(ids)}"):
        page.call("(ids) => engine.forward(ids)", ids)


def test_no_version_of_a_browser_changes_where_a_text_is_cut(engine_page):
    r"""Every character is a letter, a number or neither, as Python's tokenizer says.

    Catches `\p{L}` in the page: a browser that knows Unicode 17 has more letters and digits.
    """
    kinds = engine_page.call(
        """() => {
          const pattern = mosa.wordPattern();
          const joins = (text) => text.match(pattern).length === 1;
          let kinds = "";
          for (let code = 0; code < 0x110000; code++) {
            if (code >= 0xd800 && code < 0xe000) continue;
            const one = String.fromCodePoint(code);
            kinds += joins("a" + one) ? "L" : joins("1" + one) ? "N" : joins("!" + one) ? "!" : " ";
          }
          return kinds;
        }"""
    )
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert len(kinds) == len(codes)
    cut = _PRE_TOKENIZER.pre_tokenize_str
    sample = [*range(0, 0x3400), *range(0xA000, 0xB000), *range(0xF900, 0x20000, 3)]
    place = {code: number for number, code in enumerate(codes)}
    for code in (code for code in sample if code in place):
        one = chr(code)
        expected = next((kind for mark, kind in MARKS.items() if len(cut(mark + one)) == 1), " ")
        assert kinds[place[code]] == expected, hex(code)


MARKS = {"a": "L", "1": "N", "!": "!"}
"""What joins a character of each kind."""
