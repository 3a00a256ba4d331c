// A budget drawn and in words: where a head's FLOPs go, what they buy, what is not equal, how it grows.

import {
  HEAD_KINDS,
  headFlops,
  headPairs,
  headParameters,
  LONGEST,
  timesFits,
} from "../engine/costs.js";
import { svg } from "../lib/dom.js";
import { circle, line, path, rect } from "../lib/drawing.js";
import { pythonCell } from "../lib/export.js";
import { count, percent, plural } from "../lib/format.js";
import { SANS } from "../lib/palette.js";

/** @typedef {import("../lib/palette.js").Palette} Palette */
/** @typedef {import("../budget.js").BudgetState} BudgetState */
/** @typedef {import("../engine/costs.js").Shape} Shape */
/** @typedef {ReturnType<typeof import("../engine/costs.js").budgetOf>} Budget */
/** @typedef {{nodes: SVGElement[], height: number}} Block */
/** @typedef {{budget: Budget, state: BudgetState, palette: Palette}} View */

const LABEL = 112;
const BAR = 24;
const PITCH = 5; // least distance of squares

/** What a head spends FLOPs on, and in which colour that is drawn. */
const COLOURS = /** @type {const} */ ({
  projections: "quiet",
  attention: "dense",
  scoring: "pick",
  gating: "ink",
});
const PARTS = /** @type {(keyof typeof COLOURS)[]} */ (Object.keys(COLOURS));
const NUMBERS =
  "No One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen Fifteen Sixteen"
    .split(" ");
const UNITS = /** @type {const} */ ([[1e12, "trillion"], [1e9, "billion"], [1e6, "million"]]);

/** @param {number} value @returns {string} "5.31 million", "12,176" */
function short(value) {
  const [size, name] = UNITS.find(([least]) => value >= least) ?? [1, ""];
  const digits = value / size;
  if (!name) return count(value);
  return `${digits < 999.5 ? digits.toPrecision(3) : count(Math.round(digits))} ${name}`;
}

/** @param {number} part @param {number} whole @returns {string} "79 %", "<0.1 %" */
const shareOf = (part, whole) =>
  part === 0 ? "0" : part / whole < 0.0005 ? "<0.1\u00a0%" : percent(part / whole);

/** @param {number} ratio @returns {string} "×1.32", "×101" */
const times = (ratio) => `×${ratio < 99.5 ? ratio.toPrecision(3) : count(Math.round(ratio))}`;

/** @param {string} kind @param {Shape} shape @param {boolean} fixedK By what twice the text multiplies the cost of a head. */
function growth(kind, shape, fixedK) {
  const sparsity = fixedK ? 2 * shape.sparsity : shape.sparsity;
  const twice = headFlops(kind, { ...shape, T: 2 * shape.T, sparsity });
  return twice.total / headFlops(kind, shape).total;
}

/** @param {Budget} budget @param {BudgetState} state @returns {import("../lib/figure.js").Said} */
export function budgetSaid(budget, { kind, given, sparsity }) {
  const { shape, sparse, bought, slots, pairs, parameters } = budget;
  const name = HEAD_KINDS[kind].label;
  const share = shareOf(sparse.scoring, sparse.total);
  const scoring = sparse.scoring ? `scoring them all is ${share} of its cost` : "it scores none";
  const works = `a ${name} head works on ${count(slots)} of ${count(shape.T)} tokens`;
  const [more, held] = [parameters, pairs].map(([before, after]) => times(after / before));
  return {
    who: `${NUMBERS[given] ?? given} dense ${given === 1 ? "head buys" : "heads buy"} `,
    keeps: `${bought ? count(bought) : "no"} ${name} head${bought === 1 ? "" : "s"}`,
    what: ".",
    detail: `At ρ = ${count(sparsity)} ${works}; ${scoring}.`,
    spoken: `The model has ${more} the parameters and ${held} the pairs of keys and values.`,
  };
}

/** @param {Budget} budget @param {BudgetState} state @returns {string[][]} Headings first. */
export function budgetRows(budget, { kind, given }) {
  const { dense, sparse, shape, kept, bought, flops, parameters, pairs } = budget;
  /** @type {[string, number, number][]} */
  const rows = [
    ["Tokens that a head projects", shape.T, budget.slots],
    ...PARTS.map((part) => /** @type {[string, number, number]} */ ([
      `FLOPs of a head: ${part}`,
      dense[part],
      sparse[part],
    ])),
    ["FLOPs of a head", dense.total, sparse.total],
    ["Parameters of a head", headParameters("dense", shape), headParameters(kind, shape)],
    ["KV pairs of a head", shape.T, headPairs(kind, shape)],
    ["Heads exchanged, same FLOPs", given, bought],
    ["Heads exchanged, same parameters", given, budget.sameParameters],
    ["Heads of a layer", kept + given, kept + bought],
    ["FLOPs of the model", flops[0], flops[1]],
    ["Parameters of the model", parameters[0], parameters[1]],
    ["KV pairs of a layer", pairs[0], pairs[1]],
  ];
  const body = rows.map(([name, one, other]) => [name, count(one), count(other)]);
  return [["Quantity", "dense", HEAD_KINDS[kind].label], ...body];
}

