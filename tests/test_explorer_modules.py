"""Protects the explorer's own arithmetic: in the browser it says what Python says."""

import ast
import dataclasses
import itertools
import json
import random

import numpy as np
import pytest
from page_engine import serve_web
from page_words import describe, ranked_picks, word_around
from test_records import make_trace

from mosa_edu.costs import HeadShape, head_flops
from mosa_edu.records import Token
from mosa_edu.viz.words import specialists, token_labels

PIECES = [
    "The",
    " the",
    " of",
    " cat",
    "s",
    ",",
    "\n",
    " and",
    " I",
    "",
    " Rome",
    ".",
    " th",
    "ird",
]
PIECES += [
    " ",
    "\n\n",
    '."',
    " é",
    "\u0301t",
    "Ёлка",
    "ǅ",
    "的",
    "\U0001f600",
    "\u2003",
    " 12",
    "\ufeff",
]
LINK = {
    **{"example": "a", "text": None, "layer": 1, "head": 2, "token": 3, "k": None},
    **{"view": "figure", "map": "picks", "sort": "model", "off": [], "first": None, "tour": 0},
}
WRITTEN = "argument.map((state) => `${new URLSearchParams(m.writeLink(state, 16))}`)"
READ = """await import("/lib/card.js").then(({ fragmentReader }) => {
  const reader = fragmentReader(argument[0]);
  return [m.readLink(reader, argument[1], argument[2]), reader.complaints];
})"""
KNOWN = {"examples": ["a", "b"], "layers": 4, "heads": 16}


@pytest.fixture(scope="module")
def call(chromium):
    """Return a function that evaluates an expression of a module `m` and an `argument`."""
    page = chromium.new_page()
    serve_web(page)

    def evaluate(path, expression, argument=None):
        script = f"""async (argument) => {{
          const m = await import("/{path}");
          return {expression};
        }}"""
        return page.evaluate(script, argument)

    yield evaluate
    page.close()


@pytest.fixture(scope="module")
def call_routing(call):
    """Return a function that evaluates an expression of the `routing` of a trace."""

    def evaluate(trace, expression, k=None, path="explorer/overview.js"):
        script = f"""(async () => {{
          const {{ readTrace }} = await import("/engine/trace.js");
          const {{ sourceOf, withKept, Routing }} = await import("/explorer/view.js");
          const [trace, k] = argument;
          const stored = sourceOf(readTrace(trace), trace.tokens, false);
          const routing = new Routing(k ? withKept(stored, k) : stored);
          return {expression};
        }})()"""
        return call(path, script, [json.loads(trace.to_json()), k])

    return evaluate


def random_cases(count=300):
    rng = random.Random(0)
    for _ in range(count):
        texts = [rng.choice(PIECES) for _ in range(rng.randrange(1, 40))]
        picks = sorted(rng.sample(range(len(texts)), rng.randrange(len(texts) + 1)))
        ranked = rng.sample(picks, len(picks)) if rng.random() < 0.8 else []
        yield texts, picks, ranked


def test_findings_are_the_words_of_python(call):
    cases = list(random_cases())
    expression = "argument.map(([texts, picks, ranked]) => m.describe(texts, 1, 2, picks, ranked))"
    found = call("lib/finding.js", expression, cases)
    for (texts, picks, ranked), said in zip(cases, found, strict=True):
        assert said == dataclasses.asdict(describe(texts, 1, 2, picks, ranked))


def test_labels_and_words_are_those_of_python(call):
    cases = [texts for texts, _, _ in random_cases()]
    words = "texts.map((_, t) => Object.values(m.wordAround(texts, t)))"
    expression = f"argument.map((texts) => [m.tokenLabels(texts), {words}])"
    for texts, said in zip(cases, call("lib/format.js", expression, cases), strict=True):
        around = [list(word_around(texts, t)) for t in range(len(texts))]
        assert said == [token_labels(texts), around]


