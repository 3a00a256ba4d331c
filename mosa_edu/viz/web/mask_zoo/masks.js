/**
 * The six rules, recomputed for any length and sparsity as `mosa_edu.viz.mask_zoo` has them.
 * @module
 */

import { svg } from "../lib/dom.js";
import { count, headName, plural } from "../lib/format.js";
import { SANS } from "../lib/palette.js";

export const NAMES = /** @type {const} */ ({
  dense: "Dense",
  local: "Local",
  fixed: "Fixed",
  random: "Random",
  mosa: "MoSA",
  prefix: "Prefix top-k",
});

/** @typedef {keyof typeof NAMES} MaskName */

/**
 * What the rules look at.
 * @typedef {Object} ZooText
 * @property {number} T Tokens read, from the first.
 * @property {number} length Tokens of the whole text; a window is a share of it.
 * @property {number} sparsity
 * @property {number} seed Of the random draw.
 * @property {ArrayLike<number>} order All positions of the text from the best score to the worst.
 */

/**
 * Who may look at whom: either a window, or all pairs among the kept tokens.
 * @typedef {Object} ZooMask
 * @property {MaskName} name
 * @property {string} rule
 * @property {number} window Tokens that a query sees back to, itself included; 0 where tokens are kept.
 * @property {number[]} kept Ascending.
 */

/** @param {number} T @param {number} sparsity @returns {number} Tokens of a fixed quota. */
export const quota = (T, sparsity) => Math.min(Math.max(Math.floor(T / sparsity), 2), T);

/** @param {number} number @returns {number} Its bits mixed: MurmurHash3's finaliser. */
function scramble(number) {
  number = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  number = Math.imul(number ^ (number >>> 13), 0xc2b2ae35);
  return (number ^ (number >>> 16)) >>> 0;
}

/** @param {ZooText} text @returns {number[]} One position of each run, as `RandomChoice` draws for head 0. */
function drawn({ T, sparsity, seed }) {
  const state = scramble(scramble(scramble(seed ^ 0x9e3779b9)));
  const runs = Array.from({ length: Math.ceil(T / sparsity) }, (_, run) => run);
  return runs
    .map((run) => run * sparsity + (scramble(state ^ run) % sparsity))
    .filter((t) => t < T);
}

/** @param {ZooText} text @returns {number[]} Tokens among the best of those up to themselves. */
function bestSoFar({ T, sparsity, order }) {
  const rank = new Uint16Array(order.length);
  Array.from(order).forEach((t, place) => (rank[t] = place));
  return Array.from({ length: T }, (_, t) => t).filter((t) => {
    const better = rank.subarray(0, t).filter((other) => other < rank[t]).length;
    return better < Math.ceil((t + 1) / sparsity);
  });
}

/** @param {ZooText} text @returns {ZooMask[]} */
export function zooMasks(text) {
  const { T, length, sparsity, order } = text;
  const k = quota(T, sparsity);
  const window = quota(length, sparsity);
  const best = Array.from(order).filter((t) => t < T);
  const strides = Array.from({ length: Math.ceil(T / sparsity) }, (_, i) => i * sparsity);
  const mask = (
    /** @type {MaskName} */ name,
    /** @type {string} */ rule,
    /** @type {number[]} */ kept,
    wide = 0,
  ) => ({ name, rule, kept, window: wide });
  return [
    mask("dense", "every token", [], T),
    mask("local", `the last ${window}`, [], window),
    mask("fixed", `0, ${sparsity}, ${2 * sparsity} …`, strides),
    mask("random", `1 of each ${sparsity}`, drawn(text)),
    mask(
      "mosa",
      `${k} best of all`,
      best.slice(0, k).sort((s, t) => s - t),
    ),
    mask("prefix", "best so far", bestSoFar(text)),
  ];
}

