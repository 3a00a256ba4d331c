// Six rules for who may look at whom, drawn and in words, for any length and sparsity.
//
// `mosa_edu.viz.components.mask_zoo` has the same six.

import { keptCount, pickBest, pickPrefix, pickRandom, pickStrided } from "../engine/routing.js";
import { svg } from "../lib/dom.js";
import { path, rect, writer } from "../lib/drawing.js";
import { pythonCell, pythonModel, pythonString } from "../lib/export.js";
import { count, headName, plural } from "../lib/format.js";

/** @typedef {import("../lib/palette.js").Palette} Palette */
/** @typedef {import("../mask_zoo.js").ZooView} ZooView */

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
 * @property {number} sparsity @property {number} seed Of the random draw.
 * @property {ArrayLike<number>} order All positions of the text from the best score to the worst.
 */

/**
 * Who may look at whom: either a window, or all pairs among the kept tokens.
 * @typedef {Object} ZooMask
 * @property {MaskName} name @property {string} rule
 * @property {number} window Tokens that a query sees back to, itself included; 0 where tokens are kept.
 * @property {number[]} kept Ascending.
 */

const MOSA = Object.keys(NAMES).indexOf("mosa");

/** Room at the left for the mark of the row, in tokens of a hundred. */
const MARGIN = 0.05;

/** @param {ZooText} text @returns {ZooMask[]} */
export function zooMasks({ T, length, sparsity, seed, order }) {
  const k = keptCount(T, sparsity);
  const window = keptCount(length, sparsity);
  const best = Uint16Array.from(order).filter((t) => t < T);
  const logits = new Float32Array(T);
  best.forEach((t, rank) => (logits[t] = -rank));
  /** @type {(name: MaskName, rule: string, kept: Iterable<number>, window?: number) => ZooMask} */
  const mask = (name, rule, kept, window = 0) => ({ name, rule, kept: [...kept], window });
  return [
    mask("dense", "every token", [], T),
    mask("local", `the last ${window}`, [], window),
    mask("fixed", `0, ${sparsity}, ${2 * sparsity} …`, pickStrided(T, sparsity)),
    mask("random", `1 of each ${sparsity}`, pickRandom(T, sparsity, seed)),
    mask("mosa", `${k} best of all`, pickBest(best, k, false)),
    mask("prefix", "best so far", pickPrefix(logits, sparsity, T)),
  ];
}

/** @param {ZooMask} mask @param {number} query @returns {number[]} Positions that it may look at. */
export function keysOf({ window, kept }, query) {
  if (!window) return kept.includes(query) ? kept.filter((t) => t <= query) : [];
  const first = Math.max(0, query - window + 1);
  return Array.from({ length: query - first + 1 }, (_, i) => first + i);
}

/** @param {ZooMask} mask @param {number} T */
export function pairsOf({ window, kept }, T) {
  const n = window ? Math.min(window, T) : kept.length;
  return (n * (n + 1)) / 2 + (window ? (T - n) * n : 0);
}

/** @param {number} T */
const positions = (T) => Array.from({ length: T }, (_, t) => t);

/** @param {ZooMask} mask @param {number[]} queries @returns {string} Path data, one box for neighbours in a row. */
function pathOf(mask, queries) {
  let d = "";
  for (const query of queries) {
    const keys = keysOf(mask, query);
    for (let i = 0, start = 0; i < keys.length; i++) {
      if (keys[i + 1] === keys[i] + 1) continue;
      d += `M${keys[start]} ${query}H${keys[i] + 1}v1H${keys[start]}z`;
      start = i + 1;
    }
  }
  return d;
}

// One square, a unit a token: what causal attention allows, and what the rule leaves.
/** @param {ZooMask} mask @param {number} T @param {Palette} palette */
export function drawMask(mask, T, palette) {
  const isDense = mask.name === "dense";
  const edge = { stroke: palette.rule, "stroke-width": 1, "vector-effect": "non-scaling-stroke" };
  return [
    path(`M0 0V${T}H${T}z`, { fill: isDense ? palette.dense : palette.wash }),
    ...(isDense ? [] : [path(pathOf(mask, positions(T)), { fill: palette.pick })]),
    rect(0, 0, T, T, "none", edge),
  ];
}

/** @param {ZooMask} mask @param {number} T @param {number} query @param {Palette} palette The row under study, and a mark that points at it. */
export function drawRow(mask, T, query, palette) {
  const [size, middle] = [T * MARGIN, query + 0.5];
  const [wide, half] = [size * 0.8, size / 2];
  const mark = `M${-size} ${middle - half}l${wide} ${half}l${-wide} ${half}z`;
  return [
    rect(0, query, query + 1, 1, palette.cursor_wash),
    path(pathOf(mask, [query]), { fill: palette.cursor }),
    path(mark, { fill: palette.cursor }),
  ];
}

