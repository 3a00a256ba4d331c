"""Protects the captions of the book's charts: written by hand, and held to the figure below them.

A caption with a number that nobody counts here fails, and so does one that new records made false.
"""

import ast
import base64
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

from mosa_edu.analysis import coin_flip_rows, recorded_bench, recorded_probes, recorded_runs

BOOK = sorted((Path(__file__).resolve().parent.parent / "book").glob("ch*.ipynb"))
NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+|\d+|\.\d+)")
RHO = "\N{GREEK SMALL LETTER RHO}"
PLOTLY = "application/vnd.plotly.v1+json"


class Drawn:
    """What a stored figure draws."""

    def __init__(self, figure):
        self.lines = figure["data"]
        self.named = {line["name"]: line for line in self.lines if "name" in line}
        self.notes = " | ".join(note["text"] for note in figure["layout"].get("annotations", ()))
        self.title = figure["layout"]["title"]["text"]

    def values(self, line, axis="y"):
        line = self.named[line] if isinstance(line, str) else self.lines[line]
        held = line[axis]
        if isinstance(held, dict):
            shape = [int(n) for n in str(held.get("shape", "-1")).split(",")]
            return np.frombuffer(base64.b64decode(held["bdata"]), held["dtype"]).reshape(shape)
        return np.array(held)

    def last(self, *lines, form=".3f", ends=(-1,)):
        return [format(self.values(line)[end], form) for line in lines for end in ends]

    def shares(self, whole, *lines):
        """Shares of lines in another at their first and last place, in percent."""
        ends = [(line, end) for line in lines for end in (0, -1)]
        return [percent(self.values(line)[end], self.values(whole)[end]) for line, end in ends]

    def counts(self):
        """Numbers of pairs or seats that stand above or below panels."""
        found = re.findall(r"([\d,]+) (?:pair|seat)", self.notes)
        return [int(number.replace(",", "")) for number in found]

    def reads(self):
        """Keys that the studied row of each mask may read."""
        return [len(line["text"]) for line in self.lines]


def charts_of_the_book():
    """Return (caption, stored figure) by chapter and chart, a second one with a number."""
    found = {}
    for path in BOOK:
        for cell in nbformat.read(path, 4).cells:
            stored = [
                o.data[PLOTLY] for o in cell.get("outputs", ()) if PLOTLY in o.get("data", {})
            ]
            if not stored:
                continue
            calls = [
                node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)
            ]
            said = [(c.func, k.value) for c in calls for k in c.keywords if k.arg == "caption"]
            assert len(said) == len(stored) == 1, f"{path.stem}: a chart without a caption"
            ((function, caption),) = said
            name = f"{path.stem[:4]} {getattr(function, 'attr', None) or function.id}"
            name += " 2" * (name in found)
            found[name] = ast.literal_eval(caption), Drawn(stored[0])
    return found


def percent(part, whole):
    """A share in percent, with the digits that count."""
    share = 100 * part / whole
    return f"{share:,.0f}" if share >= 9.95 else f"{float(f'{share:.2g}'):.15g}"


def short(weight):
    return f"{weight:.2f}".removeprefix("0")


def of_heat_map(figure):
    """Tokens that heads keep, and how many two of them share, beside chance."""
    H, T = figure.values(0, "z").shape
    picked = np.zeros((H, T), int)
    picked[figure.values(1), figure.values(1, "x")] = 1
    (k,) = set(picked.sum(axis=1))
    shared = (picked @ picked.T).sum() - H * k
    layer = figure.title.partition("layer ")[2][0]
    return [layer, k, T, f"{shared / H / (H - 1):.1f}", f"{k * k / T:.1f}"]


def of_counts(figure):
    """The token that most heads keep; those that none keeps."""
    most = figure.values(-2)
    counts = np.concatenate([figure.values(-3), most, figure.values(-1)])
    where, mean = figure.lines[-2]["x"][most.argmax()].split()[1], counts.mean()
    times = f"{most.max() / mean:.1f}"
    return [where, most.max(), 64, times, f"{mean:.1f}", (counts == 0).sum()]


def of_weights(figure):
    found = [re.fullmatch(r".*weight ([.\d]+)", text)[1] for text in figure.lines[0]["text"]]
    k = int((2 * len(found)) ** 0.5)
    square = np.zeros((k, k))
    square[np.tril_indices(k)] = [float(weight) for weight in found]
    away = np.tril(square, -1)
    marks = [text.partition("<br>")[0] for text in figure.lines[0]["text"]]
    assert marks[found.index(short(away.max()))] == ". → ."
    return ["2", "2", short(np.diag(square)[1:].mean()), short(away.max()), "49", "35"]