/** @param {ZooMask} mask @param {number} query @returns {number[]} Positions that it may look at. */
export function keysOf({ window, kept }, query) {
  if (window) {
    const first = Math.max(0, query - window + 1);
    return Array.from({ length: query - first + 1 }, (_, i) => first + i);
  }
  return kept.includes(query) ? kept.filter((t) => t <= query) : [];
}

/** @param {ZooMask} mask @param {number} T @returns {number} */
export function pairsOf({ window, kept }, T) {
  const n = window ? Math.min(window, T) : kept.length;
  return (n * (n + 1)) / 2 + (window ? (T - n) * n : 0);
}

/**
 * How many of the first rows change when the text goes on.
 * @param {ZooMask} now
 * @param {ZooMask} later The same rule on the whole text.
 * @param {number} T Rows.
 */
export function changedRows(now, later, T) {
  let rows = 0;
  for (let t = 0; t < T; t++) rows += Number(keysOf(now, t).join() !== keysOf(later, t).join());
  return rows;
}

/** Room at the left for the mark of the row, in tokens of a hundred. */
const MARGIN = 0.05;

/**
 * @param {ZooMask} mask
 * @param {number[]} queries
 * @returns {string} Path data, one box for neighbours in a row.
 */
export function pathOf(mask, queries) {
  let path = "";
  for (const query of queries) {
    const keys = keysOf(mask, query);
    for (let i = 0, start = 0; i < keys.length; i++) {
      if (keys[i + 1] === keys[i] + 1) continue;
      path += `M${keys[start]} ${query}H${keys[i] + 1}v1H${keys[start]}z`;
      start = i + 1;
    }
  }
  return path;
}

/**
 * @param {ZooMask} mask
 * @param {number} T
 * @param {import("../lib/palette.js").Palette} palette
 * @returns {SVGElement[]} All but the row under study.
 */
export function drawMask(mask, T, palette) {
  const rows = Array.from({ length: T }, (_, t) => t);
  const isDense = mask.name === "dense";
  return [
    svg("path", { d: `M0 0V${T}H${T}z`, fill: isDense ? palette.dense : palette.wash }),
    ...(isDense ? [] : [svg("path", { d: pathOf(mask, rows), fill: palette.pick })]),
    svg("rect", {
      width: T,
      height: T,
      fill: "none",
      stroke: palette.rule,
      "stroke-width": 1,
      "vector-effect": "non-scaling-stroke",
    }),
  ];
}

/**
 * @param {ZooMask} mask
 * @param {number} T
 * @param {number} query
 * @param {import("../lib/palette.js").Palette} palette
 * @returns {SVGElement[]} The row under study, and a mark that points at it.
 */
export function drawRow(mask, T, query, palette) {
  const [size, middle] = [T * MARGIN, query + 0.5];
  return [
    svg("rect", { y: query, width: query + 1, height: 1, fill: palette.cursor_wash }),
    svg("path", { d: pathOf(mask, [query]), fill: palette.cursor }),
    svg("path", {
      d: `M${-size} ${middle - size / 2}l${size * 0.8} ${size / 2}l${-size * 0.8} ${size / 2}z`,
      fill: palette.cursor,
    }),
  ];
}

/** @param {number} T @returns {string} */
export const viewBox = (T) => `${-MARGIN * T} 0 ${T * (1 + MARGIN)} ${T}`;

/**
 * @param {ZooMask} mask
 * @returns {string} Whether later tokens can change an earlier row, in words.
 */
export const causality = ({ name }) => (name === "mosa" ? "✕ sees ahead" : "✓ causal");

/**
 * All squares as one drawing, three in a row.
 * @param {ZooMask[]} masks
 * @param {number} T
 * @param {number} query
 * @param {import("../lib/palette.js").Palette} palette
 * @returns {{nodes: SVGElement[], height: number}}
 */
