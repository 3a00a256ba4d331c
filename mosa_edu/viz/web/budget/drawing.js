/**
 * A budget drawn: where a head's FLOPs go, what they buy, what is not equal, how it grows.
 * @module
 */

import {
  headFlops,
  headPairs,
  headParameters,
  HEAD_KINDS,
  LONGEST,
  timesFits,
} from "../engine/costs.js";
import { svg } from "../lib/dom.js";
import { count, percent, plural } from "../lib/format.js";
import { SANS } from "../lib/palette.js";

const NUMBERS =
  "No One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen Fifteen Sixteen".split(
    " ",
  );
const UNITS = /** @type {const} */ ([
  [1e12, "trillion"],
  [1e9, "billion"],
  [1e6, "million"],
]);
/** What a head spends FLOPs on. */
export const PARTS = /** @type {const} */ (["projections", "attention", "scoring", "gating"]);

/** @typedef {ReturnType<typeof import("../engine/costs.js").budgetOf>} Budget */
/** @typedef {import("../budget.js").BudgetState} BudgetState */

/** @param {number} value @returns {string} "5.31 million", "12,176" */
export function short(value) {
  const [size, name] = UNITS.find(([least]) => value >= least) ?? [1, ""];
  const digits = value / size;
  return name
    ? `${digits < 999.5 ? digits.toPrecision(3) : count(Math.round(digits))} ${name}`
    : count(value);
}

/** @param {number} part @param {number} whole @returns {string} "79 %", "<0.1 %" */
export const shareOf = (part, whole) =>
  part === 0 ? "0" : part / whole < 0.0005 ? "<0.1\u00a0%" : percent(part / whole);

/** @param {number} ratio @returns {string} "×1.32", "×101" */
export const times = (ratio) =>
  `×${ratio < 99.5 ? ratio.toPrecision(3) : count(Math.round(ratio))}`;

/**
 * @param {string} kind
 * @param {import("../engine/costs.js").Shape} shape
 * @param {boolean} fixedK
 * @returns {number} By what twice the text multiplies the cost of a head.
 */
export function growth(kind, shape, fixedK) {
  const twice = {
    ...shape,
    T: 2 * shape.T,
    sparsity: fixedK ? 2 * shape.sparsity : shape.sparsity,
  };
  return headFlops(kind, twice).total / headFlops(kind, shape).total;
}

/** @param {Budget} budget @param {BudgetState} state @returns {import("../lib/figure.js").Said} */
export function budgetSaid(
  { shape, sparse, bought, slots, pairs, parameters },
  { kind, given, sparsity },
) {
  const name = HEAD_KINDS[kind];
  const share = shareOf(sparse.scoring, sparse.total);
  const scoring = sparse.scoring ? `scoring them all is ${share} of its cost` : "it scores none";
  return {
    who: `${NUMBERS[given] ?? given} dense ${given === 1 ? "head buys" : "heads buy"} `,
    keeps: `${bought ? count(bought) : "no"} ${name} head${bought === 1 ? "" : "s"}`,
    what: ".",
    detail: `At ρ = ${count(sparsity)} a ${name} head works on ${count(slots)} of ${count(shape.T)} tokens; ${scoring}.`,
    spoken: `The model has ${times(parameters[1] / parameters[0])} the parameters and ${times(pairs[1] / pairs[0])} the pairs of keys and values.`,
  };
}

/** @param {Budget} budget @param {BudgetState} state @returns {string[][]} Headings first. */
export function budgetRows(budget, { kind, given }) {
  const { dense, sparse, shape, kept, bought, flops, parameters, pairs, slots, sameParameters } =
    budget;
  const row = (
    /** @type {string} */ name,
    /** @type {number} */ one,
    /** @type {number} */ other,
  ) => [name, count(one), count(other)];
  return [
    ["Quantity", "dense", HEAD_KINDS[kind]],
    row("Tokens that a head projects", shape.T, slots),
    ...PARTS.map((part) => row(`FLOPs of a head: ${part}`, dense[part], sparse[part])),
    row("FLOPs of a head", dense.total, sparse.total),
    row("Parameters of a head", headParameters("dense", shape), headParameters(kind, shape)),
    row("KV pairs of a head", shape.T, headPairs(kind, shape)),
    row("Heads exchanged, same FLOPs", given, bought),
    row("Heads exchanged, same parameters", given, sameParameters),
    row("Heads of a layer", kept + given, kept + bought),
    row("FLOPs of the model", flops[0], flops[1]),
    row("Parameters of the model", parameters[0], parameters[1]),
    row("KV pairs of a layer", pairs[0], pairs[1]),
  ];
}

/**
 * @param {import("../engine/costs.js").Baseline} model
 * @param {BudgetState} state
 * @returns {string} A cell that prints the table.
 */