def test_heads_that_keep_a_kind_are_those_of_python(call):
    rng = random.Random(1)
    for seed in range(4):
        texts = [rng.choice(PIECES) for _ in range(48)]
        tokens = [Token(0, text, 0, 0) for text in texts]
        trace = make_trace(T=48, k=6, layers=3, heads=8, tokens=tokens, seed=seed)
        heads = list(np.ndindex(3, 8))
        rows = [trace.selected(*at).tolist() for at in heads]
        ranked = [ranked_picks(trace, *at) for at in heads]
        expression = "m.specialists(argument[0], argument[1], 8, (row) => argument[2][row])"
        found = call("lib/finding.js", expression, [texts, rows, ranked])
        assert [tuple(row.values()) for row in found] == [tuple(row) for row in specialists(trace)]


@pytest.mark.parametrize("kind", ["mosa", "fixed"])
def test_costs_are_those_of_python(call, kind):
    grid = itertools.product((64, 128), (16, 32), (8, 64, 109, 256), (2, 8, 32))
    shapes = [HeadShape(d_model=h, d_head=d, seq_len=T, sparsity=s) for h, d, T, s in grid]
    cases = [[s.d_model, s.d_head, s.seq_len, s.slots(kind)] for s in shapes]
    costs = f"m.headFlops('{kind}', {{ width: h, inner: d, T, sparsity: 1 }}, k).total"
    found = call("engine/costs.js", f"argument.map(([h, d, T, k]) => {costs})", cases)
    assert found == [head_flops(kind, shape).total for shape in shapes]


def test_trace_is_read_as_it_was_written(call_routing):
    trace = make_trace(T=40, k=6)
    weights = "Array.from(p, (t) => routing.attention(row, t).map((own) => own.weight))"
    ranks = "trace.tokens.map((_, t) => routing.rank(row, t))"
    facts = f"[Array.from(p), {ranks}, routing.cut(row), {weights}]"
    expression = f"[routing.picks.map((p, row) => {facts}), Array.from(routing.perToken)]"
    rows, per_token = call_routing(trace, expression)
    assert per_token == trace.heads_per_token().tolist()
    for row, (picks, ranks, cut, weights) in enumerate(rows):
        layer, head = divmod(row, trace.heads)
        order, scores = trace.order[layer, head].tolist(), trace.scores[layer, head]
        assert picks == trace.selected(layer, head).tolist()
        assert ranks == [order.index(t) + 1 for t in range(trace.T)]
        assert (cut["last"], cut["first"]) == (order[5], order[6])
        assert bool(cut["tie"]) == bool(scores[order[5]] == scores[order[6]])
        matrix = trace.attention_matrix(layer, head)
        for i, own in enumerate(weights):
            np.testing.assert_allclose(own, matrix[i, : i + 1], atol=1e-6)


@pytest.mark.parametrize("k", [1, 3, 9, 40])
def test_another_k_moves_the_cut_over_the_same_scores(call_routing, k):
    trace = make_trace(T=40, k=6)
    total = "routing.attention(row, t)?.reduce((sum, own) => sum + own.weight, 0)"
    expression = f"routing.picks.map((p, row) => [Array.from(p), Array.from(p, (t) => {total})])"
    for row, (picks, totals) in enumerate(call_routing(trace, expression, k)):
        order = trace.order[divmod(row, trace.heads)]
        assert picks == sorted(order[:k].tolist())
        if k <= 6:  # fewer picks share the weight among themselves
            assert all(abs(sum_ - 1) < 1e-5 or sum_ == 0 for sum_ in totals)
        else:
            assert totals == [None] * k


def random_state(rng):
    state = LINK | {"layer": rng.randrange(4), "head": rng.randrange(16)}
    state |= {"example": rng.choice("ab"), "token": rng.randrange(99), "k": rng.choice([None, 5])}
    state |= {"view": rng.choice(["figure", "table"]), "sort": rng.choice(["model", "similar"])}
    state |= {"map": rng.choice(["picks", "scores"]), "first": rng.choice([None, True, False])}
    state |= {"off": sorted(rng.sample(range(64), 2))}
    if rng.random() < 0.5:
        own = rng.choice(["x", "# & = % + \n\u2028", "</script>", "的 \U0001f600", ""])
        state |= {"example": "a", "text": own}
    return state