export function drawZoo(masks, T, query, palette) {
  const [side, pitch, high] = [210, 242, 276];
  const nodes = masks.map((mask, i) => {
    const [x, y] = [(i % 3) * pitch + 12, Math.floor(i / 3) * high];
    const say = (
      /** @type {string} */ words,
      /** @type {number} */ at,
      /** @type {string} */ fill,
      weight = 400,
    ) =>
      svg(
        "text",
        { y: at, "font-family": SANS, "font-size": 12, "font-weight": weight, fill },
        words,
      );
    const reads = keysOf(mask, query).length;
    return svg(
      "g",
      { transform: `translate(${x} ${y})` },
      say(`${NAMES[mask.name]}: ${mask.rule}`, 10, palette.ink, 600),
      svg(
        "g",
        { transform: `translate(0 18) scale(${side / T})` },
        ...drawMask(mask, T, palette),
        ...drawRow(mask, T, query, palette),
      ),
      say(`${plural(pairsOf(mask, T), "pair")}, ${causality(mask)}`, side + 34, palette.ink2),
      say(`row ${query} reads ${count(reads)}`, side + 50, palette.cursor_text),
    );
  });
  return { nodes, height: 2 * high };
}

const MOSA = Object.keys(NAMES).indexOf("mosa");

/** @typedef {import("../mask_zoo.js").ZooView} ZooView */

/** @param {ZooView} view @returns {import("../lib/figure.js").Said} */
export function zooSaid(view) {
  const { masks, labels, state } = view;
  const [dense, mosa] = [0, MOSA].map((i) => count(pairsOf(masks[i], state.tokens)));
  const row = `“${labels[state.query]}” at ${state.query}`;
  const reads = masks.map(
    (mask) => `${keysOf(mask, state.query).length || "none"} in ${NAMES[mask.name]}`,
  );
  return {
    who: `${headName(state.layer, state.head)} picks `,
    keeps: `${mosa} of ${dense} pairs`,
    what: " from the whole text.",
    detail: `Rows are queries, columns are keys. One row, ${row}, is orange in all six.`,
    spoken: `${row} reads ${reads.join(", ")}. ${goingOn(view)}`,
  };
}

/** @param {ZooView} view @returns {string} What a longer text would change of these rows. */
export function goingOn({ masks, whole, state, T }) {
  if (state.tokens === T) return "End the text earlier, and see which rows change when it goes on.";
  const changed = masks.map((mask, i) => changedRows(mask, whole[i], state.tokens));
  const others = changed.reduce((sum, rows) => sum + rows, 0) - changed[MOSA];
  const rows = plural(state.tokens, "row");
  return `When it goes on, MoSA rewrites ${changed[MOSA] || "none"} of these ${rows}; the other five rules rewrite ${others || "none"}.`;
}

/** @param {ZooView} view @returns {import("../lib/figure.js").Listed} */
export function zooTable({ masks, labels, state }) {
  const names = masks.map(({ name }) => NAMES[name]);
  const body = labels
    .slice(0, state.tokens)
    .map((label, t) => [`${t}`, label, ...masks.map((mask) => `${keysOf(mask, t).length}`)]);
  const total = ["all", "pairs", ...masks.map((mask) => count(pairsOf(mask, state.tokens)))];
  const who = headName(state.layer, state.head);
  return {
    rows: [["Position", "Token", ...names], ...body, total],
    caption: `Keys that each row reads, ${who}, one in ${state.sparsity}`,
    at: state.query,
    words: [1],
  };
}

/**
 * @param {ZooView} view
 * @param {string} name Of the model.
 * @returns {string} A cell that prints the pairs of each square and the keys of the row under study.
 */
export const zooPython = ({ pieces, state }, name) => `import mosa_edu
from mosa_edu.viz.mask_zoo import zoo_masks

model, tokenizer = mosa_edu.load_pretrained(${JSON.stringify(name)})
text = ${JSON.stringify(pieces.join(""))}
trace = mosa_edu.trace(model, tokenizer, text)
for mask in zoo_masks(trace, ${state.layer}, ${state.head}, sparsity=${state.sparsity}, tokens=${state.tokens}):
    print(mask.name, int(mask.pairs.sum()), int(mask.pairs[${state.query}].sum()))
`;