export const budgetPython = (
  { layers, width, inner, heads, feedforward, vocabulary, tied },
  { kind, tokens, sparsity, given },
) => `from mosa_edu import ModelConfig
from mosa_edu.viz.budget import budget_rows

dense = ModelConfig(
    vocab_size=${vocabulary},
    d_model=${width},
    n_layers=${layers},
    d_head=${inner},
    d_ff=${feedforward},
    max_seq_len=${tokens},
    n_dense_heads=${heads},
    tie_embeddings=${tied ? "True" : "False"},
)
for name, before, after in budget_rows(dense, "${kind}", sparsity=${sparsity}, given=${given}):
    print(f"{name}: {before:,} -> {after:,}")
`;

const LABEL = 112;
const BAR = 24;
const PITCH = 5; // least distance of squares
const COLOURS = /** @type {const} */ ({
  projections: "quiet",
  attention: "dense",
  scoring: "pick",
  gating: "ink",
});

/** @typedef {{nodes: SVGElement[], height: number}} Block */
/** @typedef {{budget: Budget, state: BudgetState, palette: import("../lib/palette.js").Palette}} View */

/** @param {string} words @param {number} x @param {number} y @param {Record<string, any>} [style] */
const say = (words, x, y, style = {}) =>
  svg("text", { "font-family": SANS, "font-size": 12, x, y, ...style }, words);

/** @param {string} words @param {import("../lib/palette.js").Palette} palette */
const heading = (words, palette) =>
  say(words, 0, 12, { fill: palette.ink, "font-weight": 600, "font-size": 14 });

/** @param {View} view @param {number} width @returns {Block} */
function drawParts({ budget, state, palette }, width) {
  const { dense, sparse } = budget;
  const room = width - LABEL;
  const bars = [
    { name: "dense", flops: dense },
    { name: HEAD_KINDS[state.kind], flops: sparse },
  ].flatMap(({ name, flops }, i) => {
    const y = 28 + i * (BAR + 14);
    let before = 0;
    const parts = PARTS.map((part) => {
      const x = LABEL + (room * before) / flops.total;
      before += flops[part];
      const wide = (room * flops[part]) / flops.total;
      return svg("rect", {
        x,
        y,
        width: Math.max(0, wide - (before < flops.total ? 1 : 0)),
        height: BAR,
        fill: palette[COLOURS[part]],
      });
    });
    return [
      say(name, 0, y + 10, { fill: palette.ink, "font-weight": 600 }),
      say(short(flops.total), 0, y + 25, { fill: palette.ink2 }),
      ...parts,
    ];
  });
  const top = 28 + 2 * (BAR + 14) + 8;
  const columns = width < 340 ? 1 : 2;
  const legend = PARTS.flatMap((part, i) => {
    const [x, y] = [(i % columns) * (width / 2), top + Math.floor(i / columns) * 20];
    const shares = `${shareOf(dense[part], dense.total)} → ${shareOf(sparse[part], sparse.total)}`;
    return [
      svg("rect", { x, y, width: 10, height: 10, fill: palette[COLOURS[part]] }),
      say(`${part} ${shares}`, x + 16, y + 10, { fill: palette.ink2 }),
    ];
  });
  return {
    nodes: [heading("Where one head's FLOPs go", palette), ...bars, ...legend],
    height: top + (4 / columns) * 20,
  };
}

/**
 * @param {number} number
 * @param {number} columns
 * @param {number} pitch
 * @param {number} top
 * @returns {string} Path data of squares in rows.
 */
function squares(number, columns, pitch, top) {
  const side = pitch - (pitch > 8 ? 2 : 1);
  let path = "";
  for (let i = 0; i < number; i++)
    path += `M${(i % columns) * pitch} ${top + Math.floor(i / columns) * pitch}h${side}v${side}h${-side}z`;
  return path;
}

/** @param {View} view @param {number} width @param {number} room Height of the squares. @returns {Block} */
function drawHeads({ budget, state, palette }, width, room) {
  const { bought } = budget;
  const most = Math.floor(width / PITCH) * Math.floor(room / PITCH);
  const each =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((size) => bought / size <= most) ??
    10000;
  const drawn = Math.ceil(bought / each);
  const fits = (/** @type {number} */ pitch) =>
    Math.floor(width / pitch) * Math.floor(room / pitch) >= drawn;
  const pitch = [14, 12, 10, 9, 8, 7, 6].find(fits) ?? PITCH;
  const columns = Math.floor(width / pitch);
  const end = 66 + Math.ceil(drawn / columns) * pitch;
  const wide = state.given > 8 ? 7 : 12;
  const unit = each === 1 ? "one square each" : `a square for ${count(each)}`;
  const nodes = [
    heading("Heads of a layer", palette),
    svg("path", { d: squares(state.given, state.given, wide, 28), fill: palette.quiet }),
    say("dense, given up", state.given * wide + 6, 38, { fill: palette.ink2 }),
    svg("path", { d: squares(drawn, columns, pitch, 50), fill: palette.pick }),
    say(`${count(bought)} ${HEAD_KINDS[state.kind]}, ${unit}`, 0, end, { fill: palette.ink2 }),
  ];
  return { nodes, height: end + 8 };
}