/** @param {import("../engine/costs.js").Baseline} model @param {BudgetState} state @returns {string} A cell that prints the table. */
export function budgetPython(model, { kind, tokens, sparsity, given }) {
  const bought = `"${kind}", sparsity=${sparsity}, given=${given}`;
  return pythonCell(
    "from mosa_edu import ModelConfig",
    "from mosa_edu.viz.components.budget import budget_rows",
    "",
    "dense = ModelConfig(",
    `    vocab_size=${model.vocabulary},`,
    `    d_model=${model.width},`,
    `    n_layers=${model.layers},`,
    `    d_head=${model.inner},`,
    `    d_ff=${model.feedforward},`,
    `    max_seq_len=${tokens},`,
    `    n_dense_heads=${model.heads},`,
    `    tie_embeddings=${model.tied ? "True" : "False"},`,
    ")",
    `for name, before, after in budget_rows(dense, ${bought}):`,
    '    print(f"{name}: {before:,} -> {after:,}")',
  );
}

/** @param {string} words @param {number} x @param {number} y @param {string} fill @param {Record<string, any>} [style] */
const say = (words, x, y, fill, style) =>
  svg("text", { "font-family": SANS, "font-size": 12, x, y, fill, ...style }, words);

const BOLD = { "font-weight": 600 };
const END = { "text-anchor": "end" };

/** @param {string} words @param {Palette} palette */
const heading = (words, { ink }) => say(words, 0, 12, ink, { ...BOLD, "font-size": 14 });

/** @param {View} view @param {number} width @returns {Block} */
function drawParts({ budget, state, palette }, width) {
  const { dense, sparse } = budget;
  const room = width - LABEL;
  const bars = [dense, sparse].flatMap((flops, i) => {
    const y = 28 + i * (BAR + 14);
    let before = 0;
    const parts = PARTS.map((part) => {
      const [x, wide] = [before, flops[part]].map((own) => (room * own) / flops.total);
      before += flops[part];
      const gap = before < flops.total ? 1 : 0;
      return rect(LABEL + x, y, Math.max(0, wide - gap), BAR, palette[COLOURS[part]]);
    });
    return [
      say(i ? HEAD_KINDS[state.kind].label : "dense", 0, y + 10, palette.ink, BOLD),
      say(short(flops.total), 0, y + 25, palette.ink2),
      ...parts,
    ];
  });
  const top = 28 + 2 * (BAR + 14) + 8;
  const columns = width < 340 ? 1 : 2;
  const legend = PARTS.flatMap((part, i) => {
    const [x, y] = [(i % columns) * (width / 2), top + Math.floor(i / columns) * 20];
    const shares = [dense, sparse].map((flops) => shareOf(flops[part], flops.total));
    return [
      rect(x, y, 10, 10, palette[COLOURS[part]]),
      say(`${part} ${shares.join(" → ")}`, x + 16, y + 10, palette.ink2),
    ];
  });
  const nodes = [heading("Where one head's FLOPs go", palette), ...bars, ...legend];
  return { nodes, height: top + (4 / columns) * 20 };
}

/** @param {number} number @param {number} columns @param {number} pitch @param {number} top @returns {string} Path data of squares in rows. */
function squares(number, columns, pitch, top) {
  const side = pitch - (pitch > 8 ? 2 : 1);
  const square = `h${side}v${side}h${-side}z`;
  const place = (/** @type {number} */ i) =>
    `M${(i % columns) * pitch} ${top + Math.floor(i / columns) * pitch}`;
  return Array.from({ length: number }, (_, i) => place(i) + square).join("");
}

/** @param {View} view @param {number} width @param {number} room Height of the squares. @returns {Block} */
function drawHeads({ budget, state, palette }, width, room) {
  const { bought } = budget;
  const { given } = state;
  const fits = (/** @type {number} */ pitch) =>
    Math.floor(width / pitch) * Math.floor(room / pitch);
  const sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
  const each = sizes.find((size) => bought / size <= fits(PITCH)) ?? 10000;
  const drawn = Math.ceil(bought / each);
  const pitch = [14, 12, 10, 9, 8, 7, 6].find((own) => fits(own) >= drawn) ?? PITCH;
  const columns = Math.floor(width / pitch);
  const end = 66 + Math.ceil(drawn / columns) * pitch;
  const wide = given > 8 ? 7 : 12;
  const unit = each === 1 ? "one square each" : `a square for ${count(each)}`;
  const nodes = [
    heading("Heads of a layer", palette),
    path(squares(given, given, wide, 28), { fill: palette.quiet }),
    say("dense, given up", given * wide + 6, 38, palette.ink2),
    path(squares(drawn, columns, pitch, 50), { fill: palette.pick }),
    say(`${count(bought)} ${HEAD_KINDS[state.kind].label}, ${unit}`, 0, end, palette.ink2),
  ];
  return { nodes, height: end + 8 };
}