def of_dense_map(figure):
    z = np.array(figure.lines[0]["z"], float) / 100
    T = len(z)
    return [short(np.diag(z)[1:].mean()), short(z[1:, 0].mean()), T * (T + 1) // 2, T]


def of_parts(figure):
    first, last = ([f"{figure.values(part)[end]:.2g}" for part in figure.named] for end in (0, -1))
    return [*first[:2], figure.named["attention"]["x"][-1], *last]


def of_multiples(figure):
    lines = ("parameters", "bytes kept", "KV pairs")
    tops = [(figure.values(line).argmax(), line) for line in lines]
    found = [(f"{figure.values(line)[at]:.3g}", figure.values(line, "x")[at]) for at, line in tops]
    return [number for pair in found for number in pair]


def of_losses(figure):
    runs = {run.name: run.validation_loss(256) for run in recorded_runs()}
    names = [
        f"{k}-flops-8-seed0" for k in ("mosa", "prefix", "dense", "random", "routing", "fixed")
    ]
    assert set(figure.named) == set(names)
    return ["256", "0", *(f"{runs[name]:.2f}" for name in names)]


def of_gains(figure):
    seeds = sum("name" not in line for line in figure.lines) // len(figure.named)
    kinds = ("mosa", "prefix", "routing", "fixed", "random")
    tokens = figure.values("mosa", "x")[-1] / 1e6
    return [f"{tokens:.2f}", seeds, *figure.last(*kinds, form="+.3f")]


def of_cloze(figure):
    found = []
    for kind in ("mosa", "dense"):
        name = next(name for name in figure.named if name.startswith(kind))
        right = figure.named[name]["customdata"][0][4]
        found += [name.split()[1], f"{100 * right:.0f}"]
    return [*found, 3]


def of_flips(figure):
    below, others = figure.lines
    floor = float(re.search(r"ln V = ([\d.]+)", figure.notes)[1])
    assert set(below["text"]) == {"mosa"}
    assert "mosa" not in others["text"]
    assert np.abs(np.array(others["x"]) - floor).max() < 1.5e-4
    seeing = [row for row in coin_flip_rows(recorded_probes()) if row.sees_the_future]
    return [len(below["x"]), f"{min(row.stderrs_below for row in seeing):.0f}", "0.0001"]


def of_growing(figure):
    held = [sum(y == 35.5 for y in figure.values(panel)) for panel in (0, 2)]
    return ["36", figure.counts()[0], *held]


def of_decoding(figure):
    kinds = ("fixed", "random", "prefix", "threshold", "token")
    last = {kind: figure.named[kind]["customdata"][-1] for kind in ("dense", *kinds)}
    times = [f"{last[kind][0]:.0f}" for kind in kinds]
    slots = last["dense"][3]
    (fewer,) = {round(slots / last[kind][3]) for kind in kinds}
    sparsity = figure.title.partition("sparsity ")[2][:2]
    return ["8,192", sparsity, *times, f"{slots:,.0f}", fewer]


def of_ablation(figure):
    whole, cut = (
        {name: f"{x:.3f}" for name, x in zip(line["text"], line["x"], strict=True)}
        for line in figure.lines[:2]
    )
    assert whole["12 prefix"] == cut["12 prefix"]
    mosa = [n for name in ("26 mosa", "12 mosa") for n in (name[:2], whole[name], cut[name])]
    return ["12", whole["12 prefix"], *mosa, "2", whole["2 more dense"]]


def of_steps(figure):
    last, tops = [], []
    for line in figure.lines[:2]:
        last.append(f"{line['x'][-1]:.2f}")
        rows = [row for row in recorded_bench("steps").rows if row["pass"] == line["name"]]
        rows = [row for row in rows if (row["T"], row["sparsity"]) == (2048, 8)]
        tops.append(max(rows[1:-1], key=lambda row: row["gain"]))
    assert [row["step"] for row in tops] == ["sort, then triangle", "score the kept"]
    return ["2,048", "8", *last, *(f"{row['gain']:.2f}" for row in tops)]


def of_roof(figure):
    x, y = figure.values(0, "x"), figure.values(0)
    bandwidth, peak = y[0] / x[0], y[1]
    found = [f"{peak:.0f}", f"{bandwidth:.0f}", f"{peak / bandwidth:.1f}"]
    for name in ("dense layer", "straight MoSA", "MoSA layer"):
        at, rate = figure.values(name, "x")[0], figure.values(name)[0]
        found.append(f"{100 * rate / min(peak, bandwidth * at):.0f}")
    return found


def of_stored_pairs(figure):
    first, *others = figure.values("dense", "x") + figure.values("MoSA", "x")
    shares = [(f"{held:,}", percent(abs(held - first), first)) for held in others]
    return [f"{first:,}", *shares[0], *shares[1]]


def of_models(figure):
    """Hybrids below the model that they start from, and below the line of dense ones."""
    size, perplexity = np.log(figure.values("dense", "x")), np.log(figure.values("dense"))
    gained, below = [], []
    for name in set(figure.named) - {"dense"}:
        x, y = np.log(figure.values(name, "x")), np.log(figure.values(name))
        gained += (y[1:] < y[0]).tolist()
        reached = (size[0] <= x) & (x <= size[-1]) & (np.arange(len(x)) > 0)
        below += (y < np.interp(x, size, perplexity))[reached].tolist()
    return [sum(gained), len(gained), sum(below), len(below)]


def of_head_counts(figure):
    mean, seeds = figure.lines
    dense = [run for run in recorded_runs() if run.name.startswith("dense-flops-8")]
    goal = np.mean([run.validation_loss(256) for run in dense])
    losses = dict(zip(mean["x"], mean["y"], strict=True))
    fewest = min(count for count, loss in losses.items() if loss <= goal)
    heads = re.search(r"(\d) dense heads", figure.notes)[1]
    ends = ["2", f"{losses[0]:.3f}", 26, f"{losses[26]:.3f}"]
    return [*ends, f"{goal:.3f}", heads, fewest, len(set(seeds["customdata"]))]


def of_windows(figure):
    counts, reads = figure.counts(), figure.reads()
    assert reads[1:] == [reads[1]] * 3
    return [counts[0], 36, *counts[1:], 30, *reads[:2]]


def of_layers(figure):
    one, two, four, both = figure.reads()
    return [30, one, 1, two, 2, four, 4, both]


def of_mask(figure):
    dense, sparse = figure.counts()
    return [2, 2, int((2 * sparse) ** 0.5), 88, sparse, f"{dense:,}", percent(sparse, dense)]


def of_lengths(figure):
    fixed, ratio = (figure.shares("dense", f"MoSA ({name} fixed)") for name in ("k", RHO))
    return [fixed[0], 256, fixed[1], "65,536", *ratio]


def of_attention(figure):
    first, last = figure.shares("the whole head", "attention")
    return [first, 256, last, "8,192"]


HELD = {
    "ch01 dense_map": of_dense_map,
    "ch01 cost_vs_length": of_attention,
    "ch02 mask_zoo": of_windows,
    "ch02 mask_zoo 2": of_layers,
    "ch03 routing_heatmap": of_heat_map,
    "ch04 selections_per_head": of_counts,
    "ch05 attention_map": of_weights,
    "ch05 selection_mask": of_mask,
    "ch06 cost_vs_length": of_lengths,
    "ch06 cost_parts": of_parts,
    "ch06 equal_flops": of_multiples,
    "ch07 loss_curves": of_losses,
    "ch07 gain_lines": of_gains,
    "ch07 gains_on_rivals": lambda f: ["2,048", 1, *(f"{x:.3f}" for x in f.values(0, "x"))],
    "ch07 gains_by_position": lambda f: [
        *("0", "15", "1,024", "2,047"),
        *f.last("mosa", "fixed", "routing", ends=(0, -1)),
    ],
    "ch07 cloze_accuracy": of_cloze,
    "ch08 routing_heatmap": of_heat_map,
    "ch08 heads_per_token": of_counts,
    "ch09 coin_flip_losses": of_flips,
    "ch10 growing_text": of_growing,
    "ch10 decoding_cost": of_decoding,
    "ch10 ablation_gains": of_ablation,
    "ch11 step_speed": of_steps,
    "ch11 roofline": of_roof,
    "ch11 cost_vs_length": lambda f: [
        *("128", "8,192"),
        *f.shares("dense", "MoSA same heads", "MoSA same FLOPs"),
    ],
    "ch11 cost_of_long_texts": lambda f: [
        *("1,024", "8,192"),
        *f.shares("routing", "mosa", "fixed", "local", "dense"),
        *("11.2", "8,192"),
    ],
    "ch12 kv_pairs": of_stored_pairs,
    "ch12 perplexity_vs_parameters": of_models,
    "ch12 loss_by_heads": of_head_counts,
}
CHARTS = charts_of_the_book()


def test_every_chart_has_a_caption_and_every_caption_is_held():
    assert sorted(CHARTS) == sorted(HELD)


@pytest.mark.parametrize("name", HELD)
def test_numbers_of_a_caption_are_those_of_its_figure(name):
    caption, figure = CHARTS[name]
    assert NUMBER.findall(caption) == [str(number) for number in HELD[name](figure)]
    assert caption.endswith(".")