/** @param {View} view @param {number} width @returns {Block} */
function drawRest({ budget, state, palette }, width) {
  const measures = [
    ["FLOPs", budget.flops],
    ["Parameters", budget.parameters],
    ["KV pairs a layer", budget.pairs],
  ];
  const rows = /** @type {[string, number[]][]} */ (measures).flatMap(
    ([name, [before, after]], i) => {
      const y = 28 + i * 46;
      const scale = (width - LABEL - 96) / Math.max(before, after);
      const bar = (
        /** @type {number} */ value,
        /** @type {number} */ at,
        /** @type {string} */ fill,
        /** @type {string} */ ink,
        weight = 400,
      ) => [
        svg("rect", { x: LABEL, y: at, width: Math.max(1, value * scale), height: 14, fill }),
        say(short(value), LABEL + value * scale + 6, at + 11, { fill: ink, "font-weight": weight }),
      ];
      return [
        say(name, 0, y + 11, { fill: palette.ink, "font-weight": 600 }),
        say(times(after / before), 0, y + 28, { fill: palette.pick, "font-weight": 600 }),
        ...bar(before, y, palette.dense, palette.ink2),
        ...bar(after, y + 17, palette.pick, palette.ink, 600),
      ];
    },
  );
  const same = `The same parameters would buy ${plural(budget.sameParameters, `${HEAD_KINDS[state.kind]} head`)}.`;
  return {
    nodes: [
      heading("Equal FLOPs, and what is not equal", palette),
      ...rows,
      say(same, 0, 180, { fill: palette.ink2 }),
    ],
    height: 188,
  };
}

/** @param {View} view @param {number} width @returns {Block} */
function drawGrowth({ budget, state, palette }, width) {
  const { kind, by, k, sparsity } = state;
  const [top, bottom, right] = [30, 132, width - 4];
  const lengths = Array.from({ length: 14 }, (_, i) => 16 << i);
  const at = (/** @type {number} */ T) => ({
    ...budget.shape,
    T,
    sparsity: by === "k" ? Math.max(1, timesFits(T, k)) : Math.min(sparsity, T),
  });
  const cost = (/** @type {string} */ name, /** @type {number} */ T) =>
    Math.log(headFlops(name, at(T)).total);
  const values = lengths.flatMap((T) => [cost("dense", T), cost(kind, T)]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (/** @type {number} */ T) => (right * Math.log2(T / 16)) / Math.log2(LONGEST / 16);
  const y = (/** @type {string} */ name, /** @type {number} */ T) =>
    bottom - ((bottom - top) * (cost(name, T) - low)) / (high - low);
  const line = (/** @type {string} */ name, /** @type {string} */ stroke) =>
    svg("path", {
      d: `M${lengths.map((T) => `${x(T).toFixed(1)} ${y(name, T).toFixed(1)}`).join("L")}`,
      fill: "none",
      stroke,
      "stroke-width": 2,
    });
  const T = budget.shape.T;
  const dot = (/** @type {string} */ name) =>
    svg("circle", { cx: x(T), cy: y(name, T), r: 4, fill: palette.cursor });
  const tick = (/** @type {number} */ length) =>
    say(count(length), x(length), bottom + 16, {
      fill: palette.ink2,
      "font-size": 11,
      "text-anchor": "middle",
    });
  const twice = `T doubled: ${times(growth(kind, at(T), by === "k"))}, dense ${times(growth("dense", at(T), false))}`;
  const nodes = [
    heading(`Cost by length, ${by === "k" ? "k" : "ρ"} fixed`, palette),
    svg("path", { d: `M0 ${bottom}H${right}M${x(T)} ${top}V${bottom}`, stroke: palette.rule }),
    line("dense", palette.quiet),
    line(kind, palette.pick),
    dot("dense"),
    dot(kind),
    say("dense", x(1024) - 4, y("dense", 1024) - 12, { fill: palette.ink2, "text-anchor": "end" }),
    say(HEAD_KINDS[kind], right, Math.min(y(kind, LONGEST) + 22, bottom - 4), {
      fill: palette.pick,
      "font-weight": 600,
      "text-anchor": "end",
    }),
    ...[256, 4096, 65536].map(tick),
    say(twice, 0, 180, { fill: palette.ink2 }),
  ];
  return { nodes, height: 188 };
}

/**
 * @param {View} view
 * @param {number} width
 * @returns {{nodes: SVGElement[], width: number, height: number}}
 */
export function drawBudget(view, width) {
  const stacked = width < 520;
  const [left, right] = stacked
    ? [width, width]
    : [Math.round(width * 0.6), Math.round(width * 0.4) - 24];
  const parts = drawParts(view, left);
  const blocks = [
    parts,
    drawHeads(view, right, stacked ? 130 : parts.height - 74),
    drawRest(view, left),
    drawGrowth(view, right),
  ];
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
