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

from mosa_edu.analysis import (
    coin_flip_rows,
    recorded_bench,
    recorded_probes,
    recorded_runs,
    recorded_trace,
)

BOOK = sorted((Path(__file__).resolve().parent.parent / "book").glob("ch*.ipynb"))
NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+|\d+|\.\d+)")
RHO = "\N{GREEK SMALL LETTER RHO}"
PLOTLY = "application/vnd.plotly.v1+json"


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
            said = [
                (call.func, ast.literal_eval(keyword.value))
                for call in calls
                for keyword in call.keywords
                if keyword.arg == "caption"
            ]
            assert len(said) == len(stored) == 1, f"{path.stem}: a chart without a caption"
            ((function, caption),) = said
            name = f"{path.stem[:4]} {getattr(function, 'attr', None) or function.id}"
            found[name + " 2" * (name in found)] = (caption, Drawn(stored[0]))
    return found


class Drawn:
    """What a stored figure draws."""

    def __init__(self, figure):
        self.lines = figure["data"]
        self.notes = [note["text"] for note in figure["layout"].get("annotations", ())]
        self.named = {line["name"]: line for line in self.lines if "name" in line}
        self.title = figure["layout"]["title"]["text"]

    def values(self, line, axis="y"):
        line = self.named[line] if isinstance(line, str) else self.lines[line]
        held = line[axis]
        if isinstance(held, dict):
            shape = [int(n) for n in str(held.get("shape", "-1")).split(",")]
            return np.frombuffer(base64.b64decode(held["bdata"]), held["dtype"]).reshape(shape)
        return np.array(held)

    def ends(self, whole, *lines):
        """Shares of a line in another at its first and last place, in percent."""
        return [
            percent(self.values(line)[end], self.values(whole)[end])
            for line in lines
            for end in (0, -1)
        ]

    def pairs(self):
        """Numbers of pairs or seats that stand above or below panels."""
        return [
            int(n.replace(",", ""))
            for n in re.findall(r"([\d,]+) (?:pair|seat)", " ".join(self.notes))
        ]


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
    bars = figure.lines[-2]
    counts = figure.values(-2)
    top = counts.argmax()
    everything = np.concatenate([figure.values(line) for line in (-3, -2, -1)])
    mean = everything.mean()
    return [
        *(bars["x"][top].split()[1], counts[top], 64),
        *(f"{counts[top] / mean:.1f}", f"{mean:.1f}", (everything == 0).sum()),
    ]


def of_weights(figure):
    found = [re.fullmatch(r".*weight ([.\d]+)", text)[1] for text in figure.lines[0]["text"]]
    k = int((2 * len(found)) ** 0.5)
    square = np.zeros((k, k))
    square[np.tril_indices(k)] = [float(weight) for weight in found]
    own = np.diag(square)[1:].mean()
    away = np.tril(square, -1)
    row, column = np.unravel_index(away.argmax(), away.shape)
    ends = recorded_trace("clocks").selected(2, 2)[[row, column]]
    return ["2", "2", short(own), short(away.max()), *ends]