/** @param {View} view @param {number} width @returns {Block} */
function drawRest({ budget, state, palette }, width) {
  const { flops, parameters, pairs, sameParameters } = budget;
  const measures = { FLOPs: flops, Parameters: parameters, "KV pairs a layer": pairs };
  const rows = Object.entries(measures).flatMap(([name, [before, after]], i) => {
    const y = 28 + i * 46;
    const scale = (width - LABEL - 96) / Math.max(before, after);
    /** @param {number} value @param {number} at @param {string} fill @param {string} ink @param {Record<string, any>} [style] */
    const bar = (value, at, fill, ink, style) => [
      rect(LABEL, at, Math.max(1, value * scale), 14, fill),
      say(short(value), LABEL + value * scale + 6, at + 11, ink, style),
    ];
    return [
      say(name, 0, y + 11, palette.ink, BOLD),
      say(times(after / before), 0, y + 28, palette.pick, BOLD),
      ...bar(before, y, palette.dense, palette.ink2),
      ...bar(after, y + 17, palette.pick, palette.ink, BOLD),
    ];
  });
  const heads = plural(sameParameters, `${HEAD_KINDS[state.kind].label} head`);
  const same = say(`The same parameters would buy ${heads}.`, 0, 180, palette.ink2);
  return {
    nodes: [heading("Equal FLOPs, and what is not equal", palette), ...rows, same],
    height: 188,
  };
}

/** @param {View} view @param {number} width @returns {Block} */
function drawGrowth({ budget, state, palette }, width) {
  const { kind, by, k, sparsity } = state;
  const isFixedK = by === "k";
  const [top, bottom, right] = [30, 132, width - 4];
  const { T } = budget.shape;
  const lengths = Array.from({ length: 14 }, (_, i) => 16 << i);
  const at = (/** @type {number} */ length) => {
    const rate = isFixedK ? Math.max(1, timesFits(length, k)) : Math.min(sparsity, length);
    return { ...budget.shape, T: length, sparsity: rate };
  };
  /** @param {string} name @param {number} length */
  const cost = (name, length) => Math.log(headFlops(name, at(length)).total);
  const values = ["dense", kind].flatMap((name) => lengths.map((length) => cost(name, length)));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (/** @type {number} */ length) =>
    (right * Math.log2(length / 16)) / Math.log2(LONGEST / 16);
  /** @param {string} name @param {number} length */
  const y = (name, length) => bottom - ((bottom - top) * (cost(name, length) - low)) / (high - low);
  /** @param {string} name @param {string} stroke */
  const curve = (name, stroke) => {
    const points = lengths.map((own) => `${x(own).toFixed(1)} ${y(name, own).toFixed(1)}`);
    return line(`M${points.join("L")}`, stroke, { "stroke-width": 2 });
  };
  const tick = { "font-size": 11, "text-anchor": "middle" };
  const [own, dense] = [growth(kind, at(T), isFixedK), growth("dense", at(T), false)];
  const last = Math.min(y(kind, LONGEST) + 22, bottom - 4);
  const nodes = [
    heading(`Cost by length, ${isFixedK ? "k" : "ρ"} fixed`, palette),
    path(`M0 ${bottom}H${right}M${x(T)} ${top}V${bottom}`, { stroke: palette.rule }),
    curve("dense", palette.quiet),
    curve(kind, palette.pick),
    ...["dense", kind].map((name) => circle(x(T), y(name, T), 4, { fill: palette.cursor })),
    say("dense", x(1024) - 4, y("dense", 1024) - 12, palette.ink2, END),
    say(HEAD_KINDS[kind].label, right, last, palette.pick, { ...BOLD, ...END }),
    ...[256, 4096, 65536].map((own) => say(count(own), x(own), bottom + 16, palette.ink2, tick)),
    say(`T doubled: ${times(own)}, dense ${times(dense)}`, 0, 180, palette.ink2),
  ];
  return { nodes, height: 188 };
}

/** @param {View} view @param {number} width */
export function drawBudget(view, width) {
  const stacked = width < 520;
  const wide = Math.round(width * 0.4) - 24;
  const [left, right] = stacked ? [width, width] : [Math.round(width * 0.6), wide];
  const parts = drawParts(view, left);
  const heads = drawHeads(view, right, stacked ? 130 : parts.height - 74);
  const blocks = [parts, heads, drawRest(view, left), drawGrowth(view, right)];
  const gap = 24;
  let y = 0;
  const nodes = blocks.map(({ nodes: own, height }, i) => {
    const isRight = !stacked && i % 2 === 1;
    const place = `translate(${isRight ? width - right : 0} ${y})`;
    if (stacked || isRight) y += Math.max(height, stacked ? 0 : blocks[i - 1].height) + gap;
    return svg("g", { transform: place }, ...own);
  });
  return { nodes, width, height: y - gap };
}