/** @param {number} T */
export const viewBox = (T) => `${-MARGIN * T} 0 ${T * (1 + MARGIN)} ${T}`;

/** @param {ZooMask} mask @returns {string} Whether later tokens can change an earlier row, in words. */
export const causality = ({ name }) => (name === "mosa" ? "✕ sees ahead" : "✓ causal");

// All squares as one drawing, three in a row.
/** @param {ZooMask[]} masks @param {number} T @param {number} query @param {Palette} palette */
export function drawZoo(masks, T, query, palette) {
  const [side, pitch, high] = [210, 242, 276];
  const write = writer(palette);
  /** @param {string} words @param {number} y @param {string} fill @param {number} [weight] */
  const say = (words, y, fill, weight = 400) =>
    write(words, { y, fill, "font-size": 12, "font-weight": weight });
  const nodes = masks.map((mask, i) => {
    const place = `translate(${(i % 3) * pitch + 12} ${Math.floor(i / 3) * high})`;
    const square = [...drawMask(mask, T, palette), ...drawRow(mask, T, query, palette)];
    const pairs = `${plural(pairsOf(mask, T), "pair")}, ${causality(mask)}`;
    const reads = `row ${query} reads ${count(keysOf(mask, query).length)}`;
    return svg(
      "g",
      { transform: place },
      say(`${NAMES[mask.name]}: ${mask.rule}`, 10, palette.ink, 600),
      svg("g", { transform: `translate(0 18) scale(${side / T})` }, ...square),
      say(pairs, side + 34, palette.ink2),
      say(reads, side + 50, palette.cursor_text),
    );
  });
  return { nodes, height: 2 * high };
}

/** @param {ZooView} view @returns {import("../lib/figure.js").Said} */
export function zooSaid(view) {
  const { masks, labels, state } = view;
  const { tokens, query, layer, head } = state;
  const [dense, mosa] = [0, MOSA].map((i) => count(pairsOf(masks[i], tokens)));
  const row = `“${labels[query]}” at ${query}`;
  const reads = masks.map((mask) =>
    `${keysOf(mask, query).length || "none"} in ${NAMES[mask.name]}`
  );
  return {
    who: `${headName(layer, head)} picks `,
    keeps: `${mosa} of ${dense} pairs`,
    what: " from the whole text.",
    detail: `Rows are queries, columns are keys. One row, ${row}, is orange in all six.`,
    spoken: `${row} reads ${reads.join(", ")}. ${goingOn(view)}`,
  };
}

/** @param {ZooView} view @returns {string} What a longer text would change of these rows. */
export function goingOn({ masks, whole, state, T }) {
  const { tokens } = state;
  if (tokens === T) return "End the text earlier, and see which rows change when it goes on.";
  const changed = masks.map((mask, i) => {
    const isNew = (/** @type {number} */ t) => `${keysOf(mask, t)}` !== `${keysOf(whole[i], t)}`;
    return positions(tokens).filter(isNew).length;
  });
  const all = changed.reduce((sum, rows) => sum + rows);
  const [mosa, others] = [changed[MOSA], all - changed[MOSA]].map((rows) => rows || "none");
  const rows = `${mosa} of these ${plural(tokens, "row")}`;
  return `When it goes on, MoSA rewrites ${rows}; the other five rules rewrite ${others}.`;
}

/** @param {ZooView} view @returns {import("../lib/figure.js").Listed} */
export function zooTable({ masks, labels, state }) {
  const { tokens, sparsity, layer, head, query } = state;
  const names = masks.map(({ name }) => NAMES[name]);
  const body = labels.slice(0, tokens).map((label, t) => {
    return [`${t}`, label, ...masks.map((mask) => `${keysOf(mask, t).length}`)];
  });
  const total = ["all", "pairs", ...masks.map((mask) => count(pairsOf(mask, tokens)))];
  const caption = `Keys that each row reads, ${headName(layer, head)}, one in ${sparsity}`;
  return {
    rows: [["Position", "Token", ...names], ...body, total],
    caption,
    at: query,
    words: [1],
  };
}

/** @param {ZooView} view @param {string} model @returns {string} A cell that prints the pairs of each square and the keys of the row under study. */
export const zooPython = ({ pieces, state: { layer, head, sparsity, tokens, query } }, model) =>
  pythonCell(
    ...pythonModel(model, "from mosa_edu.viz.components.mask_zoo import zoo_masks"),
    `text = ${pythonString(pieces.join(""))}`,
    "trace = mosa_edu.trace(model, tokenizer, text)",
    `for mask in zoo_masks(trace, ${layer}, ${head}, sparsity=${sparsity}, tokens=${tokens}):`,
    `    print(mask.name, int(mask.pairs.sum()), int(mask.pairs[${query}].sum()))`,
  );