def test_links_come_back_as_they_went(call):
    rng = random.Random(2)
    states = [random_state(rng) for _ in range(60)]
    written = call("explorer/link.js", WRITTEN, states)
    for state, fragment in zip(states, written, strict=True):
        assert call("explorer/link.js", READ, [f"#{fragment}", LINK, KNOWN]) == [state, []]


HOSTILE = (
    "ex=__proto__&layer=99&head=-1&tok=NaN&k=1e9&view=<script>&map=constructor&sort=%00",
    "ex=a&layer=%F0%28%8C%28&head=1.5&tok=99999999999999999999&off=9.9 x ..&first=2",
    "layer=0x1&head=+1&tok= 1&k=-0",
    "text=" + "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E" * 9000,
    "layer=1&" + "off=0.0&" * 5000,
)


@pytest.mark.parametrize("fragment", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_links_fall_to_the_defaults_and_say_so(call, fragment):
    state, complaints = call("explorer/link.js", READ, [fragment, LINK, KNOWN])
    assert (state["example"] in KNOWN["examples"], 0 <= state["layer"] < 4) == (True, True)
    assert 0 <= state["head"] < 16
    assert {state["view"], state["map"]} <= {"figure", "table", "picks", "scores"}
    assert all(0 <= row < 64 for row in state["off"])
    assert state["text"] is None or len(state["text"]) <= 4000
    if "text" not in fragment and "off=0.0" not in fragment:
        assert complaints


@pytest.mark.parametrize("fragment", ["", "#", "#section-title", "#fig=3", "#textual"])
def test_ordinary_anchors_are_no_links(call, fragment):
    isLink = "m.Explorer.prototype.isLink(new URLSearchParams(argument.replace('#', '')))"
    assert not call("explorer.js", isLink, fragment)


def test_labels_keep_their_distance_and_stay_near_their_points(call):
    rng = random.Random(3)
    rows = [sorted(rng.uniform(0, 700) for _ in range(rng.randrange(1, 20))) for _ in range(30)]
    wishes = [[{"x": x, "most": 680} for x in xs] for xs in rows]
    found = call("lib/drawing.js", "argument.map((own) => m.placeLabels(own, 20))", wishes)
    for xs, places in zip(rows, found, strict=True):
        assert all(b - a >= 20 - 1e-6 for a, b in itertools.pairwise(places))
        assert max(places) <= 680 + 1e-6
        roomy = all(b - a >= 20 for a, b in itertools.pairwise(xs))
        if roomy and xs[-1] <= 680:
            assert places == pytest.approx(xs)


def test_similar_heads_stand_together_and_every_head_stays(call_routing):
    trace = make_trace(T=40, k=6, layers=2, heads=8)
    order = call_routing(trace, "m.bySimilarity(routing)")
    assert sorted(order) == list(range(16))
    picked = trace.selected_mask().reshape(16, -1).astype(int)
    shared = picked @ picked.T
    assert order[0] == shared.sum(axis=1).argmin()
    for i, row in enumerate(order[:-1]):
        assert shared[row, order[i + 1]] == max(shared[row, other] for other in order[i + 1 :])


def test_python_strings_are_what_they_were(call):
    texts = ["plain", 'quo"te', "back\\slash", "new\nline\r\t\x00", "的 é", "\U0001f600\u2028", "'"]
    literals = call("lib/export.js", "argument.map(m.pythonString)", texts)
    assert [ast.literal_eval(literal) for literal in literals] == texts
    assert all(literal.isascii() for literal in literals)


def test_only_the_latest_work_goes_on(call):
    """Catches an answer to an earlier question that arrives after that to a later one."""
    answers = """(async () => {
      const work = new m.Latest();
      const pause = () => new Promise((done) => setTimeout(done, 30));
      const first = work.run((signal) => pause().then(() => signal.throwIfAborted() ?? "first"));
      const second = work.run(async () => "second");
      const broken = work.run(async () => { throw new RangeError("third"); });
      return [await first, await second, await broken.catch((error) => error.message)];
    })()"""
    assert call("engine/run_in_chunks.js", answers) == [None, "second", "third"]