def of_dense_map(figure):
    z = np.array(figure.lines[0]["z"], float) / 100
    T = len(z)
    return [short(np.diag(z)[1:].mean()), short(z[1:, 0].mean()), T * (T + 1) // 2, T]


def of_parts(figure):
    ends = [[f"{figure.values(part)[end]:.2g}" for part in figure.named] for end in (0, -1)]
    return [*ends[0][:2], figure.named["attention"]["x"][-1], *ends[1]]


def of_multiples(figure):
    found = []
    for line in ("parameters", "bytes kept", "KV pairs"):
        top = figure.values(line).argmax()
        found += [f"{figure.values(line)[top]:.3g}", figure.values(line, "x")[top]]
    return found


def of_losses(figure):
    runs = {run.name: run.validation_loss(256) for run in recorded_runs()}
    kinds = ("mosa", "prefix", "dense", "random", "routing", "fixed")
    assert set(figure.named) == {f"{kind}-flops-8-seed0" for kind in kinds}
    return ["256", "0", *(f"{runs[f'{kind}-flops-8-seed0']:.2f}" for kind in kinds)]


def of_gains(figure):
    kinds = ("mosa", "prefix", "routing", "fixed", "random")
    seeds = sum("name" not in line for line in figure.lines) // len(figure.named)
    tokens = f"{figure.values('mosa', 'x')[-1] / 1e6:.2f}"
    return [tokens, seeds, *(f"{figure.values(kind)[-1]:+.3f}" for kind in kinds)]


def of_riddles(figure):
    mosa, dense = (next(n for n in figure.named if n.startswith(k)) for k in ("mosa", "dense"))
    right = {name: figure.named[name]["customdata"][0][4] for name in (mosa, dense)}
    return [
        *(mosa.split()[1], f"{100 * right[mosa]:.0f}"),
        *(dense.split()[1], f"{100 * right[dense]:.0f}", 3),
    ]


def of_flips(figure):
    below, others = figure.lines
    floor = float(re.search(r"ln V = ([\d.]+)", "".join(figure.notes))[1])
    assert set(below["text"]) == {"mosa"}
    assert "mosa" not in others["text"]
    assert np.abs(np.array(others["x"]) - floor).max() < 1.5e-4
    seeing = [row for row in coin_flip_rows(recorded_probes()) if row.sees_the_future]
    return [len(below["x"]), f"{min(row.stderrs_below for row in seeing):.0f}", "0.0001"]


def of_growing(figure):
    lost = figure.pairs()[0]
    last = [sum(y == 35.5 for y in figure.values(panel)) for panel in (0, 2)]
    return ["36", lost, last[0], last[1]]


def of_decoding(figure):
    kinds = ("fixed", "random", "prefix", "threshold", "token")
    times = [f"{figure.named[kind]['customdata'][-1][0]:.0f}" for kind in kinds]
    held = [figure.named[kind]["customdata"][-1][3] for kind in ("dense", *kinds)]
    (fewer,) = {round(held[0] / other) for other in held[1:]}
    sparsity = figure.title.partition("sparsity ")[2][:2]
    return ["8,192", sparsity, *times, f"{held[0]:,.0f}", fewer]


def of_ablation(figure):
    means = [line for line in figure.lines if "text" in line]  # the others are seeds
    full, prefix = (dict(zip(line["text"], line["x"], strict=True)) for line in means[:2])
    found = []
    for label in ("12 prefix", "26 mosa", "12 mosa", "2 more dense"):
        found += [label.split()[0], f"{full[label]:.3f}"]
        if "mosa" in label:
            found.append(f"{prefix[label]:.3f}")
    assert f"{full['12 prefix']:.3f}" == f"{prefix['12 prefix']:.3f}"
    return found


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
    dense, whole = (figure.values(line, "x") for line in ("dense", "MoSA"))
    held = dense + whole
    return [
        *(f"{held[0]:,}", f"{held[1]:,}", percent(held[0] - held[1], held[0])),
        *(f"{held[2]:,}", percent(held[2] - held[0], held[0])),
    ]


def of_models(figure):
    """Hybrids below the model that they start from, and below the line of dense ones."""
    at = np.log(figure.values("dense", "x")), np.log(figure.values("dense"))
    gained = count = below = reached = 0
    for name in figure.named:
        if name == "dense":
            continue
        (_, first), *hybrids = zip(figure.values(name, "x"), figure.values(name), strict=True)
        for size, perplexity in hybrids:
            count, gained = count + 1, gained + (perplexity < first)
            if at[0][0] <= np.log(size) <= at[0][-1]:
                reached += 1
                below += np.log(perplexity) < np.interp(np.log(size), *at)
    return [gained, count, below, reached]


def of_head_counts(figure):
    mean, seeds = figure.lines
    dense = re.search(r"(\d) dense heads", "".join(figure.notes))[1]
    goal = np.mean(
        [
            run.validation_loss(256)
            for run in recorded_runs()
            if run.name.startswith("dense-flops-8")
        ]
    )
    losses = dict(zip(mean["x"], mean["y"], strict=True))
    fewest = min(count for count, loss in losses.items() if loss <= goal)
    return [
        *("2", f"{losses[0]:.3f}", 26, f"{losses[26]:.3f}", f"{goal:.3f}", dense, fewest),
        len(set(seeds["customdata"])),
    ]


def of_window_masks(figure):
    pairs = figure.pairs()
    reads = [len(line["text"]) for line in figure.lines]
    assert reads[1:] == [reads[1]] * 3
    return [pairs[0], 36, *pairs[1:], 30, reads[0], reads[1]]


def of_stacked_masks(figure):
    reads = [len(line["text"]) for line in figure.lines]
    return [30, reads[0], 1, reads[1], 2, reads[2], 4, reads[3]]


def of_mask(figure):
    dense, sparse = figure.pairs()
    k = int((2 * sparse) ** 0.5)
    return [2, 2, k, 88, sparse, f"{dense:,}", percent(sparse, dense)]


def of_rivals(figure):
    return ["2,048", 1, *(f"{figure.values(0, 'x')[row]:.3f}" for row in (0, 1, 2))]


def of_positions(figure):
    kinds = ("mosa", "fixed", "routing")
    ends = [f"{figure.values(kind)[end]:.3f}" for kind in kinds for end in (0, -1)]
    return ["0", "15", "1,024", "2,047", *ends]


def of_lengths(figure):
    fixed, ratio = (figure.ends("dense", f"MoSA ({name} fixed)") for name in ("k", RHO))
    return [fixed[0], 256, fixed[1], "65,536", *ratio]


def of_long_texts(figure):
    kinds = ("mosa", "fixed", "local", "dense")
    return ["1,024", "8,192", *figure.ends("routing", *kinds), "11.2", "8,192"]


HELD = {
    "ch01 dense_map": of_dense_map,
    "ch01 cost_vs_length": lambda f: [
        *interleaved(f.ends("the whole head", "attention"), (256, "8,192"))
    ],
    "ch02 mask_zoo": of_window_masks,
    "ch02 mask_zoo 2": of_stacked_masks,
    "ch03 routing_heatmap": of_heat_map,
    "ch04 selections_per_head": of_counts,
    "ch05 attention_map": of_weights,
    "ch05 selection_mask": of_mask,
    "ch06 cost_vs_length": of_lengths,
    "ch06 cost_parts": of_parts,
    "ch06 equal_flops": of_multiples,
    "ch07 loss_curves": of_losses,
    "ch07 gain_lines": of_gains,
    "ch07 gains_on_rivals": of_rivals,
    "ch07 gains_by_position": of_positions,
    "ch07 cloze_accuracy": of_riddles,
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
        *f.ends("dense", "MoSA same heads", "MoSA same FLOPs"),
    ],
    "ch11 cost_of_long_texts": of_long_texts,
    "ch12 kv_pairs": of_stored_pairs,
    "ch12 perplexity_vs_parameters": of_models,
    "ch12 loss_by_heads": of_head_counts,
}
CHARTS = charts_of_the_book()


def interleaved(shares, lengths):
    return [word for pair in zip(shares, lengths, strict=True) for word in pair]


def test_every_chart_has_a_caption_and_every_caption_is_held():
    assert sorted(CHARTS) == sorted(HELD)


@pytest.mark.parametrize("name", HELD)
def test_numbers_of_a_caption_are_those_of_its_figure(name):
    caption, figure = CHARTS[name]
    assert NUMBER.findall(caption) == [str(number) for number in HELD[name](figure)]
    assert caption.endswith(".")
